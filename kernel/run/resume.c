/* Resuming. Believes the ledger's fold and the store's objects, re-checks both
 * through the same admission as a new graph. Kernel process. */
#include "kernel/run/resume.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/run/intake.h"
#include "kernel/run/record_run.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

/* The parked task that the request names. */
static int check_parked(const struct run *r, struct diag *d)
{
    const Proctor__TaskState *t =
        fold_task(ledger_fold(r->core->ledger), r->req->task);

    if (r->req->mode != PROCTOR__RUN_MODE__RUN_RESUME_TASK ||
        (t != NULL && t->state == STATE_PARKED)) {
        return 0;
    }
    diag_set(d, ERR_INPUT, (struct loc){0},
             t == NULL ? "the last run has no parked task \"%.64s\""
                       : "task \"%.64s\" is not parked",
             r->req->task);
    diag_hint(d, "proctor status lists the tasks that wait");
    return ERR_INPUT;
}

static int set_text(char **field, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (*field != protobuf_c_empty_string) {
        free(*field);
    }
    *field = copy;
    return 0;
}

/* The graph's folder, as the first request gave it: grants look from there. */
static int set_dir(struct run *r)
{
    ProtobufCMessage *m;
    int code;

    TRY(core_get_message(r->core, &r->inputs_cid, &proctor__inputs__descriptor,
                         &m));
    code = set_text(&r->req->graph_dir, ((Proctor__Inputs *)m)->graph_dir);
    pb_free(m);
    return code;
}

static int load(struct run *r, const Proctor__RunState *last, struct diag *d)
{
    int code;

    TRY(cid_from_field(&last->graph, &r->graph_cid));
    TRY(cid_from_field(&last->policy, &r->policy_cid));
    if (last->inputs.len != CID_BYTES) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "the last run was refused; there is nothing to resume");
    }
    TRY(cid_from_field(&last->inputs, &r->inputs_cid));
    TRY(set_text(&r->req->graph_path, last->graph_path));
    TRY(set_dir(r));
    r->resumes_ref = last->seq + 1;
    code = core_get_message(r->core, &r->graph_cid, &proctor__graph__descriptor,
                            (ProtobufCMessage **)&r->graph);
    if (code == 0) {
        code = core_get_message(r->core, &r->policy_cid,
                                &proctor__policy__descriptor,
                                (ProtobufCMessage **)&r->policy);
    }
    if (code < 0) {
        return diag_set(d, code, (struct loc){0},
                        "graph or policy of the last run: %s", err_text(code));
    }
    return 0;
}

int resume_start(struct run *r, struct diag *d)
{
    const struct fold *f = ledger_fold(r->core->ledger);
    const Proctor__RunState *last = fold_last_run(f);

    if (last == NULL) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "there is no run to go on with");
    }
    TRY(check_parked(r, d));
    TRY(record_crash(r->core));
    last = fold_last_run(f);
    ASSERT(last != NULL); /* a CRASH record changes nothing */
    TRY(load(r, last, d));
    r->resuming = 1;
    intake_check(r);
    return 0;
}

/* What its TASK record said it stands on; exams and series are asked for it. */
static int resume_evidence(struct run *r, struct task *t, uint64_t seq)
{
    CLEANUP(buf_release) struct buf b;
    struct record rec;

    TRY(core_read_record(r->core, seq, RECORD_TASK, &b, &rec));
    t->evidence_ref = record_u(&rec, RF_TASK_evidence_ref);
    return 0;
}

static int resume_passed(struct run *r, struct task *t,
                         const Proctor__TaskState *old)
{
    if (old->result.len == CID_BYTES) {
        TRY(cid_from_field(&old->result, &t->result));
    }
    t->state = (uint8_t)old->state;
    t->level = (uint8_t)old->level;
    t->seq_ref = old->seq + 1;
    return t->spec->exam != NULL || t->spec->derive != NULL
               ? resume_evidence(r, t, old->seq)
               : 0;
}

int resume_tasks(struct run *r)
{
    const struct fold *f = ledger_fold(r->core->ledger);

    for (size_t i = 0; i < r->graph->n_tasks; i++) {
        struct task *t = &r->tasks[i];
        const Proctor__TaskState *old = fold_task(f, t->spec->id);

        if (old == NULL) {
            continue;
        }
        if (old->state == STATE_PASSED || old->state == STATE_COMMITTED) {
            TRY(resume_passed(r, t, old));
        } else if (old->state == STATE_PARKED) {
            t->released =
                r->req->mode == PROCTOR__RUN_MODE__RUN_RESUME_TASK &&
                strcmp(t->spec->id, r->req->task) == 0;
            t->trapped = t->spec->lane != NULL && old->result.len == CID_BYTES;
        } else {
            t->released = 1; /* it had begun: whoever had to agree, did */
        }
    }
    return 0;
}

int resume_release(struct run *r)
{
    struct record rec;
    uint64_t seq;

    if (r->req->mode != PROCTOR__RUN_MODE__RUN_RESUME_TASK) {
        return 0;
    }
    record_init(&rec, RECORD_RESUME);
    record_set_u(&rec, RF_RESUME_run, r->seq);
    record_set_str(&rec, RF_RESUME_task, r->req->task);
    record_set_str(&rec, RF_RESUME_why, "a person agreed");
    return run_record(r, &rec, &seq);
}
