/* Op `exam.holdout`: a trained predictor against its placebos and what it would
 * replace, row by row on held-out rows (spec: gate, trained weights; docs/data.md).
 * Every contestant answers in fresh workers; LOOK counts the look, HOLDOUT says how
 * it ended. What the trainer claims stands beside, and decides nothing. Kernel
 * process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/look.h"
#include "kernel/run/say.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

#define ALPHA 1e-4 /* spent on incumbents, of all looks at a split together */
#define PLACEBO_DECADES 4u
#define LOOKS_PER_ALPHA 1.6449340668482264 /* the sum of 1/j^2 */

enum role {
    ROLE_CANDIDATE,
    ROLE_CONSTANT,
    ROLE_TWIN,
    ROLE_INCUMBENT
};

struct contestant {
    enum role role;
    const char *name; /* the graph's */
    struct cid runnable;
    struct cid answers;
    struct holdout_losses losses;
};

struct sitting {
    struct live *live;
    struct held held;
    struct contestant *all; /* owned; the candidate first */
    size_t n;
    size_t at; /* who is asked */
};

static void sitting_free(void *state)
{
    struct sitting *s = state;

    for (size_t i = 0; s->all != NULL && i < s->n; i++) {
        holdout_losses_release(&s->all[i].losses);
    }
    free(s->all);
    held_release(&s->held);
    free(s);
}

static const Proctor__HoldoutSpec *spec_of(const struct sitting *s)
{
    return live_spec(s->live)->holdout;
}

/* Powers of ten that the evidence against that one must reach. */
static unsigned needed(enum role role, uint64_t look)
{
    return role == ROLE_INCUMBENT
               ? holdout_decades(LOOKS_PER_ALPHA * (double)look * (double)look /
                                 ALPHA) +
                     1
               : PLACEBO_DECADES;
}

/* Counts the look, unless this candidate was looked at already. */
static int count(struct sitting *s, struct look *l, uint64_t *seq)
{
    const struct contestant *c = &s->all[0];
    int is_old = look_find(&s->held, spec_of(s)->metric, &c->runnable, l, seq);

    if (is_old != 0) {
        return is_old < 0 ? is_old : 0;
    }
    holdout_judge_losses(&c->losses, l);
    return look_record(&s->held, l, &c->runnable, &c->answers, seq);
}

struct report {
    Proctor__HoldoutEvidence m;
    Proctor__Contestant *rows; /* owned */
    Proctor__Contestant **row_p;
    Proctor__TrainLog *log; /* owned; may be NULL */
};

static void report_release(struct report *r)
{
    free(r->rows);
    free(r->row_p);
    pb_free((ProtobufCMessage *)r->log);
}

/* What the trainer said of the last epoch. */
static int put_claims(struct sitting *s, struct report *r)
{
    const struct run *run = s->live->run;
    const struct task *t = &run->tasks[run_find(run, spec_of(s)->candidate)];
    CLEANUP(buf_release) struct buf b;
    struct record rec;
    struct cid log;

    if (t->spec->train == NULL || t->evidence_ref == 0) {
        return 0;
    }
    TRY(core_read_record(run->core, t->evidence_ref - 1, RECORD_TRAINED, &b,
                         &rec));
    memcpy(log.b, record_hash(&rec, RF_TRAINED_log), CID_BYTES);
    TRY(core_get_message(run->core, &log, &proctor__train_log__descriptor,
                         (ProtobufCMessage **)&r->log));
    if (r->log->n_epochs > 0) {
        const Proctor__TrainEpoch *e = r->log->epochs[r->log->n_epochs - 1];

        r->m.claims = e->claims;
        r->m.n_claims = e->n_claims;
    }
    return 0;
}

static void put_row(Proctor__Contestant *to, const struct contestant *from,
                    const double *mine, const double *other, uint32_t n)
{
    uint64_t wins;
    uint64_t losses;

    holdout_pairs(mine, other, n, &wins, &losses);
    to->role = from->role;
    to->name = (char *)(uintptr_t)from->name;
    to->decades = holdout_decades(holdout_evidence(wins, losses));
    if (from->role != ROLE_CONSTANT) {
        to->runnable = cid_field(&from->runnable);
        to->answers = cid_field(&from->answers);
    }
}

