/* engine_state.c: values, and that a run that was stopped anywhere goes on as if
 * it had not been. */
#include "tests/unit/train/engine_play.h"

/* ---- Values ---- */

static void test_values(void **s)
{
    struct engine *e = fresh("trainer");
    struct diag d;
    double v = 0;
    char name[24];

    (void)s;
    diag_init(&d);
    assert_int_equal(engine_value(e, "loss", &v, NULL), ERR_NOT_FOUND);
    assert_int_equal(engine_value_set(e, "loss", 1.5, &d), 0);
    assert_int_equal(engine_value_set(e, "accuracy", 0.5, &d), 0);
    assert_int_equal(engine_value_set(e, "loss", 2.5, &d), 0);
    assert_int_equal(engine_value(e, "loss", &v, &d), 0);
    assert_true(v == 2.5);
    assert_int_equal(engine_values_n(e), 2);
    assert_string_equal(engine_value_at(e, 1, &v), "accuracy");
    assert_int_equal(engine_value(e, "f1", &v, &d), ERR_NOT_FOUND);
    assert_non_null(strstr(d.what, "loss, accuracy"));
    assert_int_equal(engine_value_set(e, "", 0, &d), ERR_INPUT);
    for (unsigned i = 0; i < ENGINE_VALUES_MAX - 2; i++) {
        (void)snprintf(name, sizeof(name), "v%u", i);
        assert_int_equal(engine_value_set(e, name, i, &d), 0);
    }
    assert_int_equal(engine_value_set(e, "more", 0, &d), ERR_LIMIT);
    engine_free(e);
}

/* ---- State ---- */

/* A run of 3 epochs of 4 over data of 5, which goes to a new engine after every
 * `hops`-th place to stop. */
static void hopping(uint64_t hops, uint64_t length)
{
    const struct engine_plan plan = {.max_epochs = 3, .epoch_length = length};
    struct engine *e = fresh("trainer");
    struct batches b = {.n = 5};
    struct engine_data data = of(&b);
    enum engine_want want = ENGINE_AT_STEP;
    struct buf state, twice;
    struct diag d;
    unsigned own;
    uint64_t rests = 0;

    diag_init(&d);
    buf_init(&state, ENGINE_STATE_BYTES_MAX);
    buf_init(&twice, ENGINE_STATE_BYTES_MAX);
    assert_int_equal(engine_register(e, "own", 0, &own, &d), 0);
    note_all(e);
    assert_int_equal(engine_begin(e, &plan, &d), 0);
    while (want != ENGINE_AT_END) {
        void *batch = NULL;
        int there;

        assert_int_equal(engine_next(e, &want, &d), 0);
        if (want == ENGINE_WANT_RESET) {
            const struct engine_state *s = engine_state(e);

            assert_int_equal(
                data.reset(data.ctx, s->pass, s->pass_iteration, &d), 0);
        } else if (want == ENGINE_WANT_BATCH) {
            there = data.next(data.ctx, &batch, &d);
            engine_set_batch(e, batch);
            engine_fetched(e, there);
        } else if (want == ENGINE_WANT_PROCESS) {
            assert_int_equal(engine_save(e, &state), ERR_INPUT);
            assert_int_equal(
                process(e, NULL, engine_state(e)->batch, &batch, &d), 0);
            assert_int_equal(engine_fire(e, own, &d), 0);
            assert_int_equal(engine_value_set(e, "x", (double)rests, &d), 0);
            engine_processed(e);
        } else if (hops != 0 && want != ENGINE_AT_END && ++rests % hops == 0) {
            buf_reset(&state);
            buf_reset(&twice);
            assert_int_equal(engine_save(e, &state), 0);
            engine_free(e);
            e = fresh("trainer");
            assert_int_equal(engine_load(e, buf_bytes(&state), &d),
                             ERR_ENCODING);
            assert_int_equal(engine_register(e, "own", 0, &own, &d), 0);
            note_all(e);
            assert_int_equal(engine_load(e, buf_bytes(&state), &d), 0);
            assert_int_equal(engine_save(e, &twice), 0);
            assert_int_equal(buf_len(&state), buf_len(&twice));
            assert_memory_equal(buf_bytes(&state).p, buf_bytes(&twice).p,
                                buf_len(&state));
            assert_int_equal(engine_begin(e, NULL, &d), 0);
        }
    }
    text_putf(&said, "own %llu", (unsigned long long)engine_count(e, own));
    buf_release(&state);
    buf_release(&twice);
    engine_free(e);
}

