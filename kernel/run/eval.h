/* "Run this Runnable over these values": batches, each in a fresh single-use
 * worker, as many at once as slots are free; answers in the order of the inputs.
 * Everything that a worker says is checked; none of it is believed. */
#ifndef KERNEL_RUN_EVAL_H
#define KERNEL_RUN_EVAL_H

#include "kernel/exam/exam.h"
#include "kernel/run/runnable.h"

#include "graph.pb-c.h"

struct eval;

/* e is borrowed for the call; afterwards eval_free. */
typedef void (*eval_fn)(void *ctx, struct eval *v, const struct evaluation *e);

extern const struct type eval_bits; /* u64: of variants */
enum { EVAL_BRANCHES = 1, EVAL_MUTANTS = 2 };

/* What is wanted of a unit of CML, as in CmlTask; all zero: its answers. */
struct eval_view {
    uint32_t engine;
    uint32_t variants; /* not 0: u64s, whatever the unit gives */
    uint32_t first;
    uint8_t seed[32];
};

struct eval_ask {
    const struct runnable *runnable; /* borrowed until the end, like the rest */
    const struct values *inputs;     /* each of the runnable's takes */
    struct eval_view view;
    const Proctor__Limits *limits;   /* of one worker */
    const char *task;
};

/* fn is called from the loop, never from this call. */
int eval_start(struct core *c, const struct eval_ask *ask, eval_fn fn, void *ctx,
               struct eval **out) MUST_USE;
/* Inside fn, when e is not complete: the ERR_* of an outside failure (else 0),
 * and the last line that the program wrote on standard error ("" = none; cut,
 * printable ASCII). For people: it is not reproducible, so no evidence. */
int eval_code(const struct eval *v);
const char *eval_text(const struct eval *v);
/* Kills its workers. NULL is fine; safe inside fn. */
void eval_free(struct eval *v);

#endif