/* One row for each contestant but the candidate, the constant one first. */
static int report_make(struct sitting *s, uint64_t look, struct report *r)
{
    static const struct contestant constant = {ROLE_CONSTANT, "constant",
                                               {{0}}, {{0}}, {0}};
    const struct holdout_losses *mine = &s->all[0].losses;

    proctor__holdout_evidence__init(&r->m);
    r->rows = calloc(s->n, sizeof(*r->rows));
    r->row_p = calloc(s->n, sizeof(Proctor__Contestant *));
    if (r->rows == NULL || r->row_p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct contestant *c = i == 0 ? &constant : &s->all[i];

        proctor__contestant__init(&r->rows[i]);
        r->row_p[i] = &r->rows[i];
        put_row(&r->rows[i], c, mine->mine,
                i == 0 ? mine->placebo : c->losses.mine, mine->n);
        r->rows[i].needed = needed(c->role, look);
    }
    r->m.version = 1;
    r->m.split = cid_field(&s->held.split_cid);
    r->m.metric = spec_of(s)->metric;
    r->m.candidate = cid_field(&s->all[0].runnable);
    r->m.answers = cid_field(&s->all[0].answers);
    r->m.look = look;
    r->m.contestants = r->row_p;
    r->m.n_contestants = s->n;
    return put_claims(s, r);
}

static enum verdict decide(const struct report *r, const struct look *l,
                           char *why, size_t why_n)
{
    if (l->outcome == LOOK_VOID) {
        snprintf(why, why_n, "%s", look_words(LOOK_VOID));
        return VERDICT_VOID;
    }
    for (size_t i = 0; i < r->m.n_contestants; i++) {
        const Proctor__Contestant *c = r->m.contestants[i];

        if (c->decades < c->needed) {
            snprintf(why, why_n,
                     "not shown to be better than %s%.64s%s: evidence 10^%u of "
                     "10^%u",
                     c->role == ROLE_CONSTANT ? "a constant answer" : "\"",
                     c->role == ROLE_CONSTANT ? "" : c->name,
                     c->role == ROLE_CONSTANT ? "" : "\"", c->decades,
                     c->needed);
            return VERDICT_REJECT;
        }
    }
    why[0] = '\0';
    return VERDICT_ADMIT;
}

static int record(struct sitting *s, uint64_t look_seq, enum verdict v,
                  const struct cid *evidence, struct outcome *o)
{
    struct run *r = s->live->run;
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_HOLDOUT);
    record_set_u(&rec, RF_HOLDOUT_run, r->seq);
    record_set_str(&rec, RF_HOLDOUT_task, live_id(s->live));
    record_set_u(&rec, RF_HOLDOUT_look_ref, look_seq + 1);
    record_set_hash(&rec, RF_HOLDOUT_split, s->held.split_cid.b);
    record_set_hash(&rec, RF_HOLDOUT_candidate, s->all[0].runnable.b);
    record_set_u(&rec, RF_HOLDOUT_metric, spec_of(s)->metric);
    record_set_u(&rec, RF_HOLDOUT_verdict, v);
    record_set_hash(&rec, RF_HOLDOUT_evidence, evidence->b);
    record_set_str(&rec, RF_HOLDOUT_reason, o->reason);
    TRY(run_record(r, &rec, &seq));
    TRY(run_commit(r));
    o->evidence_ref = seq + 1;
    return 0;
}

/* All have answered: looks, compares, records, tells. */
static int judge(struct sitting *s)
{
    CLEANUP(report_release) struct report r = {0};
    struct core *c = s->live->run->core;
    struct outcome o = {.level = LEVEL_ORACLE, .result = s->all[0].runnable};
    CLEANUP(buf_release) struct buf b;
    struct record rec;
    struct cid evidence;
    struct look l;
    enum verdict v;
    uint64_t look;
    uint64_t seq;
    int code = count(s, &l, &seq);

    if (code != 0) {
        return code;
    }
    TRY(core_read_record(c, seq, RECORD_LOOK, &b, &rec));
    look = record_u(&rec, RF_LOOK_look);
    TRY(report_make(s, look, &r));
    v = decide(&r, &l, o.reason, sizeof(o.reason));
    o.passed = v == VERDICT_ADMIT;
    code = core_put_message(c, &r.m.base, &evidence);
    if (code != 0) {
        return code;
    }
    TRY(record(s, seq, v, &evidence, &o));
    say_event(c, o.evidence_ref, live_id(s->live), "",
              v == VERDICT_ADMIT ? "better than all it was held against"
                                 : o.reason);
    live_over(s->live, &o);
    return 0;
}

