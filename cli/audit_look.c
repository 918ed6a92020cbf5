/* Looks at held-out rows and exams on them, computed again from the answers that
 * records name, by the kernel's arithmetic (proto/holdout.h). Objects that are
 * missing or damaged are audit_objects.c's to tell. */
#include <string.h>

#include "cli/audit_int.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/holdout.h"
#include "proto/limits.h"
#include "proto/pb.h"

#include "evidence.pb-c.h"

static int look_is(const struct record *r, const struct look *l)
{
    return record_u(r, RF_LOOK_limit) == l->distinct &&
           record_u(r, RF_LOOK_outcome) == (uint64_t)l->outcome &&
           record_u(r, RF_LOOK_grid) == l->grid &&
           record_u(r, RF_LOOK_placebo) == l->placebo &&
           record_u(r, RF_LOOK_best) == l->best &&
           record_u(r, RF_LOOK_loss) == l->loss &&
           record_f64(r, RF_LOOK_scale) == l->scale &&
           record_u(r, RF_LOOK_decades) == l->decades;
}

/* What answers to a split's held-out part are held against. */
struct part {
    const struct audit *a;
    unsigned metric;
    const Proctor__Split *s;
    ProtobufCMessage *data; /* owned; Data, of text: Dataset */
    struct type gives;
    struct values train, held; /* of values */
    struct buf train_rows, rows; /* of text */
};

static void part_release(struct part *p)
{
    pb_free(p->data);
    values_release(&p->train);
    values_release(&p->held);
    buf_release(&p->train_rows);
    buf_release(&p->rows);
}

static int read_field(const struct part *p, ProtobufCBinaryData f,
                      struct buf *out)
{
    struct cid c;

    return object_cid(f, &c)
               ? object_read(p->a->store, &c, LIMIT_HELD_BYTES, out)
               : ERR_TRACE(ERR_ENCODING);
}

static int part_load(struct part *p, const struct audit *a, unsigned metric,
                     const Proctor__Split *s)
{
    int is_text = metric == METRIC_LOG_LOSS;
    ProtobufCBinaryData of = is_text ? s->dataset : s->data;
    const Proctor__Data *d;

    p->a = a;
    p->metric = metric;
    p->s = s;
    buf_init(&p->train_rows, LIMIT_HELD_BYTES);
    buf_init(&p->rows, LIMIT_HELD_BYTES);
    if (of.len != CID_BYTES) {
        return ERR_TRACE(ERR_ENCODING);
    }
    TRY(audit_read_message(a->store, of.data,
                     is_text ? &proctor__dataset__descriptor
                             : &proctor__data__descriptor,
                     &p->data));
    if (is_text) {
        TRY(read_field(p, s->train_x, &p->train_rows));
        return read_field(p, s->held_x, &p->rows);
    }
    d = (const Proctor__Data *)p->data;
    TRY(type_decode((struct ubytes){d->gives.data, d->gives.len},
                    &p->gives));
    TRY(audit_field_values(a->store, s->train_outputs, &p->gives, &p->train));
    return audit_field_values(a->store, s->held_outputs, &p->gives, &p->held);
}

static int text_losses(const struct part *p, struct ubytes answers,
                       struct holdout_losses *x)
{
    const Proctor__Dataset *d = (const Proctor__Dataset *)p->data;
    const struct holdout_text t = {buf_bytes(&p->train_rows),
                                   buf_bytes(&p->rows), d->width, d->classes};
    size_t row = 4 * (size_t)d->width;

    if (d->width < 2 || d->classes == 0 || t.train.n < row || t.held.n < row ||
        t.train.n % row != 0 || t.held.n % row != 0 ||
        answers.n != t.held.n / row * 16) {
        return ERR_INPUT;
    }
    return holdout_text_losses(&t, answers, x);
}

/* ERR_INPUT: they are no answers to these rows. */
static int part_losses(const struct part *p, const struct cid *answers,
                       struct holdout_losses *x)
{
    CLEANUP(values_release) struct values said = {0};
    CLEANUP(buf_release) struct buf b;
    enum type_tag tag;

