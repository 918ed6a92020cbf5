/* Numbers and symbol sequences by stratum (the table in draw.h). Each function
 * reads the stream only, so an instance can be drawn again alone. Kernel only. */
#ifndef KERNEL_EXAM_SCALAR_H
#define KERNEL_EXAM_SCALAR_H

#include "kernel/exam/draw.h"
#include "kernel/exam/stream.h"

/* Bits of a member of an INT or FLOAT node. */
uint64_t scalar_int(struct stream *r, enum stratum s, const struct node *n);
uint64_t scalar_float(struct stream *r, enum stratum s, const struct node *n);
/* Appends the value of those bits. */
int scalar_put(struct buf *out, const struct node *n, uint64_t bits) MUST_USE;

/* Sorted without sorting: number i of n comes from the i-th of n slices of a
 * random window of the node's range. i < n <= 2^31. */
struct window {
    uint64_t start; /* key */
    uint64_t room;  /* width - 1 */
};
struct window window_of(struct stream *r, const struct node *n);
uint64_t window_bits(struct stream *r, const struct node *n,
                     const struct window *w, uint32_t i, uint32_t count);

/* Length of a sequence or list: in [n->lo, n->hi]. */
uint32_t sequence_length(struct stream *r, enum stratum s,
                         const struct node *n);
/* Appends a member of a STRING or BYTES node. Same codes as draw. */
int sequence_put(struct stream *r, enum stratum s, struct ubytes domain,
                 const struct node *n, struct buf *out) MUST_USE;
/* The same of a given length. */
int sequence_put_n(struct stream *r, enum stratum s, struct ubytes domain,
                   const struct node *n, uint32_t length, struct buf *out)
    MUST_USE;
/* A symbol worth repeating: plain, at an edge, or readable. */
uint32_t sequence_symbol(struct stream *r, const struct node *n,
                         uint32_t symbols_n);
/* Bits of v in the node's width, rounded once, and the value of such bits. */
uint64_t float_bits_of(const struct node *n, double v);
double float_value(const struct node *n, uint64_t bits);

#endif
