/* The random numbers of numpy's RandomState (numpy.random.seed, normal, shuffle),
 * bit for bit, for whoever holds results against numpy's: the Mersenne twister of
 * Matsumoto and Nishimura (1998), doubles of 53 bits, normals by Marsaglia's polar
 * method. Not for anything new: that draws from workers/nn/draw.h. Pure. Workers
 * only. */
#ifndef WORKERS_TRAIN_MT19937_H
#define WORKERS_TRAIN_MT19937_H

#include "proto/base.h"

#define MT19937_WORDS 624u

struct mt19937 {
    uint32_t state_[MT19937_WORDS];
    uint32_t at_;
    int has_cached_;
    double cached_; /* the second normal of a pair */
};

void mt19937_init(struct mt19937 *m, uint32_t seed);
uint32_t mt19937_u32(struct mt19937 *m);
/* In [0, 1). */
double mt19937_double(struct mt19937 *m);
/* Standard normal; numpy's normal(mu, sd) is mu + sd * this. */
double mt19937_normal(struct mt19937 *m);
/* As numpy shuffles a sequence of n; n <= 2^32 - 1. */
void mt19937_shuffle(struct mt19937 *m, uint32_t *v, size_t n);

#endif
