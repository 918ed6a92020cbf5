/* Shrinking: from a failing input to the smallest one that can be found
 * (order: edit.h) in LIMIT_SHRINK_EVALUATIONS evaluations. The caller evaluates;
 * rounds of at most SHRINK_ROUND inputs, simplest first. A pure function of the
 * domain, the first input and which inputs fail. Kernel only. */
#ifndef KERNEL_EXAM_SHRINK_H
#define KERNEL_EXAM_SHRINK_H

#include "kernel/exam/draw.h"

#define SHRINK_ROUND 64u

enum shrink_outcome {
    SHRINK_E_DONE = 1
};

struct shrink;

/* Starts from v, a member of the domain. Borrows src for its life. */
int shrink_new(const struct draw_source *src, struct ubytes v,
               struct shrink **out) MUST_USE;
void shrink_free(struct shrink *s); /* NULL is fine */
/* The next inputs worth trying: shrink_n >= 1 of them. SHRINK_E_DONE when
 * nothing simpler is left or the evaluations are used up. ERR_NOMEM. */
int shrink_round(struct shrink *s) MUST_USE;
uint32_t shrink_n(const struct shrink *s);
struct ubytes shrink_at(const struct shrink *s, uint32_t i); /* borrowed */
/* Input i fails too and is the simplest that does: go on from there. */
int shrink_take(struct shrink *s, uint32_t i) MUST_USE;
uint64_t shrink_evaluations(const struct shrink *s);

#endif
