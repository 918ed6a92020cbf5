/* Everything that tasks will need, before the first of them runs: files from the
 * client (or the store), tables and corpora as typed values. */
#ifndef KERNEL_RUN_DATA_H
#define KERNEL_RUN_DATA_H

#include "kernel/run/run.h"
#include "proto/type.h"

/* A data file read by a config worker: which reading of which file, and the
 * values objects it gave. */
struct dataset {
    struct dataset *next;
    struct cid key;
    struct cid inputs;
    struct cid outputs; /* tables only */
};

/* Starts asking for files; ends in sched_start, or in a refusal. */
void data_start(struct run *r);
/* FILES came. */
int data_files(struct run *r, struct frame *f) MUST_USE;
void data_stop(struct run *r);
void data_release(struct run *r);

/* The types of the candidate that an exam examines, from its needs. 0 or
 * ERR_INPUT with d when there is not exactly one. */
int data_types(const struct run *r, const Proctor__Task *exam,
               struct ubytes *out_takes, struct ubytes *out_gives,
               uint32_t *out_candidate, struct diag *d) MUST_USE;
/* Readings that were made at the start; NULL when there was none such. */
const struct dataset *data_table(const struct run *r,
                                 const Proctor__TableSpec *t,
                                 struct ubytes takes, struct ubytes gives);
/* Its inputs: the CID of the unit's Runnable. */
const struct dataset *data_unit(const struct run *r, const Proctor__CmlSpec *s,
                                struct ubytes takes, struct ubytes gives);
const struct dataset *data_corpus(const struct run *r, const char *path,
                                  const struct type *t);
/* The type of arguments that are one answer. 0, ERR_ENCODING. */
int data_alone(struct ubytes gives, struct type *out) MUST_USE;
/* Type of the values of a domain's corpus. 0 or ERR_INPUT: no such corpus, or
 * two types for one file. */
int data_corpus_type(struct ubytes domain, size_t file, struct type *out)
    MUST_USE;

#endif
