/* engine_event.c: filters, priorities, events of one's own. */
#include "tests/unit/train/engine_play.h"

/* ---- C2 ---- */

static void filtered(struct engine_filter f, uint64_t iterations,
                     const char *want)
{
    struct engine *e = fresh("trainer");
    struct note n = {"", 1, ENGINE_ITERATION_COMPLETED};
    struct engine_plan plan = {
        .max_iterations = iterations, .epoch_length = iterations, .no_data = 1};
    enum engine_want w = ENGINE_AT_STEP;
    struct diag d;

    diag_init(&d);
    (void)on(e, (struct engine_when){ENGINE_ITERATION_COMPLETED, f}, 0, note,
             &n);
    log_clear();
    assert_int_equal(engine_begin(e, &plan, &d), 0);
    while (w != ENGINE_AT_END) {
        assert_int_equal(engine_next(e, &w, &d), 0);
        if (w == ENGINE_WANT_PROCESS) {
            engine_processed(e);
        }
    }
    assert_string_equal(log_, want);
    engine_free(e);
}

static int is_square(const struct engine *e, void *ctx, uint64_t count)
{
    (void)e;
    (void)ctx;
    return count == 1 || count == 4 || count == 9;
}

static void test_filters(void **s)
{
    static const uint64_t once[] = {1000}, list[] = {2, 7, 3};

    (void)s;
    filtered((struct engine_filter){ENGINE_EVERY, .every = 100}, 500,
             "100 200 300 400 500 ");
    filtered((struct engine_filter){ENGINE_ONCE, .once = once, .once_n = 1},
             2000, "1000 ");
    filtered((struct engine_filter){ENGINE_ONCE, .once = list, .once_n = 3}, 9,
             "2 3 7 ");
    filtered((struct engine_filter){ENGINE_BEFORE, .before = 3}, 9, "1 2 ");
    filtered((struct engine_filter){ENGINE_AFTER, .after = 7}, 9, "8 9 ");
    filtered((struct engine_filter){ENGINE_AFTER | ENGINE_BEFORE, .after = 3,
                                    .before = 6},
             9, "4 5 ");
    filtered((struct engine_filter){ENGINE_EVERY | ENGINE_AFTER, .every = 2,
                                    .after = 3},
             9, "4 6 8 ");
    filtered((struct engine_filter){ENGINE_EVERY | ENGINE_AFTER | ENGINE_BEFORE,
                                    .every = 2, .after = 3, .before = 8},
             9, "4 6 ");
    filtered((struct engine_filter){ENGINE_EVERY | ENGINE_BEFORE, .every = 2,
                                    .before = 6},
             9, "1 3 5 ");
    filtered((struct engine_filter){ENGINE_EVERY | ENGINE_AFTER, .every = 2}, 5,
             "1 3 5 ");
    filtered((struct engine_filter){ENGINE_CUSTOM, .custom = is_square}, 9,
             "1 4 9 ");
}

static void filter_refused(unsigned event, struct engine_filter f)
{
    struct engine *e = fresh("trainer");
    struct engine_when w = {event, f};
    struct diag d;

    diag_init(&d);
    assert_int_equal(engine_on(e, &w, 1, 0, note, NULL, NULL, &d), ERR_INPUT);
    assert_false(engine_has(e, event, NULL));
    engine_free(e);
}

static void test_bad_filters(void **s)
{
    static const uint64_t zero[] = {1, 0};
    const unsigned ic = ENGINE_ITERATION_COMPLETED;

    (void)s;
    filter_refused(ic, (struct engine_filter){ENGINE_EVERY, .every = 0});
    filter_refused(ic, (struct engine_filter){.use = ENGINE_ONCE});
    filter_refused(
        ic, (struct engine_filter){ENGINE_ONCE, .once = zero, .once_n = 2});
    filter_refused(ic, (struct engine_filter){ENGINE_EVERY | ENGINE_ONCE,
                                              .every = 1, .once = zero,
                                              .once_n = 1});
    filter_refused(ic, (struct engine_filter){.use = ENGINE_BEFORE});
    filter_refused(ic, (struct engine_filter){.use = ENGINE_CUSTOM});
    filter_refused(ic, (struct engine_filter){ENGINE_CUSTOM | ENGINE_AFTER,
                                              .custom = is_square});
    filter_refused(ENGINE_TERMINATE,
                   (struct engine_filter){ENGINE_EVERY, .every = 1});
    filter_refused(ENGINE_EVENTS_N, (struct engine_filter){0});
}

static void test_many_events(void **s)
{
    struct engine *e = fresh("trainer");
    static struct note n = {"x", 0, 0};
    const struct engine_when list[] = {
        {.event = ENGINE_STARTED},
        {ENGINE_ITERATION_COMPLETED, {.use = ENGINE_EVERY, .every = 2}}};
    struct diag d;
    uint64_t h;

    (void)s;
    diag_init(&d);
    assert_int_equal(engine_on(e, list, 2, 0, note, &n, &h, &d), 0);
    assert_true(engine_has(e, ENGINE_STARTED, note));
    assert_false(engine_has(e, ENGINE_COMPLETED, note));
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 1}, 4);
    assert_string_equal(log_, "x 1001 1002 x 1003 1004 x ");
    assert_int_equal(engine_off(e, h), 1);
    assert_false(engine_has(e, ENGINE_STARTED, NULL));
    engine_free(e);
}

