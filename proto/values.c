/* Many values of one type, indexed. Runs in every process; values_decode sees
 * hostile bytes and allocates no more than they justify. */
#include "proto/value.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

#define LIST_HEAD_BYTES 4u
#define ITEM_HEAD_BYTES 4u
#define ITEM_BYTES_MIN (ITEM_HEAD_BYTES + 1u)

void values_init(struct values *v)
{
    memset(v, 0, sizeof(*v));
}

void values_release(struct values *v)
{
    free(v->bytes_);
    free(v->off_);
    values_init(v);
}

/* Copies the values without their lengths; off_ has room for n + 1. */
static int fill(struct values *v, struct rd *r, const struct type *t,
                uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes one = rd_bytes32(r);

        if (rd_is_bad(r)) {
            return ERR_ENCODING;
        }
        TRY(value_check_exact(one, t));
        memcpy(v->bytes_ + v->bytes_n_, one.p, one.n);
        v->off_[i] = (uint32_t)v->bytes_n_;
        v->bytes_n_ += one.n;
    }
    v->off_[n] = (uint32_t)v->bytes_n_;
    return rd_end(r);
}

int values_decode(struct values *v, struct ubytes in, const struct type *t,
                  uint32_t max_n)
{
    struct rd r;
    uint32_t n;
    int code;

    values_release(v);
    rd_init(&r, in);
    n = rd_u32(&r);
    if (rd_is_bad(&r) || n > rd_left(&r) / ITEM_BYTES_MIN) {
        return ERR_TRACE(ERR_ENCODING);
    }
    if (n > max_n || in.n > UINT32_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    v->bytes_ = malloc(in.n);
    v->off_ = malloc(((size_t)n + 1) * sizeof(*v->off_));
    code = v->bytes_ == NULL || v->off_ == NULL ? ERR_NOMEM : fill(v, &r, t, n);
    if (code < 0) {
        values_release(v);
        return ERR_TRACE(code);
    }
    v->n_ = n;
    return 0;
}

int values_append(struct values *v, const struct values *more)
{
    size_t bytes_n = v->bytes_n_ + more->bytes_n_;
    size_t n = (size_t)v->n_ + more->n_;
    uint8_t *bytes;
    uint32_t *off;

    if (bytes_n > UINT32_MAX || n > UINT32_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    bytes = realloc(v->bytes_, bytes_n + 1);
    v->bytes_ = bytes != NULL ? bytes : v->bytes_;
    off = realloc(v->off_, (n + 1) * sizeof(*off));
    v->off_ = off != NULL ? off : v->off_;
    if (bytes == NULL || off == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < more->n_; i++) {
        struct ubytes one = values_at(more, i);

        off[v->n_ + i] = (uint32_t)v->bytes_n_;
        memcpy(bytes + v->bytes_n_, one.p, one.n);
        v->bytes_n_ += one.n;
    }
    off[n] = (uint32_t)v->bytes_n_;
    v->n_ = (uint32_t)n;
    return 0;
}

void values_cut(struct values *v, uint32_t n)
{
    ASSERT(n <= v->n_);
    if (n < v->n_) {
        v->n_ = n;
        v->bytes_n_ = v->off_[n];
    }
}

uint32_t values_n(const struct values *v)
{
    return v->n_;
}

struct ubytes values_at(const struct values *v, uint32_t i)
{
    ASSERT(i < v->n_);
    return (struct ubytes){v->bytes_ + v->off_[i],
                           (size_t)v->off_[i + 1] - v->off_[i]};
}

int values_compare(struct ubytes a, struct ubytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_at(const void *a, const void *b, void *ctx)
{
    const struct values *v = ctx;
    uint32_t i = *(const uint32_t *)a;
    uint32_t k = *(const uint32_t *)b;
    int c = values_compare(values_at(v, i), values_at(v, k));

    return c != 0 ? c : (i > k) - (i < k);
}

uint32_t *values_sorted(const struct values *v)
{
    uint32_t *at = calloc((size_t)v->n_ + 1, sizeof(*at));
    union {
        const struct values *in;
        void *out;
    } ctx = {v};

    if (at == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < v->n_; i++) {
        at[i] = i;
    }
    qsort_r(at, v->n_, sizeof(*at), compare_at, ctx.out);
    return at;
}

int values_builder_init(struct values_builder *w, size_t max_bytes)
{
    buf_init(&w->b_, max_bytes);
    w->n_ = 0;
    return buf_put_u32(&w->b_, 0);
}

int values_builder_add(struct values_builder *w, struct ubytes v)
{
    int code = w->n_ == UINT32_MAX ? ERR_LIMIT : buf_put_bytes32(&w->b_, v);

    if (code == 0) {
        w->n_++;
    }
    return code;
}

int values_builder_add_all(struct values_builder *w, const struct values *v,
                           uint32_t first, uint32_t n)
{
    int code = 0;

    for (uint32_t i = 0; code == 0 && i < n; i++) {
        code = values_builder_add(w, values_at(v, first + i));
    }
    return code;
}

uint32_t values_batch(const struct values *v, uint32_t first)
{
    uint32_t batches = (v->n_ - 1) / LIMIT_BATCH_VALUES + 1;
    uint32_t even = (v->n_ - 1) / batches + 1;
    size_t bytes = LIST_HEAD_BYTES;
    uint32_t i = first;

    ASSERT(first < v->n_);
    while (i < v->n_ && i - first < even) {
        bytes += ITEM_HEAD_BYTES + values_at(v, i).n;
        if (bytes > LIMIT_BATCH_BYTES && i > first) {
            break;
        }
        i++;
    }
    return i - first;
}

int values_builder_pick(struct values_builder *w, const struct values *v,
                        const uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        TRY(values_builder_add(w, values_at(v, order == NULL ? i : order[i])));
    }
    return 0;
}

int values_build(struct values *out, struct values_builder *w,
                 const struct type *t, int code)
{
    if (code == 0) {
        code = values_decode(out, values_builder_bytes(w), t, w->n_);
    }
    values_builder_release(w);
    return code;
}

struct ubytes values_builder_bytes(struct values_builder *w)
{
    buf_patch_u32(&w->b_, 0, w->n_);
    return buf_bytes(&w->b_);
}

uint32_t values_builder_n(const struct values_builder *w)
{
    return w->n_;
}

void values_builder_release(struct values_builder *w)
{
    buf_release(&w->b_);
    w->n_ = 0;
}
