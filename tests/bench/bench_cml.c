/* A 64-bit expression of 30 operators in every engine, in one run, turn by turn: the
 * reference interpreter, columns at each width of vectors, and the exported C under
 * gcc -O2 -march=native (gcc is left out where it is not there). Also with inputs
 * decoded and answers encoded, as an exam has it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/value.h"
#include "tests/bench/bench.h"
#include "workers/cml/columns.h"
#include "workers/cml/document.h"
#include "workers/cml/eval_int.h"
#include "workers/cml/export.h"
#include "workers/cml/format.h"
#include "workers/cml/text.h"

#define ROUNDS 300
#define NODES 30
#define LETS 164 /* six nodes each */
#define LETS_HEAD "unit f(x0: u64, b: u64) -> u64 {\n"
#define LETS_END "  b\n}\n"

static const char expression[] =
    "unit f(a: u64, b: u64) -> u64 {\n"
    "  let x = (a ^ (a >> 33)) * 0xff51afd7ed558ccd;\n"
    "  let y = (b + (x <<< 17) - (a & b)) ^ (x >> 29);\n"
    "  let z = (y * 0xc4ceb9fe1a85ec53 ^ (y << 7)) + (x | b);\n"
    "  let w = (z >>> 5) - (y & 0xffff00000000ffff) + (z ^ x);\n"
    "  let v = (w | (w << 3)) ^ (z + y) ^ (a - w);\n"
    "  (v ^ (v >> 31)) + (x ^ (z << 11))\n}\n";

typedef int compiled(uint64_t, uint64_t, uint64_t *, uint64_t *);

struct bench {
    struct cml_dag dag;
    struct document doc;
    const struct term *unit;
    struct columns *columns;
    struct eval e;
    struct buf bytes;
    struct ubytes lanes[COLUMNS_LANES];
    uint64_t in[COLUMNS_LANES][2];
    uint64_t want[COLUMNS_LANES];
    compiled *native;
};

static void make_inputs(struct bench *b)
{
    uint64_t z = 1;
    struct type u64;

    need(type_from_name("u64", &u64) == 0, "u64");
    buf_init(&b->bytes, 1u << 20);
    for (unsigned i = 0; i < COLUMNS_LANES; i++) {
        int code = value_put_tuple(&b->bytes, 2);

        for (unsigned k = 0; k < 2; k++) {
            z = z * UINT64_C(6364136223846793005) + 1442695040888963407u;
            b->in[i][k] = z;
            code |= value_put_int(&b->bytes, &u64, z);
        }
        need(code == 0, "an input");
    }
    for (size_t i = 0, n = buf_len(&b->bytes) / COLUMNS_LANES;
         i < COLUMNS_LANES; i++) {
        b->lanes[i] =
            (struct ubytes){buf_bytes(&b->bytes).p + i * n, n};
    }
}

static void open_unit(struct bench *b)
{
    struct diag d;

    diag_init(&d);
    cml_dag_init(&b->dag);
    document_init(&b->doc, &b->dag, "f.cml");
    need(text_parse(&b->doc,
                    (struct ubytes){(const uint8_t *)expression,
                                    sizeof(expression) - 1},
                    &d) == 0,
         d.what);
    b->unit = b->doc.units[0].term;
    need(columns_new(&b->dag, b->unit, "f.cml", &b->columns, &d) == 0, d.what);
    need(eval_init(&b->e, &b->dag, 0) == 0, "memory");
    make_inputs(b);
}

/* The exported C, compiled; NULL without a compiler. */
static compiled *compile(struct bench *b)
{
    char dir[] = "/tmp/proctor-bench-XXXXXX";
    char command[300];
    char path[100];
    struct buf out;
    struct diag d;
    const uint8_t *end;
    void *lib = NULL;
    compiled *f = NULL;
    FILE *file;

    diag_init(&d);
    buf_init(&out, 1u << 20);
    need(mkdtemp(dir) != NULL &&
             export_c(&b->dag, b->unit, "f.cml", &out, &d) == 0,
         d.what);
    end = memchr(buf_bytes(&out).p, 0, buf_len(&out));
    for (int source = 0; source < 2; source++) {
        const uint8_t *from = source ? end + 1 : buf_bytes(&out).p;
        const uint8_t *to =
            source ? buf_bytes(&out).p + buf_len(&out) : end;

        snprintf(path, sizeof(path), "%s/f.%c", dir, source ? 'c' : 'h');
        file = fopen(path, "we");
        need(file != NULL && fwrite(from, 1, (size_t)(to - from), file) ==
                                 (size_t)(to - from),
             "the C file");
        fclose(file);
    }
    snprintf(command, sizeof(command),
             "cd %s && gcc -std=c17 -O2 -march=native -shared -fPIC -o f.so "
             "f.c -lm",
             dir);
    if (system(command) == 0) {
        snprintf(path, sizeof(path), "%s/f.so", dir);
        lib = dlopen(path, RTLD_NOW);
        need(lib != NULL, "f.so");
        *(void **)&f = dlsym(lib, "cml_f");
    }
    snprintf(command, sizeof(command), "rm -r %s", dir);
    need(system(command) == 0, command);
    buf_release(&out);
    return f;
}

/* --- one batch in each way: nanoseconds --- */