struct late {
    uint64_t handle;
    struct note *added;
    int times;
};

static int adds(struct engine *e, void *ctx, struct diag *d)
{
    struct late *l = ctx;
    const struct engine_when w = {.event = ENGINE_ITERATION_COMPLETED};

    return l->times++ == 0 ? engine_on(e, &w, 1, -5, note, l->added, NULL, d)
                           : 0;
}

static int removes(struct engine *e, void *ctx, struct diag *d)
{
    struct late *l = ctx;

    (void)d;
    text_putf(&said, "r ");
    assert_int_equal(engine_off(e, l->handle), l->times++ == 0);
    return 0;
}

static void test_priorities(void **s)
{
    struct engine *e = fresh("trainer");
    const struct engine_when w = {.event = ENGINE_ITERATION_COMPLETED};
    static struct note a = {"a", 0, 0}, b = {"b", 0, 0}, c = {"c", 0, 0},
                       x = {"late", 0, 0};
    struct late add = {.added = &x}, off = {0}, own = {0};

    (void)s;
    (void)on(e, w, 0, note, &a);
    (void)on(e, w, 0, note, &b);
    (void)on(e, w, 7, note, &c);
    (void)on(e, w, 9, adds, &add);
    log_clear();
    run(e, (struct engine_plan){.max_iterations = 2, .epoch_length = 2}, 2);
    assert_string_equal(log_, "1001 c a b 1002 c a b late ");
    /* One that comes later in the same firing, and itself. */
    off.handle = on(e, w, -9, note, &x);
    (void)on(e, w, 8, removes, &off);
    own.handle = on(e, w, 6, removes, &own);
    log_clear();
    run(e, (struct engine_plan){.max_iterations = 2, .epoch_length = 2}, 2);
    assert_string_equal(log_, "1001 r c r a b late 1002 r c a b late ");
    engine_free(e);
}

static int fires(struct engine *e, void *ctx, struct diag *d)
{
    return engine_fire(e, *(unsigned *)ctx, d);
}

static void test_own_events(void **s)
{
    struct engine *e = fresh("trainer");
    unsigned own = 0, by_epoch = 0, again = 0, found = 0;
    struct note n, m;
    struct diag d;

    (void)s;
    diag_init(&d);
    assert_int_equal(engine_register(e, "saved", 0, &own, &d), 0);
    assert_int_equal(engine_register(e, "saved", 0, &again, &d), 0);
    assert_int_equal(own, again);
    assert_int_equal(
        engine_register(e, "saved", ENGINE_EPOCH_STARTED, &again, &d),
        ERR_INPUT);
    assert_int_equal(engine_register(e, "started", 0, &again, &d), ERR_INPUT);
    assert_int_equal(engine_register(e, "", 0, &again, &d), ERR_INPUT);
    assert_int_equal(engine_register(e, "y", ENGINE_TERMINATE, &again, &d),
                     ERR_INPUT);
    assert_int_equal(
        engine_register(e, "by_epoch", ENGINE_EPOCH_STARTED, &by_epoch, &d), 0);
    assert_int_equal(engine_event_find(e, "saved", &found, &d), 0);
    assert_int_equal(found, own);
    assert_int_equal(engine_event_find(e, "epoch_complete", &found, &d),
                     ERR_INPUT);
    assert_non_null(strstr(d.hint, "epoch_completed"));
    assert_int_equal(engine_fire(e, 99, &d), ERR_INPUT);
    n = (struct note){"saved", 1, own};
    m = (struct note){"epoch", 1, by_epoch};
    (void)on(e, (struct engine_when){.event = ENGINE_ITERATION_COMPLETED}, 0,
             fires, &own);
    (void)on(e, (struct engine_when){.event = ENGINE_ITERATION_COMPLETED}, 0,
             fires, &by_epoch);
    (void)on(e, (struct engine_when){own, {.use = ENGINE_EVERY, .every = 2}}, 0,
             note, &n);
    (void)on(e,
             (struct engine_when){by_epoch, {.use = ENGINE_AFTER, .after = 1}},
             0, note, &m);
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 2}, 2);
    assert_string_equal(log_,
                        "1001 1002 saved2 2001 epoch2 2002 saved4 epoch2 ");
    /* One that fires itself comes to an end. */
    (void)on(e, (struct engine_when){.event = own}, 0, fires, &own);
    assert_int_equal(engine_fire(e, own, &d), ERR_LIMIT);
    engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),     cmocka_unit_test(test_bad_filters),
        cmocka_unit_test(test_many_events), cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_own_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