static void test_hopping(void **s)
{
    static char straight[sizeof(log_)];
    static const uint64_t lengths[] = {0, 4, 5, 7};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(lengths); i++) {
        log_clear();
        hopping(0, lengths[i]);
        memcpy(straight, log_, sizeof(straight));
        for (uint64_t hops = 1; hops < 6; hops++) {
            log_clear();
            hopping(hops, lengths[i]);
            assert_string_equal(log_, straight);
        }
    }
}

static void test_load_at(void **s)
{
    const struct engine_plan plan = {.max_epochs = 3, .epoch_length = 4};
    struct engine *e = fresh("trainer");
    struct batches b = {.n = 4};
    struct engine_data data = of(&b);
    struct diag d;

    (void)s;
    diag_init(&d);
    assert_int_equal(engine_load_at(e, &plan, 6, 0, &d), 0);
    log_clear();
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d), 0);
    assert_string_equal(log_, "2003 2004 3001 3002 3003 3004 ");
    assert_int_equal(engine_load_at(e, &plan, 0, 2, &d), 0);
    log_clear();
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d), 0);
    assert_string_equal(log_, "3001 3002 3003 3004 ");
    assert_int_equal(engine_load_at(e, &plan, 0, 0, &d), ERR_ENCODING);
    assert_int_equal(engine_load_at(e, &plan, 1, 1, &d), ERR_ENCODING);
    assert_int_equal(engine_load_at(e, &plan, 0, 4, &d), ERR_ENCODING);
    assert_int_equal(engine_load_at(e, &plan, 0, UINT64_MAX, &d), ERR_ENCODING);
    assert_int_equal(
        engine_load_at(e, &(struct engine_plan){.max_epochs = 3}, 1, 0, &d),
        ERR_ENCODING);
    assert_int_equal(engine_load_at(e, &plan, 8, 0, &d), 0);
    refused(e, (struct engine_plan){.max_epochs = 1}, 4, "epoch 2 has begun");
    engine_free(e);
}

static void test_damaged_state(void **s)
{
    struct engine *e = fresh("trainer"), *other = fresh("trainer");
    struct buf state;
    struct diag d;
    uint8_t copy[256];
    size_t n;

    (void)s;
    diag_init(&d);
    buf_init(&state, ENGINE_STATE_BYTES_MAX);
    log_clear();
    run(e, (struct engine_plan){.max_epochs = 2}, 3);
    assert_int_equal(engine_value_set(e, "loss", 1, &d), 0);
    assert_int_equal(engine_save(e, &state), 0);
    n = buf_len(&state);
    assert_true(n < sizeof(copy));
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(
            engine_load(other, (struct ubytes){buf_bytes(&state).p, cut}, &d),
            ERR_ENCODING);
    }
    memcpy(copy, buf_bytes(&state).p, n);
    for (size_t i = 0; i < 8; i++) {
        copy[i] = (uint8_t)(copy[i] + 64); /* magic, version, phase, flags */
        assert_int_equal(engine_load(other, (struct ubytes){copy, n}, &d),
                         ERR_ENCODING);
        copy[i] = (uint8_t)(copy[i] - 64);
    }
    assert_int_equal(engine_load(other, (struct ubytes){copy, n}, &d), 0);
    assert_int_equal(engine_state(other)->iteration, 6);
    buf_release(&state);
    engine_free(e);
    engine_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_hopping),
        cmocka_unit_test(test_load_at),
        cmocka_unit_test(test_damaged_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
