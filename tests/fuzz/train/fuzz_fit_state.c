/* engine_load, metric_load, handlers_load, fit_harness's restore: any bytes as the
 * state of a run. What is accepted is written again as it was read, and is gone on
 * with. The first byte says which of the four, the second which metric. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "workers/train/fit.h"
#include "workers/train/handler.h"
#include "workers/train/metric.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *b, struct ubytes in)
{
    if (buf_len(b) != in.n ||
        (in.n != 0 && memcmp(buf_bytes(b).p, in.p, in.n) != 0)) {
        abort();
    }
}

static void must(int is)
{
    if (!is) {
        abort();
    }
}

static void note(void *ctx, const char *line)
{
    (void)ctx;
    must(strlen(line) < DIAG_TEXT_BYTES);
}

/* A few steps; the plan of the state may be endless. */
static void go_on(struct engine *e, struct diag *d)
{
    enum engine_want want;

    if (engine_begin(e, NULL, d) != 0) {
        return;
    }
    for (int i = 0; i < 64; i++) {
        if (engine_next(e, &want, d) != 0 || want == ENGINE_AT_END) {
            return;
        }
        if (want == ENGINE_WANT_PROCESS) {
            engine_processed(e);
        } else if (want == ENGINE_WANT_BATCH) {
            engine_fetched(e, i % 3 != 0);
        }
    }
}

static void try_engine(struct ubytes in)
{
    struct engine *e = NULL;
    struct buf again;
    struct diag d;
    unsigned own;

    diag_init(&d);
    buf_init(&again, ENGINE_STATE_BYTES_MAX);
    must(engine_new("fuzz", NULL, NULL, &e) == 0);
    must(engine_register(e, "own", 0, &own, &d) == 0);
    if (engine_load(e, in, &d) == 0) {
        must(engine_save(e, &again) == 0);
        same(&again, in);
        if (engine_state(e)->ended == ENGINE_RUNS) {
            go_on(e, &d);
        }
    }
    buf_release(&again);
    engine_free(e);
}

static int sink(void *ctx, const char *suffix, double v)
{
    (void)suffix;
    *(double *)ctx = v;
    return 0;
}

static void try_metric(unsigned which, struct ubytes in)
{
    static const struct metric_setup setups[] = {
        {.width = 1}, {.classes = 2, .width = 1}, {.classes = 3, .width = 3}};
    struct metric_tally *t = NULL;
    struct buf again;
    struct diag d;
    struct rd r;
    const char *text, *name = metric_at(which % 64, &text);
    double v;

    diag_init(&d);
    if (name == NULL ||
        metric_open(name, &setups[which / 64 % 3], &t, &d) != 0) {
        return;
    }
    buf_init(&again, 1u << 24);
    rd_init(&r, in);
    if (metric_load(t, &r) == 0 && rd_end(&r) == 0) {
        must(metric_save(t, &again) == 0);
        same(&again, in);
        must(metric_each(t, sink, &v) >= 0);
    }
    buf_release(&again);
    metric_close(t);
}

static void try_handlers(struct ubytes in)
{
    Proctor__HandlerSpec keep = PROCTOR__HANDLER_SPEC__INIT;
    Proctor__HandlerSpec stop = PROCTOR__HANDLER_SPEC__INIT;
    Proctor__HandlerSpec *list[] = {&keep, &stop};
    struct handler_world w = {.is_measured = 1,
                              .workers = 1,
                              .hooks = {NULL, note, NULL, NULL, NULL}};
    struct handlers *h = NULL;
    struct buf again;
    struct diag d;
    struct rd r;

    diag_init(&d);
    keep.kind = pb_str("checkpoint");
    keep.keep = 3;
    stop.kind = pb_str("early_stopping");
    stop.patience = 2;
    buf_init(&again, HANDLERS_STATE_BYTES);
    must(engine_new("fuzz", NULL, NULL, &w.e) == 0);
    must(handlers_open(list, 2, &w, &h, &d) == 0);
    rd_init(&r, in);
    if (handlers_load(h, &r) == 0 && rd_end(&r) == 0) {
        must(handlers_save(h, &again) == 0);
        same(&again, in);
        must(engine_value_set(w.e, HANDLER_MEASURED, 1, &d) == 0);
        must(engine_fire(w.e, ENGINE_EPOCH_COMPLETED, &d) == 0);
    }
    buf_release(&again);
    engine_free(w.e);
    handlers_close(h);
}

static void try_harness(struct ubytes in)
{
    static const double x[] = {1, 2, -1, .5, 3, 1};
    static const uint32_t y[] = {0, 1, 1};
    static struct fit_notes notes;
    const struct rows rows = {ROWS_F64,           ROWS_CLASSIFICATION, 3, 2, 2,
                              (const uint8_t *)x, (const uint8_t *)y};
    Proctor__Recipe recipe = PROCTOR__RECIPE__INIT;
    Proctor__Learner learner = PROCTOR__LEARNER__INIT;
    uint32_t layers[] = {2, 2, 2};
    struct fit_task task = {
        .recipe = &recipe, .rows = &rows, .workers = 1, .notes = &notes};
    struct fit *f = NULL;
    enum fit_at at = FIT_STEP;
    struct buf again;
    struct diag d;

    diag_init(&d);
    recipe.version = 1;
    recipe.harness = 1;
    recipe.epochs = 2;
    recipe.batch = 2;
    recipe.learner = &learner;
    learner.kind = pb_str("mlp");
    learner.output = pb_str("softmax");
    learner.layers = layers;
    learner.n_layers = 3;
    buf_init(&again, 4096);
    must(fit_harness.open(&task, &f, &d) == 0);
    must(fit_harness.start(f, NULL, &d) == 0);
    if (fit_harness.restore(f, in, &d) == 0) {
        must(fit_harness.save(f, &again) == 0);
        same(&again, in);
        for (int i = 0; at != FIT_END; i++) {
            must(i < 8);
            if (fit_harness.step(f, &at, &d) != 0) {
                break;
            }
        }
    }
    buf_release(&again);
    fit_harness.close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in = {data + 2, size - 2};

    if (size < 2) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0:
        try_engine(in);
        break;
    case 1:
        try_metric(data[1], in);
        break;
    case 2:
        try_handlers(in);
        break;
    default:
        try_harness(in);
    }
    return 0;
}
