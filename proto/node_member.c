/* Is a value a member of a domain (node_has)? Written apart from the code that
 * draws, so that each checks the other; what a worker proposes as a simpler input
 * is admitted through it. Must never accept what it does not understand. Runs in
 * the kernel, and in the worker that looks for simpler inputs. */
#include "proto/node.h"

#include <string.h>

#include "proto/utf8.h"

/* Sign-extended bits of an INT, plain bits of a FLOAT. */
static uint64_t number_bits(struct rd *r, const struct node *n)
{
    unsigned width = n->code & (unsigned)~TYPE_UNSIGNED;
    uint64_t bits = 0;

    ASSERT(width >= 1 && width <= 8);
    for (unsigned i = 0; i < width; i++) {
        bits = bits << 8 | rd_u8(r);
    }
    if (n->tag == DOMAIN_INT && (n->code & TYPE_UNSIGNED) == 0 && width < 8 &&
        (bits >> (8 * width - 1)) != 0) {
        bits |= ~0ull << (8 * width);
    }
    return bits;
}

static int number_has(struct rd *r, const struct node *n)
{
    uint64_t key;

    if (rd_u8(r) != n->code) {
        return 0;
    }
    key = node_key(n, number_bits(r, n));
    return key >= node_key(n, n->lo) && key <= node_key(n, n->hi);
}

static int alphabet_has(struct ubytes domain, const struct node *n, uint32_t cp)
{
    uint32_t low = 0;
    uint32_t high = n->n;

    if (n->n == 0) {
        return cp != 0;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t at = node_symbol(domain, n, middle);

        if (at == cp) {
            return 1;
        }
        if (at < cp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

static int string_has(struct ubytes domain, const struct node *n,
                      struct ubytes text)
{
    uint64_t count = 0;

    while (text.n > 0) {
        uint32_t cp;
        size_t used = utf8_next(text, &cp);

        if (used == 0 || !alphabet_has(domain, n, cp)) {
            return 0;
        }
        text.p += used;
        text.n -= used;
        count++;
    }
    return count >= n->lo && count <= n->hi;
}

/* Consumes the one value that is a prefix of what is left. Values end where
 * their bytes say, so at most one fits. */
static int listed_has(struct rd *r, struct ubytes rest,
                      const struct node_source *src, const struct node *n)
{
    for (uint32_t i = 0; i < node_values_n(src, n); i++) {
        struct ubytes v = node_value(src, n, i);

        if (v.n <= rest.n && memcmp(v.p, rest.p, v.n) == 0) {
            (void)rd_take(r, v.n);
            return 1;
        }
    }
    return 0;
}

/* Reads a leaf, or the head of a list or tuple: *out_n children follow. */
static int head_has(struct rd *r, struct ubytes v,
                    const struct node_source *src, const struct node *n,
                    uint32_t *out_n)
{
    struct ubytes rest = {v.p + rd_off(r), rd_left(r)};
    uint8_t tag;

    *out_n = 0;
    if (n->tag == DOMAIN_CHOICE || n->tag == DOMAIN_CORPUS) {
        return listed_has(r, rest, src, n);
    }
    tag = rd_u8(r);
    if (n->tag == DOMAIN_BOOL) {
        return tag == 0x01 || tag == 0x02;
    }
    if (tag != (uint8_t)n->tag) {
        return 0;
    }
    if (n->tag == DOMAIN_INT || n->tag == DOMAIN_FLOAT) {
        return number_has(r, n);
    }
    if (n->tag == DOMAIN_STRING) {
        return string_has(src->domain, n, rd_bytes32(r));
    }
    *out_n = rd_u32(r);
    if (n->tag == DOMAIN_TUPLE) {
        return *out_n == n->n;
    }
    if (*out_n < n->lo || *out_n > n->hi) {
        return 0;
    }
    if (n->tag == DOMAIN_BYTES) {
        (void)rd_take(r, *out_n);
        *out_n = 0;
    }
    return 1;
}

int node_leaf_has(const struct node_source *src, const struct node *n,
                  struct ubytes v)
{
    struct rd r;
    uint32_t children;

    rd_init(&r, v);
    return head_has(&r, v, src, n, &children) && rd_end(&r) == 0;
}

int node_has(const struct node_source *src, struct ubytes v)
{
    struct {
        size_t domain;
        uint32_t left;
        int is_list;
    } open[NODE_DEPTH_MAX] = {{0, 1, 0}};
    unsigned depth = 1;
    struct rd r;

    rd_init(&r, v);
    while (depth > 0) {
        size_t off = open[depth - 1].domain;
        uint32_t children;
        struct node n;

        if (open[depth - 1].left == 0) {
            depth--;
            continue;
        }
        open[depth - 1].left--;
        n = node_at(src->domain, off);
        if (!head_has(&r, v, src, &n, &children) || rd_is_bad(&r)) {
            return 0;
        }
        if (!open[depth - 1].is_list && open[depth - 1].left > 0) {
            open[depth - 1].domain = node_skip(src->domain, off);
        }
        if (n.tag == DOMAIN_LIST || n.tag == DOMAIN_TUPLE) {
            ASSERT(depth < NODE_DEPTH_MAX);
            open[depth].domain = n.body;
            open[depth].left = children;
            open[depth].is_list = n.tag == DOMAIN_LIST;
            depth++;
        }
    }
    return rd_end(&r) == 0;
}
