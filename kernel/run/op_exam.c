/* Op `exam`: holds an exam and records it. COMMIT is durable before its seed is
 * revealed, DRAW before an input is drawn, VERDICT before the task ends. A known
 * verdict is returned, never re-rolled. Kernel process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/data.h"
#include "kernel/run/exam_object.h"
#include "kernel/run/examine.h"
#include "kernel/run/runnable.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/run/verdict.h"
#include "kernel/store/fold.h"
#include "kernel/store/store.h"
#include "proto/err.h"

struct op_exam {
    struct live *live;
    struct cid exam;
    struct cid candidate;
    struct cid identity;   /* zero: the candidate's own CID */
    struct cid literals;   /* of its files; zero: none */
    struct runnable *files;     /* owned; while its files are read */
    struct config_job *reading; /* owned; the worker that reads them */
    struct examine *examine;
    int drawn;
    uint64_t commit_seq;
    struct merkle_hash commit_hash;
    uint8_t seed[32];
};

static void op_exam_free(void *state)
{
    struct op_exam *x = state;

    config_free(x->reading);
    runnable_free(x->files);
    examine_free(x->examine);
    free(x);
}

static int exam_commit(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                       uint8_t out_seed[static 32])
{
    struct op_exam *x = ctx;
    struct run *r = x->live->run;
    struct ledger *l = r->core->ledger;
    struct record rec;
    uint8_t secret[32];
    uint64_t seed_i;
    uint64_t seq;

    if (budget_charge(&r->core->budget, BUDGET_DRAWS, draws) != 0) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(ledger_next_seed(l, &seed_i));
    record_init(&rec, RECORD_COMMIT);
    record_set_u(&rec, RF_COMMIT_run, r->seq);
    record_set_str(&rec, RF_COMMIT_task, live_id(x->live));
    record_set_hash(&rec, RF_COMMIT_exam, x->exam.b);
    record_set_hash(&rec, RF_COMMIT_candidate, x->candidate.b);
    record_set_hash(&rec, RF_COMMIT_kernel, r->core->kernel.b);
    record_set_u(&rec, RF_COMMIT_j, j);
    record_set_f64(&rec, RF_COMMIT_alpha_j, alpha_j);
    record_set_u(&rec, RF_COMMIT_draws, draws);
    record_set_u(&rec, RF_COMMIT_seed_i, seed_i);
    record_set_hash(&rec, RF_COMMIT_literals, x->literals.b);
    TRY(ledger_append(l, &rec, &x->commit_seq, &x->commit_hash));
    TRY(ledger_reveal_seed(l, seed_i, secret));
    verdict_seed(secret, &x->commit_hash, x->seed);
    record_init(&rec, RECORD_DRAW);
    record_set_u(&rec, RF_DRAW_commit, x->commit_seq);
    record_set_hash(&rec, RF_DRAW_commit_hash, x->commit_hash.b);
    record_set_hash(&rec, RF_DRAW_seed_secret, secret);
    record_set_hash(&rec, RF_DRAW_seed, x->seed);
    TRY(ledger_append(l, &rec, &seq, NULL));
    memcpy(out_seed, x->seed, sizeof(x->seed));
    x->drawn = 1;
    return 0;
}

static int commit(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                  uint8_t out_seed[static 32])
{
    struct op_exam *x = ctx;
    int code = exam_commit(x, j, alpha_j, draws, out_seed);

    if (code < 0 && code != ERR_LIMIT && code != ERR_SEEDS) {
        core_fatal(x->live->run->core, code);
    }
    return code;
}

static void progress(void *ctx, const char *phase, uint64_t done,
                     uint64_t total)
{
    struct op_exam *x = ctx;

    say_progress(x->live->run->core, live_id(x->live), phase, done, total);
}

/* The objects of a verdict; zero CIDs where there is none. */
struct verdict_objects {
    struct cid evidence;
    struct cid burnt;
};

static int put_objects(struct op_exam *x, const Proctor__Evidence *e,
                       struct verdict_objects *out)
{
    const Proctor__Counterexample *burnt = verdict_burnt(e, x->drawn);
    int code = core_put_message(x->live->run->core, &e->base, &out->evidence);

    if (code == 0 && burnt != NULL) {
        code = core_put_message(x->live->run->core, &burnt->base, &out->burnt);
    }
    return code;
}

