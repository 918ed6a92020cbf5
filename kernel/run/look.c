/* Asking about held-out inputs (look.h). LOOK is durable before anything is said.
 * Must never hand an output to a worker. Kernel process. */
#include "kernel/run/look.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/run/held_text.h"
#include "kernel/run/say.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

void held_release(struct held *h)
{
    eval_free(h->eval);
    held_text_free(h->text);
    runnable_free(h->runnable);
    values_release(&h->inputs);
    values_release(&h->backwards);
    values_release(&h->answers);
    pb_free((ProtobufCMessage *)h->split);
    *h = (struct held){0};
}

int held_open(struct held *h, struct live *live, const struct cid *split)
{
    h->live = live;
    h->split_cid = *split;
    TRY(core_get_message(live->run->core, split, &proctor__split__descriptor,
                         (ProtobufCMessage **)&h->split));
    return h->split->held_inputs.len == 0 && h->split->held_x.len > 0
               ? held_text_open(h, &h->text)
               : 0;
}

static int pick(const struct values *v, int is_backwards, const struct type *t,
                struct values *out)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    uint32_t n = values_n(v);

    TRY(values_builder_init(&w, LIMIT_HELD_BYTES));
    for (uint32_t i = 0; i < n; i++) {
        TRY(values_builder_add(&w, values_at(v, is_backwards ? n - 1 - i : i)));
    }
    return values_decode(out, values_builder_bytes(&w), t, n);
}

static void on_answers(void *ctx, struct eval *v, const struct evaluation *e);

static int ask(struct held *h, const struct values *inputs)
{
    struct eval_ask a = {.runnable = h->runnable,
                         .inputs = inputs,
                         .limits = h->live->run->policy->limits,
                         .task = live_id(h->live)};

    return eval_start(h->live->run->core, &a, on_answers, h, &h->eval);
}

/* All answers of a run. */
static int take(struct held *h, const struct values *answers)
{
    uint32_t n = values_n(answers);

    if (!h->is_again) {
        h->is_again = 1;
        TRY(pick(answers, 0, &h->runnable->gives, &h->answers));
        if (values_n(&h->backwards) == 0) {
            TRY(pick(&h->inputs, 1, &h->runnable->takes, &h->backwards));
        }
        return ask(h, &h->backwards);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (values_compare(values_at(answers, i),
                           values_at(&h->answers, n - 1 - i)) != 0) {
            live_fail(h->live, 0,
                      "not deterministic: another answer when asked again");
            return 0;
        }
    }
    h->done(h->ctx);
    return 0;
}

static void on_answers(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct held *h = ctx;
    int code = 0;

    h->eval = NULL;
    if (e->complete) {
        code = take(h, &e->answers);
    } else {
        if (eval_text(v)[0] != '\0') {
            say_quote(h->live->run->core, live_id(h->live), eval_text(v));
        }
        live_fail(h->live, e->outside ? eval_code(v) : 0,
                  "answered %u of %u held-out inputs: it %s",
                  values_n(&e->answers), values_n(&h->inputs), e->ending);
    }
    eval_free(v);
    if (code != 0) {
        live_error(h->live, code, NULL);
    }
}

/* A candidate that holds the data set's very bytes needs no learning. */
static int holds_data(const struct held *h)
{
    for (size_t i = 0; i < h->runnable->m->n_files; i++) {
        const Proctor__Artifact *a = h->runnable->m->files[i];

        if (a->cid.len == h->split->file.len &&
            memcmp(a->cid.data, h->split->file.data, a->cid.len) == 0) {
            live_fail(h->live, 0,
                      "the candidate holds the data set itself: \"%.64s\"",
                      a->name);
            return 1;
        }
    }
    return 0;
}

int held_ask(struct held *h, const struct cid *runnable, void (*done)(void *ctx),
             void *ctx, struct diag *d)
{
    struct core *c = h->live->run->core;
    struct cid inputs;

    runnable_free(h->runnable);
    h->runnable = NULL;
    values_release(&h->answers);
    h->is_again = 0;
    h->done = done;
    h->ctx = ctx;
    TRY(runnable_load(c, runnable, &h->runnable, d));
    if (holds_data(h)) {
        return 1;
    }
    if (h->text != NULL) {
        return held_text_ask(h->text);
    }
    if (values_n(&h->inputs) == 0) {
        TRY(cid_from_field(&h->split->held_inputs, &inputs));
        TRY(core_get_values(c, &inputs, &h->runnable->takes, &h->inputs));
    }
    return ask(h, &h->inputs);
}

static int load_values(const struct held *h, const ProtobufCBinaryData *field,
                       struct values *out)
{
    struct cid id;

    TRY(cid_from_field(field, &id));
    return core_get_values(h->live->run->core, &id, &h->runnable->gives, out);
}

