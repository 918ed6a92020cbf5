/* Snapshots of the fold: out, sorted; in, only when sorted and whole. Kernel
 * process. */
#include "kernel/store/fold_int.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

static size_t room_for(size_t n)
{
    size_t room = 4;

    while (room < n) {
        room *= 2;
    }
    return room;
}

void *fold_room(void *array, size_t n, size_t element_bytes)
{
    if (n != 0 && n != room_for(n)) {
        return array;
    }
    return realloc(array, room_for(n + 1) * element_bytes);
}

void *fold_fit(void *array, size_t n, size_t element_bytes)
{
    return n == 0 ? array : realloc(array, room_for(n) * element_bytes);
}

static int compare_cid(const ProtobufCBinaryData *a,
                       const ProtobufCBinaryData *b)
{
    return memcmp(a->data, b->data, CID_BYTES);
}

/* qsort wants four of these; each array holds pointers. */
static int compare_refs(const void *a, const void *b)
{
    const Proctor__RefState *const *x = a;
    const Proctor__RefState *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int compare_exams(const void *a, const void *b)
{
    const Proctor__ExamState *const *x = a;
    const Proctor__ExamState *const *y = b;

    return compare_cid(&(*x)->cid, &(*y)->cid);
}

static int compare_candidates(const void *a, const void *b)
{
    const Proctor__CandidateState *const *x = a;
    const Proctor__CandidateState *const *y = b;

    return compare_cid(&(*x)->cid, &(*y)->cid);
}

static int compare_tasks(const void *a, const void *b)
{
    const Proctor__TaskState *const *x = a;
    const Proctor__TaskState *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

static void sort(void *array, size_t n,
                 int (*compare)(const void *, const void *))
{
    if (n > 1) {
        qsort(array, n, sizeof(void *), compare);
    }
}

/* Strictly ascending: sorted and without repeats. */
static int is_sorted(const void *array, size_t n,
                     int (*compare)(const void *, const void *))
{
    const char *p = array;
    size_t i;

    for (i = 1; i < n; i++) {
        if (compare(p + (i - 1) * sizeof(void *), p + i * sizeof(void *)) >=
            0) {
            return 0;
        }
    }
    return 1;
}

int fold_encode(struct fold *f, struct buf *out)
{
    size_t i;

    sort(f->s->refs, f->s->n_refs, compare_refs);
    sort(f->s->exams, f->s->n_exams, compare_exams);
    for (i = 0; i < f->s->n_exams; i++) {
        sort(f->s->exams[i]->candidates, f->s->exams[i]->n_candidates,
             compare_candidates);
    }
    if (f->s->n_runs > 0) {
        sort(f->s->runs[0]->tasks, f->s->runs[0]->n_tasks, compare_tasks);
    }
    TRY(fold_index(f));
    return pb_encode(&f->s->base, out);
}

static int index_exam(struct fold *f, uint32_t exam_i)
{
    const Proctor__ExamState *e = f->s->exams[exam_i];
    size_t i;

    TRY(map_add(&f->exams, key_of_cid(&e->cid), exam_i));
    for (i = 0; i < e->n_candidates; i++) {
        TRY(map_add(&f->candidates, key_of_candidate(e->candidates[i]),
                    (uint32_t)i));
    }
    return 0;
}

static void clear_map(struct map *m)
{
    map_release(m);
    map_init(m);
}

int fold_index(struct fold *f)
{
    size_t i;

    clear_map(&f->refs);
    clear_map(&f->exams);
    clear_map(&f->candidates);
    clear_map(&f->tasks);
    for (i = 0; i < f->s->n_refs; i++) {
        TRY(map_add(&f->refs, key_of_text(f->s->refs[i]->name), (uint32_t)i));
    }
    for (i = 0; i < f->s->n_exams; i++) {
        TRY(index_exam(f, (uint32_t)i));
    }
    for (i = 0; f->s->n_runs > 0 && i < f->s->runs[0]->n_tasks; i++) {
        TRY(map_add(&f->tasks, key_of_text(f->s->runs[0]->tasks[i]->id),
                    (uint32_t)i));
    }
    return 0;
}

/* 32 bytes that are not all zero. */
static int is_cid(const ProtobufCBinaryData *b)
{
    static const uint8_t zero[CID_BYTES];

    return b->len == CID_BYTES && memcmp(b->data, zero, CID_BYTES) != 0;
}

static int is_cid_or_none(const ProtobufCBinaryData *b)
{
    return b->len == 0 || is_cid(b);
}

static int exam_is_valid(const Proctor__ExamState *e)
{
    size_t i;

    if (e->cid.len != CID_BYTES || e->n_burnt > LIMIT_BURNT) {
        return 0;
    }
    for (i = 0; i < e->n_candidates; i++) {
        if (e->candidates[i]->cid.len != CID_BYTES) {
            return 0;
        }
    }
    for (i = 0; i < e->n_burnt; i++) {
        if (!is_cid(&e->burnt[i]) ||
            (i > 0 && compare_cid(&e->burnt[i - 1], &e->burnt[i]) >= 0)) {
            return 0;
        }
    }
    return is_sorted(e->candidates, e->n_candidates, compare_candidates);
}

static int run_is_valid(const Proctor__RunState *r)
{
    size_t i;

    for (i = 0; i < r->n_tasks; i++) {
        if (!is_cid_or_none(&r->tasks[i]->result)) {
            return 0;
        }
    }
    return is_cid_or_none(&r->graph) && is_cid_or_none(&r->policy) &&
           is_cid_or_none(&r->inputs) &&
           is_sorted(r->tasks, r->n_tasks, compare_tasks);
}

static int snapshot_is_valid(const Proctor__Snapshot *s)
{
    size_t i;

    for (i = 0; i < s->n_refs; i++) {
        if (!is_cid_or_none(&s->refs[i]->target)) {
            return 0;
        }
    }
    for (i = 0; i < s->n_exams; i++) {
        if (!exam_is_valid(s->exams[i])) {
            return 0;
        }
    }
    return is_cid_or_none(&s->log_key) && s->n_runs <= 1 &&
           (s->n_runs == 0 || run_is_valid(s->runs[0])) &&
           is_sorted(s->refs, s->n_refs, compare_refs) &&
           is_sorted(s->exams, s->n_exams, compare_exams);
}

/* Fits one array that the decoder made; *array keeps its type by memcpy. */
static int fit(void *array_field, size_t n, size_t element_bytes)
{
    void *old;
    void *fitted;

    memcpy(&old, array_field, sizeof(old));
    fitted = fold_fit(old, n, element_bytes);
    if (n > 0 && fitted == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(array_field, &fitted, sizeof(fitted));
    return 0;
}

/* Invariants 1 and 3 of fold_int.h for an exam that was decoded. */
static int adopt_exam(Proctor__ExamState *e)
{
    size_t i;

    TRY(fit(&e->candidates, e->n_candidates, sizeof(void *)));
    TRY(fit(&e->burnt, e->n_burnt, sizeof(*e->burnt)));
    for (i = 0; i < e->n_candidates; i++) {
        uint8_t *key = realloc(e->candidates[i]->cid.data, CANDIDATE_KEY_BYTES);

        if (key == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        memcpy(key + CID_BYTES, e->cid.data, CID_BYTES);
        e->candidates[i]->cid.data = key;
    }
    return 0;
}

static int adopt(struct fold *f)
{
    size_t i;

    TRY(fit(&f->s->refs, f->s->n_refs, sizeof(void *)));
    TRY(fit(&f->s->exams, f->s->n_exams, sizeof(void *)));
    TRY(fit(&f->s->runs, f->s->n_runs, sizeof(void *)));
    for (i = 0; i < f->s->n_exams; i++) {
        TRY(adopt_exam(f->s->exams[i]));
    }
    if (f->s->n_runs > 0) {
        TRY(fit(&f->s->runs[0]->tasks, f->s->runs[0]->n_tasks, sizeof(void *)));
    }
    return fold_index(f);
}

int fold_decode(struct ubytes in, struct fold **out)
{
    ProtobufCMessage *m;
    struct fold *f;
    int code;

    TRY(fold_new(&f));
    code =
        pb_decode(&proctor__snapshot__descriptor, in, LIMIT_HELD_BYTES, &m);
    if (code == 0) {
        pb_free(&f->s->base);
        f->s = (Proctor__Snapshot *)m;
        code = snapshot_is_valid(f->s) ? adopt(f) : ERR_TRACE(ERR_ENCODING);
    }
    if (code != 0) {
        fold_free(f);
        return code;
    }
    *out = f;
    return 0;
}
