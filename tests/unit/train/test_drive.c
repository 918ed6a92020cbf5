/* drive.c, answer.c: what an answer holds, and when there is one. */
#include "tests/unit/train/fit_play.h"

#include "workers/nn/mlp.h"
#include "workers/train/drive_int.h"

static struct play play;

static Proctor__TrainGo going(uint64_t steps)
{
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;

    go.id = 1;
    go.steps = steps;
    return go;
}

static const Proctor__TrainDone *run(uint64_t steps)
{
    const Proctor__TrainGo go = going(steps);

    return play_go(&play, &go);
}

static int code_of(const Proctor__TrainGo *go)
{
    const Proctor__TrainDone *done;

    return drive_go(play.drives[0], go, &done);
}

/* A perceptron that another program opens. */
static void check_weights(const Proctor__AreaPart *part)
{
    struct ubytes bytes = play_part(&play, part);
    struct gguf g;
    struct mlp *m;
    struct diag d;

    diag_init(&d);
    assert_int_equal((uintptr_t)bytes.p % 64, 0);
    assert_int_equal(gguf_open(bytes, &g, &d), 0);
    assert_int_equal(mlp_new(&g, &m, &d), 0);
    mlp_free(m);
    gguf_release(&g);
}

/* Every second epoch's weights in one answer; the end's are those of the last. */
static void test_checkpoints(void **state)
{
    const Proctor__TrainDone *done;
    uint64_t end = 0;

    (void)state;
    play_init(&play, 64, 4, 3);
    play.recipe.epochs = 10;
    play.task.checkpoint_every = 2;
    play_open(&play, no_state);
    done = run(UINT64_MAX);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_int_equal(done->n_epochs, 10);
    for (uint32_t i = 0; i < 10; i++) {
        const Proctor__TrainEpoch *e = done->epochs[i];

        assert_int_equal(e->epoch, i + 1);
        assert_int_equal(e->step, 4 * (i + 1));
        assert_true(e->rate == 0.01);
        assert_string_equal(e->claims[0]->name, "loss");
        assert_string_equal(e->claims[1]->name, "accuracy");
        assert_true(e->claims[1]->value >= 0 && e->claims[1]->value <= 1);
        assert_int_equal(e->weights != NULL, i % 2 == 1);
        if (e->weights != NULL) {
            assert_true(e->weights->offset >= end);
            end = e->weights->offset + e->weights->bytes;
            check_weights(e->weights);
        }
    }
    assert_int_equal(done->weights->offset, done->epochs[9]->weights->offset);
    assert_true(done->state->offset >= end);
    assert_true(done->epochs[9]->claims[0]->value <
                done->epochs[0]->claims[0]->value);
    play_close(&play);
}

static void test_steps(void **state)
{
    const Proctor__TrainDone *done;

    (void)state;
    play_init(&play, 64, 4, 0);
    play.task.checkpoint_steps = 3;
    play_open(&play, no_state);
    for (uint64_t step = 3; step <= 12; step += 3) {
        done = run(UINT64_MAX);
        assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_CHECKPOINT);
        assert_int_equal(done->step, step);
        check_weights(done->weights);
        assert_non_null(done->state);
    }
    done = run(UINT64_MAX);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_int_equal(done->step, 12);
    done = run(1); /* nothing is left: the end again */
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    check_weights(done->weights);
    play_close(&play);
}

/* More epochs than an answer or the area holds. */
static void test_many(void **state)
{
    const Proctor__TrainDone *done;
    size_t answers = 0;
    uint32_t epoch = 0;

    (void)state;
    play_init(&play, 8, 2, 2);
    play.recipe.epochs = 1500;
    play.task.checkpoint_every = 1;
    play_open(&play, no_state);
    do {
        done = run(UINT64_MAX);
        for (size_t i = 0; i < done->n_epochs; i++) {
            assert_int_equal(done->epochs[i]->epoch, ++epoch);
            check_weights(done->epochs[i]->weights);
        }
        assert_non_null(done->state);
        answers++;
    } while (done->at == PROCTOR__TRAIN_AT__TRAIN_AT_STEP);
    assert_int_equal(epoch, 1500);
    assert_in_range(answers, 3, 8);
    play_close(&play);
}

