/* handler.c, handler_act.c: what each kind does, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/diag.h"
#include "proto/err.h"
#include "proto/pb.h"
#include "proto/text.h"
#include "workers/train/handler.h"

static char log_[8192];
static struct text said;
static uint64_t now_ns;

static uint64_t tick(void *ctx)
{
    (void)ctx;
    now_ns += 1000000;
    return now_ns;
}

static void note(void *ctx, const char *line)
{
    (void)ctx;
    text_putf(&said, "[%s] ", line);
}

static int checkpoint(void *ctx, uint64_t step, uint64_t instead,
                      struct diag *d)
{
    (void)ctx;
    (void)d;
    text_putf(&said, "keep %llu for %llu ", (unsigned long long)step,
              (unsigned long long)instead);
    return 0;
}

static double norm_now;

static int norm(void *ctx, enum handler_norm which, double *out, struct diag *d)
{
    (void)ctx;
    (void)d;
    *out = which == HANDLER_GRADIENTS_NORM ? norm_now : 2 * norm_now;
    return 0;
}

static int evaluate(void *ctx, struct engine *e, struct diag *d)
{
    (void)ctx;
    text_putf(&said, "evaluate %llu ",
              (unsigned long long)engine_state(e)->epoch);
    return engine_value_set(e, "accuracy", 0.5, d);
}

/* An engine whose epochs have one step; its value `measured` is of a list. */
struct play {
    struct engine *e;
    struct handlers *h;
    const double *values;
    const char *name;
};

static const char *const names[] = {"loss", "accuracy"};

static int open_play(struct play *p, Proctor__HandlerSpec *const *specs,
                     size_t n, int measured, uint32_t workers, struct diag *d)
{
    struct handler_world w = {
        .is_measured = measured,
        .names = names,
        .names_n = 2,
        .workers = workers,
        .hooks = {NULL, note, checkpoint, norm, evaluate}};
    int code;

    text_init(&said, log_, sizeof(log_));
    now_ns = 0;
    assert_int_equal(engine_new("trainer", tick, NULL, &p->e), 0);
    w.e = p->e;
    code = handlers_open(specs, n, &w, &p->h, d);
    if (code < 0) {
        engine_free(p->e);
    }
    return code;
}

static void close_play(struct play *p)
{
    engine_free(p->e);
    handlers_close(p->h);
}

static void step_play(struct play *p, struct diag *d, uint64_t until)
{
    enum engine_want want = ENGINE_AT_STEP;

    while (want != ENGINE_AT_END) {
        const struct engine_state *s = engine_state(p->e);

        assert_int_equal(engine_next(p->e, &want, d), 0);
        if (want == ENGINE_WANT_PROCESS) {
            assert_int_equal(
                engine_value_set(p->e, p->name, p->values[s->iteration - 1], d),
                0);
            engine_processed(p->e);
        }
        if (want == ENGINE_AT_STEP && s->iteration == until) {
            return;
        }
    }
}

static void play(struct play *p, const char *name, const double *values,
                 uint64_t n)
{
    const struct engine_plan plan = {
        .max_epochs = n, .epoch_length = 1, .no_data = 1};
    struct diag d;

    diag_init(&d);
    p->name = name;
    p->values = values;
    assert_int_equal(engine_begin(p->e, &plan, &d), 0);
    step_play(p, &d, 0);
}

static void open_one(struct play *p, Proctor__HandlerSpec *spec, int measured)
{
    struct diag d;

    diag_init(&d);
    if (open_play(p, &spec, 1, measured, 1, &d) != 0) {
        fail_msg("%s", d.what);
    }
}

static Proctor__HandlerSpec spec_of(const char *kind)
{
    Proctor__HandlerSpec s = PROCTOR__HANDLER_SPEC__INIT;

    s.kind = pb_str(kind);
    return s;
}

/* ---- Keeping ---- */

static void test_checkpoint_best(void **s)
{
    static const double v[] = {.5, (double)NAN, .7, .7, .6, .9};
    Proctor__HandlerSpec spec = spec_of("checkpoint");
    uint64_t kept[HANDLER_KEEP_MAX];
    struct play p;

    (void)s;
    spec.keep = 2;
    open_one(&p, &spec, 1);
    play(&p, HANDLER_MEASURED, v, 6);
    assert_string_equal(
        log_, "[checkpoint: step 1 kept, measured 0.5000] keep 1 for 0 "
              "[checkpoint: step 2: measured is NaN, not kept] "
              "[checkpoint: step 3 kept, measured 0.7000] keep 3 for 0 "
              "[checkpoint: step 4 kept, measured 0.7000] keep 4 for 1 "
              "[checkpoint: step 6 kept, measured 0.9000] keep 6 for 4 ");
    assert_int_equal(handlers_kept(p.h, 0, kept), 2);
    assert_int_equal(kept[0], 6);
    assert_int_equal(kept[1], 3); /* of 3 and 4, which are equal, the older */
    close_play(&p);
}

