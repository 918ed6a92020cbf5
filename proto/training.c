/* See training.h. Nothing here reads, writes or asks. */
#include "proto/training.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

#include "proto/err.h"
#include "proto/little.h"
#include "proto/record.h"
#include "proto/type.h"

enum {
    EPOCHS_OF_ONE_ANSWER = 65536,
    CLAIMS = 64,
    NAME_BYTES = 64,
    NOTES = 256,
    NOTE_BYTES = 512
};

/* Of the form that the kernel reads; what a recipe means is for its worker. */
static const char *form_problem(const Proctor__TrainSpec *x)
{
    const Proctor__Recipe *r = x->recipe;

    if (!r || r->version != 1 || !r->learner || r->epochs == 0) {
        return "expected a model and at least one epoch";
    }
    if (!isfinite(x->validation) || x->validation < 0 || x->validation > 0.9 ||
        x->folds == 1 || x->folds > LIMIT_FOLDS ||
        (x->folds > 0) != (x->fold > 0) || x->fold > x->folds ||
        (x->folds > 0 && x->validation > 0)) {
        return "expected a validation share of at most 0.9, or a fold of 2 to "
               "1024 folds";
    }
    if ((unsigned)x->result > PROCTOR__TRAIN_RESULT__RESULT_AVERAGE ||
        (unsigned)x->twin > PROCTOR__TRAIN_TWIN__TWIN_WEIGHTS ||
        x->keep > LIMIT_COMBINED || x->metric >= METRIC_N_ ||
        (x->result == PROCTOR__TRAIN_RESULT__RESULT_AVERAGE && x->keep < 2)) {
        return "expected a known metric and twin, and result last, best, or an "
               "average of 2 to 16";
    }
    return NULL;
}

const char *training_spec_problem(const Proctor__TrainSpec *x, int is_drawn,
                                  unsigned kind)
{
    int is_checked = x->validation > 0 || x->folds > 0;
    const char *problem = form_problem(x);

    if (problem != NULL) {
        return problem;
    }
    if (!is_checked && x->result == PROCTOR__TRAIN_RESULT__RESULT_BEST) {
        return "the best is found on rows of validation or fold: name some";
    }
    if (is_checked && !is_drawn) {
        return "validation and fold need a data.split, which draws the order of "
               "the rows";
    }
    if (is_checked && (kind == PROCTOR__DATA_KIND__DATA_TEXT ||
                       x->metric == METRIC_LOG_LOSS)) {
        return "text is measured by its exam, not while it trains";
    }
    if (is_checked && x->metric > METRIC_SQUARED_ERROR) {
        return "rows are measured by accuracy, absolute or squared errors";
    }
    if (is_checked && kind != 0 && x->metric != METRIC_NONE &&
        (x->metric == METRIC_ACCURACY) !=
            (kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION)) {
        return "accuracy is for classes, errors are for numbers";
    }
    return NULL;
}

static uint64_t prediction_bytes(const Proctor__Training *m, uint32_t outputs)
{
    uint64_t n;

    return __builtin_mul_overflow(m->checked_rows, (uint64_t)outputs * 4, &n)
               ? UINT64_MAX
               : n;
}

const char *training_plan_problem(const Proctor__Training *m,
                                  const Proctor__TrainReady *p,
                                  uint64_t state_step)
{
    if (p == NULL) {
        return "it told no plan";
    }
    if (p->area_bytes == 0 || p->area_bytes > LIMIT_WEIGHTS_FILE_BYTES ||
        prediction_bytes(m, p->outputs) > p->area_bytes) {
        return "an area that cannot be";
    }
    if (p->steps > p->steps_all || (m->checked_rows > 0 && p->outputs == 0)) {
        return "counts that cannot be";
    }
    return p->step != state_step ? "another step than that of its state" : NULL;
}

const char *training_same_plan(const Proctor__TrainReady *p,
                               const Proctor__TrainReady *o)
{
    return o == NULL || o->area_bytes != p->area_bytes ||
                   o->parameters != p->parameters ||
                   o->steps_all != p->steps_all || o->step != p->step ||
                   o->outputs != p->outputs
               ? "another plan than the first worker"
               : NULL;
}

static int is_part(const Proctor__AreaPart *p, uint64_t area_bytes)
{
    return p == NULL ||
           (p->offset <= area_bytes && p->bytes <= area_bytes - p->offset);
}

static uint64_t part_bytes(const Proctor__AreaPart *p)
{
    return p == NULL ? 0 : p->bytes;
}

