/* fit_standard.c, fit_micro.c, fit_state.c: one, two and four workers make the same
 * bits, at every step; a run goes on from any of them. */
#include "tests/unit/train/fit_play.h"

#include "workers/train/standard.h"

static struct play play;

static size_t same(const struct trace *a, const struct trace *b)
{
    size_t compared = 0;

    assert_int_equal(a->steps, b->steps);
    assert_memory_equal(&a->weights, &b->weights, sizeof(a->weights));
    for (size_t i = 0; i < ARRAY_N(a->states); i++) {
        if (a->there[i] && b->there[i]) {
            assert_memory_equal(&a->states[i], &b->states[i],
                                sizeof(a->states[i]));
            compared++;
        }
    }
    return compared;
}

static const struct {
    const char *kind;
    double momentum;
    int nesterov;
} optimizers[] = {{"sgd", 0, 0},      {"sgd", 0.9, 0}, {"sgd", 0.9, 1},
                  {"adam", 0, 0},     {"adamw", 0, 0}, {"rmsprop", 0, 0},
                  {"rmsprop", 0.5, 0}};

/* Rows that no batch divides, batches that no micro-batch divides. */
static void ragged(size_t i)
{
    play_init(&play, 103 + 7 * i, 5, i % 2 == 0 ? 3 : 0);
    play.optimizer.kind = pb_str(optimizers[i].kind);
    play.optimizer.momentum = optimizers[i].momentum;
    play.optimizer.nesterov = optimizers[i].nesterov;
    play.optimizer.decay = i % 3 == 0 ? 0.01 : 0;
    play.recipe.batch = 17 + (uint32_t)i;
    play.recipe.micro_batches = 1 + (uint32_t)i;
    play.recipe.accumulate = i % 3 == 1 ? 2 : 0;
    play.recipe.clip_norm = i % 2 == 0 ? 0.5 : 0;
    play.recipe.clip_value = i % 2 == 1 ? 0.1 : 0;
    play.recipe.ema = i % 2 == 0 ? 0.9 : 0;
    play.recipe.schedule = &play.schedule;
    play.part.kind = pb_str(i % 2 == 0 ? "cosine" : "plateau");
    play.part.size = 20;
    play.part.factor = i % 2 == 0 ? 0 : 0.5;
    play.learner.dropout = i % 3 == 0 ? 0.2 : 0;
    if (i % 2 == 1) {
        play_check(&play, 11);
        play_handler(&play, "early_stopping")->patience = 2;
    } else {
        play_metric(&play, "f1");
    }
    (void)play_handler(&play, "gradients");
    play_handler(&play, "parameters")->every = 2;
    (void)play_handler(&play, "time_limit");
    play.handler[play.recipe.n_handlers - 1].seconds = 1e6;
}

static void test_workers(void **state)
{
    static struct trace one, other;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(optimizers); i++) {
        ragged(i);
        play_whole(&play, 1, &one);
        assert_int_equal(one.epochs_n, 3);
        for (uint32_t n = 2; n <= PLAY_WORKERS_MAX; n++) {
            play.workers = n;
            play_whole(&play, 1, &other);
            assert_true(same(&one, &other) > 3);
            play_whole(&play, UINT64_MAX, &other);
            assert_memory_equal(&one.weights, &other.weights,
                                sizeof(one.weights));
        }
        play.workers = 1;
        play_whole(&play, 3, &other);
        assert_true(same(&one, &other) > 0);
    }
}

/* From every state at which a run stopped, by one worker or by others. */
static void test_resume(void **state)
{
    static struct trace whole, rest;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(optimizers); i++) {
        const Proctor__TrainDone *done;
        Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;
        uint64_t at = 0;

        ragged(i);
        play_whole(&play, 1, &whole);
        go.steps = 1;
        go.save = 1;
        for (;;) {
            struct ubytes saved;
            int waits;

            play.workers = 1;
            memset(&rest, 0, sizeof(rest));
            play_open(&play, no_state);
            go.has_measured = 0;
            do { /* up to `at` requests */
                done = play_go(&play, &go);
                waits = done->at == PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH;
                go.has_measured = waits;
                go.measured = measure_of(done->epoch);
            } while (++go.id <= at &&
                     done->at != PROCTOR__TRAIN_AT__TRAIN_AT_END);
            saved = kept(play_part(&play, done->state));
            play_close(&play);
            play.workers = 1 + (uint32_t)at % 3;
            play_open(&play, saved);
            assert_int_equal(play.ready.step,
                             done == NULL ? 0 : play.ready.step);
            if (waits) { /* the measure is told again */
                Proctor__TrainGo again = PROCTOR__TRAIN_GO__INIT;

                again.has_measured = 1;
                again.measured = go.measured;
                again.save = 1;
                done = play_go(&play, &again);
            }
            (void)play_on(&play, 1, &rest);
            play_close(&play);
            (void)same(&whole, &rest);
            free((void *)(uintptr_t)saved.p);
            go.id = 0;
            if (rest.epochs_n == 0) {
                break;
            }
            at++;
        }
        assert_true(at >= whole.steps - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_resume),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
