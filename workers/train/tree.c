/* Sums in a fixed tree, as a binary counter carries. Runs in worker-train. */
#include "workers/train/tree.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/wide.h"

static size_t depth_of(uint64_t leaves_max)
{
    size_t depth = 1;

    while (leaves_max > 1) {
        leaves_max /= 2;
        depth++;
    }
    return depth;
}

uint64_t tree_bytes(uint64_t leaves_max, size_t width)
{
    return (width * (uint64_t)sizeof(float) * depth_of(leaves_max) + 63) / 64 *
           64;
}

int tree_init(struct tree *t, uint64_t leaves_max, size_t width)
{
    memset(t, 0, sizeof(*t));
    t->levels = aligned_alloc(64, tree_bytes(leaves_max, width));
    if (t->levels == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->width = width;
    t->depth = depth_of(leaves_max);
    return 0;
}

void tree_release(struct tree *t)
{
    free(t->levels);
    memset(t, 0, sizeof(*t));
}

void tree_reset(struct tree *t)
{
    t->held = 0;
    t->leaves = 0;
}

float *tree_leaf(const struct tree *t)
{
    ASSERT(t->held < t->depth);
    return t->levels + t->held * t->width;
}

INLINE void add_body(float *restrict to, const float *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}
VARIANTS_STATIC(void, , add,
                (float *restrict to, const float *restrict from, size_t n),
                (to, from, n))

/* The last sum joins the one before. */
static void join(struct tree *t)
{
    float *to = t->levels + (t->held - 2) * t->width;

    add(to, to + t->width, t->width);
    t->held--;
}

void tree_add(struct tree *t)
{
    t->held++;
    t->leaves++;
    for (uint64_t n = t->leaves; n % 2 == 0; n /= 2) {
        join(t);
    }
}

float *tree_sum(struct tree *t)
{
    ASSERT(t->held > 0);
    while (t->held > 1) {
        join(t);
    }
    return t->levels;
}