static void test_wall(void **state)
{
    Proctor__TrainGo go = going(UINT64_MAX);
    static struct trace whole;
    const Proctor__TrainDone *done;
    size_t answers = 0;

    (void)state;
    play_init(&play, 2000, 64, 3);
    play.layers[1] = 64;
    play_whole(&play, UINT64_MAX, &whole);
    play_open(&play, no_state);
    go.wall_ms = 1;
    do {
        done = play_go(&play, &go);
        answers++;
    } while (done->at != PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_true(answers > 2);
    assert_memory_equal(print_of(play_part(&play, done->weights)).b,
                        whole.weights.b, BLAKE3_BYTES);
    play_close(&play);
}

/* Epochs that are measured: predictions, then a measure, and nothing without. */
static void test_measured(void **state)
{
    const Proctor__TrainDone *done;
    Proctor__TrainGo go = going(UINT64_MAX);
    struct ubytes saved;
    float sum = 0;

    (void)state;
    play_init(&play, 64, 4, 3);
    play_check(&play, 9);
    play.task.checkpoint_every = 1;
    play_open(&play, no_state);
    done = play_go(&play, &go);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH);
    assert_int_equal(done->n_epochs, 1);
    assert_int_equal(done->epochs[0]->step, done->step);
    check_weights(done->weights);
    assert_int_equal(done->weights->offset, done->epochs[0]->weights->offset);
    assert_int_equal(done->predictions->bytes, 9 * 3 * sizeof(float));
    for (size_t i = 0; i < 9 * 3; i++) {
        float v;

        memcpy(&v, play_part(&play, done->predictions).p + 4 * i, 4);
        sum += v;
    }
    assert_true(fabsf(sum - 9) < 1e-4f); /* of softmax */
    saved = kept(play_part(&play, done->state));
    assert_int_equal(code_of(&go), ERR_PROTOCOL); /* and no measure */
    go.has_measured = 1;
    go.measured = NAN;
    assert_int_equal(code_of(&go), ERR_PROTOCOL);
    go.measured = 0.5;
    assert_int_equal(play_go(&play, &go)->at,
                     PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH);
    play_close(&play);
    play_open(&play, saved); /* whose state waits as well */
    go.has_measured = 0;
    assert_int_equal(code_of(&go), ERR_PROTOCOL);
    go.has_measured = 1;
    assert_int_equal(play_go(&play, &go)->epoch, 2);
    go.stop = 1;
    go.has_measured = 0; /* an end needs none */
    assert_int_equal(play_go(&play, &go)->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    play_close(&play);
    free((void *)(uintptr_t)saved.p);
}

/* Asked to stop or to save, alone or with gradients waiting. */
static void test_rest(void **state)
{
    static struct trace whole, rest;
    Proctor__TrainGo stop = going(UINT64_MAX);
    Proctor__TrainGo save = going(0);

    (void)state;
    stop.stop = 1;
    save.save = 1;
    for (uint32_t workers = 1; workers <= 2; workers++) {
        const Proctor__TrainDone *done;
        struct ubytes saved;
        struct print print;

        play_init(&play, 64, 4, 3);
        play.workers = workers;
        play_whole(&play, UINT64_MAX, &whole);
        play_open(&play, no_state);
        done = run(5);
        while (done->step < 5) {
            done = run(5 - done->step);
        }
        if (workers > 1) {
            done = run(1);
            assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE);
        }
        done = play_go(&play, &save);
        assert_int_equal(done->at, workers == 1
                                       ? PROCTOR__TRAIN_AT__TRAIN_AT_STEP
                                       : PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE);
        assert_int_equal(done->step, 5);
        print = print_of(play_part(&play, done->state));
        done = play_go(&play, &stop);
        assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
        assert_memory_equal(print_of(play_part(&play, done->state)).b, print.b,
                            BLAKE3_BYTES);
        check_weights(done->weights);
        saved = kept(play_part(&play, done->state));
        play_close(&play);
        memset(&rest, 0, sizeof(rest));
        play_open(&play, saved);
        assert_int_equal(play.ready.step, 5);
        (void)play_on(&play, UINT64_MAX, &rest);
        play_close(&play);
        assert_memory_equal(rest.weights.b, whole.weights.b, BLAKE3_BYTES);
        free((void *)(uintptr_t)saved.p);
    }
}