static void test_checkpoint_lower(void **s)
{
    static const double v[] = {3, 2, 2, 5};
    Proctor__HandlerSpec spec = spec_of("checkpoint");
    uint64_t kept[HANDLER_KEEP_MAX];
    struct play p;

    (void)s;
    spec.metric = pb_str("loss");
    spec.lower = 1;
    open_one(&p, &spec, 0);
    play(&p, "loss", v, 4);
    assert_int_equal(handlers_kept(p.h, 0, kept), 1);
    assert_int_equal(kept[0], 2);
    close_play(&p);
}

static void test_checkpoint_newest(void **s)
{
    static const double v[] = {1, 1, 1, 1};
    Proctor__HandlerSpec spec = spec_of("checkpoint");
    struct play p;

    (void)s;
    spec.keep = 2;
    spec.every = 1;
    open_one(&p, &spec, 0);
    play(&p, "loss", v, 4);
    assert_string_equal(log_, "keep 1 for 0 keep 2 for 0 keep 3 for 1 "
                              "keep 4 for 2 ");
    close_play(&p);
}

/* ---- Ending ---- */

static void stops_at(Proctor__HandlerSpec *spec, const double *v, uint64_t n,
                     uint64_t want)
{
    struct play p;

    open_one(&p, spec, 1);
    play(&p, HANDLER_MEASURED, v, n);
    assert_int_equal(engine_state(p.e)->epoch, want);
    assert_int_equal(*handlers_ended(p.h) != 0, want < n);
    assert_string_equal(handlers_failure(p.h), "");
    close_play(&p);
}

static void test_early_stopping(void **s)
{
    static const double up[] = {.1, .2, .2, .1, .3, .3, .3, .3},
                        nan_[] = {(double)NAN, .1,          (double)NAN,
                                  .2,          (double)NAN, (double)NAN},
                        never[] = {(double)NAN, (double)NAN, 1, 1, 1, 1},
                        small[] = {.1, .15, .19, .3, .3, .3},
                        down[] = {9, 8, 7, 8, 8, 8};
    Proctor__HandlerSpec spec = spec_of("early_stopping");

    (void)s;
    spec.patience = 2;
    stops_at(&spec, up, 8, 4);
    spec.patience = 3;
    stops_at(&spec, up, 7, 7);
    spec.patience = 2;
    stops_at(&spec, nan_, 5, 5);
    stops_at(&spec, never, 6, 2);
    spec.min_delta = .1; /* more than that away from the best */
    stops_at(&spec, small, 6, 3);
    spec.min_delta = 0;
    spec.lower = 1;
    stops_at(&spec, down, 6, 5);
    assert_non_null(
        strstr(log_, "epoch 5: measured 8, no better than 7 for 2"));
}

static void test_nonfinite(void **s)
{
    static const double v[] = {1, 2, (double)INFINITY, 1};
    Proctor__HandlerSpec spec = spec_of("terminate_on_nonfinite");
    struct play p;

    (void)s;
    open_one(&p, &spec, 0);
    play(&p, "loss", v, 4);
    assert_int_equal(engine_state(p.e)->iteration, 3);
    assert_string_equal(handlers_failure(p.h),
                        "loss is infinite at iteration 3");
    assert_string_equal(
        log_, "[terminate_on_nonfinite: loss is infinite at iteration 3] ");
    close_play(&p);
    open_one(&p, &spec, 0); /* a metric that is not defined is none */
    play(&p, "accuracy", v, 4);
    assert_int_equal(engine_state(p.e)->iteration, 4);
    close_play(&p);
}

static void test_time_limit(void **s)
{
    static const double v[64] = {0};
    Proctor__HandlerSpec spec = spec_of("time_limit");
    struct play p;

    (void)s;
    spec.seconds = .1; /* a look at the clock takes a millisecond */
    open_one(&p, &spec, 0);
    play(&p, "loss", v, 64);
    assert_in_range(engine_state(p.e)->iteration, 10, 40);
    assert_non_null(strstr(handlers_ended(p.h), "0.1 s are over"));
    close_play(&p);
}

/* ---- Watching ---- */