static double by_reference(struct bench *b)
{
    double t = now_ns();

    for (unsigned i = 0; i < COLUMNS_LANES; i++) {
        struct val args[2] = {val_int(0x88, b->in[i][0]),
                              val_int(0x88, b->in[i][1])};
        struct val out;

        eval_reset(&b->e, 1000);
        need(eval_unit(&b->e, b->unit->id, args, 2, &out) == 0, "a value");
        b->want[i] = out.u.bits;
    }
    return now_ns() - t;
}

static double by_columns(struct bench *b, enum column_level level)
{
    double t;

    columns_limit(b->columns, level);
    t = now_ns();
    for (unsigned i = 0; i < 64; i++) {
        need(columns_again(b->columns, 1000) == 0, "a batch");
    }
    return (now_ns() - t) / 64;
}

static double by_batches(struct bench *b)
{
    struct buf out;
    uint64_t left;
    double t;

    buf_init(&out, 1u << 20);
    t = now_ns();
    need(columns_batch(b->columns, b->lanes, COLUMNS_LANES, 1000) == 0,
         "a batch");
    for (unsigned i = 0; i < COLUMNS_LANES; i++) {
        need(columns_answer(b->columns, i, &out, &left) == 0, "an answer");
    }
    t = now_ns() - t;
    for (unsigned i = 0; i < COLUMNS_LANES; i++) { /* tag, code, big-endian */
        const uint8_t *p = buf_bytes(&out).p + (size_t)i * 10 + 2;
        uint64_t v = 0;

        for (unsigned k = 0; k < 8; k++) {
            v = v << 8 | p[k];
        }
        need(v == b->want[i], "the same value");
    }
    buf_release(&out);
    return t;
}

static double by_gcc(struct bench *b)
{
    double t = now_ns();

    for (unsigned k = 0; k < 64; k++) {
        for (unsigned i = 0; i < COLUMNS_LANES; i++) {
            uint64_t fuel = 1000;
            uint64_t out;

            need(b->native(b->in[i][0], b->in[i][1], &fuel, &out) == 0 &&
                     out == b->want[i],
                 "the same value");
        }
    }
    return (now_ns() - t) / 64;
}

/* A unit of about 1,000 nodes, from its text to its CID: nanoseconds. */
static double read_unit(const struct buf *text, uint32_t *out_nodes)
{
    struct cml_dag dag;
    struct document doc;
    struct diag d;
    double t = now_ns();

    diag_init(&d);
    cml_dag_init(&dag);
    document_init(&doc, &dag, "");
    need(form_read(&doc, FORM_TEXT, buf_bytes(text), &d) == 0, d.what);
    t = now_ns() - t;
    *out_nodes = cml_dag_n(&dag);
    document_release(&doc);
    cml_dag_release(&dag);
    return t;
}

static void bench_reading(void)
{
    CLEANUP(buf_release) struct buf text;
    double best = 1e18;
    uint32_t nodes = 0;
    char line[80];

    buf_init(&text, 1u << 20);
    need(buf_put(&text, LETS_HEAD, strlen(LETS_HEAD)) == 0, "memory");
    for (unsigned i = 0; i < LETS; i++) {
        int n = snprintf(line, sizeof(line), "  let x%u = (x%u ^ %u) * b;\n", i + 1,
                         i, i * 7919 + 1);

        need(buf_put(&text, line, (size_t)n) == 0, "memory");
    }
    need(buf_put(&text, LETS_END, strlen(LETS_END)) == 0, "memory");
    for (unsigned r = 0; r < 50; r++) {
        double t = read_unit(&text, &nodes);

        best = t < best ? t : best;
    }
    printf("cml_read_%u_nodes %.3f ms\n", nodes, best / 1e6);
}

enum { REFERENCE, BATCHES, GCC, COLUMNS, WAYS = COLUMNS + COLUMN_LEVELS };

int main(void)
{
    static struct bench b;
    static const char *const names[WAYS] = {
        "reference", "columns_in_and_out", "gcc_O2",
        "columns_plain", "columns_avx2", "columns_avx512"};
    double best[WAYS];
    double fastest;

    for (unsigned w = 0; w < WAYS; w++) {
        best[w] = 1e18;
    }
    open_unit(&b);
    b.native = compile(&b);
    (void)by_reference(&b);
    need(columns_batch(b.columns, b.lanes, COLUMNS_LANES, 1000) == 0, "a batch");
    for (unsigned r = 0; r < ROUNDS; r++) {
        for (unsigned w = 0; w < WAYS; w++) {
            double t = w == REFERENCE ? by_reference(&b)
                       : w == BATCHES ? by_batches(&b)
                       : w >= COLUMNS
                           ? by_columns(&b, (enum column_level)(w - COLUMNS))
                       : b.native != NULL ? by_gcc(&b)
                                          : best[w];

            best[w] = t < best[w] ? t : best[w];
        }
    }
    for (unsigned w = 0; w < WAYS; w++) {
        if (w != GCC || b.native != NULL) {
            printf("cml_%u_operators_%s %.2f ns\n", NODES, names[w],
                   best[w] / COLUMNS_LANES);
        }
    }
    fastest = best[COLUMNS + column_level_best()] / COLUMNS_LANES;
    printf("cml_columns_rate %.0f evaluations/s\n", 1e9 / fastest);
    if (b.native != NULL) {
        printf("cml_columns_over_gcc %.2f ratio\n",
               fastest * COLUMNS_LANES / best[GCC]);
    }
    bench_reading();
    return 0;
}
