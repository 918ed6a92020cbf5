/* panel.c, operand.c, prove.c and the kernels: the bits of a plain fmaf chain
 * (f32, f16, bf16) or of exact block sums (q8_0), for every batch, shape,
 * alignment and route. */
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>

#include "proto/err.h"
#include "tests/unit/nn/numbers.h"
#include "workers/nn/operand.h"
#include "workers/nn/panel.h"

static const char *const type_names[] = {"f32", "f16", "bf16", "q8_0"};
static const char *const route_names[] = {"scalar", "avx2", "avx512",
                                          "openblas"};

/* W as in a file, and as numbers. */
struct weights {
    enum weight_type type;
    size_t n, k;
    uint8_t *rows;
    float *wide;   /* (n, k); q8_0: the quants */
    float *scales; /* (n, k / 32); q8_0 */
};

/* As IEEE 754 says, by another way than the library's. */
static float half_value(uint16_t h)
{
    int exponent = h >> 10 & 31;
    float fraction = (float)(h & 0x3ff);
    float v = exponent == 0 ? ldexpf(fraction, -24)
                            : ldexpf(1024.0f + fraction, exponent - 25);

    return h & 0x8000 ? -v : v;
}

static uint16_t draw_half(enum weight_type type)
{
    uint16_t v = (uint16_t)draw();

    if (type == WEIGHT_F16) { /* every sixteenth of any size, also subnormal */
        return (uint16_t)((v & 0x83ff) |
                          (draw() % 16 == 0 ? below(31) : 9 + below(10)) << 10);
    }
    return (uint16_t)((v & 0x807f) | (120 + below(12)) << 7);
}

static void draw_row(struct weights *w, size_t j)
{
    uint8_t *row = w->rows + j * weight_row_bytes(w->type, w->k);

    for (size_t i = 0; i < w->k; i++) {
        float *wide = w->wide + j * w->k + i;

        if (w->type == WEIGHT_Q8_0) {
            uint8_t *block = row + i / 32 * 34;

            if (i % 32 == 0) {
                uint16_t scale = draw_half(WEIGHT_F16);

                memcpy(block, &scale, 2);
                w->scales[j * (w->k / 32) + i / 32] = half_value(scale);
            }
            block[2 + i % 32] = (uint8_t)draw(); /* -128, too */
            *wide = (float)(int8_t)block[2 + i % 32];
        } else if (w->type == WEIGHT_F32) {
            *wide = draw_number();
            memcpy(row + 4 * i, wide, 4);
        } else {
            uint16_t half = draw_half(w->type);

            memcpy(row + 2 * i, &half, 2);
            *wide = w->type == WEIGHT_F16 ? half_value(half)
                                          : float_of((uint32_t)half << 16);
        }
    }
}

static void weights_init(struct weights *w, enum weight_type type, size_t n,
                         size_t k)
{
    *w = (struct weights){.type = type, .n = n, .k = k};
    w->rows = malloc(n * weight_row_bytes(type, k));
    w->wide = malloc(n * k * sizeof(float));
    w->scales = malloc((n * k / 32 + 1) * sizeof(float));
    assert_non_null(w->rows);
    assert_non_null(w->wide);
    assert_non_null(w->scales);
    for (size_t j = 0; j < n; j++) {
        draw_row(w, j);
    }
}

static void weights_release(struct weights *w)
{
    free(w->rows);
    free(w->wide);
    free(w->scales);
}

static float canonical_reference(float y)
{
    return isnan(y) ? float_of(0x7fc00000) : y + 0.0f;
}

static float chain_reference(const struct weights *w, const float *x, size_t j)
{
    float y = 0;

    for (size_t k0 = 0; k0 < w->k; k0 += 256) {
        float acc = 0;

        for (size_t i = k0; i < w->k && i < k0 + 256; i++) {
            acc = fmaf(x[i], w->wide[j * w->k + i], acc);
        }
        y = k0 == 0 ? acc : y + acc;
    }
    return canonical_reference(y);
}

/* The rule of operand.h; q of one block. */
static float quantise_reference(const float *x, float *q)
{
    float largest = 0;

    for (size_t i = 0; i < 32; i++) {
        q[i] = 0;
        if (!isfinite(x[i])) {
            memset(q, 0, 32 * sizeof(*q));
            return NAN;
        }
        largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    }
    if (largest < 0x1p-100f) {
        return 0;
    }
    for (size_t i = 0; i < 32; i++) {
        q[i] = rintf(x[i] * (127.0f / largest));
        assert_true(fabsf(q[i]) <= 127);
    }
    return largest / 127.0f;
}

