/* math.c and rope.c: errors against libm in double, the same bits from every
 * form, sums in the order that the headers say. */
#include <math.h>
#include <stdio.h>

#include "tests/unit/nn/numbers.h"
#include "proto/err.h"
#include "workers/nn/math.h"
#include "workers/nn/math_impl.h"
#include "workers/nn/rope.h"

/* Every how-manieth float is tried; odd. */
static uint32_t stride(void)
{
    return is_full() ? 7 : 1009;
}

/* |got - want| in units of the last place of want, a float of this size. */
static double ulps(float got, double want)
{
    int exponent;
    double size = fabs(want);

    if (isnan(want) || isnan(got)) {
        return isnan(want) && isnan(got) ? 0 : 1e9;
    }
    if (size > 0x1.ffffffp127) { /* rounds to infinity */
        return isinf(got) && (got > 0) == (want > 0) ? 0 : 1e9;
    }
    (void)frexp(size, &exponent);
    exponent = size < 0x1p-126 ? -149 : exponent - 24;
    return fabs((double)got - want) / ldexp(1.0, exponent);
}

/* Worst error of f over all floats (every stride-th) in [-limit, limit]. */
static double worst(float (*f)(float), double (*want)(double), float limit)
{
    double most = 0;

    for (uint64_t i = 0; i < UINT64_C(1) << 32; i += stride()) {
        float x = float_of((uint32_t)i);
        double error;

        if (!(fabsf(x) <= limit)) {
            continue;
        }
        error = ulps(f(x), want((double)x));
        if (error > 1e6) {
            fail_msg("f(%a) is %a, not %a", (double)x, (double)f(x),
                     want((double)x));
        }
        most = error > most ? error : most;
    }
    return most;
}

static double true_sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double true_silu(double x)
{
    return x * true_sigmoid(x);
}

static double true_log(double x)
{
    return x < 0 ? (double)NAN : log(x);
}

/* Absolute: near its zero and where it underflows no relative one is kept. */
static void check_gelu(void)
{
    double most = 0;

    for (uint64_t i = 0; i < UINT64_C(1) << 32; i += stride()) {
        float x = float_of((uint32_t)i);
        double d = (double)x, error;

        if (!(fabsf(x) <= 1e4f)) {
            continue;
        }
        error = fabs(
            (double)nn_gelu(x) -
            d * true_sigmoid(1.5957691216057308 * (d + 0.044715 * d * d * d)));
        error /= fabs(d) > 1 ? fabs(d) : 1;
        most = error > most ? error : most;
    }
    print_message("gelu: error at most %.3g of max(1, |x|)\n", most);
    assert_true(most < 3e-7);
}

static void test_errors(void **s)
{
    static const struct {
        const char *name;
        float (*f)(float);
        double (*want)(double);
        float limit;
        double most;
    } cases[] = {{"exp", nn_exp, exp, 1e30f, 1.0},
                 {"log", nn_log, true_log, INFINITY, 0.51},
                 {"sigmoid", nn_sigmoid, true_sigmoid, 1e30f, 2.5},
                 {"silu", nn_silu, true_silu, 87.0f, 3.0}};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        double most = worst(cases[i].f, cases[i].want, cases[i].limit);

        print_message("%s: error at most %.3f ulp\n", cases[i].name, most);
        assert_true(most <= cases[i].most);
    }
    check_gelu();
}

static void test_edges(void **s)
{
    (void)s;
    assert_true(nn_exp(0.0f) == 1.0f && nn_exp(-0.0f) == 1.0f);
    assert_true(nn_exp(INFINITY) == INFINITY && nn_exp(-INFINITY) == 0.0f);
    assert_true(nn_exp(89.0f) == INFINITY && nn_exp(-104.0f) == 0.0f);
    assert_true(nn_exp(-103.9f) == 0x1p-149f);
    assert_true(nn_log(0.0f) == -INFINITY && nn_log(-0.0f) == -INFINITY);
    assert_true(nn_log(1.0f) == 0.0f && nn_log(INFINITY) == INFINITY);
    assert_true(isnan(nn_log(-1.0f)) && isnan(nn_log(NAN)));
    assert_true(isnan(nn_exp(NAN)) && isnan(nn_silu(NAN)));
    assert_true(isnan(nn_sigmoid(NAN)) && isnan(nn_gelu(NAN)));
    assert_true(nn_sigmoid(200.0f) == 1.0f && nn_sigmoid(-200.0f) == 0.0f);
    assert_int_equal(bits_of(nn_silu(-200.0f)), 0);
    assert_int_equal(bits_of(nn_gelu(-200.0f)), 0);
    for (float x = -87.0f; x > -110.0f; x -= 0.01f) { /* nearly nothing */
        assert_true(fabs((double)nn_silu(x) - true_silu((double)x)) < 2e-43);
    }
    assert_true(nn_silu(200.0f) == 200.0f && nn_gelu(200.0f) == 200.0f);
}

