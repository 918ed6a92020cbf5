/* Writes RUN, ADMIT, REFUSE, ABORT, CRASH and END. Decides nothing. Kernel
 * process. */
#include "kernel/run/record_run.h"

#include <stdio.h>

#include "kernel/store/fold.h"
#include "proto/err.h"

int record_crash(struct core *c)
{
    const Proctor__RunState *last = fold_last_run(ledger_fold(c->ledger));
    struct record rec;
    char what[96];
    uint64_t seq;

    if (last == NULL || last->ended) {
        return 0;
    }
    snprintf(what, sizeof(what),
             "the kernel ended before the run did; %zu tasks had begun",
             last->n_tasks);
    record_init(&rec, RECORD_CRASH);
    record_set_u(&rec, RF_CRASH_run, last->seq);
    record_set_str(&rec, RF_CRASH_what, what);
    return ledger_append(c->ledger, &rec, &seq, NULL);
}

static int record_begin(struct run *r)
{
    struct core *c = r->core;
    struct record rec;
    char classes[CORE_CLASSES_BYTES];
    uint8_t images[WORKER_CLASSES_N * CID_BYTES];

    core_classes(c, classes, images);
    record_init(&rec, RECORD_RUN);
    record_set_hash(&rec, RF_RUN_graph, r->graph_cid.b);
    record_set_hash(&rec, RF_RUN_policy, r->policy_cid.b);
    record_set_hash(&rec, RF_RUN_inputs, r->inputs_cid.b);
    record_set_hash(&rec, RF_RUN_kernel, c->kernel.b);
    record_set_str(&rec, RF_RUN_classes, classes);
    record_set_bytes(&rec, RF_RUN_images,
                     (struct ubytes){images, sizeof(images)});
    record_set_str(&rec, RF_RUN_graph_path, r->req->graph_path);
    record_set_u(&rec, RF_RUN_resumes_ref, r->resumes_ref);
    record_set_hash(&rec, RF_RUN_graph_text, r->graph_text_cid.b);
    record_set_hash(&rec, RF_RUN_policy_text, r->policy_text_cid.b);
    TRY(run_record(r, &rec, &r->seq));
    r->has_record = 1;
    c->run_seq = r->seq;
    return 0;
}

int record_refuse(struct run *r, const Proctor__Task *t, const char *rule,
                  const char *what)
{
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_REFUSE);
    record_set_u(&rec, RF_REFUSE_run, r->seq);
    record_set_str(&rec, RF_REFUSE_task, t == NULL ? "" : t->id);
    record_set_str(&rec, RF_REFUSE_op, t == NULL ? "" : t->op);
    record_set_str(&rec, RF_REFUSE_rule, rule);
    record_set_str(&rec, RF_REFUSE_what, what);
    return run_record(r, &rec, &seq);
}

int record_refused(struct run *r)
{
    struct run_counts none = {0};

    TRY(record_crash(r->core));
    TRY(record_begin(r));
    for (size_t i = 0; i < r->refusals_n; i++) {
        const struct refusal *x = &r->refusals[i];

        TRY(record_refuse(
            r, x->task_i == UINT32_MAX ? NULL : r->graph->tasks[x->task_i],
            x->rule, x->d.what));
    }
    return record_end(r, &none);
}

int record_admit(struct run *r, const Proctor__Task *t,
                 const struct decision *d)
{
    struct record rec;
    struct cid digest;
    uint64_t seq;

    TRY(core_cid_message(&t->base, &digest));
    record_init(&rec, RECORD_ADMIT);
    record_set_u(&rec, RF_ADMIT_run, r->seq);
    record_set_str(&rec, RF_ADMIT_task, t->id);
    record_set_str(&rec, RF_ADMIT_op, t->op);
    record_set_hash(&rec, RF_ADMIT_digest, digest.b);
    record_set_str(&rec, RF_ADMIT_capability, d->capability);
    record_set_u(&rec, RF_ADMIT_grant, d->grant_i);
    record_set_u(&rec, RF_ADMIT_level,
                 t->validator == NULL ? 0 : t->validator->level);
    record_set_str(&rec, RF_ADMIT_rule, d->rule);
    return run_record(r, &rec, &seq);
}

int record_admitted(struct run *r)
{
    if (!r->resuming) {
        TRY(record_crash(r->core)); /* else done before it was read */
    }
    TRY(record_begin(r));
    for (size_t i = 0; i < r->graph->n_tasks; i++) {
        TRY(record_admit(r, r->graph->tasks[i], &r->admission.tasks[i]));
    }
    return run_commit(r);
}

int record_abort(struct run *r, const char *why)
{
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_ABORT);
    record_set_u(&rec, RF_ABORT_run, r->seq);
    record_set_str(&rec, RF_ABORT_task, "");
    record_set_str(&rec, RF_ABORT_why, why);
    TRY(run_record(r, &rec, &seq));
    return run_commit(r);
}

int record_end(struct run *r, const struct run_counts *n)
{
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_END);
    record_set_u(&rec, RF_END_run, r->seq);
    record_set_u(&rec, RF_END_code,
                 r->code == 0 ? 0 : (uint64_t)err_exit_code(r->code));
    record_set_u(&rec, RF_END_passed, n->passed);
    record_set_u(&rec, RF_END_failed, n->failed);
    record_set_u(&rec, RF_END_parked, n->parked);
    record_set_u(&rec, RF_END_skipped, n->skipped);
    TRY(run_record(r, &rec, &seq));
    return run_commit(r);
}
