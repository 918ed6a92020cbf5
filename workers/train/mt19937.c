/* numpy's legacy random numbers (mt19937.h). Runs in the train worker. Must never
 * be changed in a bit: tests hold it against numpy's own numbers. */
#include "workers/train/mt19937.h"

#include <math.h>

#define SHIFT 397u

void mt19937_init(struct mt19937 *m, uint32_t seed)
{
    m->state_[0] = seed;
    for (uint32_t i = 1; i < MT19937_WORDS; i++) {
        uint32_t last = m->state_[i - 1];

        m->state_[i] = UINT32_C(1812433253) * (last ^ last >> 30) + i;
    }
    m->at_ = MT19937_WORDS;
    m->has_cached_ = 0;
    m->cached_ = 0;
}

static inline uint32_t twist(uint32_t at, uint32_t next, uint32_t far)
{
    uint32_t y = (at & UINT32_C(0x80000000)) | (next & UINT32_C(0x7fffffff));

    return far ^ y >> 1 ^ ((0 - (y & 1)) & UINT32_C(0x9908b0df));
}

/* In three pieces, so that no index is taken round the end. */
static void refill(struct mt19937 *m)
{
    uint32_t *s = m->state_;

    for (uint32_t i = 0; i < MT19937_WORDS - SHIFT; i++) {
        s[i] = twist(s[i], s[i + 1], s[i + SHIFT]);
    }
    for (uint32_t i = MT19937_WORDS - SHIFT; i < MT19937_WORDS - 1; i++) {
        s[i] = twist(s[i], s[i + 1], s[i + SHIFT - MT19937_WORDS]);
    }
    s[MT19937_WORDS - 1] = twist(s[MT19937_WORDS - 1], s[0], s[SHIFT - 1]);
    m->at_ = 0;
}

static inline uint32_t draw(struct mt19937 *m)
{
    uint32_t y;

    if (m->at_ == MT19937_WORDS) {
        refill(m);
    }
    y = m->state_[m->at_++];
    y ^= y >> 11;
    y ^= y << 7 & UINT32_C(0x9d2c5680);
    y ^= y << 15 & UINT32_C(0xefc60000);
    return y ^ y >> 18;
}

uint32_t mt19937_u32(struct mt19937 *m)
{
    return draw(m);
}

static inline double draw_double(struct mt19937 *m)
{
    double a = (double)(draw(m) >> 5);
    double b = (double)(draw(m) >> 6);

    return (a * 67108864.0 + b) / 9007199254740992.0;
}

double mt19937_double(struct mt19937 *m)
{
    return draw_double(m);
}

double mt19937_normal(struct mt19937 *m)
{
    double x1;
    double x2;
    double r2;
    double f;

    if (m->has_cached_) {
        m->has_cached_ = 0;
        return m->cached_;
    }
    do {
        x1 = 2.0 * draw_double(m) - 1.0;
        x2 = 2.0 * draw_double(m) - 1.0;
        r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1.0 || r2 == 0.0);
    f = sqrt(-2.0 * log(r2) / r2);
    m->cached_ = f * x1;
    m->has_cached_ = 1;
    return f * x2;
}

void mt19937_shuffle(struct mt19937 *m, uint32_t *v, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        uint32_t mask = UINT32_MAX >> __builtin_clz((uint32_t)i);
        uint32_t j;
        uint32_t kept;

        do {
            j = draw(m) & mask;
        } while (j > i);
        kept = v[i];
        v[i] = v[j];
        v[j] = kept;
    }
}