static const char *epochs_problem(const struct training_turn *t,
                                  const Proctor__TrainDone *d)
{
    uint32_t epoch = t->listed;
    uint64_t step = t->step;

    if (d->n_epochs > EPOCHS_OF_ONE_ANSWER || d->n_notes > NOTES) {
        return "more than an answer may hold";
    }
    for (size_t i = 0; i < d->n_notes; i++) {
        if (strlen(d->notes[i]) > NOTE_BYTES) {
            return "more than an answer may hold";
        }
    }
    for (size_t i = 0; i < d->n_epochs; i++) {
        const Proctor__TrainEpoch *e = d->epochs[i];

        if (e->epoch <= epoch || e->epoch > t->m->recipe->epochs ||
            e->step < step || e->step > d->step) {
            return "epochs that go backwards";
        }
        if (!is_part(e->weights, t->plan->area_bytes)) {
            return "a part outside of its area";
        }
        if (e->has_measured || e->measured != 0 || e->n_claims > CLAIMS) {
            return "a measure, or more claims than there may be";
        }
        for (size_t k = 0; k < e->n_claims; k++) {
            if (strlen(e->claims[k]->name) > NAME_BYTES) {
                return "a claim without a proper name";
            }
        }
        epoch = e->epoch;
        step = e->step;
    }
    return NULL;
}

const char *training_done_problem(const struct training_turn *t,
                                  const Proctor__TrainDone *d)
{
    uint64_t most = t->steps < UINT64_MAX - t->step ? t->step + t->steps
                                                    : UINT64_MAX;
    int is_epoch = d->at == PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH;

    if (d->id != t->id || d->at > PROCTOR__TRAIN_AT__TRAIN_AT_FAILED ||
        (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_FAILED) != (d->problem != NULL) ||
        (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE && t->workers < 2)) {
        return "an answer to something else";
    }
    if (d->step < t->step || d->epoch < t->epoch ||
        d->epoch > t->m->recipe->epochs) {
        return "steps that go backwards";
    }
    if (d->step > most || d->step > t->plan->steps_all) {
        return "more steps than were allowed";
    }
    if (!is_part(d->state, t->plan->area_bytes) ||
        !is_part(d->weights, t->plan->area_bytes) ||
        !is_part(d->predictions, t->plan->area_bytes)) {
        return "a part outside of its area";
    }
    if (part_bytes(d->predictions) !=
            (is_epoch ? prediction_bytes(t->m, t->plan->outputs) : 0) ||
        (is_epoch && (t->m->checked_rows == 0 || d->n_epochs == 0 ||
                      d->epochs[d->n_epochs - 1]->step != d->step))) {
        return "predictions that were not asked for";
    }
    if (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_END &&
        part_bytes(d->weights) == 0) {
        return "an end without weights";
    }
    if (t->saves && part_bytes(d->state) == 0 &&
        d->at != PROCTOR__TRAIN_AT__TRAIN_AT_FAILED) {
        return "no state where one was asked for";
    }
    return epochs_problem(t, d);
}

const char *training_other_problem(const Proctor__TrainDone *first,
                                   const Proctor__TrainDone *d)
{
    if (d->id != first->id || d->at != first->at || d->step != first->step ||
        d->epoch != first->epoch) {
        return "another place than the first worker's";
    }
    return d->n_epochs > 0 || part_bytes(d->state) > 0 ||
                   part_bytes(d->weights) > 0 || part_bytes(d->predictions) > 0
               ? "what is the first worker's to say"
               : NULL;
}

int training_types(unsigned kind, struct ubytes *out_takes,
                   struct ubytes *out_gives)
{
    static const uint8_t numbers[] = {TYPE_TUPLE, 1, TYPE_LIST, TYPE_FLOAT, 4};
    static const uint8_t tokens[] = {TYPE_TUPLE, 1, TYPE_LIST, TYPE_INT,
                                     TYPE_UNSIGNED | 4};
    static const uint8_t label[] = {TYPE_INT, TYPE_UNSIGNED | 4};
    static const uint8_t number[] = {TYPE_FLOAT, 4};
    static const uint8_t scores[] = {TYPE_LIST, TYPE_FLOAT, 4};

    switch (kind) {
    case PROCTOR__DATA_KIND__DATA_REGRESSION:
        *out_takes = (struct ubytes){numbers, sizeof(numbers)};
        *out_gives = (struct ubytes){number, sizeof(number)};
        return 1;
    case PROCTOR__DATA_KIND__DATA_CLASSIFICATION:
        *out_takes = (struct ubytes){numbers, sizeof(numbers)};
        *out_gives = (struct ubytes){label, sizeof(label)};
        return 1;
    case PROCTOR__DATA_KIND__DATA_TEXT:
        *out_takes = (struct ubytes){tokens, sizeof(tokens)};
        *out_gives = (struct ubytes){scores, sizeof(scores)};
        return 1;
    default:
        return 0;
    }
}

