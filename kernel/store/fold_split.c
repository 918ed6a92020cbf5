/* What the fold remembers of data sets and series. They are counted as exams
 * are, under keys that are no object's CID: a file's `last` is its SPLIT record,
 * committed once drawn; a split's committed counts its looks; a split with a
 * metric has the candidates looked at, and its `last` LOOK; a series' committed
 * counts its records; a training's `last` is the record that it can go on from,
 * while it is committed. Kernel process. */
#include "kernel/store/fold_int.h"

#include <string.h>

#include "proto/err.h"

enum key_of {
    KEY_FILE,
    KEY_LOOKS,
    KEY_METRIC,
    KEY_SERIES,
    KEY_TRAINING
};

static struct cid key(enum key_of of, unsigned metric,
                      const uint8_t cid[static CID_BYTES])
{
    uint8_t b[CID_BYTES + 4] = {'K', 'E', (uint8_t)of, (uint8_t)metric};

    memcpy(b + 4, cid, CID_BYTES);
    return cid_of((struct ubytes){b, sizeof(b)});
}

int fold_on_split(struct fold *f, const struct record *r)
{
    struct cid file = key(KEY_FILE, 0, record_hash(r, RF_SPLIT_file));
    uint64_t seed_i = record_u(r, RF_SPLIT_seed_i);
    Proctor__ExamState *e;

    f->s->seeds_used = seed_i > f->s->seeds_used ? seed_i : f->s->seeds_used;
    TRY(fold_need_exam(f, file.b, &e));
    if (e->committed == 0) { /* the first draw stands */
        e->last = r->seq;
        e->committed = record_u(r, RF_SPLIT_fixed_ref) != 0;
    }
    return 0;
}

int fold_on_look(struct fold *f, const struct record *r)
{
    unsigned metric = (unsigned)record_u(r, RF_LOOK_metric);
    struct cid looks = key(KEY_LOOKS, 0, record_hash(r, RF_LOOK_split));
    struct cid by = key(KEY_METRIC, metric, record_hash(r, RF_LOOK_split));
    Proctor__ExamState *e;
    Proctor__CandidateState *c;

    TRY(fold_need_exam(f, looks.b, &e));
    e->committed++;
    TRY(fold_need_exam(f, by.b, &e));
    e->last = r->seq;
    TRY(fold_need_candidate(f, e, record_hash(r, RF_LOOK_candidate), &c));
    c->seq = r->seq;
    return 0;
}

int fold_split(const struct fold *f, const struct cid *file, uint64_t *out_seq)
{
    const Proctor__ExamState *e =
        fold_find_exam(f, key(KEY_FILE, 0, file->b).b);

    *out_seq = e == NULL ? 0 : e->last;
    return e != NULL && e->committed > 0;
}

uint64_t fold_looks(const struct fold *f, const struct cid *split)
{
    const Proctor__ExamState *e =
        fold_find_exam(f, key(KEY_LOOKS, 0, split->b).b);

    return e == NULL ? 0 : e->committed;
}

int fold_look(const struct fold *f, const struct cid *split, unsigned metric,
              const struct cid *candidate, uint64_t *out_seq)
{
    struct cid by = key(KEY_METRIC, metric, split->b);
    const Proctor__ExamState *e = fold_find_exam(f, by.b);
    const Proctor__CandidateState *c =
        candidate == NULL ? NULL : fold_find_candidate(f, by.b, candidate->b);

    if (candidate == NULL ? e == NULL : c == NULL) {
        return 0;
    }
    *out_seq = candidate == NULL ? e->last : c->seq;
    return 1;
}

static struct cid series_key(struct ubytes name)
{
    return key(KEY_SERIES, 0, cid_of(name).b);
}

int fold_on_series(struct fold *f, const struct record *r)
{
    int is_in = r->kind == RECORD_INPUTS;
    struct cid id = series_key(
        record_bytes(r, is_in ? RF_INPUTS_series : RF_OUTPUTS_series));
    Proctor__ExamState *e;

    TRY(fold_need_exam(f, id.b, &e));
    if (is_in ? record_u(r, RF_INPUTS_index) * 2 != e->committed
              : record_u(r, RF_OUTPUTS_index) * 2 + 1 != e->committed ||
                    record_u(r, RF_OUTPUTS_inputs_ref) != e->last + 1) {
        return 0;
    }
    e->committed++;
    e->last = r->seq;
    return 0;
}

uint64_t fold_series(const struct fold *f, const char *name, uint64_t *out_seq)
{
    const Proctor__ExamState *e =
        fold_find_exam(f, series_key(key_of_text(name)).b);

    *out_seq = e == NULL ? 0 : e->last;
    return e == NULL ? 0 : e->committed;
}

static int is_word(struct ubytes b, const char *word)
{
    return b.n == strlen(word) && memcmp(b.p, word, b.n) == 0;
}

/* With a state it can go on from there, unless it came to its end. */
int fold_on_trained(struct fold *f, const struct record *r)
{
    static const uint8_t none[CID_BYTES];
    struct ubytes why = record_bytes(r, RF_TRAINED_why);
    int goes_on = is_word(why, "epoch") || is_word(why, "steps") ||
                  is_word(why, "stopped");
    struct cid id = key(KEY_TRAINING, 0, record_hash(r, RF_TRAINED_training));
    Proctor__ExamState *e;

    if (goes_on && memcmp(record_hash(r, RF_TRAINED_state), none,
                          CID_BYTES) == 0) {
        return 0;
    }
    TRY(fold_need_exam(f, id.b, &e));
    e->last = r->seq;
    e->committed = (uint64_t)goes_on;
    return 0;
}

int fold_training(const struct fold *f, const struct cid *training,
                  uint64_t *out_seq)
{
    const Proctor__ExamState *e =
        fold_find_exam(f, key(KEY_TRAINING, 0, training->b).b);

    *out_seq = e == NULL ? 0 : e->last;
    return e != NULL && e->committed > 0;
}