static void test_untrained(void **state)
{
    const Proctor__TrainDone *done;

    (void)state;
    play_init(&play, 64, 4, 3);
    play_check(&play, 5);
    play.task.untrained = 1;
    play_open(&play, no_state);
    assert_int_equal(play.ready.steps_all, 0);
    done = run(1);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_int_equal(done->step, 0);
    check_weights(done->weights);
    play_close(&play);
}

/* What comes of first weights: they are what training starts with. */
static void test_start(void **state)
{
    static struct trace t;
    const Proctor__TrainDone *done;
    struct ubytes first, other;
    struct diag d;

    (void)state;
    play_init(&play, 64, 4, 3);
    play_open(&play, no_state);
    (void)play_on(&play, UINT64_MAX, &t);
    done = run(1);
    first = kept(play_part(&play, done->weights));
    play_close(&play);
    play.in.weights = &first;
    play.in.weights_n = 1;
    play.task.untrained = 1;
    play_open(&play, no_state);
    other = play_part(&play, run(1)->weights);
    assert_memory_equal(other.p, first.p, first.n);
    play_close(&play);
    play.layers[1] = 13;
    play_open(&play, no_state); /* found out when they are read */
    done = run(1);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_FAILED);
    assert_non_null(done->problem);
    play_close(&play);
    first.n -= 64;
    assert_int_equal(play_try(&play, no_state, &d), ERR_INPUT);
    free((void *)(uintptr_t)first.p);
}

/* ---- What a recipe wants to be watched ---- */

static double claim_of(const Proctor__TrainEpoch *e, const char *name)
{
    for (size_t i = 0; i < e->n_claims; i++) {
        if (strcmp(e->claims[i]->name, name) == 0) {
            return e->claims[i]->value;
        }
    }
    fail_msg("no claim %s", name);
    return 0;
}

static void test_metrics(void **state)
{
    const Proctor__TrainDone *done;
    const Proctor__TrainEpoch *e;
    size_t right = 0;

    (void)state;
    play_init(&play, 300, 4, 2);
    play_metric(&play, "loss");
    play_metric(&play, "accuracy");
    play_metric(&play, "roc_auc");
    play_check(&play, 300); /* so that its predictions can be seen */
    play_open(&play, no_state);
    done = run(UINT64_MAX);
    e = done->epochs[0];
    assert_int_equal(e->n_claims, 3);
    assert_string_equal(e->claims[0]->name, "loss");
    for (size_t i = 0; i < 300; i++) {
        float v[2];

        memcpy(v, play_part(&play, done->predictions).p + 8 * i, 8);
        right += (v[1] > v[0]) == (play.classes[i] == 1);
    }
    assert_true(claim_of(e, "accuracy") == (double)right / 300);
    assert_true(claim_of(e, "roc_auc") > 0.5);
    play_close(&play);
    play_init(&play, 300, 4, 0);
    play_metric(&play, "mean_squared_error");
    play_metric(&play, "r2");
    play_open(&play, no_state);
    done = run(UINT64_MAX);
    assert_true(claim_of(done->epochs[2], "mean_squared_error") <
                claim_of(done->epochs[0], "mean_squared_error"));
    assert_true(claim_of(done->epochs[2], "r2") <= 1);
    play_close(&play);
}

