/* attend.c: the rules of its header, as plainly as they can be written; the
 * same bits for every cut of the tokens, ring, window and route. */
#include <math.h>
#include <stdio.h>

#include "tests/unit/nn/numbers.h"
#include "workers/nn/attend.h"
#include "workers/nn/math.h"
#include "workers/nn/panel.h"

/* A lane: queries, keys and values of all positions, as rows. */
struct lane {
    size_t n, group, head_k, head_v;
    uint64_t window;
    float scale;
    float *q, *k, *v; /* (n, group, head_k), (n, head_k), (n, head_v) */
    float *sinks;     /* (group), or NULL */
    float *expected;  /* (n, group, head_v) */
};

/* Contract 1 of two vectors. */
static float dot(const float *a, const float *b, size_t n)
{
    float y = 0;

    for (size_t k0 = 0; k0 < n; k0 += 256) {
        float acc = 0;

        for (size_t i = k0; i < n && i < k0 + 256; i++) {
            acc = fmaf(a[i], b[i], acc);
        }
        y = k0 == 0 ? acc : y + acc;
    }
    return y + 0.0f;
}

static float sum_lanes(float *lane)
{
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            lane[i] += lane[i + half];
        }
    }
    return lane[0];
}

/* One head at position t. weights: (t + 1) */
static void attend_reference(const struct lane *l, size_t t, size_t g,
                             float *weights, float *out)
{
    size_t from = l->window == 0 || t < l->window ? 0 : t + 1 - l->window;
    float max = l->sinks == NULL ? -INFINITY : l->sinks[g];
    float lane[16] = {0}, sum;

    for (size_t p = from; p <= t; p++) {
        weights[p] = dot(l->q + (t * l->group + g) * l->head_k,
                         l->k + p * l->head_k, l->head_k) *
                     l->scale;
        max = weights[p] > max ? weights[p] : max;
    }
    for (size_t p = from; p <= t; p++) {
        weights[p] = nn_exp(weights[p] - max);
        lane[p % 16] += weights[p];
    }
    sum = sum_lanes(lane);
    if (l->sinks != NULL) {
        sum += nn_exp(l->sinks[g] - max);
    }
    for (size_t j = 0; j < l->head_v; j++) {
        float y = 0;

        for (size_t p0 = from / 64 * 64; p0 <= t; p0 += 64) {
            float acc = 0;

            for (size_t p = p0; p <= t && p < p0 + 64; p++) {
                acc = p < from ? acc
                               : fmaf(weights[p], l->v[p * l->head_v + j], acc);
            }
            y += acc;
        }
        out[j] = (y + 0.0f) * (1.0f / sum);
    }
}

static void lane_init(struct lane *l, size_t n, size_t group, size_t head_k,
                      size_t head_v, uint64_t window, int sinks)
{
    float *weights = draw_numbers(n);

    *l = (struct lane){.n = n,
                       .group = group,
                       .head_k = head_k,
                       .head_v = head_v,
                       .window = window,
                       .scale = 1.0f / sqrtf((float)head_k) / 64};
    l->q = draw_numbers(n * group * head_k);
    l->k = draw_numbers(n * head_k);
    l->v = draw_numbers(n * head_v);
    l->sinks = sinks ? draw_numbers(group) : NULL;
    l->expected = draw_numbers(n * group * head_v);
    for (size_t t = 0; t < n; t++) {
        for (size_t g = 0; g < group; g++) {
            attend_reference(l, t, g, weights,
                             l->expected + (t * group + g) * head_v);
        }
    }
    free(weights);
}

static void lane_release(struct lane *l)
{
    free(l->q);
    free(l->k);
    free(l->v);
    free(l->sinks);
    free(l->expected);
}

/* All tokens through a ring of `blocks`, `batch` at a time (0: of random
 * sizes up to 2 * batch_max), against the reference. */
static void check_lane(const struct lane *l, size_t blocks, size_t batch_max,
                       int is_random)
{
    size_t k_n = blocks * attend_keys_floats(l->head_k);
    size_t v_n = blocks * attend_values_floats(l->head_v);
    size_t ldq = l->group * l->head_k + below(5);
    size_t ldo = l->group * l->head_v + below(5);
    float *keys = draw_numbers(k_n), *values = draw_numbers(v_n);
    float *q = draw_numbers(batch_max * ldq),
          *o = draw_numbers(batch_max * ldo);
    struct attend a = {.head_k = l->head_k,
                       .head_v = l->head_v,
                       .group = l->group,
                       .scale = l->scale,
                       .sinks = l->sinks,
                       .window = l->window,
                       .keys = keys,
                       .values = values,
                       .blocks = blocks};
    uint64_t span = l->window == 0 ? l->n : l->window + batch_max;
    size_t scratch_n = attend_scratch(&a, span);
    float *scratch = aligned_alloc(64, (scratch_n * 4 + 63) / 64 * 64);
    size_t n;

    assert_non_null(scratch);
    for (size_t i = 0; i < l->n; i += n) {
        n = is_random ? 1 + below(batch_max) : batch_max;
        n = l->n - i < n ? l->n - i : n;
        for (size_t j = 0; j < n; j++) {
            attend_put_key(&a, i + j, l->k + (i + j) * l->head_k, keys);
            attend_put_value(&a, i + j, l->v + (i + j) * l->head_v, values);
            memcpy(q + j * ldq, l->q + (i + j) * l->group * l->head_k,
                   l->group * l->head_k * sizeof(*q));
        }
        attend(&a, i, n, q, ldq, o, ldo, scratch, scratch_n);
        for (size_t j = 0; j < n * l->group * l->head_v; j++) {
            size_t t = j / (l->group * l->head_v),
                   c = j % (l->group * l->head_v);
            float want = l->expected[i * l->group * l->head_v + j];
            float got = o[t * ldo + c];

            if (bits_of(want) != bits_of(got)) {
                fail_msg("route %s heads %zu of %zu, %zu window %zu blocks %zu "
                         "batch %zu of %zu: position %zu number %zu is %a, "
                         "not %a",
                         panels_routes(), l->group, l->head_k, l->head_v,
                         (size_t)l->window, blocks, n, batch_max, i + t, c,
                         (double)got, (double)want);
            }
        }
    }
    free(keys);
    free(values);
    free(q);
    free(o);
    free(scratch);
}

