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
    struct cid directed;   /* inputs of a unit's worker; zero: none */
    uint32_t trapped[LIMIT_BRANCHES]; /* of the unit, once */
    size_t trapped_n;
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
    record_set_hash(&rec, RF_COMMIT_directed, x->directed.b);
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

static int trap(struct op_exam *x, const Proctor__Evidence *e);

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
    if (trap(x, e)) {
        return;
    }
    verdict_outcome(x, e->verdict, e->level, &objects.evidence, seq,
                    e->verdict == VERDICT_ADMIT ? "" : e->reason);
}

/* A verdict that stands is returned as it stands. VOID and INCONCLUSIVE said
 * nothing about the candidate: it may try again, as the next j; but what had to be
 * trapped is trapped at once. Without its evidence a verdict counts for nothing. */
static int known(struct op_exam *x)
{
    struct core *c = x->live->run->core;
    struct fold_verdict v;
    struct record rec;
    struct cid evidence;
    char reason[160];
    char text[256];
    CLEANUP(buf_release) struct buf b = {0};
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;

    if (!fold_verdict(ledger_fold(c->ledger), &x->exam,
                      cid_is_zero(&x->identity) ? &x->candidate : &x->identity,
                      &v) ||
        (!v.revoked && v.verdict == VERDICT_VOID)) {
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
    if (core_get_message(c, &evidence, &proctor__evidence__descriptor, &m) < 0) {
        live_fail(x->live, ERR_STORE_DAMAGED,
                  "the evidence of verdict #%llu is missing or damaged; "
                  "proctor verify --full names it",
                  (unsigned long long)v.seq);
        return 1;
    }
    if (v.verdict == VERDICT_INCONCLUSIVE) {
        return trap(x, (const Proctor__Evidence *)m);
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
        .directed = x->directed,
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

/* Its worker answered. True: all is well. */
static int job_over(struct op_exam *x, int code, const struct diag *d)
{
    config_free(x->reading);
    runnable_free(x->files);
    x->reading = NULL;
    x->files = NULL;
    if (code != 0) {
        live_fail(x->live, code < 0 ? code : ERR_REFUSED,
                  "no verdict: the candidate was not read: %s",
                  code > 0    ? "budgets.bytes is used up"
                  : d == NULL ? err_text(code)
                              : d->what);
    }
    return code == 0;
}

static void on_literals(void *ctx, UNUSED struct config_job *j, int code,
                        Proctor__ConfigReply *reply, const struct diag *d)
{
    struct op_exam *x = ctx;

    if (code == 0 && reply->literals.len > 0) {
        code = core_put(x->live->run->core, field_bytes(&reply->literals),
                        &x->literals);
    }
    if (job_over(x, code, d)) {
        exam_hold(x);
    }
}

/* Proposals: they add draws and decide nothing. */
static void on_probe(void *ctx, const Proctor__CmlReply *reply)
{
    CLEANUP(values_release) struct values v = {0};
    struct op_exam *x = ctx;
    struct core *c = x->live->run->core;
    int code = 0;

    if (reply->literals.len > 0) {
        code = core_put(c, field_bytes(&reply->literals), &x->literals);
    }
    if (code == 0 && reply->inputs.len > 0) {
        code = values_decode(&v, field_bytes(&reply->inputs), &x->files->takes,
                             LIMIT_PROBE_INPUTS);
        code = code == 0 ? core_put(c, field_bytes(&reply->inputs), &x->directed)
                         : code;
    }
    if (job_over(x, code, NULL)) {
        exam_hold(x);
    }
}

/* Asks a worker about the unit in x->files. */
static int unit_ask(struct op_exam *x, Proctor__CmlCommand command,
                    void (*on_cml)(void *ctx, const Proctor__CmlReply *reply))
{
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    struct config_ask ask = {.path = "",
                             .label = live_id(x->live),
                             .cml = &task,
                             .source = buf_bytes(&x->files->bundle),
                             .limits = x->live->run->policy->limits,
                             .on_cml = on_cml};

    task.command = command;
    task.domain = live_spec(x->live)->exam->domain;
    task.branches = x->trapped;
    task.n_branches = x->trapped_n;
    return config_start(x->live->run->core, &ask, on_literals, x, &x->reading);
}

/* Has a program's files read for literals, by a worker, before anything is
 * committed. */
static int read_literals(struct op_exam *x, struct diag *d)
{
    struct core *c = x->live->run->core;
    struct config_ask ask = {.path = "", .label = live_id(x->live)};

    TRY(runnable_load(c, &x->candidate, &x->files, d));
    if (x->files->m->canonical.len > 0 &&
        live_spec(x->live)->exam->domain.len > 0) {
        return unit_ask(x, PROCTOR__CML_COMMAND__CML_PROBE, on_probe);
    }
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

/* What was made of the unit sits the exam in its place, as the next j. */
static void on_trapped(void *ctx, const Proctor__CmlReply *reply)
{
    struct op_exam *x = ctx;
    Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;
    struct cid original = x->candidate;
    int code;

    m.takes = x->files->m->takes;
    m.gives = x->files->m->gives;
    m.trapped = x->trapped;
    m.n_trapped = x->trapped_n;
    m.original = cid_field(&original);
    code = runnable_put_cml(x->live->run->core, reply, &m, &x->candidate);
    if (job_over(x, code, NULL)) {
        examine_free(x->examine);
        x->examine = NULL;
        x->drawn = 0;
        x->commit_seq = 0;
        x->commit_hash = (struct merkle_hash){{0}};
        x->literals = x->directed = (struct cid){{0}};
        exam_begin(x->live);
    }
}

/* Branches that no draw reached make a verdict INCONCLUSIVE: has them replaced by
 * traps, once. False: there is nothing of the kind. */
static int trap(struct op_exam *x, const Proctor__Evidence *e)
{
    struct diag d;
    size_t n = 0;
    int code;

    if (e->verdict != VERDICT_INCONCLUSIVE || x->trapped_n > 0) {
        return 0;
    }
    for (uint32_t b = 0; b < e->n_reached; b++) {
        if (e->reached[b] > 0 && e->reached[b] < e->needs) {
            return 0; /* it would be missed */
        }
        if (e->reached[b] < e->needs) {
            x->trapped[n++] = b;
        }
    }
    if (n == 0) {
        return 0;
    }
    x->trapped_n = n;
    say_event(x->live->run->core, 0, live_id(x->live), "",
              "what no draw reached is replaced by traps and examined again");
    diag_init(&d);
    code = runnable_load(x->live->run->core, &x->candidate, &x->files, &d);
    code = code ? code : unit_ask(x, PROCTOR__CML_COMMAND__CML_TRAP, on_trapped);
    if (code < 0) {
        live_fail(x->live, code, "%s", err_text(code));
    }
    return 1;
}

/* The candidate's Runnable, from the task that it is the result of. */
static int find_candidate(struct op_exam *x, struct ubytes *takes,
                          struct ubytes *gives, struct diag *d)
{
    struct run *r = x->live->run;
    uint32_t i;

    TRY(data_types(r, live_spec(x->live), takes, gives, &i, d));
    x->candidate = r->tasks[i].result;
    (void)admission_types(&r->admission, r->graph, r->tasks[i].spec, takes,
                          gives); /* of its repair */
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