static int put_answers(const struct held *h, struct cid *out)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};

    TRY(values_builder_init(&w, LIMIT_HELD_BYTES));
    TRY(values_builder_add_all(&w, &h->answers, 0, values_n(&h->answers)));
    return core_put(h->live->run->core, values_builder_bytes(&w), out);
}

int held_losses(const struct held *h, unsigned metric, struct cid *answers,
                struct holdout_losses *out)
{
    CLEANUP(values_release) struct values train = {0};
    CLEANUP(values_release) struct values held = {0};
    int code;

    if (h->text != NULL) {
        code = core_put(h->live->run->core, held_text_answers(h->text), answers);
        return code != 0 ? code : held_text_losses(h->text, out);
    }
    code = put_answers(h, answers);
    if (code != 0) {
        return code;
    }
    TRY(load_values(h, &h->split->train_outputs, &train));
    TRY(load_values(h, &h->split->held_outputs, &held));
    if (values_n(&held) != values_n(&h->answers)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    return holdout_losses_of(metric, &h->runnable->gives, &train, &held,
                             &h->answers, out);
}

/* Reads outcome and loss of a LOOK. */
static int read_look(const struct held *h, uint64_t seq, struct look *out)
{
    CLEANUP(buf_release) struct buf b;
    struct record rec;

    TRY(core_read_record(h->live->run->core, seq, RECORD_LOOK, &b, &rec));
    out->outcome = (enum look_outcome)record_u(&rec, RF_LOOK_outcome);
    out->best = (uint32_t)record_u(&rec, RF_LOOK_loss);
    return 0;
}

int look_find(const struct held *h, unsigned metric, const struct cid *candidate,
              struct look *l, uint64_t *seq)
{
    const struct fold *f = ledger_fold(h->live->run->core->ledger);
    int is_old = fold_look(f, &h->split_cid, metric, candidate, seq);

    *l = (struct look){.metric = metric,
                       .distinct = h->split->held_distinct,
                       .best = UINT32_MAX};
    if (is_old || fold_look(f, &h->split_cid, metric, NULL, seq)) {
        TRY(read_look(h, *seq, l));
    }
    return is_old;
}

int look_worn(const struct held *h, struct live *live)
{
    const struct fold *f = ledger_fold(live->run->core->ledger);
    uint32_t limit = h->split->held_distinct;

    if (fold_looks(f, &h->split_cid) < limit) {
        return 0;
    }
    live_fail(live, 0,
              "worn: %u looks at as many distinct held-out inputs; what is "
              "left to learn is noise; split other data",
              limit);
    return 1;
}

int look_record(const struct held *h, const struct look *l,
                const struct cid *candidate, const struct cid *answers,
                uint64_t *out_seq)
{
    const struct run *r = h->live->run;
    const struct fold *f = ledger_fold(r->core->ledger);
    struct record rec;
    struct cid file;
    uint64_t split_seq;

    TRY(cid_from_field(&h->split->file, &file));
    fold_split(f, &file, &split_seq);
    record_init(&rec, RECORD_LOOK);
    record_set_u(&rec, RF_LOOK_run, r->seq);
    record_set_str(&rec, RF_LOOK_task, live_id(h->live));
    record_set_u(&rec, RF_LOOK_split_seq, split_seq);
    record_set_hash(&rec, RF_LOOK_split, h->split_cid.b);
    record_set_hash(&rec, RF_LOOK_candidate, candidate->b);
    record_set_hash(&rec, RF_LOOK_answers, answers->b);
    record_set_u(&rec, RF_LOOK_metric, l->metric);
    record_set_u(&rec, RF_LOOK_look, fold_looks(f, &h->split_cid) + 1);
    record_set_u(&rec, RF_LOOK_limit, l->distinct);
    record_set_u(&rec, RF_LOOK_outcome, l->outcome);
    record_set_u(&rec, RF_LOOK_grid, l->grid);
    record_set_u(&rec, RF_LOOK_placebo, l->placebo);
    record_set_u(&rec, RF_LOOK_best, l->best);
    record_set_u(&rec, RF_LOOK_loss, l->loss);
    record_set_f64(&rec, RF_LOOK_scale, l->scale);
    record_set_u(&rec, RF_LOOK_decades, l->decades);
    return ledger_append(r->core->ledger, &rec, out_seq, NULL);
}

const char *look_words(enum look_outcome o)
{
    static const char *const words[] = {
        [LOOK_BETTER] = "better than the best",
        [LOOK_NOT_BETTER] = "not better than the best",
        [LOOK_VOID] = "void: as good on outputs of other rows"};

    return (size_t)o < ARRAY_N(words) && words[o] != NULL ? words[o] : "";
}
