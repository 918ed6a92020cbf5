/* Data, a process and handlers that write down what happens, for the tests of the
 * engine. Included once by each. */
#ifndef TESTS_UNIT_TRAIN_ENGINE_PLAY_H
#define TESTS_UNIT_TRAIN_ENGINE_PLAY_H

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
#include "proto/text.h"
#include "workers/train/engine.h"

UNUSED static uint64_t tick(void *ctx)
{
    uint64_t *t = ctx;

    *t += 10;
    return *t;
}

static uint64_t now_ns;

UNUSED static struct engine *fresh(const char *name)
{
    struct engine *e = NULL;

    assert_int_equal(engine_new(name, tick, &now_ns, &e), 0);
    return e;
}

/* ---- Data: batches 1..n of a pass; the value mixes pass and place ---- */

struct batches {
    uint64_t n;
    uint64_t at;
    uint64_t pass;
    uint64_t resets;
    uint64_t now;
};

UNUSED static int batches_reset(void *ctx, uint64_t pass, uint64_t skip,
                                struct diag *d)
{
    struct batches *b = ctx;

    (void)d;
    b->pass = pass;
    b->at = skip;
    b->resets++;
    return 0;
}

UNUSED static int batches_next(void *ctx, void **out, struct diag *d)
{
    struct batches *b = ctx;

    (void)d;
    if (b->at >= b->n) {
        return 0;
    }
    b->now = b->pass * 1000 + ++b->at;
    *out = &b->now;
    return 1;
}

UNUSED static struct engine_data of(struct batches *b)
{
    return (struct engine_data){batches_reset, batches_next, b};
}

/* What happened, as text. */
static char log_[8192];
static struct text said;

UNUSED static void log_clear(void)
{
    text_init(&said, log_, sizeof(log_));
}

UNUSED static int process(struct engine *e, void *ctx, void *batch, void **out,
                          struct diag *d)
{
    (void)e;
    (void)d;
    text_putf(&said, "%llu ",
              (unsigned long long)(batch != NULL ? *(uint64_t *)batch : 0));
    *out = batch;
    return ctx == NULL ? 0 : *(int *)ctx;
}

struct note {
    const char *word;
    int counts; /* writes the event's count, too */
    unsigned event;
};

UNUSED static int note(struct engine *e, void *ctx, struct diag *d)
{
    const struct note *n = ctx;

    (void)d;
    if (n->counts) {
        text_putf(&said, "%s%llu ", n->word,
                  (unsigned long long)engine_count(e, n->event));
    } else {
        text_putf(&said, "%s ", n->word);
    }
    return 0;
}

UNUSED static uint64_t on(struct engine *e, struct engine_when w, int priority,
                          engine_handler *run, void *ctx)
{
    struct diag d;
    uint64_t h = 0;

    diag_init(&d);
    assert_int_equal(engine_on(e, &w, 1, priority, run, ctx, &h, &d), 0);
    return h;
}

UNUSED static void run(struct engine *e, struct engine_plan plan,
                       uint64_t data_n)
{
    struct batches b = {.n = data_n};
    struct engine_data data = of(&b);
    struct diag d;

    diag_init(&d);
    assert_int_equal(
        engine_run(e, &plan, plan.no_data ? NULL : &data, process, NULL, &d),
        0);
}

static struct note notes[ENGINE_EVENTS_N];

UNUSED static void note_all(struct engine *e)
{
    static const char *const words[ENGINE_EVENTS_N] = {
        "S",  "ES", "EC", "C",  "is", "ic", "gs",
        "gc", "DE", "T",  "TE", "I",  "X"};

    for (unsigned i = 0; i < ENGINE_EVENTS_N; i++) {
        notes[i] = (struct note){words[i], 1, i};
        (void)on(e, (struct engine_when){.event = i}, 0, note, &notes[i]);
    }
}

UNUSED static void refused(struct engine *e, struct engine_plan plan,
                           uint64_t data_n, const char *text)
{
    struct batches b = {.n = data_n};
    struct engine_data data = of(&b);
    struct diag d;

    diag_init(&d);
    assert_int_equal(engine_run(e, &plan, &data, process, NULL, &d), ERR_INPUT);
    assert_non_null(strstr(d.what, text));
}

#endif
