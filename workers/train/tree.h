/* Sums of vectors in a fixed tree: ((0 + 1) + (2 + 3)) + (4 + 5) ...; what is left
 * over at the end joins from the right. The tree hangs on the number of leaves
 * alone, so whoever adds them up gets the same bits, in whole vectors or in pieces
 * of any width. Worker train only. */
#ifndef WORKERS_TRAIN_TREE_H
#define WORKERS_TRAIN_TREE_H

#include "proto/base.h"

/* Leaves come one after the other; at most log2(leaves) + 1 vectors are held. */
struct tree {
    float *levels; /* owned: depth vectors of width floats */
    size_t width;
    size_t depth;
    size_t held; /* sums that wait */
    uint64_t leaves;
};

/* Bytes that tree_init allocates for so many leaves at most, 1 or more. */
uint64_t tree_bytes(uint64_t leaves_max, size_t width);
int tree_init(struct tree *t, uint64_t leaves_max, size_t width) MUST_USE;
void tree_release(struct tree *t); /* of one all zero, too */

/* Forgets all leaves. */
void tree_reset(struct tree *t);
/* Where the next leaf is written, before tree_add. */
float *tree_leaf(const struct tree *t);
void tree_add(struct tree *t);
/* The sum, after at least one leaf: the tree's, until the next reset. */
float *tree_sum(struct tree *t);

#endif
