/* Exported C beside the same function written by hand, both under gcc -O2 in one
 * library, turn by turn: a formula, two loops and a date. Without gcc there is
 * nothing to measure. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "workers/cml/document.h"
#include "workers/cml/export.h"
#include "workers/cml/text.h"

#define ROUNDS 300
#define INPUTS 256
#define FUEL 1048576

static const struct {
    const char *name; /* of the unit */
    const char *cml;
    const char *hand;
} pairs[] = {
    {"mix",
     "unit mix(a: u64, b: u64) -> u64 {\n"
     "  let x = (a ^ (a >> 33)) * 0xff51afd7ed558ccd;\n"
     "  let y = (b + (x <<< 17) - (a & b)) ^ (x >> 29);\n"
     "  let z = (y * 0xc4ceb9fe1a85ec53 ^ (y << 7)) + (x | b);\n"
     "  let w = (z >>> 5) - (y & 0xffff00000000ffff) + (z ^ x);\n"
     "  let v = (w | (w << 3)) ^ (z + y) ^ (a - w);\n"
     "  (v ^ (v >> 31)) + (x ^ (z << 11))\n}\n",
     "uint64_t hand_mix(uint64_t a, uint64_t b)\n{\n"
     "    uint64_t x = (a ^ (a >> 33)) * 0xff51afd7ed558ccdu;\n"
     "    uint64_t y = (b + (x << 17 | x >> 47) - (a & b)) ^ (x >> 29);\n"
     "    uint64_t z = (y * 0xc4ceb9fe1a85ec53u ^ (y << 7)) + (x | b);\n"
     "    uint64_t w = (z >> 5 | z << 59) - (y & 0xffff00000000ffffu) + (z ^ x);\n"
     "    uint64_t v = (w | (w << 3)) ^ (z + y) ^ (a - w);\n\n"
     "    return (v ^ (v >> 31)) + (x ^ (z << 11));\n}\n"},
    {"gcd",
     "unit gcd(a: u64, b: u64) -> u64 {\n"
     "  (loop (x: u64 = a, y: u64 = b) while y != 0 { (y, x % y) }).x\n}\n",
     "uint64_t hand_gcd(uint64_t a, uint64_t b)\n{\n"
     "    while (b != 0) {\n        uint64_t r = a % b;\n\n"
     "        a = b;\n        b = r;\n    }\n    return a;\n}\n"},
    {"crc",
     "unit crc(a: u64, b: u64) -> u64 {\n"
     "  loop (c: u64 = a ^ b) repeat 64 {\n"
     "    if c & 1 == 1 { (c >> 1) ^ 0xedb88320 } else { c >> 1 }\n  }\n}\n",
     "uint64_t hand_crc(uint64_t a, uint64_t b)\n{\n    uint64_t c = a ^ b;\n\n"
     "    for (int i = 0; i < 64; i++) {\n"
     "        c = (c & 1) == 1 ? (c >> 1) ^ 0xedb88320u : c >> 1;\n    }\n"
     "    return c;\n}\n"},
    {"days",
     "unit days(a: u64, b: u64) -> u64 {\n"
     "  let m = i64(b % 12) + 1;\n"
     "  let y = i64(a % 9999) + 1 - (if m <= 2 { 1i64 } else { 0i64 });\n"
     "  let era = (if y >= 0 { y } else { y - 399 }) / 400;\n"
     "  let yoe = y - era * 400;\n"
     "  let doy = (153 * (m + (if m > 2 { -3i64 } else { 9i64 })) + 2) / 5;\n"
     "  u64(era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy)\n}\n",
     "uint64_t hand_days(uint64_t a, uint64_t b)\n{\n"
     "    int64_t m = (int64_t)(b % 12) + 1;\n"
     "    int64_t y = (int64_t)(a % 9999) + 1 - (m <= 2);\n"
     "    int64_t era = (y >= 0 ? y : y - 399) / 400;\n"
     "    int64_t yoe = y - era * 400;\n"
     "    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5;\n\n"
     "    return (uint64_t)(era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + "
     "doy);\n}\n"},
};
#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

typedef int exported(uint64_t, uint64_t, uint64_t *, uint64_t *);
typedef uint64_t handmade(uint64_t, uint64_t);

static uint64_t in[INPUTS][2];

static void put_file(const char *dir, const char *name, char kind,
                     struct ubytes text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s.%c", dir, name, kind);
    f = fopen(path, "we");
    need(f != NULL && fwrite(text.p, 1, text.n, f) == text.n, path);
    fclose(f);
}

