/* Shrinking: from a failing input to the smallest one that can be found
 * (order: edit.h) in LIMIT_SHRINK_EVALUATIONS evaluations. Others evaluate; rounds
 * of at most LIMIT_SHRINK_ROUND inputs, simplest first. A pure function of the
 * domain, the first input and which inputs fail. Runs in the confined `config`
 * worker. */
#ifndef WORKERS_CONFIG_SHRINK_H
#define WORKERS_CONFIG_SHRINK_H

#include "proto/limits.h"
#include "proto/node.h"

enum shrink_outcome {
    SHRINK_E_DONE = 1
};

struct shrink;

/* Starts from v, a member of the domain. Borrows src for its life. */
int shrink_new(const struct node_source *src, struct ubytes v,
               struct shrink **out) MUST_USE;
void shrink_free(struct shrink *s); /* NULL is fine */
/* The next inputs worth trying: shrink_n >= 1 of them. SHRINK_E_DONE when
 * nothing simpler is left or the evaluations are used up. ERR_NOMEM. */
int shrink_round(struct shrink *s) MUST_USE;
uint32_t shrink_n(const struct shrink *s);
struct ubytes shrink_at(const struct shrink *s, uint32_t i); /* borrowed */
/* What the next round has to know of those before: canonical bytes, u64 variants
 * looked at, u64 their bytes, u8 1 when they were all, u64 hash of each input that
 * was tried. */
int shrink_save(const struct shrink *s, struct buf *out) MUST_USE;
/* Goes on from what was saved; is_new: from another input. ERR_ENCODING. */
int shrink_resume(struct shrink *s, struct ubytes state, int is_new) MUST_USE;
uint64_t shrink_evaluations(const struct shrink *s);

#endif
