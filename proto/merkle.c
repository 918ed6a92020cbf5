/* RFC 6962 hashing and proofs. Any process; pure functions, no allocation.
 *
 * Must never call a leaf a node: the two hashes differ in their first byte.
 * Proofs are cut top-down with an explicit range, not by recursion. Source:
 * RFC 9162 sections 2.1.1 to 2.1.5. */
#include "proto/merkle.h"

#include <string.h>

#include "proto/err.h"
#include "proto/sha256.h"

/* SHA-256(prefix || a || b). */
static struct merkle_hash hash_of(uint8_t prefix, struct ubytes a,
                                  struct ubytes b)
{
    const struct ubytes parts[] = {{&prefix, 1}, a, b};
    struct merkle_hash out;

    sha256_of(parts, ARRAY_N(parts), out.b);
    return out;
}

struct merkle_hash merkle_leaf(struct ubytes entry)
{
    return hash_of(0, entry, (struct ubytes){NULL, 0});
}

struct merkle_hash merkle_node(const struct merkle_hash *l,
                               const struct merkle_hash *r)
{
    return hash_of(1, (struct ubytes){l->b, sizeof(l->b)},
                   (struct ubytes){r->b, sizeof(r->b)});
}

struct merkle_hash merkle_empty(void)
{
    struct merkle_hash out;

    sha256_of(NULL, 0, out.b);
    return out;
}

static int hash_is_equal(const struct merkle_hash *a,
                         const struct merkle_hash *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void merkle_frontier_init(struct merkle_frontier *f)
{
    memset(f, 0, sizeof(*f));
}

void merkle_frontier_add(struct merkle_frontier *f, const struct merkle_hash *l)
{
    struct merkle_hash h = *l;
    unsigned level = 0;

    ASSERT(f->size < UINT64_MAX);
    while ((f->size >> level & 1) != 0) {
        h = merkle_node(&f->h[level], &h);
        level++;
    }
    f->h[level] = h;
    f->size++;
}

struct merkle_hash merkle_frontier_root(const struct merkle_frontier *f)
{
    struct merkle_hash root;
    unsigned level;

    if (f->size == 0) {
        return merkle_empty();
    }
    level = (unsigned)__builtin_ctzll(f->size);
    root = f->h[level];
    for (level++; level < 64; level++) {
        if ((f->size >> level & 1) != 0) {
            root = merkle_node(&f->h[level], &root);
        }
    }
    return root;
}

/* Largest power of two strictly below n; n >= 2. */
static uint64_t split_of(uint64_t n)
{
    return (uint64_t)1 << (63 - (unsigned)__builtin_clzll(n - 1));
}

/* A range that waits for its halves; depth is the height of the tree. */
struct root_frame {
    uint64_t first;
    uint64_t n;
    int has_left;
    struct merkle_hash left;
};

struct merkle_hash merkle_root(const struct merkle_hash *leaves, uint64_t n)
{
    struct root_frame stack[65];
    struct merkle_hash done;
    unsigned depth = 1;

    if (n == 0) {
        return merkle_empty();
    }
    stack[0] = (struct root_frame){.first = 0, .n = n};
    for (;;) {
        struct root_frame *top = &stack[depth - 1];

        if (top->n > 1) {
            /* A range with its left half done waits for the right one. */
            uint64_t k = split_of(top->n);

            stack[depth++] =
                top->has_left
                    ? (struct root_frame){.first = top->first + k,
                                          .n = top->n - k}
                    : (struct root_frame){.first = top->first, .n = k};
            continue;
        }
        done = leaves[top->first];
        depth--;
        while (depth > 0 && stack[depth - 1].has_left) {
            done = merkle_node(&stack[--depth].left, &done);
        }
        if (depth == 0) {
            return done;
        }
        stack[depth - 1].left = done;
        stack[depth - 1].has_left = 1;
    }
}

/* Root of leaves [first, first + n), n > 0, where first is a multiple of the
 * smallest power of two that is at least n: complete subtrees, widest first,
 * folded from the right. */
static int range_root(uint64_t first, uint64_t n, merkle_subtree_fn fn,
                      void *ctx, struct merkle_hash *out)
{
    uint64_t end = first + n;
    unsigned level = (unsigned)__builtin_ctzll(n);
    int code = fn(ctx, level, (end >> level) - 1, out);

    if (code != 0) {
        return code;
    }
    end -= (uint64_t)1 << level;
    for (level++; level < 64; level++) {
        struct merkle_hash left;

        if ((n >> level & 1) == 0) {
            continue;
        }
        code = fn(ctx, level, (end >> level) - 1, &left);
        if (code != 0) {
            return code;
        }
        end -= (uint64_t)1 << level;
        *out = merkle_node(&left, out);
    }
    return 0;
}

/* The siblings met on the way down, root first. */
struct siblings {
    uint64_t first[MERKLE_PROOF_MAX];
    uint64_t n[MERKLE_PROOF_MAX];
    size_t count;
};

static int siblings_push(struct siblings *s, uint64_t first, uint64_t n)
{
    if (s->count == MERKLE_PROOF_MAX) {
        return ERR_TRACE(ERR_INPUT);
    }
    s->first[s->count] = first;
    s->n[s->count] = n;
    s->count++;
    return 0;
}

/* Their roots, deepest first. */
static int siblings_roots(const struct siblings *s, merkle_subtree_fn fn,
                          void *ctx, struct merkle_hash *out, size_t *out_n)
{
    size_t i;

    for (i = 0; i < s->count; i++) {
        size_t from = s->count - 1 - i;
        int code = range_root(s->first[from], s->n[from], fn, ctx, &out[i]);

        if (code != 0) {
            return code;
        }
    }
    *out_n = s->count;
    return 0;
}

int merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_subtree_fn fn,
                           void *ctx, struct merkle_hash *out, size_t *out_n)
{
    struct siblings s = {.count = 0};
    uint64_t first = 0;
    uint64_t n = size;

    if (index >= size) {
        return ERR_TRACE(ERR_INPUT);
    }
    while (n > 1) {
        uint64_t k = split_of(n);

        if (index - first < k) {
            TRY(siblings_push(&s, first + k, n - k));
            n = k;
        } else {
            TRY(siblings_push(&s, first, k));
            first += k;
            n -= k;
        }
    }
    return siblings_roots(&s, fn, ctx, out, out_n);
}

