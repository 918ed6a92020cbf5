/* Op `score`: one look at a held-out part. The candidate answers held-out
 * inputs in fresh workers, twice, the second time backwards; the kernel compares
 * with outputs that no worker was sent. LOOK is durable before anything is said,
 * and says no more than the Ladder lets it; the same candidate gets its old
 * answer. Kernel process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/eval.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/store/fold.h"
#include "proto/err.h"
#include "proto/holdout.h"

struct score {
    struct live *live;
    struct cid candidate;
    struct cid split_cid;
    Proctor__Split *split; /* owned */
    struct runnable *runnable;
    struct eval *eval;
    struct values inputs;
    struct values backwards; /* the same, last first */
    struct values answers;   /* of the first run */
    int is_again;
};

static void score_free(void *state)
{
    struct score *s = state;

    eval_free(s->eval);
    runnable_free(s->runnable);
    values_release(&s->inputs);
    values_release(&s->backwards);
    values_release(&s->answers);
    pb_free((ProtobufCMessage *)s->split);
    free(s);
}

/* The task's end, by its LOOK, which holds the numbers. */
static void tell(struct score *s, unsigned outcome, uint64_t seq)
{
    static const char *const words[] = {
        [LOOK_BETTER] = "better than the best",
        [LOOK_NOT_BETTER] = "not better than the best",
        [LOOK_VOID] = "void: as good on outputs of other rows"};
    struct outcome o = {.passed = outcome == LOOK_BETTER,
                        .level = LEVEL_PROPERTY,
                        .result = s->candidate,
                        .evidence_ref = seq + 1};

    snprintf(o.reason, sizeof(o.reason), "%s: proctor show %llu",
             outcome < ARRAY_N(words) ? words[outcome] : "",
             (unsigned long long)seq);
    say_event(s->live->run->core, seq + 1, live_id(s->live), "", o.reason);
    live_over(s->live, &o);
}

/* Reads outcome and loss of a LOOK. */
static int read_look(const struct score *s, uint64_t seq, struct look *out)
{
    CLEANUP(buf_release) struct buf b;
    struct record rec;

    TRY(core_read_record(s->live->run->core, seq, RECORD_LOOK, &b, &rec));
    out->outcome = (enum look_outcome)record_u(&rec, RF_LOOK_outcome);
    out->best = (uint32_t)record_u(&rec, RF_LOOK_loss);
    return 0;
}

/* Ends the task when this candidate was looked at already, or nothing may look
 * any more: then 1. *l gets what the next look must beat. */
static int check_look(struct score *s, struct look *l)
{
    const struct fold *f = ledger_fold(s->live->run->core->ledger);
    uint64_t seq;

    *l = (struct look){.metric = live_spec(s->live)->score->metric,
                       .distinct = s->split->held_distinct,
                       .best = UINT32_MAX};
    if (fold_look(f, &s->split_cid, l->metric, &s->candidate, &seq)) {
        TRY(read_look(s, seq, l));
        tell(s, l->outcome, seq);
        return 1;
    }
    if (fold_looks(f, &s->split_cid) >= l->distinct) {
        live_fail(s->live, 0,
                  "worn: %u looks at as many distinct held-out inputs; what is "
                  "left to learn is noise; split other data",
                  l->distinct);
        return 1;
    }
    return fold_look(f, &s->split_cid, l->metric, NULL, &seq)
               ? read_look(s, seq, l)
               : 0;
}

