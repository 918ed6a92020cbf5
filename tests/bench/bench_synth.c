/* The enumerator over generated 64-bit bit-vector problems of ten examples: median
 * and longest time, how many are solved, how many are right on 1,000 other inputs. */
#include "../unit/cml/synth_gen.h"
#include "tests/bench/bench.h"
#include "workers/cml/eval.h"
#include "proto/sort.h"

#define PROBLEMS 150u

static int by_size(const void *a, const void *b)
{
    double x;
    double y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static int is_right(const Proctor__SynthReply *r, const struct hidden *h)
{
    struct cml_dag dag;
    struct eval e;
    struct diag d;
    uint32_t unit = 0;
    uint64_t seed = 77;
    int right = 1;

    cml_dag_init(&dag);
    diag_init(&d);
    if (cml_bundle_read(&dag,
                        (struct ubytes){r->unit->bundle.data,
                                        r->unit->bundle.len},
                        &unit, &d) != 0 ||
        eval_init(&e, &dag, 1u << 20) != 0) {
        abort();
    }
    for (int i = 0; right && i < 1000; i++) {
        uint64_t x = hidden_input(&seed);
        struct val in = {.kind = VAL_INT, .code = 0x88, .u.bits = x};
        struct val out;

        eval_reset(&e, 1u << 20);
        right = eval_unit(&e, unit, &in, 1, &out) == 0 &&
                out.u.bits == hidden_value(h, x);
    }
    eval_release(&e);
    cml_dag_release(&dag);
    return right;
}

int main(int argc, char **argv)
{
    double times[PROBLEMS];
    uint32_t solved = 0;
    uint32_t right = 0;
    uint32_t sizes = 0;
    int verbose = argc > 1 && strcmp(argv[1], "-v") == 0;

    for (uint32_t i = 0; i < PROBLEMS; i++) {
        Proctor__SynthReply reply;
        struct hidden h;
        struct made m;
        struct arena a;
        struct diag d;
        double from;

        made_hidden(&m, &h, i + 1, 10);
        arena_init(&a, 1u << 26);
        diag_init(&d);
        from = cpu_ms();
        if (synth_solve(&m.task, &a, &reply, &d) != 0) {
            fprintf(stderr, "problem %u: %s\n", i, d.what);
            return 1;
        }
        times[i] = cpu_ms() - from;
        if (reply.status == PROCTOR__SYNTH_STATUS__SYNTH_FOUND) {
            int is = is_right(&reply, &h);

            solved++;
            right += (uint32_t)is;
            sizes += reply.size;
        }
        if (verbose) {
            printf("%u %s status %u size %u/%u %.1f ms terms %lu evals %lu\n", i, h.ops,
                   reply.status, reply.size, h.n, times[i],
                   (unsigned long)reply.terms, (unsigned long)reply.evaluations);
        }
        arena_release(&a);
        made_release(&m);
    }
    sort_items(times, PROBLEMS, sizeof(times[0]), by_size);
    printf("synth_bv_median %.1f ms\n", times[PROBLEMS / 2]);
    printf("synth_bv_max %.1f ms\n", times[PROBLEMS - 1]);
    printf("synth_bv_solved %u of_150\n", solved);
    printf("synth_bv_right %u of_150\n", right);
    printf("synth_bv_size %.1f nodes\n", (double)sizes / (solved > 0 ? solved : 1));
    return 0;
}
