/* Panel kernels for AVX-512, and VNNI for q8_0. Runs in workers. Must never
 * change the order of a chain: vectors go over outputs, registers over rows,
 * and each output keeps its own chain over k. */
#include "workers/nn/panel_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "workers/nn/math_impl.h"

#define TARGET                                                                 \
    __attribute__((                                                            \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")))
#define INLINE TARGET static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_16 UNROLL
#else
#define UNROLL _Pragma("GCC unroll 8")
#define UNROLL_16 _Pragma("GCC unroll 16")
#endif

enum {
    LANES = 16,
    ROWS = 6,                      /* of X in registers */
    COLUMNS = PANEL_WIDTH / LANES, /* vectors of outputs */
    THIN = 9,                      /* rows of x that share one reading */
    THIN_BLOCKS = 4,
    AHEAD = 8192 /* bytes of weights to ask memory for; decoding bf16 and q8_0
                  * takes 7 % more time at 4096, 2 % more at 12288 */
};

INLINE __m512 load(enum weight_type type, const uint8_t *p)
{
    if (type == WEIGHT_F32) {
        return _mm512_loadu_ps(p);
    }
    if (type == WEIGHT_F16) {
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
    }
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

INLINE __m512 canonical_of(__m512 v)
{
    const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000));

    return _mm512_mask_mov_ps(_mm512_add_ps(v, _mm512_setzero_ps()),
                              _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), nan);
}

/* Rows [i, i + rows) by all columns of a slice. */
INLINE void slice_rows(const struct slice *s, size_t i, enum weight_type type,
                       const int rows, const int columns)
{
    const size_t bytes = type == WEIGHT_F32 ? 4 : 2;
    const float *x = s->x + i * s->x_row;
    const uint8_t *w = s->w;
    __m512 acc[ROWS][COLUMNS];

    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int c = 0; c < columns; c++) {
            acc[r][c] = _mm512_setzero_ps();
        }
    }
    for (size_t k = 0; k < s->k; k++) {
        __m512 v[COLUMNS];

        UNROLL
        for (int c = 0; c < columns; c++) {
            v[c] = load(type, w + (size_t)c * LANES * bytes);
        }
        for (size_t line = 0; line < PANEL_WIDTH * bytes; line += 64) {
            _mm_prefetch((const char *)w + AHEAD + line, _MM_HINT_T0);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            const __m512 xr = _mm512_set1_ps(x[(size_t)r * s->x_row]);

            UNROLL
            for (int c = 0; c < columns; c++) {
                acc[r][c] = _mm512_fmadd_ps(xr, v[c], acc[r][c]);
            }
        }
        x += s->x_step;
        w += s->ldw * bytes;
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        float *y = s->y + (i + (size_t)r) * s->ldy;

        UNROLL
        for (int c = 0; c < columns; c++) {
            __m512 sum = acc[r][c];

            if (s->adds) {
                sum = _mm512_add_ps(_mm512_loadu_ps(y + c * LANES), sum);
            }
            if (s->ends) {
                sum = canonical_of(sum);
            }
            _mm512_storeu_ps(y + c * LANES, sum);
        }
    }
}

/* One function per shape: registers are chosen at compile time. */
typedef void rows_fn(const struct slice *s, size_t i);

#define SHAPE(name, type, rows, columns)                                       \
    TARGET NOINLINE static void name##_##rows##_##columns(                     \
        const struct slice *s, size_t i)                                       \
    {                                                                          \
        slice_rows(s, i, type, rows, columns);                                 \
    }
#define SHAPES(name, type, columns)                                            \
    SHAPE(name, type, 1, columns)                                              \
    SHAPE(name, type, 2, columns)                                              \
    SHAPE(name, type, 3, columns)                                              \
    SHAPE(name, type, 4, columns)                                              \
    SHAPE(name, type, 5, columns)                                              \
    SHAPE(name, type, 6, columns)                                              \
    static rows_fn *const name##_##columns[ROWS] = {                           \
        name##_1_##columns, name##_2_##columns, name##_3_##columns,            \
        name##_4_##columns, name##_5_##columns, name##_6_##columns};

SHAPES(f32, WEIGHT_F32, 1)
SHAPES(f32, WEIGHT_F32, 2)
SHAPES(f32, WEIGHT_F32, 3)
SHAPES(f32, WEIGHT_F32, 4)
SHAPES(f16, WEIGHT_F16, 4)
SHAPES(bf16, WEIGHT_BF16, 4)

