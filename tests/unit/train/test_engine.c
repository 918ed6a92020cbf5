/* engine.c: what fires when; epochs, ends, errors, engines inside engines. */
#include "tests/unit/train/engine_play.h"

/* ---- C1 ---- */

static void test_order(void **s)
{
    struct engine *e = fresh("trainer");

    (void)s;
    note_all(e);
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 2, .epoch_length = 3}, 3);
    assert_string_equal(log_,
                        "S0 ES1 gs1 gc1 is1 1001 ic1 gs2 gc2 is2 1002 ic2 "
                        "gs3 gc3 is3 1003 ic3 EC1 "
                        "ES2 gs4 DE0 gc4 is4 2001 ic4 gs5 gc5 is5 2002 ic5 "
                        "gs6 gc6 is6 2003 ic6 EC2 C2 ");
    assert_int_equal(engine_state(e)->ended, ENGINE_FINISHED);
    assert_int_equal(engine_state(e)->iteration, 6);
    assert_int_equal(engine_state(e)->epoch_iteration, 3);
    assert_true(engine_state(e)->run_ns > engine_state(e)->epoch_ns);
    assert_true(engine_state(e)->epoch_ns > 0);
    assert_int_equal(engine_state(e)->process_ns, 60);
    assert_int_equal(engine_state(e)->fetch_ns, 70); /* 6, and the end once */
    engine_free(e);
}

static void batches_seen(uint64_t length, uint64_t data_n, uint64_t epochs,
                         const char *want)
{
    struct engine *e = fresh("trainer");
    static struct note ec = {"|", 0, 0};

    (void)on(e, (struct engine_when){.event = ENGINE_EPOCH_COMPLETED}, 0, note,
             &ec);
    log_clear();
    run(e, (struct engine_plan){.max_epochs = epochs, .epoch_length = length},
        data_n);
    assert_string_equal(log_, want);
    engine_free(e);
}

static void test_epoch_length(void **s)
{
    (void)s;
    batches_seen(0, 5, 2,
                 "1001 1002 1003 1004 1005 | "
                 "2001 2002 2003 2004 2005 | ");
    batches_seen(5, 2, 1, "1001 1002 2001 2002 3001 | ");
    batches_seen(2, 5, 4, "1001 1002 | 1003 1004 | 1005 2001 | 2002 2003 | ");
    batches_seen(1, 1, 3, "1001 | 2001 | 3001 | ");
}

static void test_length_is_learnt(void **s)
{
    struct engine *e = fresh("trainer");

    (void)s;
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 3}, 4);
    assert_int_equal(engine_state(e)->epoch_length, 4);
    assert_int_equal(engine_state(e)->iteration, 12);
    engine_free(e);
}

static void test_iterations(void **s)
{
    struct engine *e = fresh("trainer");
    static struct note ec = {"EC", 1, ENGINE_EPOCH_COMPLETED};
    static struct note c = {"C", 1, ENGINE_COMPLETED};

    (void)s;
    (void)on(e, (struct engine_when){.event = ENGINE_EPOCH_COMPLETED}, 0, note,
             &ec);
    (void)on(e, (struct engine_when){.event = ENGINE_COMPLETED}, 0, note, &c);
    log_clear();
    run(e, (struct engine_plan){.max_iterations = 4, .epoch_length = 3}, 3);
    assert_string_equal(log_, "1001 1002 1003 EC1 2001 EC2 C2 ");
    log_clear(); /* a finished one starts over */
    run(e,
        (struct engine_plan){
            .max_iterations = 2, .no_data = 1, .epoch_length = 9},
        0);
    assert_string_equal(log_, "0 0 EC1 C1 ");
    engine_free(e);
}

static void test_bad_plans(void **s)
{
    struct engine *e = fresh("trainer");
    struct diag d;

    (void)s;
    diag_init(&d);
    log_clear();
    refused(e, (struct engine_plan){.max_epochs = 1, .max_iterations = 1}, 1,
            "exclude");
    refused(e, (struct engine_plan){.max_epochs = 1, .no_data = 1}, 1,
            "epoch_length");
    refused(e, (struct engine_plan){.max_epochs = 1}, 0, "no batch at all");
    refused(e, (struct engine_plan){.max_epochs = 1, .epoch_length = 2}, 0,
            "no batch at all");
    assert_int_equal(engine_state(e)->ended, ENGINE_FAILED);
    assert_int_equal(engine_run(e, &(struct engine_plan){.max_epochs = 1}, NULL,
                                process, NULL, &d),
                     ERR_INPUT);
    assert_non_null(strstr(d.what, "no data"));
    engine_free(e);
}

/* ---- Ends ---- */

struct ender {
    int what; /* 1 terminate, 2 epoch, 3 interrupt; + 10: skips */
};

