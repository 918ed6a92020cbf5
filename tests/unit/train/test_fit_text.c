/* fit_standard.c over texts: several workers, and going on, as over rows. */
#include "tests/unit/train/fit_text.h"

static struct play play;

static void check(const struct text_form *f)
{
    static struct trace one, other;
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;
    struct text_world w;
    struct ubytes saved;

    play_text(&play, &w, f);
    play_whole(&play, 1, &one);
    assert_int_equal(play.ready.tokens, f->context);
    assert_true(one.losses[3] < one.losses[1]);
    for (uint32_t n = 2; n <= 3; n++) {
        play.workers = n;
        play_whole(&play, 1, &other);
        assert_memory_equal(&one, &other, sizeof(one));
    }
    go.steps = 2;
    go.save = 1;
    play.workers = 1;
    play_open(&play, no_state);
    saved = kept(play_part(&play, play_go(&play, &go)->state));
    play_close(&play);
    play.workers = 2;
    memset(&other, 0, sizeof(other));
    play_open(&play, saved);
    (void)play_on(&play, 1, &other);
    play_close(&play);
    assert_memory_equal(&one.weights, &other.weights, sizeof(one.weights));
    assert_memory_equal(&one.states[5], &other.states[5],
                        sizeof(one.states[5]));
    free((void *)(uintptr_t)saved.p);
    world_release(&w);
}

static void test_text(void **state)
{
    static const struct text_form dense = {.arch = "llama",
                                           .blocks = 2,
                                           .width = 32,
                                           .heads = 2,
                                           .ffn = 32,
                                           .vocab = 40,
                                           .context = 12,
                                           .rows = 11};
    static const struct text_form experts = {.arch = "olmoe",
                                             .blocks = 1,
                                             .width = 32,
                                             .heads = 2,
                                             .ffn = 32,
                                             .experts = 4,
                                             .experts_used = 2,
                                             .balance = 0.01,
                                             .vocab = 40,
                                             .context = 12,
                                             .rows = 10};

    (void)state;
    check(&dense);
    check(&experts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