/* Ended by what it measures, on all workers alike. */
static void test_stops_early(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 4; workers++) {
        const Proctor__TrainDone *done;
        Proctor__TrainGo go = going(UINT64_MAX);
        uint32_t epoch = 0;

        play_init(&play, 64, 4, 3);
        play.recipe.epochs = 50;
        play.workers = workers;
        play_check(&play, 10);
        play_handler(&play, "early_stopping")->patience = 2;
        play_open(&play, no_state);
        do {
            done = play_go(&play, &go);
            go.has_measured = done->at == PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH;
            go.measured = go.has_measured ? done->epoch == 3 ? 0.9 : 0.5 : 0;
            epoch = done->epoch;
        } while (done->at != PROCTOR__TRAIN_AT__TRAIN_AT_END);
        assert_int_equal(epoch, 5);
        assert_int_equal(done->step, 5 * 4);
        play_close(&play);
    }
}

static void test_handlers(void **state)
{
    const Proctor__TrainDone *done;
    Proctor__HandlerSpec *h;

    (void)state;
    play_init(&play, 64, 4, 3);
    h = play_handler(&play, "checkpoint");
    h->event = pb_str("iteration_completed");
    h->every = 5;
    h->keep = 1;
    h->metric = pb_str("loss");
    h->lower = 1;
    play_open(&play, no_state);
    done = run(UINT64_MAX);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_CHECKPOINT);
    assert_int_equal(done->step, 5);
    check_weights(done->weights);
    assert_int_equal(done->n_notes, 1);
    assert_non_null(strstr(done->notes[0], "5"));
    play_close(&play);
    play_init(&play, 64, 4, 3);
    play.recipe.epochs = UINT32_MAX;
    play_handler(&play, "time_limit")->seconds = 0.05;
    play_open(&play, no_state);
    do {
        done = run(UINT64_MAX);
    } while (done->at == PROCTOR__TRAIN_AT__TRAIN_AT_STEP);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_true(done->n_epochs > 0); /* the one that was cut short as well */
    assert_int_equal(done->epochs[done->n_epochs - 1]->step, done->step);
    play_close(&play);
}

/* The other kinds of fit come to their ends in the same way. */
static void whole_and_in_parts(void)
{
    static struct trace whole, rest;
    const Proctor__TrainDone *done;
    Proctor__TrainGo go = going(1);
    struct ubytes saved;

    play_whole(&play, UINT64_MAX, &whole);
    assert_true(whole.steps > 0 && whole.epochs_n > 0);
    play.workers = 2;
    play_whole(&play, UINT64_MAX, &rest);
    assert_memory_equal(whole.weights.b, rest.weights.b, BLAKE3_BYTES);
    play.workers = 1;
    play_open(&play, no_state);
    go.save = 1;
    done = play_go(&play, &go);
    assert_int_equal(done->step, 1);
    saved = kept(play_part(&play, done->state));
    play_close(&play);
    memset(&rest, 0, sizeof(rest));
    play_open(&play, saved);
    assert_int_equal(play.ready.step, 1);
    (void)play_on(&play, UINT64_MAX, &rest);
    play_close(&play);
    assert_memory_equal(whole.weights.b, rest.weights.b, BLAKE3_BYTES);
    free((void *)(uintptr_t)saved.p);
}

static void test_other_fits(void **state)
{
    (void)state;
    play_init(&play, 100, 5, 0);
    play.learner.kind = pb_str("linear");
    play.learner.n_layers = 0;
    play.learner.closed_form = 1;
    whole_and_in_parts();
    play_init(&play, 100, 5, 0);
    play.recipe.harness = 1;
    play.recipe.micro_batches = 0;
    play.loss.kind = pb_str("squared");
    play.optimizer.kind = pb_str("sgd");
    play.layers[0] = 5;
    play.layers[2] = 1;
    whole_and_in_parts();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_many),        cmocka_unit_test(test_wall),
        cmocka_unit_test(test_measured),    cmocka_unit_test(test_rest),
        cmocka_unit_test(test_untrained),   cmocka_unit_test(test_start),
        cmocka_unit_test(test_metrics),     cmocka_unit_test(test_stops_early),
        cmocka_unit_test(test_handlers),    cmocka_unit_test(test_other_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