static int ends(struct engine *e, void *ctx, struct diag *d)
{
    const struct ender *end = ctx;

    (void)d;
    if (end->what % 10 == 1) {
        engine_terminate(e, end->what > 10);
    } else if (end->what % 10 == 2) {
        engine_terminate_epoch(e, end->what > 10);
    } else {
        engine_interrupt(e);
    }
    return 0;
}

static struct engine *ending(unsigned event, uint64_t once, struct ender *end)
{
    struct engine *e = fresh("trainer");

    note_all(e);
    (void)on(e,
             (struct engine_when){
                 event, {.use = ENGINE_ONCE, .once = &once, .once_n = 1}},
             5, ends, end); /* before those that write */
    log_clear();
    return e;
}

static void test_terminate(void **s)
{
    const struct engine_plan plan = {.max_epochs = 3, .epoch_length = 2};
    struct ender end = {1};
    struct engine *e = ending(ENGINE_ITERATION_COMPLETED, 1, &end);

    (void)s;
    run(e, plan, 2); /* the other handlers of the event still run */
    assert_string_equal(log_, "S0 ES1 gs1 gc1 is1 1001 ic1 T0 C1 ");
    assert_int_equal(engine_state(e)->ended, ENGINE_TERMINATED);
    engine_free(e);
    end.what = 11;
    e = ending(ENGINE_EPOCH_COMPLETED, 1, &end);
    run(e, plan, 1);
    assert_string_equal(log_, "S0 ES1 gs1 gc1 is1 1001 ic1 gs2 DE0 gc2 is2 "
                              "2001 ic2 EC1 T0 ");
    log_clear(); /* and starts over */
    run(e, (struct engine_plan){.max_epochs = 1, .epoch_length = 1}, 1);
    assert_string_equal(log_, "S0 ES1 gs1 gc1 is1 1001 ic1 EC1 T0 ");
    engine_free(e);
    end.what = 1;
    e = ending(ENGINE_ITERATION_STARTED, 2, &end);
    run(e, plan, 2);
    assert_string_equal(log_, "S0 ES1 gs1 gc1 is1 1001 ic1 gs2 gc2 is2 T0 C1 ");
    engine_free(e);
}

static void test_terminate_epoch(void **s)
{
    struct ender end = {2};
    struct engine *e = ending(ENGINE_ITERATION_COMPLETED, 1, &end);

    (void)s;
    run(e, (struct engine_plan){.max_epochs = 2, .epoch_length = 2}, 2);
    assert_string_equal(log_, "S0 ES1 gs1 gc1 is1 1001 ic1 TE0 EC1 "
                              "ES2 gs2 gc2 is2 2001 ic2 gs3 gc3 is3 2002 ic3 "
                              "EC2 C2 ");
    engine_free(e);
    end.what = 12;
    e = ending(ENGINE_EPOCH_STARTED, 1, &end);
    run(e, (struct engine_plan){.max_epochs = 2, .epoch_length = 1}, 2);
    assert_string_equal(log_, "S0 ES1 TE0 ES2 gs1 gc1 is1 1001 ic1 EC2 C2 ");
    engine_free(e);
    end.what = 2; /* outside an epoch: nothing */
    e = ending(ENGINE_EPOCH_COMPLETED, 1, &end);
    run(e, (struct engine_plan){.max_epochs = 2, .epoch_length = 1}, 2);
    assert_null(strstr(log_, "TE"));
    engine_free(e);
}

static void test_interrupt(void **s)
{
    const struct engine_plan plan = {.max_epochs = 1, .epoch_length = 3};
    struct ender end = {3};
    struct engine *e = ending(ENGINE_ITERATION_STARTED, 2, &end);
    struct batches b = {.n = 3};
    struct engine_data data = of(&b);
    struct diag d;

    (void)s;
    diag_init(&d);
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d), 0);
    assert_string_equal(log_, "S0 ES1 gs1 gc1 is1 1001 ic1 gs2 gc2 is2 I0 ");
    assert_int_equal(engine_state(e)->ended, ENGINE_RUNS);
    refused(e, (struct engine_plan){.max_iterations = 1}, 3, "2 are done");
    refused(e, (struct engine_plan){.max_epochs = 1, .epoch_length = 4}, 3,
            "began with 3");
    log_clear();
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d), 0);
    assert_string_equal(log_, "1002 ic2 gs3 gc3 is3 1003 ic3 EC1 C1 ");
    engine_free(e);
}

/* ---- Errors ---- */

static int fails(struct engine *e, void *ctx, struct diag *d)
{
    (void)e;
    return diag_set(d, ERR_WORKER, (struct loc){0}, "%s", (const char *)ctx);
}

static int hears(struct engine *e, void *ctx, struct diag *d)
{
    (void)ctx;
    (void)d;
    text_putf(&said, "heard %d %s ", engine_state(e)->error,
              engine_error(e)->what);
    return 0;
}

