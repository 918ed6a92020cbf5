/* Rotary positions. Runs in workers. Must never take an angle from libm. */
#include "workers/nn/rope.h"

#include <math.h>
#include <stdlib.h>

#include "proto/err.h"
#include "workers/nn/math_impl.h"

struct rope {
    enum rope_pairs pairs;
    uint32_t half;
    double magnitude;
    double f[ROPE_DIMS_MAX / 2];
};

static int is_between(double v, double least, double most)
{
    return v >= least && v <= most; /* NaN is not */
}

static int is_sound(const struct rope_spec *s)
{
    if (s->dims < 2 || s->dims > ROPE_DIMS_MAX || s->dims % 2 != 0 ||
        !is_between(s->freq_base, 1.000001, 1e15)) {
        return 0;
    }
    for (size_t i = 0; s->factors != NULL && i < s->dims / 2; i++) {
        if (!is_between((double)s->factors[i], 1e-6, 1e6)) {
            return 0;
        }
    }
    if (s->scaling == ROPE_SCALING_NONE) {
        return 1;
    }
    return is_between(s->factor, 1e-3, 1e6) &&
           (s->scaling != ROPE_SCALING_YARN ||
            (s->original_context >= 1 &&
             is_between(s->attention_factor, 0, 1e3) &&
             is_between(s->beta_fast, 0, 1e6) &&
             is_between(s->beta_slow, 0, 1e6)));
}

/* The pair (as a real number) that turns `turns` times in the original
 * context. */
static double pair_turning(const struct rope_spec *s, double turns)
{
    return (double)s->dims *
           math_log((double)s->original_context / (turns * 6.283185307179586)) /
           (2.0 * math_log(s->freq_base));
}

/* Where a pair stands on yarn's ramp: 1 = scaled, 0 = as it is. */
static double scaled_part(const struct rope_spec *s, uint32_t i)
{
    double fast = s->beta_fast == 0 ? 32.0 : s->beta_fast;
    double slow = s->beta_slow == 0 ? 1.0 : s->beta_slow;
    double low = floor(pair_turning(s, fast));
    double high = ceil(pair_turning(s, slow));
    double at;

    low = low < 0 ? 0 : low;
    high = high > (double)(s->dims - 1) ? (double)(s->dims - 1) : high;
    at = ((double)i - low) / (high - low < 0.001 ? 0.001 : high - low);
    return at < 0 ? 0 : at > 1 ? 1 : at;
}

static double frequency(const struct rope_spec *s, uint32_t i)
{
    double f =
        math_exp(-2.0 * (double)i / (double)s->dims * math_log(s->freq_base));
    double part;

    if (s->factors != NULL) {
        f /= (double)s->factors[i];
    }
    if (s->scaling == ROPE_SCALING_NONE) {
        return f;
    }
    part = s->scaling == ROPE_SCALING_LINEAR ? 1.0 : scaled_part(s, i);
    return f / s->factor * part + f * (1.0 - part);
}

int nn_rope_new(const struct rope_spec *s, struct rope **out)
{
    struct rope *r;

    *out = NULL;
    if (!is_sound(s)) {
        return ERR_TRACE(ERR_INPUT);
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    r->pairs = s->pairs;
    r->half = s->dims / 2;
    r->magnitude = 1.0;
    if (s->scaling == ROPE_SCALING_YARN) {
        r->magnitude = (s->attention_factor == 0 ? 1.0 : s->attention_factor) *
                       (1.0 + 0.1 * math_log(s->factor));
    }
    for (uint32_t i = 0; i < r->half; i++) {
        r->f[i] = frequency(s, i);
    }
    *out = r;
    return 0;
}

void nn_rope_free(struct rope *r)
{
    free(r);
}

void nn_rope_row(const struct rope *r, uint64_t position, float *out)
{
    ASSERT(position < ROPE_POSITION_MAX);
    for (uint32_t i = 0; i < r->half; i++) {
        double s, c;

        math_sin_cos((double)position * r->f[i], &s, &c);
        out[i] = (float)(c * r->magnitude);
        out[r->half + i] = (float)(s * r->magnitude);
    }
}

void nn_rope_apply(const struct rope *r, const float *row, float *head)
{
    size_t step = r->pairs == ROPE_NORM ? 2 : 1;
    size_t other = r->pairs == ROPE_NORM ? 1 : r->half;

    for (size_t i = 0; i < r->half; i++) {
        float a = head[i * step], b = head[i * step + other];
        float c = row[i], s = row[r->half + i];

        head[i * step] = a * c - b * s;
        head[i * step + other] = a * s + b * c;
    }
}

void nn_rope_back(const struct rope *r, const float *row, float *head)
{
    size_t step = r->pairs == ROPE_NORM ? 2 : 1;
    size_t other = r->pairs == ROPE_NORM ? 1 : r->half;

    for (size_t i = 0; i < r->half; i++) {
        float a = head[i * step], b = head[i * step + other];
        float c = row[i], s = row[r->half + i];

        head[i * step] = a * c + b * s;
        head[i * step + other] = b * c - a * s;
    }
}
