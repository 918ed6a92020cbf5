/* Matrix products with fixed bits. Runs in workers. Must never call
 * OpenBLAS with more than PRODUCT_SMALL multiply-adds (it would leave the path
 * that was proven, and ask the kernel for memory inside the filter). */
#include "workers/nn/product.h"

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

/* One slice of one panel: y (m, ldy) = or += x w. */
struct slice {
    const float *xt; /* (k, m) */
    const float *w;  /* (k, PRODUCT_PANEL) */
    float *y;
    size_t m, k, ldy;
    int adds;
};

typedef void slice_fn(const struct slice *s);

static inline __attribute__((always_inline)) void
chain_slice(const struct slice *s)
{
    for (size_t i = 0; i < s->m; i++) {
        float acc[PRODUCT_PANEL] = {0};
        float *row = s->y + i * s->ldy;

        for (size_t k = 0; k < s->k; k++) {
            const float x = s->xt[k * s->m + i];
            const float *w = s->w + k * PRODUCT_PANEL;

            for (size_t j = 0; j < PRODUCT_PANEL; j++) {
                acc[j] = fmaf(x, w[j], acc[j]);
            }
        }
        for (size_t j = 0; j < PRODUCT_PANEL; j++) {
            row[j] = s->adds ? row[j] + acc[j] : acc[j];
        }
    }
}

static void chain_plain(const struct slice *s)
{
    chain_slice(s);
}

#if defined(__x86_64__)
/* The same source, with the instruction for fmaf: same bits, less time. */
__attribute__((target("avx2,fma"))) static void chain_fma(const struct slice *s)
{
    chain_slice(s);
}
#endif

static void chain(const struct slice *s)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        chain_fma(s);
        return;
    }
#endif
    chain_plain(s);
}

static void openblas(const struct slice *s)
{
    ASSERT(s->m * s->k * PRODUCT_PANEL <= PRODUCT_SMALL);
    cblas_sgemm(101, 112, 111, (int)s->m, (int)PRODUCT_PANEL, (int)s->k, 1.0f,
                s->xt, (int)s->m, s->w, (int)PRODUCT_PANEL,
                s->adds ? 1.0f : 0.0f, s->y, (int)s->ldy);
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

void product_run(const struct product *p, const float *xt, size_t m, float *y)
{
    slice_fn *slice = p->kernel == PRODUCT_OPENBLAS ? openblas : chain;
    size_t ldy = product_padded(p->n);

    ASSERT(m >= 1 && m <= PRODUCT_TILE && p->k >= 1 && p->n >= 1);
    for (size_t n0 = 0; n0 < ldy; n0 += PRODUCT_PANEL) {
        for (size_t k0 = 0; k0 < p->k; k0 += PRODUCT_SLICE) {
            size_t left = p->k - k0;
            struct slice s = {.xt = xt + k0 * m,
                              .w = p->packed + n0 * p->k + k0 * PRODUCT_PANEL,
                              .y = y + n0,
                              .m = m,
                              .k = left < PRODUCT_SLICE ? left : PRODUCT_SLICE,
                              .ldy = ldy,
                              .adds = k0 > 0};

            slice(&s);
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

static uint32_t bits_of(float v)
{
    uint32_t bits;

    v += 0.0f; /* the sign of a zero is not part of the contract */
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static int is_same(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bits_of(a[i]) != bits_of(b[i])) {
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
        struct slice s = {x, w, chained, m, k, PRODUCT_PANEL, adds};

        chain(&s);
        s.y = blas;
        openblas(&s);
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
    for (size_t i = 0; i < ARRAY_N(rows) * ARRAY_N(depths); i++) {
        if (!probe_shape(area, rows[i / ARRAY_N(depths)],
                         depths[i % ARRAY_N(depths)], &state)) {
            return 0;
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
