/* Prints the inputs of an exam, an array of JSON on each line: the directed ones,
 * every instance of every stratum, and in place of a public one those that come after
 * it too. draws EXAM SEED DRAWS LITERALS DIRECTED: the Exam object, the DRAW record's
 * seed in hex, COMMIT.draws, the objects that COMMIT.literals and COMMIT.directed
 * name, or -. For scenarios that ask others what an exam asked; what was hunted behind
 * COMMIT.draws, exams over corpora, tables and of every member are not for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files.h"
#include "kernel/exam/draw.h"
#include "kernel/exam/literal.h"
#include "proto/cid.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "proto/value.h"

#include "evidence.pb-c.h"

#define BYTES_MAX ((size_t)4 << 20)
#define ATTEMPTS 64

struct job {
    Proctor__Exam *exam;
    struct type takes;
    struct literals literals;
    struct draw_source src;
    uint64_t each;
};

static void need(int is, const char *what)
{
    if (!is) {
        fprintf(stderr, "draws: %s\n", what);
        exit(1);
    }
}

static void read_file(const char *path, struct buf *out)
{
    buf_init(out, BYTES_MAX);
    need(files_read(path, BYTES_MAX, out) == 0, path);
}

/* Examples are tuples (arguments, answer): is it one's arguments? */
static int is_public(const struct job *j, struct ubytes v)
{
    for (size_t i = 0; i < j->exam->n_examples; i++) {
        struct ubytes e = field_bytes(&j->exam->examples[i]);

        if (memmem(e.p, e.n, v.p, v.n) != NULL) {
            return 1;
        }
    }
    return 0;
}

static void print_value(const struct job *j, struct ubytes v)
{
    struct buf text;

    buf_init(&text, BYTES_MAX);
    need(value_put_json(&text, v, &j->takes) == 0, "its JSON");
    printf("%.*s\n", (int)buf_len(&text), (const char *)buf_bytes(&text).p);
    buf_release(&text);
}

/* The stratum `directed`: how many. */
static uint64_t print_directed(const struct job *j, struct ubytes in)
{
    struct values v;
    uint32_t *order;
    uint32_t seen = 0;
    uint64_t n = 0;

    values_init(&v);
    need(values_decode(&v, in, &j->takes, UINT32_MAX) == 0, "directed inputs");
    order = values_sorted(&v);
    need(order != NULL, "memory");
    for (uint32_t i = 0; i < values_n(&v) && seen < LIMIT_PROBE_INPUTS; i++) {
        struct ubytes one = values_at(&v, order[i]);

        if (i > 0 && values_compare(one, values_at(&v, order[i - 1])) == 0) {
            continue;
        }
        seen++;
        if (node_has(&j->src.of, one) && !is_public(j, one)) {
            print_value(j, one);
            n++;
        }
    }
    free(order);
    values_release(&v);
    return n;
}

static void print_one(const struct job *j, enum stratum s, uint64_t k,
                      struct buf *v)
{
    buf_release(v);
    buf_init(v, BYTES_MAX);
    need(draw(&j->src, s, k, v) == 0, "an instance");
    print_value(j, buf_bytes(v));
}

static void print_all(const struct job *j)
{
    struct buf v;
    uint64_t literals = literal_draws(&j->src);

    buf_init(&v, BYTES_MAX);
    for (unsigned s = 0; s < STRATA_BASE_N; s++) {
        for (uint64_t k = 0; k < j->each; k++) {
            uint64_t at = k;

            print_one(j, (enum stratum)s, at, &v);
            for (unsigned i = 1; i < ATTEMPTS && is_public(j, buf_bytes(&v));
                 i++) {
                at += j->each;
                print_one(j, (enum stratum)s, at, &v);
            }
        }
    }
    for (uint64_t k = 0; k < literals; k++) {
        print_one(j, STRATUM_LITERALS, k, &v);
    }
    buf_release(&v);
}

int main(int argc, char **argv)
{
    struct job j = {.exam = NULL};
    struct buf exam;
    struct buf literals;
    struct buf directed;
    uint64_t draws;

    need(argc == 6, "EXAM SEED DRAWS LITERALS DIRECTED");
    read_file(argv[1], &exam);
    need(pb_decode(&proctor__exam__descriptor, buf_bytes(&exam), BYTES_MAX,
                   (ProtobufCMessage **)&j.exam) == 0 &&
             type_decode(field_bytes(&j.exam->takes), &j.takes) == 0 &&
             j.exam->domain.len > 0 && j.exam->n_corpora == 0,
         "no exam of this kind");
    need(strlen(argv[2]) == 64 && hex_parse(argv[2], 64, j.src.seed) == 0,
         "the seed");
    j.src.of.domain = field_bytes(&j.exam->domain);
    buf_init(&literals, BYTES_MAX);
    buf_init(&directed, BYTES_MAX);
    if (strcmp(argv[4], "-") != 0) {
        read_file(argv[4], &literals);
        need(literals_decode(&j.literals, buf_bytes(&literals)) == 0,
             "the literals");
        j.src.literals = &j.literals;
    }
    draws = strtoull(argv[3], NULL, 10) - literal_draws(&j.src);
    if (strcmp(argv[5], "-") != 0) {
        read_file(argv[5], &directed);
        draws -= print_directed(&j, buf_bytes(&directed));
    }
    need(draws > 0 && draws % STRATA_BASE_N == 0, "the number of draws");
    j.each = draws / STRATA_BASE_N;
    print_all(&j);
    literals_release(&j.literals);
    buf_release(&literals);
    buf_release(&directed);
    buf_release(&exam);
    pb_free(&j.exam->base);
    return 0;
}
