/* loss.c, net_pass.c, optimizer.c, schedule.c against numpy (reference.py). */
#include <math.h>

#include "tests/unit/nn/numbers.h"
#include "tests/unit/train/words.h"
#include "workers/nn/panel.h"
#include "workers/train/learner.h"
#include "workers/train/optimizer.h"
#include "workers/train/rows.h"
#include "workers/train/schedule.h"

#include "tests/unit/train/reference.inc"

#define N_MAX 64u

struct trial {
    const struct reference_case *c;
    uint32_t classes[REFERENCE_ROWS];
    uint32_t layers[3];
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__LossSpec loss;
    struct rows rows;
    struct learner *l;
    float params[N_MAX], grad[N_MAX];
    uint8_t mask[N_MAX];
};

static void open_trial(struct trial *t, const struct reference_case *c)
{
    int is_number = strcmp(c->labels, "number") == 0;
    int is_two = strcmp(c->labels, "two") == 0;
    struct diag d;

    memset(t, 0, sizeof(*t));
    t->c = c;
    for (size_t i = 0; i < REFERENCE_ROWS; i++) {
        t->classes[i] = reference_classes[i] % (is_two ? 2u : 3u);
    }
    t->rows = (struct rows){ROWS_F64,
                            is_number ? ROWS_REGRESSION : ROWS_CLASSIFICATION,
                            REFERENCE_ROWS,
                            REFERENCE_WIDTH,
                            is_number ? 0 : is_two ? 2 : 3,
                            (const uint8_t *)reference_x,
                            is_number ? (const uint8_t *)reference_targets
                                      : (const uint8_t *)t->classes};
    proctor__recipe__init(&t->recipe);
    proctor__learner__init(&t->learner);
    proctor__loss_spec__init(&t->loss);
    t->recipe.learner = &t->learner;
    t->recipe.loss = &t->loss;
    t->layers[1] = REFERENCE_HIDDEN;
    t->layers[2] = c->outputs;
    t->learner.n_layers = 3;
    t->learner.layers = t->layers;
    t->learner.activation = text(c->activation);
    t->learner.output = text(c->output);
    t->loss.kind = text(c->loss);
    t->loss.delta = c->delta;
    t->loss.smoothing = c->smoothing;
    assert_int_equal(
        learner_mlp.open(&t->recipe, &t->rows, NULL, &t->l, &d), 0);
    assert_int_equal(learner_mlp.parameters_n(t->l), c->n);
    assert_int_equal(learner_mlp.start(t->l, REFERENCE_ROWS), 0);
    learner_mlp.decays(t->l, t->mask);
    for (size_t i = 0; i < c->n; i++) {
        t->params[i] = (float)c->params[i];
    }
}

static void gradient(struct trial *t, struct loss_sum *s)
{
    static const uint32_t order[] = {0, 1, 2, 3, 4, 5, 6, 7};

    _Static_assert(ARRAY_N(order) == REFERENCE_ROWS, "all rows");
    assert_int_equal(learner_mlp.set(t->l, t->params), 0);
    assert_int_equal(learner_mlp.gradient(t->l, &t->rows, order, REFERENCE_ROWS,
                                          0, 0, t->grad, s),
                     0);
}

static void close_to(double got, double want, double most, const char *what,
                     size_t i)
{
    if (!(fabs(got - want) <= most)) {
        fail_msg("%s, %zu: %.9g, not %.9g", what, i, got, want);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(reference_cases); i++) {
        const struct reference_case *c = &reference_cases[i];
        struct loss_sum s = {0};
        struct trial t;

        open_trial(&t, c);
        gradient(&t, &s);
        close_to(s.loss, c->value, 1e-5, c->loss, i);
        for (size_t j = 0; j < c->n; j++) {
            close_to((double)t.grad[j], c->gradient[j], 2e-6, c->loss, j);
        }
        learner_mlp.close(t.l);
    }
}

static void train(struct trial *t, const struct reference_optimizer *how,
                  const double *want)
{
    Proctor__OptimizerSpec spec;
    struct optimizer *o;
    struct diag d;

    proctor__optimizer_spec__init(&spec);
    spec.kind = text(how->kind);
    spec.rate = how->rate;
    spec.momentum = how->momentum;
    spec.nesterov = how->nesterov;
    spec.beta1 = how->beta1;
    spec.beta2 = how->beta2;
    spec.epsilon = how->epsilon;
    spec.decay = how->decay;
    diag_init(&d);
    assert_int_equal(optimizer_new(&spec, t->c->n, &o, &d), 0);
    for (size_t i = 0; i < REFERENCE_STEPS; i++) {
        struct loss_sum s = {0};

        gradient(t, &s);
        clip_scale(t->grad, t->c->n, 1.0 / REFERENCE_ROWS);
        optimizer_step(o, t->params, t->grad, t->mask, how->rate);
    }
    optimizer_free(o);
    for (size_t j = 0; j < t->c->n; j++) {
        close_to((double)t->params[j], want[j], 1e-5, how->kind, j);
    }
}

static void test_optimizers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(reference_cases); i++) {
        for (size_t k = 0; k < ARRAY_N(reference_optimizers); k++) {
            struct trial t;

            open_trial(&t, &reference_cases[i]);
            train(&t, &reference_optimizers[k],
                  reference_cases[i].trained + k * t.c->n);
            learner_mlp.close(t.l);
        }
    }
}

static void test_schedules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(reference_schedules); i++) {
        const struct reference_schedule *r = &reference_schedules[i];
        Proctor__ScheduleSpec spec;
        Proctor__SchedulePart parts[ARRAY_N(r->parts)];
        Proctor__SchedulePart *v[ARRAY_N(r->parts)];
        uint64_t at[ARRAY_N(r->parts)][ARRAY_N(r->parts[0].at)];
        struct plateau p;
        struct diag d;

        proctor__schedule_spec__init(&spec);
        for (size_t j = 0; j < r->parts_n; j++) {
            proctor__schedule_part__init(&parts[j]);
            memcpy(at[j], r->parts[j].at, sizeof(at[j]));
            parts[j].kind = text(r->parts[j].kind);
            parts[j].from = r->parts[j].from;
            parts[j].size = r->parts[j].size;
            parts[j].factor = r->parts[j].factor;
            parts[j].at = at[j];
            parts[j].n_at = r->parts[j].at_n;
            parts[j].least = r->parts[j].least;
            parts[j].start = r->parts[j].start;
            parts[j].power = r->parts[j].power;
            parts[j].patience = r->parts[j].patience;
            parts[j].cooldown = r->parts[j].cooldown;
            parts[j].threshold = r->parts[j].threshold;
            v[j] = &parts[j];
        }
        spec.parts = v;
        spec.n_parts = r->parts_n;
        spec.per_epoch = i % 2 == 1;
        assert_int_equal(schedule_check(&spec, &d), 0);
        plateau_init(&p);
        for (uint64_t t = 0; t < ARRAY_N(reference_measured); t++) {
            double rate = schedule_rate(&spec, 3.0, spec.per_epoch ? 99 : t,
                                        spec.per_epoch ? t : 99, &p);

            close_to(rate, 3.0 * r->rates[t], 1e-9, r->parts[0].kind, t);
            schedule_measured(&spec, t, t, reference_measured[t], r->lower, &p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_schedules),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
