/* Op `ref.move`: a name moves to a candidate that an exam it needs has admitted,
 * by compare-and-swap against what the name was when the run began. Kernel
 * process. */
#include <string.h>

#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

/* The exam among the needs; NULL when there is not exactly one that passed. */
static const struct task *needed_exam(const struct live *l)
{
    const Proctor__Task *spec = live_spec(l);
    const struct task *found = NULL;

    for (size_t i = 0; i < spec->n_needs; i++) {
        uint32_t k = run_find(l->run, spec->needs[i]);
        const struct task *t = k == UINT32_MAX ? NULL : &l->run->tasks[k];

        if (t == NULL || (t->spec->exam == NULL && t->spec->holdout == NULL)) {
            continue;
        }
        if (found != NULL || t->evidence_ref == 0 ||
            (t->state != STATE_PASSED && t->state != STATE_COMMITTED)) {
            return NULL;
        }
        found = t;
    }
    return found;
}

int op_ref_admitted(struct core *c, uint64_t verdict_seq, struct cid *out)
{
    struct fold_verdict v;
    CLEANUP(buf_release) struct buf b;
    struct record rec;
    struct cid exam;
    struct cid identity;

    TRY(core_read_record(c, verdict_seq, RECORD_VERDICT, &b, &rec));
    memcpy(out->b, record_hash(&rec, RF_VERDICT_candidate), CID_BYTES);
    memcpy(exam.b, record_hash(&rec, RF_VERDICT_exam), CID_BYTES);
    memcpy(identity.b, fold_identity(&rec), CID_BYTES);
    return fold_verdict(ledger_fold(c->ledger), &exam, &identity, &v) && !v.revoked &&
                   v.verdict == VERDICT_ADMIT
               ? 0
               : ERR_REFUSED;
}

static const struct ref_before *ref_before(const struct run *r,
                                           const char *name)
{
    for (size_t i = 0; i < r->refs_n; i++) {
        if (strcmp(r->refs[i].name, name) == 0) {
            return &r->refs[i];
        }
    }
    return NULL;
}

static int record_move(struct live *l, const char *name, const struct cid *old,
                       const struct cid *target, uint64_t verdict_ref,
                       uint64_t *out_seq)
{
    struct record rec;

    record_init(&rec, RECORD_REF);
    record_set_u(&rec, RF_REF_run, l->run->seq);
    record_set_str(&rec, RF_REF_task, live_id(l));
    record_set_str(&rec, RF_REF_name, name);
    record_set_hash(&rec, RF_REF_old_target, old->b);
    record_set_hash(&rec, RF_REF_new_target, target->b);
    record_set_u(&rec, RF_REF_verdict_ref, verdict_ref);
    TRY(run_record(l->run, &rec, out_seq));
    return run_commit(l->run);
}

static int ref_start(struct live *l)
{
    struct run *r = l->run;
    const Proctor__RefMoveSpec *s = live_spec(l)->ref_move;
    const struct task *exam = needed_exam(l);
    struct outcome o = {.passed = 1, .level = LEVEL_PROVEN};
    const struct ref_before *before;
    struct cid now = {{0}};
    int code = ERR_REFUSED;
    uint64_t seq;

    if (s == NULL) {
        return ERR_TRACE(ERR_INTERNAL);
    }
    if (exam != NULL) {
        code = exam->spec->holdout != NULL
                   ? op_holdout_admitted(r->core, exam->evidence_ref - 1,
                                         &o.result)
                   : op_ref_admitted(r->core, exam->evidence_ref - 1, &o.result);
    }
    TRY(code == ERR_REFUSED ? 0 : code);
    if (code < 0) {
        live_fail(l, 0, "no exam that it needs has admitted a candidate");
        return 0;
    }
    o.level = (enum level)exam->level;
    before = ref_before(r, s->ref);
    ASSERT(before != NULL);
    fold_ref(ledger_fold(r->core->ledger), s->ref, &now);
    if (cid_is_equal(&now, &o.result)) {
        o.evidence_ref = exam->evidence_ref; /* it is there already */
        live_over(l, &o);
        return 0;
    }
    if (!cid_is_equal(&now, &before->target)) {
        live_fail(l, 0, "ref \"%s\" was moved by another task of this run",
                  s->ref);
        return 0;
    }
    TRY(record_move(l, s->ref, &now, &o.result, exam->evidence_ref, &seq));
    o.evidence_ref = seq + 1;
    live_over(l, &o);
    return 0;
}

const struct op op_ref_move = {"ref.move", ref_start, NULL};