static void check_routes(const struct lane *l, size_t blocks, size_t batch_max,
                         int is_random)
{
    for (int r = 0; r < PANEL_ROUTES_N; r++) {
        if (panels_force(WEIGHT_F32, (enum panel_route)r) == 0) {
            check_lane(l, blocks, batch_max, is_random);
        }
    }
}

static size_t blocks_for(uint64_t span)
{
    return (size_t)((span + 63) / 64);
}

static void test_batches(void **s)
{
    static const size_t batches[] = {1, 2, 7, 15, 16, 61, 130};
    struct lane l;

    (void)s;
    lane_init(&l, 200, 4, 64, 64, 0, 0);
    for (size_t i = 0; i < ARRAY_N(batches); i++) {
        check_routes(&l, blocks_for(l.n), batches[i], 0);
    }
    check_routes(&l, blocks_for(l.n), 50, 1);
    lane_release(&l);
}

/* Every phase of small rings. */
static void test_windows(void **s)
{
    static const uint64_t windows[] = {1, 2, 16, 33, 63, 64, 65, 100, 128};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(windows); i++) {
        for (size_t batch = 1; batch <= 33; batch += 16) {
            size_t least = blocks_for(windows[i] - 1 + batch);
            struct lane l;

            lane_init(&l, 333, 2, 16, 16, windows[i], i % 2 == 0);
            check_routes(&l, least, batch, 1);
            check_routes(&l, least + 1 + below(3), batch, 1);
            lane_release(&l);
        }
    }
}

/* Sizes of heads that are no multiple of anything, large groups. */
static void test_heads(void **s)
{
    static const size_t heads[][3] = {{1, 1, 1},    {1, 8, 8},    {3, 5, 7},
                                      {60, 8, 16},  {8, 80, 80},  {2, 128, 128},
                                      {5, 96, 100}, {1, 257, 64}, {2, 512, 65},
                                      {7, 33, 48},  {16, 64, 32}};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(heads); i++) {
        struct lane l;

        lane_init(&l, 70, heads[i][0], heads[i][1], heads[i][2], 0, i % 2 == 0);
        check_routes(&l, 2, 1, 0);
        check_routes(&l, 2, 70, 0);
        check_routes(&l, 2, 20, 1);
        lane_release(&l);
    }
}

/* So long that tiles shrink. */
static void test_long(void **s)
{
    struct lane l;

    (void)s;
    lane_init(&l, is_full() ? 9000 : 1700, 3, 4, 4, 0, 1);
    check_routes(&l, blocks_for(l.n), 300, 1);
    lane_release(&l);
}

static void test_random(void **s)
{
    size_t tries = is_full() ? 2000 : 20;

    (void)s;
    for (size_t i = 0; i < tries; i++) {
        uint64_t window = below(3) == 0 ? 0 : 1 + below(150);
        size_t n = 1 + below(400), batch = 1 + below(80);
        struct lane l;

        lane_init(&l, n, 1 + below(9), 1 + below(70), 1 + below(70), window,
                  below(2) == 0);
        check_routes(
            &l, blocks_for(window == 0 ? n : window - 1 + batch) + below(3),
            batch, 1);
        lane_release(&l);
    }
}

/* A query that is no number spoils its own rows only. */
static void test_not_numbers(void **s)
{
    struct lane l;
    size_t width = 2 * 16;

    (void)s;
    lane_init(&l, 100, 2, 16, 16, 0, 0);
    l.q[30 * 2 * 16 + 3] = NAN; /* position 30, head 0 */
    l.q[31 * 2 * 16 + 20] = INFINITY;
    for (int r = 0; r < PANEL_ROUTES_N; r++) {
        struct attend a = {.head_k = 16,
                           .head_v = 16,
                           .group = 2,
                           .scale = l.scale,
                           .blocks = 2};
        float *keys = draw_numbers(2 * attend_keys_floats(16));
        float *values = draw_numbers(2 * attend_values_floats(16));
        float *o = draw_numbers(100 * width);
        size_t scratch_n = attend_scratch(&a, 100);
        float *scratch = aligned_alloc(64, (scratch_n * 4 + 63) / 64 * 64);

        assert_non_null(scratch);
        a.keys = keys;
        a.values = values;
        for (size_t p = 0; p < 100; p++) {
            attend_put_key(&a, p, l.k + p * 16, keys);
            attend_put_value(&a, p, l.v + p * 16, values);
        }
        if (panels_force(WEIGHT_F32, (enum panel_route)r) == 0) {
            attend(&a, 0, 100, l.q, width, o, width, scratch, scratch_n);
            for (size_t i = 0; i < 100 * width; i++) {
                size_t row = i / 16;

                if (row == 30 * 2 || row == 31 * 2 + 1) {
                    assert_true(isnan(o[i]));
                } else {
                    assert_int_equal(bits_of(o[i]), bits_of(l.expected[i]));
                }
            }
        }
        free(keys);
        free(values);
        free(o);
        free(scratch);
    }
    lane_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_heads),   cmocka_unit_test(test_long),
        cmocka_unit_test(test_random),  cmocka_unit_test(test_not_numbers)};

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
