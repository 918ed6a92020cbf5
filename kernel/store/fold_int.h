/* Inside of the fold, shared by fold.c (records in) and fold_snapshot.c
 * (snapshot out and in). The state is the Snapshot message itself, so nothing
 * is kept that a snapshot would lose.
 *
 * Invariants: 1 an array of n elements has room for the smallest power of two
 * that is at least n and 4; 2 each map finds every element of its array at its
 * index; 3 the 32 bytes of a candidate's CID are followed by those of its
 * exam: together they are its key. */
#ifndef KERNEL_STORE_FOLD_INT_H
#define KERNEL_STORE_FOLD_INT_H

#include "proto/cid.h"
#include "kernel/store/fold.h"
#include "kernel/store/map.h"

struct fold {
    Proctor__Snapshot *s; /* owned */
    struct map refs;
    struct map exams;
    struct map candidates;
    struct map tasks; /* of the only run */
};

#define CANDIDATE_KEY_BYTES ((size_t)2 * CID_BYTES)

static inline struct ubytes key_of_text(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, __builtin_strlen(s)};
}

static inline struct ubytes key_of_cid(const ProtobufCBinaryData *c)
{
    return (struct ubytes){c->data, c->len};
}

static inline struct ubytes key_of_candidate(const Proctor__CandidateState *c)
{
    return (struct ubytes){c->cid.data, CANDIDATE_KEY_BYTES};
}

/* Room for one more element behind n (invariant 1): the array, moved or not;
 * NULL when there is no memory, then the old array stays. */
void *fold_room(void *array, size_t n, size_t element_bytes);
/* Room for exactly what invariant 1 asks of n elements. */
void *fold_fit(void *array, size_t n, size_t element_bytes);
/* Records about data sets (fold_split.c). */
int fold_on_split(struct fold *f, const struct record *r) MUST_USE;
int fold_on_series(struct fold *f, const struct record *r) MUST_USE;
int fold_on_look(struct fold *f, const struct record *r) MUST_USE;
int fold_on_trained(struct fold *f, const struct record *r) MUST_USE;
/* NULL when it is not there. */
Proctor__ExamState *fold_find_exam(const struct fold *f,
                                   const uint8_t cid[static CID_BYTES]);
Proctor__CandidateState *
fold_find_candidate(const struct fold *f, const uint8_t exam[static CID_BYTES],
                    const uint8_t cid[static CID_BYTES]);
/* Found, or made. ERR_NOMEM. */
int fold_need_exam(struct fold *f, const uint8_t cid[static CID_BYTES],
                   Proctor__ExamState **out) MUST_USE;
int fold_need_candidate(struct fold *f, Proctor__ExamState *e,
                        const uint8_t cid[static CID_BYTES],
                        Proctor__CandidateState **out) MUST_USE;
/* All maps anew from the arrays. */
int fold_index(struct fold *f) MUST_USE;

#endif
