/* The stratum `literals`: inputs made of what stands in the candidate's own files
 * (docs/exam.md section 6). A worker proposed them; COMMIT binds them before the
 * seed is known. They only add draws. Kernel only.
 *
 * Canonical bytes, three lists: u32 n, n * u64 integers; u32 n, n * u64 bits of
 * finite floats; u32 n, n * (u32 length, bytes) texts. */
#ifndef KERNEL_EXAM_LITERAL_H
#define KERNEL_EXAM_LITERAL_H

#include "kernel/exam/draw.h"
#include "kernel/exam/stream.h"

struct literals {
    struct ubytes ints, floats; /* u64 each; borrowed */
    uint32_t ints_n, floats_n, texts_n;
    struct ubytes *texts; /* owned; what they point at is borrowed */
};

/* Borrows in. 0, ERR_NOMEM, ERR_ENCODING, ERR_LIMIT; release in any case. */
int literals_decode(struct literals *l, struct ubytes in) MUST_USE;
void literals_release(struct literals *l);

/* The longest list that the source's domain can use; 0: there is no stratum. */
uint32_t literal_most(const struct draw_source *src);
/* Instances of the stratum: none without literals. */
uint64_t literal_draws(const struct draw_source *src);

/* Where an argument stands: the next literal, and what is done to it. */
struct literal_at {
    uint64_t t;
    unsigned form;
};
/* How argument i of n is drawn in instance k: the stratum, and *out_at when that
 * is `literals`. most: as above, not 0. */
enum stratum literal_argument(uint64_t most, struct stream *r, uint64_t k,
                              uint32_t i, uint32_t n,
                              struct literal_at *out_at);
/* Length of a list. */
uint32_t literal_length(const struct draw_source *src, struct stream *r,
                        const struct literal_at *at, const struct node *n);
/* Appends a leaf made of a literal and moves at on; *out_put 0: nothing fits,
 * nothing was added. 0, ERR_NOMEM, ERR_LIMIT. */
int literal_put(const struct draw_source *src, struct stream *r,
                struct literal_at *at, const struct node *n, struct buf *out,
                int *out_put) MUST_USE;

#endif