static float q8_reference(const struct weights *w, const float *x, size_t j)
{
    float y = 0;

    for (size_t b = 0; b < w->k / 32; b++) {
        float q[32], sum = 0; /* exact: integers below 2^24 */
        float d = quantise_reference(x + b * 32, q);

        for (size_t i = 0; i < 32; i++) {
            sum += q[i] * w->wide[j * w->k + b * 32 + i];
        }
        y = fmaf(w->scales[j * (w->k / 32) + b] * d, sum, y);
    }
    return canonical_reference(y);
}

static float *reference(const struct weights *w, const float *x, size_t m)
{
    float *y = malloc(m * w->n * sizeof(*y));

    assert_non_null(y);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < w->n; j++) {
            y[i * w->n + j] = w->type == WEIGHT_Q8_0
                                  ? q8_reference(w, x + i * w->k, j)
                                  : chain_reference(w, x + i * w->k, j);
        }
    }
    return y;
}

/* Rows [first, first + m) of x, against the same rows of the reference. */
static void check_rows(const struct panels *p, struct operand *o,
                       const float *x, const float *expected, size_t first,
                       size_t m)
{
    size_t ldy = panels_padded(p->n) + below(3) * 16;
    float *area = malloc((m * ldy + 16) * sizeof(*area));
    float *y = area + below(16);

    assert_non_null(area);
    for (size_t i = 0; i < m * ldy; i++) {
        y[i] = NAN; /* must be overwritten, not added to */
    }
    operand_set(o, x + first * p->k, p->k, m, p->k, p->type != WEIGHT_Q8_0,
                p->type == WEIGHT_Q8_0);
    panels_product(p, o, y, ldy);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < panels_padded(p->n); j++) {
            float want = j < p->n ? expected[(first + i) * p->n + j] : 0.0f;
            float got = y[i * ldy + j];

            if (j >= p->n && isnan(got)) {
                continue; /* padding of a row that is not finite */
            }
            if (bits_of(want) != bits_of(got)) {
                fail_msg("%s by %s: n %zu k %zu m %zu: row %zu output %zu is "
                         "%a, not %a",
                         type_names[p->type], panels_route(p->type), p->n, p->k,
                         m, first + i, j, (double)got, (double)want);
            }
        }
    }
    free(area);
}

/* Every m of the list, by every route that was proven. */
static void check_shape(enum weight_type type, size_t n, size_t k, float *x,
                        size_t rows, size_t step)
{
    struct weights w;
    struct operand *o;
    float *expected;
    uint8_t *packed = aligned_alloc(64, panels_bytes(type, n, k));

    assert_non_null(packed);
    weights_init(&w, type, n, k);
    expected = reference(&w, x, rows);
    assert_int_equal(panels_pack(type, w.rows, n, k, packed), 0);
    assert_int_equal(operand_new(rows, k, &o), 0);
    for (int r = 0; r < PANEL_ROUTES_N; r++) {
        struct panels p = {type, n, k, packed};

        if (panels_force(type, (enum panel_route)r) != 0) {
            continue;
        }
        assert_string_equal(panels_route(type), route_names[r]);
        for (size_t m = 1; m <= rows; m += step) {
            check_rows(&p, o, x, expected, below(rows - m + 1), m);
        }
        check_rows(&p, o, x, expected, 0, rows);
    }
    operand_free(o);
    free(packed);
    free(expected);
    weights_release(&w);
}

static void test_every_batch(void **s)
{
    (void)s;
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        float *x = draw_numbers((size_t)64 * 288);

        check_shape((enum weight_type)t, 65, 288, x, 64, 1);
        free(x);
    }
}

static void test_every_edge(void **s)
{
    static const size_t widths[] = {1, 63, 64, 65, 130};
    static const size_t depths[] = {1,   2,   31,  32,  33,  64,  96,
                                    255, 256, 257, 288, 512, 513, 800};

    (void)s;
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        for (size_t i = 0; i < ARRAY_N(widths) * ARRAY_N(depths); i++) {
            size_t k = depths[i % ARRAY_N(depths)];
            float *x = draw_numbers(13 * k);

            if (weight_row_bytes((enum weight_type)t, k) != 0) {
                check_shape((enum weight_type)t, widths[i / ARRAY_N(depths)], k,
                            x, 13, 3);
            }
            free(x);
        }
    }
}