static int record_look(struct score *s, const struct look *l,
                       const struct cid *answers, uint64_t *out_seq)
{
    const struct run *r = s->live->run;
    const struct fold *f = ledger_fold(r->core->ledger);
    struct record rec;
    struct cid file;
    uint64_t split_seq;

    TRY(cid_from_field(&s->split->file, &file));
    fold_split(f, &file, &split_seq);
    record_init(&rec, RECORD_LOOK);
    record_set_u(&rec, RF_LOOK_run, r->seq);
    record_set_str(&rec, RF_LOOK_task, live_id(s->live));
    record_set_u(&rec, RF_LOOK_split_seq, split_seq);
    record_set_hash(&rec, RF_LOOK_split, s->split_cid.b);
    record_set_hash(&rec, RF_LOOK_candidate, s->candidate.b);
    record_set_hash(&rec, RF_LOOK_answers, answers->b);
    record_set_u(&rec, RF_LOOK_metric, l->metric);
    record_set_u(&rec, RF_LOOK_look, fold_looks(f, &s->split_cid) + 1);
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

static int load_values(struct score *s, const ProtobufCBinaryData *field,
                       const struct type *t, struct values *out)
{
    struct cid id;

    TRY(cid_from_field(field, &id));
    return core_get_values(s->live->run->core, &id, t, out);
}

/* Compares, records, tells, in this order. */
static int judge(struct score *s)
{
    CLEANUP(values_release) struct values train = {0};
    CLEANUP(values_release) struct values held = {0};
    CLEANUP(values_builder_release) struct values_builder w = {0};
    const struct type *gives = &s->runnable->gives;
    uint32_t n = values_n(&s->answers);
    struct cid answers;
    struct look l;
    uint64_t seq;
    int code = check_look(s, &l); /* others looked meanwhile */

    if (code != 0) {
        return code < 0 ? code : 0;
    }
    TRY(load_values(s, &s->split->train_outputs, gives, &train));
    TRY(load_values(s, &s->split->held_outputs, gives, &held));
    TRY(values_builder_init(&w, LIMIT_HELD_BYTES));
    TRY(values_builder_add_all(&w, &s->answers, 0, n));
    code = core_put(s->live->run->core, values_builder_bytes(&w), &answers);
    if (code != 0 || n != values_n(&held)) {
        return code != 0 ? code : ERR_TRACE(ERR_STORE_DAMAGED);
    }
    code = holdout_judge(gives, &train, &held, &s->answers, &l);
    if (code == ERR_INPUT) {
        live_fail(s->live, 0, "all training outputs are the same number");
        return 0;
    }
    TRY(code);
    TRY(record_look(s, &l, &answers, &seq));
    tell(s, l.outcome, seq);
    return 0;
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

static int ask(struct score *s, const struct values *inputs)
{
    struct eval_ask a = {.runnable = s->runnable,
                         .inputs = inputs,
                         .limits = s->live->run->policy->limits,
                         .task = live_id(s->live)};

    return eval_start(s->live->run->core, &a, on_answers, s, &s->eval);
}

/* All answers of a run. */
static int take(struct score *s, const struct values *answers)
{
    uint32_t n = values_n(answers);

    if (!s->is_again) {
        s->is_again = 1;
        TRY(pick(answers, 0, &s->runnable->gives, &s->answers));
        TRY(pick(&s->inputs, 1, &s->runnable->takes, &s->backwards));
        return ask(s, &s->backwards);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (values_compare(values_at(answers, i),
                           values_at(&s->answers, n - 1 - i)) != 0) {
            live_fail(s->live, 0,
                      "not deterministic: another answer when asked again");
            return 0;
        }
    }
    return judge(s);
}

static void on_answers(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct score *s = ctx;
    int code = 0;

    s->eval = NULL;
    if (e->complete) {
        code = take(s, &e->answers);
    } else {
        if (eval_text(v)[0] != '\0') {
            say_quote(s->live->run->core, live_id(s->live), eval_text(v));
        }
        live_fail(s->live, e->outside ? eval_code(v) : 0,
                  "answered %u of %u held-out inputs: it %s",
                  values_n(&e->answers), values_n(&s->inputs), e->ending);
    }
    eval_free(v);
    if (code != 0) {
        live_error(s->live, code, NULL);
    }
}

/* Candidate and split among the needs, with what they stand for. */
static int load(struct score *s, struct diag *d)
{
    const Proctor__Task *spec = live_spec(s->live);
    struct core *c = s->live->run->core;
    struct ubytes unused;

    for (size_t i = 0; i < spec->n_needs; i++) {
        const struct task *t =
            &s->live->run->tasks[run_find(s->live->run, spec->needs[i])];

        if (t->spec->split != NULL) {
            s->split_cid = t->result;
        } else if (admission_types(&s->live->run->admission,
                                   s->live->run->graph, t->spec, &unused,
                                   &unused)) {
            s->candidate = t->result;
        }
    }
    TRY(core_get_message(c, &s->split_cid, &proctor__split__descriptor,
                         (ProtobufCMessage **)&s->split));
    TRY(runnable_load(c, &s->candidate, &s->runnable, d));
    for (size_t i = 0; i < s->runnable->m->n_files; i++) {
        const Proctor__Artifact *a = s->runnable->m->files[i];

        if (a->cid.len == s->split->file.len &&
            memcmp(a->cid.data, s->split->file.data, a->cid.len) == 0) {
            live_fail(s->live, 0,
                      "the candidate holds the data set itself: \"%.64s\"",
                      a->name);
            return 1;
        }
    }
    return load_values(s, &s->split->held_inputs, &s->runnable->takes,
                       &s->inputs);
}

static int score_start(struct live *l)
{
    struct score *s = calloc(1, sizeof(*s));
    struct look unused;
    struct diag d;
    int code;

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = s;
    s->live = l;
    diag_init(&d);
    code = load(s, &d);
    code = code == 0 ? check_look(s, &unused) : code;
    code = code == 0 ? ask(s, &s->inputs) : code;
    if (code != 0) {
        live_error(l, code, &d); /* not heard when the task is over */
    }
    return 0;
}

const struct op op_score = {"score", score_start, score_free};