static void test_watching(void **s)
{
    static const double v[] = {.5, .25};
    static const char *const kinds[] = {"progress", "gradients", "parameters",
                                        "evaluate", "timer"};
    Proctor__HandlerSpec specs[5], *list[5];
    struct play p;
    struct diag d;
    double got = 0;

    (void)s;
    diag_init(&d);
    for (size_t i = 0; i < 5; i++) {
        specs[i] = spec_of(kinds[i]);
        list[i] = &specs[i];
    }
    norm_now = 3;
    assert_int_equal(open_play(&p, list, 5, 0, 1, &d), 0);
    play(&p, "loss", v, 2);
    assert_non_null(strstr(log_, "[progress: epoch 1/2, step 1: loss=0.5] "
                                 "evaluate 1 [timer: epoch 1: 0.0"));
    assert_non_null(strstr(log_, "loss=0.25, gradient_norm=3, "
                                 "parameter_norm=6, accuracy=0.5]"));
    assert_int_equal(engine_value(p.e, "gradient_norm", &got, &d), 0);
    assert_true(got == 3);
    close_play(&p);
    specs[1].event = pb_str("iteration_completed");
    norm_now = 1e-12;
    open_one(&p, &specs[1], 0);
    play(&p, "loss", v, 2);
    assert_non_null(strstr(log_, "step 2: the gradient has vanished"));
    close_play(&p);
}

/* One's own event: evaluation whenever a checkpoint was kept. */
static void test_fires(void **s)
{
    static const double v[] = {1, 0, 2};
    Proctor__HandlerSpec keep = spec_of("checkpoint"),
                         look = spec_of("evaluate"), *list[] = {&look, &keep};
    struct play p;
    struct diag d;

    (void)s;
    diag_init(&d);
    keep.fires = pb_str("saved");
    look.event = pb_str("saved");
    look.every = 2;
    assert_int_equal(open_play(&p, list, 2, 1, 1, &d), 0);
    play(&p, HANDLER_MEASURED, v, 3);
    assert_null(strstr(log_, "evaluate 1"));
    assert_null(strstr(log_, "evaluate 2"));
    assert_non_null(strstr(log_, "evaluate 3"));
    close_play(&p);
}

/* ---- Refused ---- */

static void refused(Proctor__HandlerSpec *spec, int measured, uint32_t workers,
                    const char *what)
{
    struct play p;
    struct diag d;

    diag_init(&d);
    assert_int_equal(open_play(&p, &spec, 1, measured, workers, &d), ERR_INPUT);
    if (strstr(d.what, what) == NULL && strstr(d.hint, what) == NULL) {
        fail_msg("%s (%s)", d.what, d.hint);
    }
    assert_non_null(strstr(d.what, "handlers[0]"));
}

static void test_refused(void **s)
{
    Proctor__HandlerSpec x = spec_of("chekpoint");
    uint64_t zero[] = {0};

    (void)s;
    refused(&x, 1, 1, "did you mean checkpoint");
    x = spec_of("timer");
    x.patience = 3;
    refused(&x, 1, 1, "has no patience");
    x = spec_of("early_stopping");
    refused(&x, 1, 1, "1 or more, got 0");
    x.patience = 1;
    refused(&x, 0, 1, "give validation");
    x.metric = pb_str("f1");
    refused(&x, 1, 1, "no \"f1\"");
    x.metric = pb_str("loss");
    x.min_delta = -1;
    refused(&x, 1, 1, "min_delta");
    x.min_delta = (double)NAN;
    refused(&x, 1, 1, "min_delta");
    x = spec_of("checkpoint");
    x.keep = HANDLER_KEEP_MAX + 1;
    refused(&x, 1, 1, "1..64");
    x.keep = 0;
    x.lower = 1;
    refused(&x, 0, 1, "of no metric");
    x = spec_of("time_limit");
    refused(&x, 1, 1, "above 0");
    x.seconds = 5;
    refused(&x, 1, 2, "2 workers");
    x = spec_of("progress");
    x.event = pb_str("epoch_ended");
    refused(&x, 1, 1, "handlers[0] (progress): unknown event");
    x.event = pb_str("terminate");
    x.every = 2;
    refused(&x, 1, 1, "no counter");
    x = spec_of("progress");
    x.every = 2;
    x.once = zero;
    x.n_once = 1;
    refused(&x, 1, 1, "go together");
    x.every = 0;
    refused(&x, 1, 1, "once");
    x = spec_of("progress");
    x.fires = pb_str("started");
    refused(&x, 1, 1, "another one");
}