static void test_errors(void **s)
{
    const struct engine_plan plan = {.max_epochs = 2, .epoch_length = 2};
    struct batches b = {.n = 2};
    struct engine_data data = of(&b);
    struct engine *e = fresh("trainer");
    struct diag d;
    static char one[] = "one", two[] = "two";
    int bad = ERR_INPUT;
    uint64_t h;

    (void)s;
    diag_init(&d);
    log_clear();
    /* Nobody listens: it goes to the caller. */
    assert_int_equal(engine_run(e, &plan, &data, process, &bad, &d), ERR_INPUT);
    h = on(e, (struct engine_when){.event = ENGINE_ITERATION_COMPLETED}, 0,
           fails, one);
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d),
                     ERR_WORKER);
    assert_string_equal(d.what, "one");
    /* Somebody does. */
    (void)on(e, (struct engine_when){.event = ENGINE_EXCEPTION_RAISED}, 0,
             hears, NULL);
    log_clear();
    diag_init(&d);
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d), 0);
    assert_int_equal(engine_state(e)->ended, ENGINE_FAILED);
    assert_int_equal(engine_state(e)->error, ERR_WORKER);
    assert_non_null(strstr(log_, "1001 heard "));
    assert_non_null(strstr(log_, " one "));
    assert_int_equal(engine_off(e, h), 1);
    assert_int_equal(engine_off(e, h), 0);
    diag_init(&d);
    (void)diag_set(&d, ERR_INPUT, (struct loc){0}, "bad batch");
    log_clear();
    assert_int_equal(engine_run(e, &plan, &data, process, &bad, &d), 0);
    assert_non_null(strstr(log_, "bad batch"));
    /* And fails itself: both texts. */
    (void)on(e, (struct engine_when){.event = ENGINE_EXCEPTION_RAISED}, -1,
             fails, two);
    (void)on(e, (struct engine_when){.event = ENGINE_STARTED}, 0, fails, one);
    diag_init(&d);
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d),
                     ERR_WORKER);
    assert_non_null(strstr(d.what, "one"));
    assert_non_null(strstr(d.what, "two"));
    engine_free(e);
}

/* ---- C7 ---- */

struct inner {
    struct engine *e;
    int code;
};

static int evaluates(struct engine *e, void *ctx, struct diag *d)
{
    struct inner *in = ctx;
    struct batches b = {.n = 2};
    struct engine_data data = of(&b);
    const struct engine_plan plan = {.max_epochs = 1};

    (void)e;
    in->code = engine_run(in->e, &plan, &data, process, NULL, d);
    return in->code == ERR_INPUT ? 0 : in->code;
}

static void test_nested(void **s)
{
    struct engine *e = fresh("trainer"), *v = fresh("evaluator");
    struct inner in = {v, 0}, self = {e, 0};

    (void)s;
    (void)on(e, (struct engine_when){.event = ENGINE_EPOCH_COMPLETED}, 0,
             evaluates, &in);
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 2}, 3);
    assert_string_equal(log_, "1001 1002 1003 1001 1002 "
                              "2001 2002 2003 1001 1002 ");
    assert_int_equal(engine_state(e)->iteration, 6);
    assert_int_equal(engine_state(v)->iteration, 2);
    /* Itself, in its own handler. */
    (void)on(e, (struct engine_when){.event = ENGINE_EPOCH_COMPLETED}, -1,
             evaluates, &self);
    run(e, (struct engine_plan){.max_epochs = 1}, 1);
    assert_int_equal(self.code, ERR_INPUT);
    engine_free(e);
    engine_free(v);
}

static int stops_outer(struct engine *v, void *ctx, struct diag *d)
{
    (void)v;
    (void)d;
    engine_terminate(ctx, 0);
    return 0;
}

/* Early stopping: the evaluator's handler ends the trainer; what else hangs on
 * the trainer's event still runs. */
static void test_nested_terminates(void **s)
{
    struct engine *e = fresh("trainer"), *v = fresh("evaluator");
    struct inner in = {v, 0};
    static struct note n = {"after", 0, 0};

    (void)s;
    (void)on(v, (struct engine_when){.event = ENGINE_COMPLETED}, 0, stops_outer,
             e);
    (void)on(e, (struct engine_when){.event = ENGINE_EPOCH_COMPLETED}, 1,
             evaluates, &in);
    (void)on(e, (struct engine_when){.event = ENGINE_EPOCH_COMPLETED}, 0, note,
             &n);
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 5}, 1);
    assert_string_equal(log_, "1001 1001 1002 after ");
    assert_int_equal(engine_state(e)->ended, ENGINE_TERMINATED);
    engine_free(e);
    engine_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_epoch_length),
        cmocka_unit_test(test_length_is_learnt),
        cmocka_unit_test(test_iterations),
        cmocka_unit_test(test_bad_plans),
        cmocka_unit_test(test_terminate),
        cmocka_unit_test(test_terminate_epoch),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_nested_terminates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
