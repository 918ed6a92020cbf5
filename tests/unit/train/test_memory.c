/* What a run says it will need, against what it takes: every allocation counted.
 * With sanitizers the heap is another one; then only the answer is looked at. */
#include "tests/unit/train/fit_text.h"

#include <malloc.h>

static struct play play;

#ifndef PROCTOR_SANITIZED
static size_t used, peak;
static int counts;

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t k, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);
extern void *aligned_alloc(size_t align, size_t n);

static void *took(void *p)
{
    if (counts && p != NULL) {
        used += malloc_usable_size(p);
        peak = used > peak ? used : peak;
    }
    return p;
}

static void gave(void *p)
{
    if (counts && p != NULL) {
        size_t n = malloc_usable_size(p);

        used -= n < used ? n : used;
    }
}

void *malloc(size_t n)
{
    return took(__libc_malloc(n));
}

void *calloc(size_t k, size_t n)
{
    return took(__libc_calloc(k, n));
}

void *realloc(void *p, size_t n)
{
    gave(p);
    return took(__libc_realloc(p, n));
}

void *aligned_alloc(size_t align, size_t n)
{
    return took(__libc_memalign(align, n));
}

void free(void *p)
{
    gave(p);
    __libc_free(p);
}
#else
static size_t peak, used;
static int counts;
#endif

/* Plays it, the area left out. */
static void measure(const char *name)
{
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;
    const Proctor__TrainDone *done;
    uint64_t said;
    struct diag d;

    diag_init(&d);
    play.tasks[0] = play.task;
    play.tasks[0].workers = 1;
    proctor__train_ready__init(&play.ready);
    used = peak = 0;
    counts = 1;
    assert_int_equal(
        drive_open(&play.tasks[0], &play.in, &play.drives[0], &play.ready, &d),
        0);
    counts = 0;
    said = play.ready.memory_bytes - play.in.bytes;
#ifndef PROCTOR_SANITIZED
    assert_true(peak < 64u << 10); /* nothing large before it is known */
#endif
    play.area = aligned_alloc(4096, play.ready.area_bytes);
    assert_non_null(play.area);
    counts = 1;
    assert_int_equal(drive_start(play.drives[0], play.area), 0);
    go.steps = UINT64_MAX;
    do {
        assert_int_equal(drive_go(play.drives[0], &go, &done), 0);
        go.has_measured = done->at == PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH;
    } while (done->at != PROCTOR__TRAIN_AT__TRAIN_AT_END);
    counts = 0;
#ifndef PROCTOR_SANITIZED
    print_message("%s: %llu bytes said, %zu taken\n", name,
                  (unsigned long long)said, peak);
    assert_true(peak <= said + said / 5);
    assert_true(said <= peak + peak / 5);
#else
    (void)name;
    (void)said;
#endif
    play_close(&play);
}

static void wide(uint32_t micro, uint32_t batch)
{
    play_init(&play, 2000, 64, 10);
    play.layers[1] = 256;
    play.layers[2] = 128;
    play.learner.n_layers = 4;
    play.recipe.batch = batch;
    play.recipe.micro_batches = micro;
}

static void test_memory(void **state)
{
    (void)state;
    wide(1, 128);
    measure("one micro-batch");
    wide(4, 128);
    measure("four");
    wide(1, 2000);
    play.recipe.ema = 0.9;
    measure("all rows at once, an average");
    wide(2, 64);
    play.optimizer.kind = pb_str("sgd");
    play.learner.dropout = 0.1;
    play_check(&play, 500);
    measure("no moments, rows checked");
    play_init(&play, 2000, 64, 0);
    play.learner.kind = pb_str("linear");
    play.learner.n_layers = 0;
    measure("linear");
}

static void test_text(void **state)
{
    static const struct text_form f = {.arch = "olmoe",
                                       .blocks = 2,
                                       .width = 64,
                                       .heads = 4,
                                       .ffn = 96,
                                       .experts = 4,
                                       .experts_used = 2,
                                       .vocab = 300,
                                       .context = 32,
                                       .rows = 24};
    struct text_world w;

    (void)state;
    play_text(&play, &w, &f);
    play.recipe.batch = 8;
    measure("texts");
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