/* Many tiles, odd heights. */
static void test_many_rows(void **s)
{
    static const size_t rows[] = {61, 62, 67, 121, 130, 192};

    (void)s;
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
            float *x = draw_numbers(rows[i] * 320);

            check_shape((enum weight_type)t, 66, 320, x, rows[i], rows[i]);
            free(x);
        }
    }
}

static void test_random_shapes(void **s)
{
    size_t tries = is_full() ? 3000 : 30;

    (void)s;
    for (size_t i = 0; i < tries; i++) {
        enum weight_type type = (enum weight_type)below(WEIGHT_TYPES_N);
        size_t k = type == WEIGHT_Q8_0 ? 32 * (1 + below(40)) : 1 + below(1200);
        size_t n = 1 + below(200), m = 1 + below(140);
        float *x = draw_numbers(m * k);

        check_shape(type, n, k, x, m, 1 + below(m));
        free(x);
    }
}

/* What is not a number stays in its row, and is the one NaN; -0 and what
 * underflows to it become +0. */
static void test_special_numbers(void **s)
{
    (void)s;
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        const size_t k = 320, rows = 40;
        float *x = draw_numbers(rows * k);

        x[3 * k + 7] = NAN;
        x[4 * k + 300] = -NAN;
        x[5 * k + 1] = INFINITY;
        x[6 * k + 319] = -INFINITY;
        x[7 * k] = INFINITY;
        x[7 * k + 5] = -INFINITY;
        x[8 * k] = float_of(0x7f812345); /* signalling */
        for (size_t i = 0; i < k; i++) {
            x[9 * k + i] = -0.0f;
            x[10 * k + i] = i % 2 == 0 ? -0x1p-149f : 0x1p-140f;
            x[11 * k + i] = -0x1p-148f;
            x[12 * k + i] = 3e38f;
            x[13 * k + i] = i < 32 ? 0x1p-101f : 0x1p-99f;
        }
        check_shape((enum weight_type)t, 65, k, x, rows, 1);
        free(x);
    }
}

static void test_gather(void **s)
{
    const size_t k = 96, rows = 100;
    uint32_t chosen[70];
    struct operand *a, *b;
    struct weights w;

    (void)s;
    assert_int_equal(operand_new(70, k, &a), 0);
    assert_int_equal(operand_new(70, k, &b), 0);
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        float *x = draw_numbers(rows * (k + 3));
        float *taken = draw_numbers(70 * k);
        float *y = draw_numbers((size_t)2 * 70 * 64);
        uint8_t *packed =
            aligned_alloc(64, panels_bytes((enum weight_type)t, 33, k));
        struct panels p = {(enum weight_type)t, 33, k, packed};

        assert_non_null(packed);
        weights_init(&w, p.type, 33, k);
        assert_int_equal(panels_pack(p.type, w.rows, 33, k, packed), 0);
        for (size_t i = 0; i < 70; i++) {
            chosen[i] = (uint32_t)below(rows);
            memcpy(taken + i * k, x + chosen[i] * (k + 3), k * sizeof(float));
        }
        operand_gather(a, x, k + 3, chosen, 70, k, 1, 1);
        operand_set(b, taken, k, 70, k, 1, 1);
        assert_int_equal(operand_rows(a), 70);
        panels_product(&p, a, y, 64);
        panels_product(&p, b, y + 70 * 64, 64);
        assert_memory_equal(y, y + 70 * 64, 70 * 64 * sizeof(float));
        free(packed);
        free(x);
        free(taken);
        free(y);
        weights_release(&w);
    }
    operand_free(a);
    operand_free(b);
    operand_free(NULL);
}

