/* Instances of a domain: docs/exam.md section 5. */
#ifndef REPLAY_DRAW_H
#define REPLAY_DRAW_H

#include "replay/chance.h"
#include "replay/shape.h"

/* The strata, by that name in the document. */
enum layer {
    UNIFORM,
    MAGNITUDE,
    BITS,
    BOUNDARY,
    SMALL,
    STRATA /* how many */
};

/* Appends instance k of stratum s under the seed; the root is a tuple. 0,
 * ERR_NOMEM, ERR_LIMIT (longer than LIMIT_VALUE_BYTES), ERR_INPUT (a corpus
 * without values). */
int draw_instance(const struct shape *root, const uint8_t seed[static 32],
                  enum layer s, uint64_t k, struct buf *out) MUST_USE;

/* The parts, for the files of drawing. Any node of a domain: */
int draw_node(const struct shape *s, enum layer in, struct chance *c,
              struct buf *out) MUST_USE;
/* number.c: the key of an INT or FLOAT. */
uint64_t draw_number(const struct shape *s, enum layer in, struct chance *c);
/* The key of the double v in a FLOAT's width, which may lie outside. */
uint64_t draw_round(const struct shape *s, double v);
double draw_double(const struct shape *s, uint64_t key);
/* sequence.c: a STRING or BYTES; a length; single symbols. */
int draw_sequence(const struct shape *s, enum layer in, struct chance *c,
                  struct buf *out) MUST_USE;
uint32_t draw_length(const struct shape *s, enum layer in, struct chance *c);
uint32_t draw_base(const struct shape *s, struct chance *c);
/* n symbols with pattern U. */
int draw_uniform(const struct shape *s, uint64_t n, struct chance *c,
                 struct buf *out) MUST_USE;

#endif
