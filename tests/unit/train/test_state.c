/* state.c, fit_state.c: a state of another model, recipe, data or version, and
 * damaged ones, each by name. */
#include "tests/unit/train/fit_play.h"

#include "workers/train/state.h"

static struct play play;
static struct ubytes state;

static void base(void)
{
    play_init(&play, 64, 4, 3);
    play.recipe.ema = 0.5;
}

static int make(void **s)
{
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;

    (void)s;
    base();
    play_open(&play, no_state);
    go.steps = 3;
    go.save = 1;
    state = kept(play_part(&play, play_go(&play, &go)->state));
    play_close(&play);
    return 0;
}

static int drop(void **s)
{
    (void)s;
    free((void *)(uintptr_t)state.p);
    return 0;
}

static void refused(const char *what)
{
    struct diag d;

    assert_int_equal(play_try(&play, state, &d), ERR_INPUT);
    if (strstr(d.what, what) == NULL) {
        print_message("\"%s\" instead of \"%s\"\n", d.what, what);
    }
    assert_non_null(strstr(d.what, what));
}

static void test_others(void **s)
{
    (void)s;
    base();
    play_open(&play, state);
    assert_int_equal(play.ready.step, 3);
    play_close(&play);
    base();
    play.layers[1] = 13;
    refused("of another model");
    base();
    play.learner.activation = pb_str("tanh");
    refused("of another model");
    base();
    play.optimizer.rate = 0.02;
    refused("of another recipe");
    base();
    play.recipe.seed++;
    refused("of another recipe");
    base();
    play.data.x.data = (uint8_t *)play.layers; /* the rows' CID */
    play.data.x.len = 4;
    refused("of other training data");
    base();
    play_check(&play, 3);
    refused("of other training data");
}

/* Any byte. */
static void test_damaged(void **s)
{
    uint8_t *p = (uint8_t *)(uintptr_t)state.p;

    (void)s;
    base();
    for (size_t i = 0; i < state.n; i += i < 256 ? 1 : 97) {
        p[i] ^= 0x40;
        refused(i < 6   ? "no state of a training run"
                : i < 8 ? "its version is"
                        : "it is damaged");
        p[i] ^= 0x40;
    }
    for (size_t n = 0; n < state.n; n += 1 + n / 8) {
        struct ubytes whole = state;

        state.n = n;
        refused(n < 8 ? n == 0 ? "" : "no state of" : "it is damaged");
        state = whole;
    }
}

/* Its checksum is right, what it holds is not. */
static void test_body(void **s)
{
    size_t bad = 0;

    (void)s;
    for (size_t i = 0; i < 300; i++) {
        Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;
        const Proctor__TrainDone *done;
        struct ubytes other = kept(state);
        uint8_t *p = (uint8_t *)(uintptr_t)other.p;

        p[STATE_HEAD_BYTES + i] ^= 0xff;
        blake3(p, other.n - BLAKE3_BYTES, p + other.n - BLAKE3_BYTES);
        base();
        play_open(&play, other);
        go.steps = 1000;
        done = play_go(&play, &go);
        bad += done->at == PROCTOR__TRAIN_AT__TRAIN_AT_FAILED;
        play_close(&play);
        free((void *)(uintptr_t)other.p);
    }
    assert_true(bad > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_body),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
