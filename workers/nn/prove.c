/* The start-up proof: every route against plain fmaf, on this host. Runs in
 * workers, before their filter. Must never choose what it did not see equal. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/math_impl.h"
#include "workers/nn/panel_impl.h"

enum {
    BLOCKS = 10, /* of contract 2 */
    X_N = PANEL_TILE * PANEL_SLICE,
    W_N = PANEL_WIDTH * PANEL_SLICE,
    Y_N = PANEL_TILE * PANEL_WIDTH,
    SHIFTS = 64, /* so that alignments differ */
    HALVES_N = 1 << 16
};

struct proof {
    uint64_t state;
    float x[X_N + SHIFTS], w[W_N + SHIFTS];
    uint16_t halves[WEIGHT_Q8_0][W_N + SHIFTS];
    float expected[Y_N], got[Y_N];
    uint8_t panel[BLOCKS * Q8_PANEL_BLOCK];
    int8_t q[PANEL_TILE * BLOCKS * PANEL_BLOCK];
    float d[PANEL_TILE * BLOCKS];
    int32_t bias[PANEL_TILE * BLOCKS];
};

static uint32_t draw(struct proof *p)
{
    p->state ^= p->state << 13;
    p->state ^= p->state >> 7;
    p->state ^= p->state << 17;
    return (uint32_t)(p->state >> 32);
}

/* A finite half with an exponent of up to `span` around the one of 1. */
static uint16_t draw_half(struct proof *p, enum weight_type type, uint32_t span)
{
    uint32_t v = draw(p);
    uint32_t exponent = (v >> 16) % span;

    return (uint16_t)(type == WEIGHT_F16
                          ? (v & 0x83ff) | (15 - span / 2 + exponent) << 10
                          : (v & 0x807f) | (127 - span / 2 + exponent) << 7);
}

/* Of many magnitudes, both signs, some exact zeros, some whose products
 * underflow. */
static float draw_number(struct proof *p)
{
    uint32_t v = draw(p);
    uint32_t kind = draw(p);
    uint32_t exponent = (kind >> 8) % 16 + 119;
    float number;

    if (kind % 64 == 0) {
        return 0.0f;
    }
    exponent -= kind % 64 == 1 ? 70 : 0;
    v = (v & 0x807fffff) | exponent << 23;
    memcpy(&number, &v, sizeof(number));
    return number;
}

static void fill(struct proof *p)
{
    p->state = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < X_N + SHIFTS; i++) {
        p->x[i] = draw_number(p);
    }
    for (size_t i = 0; i < W_N + SHIFTS; i++) {
        p->w[i] = draw_number(p);
        p->halves[WEIGHT_F16][i] = draw_half(p, WEIGHT_F16, 24);
        p->halves[WEIGHT_BF16][i] = draw_half(p, WEIGHT_BF16, 24);
    }
    for (size_t i = 0; i < sizeof(p->panel); i++) {
        p->panel[i] = (uint8_t)draw(p);
    }
    for (size_t i = 0; i < sizeof(p->q); i++) {
        p->q[i] = (int8_t)((int)(draw(p) % 255) - 127);
    }
    for (size_t i = 0; i < ARRAY_N(p->d); i++) {
        int32_t sum = 0;

        for (size_t j = 0; j < PANEL_BLOCK; j++) {
            sum += p->q[i * PANEL_BLOCK + j];
        }
        p->d[i] = draw_number(p);
        p->bias[i] = -128 * sum;
    }
    for (size_t b = 0; b < BLOCKS; b++) {
        for (size_t j = 0; j < PANEL_WIDTH; j++) {
            uint16_t scale = draw_half(p, WEIGHT_F16, 16);

            memcpy(p->panel + b * Q8_PANEL_BLOCK + 2 * j, &scale, 2);
        }
    }
}

static int is_equal(const struct proof *p, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++) {
        if (memcmp(p->expected + i * PANEL_WIDTH, p->got + i * PANEL_WIDTH,
                   n * sizeof(float)) != 0) {
            return 0;
        }
    }
    return 1;
}

/* s as the only slice, then as the last of two. */
static int slice_is_equal(struct proof *p, slice_fn *run, slice_fn *plain,
                          struct slice s)
{
    s.ends = 1;
    for (s.adds = 0; s.adds < 2; s.adds++) {
        s.y = p->expected;
        plain(&s);
        s.y = p->got;
        run(&s);
        if (!is_equal(p, s.m, s.n)) {
            return 0;
        }
    }
    return 1;
}

static int slices_are_equal(struct proof *p, enum weight_type type,
                            slice_fn *run, int is_own)
{
    static const uint8_t rows[] = {1,  2,  3,  4,  5,  6,  7,  8,  11, 16,
                                   23, 31, 32, 33, 47, 48, 59, 60, 61};
    static const uint16_t depths[] = {1, 2, 7, 64, 129, 256};

    for (size_t i = 0; i < 2 * ARRAY_N(rows); i++) { /* two depths for each */
        size_t m = rows[i / 2];
        struct slice s = {.x = p->x + i % SHIFTS,
                          .x_row = 1,
                          .x_step = m,
                          .w = p->halves[type] + i * 7 % SHIFTS,
                          .ldw = PANEL_WIDTH,
                          .ldy = PANEL_WIDTH,
                          .m = m,
                          .n = PANEL_WIDTH,
                          .k = depths[i * 7 / 2 % ARRAY_N(depths)]};

        if (type == WEIGHT_F32) {
            s.w = p->w + i * 7 % SHIFTS;
        }
        if (is_own && type == WEIGHT_F32 && i % 3 == 0) { /* attention's */
            s.n = 16 * (i / 3 % 4 + 1);
            s.x_row = s.k;
            s.x_step = 1;
        }
        if (!slice_is_equal(p, run, panel_scalar()->slice[type], s)) {
            return 0;
        }
    }
    return 1;
}