int merkle_prove_consistency(uint64_t old_size, uint64_t size,
                             merkle_subtree_fn fn, void *ctx,
                             struct merkle_hash *out, size_t *out_n)
{
    struct siblings s = {.count = 0};
    uint64_t first = 0;
    uint64_t n = size;
    uint64_t m = old_size;

    if (old_size == 0 || old_size > size) {
        return ERR_TRACE(ERR_INPUT);
    }
    while (m != n) {
        uint64_t k = split_of(n);

        if (m <= k) {
            TRY(siblings_push(&s, first + k, n - k));
            n = k;
        } else {
            TRY(siblings_push(&s, first, k));
            first += k;
            m -= k;
            n -= k;
        }
    }
    if (first != 0) {
        /* The old tree's own right edge; a whole old tree goes unsaid. */
        TRY(siblings_push(&s, first, m));
    }
    return siblings_roots(&s, fn, ctx, out, out_n);
}

int merkle_check_inclusion(uint64_t index, uint64_t size,
                           const struct merkle_hash *leaf,
                           const struct merkle_hash *proof, size_t proof_n,
                           const struct merkle_hash *root)
{
    struct merkle_hash r = *leaf;
    uint64_t fn = index;
    uint64_t sn;
    size_t i;

    if (index >= size) {
        return 0;
    }
    sn = size - 1;
    for (i = 0; i < proof_n; i++) {
        if (sn == 0) {
            return 0;
        }
        if ((fn & 1) != 0 || fn == sn) {
            r = merkle_node(&proof[i], &r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = merkle_node(&r, &proof[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && hash_is_equal(&r, root);
}

/* The walk of RFC 9162 section 2.1.4.2, with its names. */
struct walk {
    uint64_t fn;
    uint64_t sn;
};

/* Checks a consistency proof once the first hash is known. */
static int check_consistency_from(struct walk w,
                                  const struct merkle_hash *first,
                                  const struct merkle_hash *proof,
                                  size_t proof_n,
                                  const struct merkle_hash *old_root,
                                  const struct merkle_hash *root)
{
    struct merkle_hash fr = *first;
    struct merkle_hash sr = *first;
    size_t i;

    for (i = 0; i < proof_n; i++) {
        const struct merkle_hash *c = &proof[i];

        if (w.sn == 0) {
            return 0;
        }
        if ((w.fn & 1) != 0 || w.fn == w.sn) {
            fr = merkle_node(c, &fr);
            sr = merkle_node(c, &sr);
            while ((w.fn & 1) == 0 && w.fn != 0) {
                w.fn >>= 1;
                w.sn >>= 1;
            }
        } else {
            sr = merkle_node(&sr, c);
        }
        w.fn >>= 1;
        w.sn >>= 1;
    }
    return w.sn == 0 && hash_is_equal(&fr, old_root) &&
           hash_is_equal(&sr, root);
}

int merkle_check_consistency(uint64_t old_size, uint64_t size,
                             const struct merkle_hash *proof, size_t proof_n,
                             const struct merkle_hash *old_root,
                             const struct merkle_hash *root)
{
    struct walk w;

    if (old_size == 0 || old_size > size) {
        return 0;
    }
    if (old_size == size) {
        return proof_n == 0 && hash_is_equal(old_root, root);
    }
    if (proof_n == 0) {
        return 0;
    }
    w.fn = old_size - 1;
    w.sn = size - 1;
    while ((w.fn & 1) != 0) {
        w.fn >>= 1;
        w.sn >>= 1;
    }
    if ((old_size & (old_size - 1)) == 0) {
        return check_consistency_from(w, old_root, proof, proof_n, old_root,
                                      root);
    }
    return check_consistency_from(w, &proof[0], proof + 1, proof_n - 1,
                                  old_root, root);
}