static int record_verdict(struct op_exam *x, const Proctor__Evidence *e,
                          const struct verdict_objects *o, uint64_t cpu_ms,
                          uint64_t *out_seq)
{
    struct run *r = x->live->run;
    struct record rec;
    uint8_t proof[32];

    verdict_proof(&x->candidate, &x->exam, x->seed, e, proof);
    record_init(&rec, RECORD_VERDICT);
    record_set_u(&rec, RF_VERDICT_run, r->seq);
    record_set_str(&rec, RF_VERDICT_task, live_id(x->live));
    record_set_u(&rec, RF_VERDICT_commit, x->commit_seq);
    record_set_hash(&rec, RF_VERDICT_commit_hash, x->commit_hash.b);
    record_set_hash(&rec, RF_VERDICT_exam, x->exam.b);
    record_set_hash(&rec, RF_VERDICT_candidate, x->candidate.b);
    record_set_u(&rec, RF_VERDICT_verdict, e->verdict);
    record_set_u(&rec, RF_VERDICT_level, e->level);
    record_set_hash(&rec, RF_VERDICT_evidence, o->evidence.b);
    record_set_hash(&rec, RF_VERDICT_burnt, o->burnt.b);
    record_set_hash(&rec, RF_VERDICT_proof, proof);
    record_set_str(&rec, RF_VERDICT_reason, e->reason);
    record_set_u(&rec, RF_VERDICT_cpu_ms, cpu_ms);
    record_set_hash(&rec, RF_VERDICT_identity, x->identity.b);
    TRY(run_record(r, &rec, out_seq));
    return run_commit(r);
}

static void verdict_outcome(struct op_exam *x, unsigned verdict, unsigned level,
                            const struct cid *evidence, uint64_t seq,
                            const char *reason)
{
    struct outcome o = {.passed = verdict == VERDICT_ADMIT,
                        .level = (enum level)level,
                        .result = *evidence,
                        .evidence_ref = seq + 1};

    snprintf(o.reason, sizeof(o.reason), "%s%s%s",
             o.passed ? "" : verdict_name(verdict),
             o.passed || reason[0] == '\0' ? "" : ": ", reason);
    live_over(x->live, &o);
}

static void done(void *ctx, int code, const char *what,
                 const Proctor__Evidence *e, uint64_t cpu_ms)
{
    struct op_exam *x = ctx;
    struct run *r = x->live->run;
    struct verdict_objects objects = {0};
    char text[320];
    uint64_t seq;

    if (r->core->fatal != 0) {
        return;
    }
    if (code < 0) {
        live_fail(x->live, code, "no verdict: %s", what);
        return;
    }
    code = put_objects(x, e, &objects);
    if (code > 0) {
        live_fail(x->live, ERR_REFUSED, "no verdict: budgets.bytes is used up");
        return;
    }
    if (code < 0) {
        core_fatal(r->core, code);
        return;
    }
    if (record_verdict(x, e, &objects, cpu_ms, &seq) < 0) {
        return;
    }
    snprintf(text, sizeof(text), "verdict %s: %s", verdict_name(e->verdict),
             e->reason);
    say_event(r->core, seq + 1, live_id(x->live), "", text);
    verdict_outcome(x, e->verdict, e->level, &objects.evidence, seq,
                    e->verdict == VERDICT_ADMIT ? "" : e->reason);
}

/* Whether the evidence that a recorded verdict stands on is there and whole. A
 * verdict without it counts for nothing (rule 1). */
static int evidence_is_whole(struct core *c, const struct cid *evidence)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_FRAME_BYTES);
    return store_get(c->store, evidence, &b) == 0;
}

/* A verdict that stands is returned as it stands. VOID and INCONCLUSIVE said
 * nothing about the candidate: it may try again, as the next j. */
static int known(struct op_exam *x)
{
    struct core *c = x->live->run->core;
    struct fold_verdict v;
    struct record rec;
    struct cid evidence;
    char reason[160];
    char text[256];
    CLEANUP(buf_release) struct buf b = {0};

    if (!fold_verdict(ledger_fold(c->ledger), &x->exam,
                      cid_is_zero(&x->identity) ? &x->candidate : &x->identity,
                      &v) ||
        (!v.revoked && (v.verdict == VERDICT_VOID ||
                        v.verdict == VERDICT_INCONCLUSIVE))) {
        return 0;
    }
    if (v.revoked) {
        live_fail(x->live, 0, "revoked after its verdict #%llu",
                  (unsigned long long)v.seq);
        return 1;
    }
    if (core_read_record(c, v.seq, RECORD_VERDICT, &b, &rec) < 0) {
        core_fatal(c, ERR_STORE_DAMAGED);
        return 1;
    }
    memcpy(evidence.b, record_hash(&rec, RF_VERDICT_evidence), CID_BYTES);
    if (!evidence_is_whole(c, &evidence)) {
        live_fail(x->live, ERR_STORE_DAMAGED,
                  "the evidence of verdict #%llu is missing or damaged; "
                  "proctor verify --full names it",
                  (unsigned long long)v.seq);
        return 1;
    }
    record_str(&rec, RF_VERDICT_reason, reason, sizeof(reason));
    snprintf(text, sizeof(text), "as recorded in #%llu: %s",
             (unsigned long long)v.seq, reason);
    say_event(c, v.seq + 1, live_id(x->live), "", text);
    verdict_outcome(x, v.verdict, (unsigned)record_u(&rec, RF_VERDICT_level),
                    &evidence, v.seq, text);
    return 1;
}

