/* Growing byte buffer and bounded reader. Runs in every process. Must never
 * read past the input of a reader nor grow a buffer past its maximum.
 *
 * Invariants: len_ <= cap_ <= max_ of a buffer (cap_ 0 and data_ NULL when
 * nothing was added); off_ <= n_ of a reader; bad_ never goes back to 0. */
#include "proto/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define CAP_FIRST 64u

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max_ = max_bytes};
}

void buf_init_over(struct buf *b, void *p, size_t n)
{
    *b = (struct buf){.data_ = p, .cap_ = n, .max_ = n};
}

void buf_release(struct buf *b)
{
    free(b->data_);
    buf_init(b, b->max_);
}

void buf_reset(struct buf *b)
{
    b->len_ = 0;
}

void buf_truncate(struct buf *b, size_t n)
{
    ASSERT(n <= b->len_);
    b->len_ = n;
}

/* Makes room for n more bytes: doubling, so adding is O(1) on average. */
static int reserve(struct buf *b, size_t n)
{
    size_t need;
    size_t cap = b->cap_;
    uint8_t *data;

    if (__builtin_add_overflow(b->len_, n, &need) || need > b->max_) {
        return ERR_LIMIT;
    }
    if (need <= cap) {
        return 0;
    }
    if (cap < CAP_FIRST) {
        cap = CAP_FIRST;
    }
    while (cap < need) {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap)) {
            cap = need;
        }
    }
    if (cap > b->max_) {
        cap = b->max_;
    }
    data = realloc(b->data_, cap);
    if (data == NULL) {
        return ERR_NOMEM;
    }
    b->data_ = data;
    b->cap_ = cap;
    return 0;
}

int buf_extend(struct buf *b, size_t n, uint8_t **out_p)
{
    int code = reserve(b, n);

    if (code < 0) {
        return code;
    }
    /* NULL + 0 is undefined; an empty buffer hands out NULL. */
    *out_p = b->data_ != NULL ? b->data_ + b->len_ : NULL;
    b->len_ += n;
    return 0;
}

int buf_put(struct buf *b, const void *p, size_t n)
{
    uint8_t *at;
    int code = buf_extend(b, n, &at);

    if (code == 0 && n > 0) {
        ASSERT(at != NULL);
        memcpy(at, p, n);
    }
    return code;
}

static void store_be(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        p[i - 1] = (uint8_t)(v & 0xffu);
        v >>= 8;
    }
}

static int put_be(struct buf *b, uint64_t v, size_t n)
{
    uint8_t bytes[8];

    store_be(bytes, v, n);
    return buf_put(b, bytes, n);
}

int buf_put_u8(struct buf *b, uint8_t v)
{
    return put_be(b, v, 1);
}

int buf_put_u16(struct buf *b, uint16_t v)
{
    return put_be(b, v, 2);
}

int buf_put_u32(struct buf *b, uint32_t v)
{
    return put_be(b, v, 4);
}

int buf_put_u64(struct buf *b, uint64_t v)
{
    return put_be(b, v, 8);
}

int buf_put_f64(struct buf *b, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return buf_put_u64(b, bits);
}

static int put_prefixed(struct buf *b, struct ubytes v, size_t prefix_n)
{
    size_t n;
    int code;

    if (__builtin_add_overflow(v.n, prefix_n, &n)) {
        return ERR_LIMIT;
    }
    code = reserve(b, n); /* both or neither */
    if (code < 0) {
        return code;
    }
    code = put_be(b, v.n, prefix_n);
    return code < 0 ? code : buf_put(b, v.p, v.n);
}

int buf_put_bytes16(struct buf *b, struct ubytes v)
{
    return v.n > UINT16_MAX ? ERR_LIMIT : put_prefixed(b, v, 2);
}

int buf_put_bytes32(struct buf *b, struct ubytes v)
{
    return v.n > UINT32_MAX ? ERR_LIMIT : put_prefixed(b, v, 4);
}

int buf_putf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int n;
    int code;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    /* One more for the NUL, which is then not counted. */
    code = n < 0 ? ERR_INTERNAL : reserve(b, (size_t)n);
    if (code == 0 && n > 0 && b->len_ + (size_t)n == b->cap_) {
        char *text = malloc((size_t)n + 1);

        if (text == NULL) {
            code = ERR_NOMEM;
        } else {
            (void)vsnprintf(text, (size_t)n + 1, fmt, again);
            code = buf_put(b, text, (size_t)n);
            free(text);
        }
    } else if (code == 0 && n > 0) {
        (void)vsnprintf((char *)b->data_ + b->len_, (size_t)n + 1, fmt, again);
        b->len_ += (size_t)n;
    }
    va_end(again);
    return code;
}

void buf_consume(struct buf *b, size_t n)
{
    ASSERT(n <= b->len_);
    if (n > 0 && n < b->len_) {
        memmove(b->data_, b->data_ + n, b->len_ - n);
    }
    b->len_ -= n;
}

void buf_patch_u32(struct buf *b, size_t off, uint32_t v)
{
    ASSERT(b->len_ >= 4 && off <= b->len_ - 4);
    store_be(b->data_ + off, v, 4);
}

uint8_t *buf_take(struct buf *b, size_t *out_n)
{
    uint8_t *data = b->data_;

    *out_n = b->len_;
    buf_init(b, b->max_);
    return data;
}

void rd_init(struct rd *r, struct ubytes in)
{
    *r = (struct rd){.p_ = in.p, .n_ = in.n};
}

struct ubytes rd_take(struct rd *r, size_t n)
{
    struct ubytes out;

    if (r->bad_ || n > r->n_ - r->off_) {
        r->bad_ = 1;
        return (struct ubytes){NULL, 0};
    }
    out = (struct ubytes){r->p_ != NULL ? r->p_ + r->off_ : NULL, n};
    r->off_ += n;
    return out;
}

void rd_copy(struct rd *r, void *out, size_t n)
{
    struct ubytes in = rd_take(r, n);

    if (n > 0) {
        if (in.p == NULL) {
            memset(out, 0, n);
        } else {
            memcpy(out, in.p, n);
        }
    }
}

/* 0 after an error. Every value that crosses is read by these. */
static inline uint64_t rd_be(struct rd *r, size_t n)
{
    struct ubytes in = rd_take(r, n);
    uint64_t v = 0;

    if (in.p != NULL) {
        for (size_t i = 0; i < n; i++) {
            v = v << 8 | in.p[i];
        }
    }
    return v;
}

uint8_t rd_u8(struct rd *r)
{
    return (uint8_t)rd_be(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
    return (uint16_t)rd_be(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
    return (uint32_t)rd_be(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
    return rd_be(r, 8);
}

double rd_f64(struct rd *r)
{
    uint64_t bits = rd_u64(r);
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

struct ubytes rd_bytes16(struct rd *r)
{
    size_t n = rd_u16(r);

    return rd_take(r, n);
}

struct ubytes rd_bytes32(struct rd *r)
{
    size_t n = rd_u32(r);

    return rd_take(r, n);
}

size_t rd_left(const struct rd *r)
{
    return r->bad_ ? 0 : r->n_ - r->off_;
}

size_t rd_off(const struct rd *r)
{
    return r->off_;
}

void rd_fail(struct rd *r)
{
    r->bad_ = 1;
}

int rd_is_bad(const struct rd *r)
{
    return r->bad_;
}

int rd_end(const struct rd *r)
{
    return r->bad_ || r->off_ != r->n_ ? ERR_ENCODING : 0;
}