/* Rows come back as they were; bytes of any alignment are read. */
static void test_pack(void **s)
{
    (void)s;
    assert_int_equal(weight_row_bytes(WEIGHT_Q8_0, 33), 0);
    assert_int_equal(weight_row_bytes(WEIGHT_Q8_0, 64), 68);
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        enum weight_type type = (enum weight_type)t;
        size_t n = 70, k = 64, row = weight_row_bytes(type, k);
        uint8_t *packed = aligned_alloc(64, panels_bytes(type, n, k));
        uint8_t *odd = malloc(n * row + 1);
        float *out = malloc(n * k * sizeof(*out));
        struct weights w;

        assert_non_null(packed);
        assert_non_null(odd);
        assert_non_null(out);
        weights_init(&w, type, n, k);
        memcpy(odd + 1, w.rows, n * row);
        assert_int_equal(panels_pack(type, odd + 1, n, k, packed), 0);
        panels_rows(&(struct panels){type, n, k, packed}, 3, n - 3, out);
        for (size_t i = 0; i < (n - 3) * k; i++) {
            float want = w.wide[3 * k + i];

            want *= type == WEIGHT_Q8_0 ? w.scales[(3 * k + i) / 32] : 1.0f;
            assert_int_equal(bits_of(want + 0.0f), bits_of(out[i] + 0.0f));
        }
        /* A number that is none, in any row. */
        for (size_t i = 0; i < 30; i++) {
            static const uint16_t top[] = {0x7f80, 0x7c00, 0x7f80, 0x7c00};
            size_t at = below(n) * row;

            at += type == WEIGHT_F32    ? below(k) * 4
                  : type == WEIGHT_Q8_0 ? below(k / 32) * 34
                                        : below(k) * 2;
            memcpy(odd + 1, w.rows, n * row);
            odd[1 + at + (type == WEIGHT_F32 ? 2 : 0)] =
                (uint8_t)(draw() | top[t]);
            odd[2 + at + (type == WEIGHT_F32 ? 2 : 0)] =
                (uint8_t)((draw() & 0x80) | top[t] >> 8);
            assert_int_equal(panels_pack(type, odd + 1, n, k, packed),
                             ERR_INPUT);
        }
        free(packed);
        free(odd);
        free(out);
        weights_release(&w);
    }
}

/* n bytes that end where the next page may not be touched. */
static uint8_t *at_the_end(size_t n, uint8_t **out_map)
{
    size_t whole = (n + 4095) / 4096 * 4096;
    uint8_t *map = mmap(NULL, whole + 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + whole, 4096, PROT_NONE), 0);
    *out_map = map;
    return map + whole - n;
}

/* The kernels are built without sanitizers: neither weights nor outputs are
 * touched behind their end. */
static void test_guard_pages(void **s)
{
    const size_t n = 70, k = 288;

    (void)s;
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        enum weight_type type = (enum weight_type)t;
        size_t w_n = panels_bytes(type, n, k);
        uint8_t *w_map, *w = at_the_end(w_n, &w_map);
        float *x = draw_numbers(64 * k);
        struct operand *o;
        struct weights from;

        weights_init(&from, type, n, k);
        assert_int_equal(panels_pack(type, from.rows, n, k, w), 0);
        assert_int_equal(operand_new(64, k, &o), 0);
        for (size_t m = 1; m <= 64; m += m < 9 ? 1 : 11) {
            size_t y_n = m * 128 * sizeof(float);
            uint8_t *y_map, *y = at_the_end(y_n, &y_map);

            operand_set(o, x, k, m, k, 1, 1);
            for (int r = 0; r < PANEL_ROUTES_N; r++) {
                if (panels_force(type, (enum panel_route)r) == 0) {
                    panels_product(&(struct panels){type, n, k, w}, o,
                                   (float *)(void *)y, 128);
                }
            }
            assert_int_equal(munmap(y_map, (y_n + 4095) / 4096 * 4096 + 4096),
                             0);
        }
        operand_free(o);
        weights_release(&from);
        free(x);
        assert_int_equal(munmap(w_map, (w_n + 4095) / 4096 * 4096 + 4096), 0);
    }
}

static void test_routes(void **s)
{
    (void)s;
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        assert_true(panels_proved((enum weight_type)t, PANEL_SCALAR));
        if (t != WEIGHT_F32) {
            assert_false(panels_proved((enum weight_type)t, PANEL_OPENBLAS));
            assert_int_equal(panels_force((enum weight_type)t, PANEL_OPENBLAS),
                             -1);
        }
    }
#if defined(__x86_64__)
    /* Denormals flushed to zero: no proof, no numbers. */
    __builtin_ia32_ldmxcsr(0x9fc0);
    assert_int_equal(nn_prove(), ERR_CONFINE);
    __builtin_ia32_ldmxcsr(0x1f80);
#endif
    assert_int_equal(nn_prove(), 0);
    print_message("routes of this host: %s\n", panels_routes());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_routes),
                                       cmocka_unit_test(test_pack),
                                       cmocka_unit_test(test_every_batch),
                                       cmocka_unit_test(test_gather),
                                       cmocka_unit_test(test_every_edge),
                                       cmocka_unit_test(test_many_rows),
                                       cmocka_unit_test(test_special_numbers),
                                       cmocka_unit_test(test_guard_pages),
                                       cmocka_unit_test(test_random_shapes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