/* Numbers of all kinds. */
static float *draw_any(size_t n)
{
    float *x = draw_numbers(n);

    for (size_t i = 0; i < n; i++) {
        if (below(4) == 0) {
            x[i] = float_of((uint32_t)draw());
            x[i] = isnan(x[i]) ? NAN : x[i];
        }
    }
    return x;
}

/* NaN is NaN: its payload is no part of these. */
static int same(float a, float b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

struct forms {
    float y[12][1024];
    float scalars[3];
    float d[32];
    int8_t q[1024];
    int32_t bias[32];
};

static float gate_clamped(float g, float u)
{
    g = g > 7.0f ? 7.0f : g;
    u = u > 7.0f ? 7.0f : u < -7.0f ? -7.0f : u;
    return g / (1.0f + nn_exp(-(1.702f * g))) * (u + 1.0f);
}

static void run_forms(const float *x, const float *z, size_t n, struct forms *f)
{
    memset(f, 0, sizeof(*f));
    nn_exps(x, n, f->y[0]);
    nn_sigmoids(x, n, f->y[1]);
    nn_silus(x, n, f->y[2]);
    nn_gelus(x, n, f->y[3]);
    nn_swiglu(x, z, n, f->y[4]);
    nn_geglu(x, z, n, f->y[5]);
    nn_swiglu_clamped(x, z, n, 1.702f, 7.0f, f->y[6]);
    memcpy(f->y[7], z, n * sizeof(*z));
    nn_add(x, n, f->y[7]);
    memcpy(f->y[8], z, n * sizeof(*z));
    nn_add_scaled(0.3f, x, n, f->y[8]);
    nn_scale(0.3f, x, n, f->y[9]);
    nn_rmsnorm(x, z, 1e-5f, n, f->y[10]);
    memcpy(f->y[11], x, n * sizeof(*x));
    f->scalars[0] = nn_softmax(f->y[11], n);
    f->scalars[1] = nn_log_sum(x, n);
    f->scalars[2] = (float)nn_is_finite(x, n);
    math_quantise(x, n / 32 * 32, f->q, f->d, f->bias);
}

static void check_scalars(const float *x, const float *z, size_t n,
                          const struct forms *f)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(same(f->y[0][i], nn_exp(x[i])));
        assert_true(same(f->y[1][i], nn_sigmoid(x[i])));
        assert_true(same(f->y[2][i], nn_silu(x[i])));
        assert_true(same(f->y[3][i], nn_gelu(x[i])));
        assert_true(same(f->y[4][i], nn_silu(x[i]) * z[i]));
        assert_true(same(f->y[5][i], nn_gelu(x[i]) * z[i]));
        assert_true(same(f->y[6][i], gate_clamped(x[i], z[i])));
        assert_true(same(f->y[7][i], z[i] + x[i]));
        assert_true(same(f->y[8][i], fmaf(0.3f, x[i], z[i])));
        assert_true(same(f->y[9][i], 0.3f * x[i]));
    }
}

static void compare_forms(const struct forms *plain, const struct forms *wide,
                          size_t n, int route)
{
    for (size_t j = 0; j < ARRAY_N(wide->y); j++) {
        for (size_t i = 0; i < n; i++) {
            if (!same(plain->y[j][i], wide->y[j][i])) {
                fail_msg("form %zu, number %zu of %zu, by route %d: %a, not %a",
                         j, i, n, route, (double)wide->y[j][i],
                         (double)plain->y[j][i]);
            }
        }
    }
    for (size_t i = 0; i < ARRAY_N(wide->scalars); i++) {
        assert_true(same(plain->scalars[i], wide->scalars[i]));
    }
    for (size_t i = 0; i < n / 32; i++) {
        assert_true(same(plain->d[i], wide->d[i]));
    }
    assert_memory_equal(plain->q, wide->q, sizeof(wide->q));
    assert_memory_equal(plain->bias, wide->bias, sizeof(wide->bias));
}

