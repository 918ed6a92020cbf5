/* Whatever answers a batch of inputs: a candidate, an oracle, a table. As an
 * object its CID is its identity (evidence.proto); loaded, it is ready to be
 * handed to workers. */
#ifndef KERNEL_RUN_RUNNABLE_H
#define KERNEL_RUN_RUNNABLE_H

#include "kernel/run/core.h"
#include "kernel/run/files.h"
#include "kernel/run/program.h"
#include "proto/value.h"

#include "worker.pb-c.h"

enum runnable_kind {
    RUNNABLE_PROGRAM = 1,
    RUNNABLE_MODEL = 2,
    RUNNABLE_TABLE = 3,
    RUNNABLE_CML = 4
};

struct runnable {
    struct cid cid;
    Proctor__Runnable *m; /* owned */
    struct type takes;
    struct type gives;
    /* Program: the task as it is sent, and the roots that it sees. */
    Proctor__ProgramTask task;
    struct program_roots roots;
    /* Model: sealed bytes. */
    int weights_fd;
    uint64_t weights_n;
    struct buf bundle; /* CML */
    /* Table: rows, and their numbers sorted by input. */
    struct values inputs;
    struct values outputs;
    uint32_t *sorted;
};

/* What a program's object is made of; all borrowed. The types of a program as
 * oracle are those of its candidate, not of its spec. */
struct runnable_program {
    const Proctor__ProgramSpec *spec;
    struct ubytes takes;
    struct ubytes gives;
    const struct files *files;
    const struct programs *programs;
    const struct file *reads; /* training rows: name, mode, CID */
    size_t reads_n;
};

/* Build the object of a spec and store it. 0, BUDGET_E_SPENT, ERR_*; with d for
 * what a person can cause. */
int runnable_put_program(struct core *c, const struct runnable_program *p,
                         struct cid *out, struct diag *d) MUST_USE;
int runnable_put_model(struct core *c, const Proctor__ModelSpec *s,
                       const struct files *files, struct cid *out,
                       struct diag *d) MUST_USE;
/* A model's weights, and how it decides (out_decide may be NULL). 0 or ERR_*. */
int runnable_weights(struct core *c, const struct cid *runnable, struct cid *out,
                     uint32_t *out_decide) MUST_USE;
/* What a worker answered to CML_COMPILE, CML_LINK or CML_TRAP; m holds the types, and what
 * else is known. ERR_PROTOCOL: that is no unit. */
int runnable_put_cml(struct core *c, const Proctor__CmlReply *reply,
                     Proctor__Runnable *m, struct cid *out) MUST_USE;
int runnable_put_table(struct core *c, const struct cid *inputs,
                       const struct cid *outputs, struct ubytes takes,
                       struct ubytes gives, struct cid *out) MUST_USE;

/* Loads it from the store. 0, ERR_NOT_FOUND (with d when it is the program on this
 * host that is not there any more, byte for byte), ERR_CONFINE (it cannot be
 * opened), ERR_*. */
int runnable_load(struct core *c, const struct cid *cid, struct runnable **out,
                  struct diag *d) MUST_USE;
void runnable_free(struct runnable *r); /* NULL is fine */

/* The answer of a table for one input; 0 when it has no such row. */
int runnable_lookup(const struct runnable *r, struct ubytes input,
                    struct ubytes *out);

#endif
