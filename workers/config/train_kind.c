/* What data say about what is learnt from them. Runs in the confined `config`
 * worker. Only form: that a task is of that data is the kernel's to judge. */
#include "workers/config/train_kind.h"

#include <stdlib.h>
#include <string.h>

#include "proto/record.h"

static int compare_id(const void *id, const void *task)
{
    const Proctor__Task *const *t = task;

    return strcmp(id, (*t)->id);
}

static const Proctor__Task *find(Proctor__Task **sorted, size_t n,
                                 const char *id)
{
    Proctor__Task **t =
        bsearch(id, sorted, n, sizeof(Proctor__Task *), compare_id);

    return t ? *t : NULL;
}

static Proctor__DataKind kind_of_spec(const Proctor__DataSpec *s)
{
    static const struct {
        const char *format;
        Proctor__DataKind kind;
    } known[] = {
        {"regression", PROCTOR__DATA_KIND__DATA_REGRESSION},
        {"classification", PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
        {"moons", PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
        {"spirals", PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
        {"idx", PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
        {"cifar10", PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
        {"cifar100", PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
        {"text", PROCTOR__DATA_KIND__DATA_TEXT}};

    for (size_t i = 0; s->kind == PROCTOR__DATA_KIND__DATA_NONE &&
                       i < ARRAY_N(known);
         i++) {
        if (strcmp(s->format, known[i].format) == 0) {
            return known[i].kind;
        }
    }
    return s->kind;
}

/* Of the data.load task that the rows of task id come from. */
static Proctor__DataKind kind_of(Proctor__Task **sorted, size_t n,
                                 const char *id)
{
    const Proctor__Task *t = find(sorted, n, id);

    for (size_t i = 0; t && i < n && (t->permute || (t->split && t->split->of));
         i++) {
        t = find(sorted, n, t->permute ? t->permute->of : t->split->of);
    }
    return t && t->data ? kind_of_spec(t->data) : PROCTOR__DATA_KIND__DATA_NONE;
}

static uint32_t metric_of(Proctor__DataKind kind)
{
    return kind == PROCTOR__DATA_KIND__DATA_REGRESSION ? METRIC_SQUARED_ERROR
           : kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION
               ? METRIC_ACCURACY
           : kind == PROCTOR__DATA_KIND__DATA_TEXT ? METRIC_LOG_LOSS
                                                   : METRIC_NONE;
}

static int is_text(const char *s, const char *word)
{
    return s && strcmp(s, word) == 0;
}

static int set_text(struct config *c, const char *s, char **out)
{
    *out = arena_text(&c->reply, s, strlen(s));
    return *out ? 0 : ERR_NOMEM;
}

static int fill_loss(struct config *c, Proctor__Recipe *r,
                     Proctor__DataKind kind)
{
    int by_entropy = strcmp(r->learner->kind, "transformer") == 0 ||
                     (strcmp(r->learner->kind, "mlp") == 0 && !r->harness &&
                      kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION);

    if (r->loss) {
        return 0;
    }
    r->loss = arena_get(&c->reply, sizeof(*r->loss));
    if (!r->loss) {
        return ERR_NOMEM;
    }
    proctor__loss_spec__init(r->loss);
    return set_text(c, by_entropy ? "cross_entropy" : "squared",
                    &r->loss->kind);
}

static int fill_output(struct config *c, Proctor__Recipe *r,
                       Proctor__DataKind kind)
{
    int is_class = kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION &&
                   is_text(r->loss->kind, "cross_entropy");

    if (strcmp(r->learner->kind, "mlp") != 0 || r->learner->output[0] != '\0') {
        return 0;
    }
    return set_text(c, is_class ? "softmax" : "identity", &r->learner->output);
}

/* "" stands for what the kernel measures. */
static int is_lower_better(const char *name, uint32_t measured)
{
    static const char *const higher[] = {
        "accuracy", "precision", "recall",   "f1",          "f_beta",
        "iou",      "dice",      "cohen",    "mcc",         "top_k",
        "mean_rec", "ndcg",      "roc_auc",  "average_pre", "r2",
        "pearson",  "psnr",      "spearman", "kendall"};

    if (name[0] == '\0') {
        return measured != METRIC_ACCURACY;
    }
    for (size_t i = 0; i < ARRAY_N(higher); i++) {
        if (strncmp(name, higher[i], strlen(higher[i])) == 0) {
            return 0;
        }
    }
    return 1;
}

static int fill_train(struct config *c, Proctor__TrainSpec *t,
                      Proctor__DataKind kind)
{
    Proctor__Recipe *r = t->recipe;

    if (t->metric == METRIC_NONE && kind != PROCTOR__DATA_KIND__DATA_TEXT) {
        t->metric = metric_of(kind); /* of text only an exam measures */
    }
    for (size_t i = 0; i < r->n_handlers; i++) {
        Proctor__HandlerSpec *h = r->handlers[i];

        if (h->lower == TRAIN_LOWER_BY_METRIC) {
            h->lower = is_lower_better(h->metric, t->metric);
        }
    }
    if (kind == PROCTOR__DATA_KIND__DATA_NONE &&
        strcmp(r->learner->kind, "mlp") == 0) {
        return 0; /* the worker knows more */
    }
    TRY(fill_loss(c, r, kind));
    return fill_output(c, r, kind);
}

int train_kind_is_needed(const Proctor__Graph *g)
{
    for (size_t i = 0; i < g->n_tasks; i++) {
        if (g->tasks[i]->train || g->tasks[i]->holdout) {
            return 1;
        }
    }
    return 0;
}

int train_kind_fill(struct config *c, Proctor__Task **sorted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Proctor__Task *t = sorted[i];

        if (t->train) {
            TRY(fill_train(c, t->train, kind_of(sorted, n, t->train->data)));
        }
        if (t->holdout && t->holdout->metric == METRIC_NONE) {
            t->holdout->metric =
                metric_of(kind_of(sorted, n, t->holdout->split));
        }
    }
    return 0;
}