static void test_forms(void **s)
{
    static struct forms plain, wide;

    (void)s;
    for (size_t n = 1; n <= 1000; n += n < 100 ? 1 : 33) {
        float *x = n % 2 == 0 ? draw_any(n) : draw_numbers(n);
        float *z = draw_numbers(n);

        math_choose(PANEL_SCALAR);
        run_forms(x, z, n, &plain);
        check_scalars(x, z, n, &plain);
        for (int r = PANEL_AVX2; r <= PANEL_AVX512; r++) {
            if (math_has((enum panel_route)r)) {
                math_choose((enum panel_route)r);
                run_forms(x, z, n, &wide);
                compare_forms(&plain, &wide, n, r);
            }
        }
        free(x);
        free(z);
    }
}

/* The one tree, written once more. */
static float tree_reference(const float *lane)
{
    float a[8], b[4];

    for (size_t l = 0; l < 8; l++) {
        a[l] = lane[l] + lane[l + 8];
    }
    for (size_t l = 0; l < 4; l++) {
        b[l] = a[l] + a[l + 4];
    }
    return (b[0] + b[2]) + (b[1] + b[3]);
}

static void test_sums(void **s)
{
    (void)s;
    for (size_t n = 1; n <= 700; n += n < 70 ? 1 : 101) {
        float *x = draw_numbers(n), *w = draw_numbers(n);
        float *y = draw_numbers(n);
        float lane[16] = {0}, max = -INFINITY, sum, scale;

        for (size_t i = 0; i < n; i++) {
            lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
        }
        scale = 1.0f / sqrtf(tree_reference(lane) / (float)n + 1e-5f);
        nn_rmsnorm(x, w, 1e-5f, n, y);
        for (size_t i = 0; i < n; i++) {
            assert_true(same(y[i], x[i] * scale * w[i]));
        }
        nn_rmsnorm(x, NULL, 1e-5f, n, y);
        assert_true(same(y[n - 1], x[n - 1] * scale));

        memset(lane, 0, sizeof(lane));
        x[n / 2] = n > 3 ? -INFINITY : x[n / 2]; /* forbidden: weight 0 */
        for (size_t i = 0; i < n; i++) {
            max = x[i] > max ? x[i] : max;
        }
        for (size_t i = 0; i < n; i++) {
            lane[i % 16] += nn_exp(x[i] - max);
        }
        sum = tree_reference(lane);
        memcpy(y, x, n * sizeof(*y));
        assert_true(same(nn_log_sum(x, n), max + nn_log(sum)));
        assert_true(same(nn_softmax(y, n), max + nn_log(sum)));
        for (size_t i = 0; i < n; i++) {
            assert_true(same(y[i], nn_exp(x[i] - max) * (1.0f / sum)));
        }
        free(x);
        free(w);
        free(y);
    }
}

static void test_not_numbers(void **s)
{
    float x[40], y[40];

    (void)s;
    for (size_t i = 0; i < 40; i++) {
        x[i] = (float)i;
    }
    assert_true(nn_is_finite(x, 40));
    for (size_t i = 0; i < 40; i++) {
        static const float bad[] = {NAN, INFINITY, -INFINITY};

        for (size_t j = 0; j < ARRAY_N(bad); j++) {
            x[i] = bad[j];
            assert_false(nn_is_finite(x, 40));
        }
        x[i] = NAN;
        memcpy(y, x, sizeof(y));
        assert_true(isnan(nn_softmax(y, 40)));
        assert_true(isnan(y[0]) && isnan(nn_log_sum(x, 40)));
        x[i] = (float)i;
    }
    for (size_t i = 0; i < 40; i++) {
        y[i] = -INFINITY;
    }
    assert_true(isnan(nn_softmax(y, 40)));
}

/* Frequencies as the headers say them, by libm. */
static double frequency(const struct rope_spec *r, size_t i)
{
    double f = pow(r->freq_base, -2.0 * (double)i / (double)r->dims);
    double low, high, part;

    f /= r->factors == NULL ? 1.0 : (double)r->factors[i];
    if (r->scaling == ROPE_SCALING_NONE) {
        return f;
    }
    if (r->scaling == ROPE_SCALING_LINEAR) {
        return f / r->factor;
    }
    low = floor((double)r->dims * log(r->original_context / (32 * 2 * M_PI)) /
                (2 * log(r->freq_base)));
    high = ceil((double)r->dims * log(r->original_context / (2 * M_PI)) /
                (2 * log(r->freq_base)));
    low = fmax(low, 0);
    high = fmin(high, (double)r->dims - 1);
    part = ((double)i - low) / fmax(0.001, high - low);
    part = fmin(1, fmax(0, part));
    return f / r->factor * part + f * (1 - part);
}