/* One times each half but infinities and NaN, which are never packed. */
static int widening_is_equal(struct proof *p, enum weight_type type,
                             slice_fn *run)
{
    const uint16_t infinity = type == WEIGHT_F16 ? 0x7c00 : 0x7f80;
    const float one = 1.0f;
    uint16_t halves[PANEL_WIDTH];

    for (size_t i = 0; i < HALVES_N; i++) {
        size_t j = i % PANEL_WIDTH;

        halves[j] = (i & infinity) == infinity ? 0 : (uint16_t)i;
        p->expected[j] = canonical(type == WEIGHT_F16 ? f16_widen(halves[j])
                                                      : bf16_widen(halves[j]));
        if (j + 1 < PANEL_WIDTH) {
            continue;
        }
        run(&(struct slice){.x = &one,
                            .w = halves,
                            .ldw = PANEL_WIDTH,
                            .y = p->got,
                            .ldy = PANEL_WIDTH,
                            .m = 1,
                            .n = PANEL_WIDTH,
                            .k = 1,
                            .ends = 1});
        if (!is_equal(p, 1, PANEL_WIDTH)) {
            return 0;
        }
    }
    return 1;
}

static int q8_is_equal(struct proof *p, q8_fn *run)
{
    static const uint8_t rows[] = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 16, 29};

    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct q8_slice s = {.w = p->panel,
                             .q = p->q,
                             .d = p->d,
                             .bias = p->bias,
                             .ldq = (size_t)BLOCKS * PANEL_BLOCK,
                             .ldd = BLOCKS,
                             .y = p->expected,
                             .ldy = PANEL_WIDTH,
                             .m = rows[i],
                             .blocks = BLOCKS - i % 2};

        panel_scalar()->q8(&s);
        s.y = p->got;
        run(&s);
        if (!is_equal(p, s.m, PANEL_WIDTH)) {
            return 0;
        }
    }
    return 1;
}

static void note(enum weight_type type, enum panel_route route, int is_proven)
{
    struct panel_choice *c = panel_choice();

    if (is_proven) {
        c->proved[type] = (uint8_t)(c->proved[type] | 1u << route);
    }
}

static void prove_own(struct proof *p, enum panel_route route)
{
    const struct panel_kernels *k = panel_kernels(route);

    if (k == NULL) {
        return;
    }
    note(WEIGHT_F32, route,
         slices_are_equal(p, WEIGHT_F32, k->slice[WEIGHT_F32], 1));
    for (int t = WEIGHT_F16; t <= WEIGHT_BF16; t++) {
        enum weight_type type = (enum weight_type)t;

        note(type, route,
             slices_are_equal(p, type, k->slice[type], 1) &&
                 widening_is_equal(p, type, k->slice[type]));
    }
    note(WEIGHT_Q8_0, route, k->q8 != NULL && q8_is_equal(p, k->q8));
}

static void prove_openblas(struct proof *p)
{
    note(WEIGHT_F32, PANEL_OPENBLAS,
         slices_are_equal(p, WEIGHT_F32, panel_openblas, 0) ||
             (panel_openblas_retake() &&
              slices_are_equal(p, WEIGHT_F32, panel_openblas, 0)));
}

/* Round to nearest, all exceptions masked, denormals as they are. */
static int arithmetic_is_default(void)
{
#if defined(__x86_64__)
    return (__builtin_ia32_stmxcsr() & 0xffc0) == 0x1f80;
#else
    return 1;
#endif
}

int nn_prove(void)
{
    /* Our own take 3 to 8 % less time than OpenBLAS on a Zen 4, 20 % less on
     * a Zen 5 (logs/bench/README.md). */
    static const enum panel_route fastest[] = {PANEL_AVX512, PANEL_OPENBLAS,
                                               PANEL_AVX2, PANEL_SCALAR};
    struct proof *p CLEANUP(mem_freep) = NULL;

    if (!arithmetic_is_default()) {
        return ERR_TRACE(ERR_CONFINE);
    }
    p = aligned_alloc(PANEL_ALIGN, (sizeof(*p) + PANEL_ALIGN - 1) /
                                       PANEL_ALIGN * PANEL_ALIGN);
    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    fill(p);
    prove_own(p, PANEL_AVX2);
    prove_own(p, PANEL_AVX512);
    prove_openblas(p);
    for (int t = WEIGHT_F32; t < WEIGHT_TYPES_N; t++) {
        size_t r = 0;

        while (panels_force((enum weight_type)t, fastest[r]) != 0) {
            r++; /* the scalar one is always proven */
        }
    }
    return 0;
}