static void test_nothing_to_see(void **s)
{
    Proctor__HandlerSpec x = spec_of("gradients"), *list[] = {&x};
    struct handler_world w = {.workers = 1,
                              .hooks = {NULL, note, NULL, NULL, NULL}};
    struct handlers *h = NULL;
    struct diag d;

    (void)s;
    diag_init(&d);
    assert_int_equal(engine_new("trainer", tick, NULL, &w.e), 0);
    assert_int_equal(handlers_open(list, 1, &w, &h, &d), ERR_INPUT);
    assert_int_equal(handlers_open(list, HANDLERS_MAX + 1, &w, &h, &d),
                     ERR_LIMIT);
    engine_free(w.e);
}

/* ---- State ---- */

/* Stopped after each step and gone on with by others: the same decisions. */
static void test_goes_on(void **s)
{
    static const double v[] = {.5, .6, .6, .7, .6, .65, .7, .9};
    const struct engine_plan plan = {
        .max_epochs = 8, .epoch_length = 1, .no_data = 1};
    Proctor__HandlerSpec keep = spec_of("checkpoint"),
                         stop = spec_of("early_stopping"),
                         *list[] = {&keep, &stop};
    static char straight[sizeof(log_)], hopping[sizeof(log_)];
    struct buf engine, bytes;
    struct play p;
    struct diag d;

    (void)s;
    diag_init(&d);
    buf_init(&engine, 1u << 16);
    buf_init(&bytes, HANDLERS_STATE_BYTES);
    keep.keep = 2;
    stop.patience = 3;
    assert_int_equal(open_play(&p, list, 2, 1, 1, &d), 0);
    play(&p, HANDLER_MEASURED, v, 8);
    assert_int_equal(engine_state(p.e)->epoch, 7);
    memcpy(straight, log_, sizeof(straight));
    close_play(&p);
    for (uint64_t step = 1; step <= 8; step++) {
        struct rd r;

        assert_int_equal(open_play(&p, list, 2, 1, 1, &d), 0);
        p.name = HANDLER_MEASURED;
        p.values = v;
        rd_init(&r, buf_bytes(&bytes));
        if (step > 1) {
            assert_int_equal(handlers_load(p.h, &r), 0);
            assert_int_equal(engine_load(p.e, buf_bytes(&engine), &d), 0);
        }
        assert_int_equal(engine_begin(p.e, step > 1 ? NULL : &plan, &d), 0);
        step_play(&p, &d, step);
        buf_reset(&engine);
        buf_reset(&bytes);
        assert_int_equal(engine_save(p.e, &engine), 0);
        assert_int_equal(handlers_save(p.h, &bytes), 0);
        strcat(hopping, log_);
        if (engine_state(p.e)->ended != ENGINE_RUNS) {
            step = 9;
        }
        close_play(&p);
    }
    assert_string_equal(hopping, straight);
    buf_release(&engine);
    buf_release(&bytes);
}

static void test_damaged_state(void **s)
{
    Proctor__HandlerSpec keep = spec_of("checkpoint"), *list[] = {&keep, &keep};
    static const double v[] = {1, 2};
    struct play p, other;
    struct buf bytes;
    struct diag d;
    struct rd r;
    uint64_t kept[HANDLER_KEEP_MAX];
    uint8_t copy[256];

    (void)s;
    diag_init(&d);
    buf_init(&bytes, HANDLERS_STATE_BYTES);
    open_one(&p, &keep, 1);
    play(&p, HANDLER_MEASURED, v, 2);
    assert_int_equal(handlers_save(p.h, &bytes), 0);
    for (size_t n = 0; n < buf_len(&bytes); n++) {
        rd_init(&r, (struct ubytes){buf_bytes(&bytes).p, n});
        assert_int_equal(handlers_load(p.h, &r), ERR_ENCODING);
    }
    memcpy(copy, buf_bytes(&bytes).p, buf_len(&bytes));
    copy[24] = 65; /* more than it keeps */
    rd_init(&r, (struct ubytes){copy, buf_len(&bytes)});
    assert_int_equal(handlers_load(p.h, &r), ERR_ENCODING);
    assert_int_equal(handlers_kept(p.h, 0, kept), 1);
    assert_int_equal(open_play(&other, list, 2, 1, 1, &d), 0);
    rd_init(&r, buf_bytes(&bytes));
    assert_int_equal(handlers_load(other.h, &r), ERR_ENCODING);
    buf_release(&bytes);
    close_play(&p);
    close_play(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoint_best),
        cmocka_unit_test(test_checkpoint_lower),
        cmocka_unit_test(test_checkpoint_newest),
        cmocka_unit_test(test_early_stopping),
        cmocka_unit_test(test_nonfinite),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_watching),
        cmocka_unit_test(test_fires),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing_to_see),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_damaged_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
