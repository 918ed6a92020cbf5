/* Fresh inputs that look like those of the examples, drawn from a fixed seed: where
 * programs that fit the examples may differ. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_solve.h"

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 0x2545f4914f6cdd1du;
}

static uint64_t draw_word(uint64_t *seed, uint8_t code, uint32_t probe,
                          uint64_t like)
{
    unsigned bits = 8u * (code & 0x7fu);
    uint64_t v = draw(seed);

    if (probe == 1) {
        v = like ^ (uint64_t)1 << (v & (bits - 1)); /* a neighbour */
    } else if (probe == 2) {
        v &= 0xff;
    } else if (probe == 3) {
        v &= draw(seed) & draw(seed);
    }
    if (bits == 64) {
        return v;
    }
    v &= ((uint64_t)1 << bits) - 1;
    if ((code & TYPE_UNSIGNED) == 0 && v >> (bits - 1) != 0) {
        v |= ~(uint64_t)0 << bits;
    }
    return v;
}

/* Is it a letter or digit of this kind? 0, else the first of its kind. */
static uint8_t kind_of(uint8_t c)
{
    return c >= 'a' && c <= 'z'   ? 'a'
           : c >= 'A' && c <= 'Z' ? 'A'
           : c >= '0' && c <= '9' ? '0'
                                  : 0;
}

/* Other letters for letters, other digits for digits, some runs longer. */
static uint64_t draw_text(uint64_t *seed, struct problem *p, uint64_t like)
{
    struct pool_item is = *pool_at(&p->pool, like);
    uint8_t text[SYNTH_SEQUENCE_MAX];
    uint32_t n = 0;

    for (uint32_t i = 0; i < is.n && n + 2 < sizeof(text); i++) {
        uint8_t first = kind_of(is.p[i]);
        uint32_t times = first != 0 && draw(seed) % 6 == 0 ? 2 : 1;

        for (uint32_t k = 0; k < times; k++) {
            uint64_t other = draw(seed) % (first == '0' ? 10 : 26);

            text[n++] = first == 0 ? is.p[i] : (uint8_t)(first + other);
        }
    }
    return pool_text(&p->pool, text, n);
}

static uint64_t draw_list(uint64_t *seed, struct problem *p, uint64_t like)
{
    struct pool_item is = *pool_at(&p->pool, like);
    int64_t v[64];
    uint32_t n = (uint32_t)(draw(seed) % 8) + (is.n < 8 ? is.n / 2 : 4);

    for (uint32_t i = 0; i < n; i++) {
        int64_t x = 0;

        if (is.n > 0) {
            memcpy(&x, is.p + (draw(seed) % is.n) * sizeof(x), sizeof(x));
        }
        v[i] = (int64_t)((uint64_t)x + draw(seed) % 7 - 3);
    }
    return pool_list(&p->pool, v, n);
}

int probes_make(struct search *s)
{
    struct problem *p = &s->p;
    uint64_t seed = 0x9e3779b97f4a7c15u;

    if (!p->task->evidence) {
        return 0;
    }
    s->probes_n = SYNTH_PROBES;
    for (uint32_t k = 0; k < p->params_n; k++) {
        for (uint32_t i = 0; i < SYNTH_PROBES; i++) {
            uint64_t like = p->params[(size_t)k * p->examples_n +
                                      draw(&seed) % p->examples_n];
            uint64_t *out = &s->probes[k * SYNTH_PROBES + i];

            switch (p->shapes[k].letter) {
            case 'b':
                *out = draw(&seed) >> 63;
                break;
            case 'w':
                *out = draw_word(&seed, p->shapes[k].code, i, like);
                break;
            case 's':
                *out = draw_text(&seed, p, like);
                break;
            default:
                *out = draw_list(&seed, p, like);
                break;
            }
            if (p->shapes[k].letter > 'b' && p->shapes[k].letter != 'w' &&
                *out == SYNTH_NO_VALUE) {
                return ERR_NOMEM;
            }
        }
    }
    return 0;
}
