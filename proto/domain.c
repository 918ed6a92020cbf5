/* Input domains: check, type, size. Runs in every process; domain_check sees
 * hostile bytes. Must never recurse: nesting is kept on a stack of
 * TYPE_DEPTH_MAX. */
#include "proto/domain.h"

#include <string.h>

#include "proto/domain_node.h"
#include "proto/err.h"
#include "proto/limits.h"

static uint64_t sat_add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t sat_mul(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* A number computed from the leaves up, saturating at UINT64_MAX. */
struct fold {
    uint64_t (*leaf)(const void *ctx, const struct domain_node *n);
    uint64_t (*list)(const struct domain_node *n, uint64_t element);
    uint64_t (*join)(uint64_t so_far, uint64_t member);
    uint64_t tuple_start;
    const void *ctx;
};

struct fold_frame {
    struct domain_node node;
    unsigned left;
    uint64_t so_far;
};

/* Hands v, a finished domain's number, to what is open. True while one is. */
static int fold_up(const struct fold *f, struct fold_frame *frames,
                   unsigned *depth, uint64_t v, uint64_t *out)
{
    while (*depth > 0) {
        struct fold_frame *top = &frames[*depth - 1];

        top->so_far = top->node.tag == DOMAIN_LIST ? f->list(&top->node, v)
                                                   : f->join(top->so_far, v);
        top->left--;
        if (top->left > 0) {
            return 1;
        }
        v = top->so_far;
        (*depth)--;
    }
    *out = v;
    return 0;
}

/* 0 or ERR_ENCODING; r stands behind the domain afterwards. */
static int fold_run(const struct fold *f, struct rd *r, uint64_t *out)
{
    struct fold_frame frames[TYPE_DEPTH_MAX];
    unsigned depth = 0;
    int more;

    do {
        struct domain_node n;
        uint64_t v;

        domain_node_read(r, &n);
        if (rd_is_bad(r) || (n.children > 0 && depth == TYPE_DEPTH_MAX)) {
            return ERR_ENCODING;
        }
        if (n.children > 0) {
            frames[depth] = (struct fold_frame){
                .node = n, .left = n.children, .so_far = f->tuple_start};
            depth++;
            more = 1;
            continue;
        }
        v = n.tag == DOMAIN_TUPLE ? f->tuple_start : f->leaf(f->ctx, &n);
        more = fold_up(f, frames, &depth, v, out);
    } while (more);
    return 0;
}

/* Bytes of the longest value. A corpus is judged when its file is read. */
static uint64_t longest_leaf(const void *ctx, const struct domain_node *n)
{
    (void)ctx;
    switch (n->tag) {
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return 2 + (n->code & ~(uint64_t)TYPE_UNSIGNED);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return 5 + n->hi * n->bytes_max;
    case DOMAIN_CHOICE:
        return n->bytes_max;
    default:
        return 1;
    }
}

static uint64_t longest_list(const struct domain_node *n, uint64_t element)
{
    return sat_add(5, sat_mul(n->hi, element));
}

/* Number of values. */
static uint64_t count_range(uint64_t distance)
{
    return sat_add(distance, 1);
}

/* base^lo + ... + base^hi; at most 64 steps, then it saturates. */
static uint64_t count_sequences(uint64_t base, uint64_t lo, uint64_t hi)
{
    uint64_t power = 1;
    uint64_t sum = 0;

    if (base == 0) {
        return lo == 0 ? 1 : 0;
    }
    if (base == 1) {
        return count_range(hi - lo);
    }
    for (uint64_t i = 0; i <= hi && sum < UINT64_MAX; i++) {
        if (i >= lo || power == UINT64_MAX) {
            sum = sat_add(sum, power);
        }
        power = sat_mul(power, base);
    }
    return sum;
}

struct corpora {
    const uint32_t *n;
    size_t files;
};

static uint64_t count_leaf(const void *ctx, const struct domain_node *n)
{
    const struct corpora *c = ctx;

    switch (n->tag) {
    case DOMAIN_BOOL:
        return 2;
    case DOMAIN_INT:
        return count_range(n->hi - n->lo); /* modulo 2^64, also if signed */
    case DOMAIN_FLOAT:
        return count_range((uint64_t)domain_float_order(n->hi, n->code) -
                           (uint64_t)domain_float_order(n->lo, n->code));
    case DOMAIN_STRING:
        return count_sequences(n->n > 0 ? n->n : DOMAIN_SCALAR_VALUES, n->lo,
                               n->hi);
    case DOMAIN_BYTES:
        return count_sequences(256, n->lo, n->hi);
    case DOMAIN_CHOICE:
        return n->n;
    default:
        return c->n != NULL && n->file < c->files ? c->n[n->file] : 0;
    }
}

static uint64_t count_list(const struct domain_node *n, uint64_t element)
{
    return count_sequences(element, n->lo, n->hi);
}

/* Type of what the domain draws: the nodes' types, in the same order. */
static int type_of(struct ubytes in, struct type *out)
{
    uint8_t bytes[TYPE_BYTES_MAX];
    size_t at = 0;
    struct rd r;

    rd_init(&r, in);
    while (rd_left(&r) > 0) {
        struct domain_node n;

        domain_node_read(&r, &n);
        if (n.tag == DOMAIN_LIST || n.tag == DOMAIN_TUPLE) {
            n.type.b[0] = n.tag;
            n.type.b[1] = (uint8_t)n.n;
            n.type.n = n.tag == DOMAIN_LIST ? 1 : 2;
        }
        if (rd_is_bad(&r) || n.type.n > sizeof(bytes) - at) {
            return ERR_ENCODING;
        }
        memcpy(bytes + at, n.type.b, n.type.n);
        at += n.type.n;
    }
    return type_decode((struct ubytes){bytes, at}, out);
}

int domain_check(struct ubytes in, struct type *out_type)
{
    static const struct fold longest = {.leaf = longest_leaf,
                                        .list = longest_list,
                                        .join = sat_add,
                                        .tuple_start = 5};
    struct rd r;
    uint64_t bytes = 0;

    memset(out_type, 0, sizeof(*out_type));
    if (in.n > DOMAIN_BYTES_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    rd_init(&r, in);
    TRY(fold_run(&longest, &r, &bytes));
    TRY(rd_end(&r));
    TRY(type_of(in, out_type));
    return bytes > LIMIT_VALUE_BYTES ? ERR_TRACE(ERR_LIMIT) : 0;
}

int domain_size(struct ubytes in, const uint32_t *corpus_n, size_t corpora_n,
                uint64_t *out_n)
{
    struct corpora corpora = {corpus_n, corpora_n};
    struct fold count = {.leaf = count_leaf,
                         .list = count_list,
                         .join = sat_mul,
                         .tuple_start = 1,
                         .ctx = &corpora};
    struct rd r;

    *out_n = 0;
    rd_init(&r, in);
    TRY(fold_run(&count, &r, out_n));
    return rd_end(&r);
}
