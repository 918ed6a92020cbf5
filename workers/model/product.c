/* Matrix products with fixed bits. Runs in the model worker. Must never call
 * OpenBLAS with more than PRODUCT_SMALL multiply-adds (it would leave the path
 * that was proven, and ask the kernel for memory inside the filter). */
#include "workers/model/product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The one function of OpenBLAS that is used (cblas.h, OpenBLAS 0.3.21).
 * Row-major = 101, no transposition = 111, transposition = 112. */
extern void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n,
                        int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);

/* How OpenBLAS chooses its kernels, asked for once more: 0.3.21 takes a
 * processor newer than itself for a Haswell, whose kernels do not keep the
 * contract. */
extern void gotoblas_dynamic_init(void);
extern void gotoblas_dynamic_quit(void);

/* One slice of one panel: y (m, ldy) = or += x w. xt has m columns. */
typedef void slice_fn(const float *xt, size_t m, size_t slice_k,
                      const float *panel, int adds, float *y, size_t ldy);

static inline __attribute__((always_inline)) void
chain_slice(const float *xt, size_t m, size_t slice_k, const float *panel,
            int adds, float *y, size_t ldy)
{
    for (size_t i = 0; i < m; i++) {
        float acc[PRODUCT_PANEL] = {0};
        float *row = y + i * ldy;

        for (size_t k = 0; k < slice_k; k++) {
            const float x = xt[k * m + i];

            for (size_t j = 0; j < PRODUCT_PANEL; j++) {
                acc[j] = fmaf(x, panel[k * PRODUCT_PANEL + j], acc[j]);
            }
        }
        for (size_t j = 0; j < PRODUCT_PANEL; j++) {
            row[j] = adds ? row[j] + acc[j] : acc[j];
        }
    }
}

static void chain_plain(const float *xt, size_t m, size_t slice_k,
                        const float *panel, int adds, float *y, size_t ldy)
{
    chain_slice(xt, m, slice_k, panel, adds, y, ldy);
}

#if defined(__x86_64__)
/* The same source, with the instruction for fmaf: same bits, less time. */
__attribute__((target("avx2,fma"))) static void
chain_fma(const float *xt, size_t m, size_t slice_k, const float *panel,
          int adds, float *y, size_t ldy)
{
    chain_slice(xt, m, slice_k, panel, adds, y, ldy);
}
#endif

static void chain(const float *xt, size_t m, size_t slice_k, const float *panel,
                  int adds, float *y, size_t ldy)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        chain_fma(xt, m, slice_k, panel, adds, y, ldy);
        return;
    }
#endif
    chain_plain(xt, m, slice_k, panel, adds, y, ldy);
}

static void openblas(const float *xt, size_t m, size_t slice_k,
                     const float *panel, int adds, float *y, size_t ldy)
{
    ASSERT(m * slice_k * PRODUCT_PANEL <= PRODUCT_SMALL);
    cblas_sgemm(101, 112, 111, (int)m, (int)PRODUCT_PANEL, (int)slice_k, 1.0f,
                xt, (int)m, panel, (int)PRODUCT_PANEL, adds ? 1.0f : 0.0f, y,
                (int)ldy);
}

static slice_fn *slice_function(enum product_kernel kernel)
{
    return kernel == PRODUCT_OPENBLAS ? openblas : chain;
}

size_t product_padded(size_t n)
{
    return (n + PRODUCT_PANEL - 1) / PRODUCT_PANEL * PRODUCT_PANEL;
}

void product_pack(const float *w, size_t n, size_t k, float *packed)
{
    for (size_t p = 0; p < product_padded(n); p += PRODUCT_PANEL) {
        for (size_t i = 0; i < k; i++) {
            for (size_t j = p; j < p + PRODUCT_PANEL; j++) {
                *packed++ = j < n ? w[j * k + i] : 0.0f;
            }
        }
    }
}

void product_run(enum product_kernel kernel, const float *xt, size_t m,
                 size_t k, const float *packed, size_t n, float *y)
{
    slice_fn *slice = slice_function(kernel);
    size_t ldy = product_padded(n);

    ASSERT(m >= 1 && m <= PRODUCT_TILE && k >= 1 && n >= 1);
    for (size_t p = 0; p < ldy; p += PRODUCT_PANEL) {
        for (size_t k0 = 0; k0 < k; k0 += PRODUCT_SLICE) {
            size_t left = k - k0;
            size_t slice_k = left < PRODUCT_SLICE ? left : PRODUCT_SLICE;

            slice(xt + k0 * m, m, slice_k, packed + p * k + k0 * PRODUCT_PANEL,
                  k0 > 0, y + p, ldy);
        }
    }
}

/* Random numbers of many magnitudes, both signs, some exact zeros. */
static float probe_number(uint64_t *state)
{
    uint64_t x = *state;
    int exponent;
    float v;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    exponent = (int)(x >> 60) - 8;
    v = (float)((int64_t)(x >> 16 & 0xffffff) - 0x800000) / 8388608.0f;
    return (x & 0x3f) == 0 ? 0.0f : ldexpf(v, exponent);
}

static void probe_fill(float *out, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = probe_number(state);
    }
}

static int is_same(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = a[i] + 0.0f;
        float y = b[i] + 0.0f;

        if (memcmp(&x, &y, sizeof(x)) != 0) {
            return 0;
        }
    }
    return 1;
}

enum {
    PROBE_X = PRODUCT_TILE * PRODUCT_SLICE,
    PROBE_W = PRODUCT_PANEL * PRODUCT_SLICE,
    PROBE_Y = PRODUCT_TILE * PRODUCT_PANEL
};

/* Both kernels on one shape, y = x w and then y += x w. */
static int probe_shape(float *area, size_t m, size_t k, uint64_t *state)
{
    float *x = area;
    float *w = x + PROBE_X;
    float *chained = w + PROBE_W;
    float *blas = chained + PROBE_Y;

    probe_fill(x, m * k, state);
    probe_fill(w, PRODUCT_PANEL * k, state);
    for (int adds = 0; adds < 2; adds++) {
        chain(x, m, k, w, adds, chained, PRODUCT_PANEL);
        openblas(x, m, k, w, adds, blas, PRODUCT_PANEL);
        if (!is_same(chained, blas, m * PRODUCT_PANEL)) {
            return 0;
        }
    }
    return 1;
}

static int openblas_is_chain(void)
{
    static const uint8_t rows[] = {1,  2,  3,  4,  5,  6,  7,  8,  11, 16,
                                   23, 31, 32, 33, 47, 48, 59, 60, 61};
    static const uint16_t depths[] = {1, 2, 7, 64, 129, 256};
    float *area CLEANUP(mem_freep) = NULL;
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

    area = calloc(PROBE_X + PROBE_W + 2 * PROBE_Y, sizeof(*area));
    if (area == NULL) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        for (size_t j = 0; j < ARRAY_N(depths); j++) {
            if (!probe_shape(area, rows[i], depths[j], &state)) {
                return 0;
            }
        }
    }
    return 1;
}

/* Asks for the kernels of 2017 that the processor has, whatever its name. */
static int openblas_take_avx512(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") &&
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 1) == 0) {
        gotoblas_dynamic_quit();
        gotoblas_dynamic_init();
        (void)unsetenv("OPENBLAS_CORETYPE");
        return 1;
    }
#endif
    return 0;
}

enum product_kernel product_probe(void)
{
    if (openblas_is_chain() ||
        (openblas_take_avx512() && openblas_is_chain())) {
        return PRODUCT_OPENBLAS;
    }
    return PRODUCT_CHAIN;
}
