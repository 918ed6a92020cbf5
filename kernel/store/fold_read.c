/* What the fold answers. Kernel process; changes nothing. */
#include <string.h>

#include "kernel/store/fold_int.h"

uint64_t fold_records(const struct fold *f)
{
    return f->s->records;
}

const Proctor__RefState *fold_ref_state(const struct fold *f, const char *name)
{
    uint32_t i;

    return map_get(&f->refs, key_of_text(name), &i) ? f->s->refs[i] : NULL;
}

int fold_ref(const struct fold *f, const char *name, struct cid *out)
{
    const Proctor__RefState *ref = fold_ref_state(f, name);

    if (ref == NULL || ref->target.len != CID_BYTES) {
        return 0; /* moved to nothing */
    }
    memcpy(out->b, ref->target.data, CID_BYTES);
    return 1;
}

int fold_verdict(const struct fold *f, const struct cid *exam,
                 const struct cid *identity, struct fold_verdict *out)
{
    const Proctor__CandidateState *c =
        fold_find_candidate(f, exam->b, identity->b);

    if (c == NULL) {
        return 0;
    }
    *out = (struct fold_verdict){
        .seq = c->seq, .verdict = c->verdict, .revoked = c->revoked};
    return 1;
}

uint64_t fold_committed(const struct fold *f, const struct cid *exam)
{
    const Proctor__ExamState *e = fold_find_exam(f, exam->b);

    return e == NULL ? 0 : e->committed;
}

size_t fold_burnt(const struct fold *f, const struct cid *exam, struct cid *out,
                  size_t max)
{
    const Proctor__ExamState *e = fold_find_exam(f, exam->b);
    size_t there = e == NULL ? 0 : e->n_burnt;
    size_t n = there < max ? there : max;

    for (size_t i = 0; i < n; i++) {
        memcpy(out[i].b, e->burnt[i].data, CID_BYTES);
    }
    return n;
}

uint64_t fold_seeds_used(const struct fold *f)
{
    return f->s->seeds_used;
}

const uint8_t *fold_key(const struct fold *f)
{
    return f->s->log_key.len == 0 ? NULL : f->s->log_key.data;
}

const Proctor__RunState *fold_last_run(const struct fold *f)
{
    return f->s->n_runs > 0 ? f->s->runs[0] : NULL;
}

const Proctor__TaskState *fold_task(const struct fold *f, const char *id)
{
    uint32_t i;

    return f->s->n_runs > 0 && map_get(&f->tasks, key_of_text(id), &i)
               ? f->s->runs[0]->tasks[i]
               : NULL;
}
