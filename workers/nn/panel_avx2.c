/* Panel kernels for AVX2 with FMA and F16C. Runs in workers. Must never change
 * the order of a chain: vectors go over outputs, registers over rows, and each
 * output keeps its own chain over k. */
#include "workers/nn/panel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "workers/nn/math_impl.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE TARGET static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

enum {
    LANES = 8,
    ROWS = 6,    /* of X in registers, with two vectors of outputs */
    COLUMNS = 8, /* vectors of outputs in registers, with one row of X */
    AHEAD = 2048 /* bytes of weights to ask memory for */
};

INLINE __m256 load(enum weight_type type, const uint8_t *p)
{
    if (type == WEIGHT_F32) {
        return _mm256_loadu_ps((const float *)p);
    }
    if (type == WEIGHT_F16) {
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}

INLINE __m256 canonical_of(__m256 v)
{
    const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000));

    return _mm256_blendv_ps(_mm256_add_ps(v, _mm256_setzero_ps()), nan,
                            _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
}

/* Rows [i, i + rows) by `columns` vectors of outputs from n0. */
INLINE void slice_part(const struct slice *s, size_t i, size_t n0,
                       enum weight_type type, const int rows, const int columns)
{
    const size_t bytes = type == WEIGHT_F32 ? 4 : 2;
    const float *x = s->x + i * s->x_row;
    const uint8_t *w = (const uint8_t *)s->w + n0 * bytes;
    __m256 acc[ROWS][COLUMNS];

    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int c = 0; c < columns; c++) {
            acc[r][c] = _mm256_setzero_ps();
        }
    }
    for (size_t k = 0; k < s->k; k++) {
        __m256 v[COLUMNS];

        UNROLL
        for (int c = 0; c < columns; c++) {
            v[c] = load(type, w + (size_t)c * LANES * bytes);
        }
        for (size_t line = 0; line < (size_t)columns * LANES * bytes;
             line += 64) {
            _mm_prefetch((const char *)w + AHEAD + line, _MM_HINT_T0);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            const __m256 xr = _mm256_set1_ps(x[(size_t)r * s->x_row]);

            UNROLL
            for (int c = 0; c < columns; c++) {
                acc[r][c] = _mm256_fmadd_ps(xr, v[c], acc[r][c]);
            }
        }
        x += s->x_step;
        w += s->ldw * bytes;
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        float *y = s->y + (i + (size_t)r) * s->ldy + n0;

        UNROLL
        for (int c = 0; c < columns; c++) {
            __m256 sum = acc[r][c];

            if (s->adds) {
                sum = _mm256_add_ps(_mm256_loadu_ps(y + c * LANES), sum);
            }
            if (s->ends) {
                sum = canonical_of(sum);
            }
            _mm256_storeu_ps(y + c * LANES, sum);
        }
    }
}

INLINE void slice_all(const struct slice *s, enum weight_type type)
{
    size_t i = 0;

    for (; s->m - i >= ROWS; i += ROWS) {
        for (size_t n = 0; n < s->n; n += 2 * LANES) {
            slice_part(s, i, n, type, ROWS, 2);
        }
    }
    for (; s->m - i >= 3; i += 3) {
        for (size_t n = 0; n < s->n; n += 2 * LANES) {
            slice_part(s, i, n, type, 3, 2);
        }
    }
    for (; i < s->m; i++) {
        size_t n = 0;

        for (; s->n - n >= PANEL_WIDTH; n += PANEL_WIDTH) {
            slice_part(s, i, n, type, 1, COLUMNS);
        }
        for (; n < s->n; n += 2 * LANES) {
            slice_part(s, i, n, type, 1, 2);
        }
    }
}

TARGET static void slice_f32(const struct slice *s)
{
    slice_all(s, WEIGHT_F32);
}

TARGET static void slice_f16(const struct slice *s)
{
    slice_all(s, WEIGHT_F16);
}

TARGET static void slice_bf16(const struct slice *s)
{
    slice_all(s, WEIGHT_BF16);
}

/* Sums of four products each, w + 128 unsigned by x signed. |w| <= 128 and |x|
 * <= 127: two products fit 16 bits. */
INLINE __m256i dot4(__m256i sum, __m256i unsigned_w, __m256i x)
{
    const __m256i w =
        _mm256_xor_si256(unsigned_w, _mm256_set1_epi8((char)0x80));
    const __m256i pairs =
        _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));

    return _mm256_add_epi32(sum,
                            _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* `rows` rows by 16 outputs. */
INLINE void q8_part(const struct q8_slice *s, size_t i, size_t n0,
                    const int rows)
{
    __m256 acc[3][2];

    UNROLL
    for (int r = 0; r < rows; r++) {
        acc[r][0] = _mm256_setzero_ps();
        acc[r][1] = _mm256_setzero_ps();
    }
    for (size_t b = 0; b < s->blocks; b++) {
        const uint8_t *w = s->w + b * Q8_PANEL_BLOCK;
        __m256i sum[3][2];

        UNROLL
        for (int r = 0; r < rows; r++) {
            sum[r][0] = _mm256_setzero_si256();
            sum[r][1] = _mm256_setzero_si256();
        }
        for (size_t g = 0; g < PANEL_BLOCK / 4; g++) {
            const uint8_t *p = w + 2 * PANEL_WIDTH + (g * PANEL_WIDTH + n0) * 4;

            UNROLL
            for (int r = 0; r < rows; r++) {
                int32_t four;

                __builtin_memcpy(&four,
                                 s->q + (i + (size_t)r) * s->ldq +
                                     b * PANEL_BLOCK + 4 * g,
                                 4);
                UNROLL
                for (int c = 0; c < 2; c++) {
                    sum[r][c] =
                        dot4(sum[r][c],
                             _mm256_loadu_si256((const __m256i *)(p + c * 32)),
                             _mm256_set1_epi32(four));
                }
            }
        }
        UNROLL
        for (int c = 0; c < 2; c++) {
            const __m256 scale =
                load(WEIGHT_F16, w + 2 * (n0 + (size_t)c * LANES));

            UNROLL
            for (int r = 0; r < rows; r++) {
                __m256 d = _mm256_mul_ps(
                    scale, _mm256_set1_ps(s->d[(i + (size_t)r) * s->ldd + b]));

                acc[r][c] = _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(sum[r][c]),
                                            acc[r][c]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        float *y = s->y + (i + (size_t)r) * s->ldy + n0;

        _mm256_storeu_ps(y, canonical_of(acc[r][0]));
        _mm256_storeu_ps(y + LANES, canonical_of(acc[r][1]));
    }
}

TARGET static void q8(const struct q8_slice *s)
{
    for (size_t n = 0; n < PANEL_WIDTH; n += 2 * LANES) {
        size_t i = 0;

        for (; s->m - i >= 3; i += 3) {
            q8_part(s, i, n, 3);
        }
        for (; i < s->m; i++) {
            q8_part(s, i, n, 1);
        }
    }
}

const struct panel_kernels *panel_avx2(void)
{
    static const struct panel_kernels kernels = {
        .slice = {slice_f32, slice_f16, slice_bf16},
        .q8 = q8};

    return math_has(PANEL_AVX2) ? &kernels : NULL;
}

#else

const struct panel_kernels *panel_avx2(void)
{
    return NULL;
}

#endif
