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
    float widened[WEIGHT_Q8_0][W_N + SHIFTS];
    float expected[Y_N], got[Y_N];
    float before[Y_N]; /* what a later slice is added to */
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
        p->widened[WEIGHT_F16][i] = f16_widen(p->halves[WEIGHT_F16][i]);
        p->widened[WEIGHT_BF16][i] = bf16_widen(p->halves[WEIGHT_BF16][i]);
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

static struct slice draw_slice(const struct proof *p, enum weight_type type,
                               size_t i, size_t m, size_t k)
{
    struct slice s = {.x = p->x + i % SHIFTS,
                      .x_row = 1,
                      .x_step = m,
                      .w = p->halves[type] + i * 7 % SHIFTS,
                      .ldw = PANEL_WIDTH,
                      .ldy = PANEL_WIDTH,
                      .m = m,
                      .n = PANEL_WIDTH,
                      .k = k,
                      .ends = 1};

    if (type == WEIGHT_F32) {
        s.w = p->w + i * 7 % SHIFTS;
    }
    return s;
}

/* The plain chain, on weights widened before; y is expected. */
static void run_plain(struct proof *p, enum weight_type type, struct slice s)
{
    if (type != WEIGHT_F32) {
        s.w = p->widened[type] + ((const uint16_t *)s.w - p->halves[type]);
    }
    s.y = p->expected;
    panel_scalar()->slice[WEIGHT_F32](&s);
}

struct candidate {
    slice_fn *run;
    int is_own; /* takes attention's shapes, too */
    int is_proven;
};

/* s as the only slice, then as the last of two. */
static void try_slice(struct proof *p, enum weight_type type, struct slice s,
                      int own_only, struct candidate *c, size_t n)
{
    for (s.adds = 0; s.adds < 2; s.adds++) {
        if (s.adds) {
            memcpy(p->before, p->expected, sizeof(p->before));
        }
        run_plain(p, type, s);
        for (size_t i = 0; i < n; i++) {
            if (!c[i].is_proven || (own_only && !c[i].is_own)) {
                continue;
            }
            memcpy(p->got, p->before, sizeof(p->got));
            s.y = p->got;
            c[i].run(&s);
            c[i].is_proven = is_equal(p, s.m, s.n);
        }
    }
}

/* Clears is_proven of all that differ. */
static void try_slices(struct proof *p, enum weight_type type,
                       struct candidate *c, size_t n)
{
    static const uint8_t rows[] = {1,  2,  3,  4,  5,  6,  7,  8,  11, 16,
                                   23, 31, 32, 33, 47, 48, 59, 60, 61};
    static const uint16_t depths[] = {1, 2, 7, 64, 129, 256};

    for (size_t i = 0; i < ARRAY_N(rows) * ARRAY_N(depths); i++) {
        struct slice s = draw_slice(p, type, i, rows[i / ARRAY_N(depths)],
                                    depths[i % ARRAY_N(depths)]);

        if (type != WEIGHT_F32 && (i + i / ARRAY_N(depths)) % 3 != 0) {
            continue; /* the same loops: two depths of each height will do */
        }
        try_slice(p, type, s, 0, c, n);
        if (type == WEIGHT_F32 && i % 5 == 0) { /* attention's */
            s.n = 16 * (i / 5 % 4 + 1);
            s.x_row = s.k;
            s.x_step = 1;
            try_slice(p, type, s, 1, c, n);
        }
    }
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

static void prove_own(struct proof *p)
{
    static const enum panel_route routes[] = {PANEL_AVX2, PANEL_AVX512};

    for (size_t i = 0; i < ARRAY_N(routes); i++) {
        const struct panel_kernels *k = panel_kernels(routes[i]);

        for (int t = WEIGHT_F16; k != NULL && t <= WEIGHT_BF16; t++) {
            enum weight_type type = (enum weight_type)t;
            struct candidate c = {k->slice[type], 1,
                                  widening_is_equal(p, type, k->slice[type])};

            try_slices(p, type, &c, 1);
            note(type, routes[i], c.is_proven);
        }
        note(WEIGHT_Q8_0, routes[i],
             k != NULL && k->q8 != NULL && q8_is_equal(p, k->q8));
    }
}

/* f32 by all routes. OpenBLAS gets a second try with its kernels of 2017. */
static void prove_f32(struct proof *p)
{
    const struct panel_kernels *avx2 = panel_avx2(), *avx512 = panel_avx512();
    struct candidate c[] = {
        {panel_openblas, 0, 1},
        {avx2 != NULL ? avx2->slice[WEIGHT_F32] : NULL, 1, avx2 != NULL},
        {avx512 != NULL ? avx512->slice[WEIGHT_F32] : NULL, 1, avx512 != NULL}};

    try_slices(p, WEIGHT_F32, c, ARRAY_N(c));
    if (!c[0].is_proven && panel_openblas_retake()) {
        c[0].is_proven = 1;
        try_slices(p, WEIGHT_F32, c, 1);
    }
    note(WEIGHT_F32, PANEL_OPENBLAS, c[0].is_proven);
    note(WEIGHT_F32, PANEL_AVX2, c[1].is_proven);
    note(WEIGHT_F32, PANEL_AVX512, c[2].is_proven);
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
    struct proof *p CLEANUP(mem_freep) = NULL;

    if (!arithmetic_is_default()) {
        return ERR_TRACE(ERR_CONFINE);
    }
    p = aligned_alloc(PANEL_ALIGN, (sizeof(*p) + PANEL_ALIGN - 1) /
                                       PANEL_ALIGN * PANEL_ALIGN);
    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(p, 0, sizeof(*p));
    fill(p);
    prove_f32(p);
    prove_own(p);
    for (int t = WEIGHT_F32; t < WEIGHT_TYPES_N; t++) {
        enum panel_route r = PANEL_ROUTES_N;

        do { /* OpenBLAS first; the scalar one is always proven */
            r = (enum panel_route)(r - 1);
        } while (panels_force((enum weight_type)t, r) != 0);
    }
    return 0;
}
