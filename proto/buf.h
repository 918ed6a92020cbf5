/* Growing byte buffer and bounded reader: the only two ways in which bytes that
 * are not protobuf are written and read. Fixed widths, big-endian, length
 * before data; a reader that met an error stays in error, so a decoder checks
 * once, with rd_end. */
#ifndef PROTO_BUF_H
#define PROTO_BUF_H

#include "proto/base.h"

struct buf {
    uint8_t *data_; /* owned */
    size_t len_;
    size_t cap_;
    size_t max_;
};

/* An empty buffer that never grows past max bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max_bytes);
/* Over n bytes of the caller's, filled from the front: it never grows past them,
 * allocates nothing, and is not released. */
void buf_init_over(struct buf *b, void *p, size_t n);
void buf_release(struct buf *b); /* wipes nothing; b is as after buf_init */
void buf_reset(struct buf *b);   /* length 0, keeps the memory */
/* Drops what stands behind the first n bytes. n <= length. */
void buf_truncate(struct buf *b, size_t n);

static inline struct ubytes buf_bytes(const struct buf *b)
{
    return (struct ubytes){b->data_, b->len_};
}
static inline size_t buf_len(const struct buf *b)
{
    return b->len_;
}

/* All return 0, ERR_NOMEM or ERR_LIMIT (max reached; nothing was added). */
int buf_put_u8(struct buf *b, uint8_t v) MUST_USE;
int buf_put_u16(struct buf *b, uint16_t v) MUST_USE;
int buf_put_u32(struct buf *b, uint32_t v) MUST_USE;
int buf_put_u64(struct buf *b, uint64_t v) MUST_USE;
int buf_put_f64(struct buf *b, double v) MUST_USE; /* its bits, as a u64 */
int buf_put(struct buf *b, const void *p, size_t n) MUST_USE;
/* u16 or u32 length, then the bytes. */
int buf_put_bytes16(struct buf *b, struct ubytes v) MUST_USE;
int buf_put_bytes32(struct buf *b, struct ubytes v) MUST_USE;
int buf_putf(struct buf *b, const char *fmt, ...) MUST_USE PRINTF_LIKE(2, 3);
/* Adds n bytes, which the caller fills: *out_p points at them until the next
 * call. */
int buf_extend(struct buf *b, size_t n, uint8_t **out_p) MUST_USE;
/* Drops n bytes from the front. n <= length. */
void buf_consume(struct buf *b, size_t n);
/* Overwrites four bytes at off with v. off + 4 <= length. */
void buf_patch_u32(struct buf *b, size_t off, uint32_t v);
/* Gives the memory away (may be NULL when empty); b is as after buf_init. */
uint8_t *buf_take(struct buf *b, size_t *out_n);

struct rd {
    const uint8_t *p_;
    size_t n_;
    size_t off_;
    int bad_;
};

void rd_init(struct rd *r, struct ubytes in); /* borrows in */
uint8_t rd_u8(struct rd *r);                  /* 0 after an error */
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
double rd_f64(struct rd *r); /* any bits, NaN too */
struct ubytes rd_take(struct rd *r, size_t n); /* {NULL,0} after an error */
struct ubytes rd_bytes16(struct rd *r);
struct ubytes rd_bytes32(struct rd *r);
void rd_copy(struct rd *r, void *out, size_t n); /* zeroes out on error */
size_t rd_left(const struct rd *r);
size_t rd_off(const struct rd *r);
void rd_fail(struct rd *r); /* a caller's own check failed */
int rd_is_bad(const struct rd *r);
/* 0 when no error and no byte is left, else ERR_ENCODING. */
int rd_end(const struct rd *r) MUST_USE;

#endif
