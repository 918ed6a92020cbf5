/* drive.c, look.c, fit_standard.c: what is refused, what is noted, and training
 * that fails. */
#include "tests/unit/train/fit_play.h"

static struct play play;

static const Proctor__TrainDone *run(uint64_t steps)
{
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;

    go.id = 1;
    go.steps = steps;
    return play_go(&play, &go);
}

static void refused(int code, const char *what)
{
    struct diag d;

    assert_int_equal(play_try(&play, no_state, &d), code);
    if (strstr(d.what, what) == NULL) {
        print_message("\"%s\" instead of \"%s\"\n", d.what, what);
    }
    assert_non_null(strstr(d.what, what));
}

static void test_refused(void **state)
{
    (void)state;
    play_init(&play, 20, 4, 3);
    for (size_t i = 0; i < 20; i++) {
        play.classes[i] = 2;
    }
    refused(ERR_INPUT, "all 20 training rows are of class 2");
    play_init(&play, 20, 4, 3);
    play.layers[2] = 2;
    refused(ERR_INPUT, "3 classes, but the last layer has 2 outputs");
    play_init(&play, 20, 4, 3);
    play.layers[0] = 5;
    refused(ERR_INPUT, "the first layer takes 5 inputs, the data have 4");
    play_init(&play, 20, 4, 3);
    play.x[4 * 7 + 2] = NAN;
    refused(ERR_INPUT, "row 7, input 2");
    play_init(&play, 20, 4, 0);
    play.targets[3] = HUGE_VAL;
    refused(ERR_INPUT, "row 3: its label inf");
    play_init(&play, 20, 4, 3);
    play.classes[19] = 3;
    refused(ERR_INPUT, "row 19: class 3");
    play_init(&play, 20, 4, 3);
    play.recipe.batch = 0;
    refused(ERR_INPUT, "batch is 0");
    play_init(&play, 20, 4, 3);
    play.recipe.epochs = 0;
    refused(ERR_INPUT, "neither epochs nor steps");
    play_init(&play, 20, 4, 3);
    play.recipe.micro_batches = 1u << 20;
    refused(ERR_LIMIT, "at most 65536 a step");
    play_init(&play, 20, 4, 3);
    play.recipe.ema = 1;
    refused(ERR_INPUT, "ema is 1");
    play_init(&play, 20, 4, 3);
    play.recipe.clip_norm = -1;
    refused(ERR_INPUT, "clip.norm is -1");
    play_init(&play, 20, 4, 3);
    play.optimizer.rate = 0;
    refused(ERR_INPUT, "optimizer.rate is 0");
    play_init(&play, 20, 4, 3);
    play.learner.kind = pb_str("forest");
    refused(ERR_INPUT, "model.kind \"forest\" is unknown");
    play_init(&play, 20, 4, 3);
    play.recipe.version = 2;
    refused(ERR_INPUT, "recipe of version 2");
    play_init(&play, 20, 4, 3);
    play_metric(&play, "r2");
    refused(ERR_INPUT, "metric r2: it is none of classification");
    play_init(&play, 20, 4, 3);
    play_metric(&play, "acuracy");
    refused(ERR_INPUT, "acuracy");
    play_init(&play, 20, 4, 3);
    (void)play_handler(&play, "early_stoping");
    refused(ERR_INPUT, "early_stoping");
}

static const char *note(size_t i)
{
    const Proctor__TrainDone *done = run(1);

    assert_true(i < done->n_notes);
    return done->notes[i];
}

static void test_noted(void **state)
{
    const Proctor__TrainDone *done;

    (void)state;
    play_init(&play, 20, 4, 3);
    play.recipe.batch = 64;
    play_open(&play, no_state);
    assert_int_equal(play.ready.steps, 1);
    assert_non_null(strstr(note(0), "there are only 20"));
    assert_int_equal(run(1)->n_notes, 0); /* told once */
    play_close(&play);
    play_init(&play, 20, 4, 3);
    for (size_t i = 0; i < 20; i++) {
        play.x[4 * i + 3] = 7;
    }
    play.learner.standardize = 1;
    play_open(&play, no_state);
    assert_non_null(strstr(note(0), "1 inputs, number 3"));
    done = run(UINT64_MAX);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_non_null(done->weights);
    play_close(&play);
    play_init(&play, 20, 4, 0);
    for (size_t i = 0; i < 20; i++) {
        play.targets[i] = 2;
    }
    play_open(&play, no_state);
    assert_string_equal(note(0), "all 20 labels are 2");
    play_close(&play);
}

/* A rate that no weights stand: it ends with a name, on every worker. */
static void test_diverges(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 2; workers++) {
        const Proctor__TrainDone *done;

        play_init(&play, 64, 4, 0);
        play.optimizer.kind = pb_str("sgd");
        play.optimizer.rate = 1e30;
        play.workers = workers;
        play_open(&play, no_state);
        do {
            done = run(UINT64_MAX);
        } while (done->at == PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE);
        assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_FAILED);
        assert_non_null(strstr(done->problem->what, "diverged at step"));
        assert_non_null(strstr(done->problem->what, "1e+30"));
        assert_non_null(strstr(done->problem->hint, "lower optimizer.rate"));
        assert_int_equal(run(1)->at, PROCTOR__TRAIN_AT__TRAIN_AT_FAILED);
        play_close(&play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_noted),
        cmocka_unit_test(test_diverges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