static int ask_next(struct sitting *s, struct diag *d);

/* Answers to losses; then the next one, or the end. */
static int took(struct sitting *s)
{
    struct contestant *c = &s->all[s->at];
    struct diag d;
    int code;

    diag_init(&d);
    code = held_losses(&s->held, spec_of(s)->metric, &c->answers, &c->losses);
    if (code == ERR_INPUT) {
        live_fail(s->live, 0, "all training outputs are the same number");
        return 0;
    }
    if (code != 0) {
        return code;
    }
    s->at++;
    code = s->at < s->n ? ask_next(s, &d) : judge(s);
    if (code < 0 && d.code != 0) {
        live_error(s->live, code, &d);
        return 0;
    }
    return code == 1 && s->live->over ? 0 : code;
}

static void on_answers(void *ctx)
{
    struct sitting *s = ctx;
    int code = took(s);

    if (code != 0) {
        live_error(s->live, code, NULL);
    }
}

static int ask_next(struct sitting *s, struct diag *d)
{
    return held_ask(&s->held, &s->all[s->at].runnable, on_answers, s, d);
}

static const struct cid *result_of(const struct sitting *s, const char *id)
{
    return &s->live->run->tasks[run_find(s->live->run, id)].result;
}

/* Candidate, twins, and what the ref leads to, unless that is the candidate. */
static int gather(struct sitting *s)
{
    const Proctor__HoldoutSpec *x = spec_of(s);
    struct contestant *c = calloc(x->n_twins + 2, sizeof(*c));
    struct cid incumbent;

    s->all = c;
    if (c == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    c[0] = (struct contestant){.role = ROLE_CANDIDATE,
                               .name = x->candidate,
                               .runnable = *result_of(s, x->candidate)};
    for (size_t i = 0; i < x->n_twins; i++) {
        c[1 + i] = (struct contestant){.role = ROLE_TWIN,
                                       .name = x->twins[i],
                                       .runnable = *result_of(s, x->twins[i])};
    }
    s->n = 1 + x->n_twins;
    if (x->incumbent[0] != '\0' &&
        fold_ref(ledger_fold(s->live->run->core->ledger), x->incumbent,
                 &incumbent) &&
        !cid_is_equal(&incumbent, &c[0].runnable)) {
        c[s->n++] = (struct contestant){.role = ROLE_INCUMBENT,
                                        .name = x->incumbent,
                                        .runnable = incumbent};
    }
    return held_open(&s->held, s->live, result_of(s, x->split));
}

static int holdout_start(struct live *l)
{
    struct sitting *s = calloc(1, sizeof(*s));
    struct look unused;
    struct diag d;
    uint64_t seq;
    int code;

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = s;
    s->live = l;
    diag_init(&d);
    code = gather(s);
    code = code ? code
                : look_find(&s->held, spec_of(s)->metric, &s->all[0].runnable,
                            &unused, &seq);
    code = code == 0 ? look_worn(&s->held, l) : code == 1 ? 0 : code;
    code = code == 0 ? ask_next(s, &d) : code;
    if (code != 0) {
        live_error(l, code, &d); /* not heard when the task is over */
    }
    return 0;
}

int op_holdout_admitted(struct core *c, uint64_t seq, struct cid *out)
{
    CLEANUP(buf_release) struct buf b;
    struct record rec;

    TRY(core_read_record(c, seq, RECORD_HOLDOUT, &b, &rec));
    memcpy(out->b, record_hash(&rec, RF_HOLDOUT_candidate), CID_BYTES);
    return record_u(&rec, RF_HOLDOUT_verdict) == VERDICT_ADMIT ? 0
                                                               : ERR_REFUSED;
}

const struct op op_holdout = {"exam.holdout", holdout_start, sitting_free};
