/* Admission of a graph of 100,000 tasks: tasks per second, and what it costs in
 * memory per task beside the graph itself. Prints "name value unit" lines.
 * Source of the goal: DESIGN section 13, >= 50,000 tasks per second. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/admit/make.h"

#define TASKS_N 100000u
#define ROUNDS 5

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static double peak_bytes(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss * 1024;
}

/* Thirds of candidates, exams and refs, each needing the one before. */
static Proctor__Graph *make_large_graph(void)
{
    Proctor__Graph *g = make_graph();

    g->tasks = make_mem(TASKS_N * sizeof(Proctor__Task *));
    for (size_t i = 0; i < TASKS_N; i++) {
        Proctor__Graph one = PROCTOR__GRAPH__INIT;
        char id[32];
        char need[32];
        char ref[48];

        snprintf(id, sizeof(id), "task-%zu", i);
        snprintf(need, sizeof(need), "task-%zu", i - 1);
        snprintf(ref, sizeof(ref), "primitives/p%zu", i);
        if (i % 3 == 0) {
            (void)add_program(&one, id);
        } else if (i % 3 == 1) {
            (void)add_exam(&one, id, need);
        } else {
            (void)add_ref(&one, id, need, ref);
        }
        g->tasks[i] = one.tasks[0];
        free(one.tasks);
    }
    g->n_tasks = TASKS_N;
    return g;
}

int main(void)
{
    Proctor__Graph *g = make_large_graph();
    Proctor__Policy *p = make_policy();
    struct admit_request q = {.graph = g,
                              .policy = p,
                              .graph_path = "g.yaml",
                              .graph_dir = "examples/x"};
    double best = 1e9;
    double peak = peak_bytes();
    size_t kept = 0;
    int bad = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct admission a;
        size_t before = heap_bytes();
        double start = now_s();
        double took;

        if (admit_check(&q, &a, NULL, NULL) != 0 || a.refused_n != 0) {
            bad = 1;
            break;
        }
        took = now_s() - start;
        best = took < best ? took : best;
        peak = i == 0 ? peak_bytes() - peak : peak;
        kept = heap_bytes() - before;
        admission_release(&a);
    }
    pb_free(&g->base);
    pb_free(&p->base);
    if (bad) {
        fprintf(stderr, "bench_admission: the graph was refused\n");
        return 1;
    }
    printf("admission_rate %.0f tasks/s\n", TASKS_N / best);
    printf("admission_wall %.3f s\n", best);
    /* What it leaves (decisions, order), and what it needed at most. */
    printf("admission_memory %.0f bytes/task\n", (double)kept / TASKS_N);
    printf("admission_peak %.0f bytes/task\n", peak / TASKS_N);
    return 0;
}
