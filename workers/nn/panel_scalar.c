/* The contracts as plainly as they can be written: the last fallback, and what
 * nn_prove compares with. Runs in workers. Must never be written for speed. */
#include <math.h>
#include <string.h>

#include "workers/nn/math_impl.h"
#include "workers/nn/panel_impl.h"

#define INLINE static inline __attribute__((always_inline))

INLINE float f16_of(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 0x3ff;
    uint32_t wide = sign | (exponent + 112) << 23 | fraction << 13;
    float v;

    if (exponent == 0) {
        v = (float)fraction * 0x1p-24f;
        return sign != 0 ? -v : v;
    }
    if (exponent == 31) {
        wide = sign | 0x7f800000 | fraction << 13;
    }
    memcpy(&v, &wide, sizeof(v));
    return v;
}

INLINE float bf16_of(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float v;

    memcpy(&v, &wide, sizeof(v));
    return v;
}

float f16_widen(uint16_t bits)
{
    return f16_of(bits);
}

float bf16_widen(uint16_t bits)
{
    return bf16_of(bits);
}

float canonical(float v)
{
    static const uint32_t nan_bits = 0x7fc00000;

    if (v != v) {
        memcpy(&v, &nan_bits, sizeof(v));
        return v;
    }
    return v + 0.0f;
}

INLINE float weight(enum weight_type type, const void *w, size_t at)
{
    return type == WEIGHT_F32   ? ((const float *)w)[at]
           : type == WEIGHT_F16 ? f16_of(((const uint16_t *)w)[at])
                                : bf16_of(((const uint16_t *)w)[at]);
}

INLINE void slice_of(const struct slice *s, enum weight_type type)
{
    for (size_t i = 0; i < s->m; i++) {
        const float *x = s->x + i * s->x_row;
        float *y = s->y + i * s->ldy;
        float acc[PANEL_WIDTH] = {0};

        for (size_t k = 0; k < s->k; k++) {
            for (size_t j = 0; j < s->n; j++) {
                acc[j] =
                    __builtin_fmaf(x[k * s->x_step],
                                   weight(type, s->w, k * s->ldw + j), acc[j]);
            }
        }
        for (size_t j = 0; j < s->n; j++) {
            y[j] = s->adds ? y[j] + acc[j] : acc[j];
            y[j] = s->ends ? canonical(y[j]) : y[j];
        }
    }
}

static void slice_plain(const struct slice *s, enum weight_type type)
{
    slice_of(s, type);
}

#if defined(__x86_64__)
/* The same source, with the instruction for fmaf: same bits, less time. */
__attribute__((target("avx2,fma"))) static void slice_fma(const struct slice *s,
                                                          enum weight_type type)
{
    switch (type) {
    case WEIGHT_F32:
        slice_of(s, WEIGHT_F32);
        break;
    case WEIGHT_F16:
        slice_of(s, WEIGHT_F16);
        break;
    case WEIGHT_BF16:
    case WEIGHT_Q8_0:
    case WEIGHT_TYPES_N:
    default:
        slice_of(s, WEIGHT_BF16);
        break;
    }
}
#endif

static void slice(const struct slice *s, enum weight_type type)
{
#if defined(__x86_64__)
    if (math_has(PANEL_AVX2)) {
        slice_fma(s, type);
        return;
    }
#endif
    slice_plain(s, type);
}

static void slice_f32(const struct slice *s)
{
    slice(s, WEIGHT_F32);
}

static void slice_f16(const struct slice *s)
{
    slice(s, WEIGHT_F16);
}

static void slice_bf16(const struct slice *s)
{
    slice(s, WEIGHT_BF16);
}

static int32_t q8_sum(const uint8_t *quants, const int8_t *q, size_t j)
{
    int32_t sum = 0;

    for (size_t i = 0; i < PANEL_BLOCK; i++) {
        sum += ((int32_t)quants[(i / 4 * PANEL_WIDTH + j) * 4 + i % 4] - 128) *
               q[i];
    }
    return sum;
}

static void q8(const struct q8_slice *s)
{
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < PANEL_WIDTH; j++) {
            float acc = 0;

            for (size_t b = 0; b < s->blocks; b++) {
                const uint8_t *w = s->w + b * Q8_PANEL_BLOCK;
                uint16_t scale;

                memcpy(&scale, w + 2 * j, sizeof(scale));
                acc =
                    fmaf(f16_widen(scale) * s->d[i * s->ldd + b],
                         (float)q8_sum(w + 2 * PANEL_WIDTH,
                                       s->q + i * s->ldq + b * PANEL_BLOCK, j),
                         acc);
            }
            s->y[i * s->ldy + j] = canonical(acc);
        }
    }
}

const struct panel_kernels *panel_scalar(void)
{
    static const struct panel_kernels kernels = {
        .slice = {slice_f32, slice_f16, slice_bf16},
        .q8 = q8};

    return &kernels;
}
