/* optimizer.c, clip.c, schedule.c: states as bytes, kernels, limits, what is
 * refused. The numbers themselves: test_reference.c. */
#include <math.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "tests/unit/nn/numbers.h"
#include "tests/unit/train/words.h"
#include "workers/nn/panel.h"
#include "workers/train/optimizer.h"
#include "workers/train/schedule.h"

#define N 1003u

static const struct how {
    const char *kind;
    double momentum;
    int nesterov;
    size_t moments;
} hows[] = {{"sgd", 0, 0, 0},     {"sgd", 0.9, 0, 1}, {"sgd", 0.9, 1, 1},
            {"adam", 0, 0, 2},    {"adamw", 0, 0, 2}, {"rmsprop", 0, 0, 1},
            {"rmsprop", 0.5, 0, 2}};

static void spec_of(const struct how *h, Proctor__OptimizerSpec *spec)
{
    proctor__optimizer_spec__init(spec);
    spec->kind = text(h->kind);
    spec->rate = 0.01;
    spec->momentum = h->momentum;
    spec->nesterov = h->nesterov;
    spec->decay = 0.01;
}

/* Steps [from, to) of a made-up run. */
static void run(struct optimizer *o, float *w, const uint8_t *mask, int from,
                int to)
{
    float g[N];

    for (int t = from; t < to; t++) {
        for (size_t i = 0; i < N; i++) {
            g[i] = (float)((i * 31 + (size_t)t * 17) % 41) / 16.0f - 1.25f;
        }
        optimizer_step(o, w, g, mask, 0.01 / (1 + t));
    }
}

/* Saved and loaded in the middle, on any kernels: the same bits. */
static void test_states(void **state)
{
    static const enum panel_route routes[] = {PANEL_SCALAR, PANEL_AVX2,
                                              PANEL_AVX512};
    uint8_t mask[N];

    (void)state;
    for (size_t i = 0; i < N; i++) {
        mask[i] = i % 3 == 0;
    }
    for (size_t h = 0; h < ARRAY_N(hows); h++) {
        float *first = draw_numbers(N), w[N], want[N];
        Proctor__OptimizerSpec spec;
        struct diag d;

        spec_of(&hows[h], &spec);
        assert_int_equal(optimizer_memory(&spec, N), hows[h].moments * N * 4);
        for (size_t r = 0; r < ARRAY_N(routes); r++) {
            struct optimizer *o, *other;
            struct buf b;

            if (panels_force(WEIGHT_F32, routes[r]) != 0) {
                continue;
            }
            assert_int_equal(optimizer_new(&spec, N, &o, &d), 0);
            assert_int_equal(optimizer_new(&spec, N, &other, &d), 0);
            memcpy(w, first, sizeof(w));
            run(o, w, mask, 0, 3);
            buf_init(&b, 1 << 16);
            assert_int_equal(optimizer_save(o, &b), 0);
            assert_int_equal(buf_len(&b), optimizer_state_bytes(&spec, N));
            run(o, w, mask, 3, 7);
            if (r == 0) {
                memcpy(want, w, sizeof(want));
            }
            assert_memory_equal(want, w, sizeof(w));
            run(other, w, mask, 90, 95); /* led astray */
            memcpy(w, first, sizeof(w));
            optimizer_free(o);
            assert_int_equal(optimizer_new(&spec, N, &o, &d), 0);
            run(o, w, mask, 0, 3); /* for its weights */
            assert_int_equal(optimizer_load(other, buf_bytes(&b)), 0);
            run(other, w, mask, 3, 7);
            assert_memory_equal(want, w, sizeof(w));
            assert_int_equal(optimizer_load(
                                 other, (struct ubytes){buf_bytes(&b).p,
                                                        buf_len(&b) - 1}),
                             ERR_INPUT);
            b.data_[8] = 0x7f; /* a power that is none */
            assert_int_equal(optimizer_load(other, buf_bytes(&b)), ERR_INPUT);
            buf_release(&b);
            optimizer_free(o);
            optimizer_free(other);
        }
        free(first);
    }
}

static void test_decay(void **state)
{
    (void)state;
    for (size_t h = 0; h < ARRAY_N(hows); h++) {
        float w[2] = {1, 1}, g[2] = {0, 0};
        const uint8_t mask[2] = {1, 0};
        Proctor__OptimizerSpec spec;
        struct optimizer *o;
        struct diag d;

        spec_of(&hows[h], &spec);
        assert_int_equal(optimizer_new(&spec, 2, &o, &d), 0);
        optimizer_step(o, w, g, mask, 0.01);
        assert_true(w[0] < 1 && w[0] > 0.8f);
        assert_true(w[1] == 1);
        optimizer_free(o);
    }
}

static void test_optimizer_refused(void **state)
{
    Proctor__OptimizerSpec spec;
    struct diag d;

    (void)state;
#define REFUSED(change, part)                                                  \
    spec_of(&hows[1], &spec);                                                  \
    change;                                                                    \
    diag_init(&d);                                                             \
    assert_int_equal(optimizer_check(&spec, &d), ERR_INPUT);                   \
    assert_non_null(strstr(d.what, part))
    REFUSED(spec.kind = text("lion"), "lion");
    REFUSED(spec.rate = 0, "rate is 0");
    REFUSED(spec.rate = NAN, "rate");
    REFUSED(spec.rate = INFINITY, "rate");
    REFUSED(spec.momentum = 1, "momentum is 1");
    REFUSED(spec.beta1 = -0.1, "beta1");
    REFUSED(spec.beta2 = 1, "beta2");
    REFUSED(spec.decay = NAN, "decay");
    REFUSED((spec.kind = text("adam"), spec.nesterov = 1), "nesterov");
}

