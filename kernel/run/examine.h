/* Holds one exam over objects of the store: loads exam, candidate, oracles,
 * corpora and disclosed inputs, and drives the exam machine with fresh workers. */
#ifndef KERNEL_RUN_EXAMINE_H
#define KERNEL_RUN_EXAMINE_H

#include "kernel/run/core.h"

#include "graph.pb-c.h"

struct examine;

struct examine_ask {
    struct cid exam;
    struct cid candidate;
    const struct cid *burnt; /* borrowed for examine_start */
    size_t burnt_n;
    struct cid literals; /* as COMMIT has them; zero: none */
    struct cid directed;
    uint64_t committed;
    uint64_t draws_left;
    const Proctor__Limits *limits; /* borrowed until done */
    const char *task;              /* borrowed until done */
    /* As in exam.h. */
    int (*commit)(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                  uint8_t out_seed[static 32]);
    void (*progress)(void *ctx, const char *phase, uint64_t done,
                     uint64_t total);
    /* Last call. code < 0: no verdict, what says why. cpu_ms: the candidate's. */
    void (*done)(void *ctx, int code, const char *what,
                 const Proctor__Evidence *e, uint64_t cpu_ms);
};

/* 0, or ERR_* with d (then done is not called). done may come before this
 * returns. */
int examine_start(struct core *c, const struct examine_ask *ask, void *ctx,
                  struct examine **out, struct diag *d) MUST_USE;
void examine_free(struct examine *x); /* NULL is fine; not inside done */

#endif
