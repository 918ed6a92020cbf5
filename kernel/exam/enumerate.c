/* The k-th value of a finite domain (draw_enumerate): mixed-radix digits of k
 * spread over the domain with an explicit stack. Must give each member exactly
 * once for k < domain_size. Kernel process. */
#include "kernel/exam/draw.h"

#include "kernel/exam/scalar.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define CORPORA_MAX 256u

struct part {
    int is_list;
    uint32_t left;
    size_t child;
    uint64_t index;   /* what is left to spread over the elements */
    uint64_t child_n; /* members of a list's element domain */
};

/* Members of the domain at off. */
static int size_at(const struct draw_source *src, size_t off, uint64_t *out)
{
    size_t end = node_skip(src->of.domain, off);
    struct ubytes part = {src->of.domain.p + off, end - off};
    uint32_t counts[CORPORA_MAX] = {0};

    if (src->of.corpora_n > CORPORA_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    for (size_t i = 0; i < src->of.corpora_n; i++) {
        counts[i] = values_n(&src->of.corpora[i]);
    }
    return domain_size(part, counts, src->of.corpora_n, out);
}

/* Splits *k into a length and the index among sequences of that length. */
static int split_length(const struct node *n, uint64_t base, uint64_t *k,
                        uint32_t *out_length)
{
    uint64_t count = 1;
    int is_over = 0;

    for (uint64_t i = 0; i < n->lo && !is_over && base > 1; i++) {
        is_over = __builtin_mul_overflow(count, base, &count);
    }
    count = base == 0 && n->lo > 0 ? 0 : count;
    for (uint64_t length = n->lo; length <= n->hi; length++) {
        if (is_over || *k < count) {
            *out_length = (uint32_t)length;
            return length > LIMIT_VALUE_BYTES ? ERR_TRACE(ERR_LIMIT) : 0;
        }
        *k -= count;
        is_over = __builtin_mul_overflow(count, base, &count);
    }
    return ERR_TRACE(ERR_INTERNAL); /* k >= domain_size */
}

static int put_sequence(const struct draw_source *src, const struct node *n,
                        uint64_t k, struct buf *out)
{
    uint32_t symbols_n = node_symbols_n(n);
    size_t head = buf_len(out);
    uint32_t length;

    TRY(split_length(n, symbols_n, &k, &length));
    TRY(buf_put_u8(out, (uint8_t)n->tag));
    TRY(buf_put_u32(out, 0));
    for (uint32_t i = 0; i < length; i++) {
        uint32_t cp = node_symbol(src->of.domain, n, (uint32_t)(k % symbols_n));
        uint8_t utf8[4] = {(uint8_t)cp, 0, 0, 0};
        size_t used = n->tag == DOMAIN_BYTES ? 1 : utf8_put(cp, utf8);

        TRY(buf_put(out, utf8, used));
        k /= symbols_n;
    }
    buf_patch_u32(out, head + 1, (uint32_t)(buf_len(out) - head - 5));
    return 0;
}

/* Writes the k-th member at off, or opens its list or tuple as *out_part. */
static int put_node(const struct draw_source *src, size_t off, uint64_t k,
                    struct buf *out, struct part *out_part, int *out_opened)
{
    struct node n = node_at(src->of.domain, off);
    struct ubytes v;

    *out_opened = 0;
    switch (n.tag) {
    case DOMAIN_BOOL:
        return value_put_bool(out, k != 0);
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return scalar_put(out, &n, node_unkey(&n, node_key(&n, n.lo) + k));
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return put_sequence(src, &n, k, out);
    case DOMAIN_CHOICE:
    case DOMAIN_CORPUS:
        if (k >= node_values_n(&src->of, &n)) {
            return ERR_TRACE(ERR_INTERNAL);
        }
        v = node_value(&src->of, &n, (uint32_t)k);
        return buf_put(out, v.p, v.n);
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        break;
    }
    *out_opened = 1;
    *out_part = (struct part){.left = n.n, .child = n.body};
    if (n.tag == DOMAIN_TUPLE) {
        out_part->index = k;
        return value_put_tuple(out, n.n);
    }
    out_part->is_list = 1;
    TRY(size_at(src, n.body, &out_part->child_n));
    TRY(split_length(&n, out_part->child_n, &k, &out_part->left));
    out_part->index = k;
    return value_put_list(out, out_part->left);
}

/* Index of the next element of p; moves p on. */
static int next_digit(const struct draw_source *src, struct part *p,
                      size_t *out_off, uint64_t *out_k)
{
    uint64_t size = p->child_n;

    *out_off = p->child;
    p->left--;
    if (!p->is_list) {
        TRY(size_at(src, p->child, &size));
        if (p->left > 0) {
            p->child = node_skip(src->of.domain, p->child);
        }
    }
    ASSERT(size > 0);
    *out_k = p->index % size;
    p->index /= size;
    return 0;
}

int draw_size(const struct draw_source *src, uint64_t *out)
{
    return size_at(src, 0, out);
}

int draw_enumerate(const struct draw_source *src, uint64_t k, struct buf *out)
{
    struct part open[NODE_DEPTH_MAX];
    size_t start = buf_len(out);
    unsigned depth = 0;
    int opened;

    TRY(put_node(src, 0, k, out, &open[0], &opened));
    depth += opened ? 1 : 0;
    while (depth > 0) {
        size_t off;
        uint64_t digit;

        if (open[depth - 1].left == 0) {
            depth--;
            continue;
        }
        if (buf_len(out) - start > LIMIT_VALUE_BYTES) {
            return ERR_TRACE(ERR_LIMIT);
        }
        TRY(next_digit(src, &open[depth - 1], &off, &digit));
        ASSERT(depth < NODE_DEPTH_MAX);
        TRY(put_node(src, off, digit, out, &open[depth], &opened));
        depth += opened ? 1 : 0;
    }
    return 0;
}