/* All rows, in blocks of nearly equal height. */
static void run_shapes(const struct slice *s, rows_fn *const shapes[ROWS])
{
    size_t blocks = (s->m + ROWS - 1) / ROWS;

    for (size_t i = 0; i < s->m; blocks--) {
        size_t rows = (s->m - i + blocks - 1) / blocks;

        shapes[rows - 1](s, i);
        i += rows;
    }
}

static void slice_f32(const struct slice *s)
{
    static rows_fn *const *const shapes[COLUMNS] = {f32_1, f32_2, f32_3, f32_4};

    run_shapes(s, shapes[s->n / LANES - 1]);
}

static void slice_f16(const struct slice *s)
{
    run_shapes(s, f16_4);
}

static void slice_bf16(const struct slice *s)
{
    run_shapes(s, bf16_4);
}

/* Part of a panel of contract 2. */
struct q8_part {
    size_t row;         /* the first */
    size_t block, ends; /* of K: [block, ends) */
    int c0;             /* the first vector of outputs */
    int asks;           /* for the memory that follows */
};

/* The sums of one block: bias + q w. */
INLINE void q8_sums(const struct q8_slice *s, const struct q8_part *p, size_t b,
                    __m512i sum[][COLUMNS], const int rows, const int columns)
{
    const uint8_t *w = s->w + b * Q8_PANEL_BLOCK + 2 * PANEL_WIDTH + p->c0 * 64;
    const int8_t *q = s->q + p->row * s->ldq + b * PANEL_BLOCK;

    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int c = 0; c < columns; c++) {
            sum[r][c] =
                _mm512_set1_epi32(s->bias[(p->row + (size_t)r) * s->ldd + b]);
        }
    }
    UNROLL
    for (size_t g = 0; g < PANEL_BLOCK; g += 4) {
        __m512i v[COLUMNS];

        UNROLL
        for (int c = 0; c < columns; c++) {
            v[c] = _mm512_loadu_si512(w + g * PANEL_WIDTH + c * 64);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            int32_t four;

            __builtin_memcpy(&four, q + (size_t)r * s->ldq + g, 4);
            UNROLL
            for (int c = 0; c < columns; c++) {
                sum[r][c] = _mm512_dpbusd_epi32(sum[r][c], v[c],
                                                _mm512_set1_epi32(four));
            }
        }
    }
}

/* acc += d * sum, with the scales of one block. */
INLINE void q8_scale(const struct q8_slice *s, const struct q8_part *p,
                     size_t b, __m512i sum[][COLUMNS], __m512 acc[][COLUMNS],
                     const int rows, const int columns)
{
    const uint8_t *w = s->w + b * Q8_PANEL_BLOCK + 2 * LANES * p->c0;

    UNROLL
    for (int c = 0; c < columns; c++) {
        const __m512 scale = load(WEIGHT_F16, w + 2 * LANES * c);

        UNROLL
        for (int r = 0; r < rows; r++) {
            const __m512 d = _mm512_mul_ps(
                scale, _mm512_set1_ps(s->d[(p->row + (size_t)r) * s->ldd + b]));

            acc[r][c] =
                _mm512_fmadd_ps(d, _mm512_cvtepi32_ps(sum[r][c]), acc[r][c]);
        }
    }
}

/* rows by columns of a panel: sums and results stay in registers, 2 * rows *
 * columns of the 32; what earlier blocks gave is in y. */
INLINE void q8_rows(const struct q8_slice *s, const struct q8_part *p,
                    const int rows, const int columns)
{
    float *y = s->y + p->row * s->ldy + p->c0 * LANES;
    __m512 acc[ROWS][COLUMNS];
    __m512i sum[ROWS][COLUMNS];

    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int c = 0; c < columns; c++) {
            acc[r][c] =
                p->block == 0
                    ? _mm512_setzero_ps()
                    : _mm512_loadu_ps(y + (size_t)r * s->ldy + c * LANES);
        }
    }
    for (size_t b = p->block; b < p->ends; b++) {
        const char *ahead = (const char *)s->w + b * Q8_PANEL_BLOCK + AHEAD;

        for (size_t i = 0; p->asks && i < Q8_PANEL_BLOCK; i += 64) {
            _mm_prefetch(ahead + i, _MM_HINT_T0);
        }
        q8_sums(s, p, b, sum, rows, columns);
        q8_scale(s, p, b, sum, acc, rows, columns);
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int c = 0; c < columns; c++) {
            _mm512_storeu_ps(y + (size_t)r * s->ldy + c * LANES,
                             p->ends == s->blocks ? canonical_of(acc[r][c])
                                                  : acc[r][c]);
        }
    }
}

typedef void q8_rows_fn(const struct q8_slice *s, const struct q8_part *p);