    buf_init(&b, LIMIT_HELD_BYTES);
    if (p->metric == METRIC_LOG_LOSS) {
        TRY(object_read(p->a->store, answers, LIMIT_HELD_BYTES, &b));
        return text_losses(p, buf_bytes(&b), x);
    }
    tag = type_tag_at(&p->gives, 0);
    TRY(audit_read_values(p->a->store, answers, &p->gives, &said));
    if (values_n(&said) != values_n(&p->held) || values_n(&said) == 0 ||
        (p->metric != METRIC_ACCURACY && tag != TYPE_INT && tag != TYPE_FLOAT)) {
        return ERR_INPUT;
    }
    return holdout_losses_of(p->metric, &p->gives, &p->train, &p->held, &said,
                             x);
}

int audit_look(struct audit *a, const struct record *r, uint32_t best)
{
    ProtobufCMessage *sm CLEANUP(pb_freep) = NULL;
    CLEANUP(part_release) struct part p = {0};
    CLEANUP(holdout_losses_release) struct holdout_losses x = {0};
    struct look l = {.metric = (unsigned)record_u(r, RF_LOOK_metric),
                     .best = best};
    struct cid answers;
    int code;

    TRY(audit_read_message(a->store, record_hash(r, RF_LOOK_split),
                     &proctor__split__descriptor, &sm));
    TRY(part_load(&p, a, l.metric, (const Proctor__Split *)sm));
    memcpy(answers.b, record_hash(r, RF_LOOK_answers), CID_BYTES);
    code = part_losses(&p, &answers, &x);
    TRY(code == ERR_INPUT ? 0 : code);
    if (code == 0) {
        l.distinct = ((const Proctor__Split *)sm)->held_distinct;
        holdout_judge_losses(&x, &l);
    }
    if (code != 0 || !look_is(r, &l)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "says what does not follow from the answers");
    }
    return 0;
}

/* Evidence of each contestant, computed again from the answers. */
static int holdout_follows(const struct part *p,
                           const Proctor__HoldoutEvidence *e)
{
    CLEANUP(holdout_losses_release) struct holdout_losses x = {0};
    struct cid answers;

    if (!object_cid(e->answers, &answers)) {
        return 0;
    }
    TRY(part_losses(p, &answers, &x));
    for (size_t i = 0; i < e->n_contestants; i++) {
        const Proctor__Contestant *c = e->contestants[i];
        CLEANUP(holdout_losses_release) struct holdout_losses y = {0};
        uint64_t wins;
        uint64_t losses;

        if (c->answers.len > 0) {
            if (!object_cid(c->answers, &answers)) {
                return 0;
            }
            TRY(part_losses(p, &answers, &y));
        }
        holdout_pairs(x.mine, c->answers.len > 0 ? y.mine : x.placebo, x.n,
                      &wins, &losses);
        if (holdout_decades(holdout_evidence(wins, losses)) != c->decades) {
            return 0;
        }
    }
    return 1;
}

/* The verdict from the evidence, that from the answers. */
int audit_holdout(struct audit *a, const struct record *r)
{
    ProtobufCMessage *em CLEANUP(pb_freep) = NULL;
    ProtobufCMessage *sm CLEANUP(pb_freep) = NULL;
    CLEANUP(part_release) struct part p = {0};
    const Proctor__HoldoutEvidence *e;
    int beaten = 1;
    int code;

    TRY(audit_read_message(a->store, record_hash(r, RF_HOLDOUT_evidence),
                     &proctor__holdout_evidence__descriptor, &em));
    TRY(audit_read_message(a->store, record_hash(r, RF_HOLDOUT_split),
                     &proctor__split__descriptor, &sm));
    e = (const Proctor__HoldoutEvidence *)em;
    TRY(part_load(&p, a, e->metric, (const Proctor__Split *)sm));
    code = holdout_follows(&p, e);
    TRY(code == ERR_INPUT ? 0 : code);
    for (size_t i = 0; i < e->n_contestants; i++) {
        beaten &= e->contestants[i]->decades >= e->contestants[i]->needed;
    }
    if (!audit_same(e->split, record_hash(r, RF_HOLDOUT_split)) ||
        !audit_same(e->candidate, record_hash(r, RF_HOLDOUT_candidate)) ||
        e->metric != record_u(r, RF_HOLDOUT_metric) || e->n_contestants < 2 ||
        (record_u(r, RF_HOLDOUT_verdict) == VERDICT_ADMIT && !beaten) ||
        code != 1) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its verdict does not follow from the answers");
    }
    return 0;
}

