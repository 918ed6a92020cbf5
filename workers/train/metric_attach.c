/* Metrics in an engine: reset, update and value as handlers that come before all
 * others of their event. Worker train. */
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/metric_int.h"

const struct metric_usage metric_of_epoch = {
    .start = {.event = ENGINE_EPOCH_STARTED},
    .update = {.event = ENGINE_ITERATION_COMPLETED},
    .complete = {.event = ENGINE_EPOCH_COMPLETED}};
const struct metric_usage metric_of_batch = {
    .start = {.event = ENGINE_ITERATION_STARTED},
    .update = {.event = ENGINE_ITERATION_COMPLETED},
    .complete = {.event = ENGINE_ITERATION_COMPLETED}};
const struct metric_usage metric_of_run = {
    .start = {.event = ENGINE_STARTED},
    .update = {.event = ENGINE_ITERATION_COMPLETED},
    .complete = {.event = ENGINE_ITERATION_COMPLETED}};

static int starts(struct engine *e, void *ctx, struct diag *d)
{
    (void)e;
    (void)d;
    metric_reset(ctx);
    return 0;
}

static int updates(struct engine *e, void *ctx, struct diag *d)
{
    struct metric_tally *t = ctx;
    struct metric_batch b = {0};

    if (t->transform != NULL) {
        TRY(t->transform(e, t->transform_ctx, &b, d));
        return metric_update(t, &b, d);
    }
    if (engine_state(e)->output == NULL) {
        return metric_bad_setup(t, "there is no output to measure", d);
    }
    return metric_update(t, engine_state(e)->output, d);
}

struct into {
    struct engine *e;
    const char *name;
    struct diag *d;
};

static int sets(void *ctx, const char *suffix, double v)
{
    struct into *in = ctx;
    char name[2 * ENGINE_NAME_BYTES];

    (void)snprintf(name, sizeof(name), "%s%s", in->name, suffix);
    return engine_value_set(in->e, name, v, in->d);
}

static int completes(struct engine *e, void *ctx, struct diag *d)
{
    struct metric_tally *t = ctx;
    struct into in = {e, t->name, d};
    int code = metric_each(t, sets, &in);

    if (code == METRIC_E_NOT_COMPUTABLE) {
        return metric_bad_setup(t, "not computable: there are no samples", d);
    }
    return code;
}

int metric_attach(struct metric_tally *t, struct engine *e, const char *name,
                  const struct metric_usage *usage, metric_transform *transform,
                  void *ctx, struct diag *d)
{
    if (strlen(name) >= sizeof(t->name) || *name == 0) {
        return metric_bad_setup(t, "its name has 1 to 47 bytes", d);
    }
    (void)snprintf(t->name, sizeof(t->name), "%s", name);
    t->transform = transform;
    t->transform_ctx = ctx;
    TRY(engine_on(e, &usage->start, 1, ENGINE_PRIORITY_METRICS + 2, starts, t,
                  NULL, d));
    TRY(engine_on(e, &usage->update, 1, ENGINE_PRIORITY_METRICS + 1, updates, t,
                  NULL, d));
    return engine_on(e, &usage->complete, 1, ENGINE_PRIORITY_METRICS, completes,
                     t, NULL, d);
}
