/* Op data.split, shared by its two files: rows of a table (op_split.c) and rows of a
 * data set (split_rows.c). Kernel process. */
#ifndef KERNEL_RUN_SPLIT_H
#define KERNEL_RUN_SPLIT_H

#include "kernel/run/sched.h"
#include "proto/dataset.h"

struct splitting {
    struct live *live;
    const Proctor__SplitSpec *spec;
    const char *name; /* of what is split; borrowed */
    struct cid file;  /* split once in a store */
    struct cid data;
    struct holdout h;
    /* of a table */
    struct type takes;
    struct type gives;
    struct values inputs;
    struct values outputs;
    char **columns; /* owned; the names are the graph's */
    /* of a data set; NULL: it is of a table */
    Proctor__Dataset *set; /* owned */
    struct cid set_cid;
    struct dataset_rows rows;
};

/* The Data object, and the rows. 0, ERR_*, BUDGET_E_SPENT. */
int split_load_rows(struct splitting *x) MUST_USE;
/* The parts, as objects that m names. */
int split_put_rows(const struct splitting *x, Proctor__Split *m,
                   struct cid part[static PARTS_N]) MUST_USE;
void split_release_rows(struct splitting *x);

#endif