static void test_clip(void **state)
{
    static const enum panel_route routes[] = {PANEL_SCALAR, PANEL_AVX2,
                                              PANEL_AVX512};
    float *v = draw_numbers(N), w[N];
    double sum = 0, norm = 0;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        sum += (double)v[i] * (double)v[i];
    }
    for (size_t r = 0; r < ARRAY_N(routes); r++) {
        if (panels_force(WEIGHT_F32, routes[r]) != 0) {
            continue;
        }
        assert_true(r == 0 || clip_norm_of(v, N) == norm);
        norm = clip_norm_of(v, N);
        assert_true(fabs(norm - sqrt(sum)) < 1e-12 * norm);
    }
    memcpy(w, v, sizeof(w));
    assert_int_equal(clip_norm(w, N, norm, norm), 0);
    assert_memory_equal(w, v, sizeof(w));
    assert_int_equal(clip_norm(w, N, norm, 2.0), 1);
    assert_true(fabs(clip_norm_of(w, N) - 2.0) < 1e-6);
    assert_int_equal(clip_norm(w, N, (double)NAN, 2.0), 0);
    memcpy(w, v, sizeof(w));
    w[5] = NAN;
    clip_value(w, N, 0.5);
    for (size_t i = 0; i < N; i++) {
        float want = v[i] > 0.5f ? 0.5f : v[i] < -0.5f ? -0.5f : v[i];

        assert_true(i == 5 ? w[i] != w[i] : w[i] == want);
    }
    free(v);
}

static void test_average(void **state)
{
    float a[3] = {1, 2, 3};
    const float w[3] = {3, 2, -1};

    (void)state;
    ema_update(a, w, 3, 0.99, 1); /* (1 + 1) / (10 + 1) of the old */
    assert_true(fabs((double)a[0] - (2.0 / 11 + 9.0 / 11 * 3)) < 1e-6);
    assert_true(a[1] == 2);
    a[0] = 1;
    ema_update(a, w, 3, 0.5, 1000);
    assert_true(a[0] == 2);
}

static void test_plateau_state(void **state)
{
    Proctor__ScheduleSpec spec;
    Proctor__SchedulePart part, *parts[] = {&part};
    struct plateau p, q;
    struct buf b;

    (void)state;
    proctor__schedule_spec__init(&spec);
    proctor__schedule_part__init(&part);
    part.kind = text("plateau");
    part.factor = 0.5;
    spec.parts = parts;
    spec.n_parts = 1;
    plateau_init(&p);
    schedule_measured(&spec, 0, 0, NAN, 0, &p); /* no improvement */
    assert_true(p.share == 0.5);
    schedule_measured(&spec, 0, 0, 0.7, 0, &p);
    schedule_measured(&spec, 0, 0, 0.7, 0, &p);
    assert_true(p.share == 0.25 && p.best == 0.7);
    buf_init(&b, 100);
    assert_int_equal(schedule_save(&p, &b), 0);
    assert_int_equal(buf_len(&b), SCHEDULE_STATE_BYTES);
    plateau_init(&q);
    assert_int_equal(schedule_load(&q, buf_bytes(&b)), 0);
    assert_true(q.best == p.best && q.share == p.share && q.bad == p.bad &&
                q.cool == p.cool && q.has_best == p.has_best);
    b.data_[SCHEDULE_STATE_BYTES - 1] = 2;
    assert_int_equal(schedule_load(&q, buf_bytes(&b)), ERR_INPUT);
    buf_truncate(&b, SCHEDULE_STATE_BYTES - 1);
    assert_int_equal(schedule_load(&q, buf_bytes(&b)), ERR_INPUT);
    assert_true(schedule_rate(NULL, 0.3, 5, 5, &p) == 0.3);
    schedule_measured(NULL, 0, 0, 1, 0, &p); /* no plateau there */
    assert_true(p.best == 0.7);
    buf_release(&b);
}

static void test_schedule_refused(void **state)
{
    uint64_t at[] = {5, 5};
    Proctor__ScheduleSpec spec;
    Proctor__SchedulePart part, next, *parts[] = {&part, &next};
    struct diag d;

    (void)state;
#undef REFUSED
#define REFUSED(change, part_)                                                 \
    proctor__schedule_spec__init(&spec);                                       \
    proctor__schedule_part__init(&part);                                       \
    proctor__schedule_part__init(&next);                                       \
    part.kind = next.kind = text("constant");                                  \
    next.from = 9;                                                             \
    spec.parts = parts;                                                        \
    spec.n_parts = 2;                                                          \
    diag_init(&d);                                                             \
    assert_int_equal(schedule_check(&spec, &d), 0);                            \
    change;                                                                    \
    assert_int_equal(schedule_check(&spec, &d), ERR_INPUT);                    \
    assert_non_null(strstr(d.what, part_))
    REFUSED(part.kind = text("stairs"), "schedule[0]: an unknown kind");
    REFUSED(next.kind = text("cosine"), "schedule[1]: size");
    REFUSED(part.kind = text("exponential"), "factor is missing");
    REFUSED(part.factor = -1, "negative");
    REFUSED(part.factor = NAN, "not finite");
    REFUSED(part.least = 1.5, "least is over 1");
    REFUSED(part.from = 1, "the first is not 0");
    REFUSED(next.from = 0, "from does not ascend");
    REFUSED((part.kind = text("multi_step"), part.factor = 0.1, part.at = at,
             part.n_at = 2),
            "at does not ascend");
    REFUSED((part.kind = text("plateau"), part.factor = 1), "lower the rate");
    REFUSED((part.kind = text("cosine"), part.size = 4, part.factor = 0.5),
            "periods shorter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_optimizer_refused),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_plateau_state),
        cmocka_unit_test(test_schedule_refused),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