static struct ubytes bytes_of(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static void export_pair(const char *dir, size_t i)
{
    struct cml_dag dag;
    struct document doc;
    struct buf out;
    struct ubytes text;
    struct diag d;
    size_t head;

    diag_init(&d);
    cml_dag_init(&dag);
    document_init(&doc, &dag, "f.cml");
    buf_init(&out, 1u << 20);
    need(text_parse(&doc, bytes_of(pairs[i].cml), &d) == 0 &&
             export_c(&dag, doc.units[0].term, "f.cml", &out, &d) == 0,
         d.what);
    text = buf_bytes(&out);
    head = strlen((const char *)text.p);
    put_file(dir, pairs[i].name, 'h', (struct ubytes){text.p, head});
    put_file(dir, pairs[i].name, 'c',
             (struct ubytes){text.p + head + 1, text.n - head - 1});
    buf_release(&out);
    document_release(&doc);
    cml_dag_release(&dag);
}

/* Both of all pairs, compiled; NULL without a compiler. */
static void *compile(void)
{
    char dir[] = "/tmp/proctor-bench-XXXXXX";
    char command[300];
    struct buf hand;
    void *lib = NULL;

    need(mkdtemp(dir) != NULL, "a folder");
    buf_init(&hand, 1u << 16);
    need(buf_putf(&hand, "#include <stdint.h>\n") == 0, "memory");
    for (size_t i = 0; i < PAIRS; i++) {
        export_pair(dir, i);
        need(buf_putf(&hand, "%s", pairs[i].hand) == 0, "memory");
    }
    put_file(dir, "hand", 'c', buf_bytes(&hand));
    buf_release(&hand);
    snprintf(command, sizeof(command),
             "cd %s && gcc -std=c17 -O2 -shared -fPIC -o all.so *.c -lm", dir);
    if (system(command) == 0) {
        snprintf(command, sizeof(command), "%s/all.so", dir);
        lib = dlopen(command, RTLD_NOW);
        need(lib != NULL, "all.so");
    }
    snprintf(command, sizeof(command), "rm -r %s", dir);
    need(system(command) == 0, command);
    return lib;
}

static void *find(void *lib, const char *prefix, size_t i)
{
    char name[40];
    void *at;

    snprintf(name, sizeof(name), "%s_%s", prefix, pairs[i].name);
    at = dlsym(lib, name);
    need(at != NULL, name);
    return at;
}

/* Nanoseconds of one call, the least of all rounds; both in turn. */
static void measure(exported *f, handmade *h, double best[2])
{
    uint64_t want[INPUTS];
    uint64_t got[INPUTS];

    best[0] = best[1] = 1e18;
    for (unsigned r = 0; r < ROUNDS; r++) {
        double t = now_ns();

        for (unsigned i = 0; i < INPUTS; i++) {
            uint64_t fuel = FUEL;

            need(f(in[i][0], in[i][1], &fuel, &got[i]) == 0, "a value");
        }
        t = now_ns() - t;
        best[0] = t < best[0] ? t : best[0];
        t = now_ns();
        for (unsigned i = 0; i < INPUTS; i++) {
            want[i] = h(in[i][0], in[i][1]);
        }
        t = now_ns() - t;
        best[1] = t < best[1] ? t : best[1];
        need(memcmp(got, want, sizeof(got)) == 0, "the same values");
    }
    best[0] /= INPUTS;
    best[1] /= INPUTS;
}

int main(void)
{
    void *lib = compile();
    double worst = 0;
    uint64_t z = 1;

    for (unsigned i = 0; i < 2 * INPUTS; i++) {
        z = z * UINT64_C(6364136223846793005) + 1442695040888963407u;
        in[i / 2][i % 2] = z;
    }
    for (size_t i = 0; lib != NULL && i < PAIRS; i++) {
        exported *f;
        handmade *h;
        double best[2];

        *(void **)&f = find(lib, "cml", i);
        *(void **)&h = find(lib, "hand", i);
        measure(f, h, best);
        printf("cml_exported_%s %.2f ns\ncml_by_hand_%s %.2f ns\n",
               pairs[i].name, best[0], pairs[i].name, best[1]);
        worst = best[0] / best[1] > worst ? best[0] / best[1] : worst;
    }
    if (lib != NULL) {
        printf("cml_exported_over_hand_worst %.2f ratio\n", worst);
    }
    return 0;
}