static void exam_hold(struct op_exam *x)
{
    struct run *r = x->live->run;
    const struct fold *f = ledger_fold(r->core->ledger);
    struct cid burnt[LIMIT_BURNT];
    struct examine_ask ask = {
        .exam = x->exam,
        .candidate = x->candidate,
        .literals = x->literals,
        .burnt = burnt,
        .limits = r->policy->limits,
        .task = live_id(x->live),
        .commit = commit,
        .progress = progress,
        .done = done,
    };
    struct diag d;
    int code;

    ask.burnt_n = fold_burnt(f, &x->exam, burnt, LIMIT_BURNT);
    ask.committed = fold_committed(f, &x->exam);
    ask.draws_left = budget_left(&r->core->budget, BUDGET_DRAWS);
    diag_init(&d);
    code = examine_start(r->core, &ask, x, &x->examine, &d);
    if (code < 0) {
        live_error(x->live, code, &d);
    }
}

static void on_literals(void *ctx, struct config_job *j, int code,
                        Proctor__ConfigReply *reply, const struct diag *d)
{
    struct op_exam *x = ctx;

    x->reading = NULL;
    runnable_free(x->files);
    x->files = NULL;
    if (code == 0 && reply->literals.len > 0) {
        code = core_put(x->live->run->core, field_bytes(&reply->literals),
                        &x->literals);
    }
    config_free(j);
    if (code != 0) {
        live_fail(x->live, code < 0 ? code : ERR_REFUSED,
                  "no verdict: the candidate's files were not read: %s",
                  code > 0    ? "budgets.bytes is used up"
                  : d == NULL ? err_text(code)
                              : d->what);
        return;
    }
    exam_hold(x);
}

/* Has a program's files read for literals, by a worker, before anything is
 * committed. */
static int read_literals(struct op_exam *x, struct diag *d)
{
    struct core *c = x->live->run->core;
    struct config_ask ask = {.path = "", .label = live_id(x->live)};

    TRY(runnable_load(c, &x->candidate, &x->files, d));
    if (x->files->task.n_files == 0) {
        exam_hold(x);
        return 0;
    }
    proctor__config_task__init(&ask.task);
    ask.task.kind = PROCTOR__CONFIG_KIND__CONFIG_LITERALS;
    ask.task.files = x->files->task.files;
    ask.task.n_files = x->files->task.n_files;
    return config_start(c, &ask, on_literals, x, &x->reading);
}

/* A rewritten unit is no new candidate: it has the canonical form of the old. */
static int read_identity(struct op_exam *x)
{
    struct core *c = x->live->run->core;
    ProtobufCMessage *m;
    const ProtobufCBinaryData *canonical;
    int code;

    TRY(core_get_message(c, &x->candidate, &proctor__runnable__descriptor, &m));
    canonical = &((Proctor__Runnable *)m)->canonical;
    code = canonical->len == 0 ? 0 : cid_from_field(canonical, &x->identity);
    pb_free(m);
    return code;
}

static void exam_begin(struct live *l)
{
    struct op_exam *x = l->state;
    struct diag d;
    int code = read_identity(x);

    if (code == 0 && known(x)) {
        return;
    }
    diag_init(&d);
    code = code < 0 ? code : read_literals(x, &d);
    if (code < 0) {
        live_fail(x->live, code, "%s",
                  d.what[0] == '\0' ? err_text(code) : d.what);
    }
}

/* The candidate's Runnable, from the task that it is the result of. */
static int find_candidate(struct op_exam *x, struct ubytes *takes,
                          struct ubytes *gives, struct diag *d)
{
    struct run *r = x->live->run;
    uint32_t i;

    TRY(data_types(r, live_spec(x->live), takes, gives, &i, d));
    x->candidate = r->tasks[i].result;
    (void)admission_types(r->tasks[i].spec, takes, gives); /* of its repair */
    return 0;
}

static int exam_start_op(struct live *l)
{
    const Proctor__ExamSpec *s = live_spec(l)->exam;
    struct op_exam *x = calloc(1, sizeof(*x));
    struct ubytes takes = {0};
    struct ubytes gives = {0};
    struct diag d;
    int code;

    if (x == NULL || s == NULL) {
        free(x);
        return ERR_TRACE(x == NULL ? ERR_NOMEM : ERR_INTERNAL);
    }
    l->state = x;
    x->live = l;
    diag_init(&d);
    code = find_candidate(x, &takes, &gives, &d);
    if (code == 0) {
        code = exam_object_put(l->run, s, takes, gives, &x->exam, &d);
    }
    if (code != 0) {
        live_error(l, code, &d);
        return 0;
    }
    live_turn(l, &x->exam, exam_begin); /* the next one's j counts this one */
    return 0;
}

const struct op op_exam = {"exam", exam_start_op, op_exam_free};