void training_checked(const Proctor__TrainSpec *x, uint64_t n, uint64_t *from,
                      uint64_t *rows)
{
    if (x->folds > 0) {
        *from = n * (x->fold - 1) / x->folds;
        *rows = n * x->fold / x->folds - *from;
    } else {
        *rows = (uint64_t)(x->validation * (double)n + 0.5);
        *from = n - *rows;
    }
}

static int is_right(struct ubytes predictions, uint64_t row, uint32_t outputs,
                    struct ubytes labels)
{
    uint64_t at = row * outputs;
    uint32_t best = 0;
    uint32_t label = little_u32(labels.p, row);

    if (outputs == 1) {
        return (little_f32(predictions.p, at) >= 0.5f) == label;
    }
    for (uint32_t i = 1; i < outputs; i++) {
        if (little_f32(predictions.p, at + i) > little_f32(predictions.p, at + best)) {
            best = i;
        }
    }
    return best == label;
}

static double error_of(unsigned metric, struct ubytes predictions, uint64_t row,
                       struct ubytes labels)
{
    double x = (double)little_f32(predictions.p, row) -
               little_f64(labels.p, row);

    return metric == METRIC_SQUARED_ERROR ? x * x : x < 0 ? -x : x;
}

int training_measure(unsigned metric, struct ubytes predictions,
                     struct ubytes labels, uint64_t rows, double *out)
{
    int is_classes = metric == METRIC_ACCURACY;
    uint64_t outputs = rows == 0 ? 0 : predictions.n / 4 / rows;
    double sum = 0;

    if (outputs == 0 || outputs > UINT32_MAX ||
        predictions.n != rows * outputs * 4 ||
        labels.n != rows * (is_classes ? 4 : 8) || (!is_classes && outputs != 1)) {
        return ERR_INPUT;
    }
    for (uint64_t i = 0; i < rows * outputs; i++) {
        if (!isfinite(little_f32(predictions.p, i))) {
            return ERR_INPUT;
        }
    }
    for (uint64_t i = 0; i < rows; i++) {
        sum += is_classes ? is_right(predictions, i, (uint32_t)outputs, labels)
                          : error_of(metric, predictions, i, labels);
    }
    *out = sum / (double)rows;
    return isfinite(*out) ? 0 : ERR_INPUT;
}

int training_is_better(unsigned metric, double a, double b)
{
    return metric == METRIC_ACCURACY ? a > b : a < b;
}

/* Numbers below n, each as likely as any other. */
struct draws {
    uint64_t v[512];
    size_t left;
    uint64_t block;
    const uint8_t *seed;
};

static uint64_t draw_below(struct draws *d, uint64_t n)
{
    for (;;) {
        uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
        uint64_t v;

        if (d->left == 0) {
            memcpy(nonce, &d->block, sizeof(d->block));
            d->block++;
            (void)crypto_stream_chacha20((uint8_t *)d->v, sizeof(d->v), nonce,
                                         d->seed);
            d->left = ARRAY_N(d->v);
        }
        v = d->v[--d->left];
        if (v < UINT64_MAX - UINT64_MAX % n) {
            return v % n;
        }
    }
}

void training_shuffle(uint8_t *p, uint64_t n, size_t bytes,
                      const uint8_t seed[static 32])
{
    struct draws d = {.seed = seed};
    uint8_t keep[8];

    ASSERT(bytes <= sizeof(keep));
    for (uint64_t i = n; i > 1; i--) {
        uint64_t k = draw_below(&d, i);

        memcpy(keep, p + (i - 1) * bytes, bytes);
        memmove(p + (i - 1) * bytes, p + k * bytes, bytes);
        memcpy(p + k * bytes, keep, bytes);
    }
}

void training_keep(struct training_kept *v, size_t *n, size_t most,
                   unsigned metric, const struct training_kept *k)
{
    size_t at = 0;

    for (size_t i = 0; i < *n; i++) {
        if (v[i].epoch == k->epoch) {
            return;
        }
        at += metric != 0 ? !training_is_better(metric, k->measured,
                                                v[i].measured)
                          : v[i].epoch > k->epoch;
    }
    if (at >= most) {
        return;
    }
    *n = *n < most ? *n + 1 : most;
    memmove(v + at + 1, v + at, (*n - 1 - at) * sizeof(*v));
    v[at] = *k;
}
