/* What an experiment says, with every default: config.json and the words of a dry
 * run. Runs in the confined `config` worker. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "workers/config/experiment_int.h"

static struct yaml_node *text_or_null(struct config *c, const char *s)
{
    return s ? build_text(c, s) : build_null(c);
}

static struct yaml_node *training_of(struct config *c,
                                     const struct experiment *e)
{
    struct yaml_node *n = build_map(c);

    n = build_add(c, n, "epochs", build_uint(c, e->epochs));
    n = build_add(c, n, "batch_size", build_uint(c, e->batch));
    n = build_add(c, n, "learning_rate", build_number(c, e->rate));
    n = build_add(c, n, "optimizer", build_text(c, e->optimizer));
    n = build_add(c, n, "seed", build_uint(c, e->seed));
    return build_add(c, n, "params", build_copy(c, e->training_params));
}

static struct yaml_node *output_of(struct config *c, const struct experiment *e)
{
    struct yaml_node *n = build_map(c);

    n = build_add(c, n, "directory", build_text(c, e->directory));
    n = build_add(c, n, "save_checkpoints", build_bool(c, e->saves));
    n = build_add(c, n, "checkpoint_frequency", build_uint(c, e->frequency));
    n = build_add(c, n, "save_logs", build_bool(c, e->logs));
    return build_add(c, n, "params", build_map(c));
}

static struct yaml_node *evaluation_of(struct config *c,
                                       const struct experiment *e)
{
    struct yaml_node *n = build_map(c);

    n = build_add(c, n, "holdout", build_number(c, e->holdout));
    n = build_add(c, n, "stratified", build_bool(c, e->stratified));
    n = build_add(c, n, "metric", build_text(c, e->metric));
    if (e->validation > 0) {
        n = build_add(c, n, "validation", build_number(c, e->validation));
    }
    if (e->folds > 0) {
        n = build_add(c, n, "folds", build_uint(c, e->folds));
    }
    n = build_add(c, n, "exam", build_bool(c, e->has_exam));
    return build_add(c, n, "ref", text_or_null(c, e->ref));
}

struct yaml_node *exp_config(struct config *c, const struct experiment *e)
{
    struct yaml_node *n = build_map(c);
    struct yaml_node *data = build_map(c);
    struct yaml_node *model = build_map(c);
    struct yaml_node *ensemble = build_map(c);

    data = build_add(c, data, "name", build_text(c, e->dataset));
    data = build_add(c, data, "path", text_or_null(c, e->path));
    data = build_add(c, data, "params", build_copy(c, e->dataset_params));
    model = build_add(c, model, "name", build_text(c, e->model));
    model = build_add(c, model, "architecture", build_copy(c, e->architecture));
    model = build_add(c, model, "params", build_copy(c, e->model_params));
    n = build_add(c, n, "name", build_text(c, e->name));
    n = build_add(c, n, "dataset", data);
    n = build_add(c, n, "model", model);
    n = build_add(c, n, "training", training_of(c, e));
    n = build_add(c, n, "output", output_of(c, e));
    n = build_add(c, n, "description", build_copy(c, e->description));
    n = build_add(c, n, "compat",
                  build_text(c, e->is_harness ? "harness" : "none"));
    if (!e->is_harness) {
        n = build_add(c, n, "evaluation", evaluation_of(c, e));
    }
    if (e->how) {
        ensemble = build_add(c, ensemble, "how", build_text(c, e->how));
        ensemble = build_add(c, ensemble, "n", build_uint(c, e->members));
        n = build_add(c, n, "ensemble", ensemble);
    }
    return n;
}

static int put_data(const struct experiment *e, struct buf *b)
{
    TRY(buf_putf(b, "  data        %s", e->dataset));
    if (e->rows > 0) {
        TRY(buf_putf(b, ": %" PRIu64 " rows of %" PRIu64 " numbers", e->rows,
                     e->features));
    }
    if (e->classes > 0) {
        TRY(buf_putf(b, ", %" PRIu64 " classes", e->classes));
    }
    if (e->path) {
        TRY(buf_putf(b, ": %s", e->path));
    }
    return buf_putf(b, "\n");
}

static int put_model(const struct experiment *e, struct buf *b)
{
    const struct yaml_node *sizes = build_find(e->learner, "sizes");
    const struct yaml_node *activation = build_find(e->learner, "activation");
    const struct yaml_node *output = build_find(e->learner, "output");

    TRY(buf_putf(b, "  model       %s", e->model));
    for (const struct yaml_node *s = sizes ? sizes->first : NULL; s;
         s = s->next) {
        TRY(buf_putf(b, "%s%s", s == sizes->first ? " " : "-", s->text));
    }
    if (activation && output) {
        TRY(buf_putf(b, ", %s, %s", activation->text, output->text));
    }
    if (e->parameters > 0) {
        TRY(buf_putf(b, ", %" PRIu64 " parameters", e->parameters));
    }
    if (e->how) {
        TRY(buf_putf(b, "; %" PRIu64 " of them, combined by %s", e->members,
                     e->how));
    }
    return buf_putf(b, "\n");
}

static int put_training(const struct experiment *e, struct buf *b)
{
    if (e->is_closed && !e->is_harness) {
        return buf_putf(b, "  training    the least-squares solution of all "
                           "rows\n");
    }
    if (e->is_harness) {
        return buf_putf(b, "  training    as the numpy harness: %" PRIu64
                           " epochs, batch %" PRIu64 ", sgd at rate 0.001, seed "
                           "%" PRIu64 "\n", e->epochs, e->batch, e->seed);
    }
    return buf_putf(b, "  training    %" PRIu64 " epochs, batch %" PRIu64
                       ", %s at rate %g, seed %" PRIu64 "\n",
                    e->epochs, e->batch, e->optimizer, e->rate, e->seed);
}

static int put_measured(const struct experiment *e, struct buf *b)
{
    if (e->folds > 0) {
        TRY(buf_putf(b, "  folds       %" PRIu64 ", each trained by itself\n",
                     e->folds));
    }
    if (e->validation > 0) {
        TRY(buf_putf(b, "  validation  %.4g of the training rows, %s after each "
                        "epoch\n", e->validation, e->metric));
    }
    if (!(e->holdout > 0)) {
        return buf_putf(b, "  measured    nothing: no rows are held out%s\n",
                        e->is_harness ? ", as in the numpy harness" : "");
    }
    return buf_putf(b, "  measured    %s on %.4g of the rows, held out%s%s%s%s\n",
                    e->metric, e->holdout, e->stratified ? " by class" : "",
                    e->has_exam ? "; an exam against two placebos" : "",
                    e->ref ? ", for " : "", e->ref ? e->ref : "");
}

int exp_summary(struct config *c, const struct experiment *e, char **out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, EXPERIMENT_BYTES_MAX);
    TRY(buf_putf(&b, "%s\n", e->name));
    TRY(put_data(e, &b));
    TRY(put_model(e, &b));
    TRY(put_training(e, &b));
    TRY(put_measured(e, &b));
    TRY(buf_putf(&b, "  output      %s/%s/\n", e->directory, e->name));
    if (e->cannot[0] != '\0') {
        TRY(buf_putf(&b, "  cannot run  %s\n", e->cannot));
    }
    *out = arena_text(&c->reply, buf_bytes(&b).p, buf_len(&b));
    return *out ? 0 : ERR_NOMEM;
}
