/* The stratum `literals`: inputs made of what stands in the candidate's own files
 * (docs/exam.md section 6). */
#ifndef REPLAY_EXCERPT_H
#define REPLAY_EXCERPT_H

#include "replay/draw.h"

/* What COMMIT.literals names. Zeroes: none. */
struct excerpts {
    struct buf bytes;           /* owned; the rest points into it */
    struct ubytes ints, floats; /* u64 each */
    uint32_t ints_n, floats_n, texts_n;
    struct ubytes *texts; /* owned */
};

/* Takes bytes over, also on failure. 0, ERR_NOMEM, ERR_ENCODING. */
int excerpts_read(struct buf *bytes, struct excerpts *out) MUST_USE;
void excerpts_release(struct excerpts *e);
/* Instances of the stratum over that domain. */
uint64_t excerpts_draws(const struct excerpts *e, const struct shape *root);
/* Appends instance k. As draw_instance. */
int excerpts_instance(const struct excerpts *e, const struct shape *root,
                      const uint8_t seed[static 32], uint64_t k,
                      struct buf *out) MUST_USE;

#endif
