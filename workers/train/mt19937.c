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

static void refill(struct mt19937 *m)
{
    for (uint32_t i = 0; i < MT19937_WORDS; i++) {
        uint32_t y = (m->state_[i] & UINT32_C(0x80000000)) |
                     (m->state_[(i + 1) % MT19937_WORDS] & UINT32_C(0x7fffffff));

        m->state_[i] = m->state_[(i + SHIFT) % MT19937_WORDS] ^ y >> 1 ^
                       ((y & 1) != 0 ? UINT32_C(0x9908b0df) : 0);
    }
    m->at_ = 0;
}

uint32_t mt19937_u32(struct mt19937 *m)
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

double mt19937_double(struct mt19937 *m)
{
    double a = (double)(mt19937_u32(m) >> 5);
    double b = (double)(mt19937_u32(m) >> 6);

    return (a * 67108864.0 + b) / 9007199254740992.0;
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
        x1 = 2.0 * mt19937_double(m) - 1.0;
        x2 = 2.0 * mt19937_double(m) - 1.0;
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
            j = mt19937_u32(m) & mask;
        } while (j > i);
        kept = v[i];
        v[i] = v[j];
        v[j] = kept;
    }
}