#define Q8_SHAPE(rows, columns)                                                \
    TARGET NOINLINE static void q8_##rows##_##columns(                         \
        const struct q8_slice *s, const struct q8_part *p)                     \
    {                                                                          \
        q8_rows(s, p, rows, columns);                                          \
    }
Q8_SHAPE(1, 4)
Q8_SHAPE(2, 4)
Q8_SHAPE(3, 4)
Q8_SHAPE(4, 2)
Q8_SHAPE(5, 2)
Q8_SHAPE(6, 2)

/* Few rows: the weights come from memory, so all columns at once, and some
 * blocks for all rows before the next blocks. */
static void q8_thin(const struct q8_slice *s)
{
    static q8_rows_fn *const shapes[] = {q8_1_4, q8_2_4, q8_3_4};
    size_t step = s->m <= ARRAY_N(shapes) ? s->blocks : THIN_BLOCKS;

    for (size_t b = 0; b < s->blocks; b += step) {
        size_t groups = (s->m + ARRAY_N(shapes) - 1) / ARRAY_N(shapes);
        struct q8_part p = {0, b, b + step, 0, 1};

        p.ends = p.ends < s->blocks ? p.ends : s->blocks;
        for (; p.row < s->m; groups--) {
            size_t rows = (s->m - p.row + groups - 1) / groups;

            shapes[rows - 1](s, &p);
            p.row += rows;
            p.asks = 0;
        }
    }
}

/* Many rows, 4 to 6 at a time: half a panel stays in the first cache for all
 * of them. */
static void q8_half(const struct q8_slice *s, int c0)
{
    static q8_rows_fn *const shapes[] = {q8_4_2, q8_5_2, q8_6_2};
    size_t groups = (s->m + ROWS - 1) / ROWS;
    struct q8_part p = {0, 0, s->blocks, c0, c0 == 0};

    for (; p.row < s->m; groups--) {
        size_t rows = (s->m - p.row + groups - 1) / groups;

        shapes[rows - 4](s, &p);
        p.row += rows;
        p.asks = 0;
    }
}

static void q8(const struct q8_slice *s)
{
    if (s->m <= THIN) {
        q8_thin(s);
    } else {
        q8_half(s, 0);
        q8_half(s, 2);
    }
}

/* Sixteen rows by sixteen columns, transposed in registers: in each round pairs
 * of rows `step` apart swap their halves of 2 * step columns. */
INLINE void turn_square(__m512i v[LANES])
{
    const __m512i lane =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    UNROLL
    for (int step = 1; step < LANES; step *= 2) {
        const __mmask16 odd =
            _mm512_test_epi32_mask(lane, _mm512_set1_epi32(step));
        const __m512i by = _mm512_set1_epi32(step);
        /* Of permutex2var: 16 and more mean the second vector. */
        const __m512i low = _mm512_mask_add_epi32(
            lane, odd, lane, _mm512_set1_epi32(LANES - step));
        const __m512i high = _mm512_mask_add_epi32(
            _mm512_add_epi32(lane, by), odd, lane, _mm512_set1_epi32(LANES));

        UNROLL_16
        for (int i = 0; i < LANES; i++) {
            if ((i & step) == 0) {
                const __m512i a = v[i], b = v[i + step];

                v[i] = _mm512_permutex2var_epi32(a, low, b);
                v[i + step] = _mm512_permutex2var_epi32(a, high, b);
            }
        }
    }
}

TARGET static void transpose16(const float *const rows[LANES], size_t n,
                               size_t k, float *out, size_t ld)
{
    const __mmask16 some = (__mmask16)((1u << n) - 1);

    for (size_t j = 0; j < k; j += LANES) {
        __m512i v[LANES];

        UNROLL_16
        for (int i = 0; i < LANES; i++) {
            v[i] = _mm512_loadu_si512(rows[i] + j);
        }
        turn_square(v);
        UNROLL_16
        for (int i = 0; i < LANES; i++) {
            _mm512_mask_storeu_epi32(out + (j + (size_t)i) * ld, some, v[i]);
        }
    }
}

const struct panel_kernels *panel_avx512(void)
{
    static const struct panel_kernels with_vnni = {
        .slice = {slice_f32, slice_f16, slice_bf16},
        .q8 = q8,
        .transpose = transpose16};
    static const struct panel_kernels without = {
        .slice = {slice_f32, slice_f16, slice_bf16}, .transpose = transpose16};

    if (!math_has(PANEL_AVX512)) {
        return NULL;
    }
    return __builtin_cpu_supports("avx512vnni") ? &with_vnni : &without;
}

#else

const struct panel_kernels *panel_avx512(void)
{
    return NULL;
}

#endif