static void check_rope(const struct rope_spec *spec, uint64_t position)
{
    float row[ROPE_DIMS_MAX], head[ROPE_DIMS_MAX], was[ROPE_DIMS_MAX];
    size_t half = spec->dims / 2;
    double scale =
        spec->scaling == ROPE_SCALING_YARN ? 1 + 0.1 * log(spec->factor) : 1;
    struct rope *r;

    assert_int_equal(nn_rope_new(spec, &r), 0);
    nn_rope_row(r, position, row);
    for (size_t i = 0; i < half; i++) {
        double angle = (double)position * frequency(spec, i);
        /* half a unit of f32, and what doubles lose in large angles */
        double bound = scale * 6.1e-8 + angle * 1e-14;

        assert_true(fabs((double)row[i] - scale * cos(angle)) < bound);
        assert_true(fabs((double)row[half + i] - scale * sin(angle)) < bound);
    }
    for (size_t i = 0; i < spec->dims; i++) {
        head[i] = was[i] = draw_number();
    }
    nn_rope_apply(r, row, head);
    for (size_t i = 0; i < half; i++) {
        size_t a = spec->pairs == ROPE_NORM ? 2 * i : i;
        size_t b = spec->pairs == ROPE_NORM ? 2 * i + 1 : i + half;

        assert_true(same(head[a], was[a] * row[i] - was[b] * row[half + i]));
        assert_true(same(head[b], was[a] * row[half + i] + was[b] * row[i]));
    }
    nn_rope_free(r);
}

static void test_rope(void **s)
{
    static const uint64_t positions[] = {0,    1,     2,      63,
                                         1000, 40000, 131071, (1 << 24) - 1};
    static const float factors[] = {1, 1, 2, 4, 8, 8, 8, 8};
    static const struct rope_spec specs[] = {
        {.pairs = ROPE_NORM, .dims = 64, .freq_base = 10000},
        {.pairs = ROPE_NEOX, .dims = 128, .freq_base = 1000000},
        {.pairs = ROPE_NORM, .dims = 16, .freq_base = 5e5, .factors = factors},
        {.pairs = ROPE_NEOX,
         .scaling = ROPE_SCALING_LINEAR,
         .dims = 32,
         .freq_base = 10000,
         .factor = 4},
        {.pairs = ROPE_NEOX, /* gpt-oss */
         .scaling = ROPE_SCALING_YARN,
         .dims = 64,
         .freq_base = 150000,
         .factor = 32,
         .original_context = 4096},
        {.pairs = ROPE_NORM,
         .scaling = ROPE_SCALING_YARN,
         .dims = 8,
         .freq_base = 100,
         .factor = 2,
         .original_context = 16}};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(specs); i++) {
        for (size_t j = 0; j < ARRAY_N(positions); j++) {
            check_rope(&specs[i], positions[j]);
        }
    }
}

static void test_rope_refused(void **s)
{
    static const struct rope_spec specs[] = {
        {.dims = 0, .freq_base = 10000},
        {.dims = 7, .freq_base = 10000},
        {.dims = ROPE_DIMS_MAX + 2, .freq_base = 10000},
        {.dims = 8, .freq_base = 1},
        {.dims = 8, .freq_base = (double)NAN},
        {.dims = 8, .freq_base = (double)INFINITY},
        {.scaling = ROPE_SCALING_LINEAR,
         .dims = 8,
         .freq_base = 10,
         .factor = 0},
        {.scaling = ROPE_SCALING_YARN,
         .dims = 8,
         .freq_base = 10,
         .factor = 2}};
    struct rope *r;

    (void)s;
    for (size_t i = 0; i < ARRAY_N(specs); i++) {
        assert_int_equal(nn_rope_new(&specs[i], &r), ERR_INPUT);
        assert_null(r);
    }
    nn_rope_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_edges),
        cmocka_unit_test(test_forms),       cmocka_unit_test(test_sums),
        cmocka_unit_test(test_not_numbers), cmocka_unit_test(test_rope),
        cmocka_unit_test(test_rope_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
