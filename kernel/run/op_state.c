/* Ops on the refs of CML. `assert`: what somebody says of a ref becomes a record,
 * if it follows what the same writer said of it before and, of another than the
 * store, is signed. Saying again what stands changes nothing: so a run that was
 * cut short can go on. `reconcile`: status = unit(desired, observed), two refs of
 * one moment; the same three CIDs have the status that is recorded. Kernel
 * process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/linking.h"
#include "kernel/store/fold.h"
#include "proto/assertion.h"
#include "proto/err.h"

enum { UNIT, DESIRED, OBSERVED, THREE };

struct state {
    struct linking *linking;
    struct cid bundle; /* of the payload, or the status */
    /* assert */
    struct assertion a;
    struct assertion head; /* n 0: there is none */
    uint64_t head_ref;
    /* reconcile */
    char *paths[2];  /* borrowed; desired, observed */
    struct buf unit; /* bundle, linked */
    char key[RECONCILE_KEY_BYTES];
    struct record rec; /* RECONCILE; borrows from here */
};

static void state_free(void *state)
{
    struct state *s = state;

    linking_free(s->linking);
    buf_release(&s->unit);
    free(s);
}

static int state_new(struct live *l, struct state **out)
{
    struct state *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = l->state = s;
    buf_init(&s->unit, LIMIT_CML_BUNDLE_BYTES);
    return linking_new(l, &s->linking);
}

static int done(struct live *l, uint64_t ref, const char *reason)
{
    const struct state *s = l->state;
    struct outcome o = {.passed = 1,
                        .level = LEVEL_SCHEMA,
                        .result = s->bundle,
                        .evidence_ref = ref};

    snprintf(o.reason, sizeof(o.reason), "%s", reason);
    live_over(l, &o);
    return 0;
}

static int record_assertion(struct live *l, const struct state *s)
{
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_ASSERT);
    record_set_u(&rec, RF_ASSERT_run, l->run->seq);
    record_set_str(&rec, RF_ASSERT_task, live_id(l));
    assertion_put(&s->a, &rec);
    record_set_hash(&rec, RF_ASSERT_bundle, s->bundle.b);
    record_set_u(&rec, RF_ASSERT_prev_ref, s->head_ref);
    record_set_bytes(&rec, RF_ASSERT_signature,
                     field_bytes(&live_spec(l)->assertion->signature));
    TRY(run_record(l->run, &rec, &seq));
    TRY(run_commit(l->run)); /* the next one follows it */
    return done(l, seq + 1, "");
}

/* The writer's last one; of one that has its number already, the one that has. */
static int read_head(struct live *l, struct state *s)
{
    struct core *c = l->run->core;
    const Proctor__RefState *ref =
        fold_ref_state(ledger_fold(c->ledger), s->a.path);
    uint64_t next = ref == NULL ? 0 : ref->seq + 1;

    while (next > 0 &&
           (s->head.n == 0 || (s->a.n > 0 && s->head.n > s->a.n))) {
        CLEANUP(buf_release) struct buf b;
        struct record rec;

        s->head_ref = next;
        TRY(core_read_record(c, next - 1, RECORD_ASSERT, &b, &rec));
        TRY(assertion_of(&rec, &s->head));
        next = record_u(&rec, RF_ASSERT_prev_ref);
    }
    return 0;
}

/* Its place behind what stands there: nothing can come in between. */
static int settle(struct live *l)
{
    const Proctor__AssertSpec *spec = live_spec(l)->assertion;
    struct state *s = l->state;
    const char *problem;
    int there = 0;

    s->a.n = spec->n;
    if (spec->prev.len == CID_BYTES) {
        memcpy(s->a.prev.b, spec->prev.data, CID_BYTES);
    }
    TRY(read_head(l, s));
    problem = assertion_problem(&s->a, linking_did(s->linking));
    if (problem == NULL && spec->n > 0 &&
        !assertion_is_signed(&s->a, field_bytes(&spec->signature))) {
        problem = "the signature is not the writer's over this";
    }
    if (problem == NULL) {
        problem = assertion_follow(&s->head, &s->a, spec->expect, &there);
    }
    if (problem != NULL) {
        live_fail(l, 0, "%s of %s: %s (%llu stand there)", s->a.path, s->a.did,
                  problem, (unsigned long long)s->head.n);
        return 0;
    }
    return there ? done(l, s->head_ref, "it was there")
                 : record_assertion(l, s);
}

static int on_payload(struct live *l, const Proctor__CmlReply *reply)
{
    const Proctor__AssertSpec *spec = live_spec(l)->assertion;
    struct ubytes bundle = field_bytes(&reply->units[0]->bundle);
    struct state *s = l->state;
    char text[CID_TEXT_BYTES];
    int code;

    TRY(assertion_payload(bundle, &s->a.payload));
    if (spec->cid.len == CID_BYTES &&
        memcmp(spec->cid.data, s->a.payload.b, CID_BYTES) != 0) {
        cid_text(&s->a.payload, text);
        live_fail(l, 0, "the payload is another than was said: %s", text);
        return 0;
    }
    code = core_put(l->run->core, bundle, &s->bundle);
    return code ? code : settle(l);
}

static int assert_start(struct live *l)
{
    const Proctor__AssertSpec *spec = live_spec(l)->assertion;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    struct state *s;

    TRY(state_new(l, &s));
    TRY(assertion_init(&s->a,
                       spec->did[0] == '\0' ? linking_did(s->linking)
                                            : spec->did,
                       spec->ref, spec->operation)); /* admission: it fits */
    if (strcmp(spec->operation, "DELETE") == 0) {
        return settle(l);
    }
    task.command = PROCTOR__CML_COMMAND__CML_PAYLOAD;
    task.unit = spec->unit;
    task.args = (char **)(uintptr_t)&spec->leaf;
    task.n_args = spec->leaf[0] != '\0';
    task.gives = spec->type;
    return linking_ask(s->linking, &task, spec->file, NULL, on_payload);
}

/* The status: of this worker, or of the record that is cached. */
static int record_status(struct live *l, const uint8_t status[static CID_BYTES],
                         uint64_t cached_ref)
{
    struct state *s = l->state;
    char text[64];
    uint64_t seq;

    record_set_hash(&s->rec, RF_RECONCILE_status, status);
    record_set_hash(&s->rec, RF_RECONCILE_bundle, s->bundle.b);
    record_set_u(&s->rec, RF_RECONCILE_cached_ref, cached_ref);
    TRY(run_record(l->run, &s->rec, &seq)); /* signed with its task's */
    snprintf(text, sizeof(text), "%s%s",
             reconcile_state_name(
                 (unsigned)record_u(&s->rec, RF_RECONCILE_state)),
             cached_ref != 0 ? ", cached" : "");
    return done(l, seq + 1, text);
}

static int on_status(struct live *l, const Proctor__CmlReply *reply)
{
    struct ubytes bundle = field_bytes(&reply->units[0]->bundle);
    struct state *s = l->state;
    struct cid status;
    int code;

    TRY(assertion_payload(bundle, &status));
    code = core_put(l->run->core, bundle, &s->bundle);
    return code ? code : record_status(l, status.b, 0);
}

/* Everything but the status. reply: the unit, linked, or NULL. Where a ref leads
 * nowhere, and without a unit, the comparison of the CIDs is the state. */
static int describe(struct live *l, const Proctor__CmlReply *reply)
{
    struct state *s = l->state;
    struct cid three[THREE] = {{{0}}};
    struct cid snapshot;
    int code = linking_snapshot(s->linking, &snapshot);

    if (code != 0) {
        return code;
    }
    if (reply != NULL) {
        struct ubytes unit = field_bytes(&reply->units[0]->bundle);

        TRY(assertion_payload(unit, &three[UNIT]));
        TRY(buf_put(&s->unit, unit.p, unit.n));
    }
    three[DESIRED] = linking_pinned(s->linking, s->paths[0]);
    three[OBSERVED] = linking_pinned(s->linking, s->paths[1]);
    reconcile_key(three, s->key);
    record_init(&s->rec, RECORD_RECONCILE);
    record_set_u(&s->rec, RF_RECONCILE_run, l->run->seq);
    record_set_str(&s->rec, RF_RECONCILE_task, live_id(l));
    record_set_str(&s->rec, RF_RECONCILE_desired_path, s->paths[0]);
    record_set_str(&s->rec, RF_RECONCILE_observed_path, s->paths[1]);
    record_set_str(&s->rec, RF_RECONCILE_key, s->key);
    for (unsigned i = UNIT; i < THREE; i++) {
        record_set_hash(&s->rec, RF_RECONCILE_unit + i, three[i].b);
    }
    record_set_hash(&s->rec, RF_RECONCILE_snapshot, snapshot.b);
    record_set_u(&s->rec, RF_RECONCILE_state, reconcile_state(three));
    return 0;
}

static int apply(struct live *l, const Proctor__CmlReply *reply)
{
    struct core *c = l->run->core;
    struct state *s = l->state;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    CLEANUP(buf_release) struct buf b;
    const Proctor__RefState *known;
    struct record rec;
    int code = describe(l, reply);

    buf_init(&b, LIMIT_RECORD_BYTES);
    if (code != 0) {
        return code;
    }
    known = fold_ref_state(ledger_fold(c->ledger), s->key);
    if (known != NULL) {
        TRY(core_read_record(c, known->seq, RECORD_RECONCILE, &b, &rec));
        memcpy(s->bundle.b, record_hash(&rec, RF_RECONCILE_bundle), CID_BYTES);
        return record_status(l, record_hash(&rec, RF_RECONCILE_status),
                             known->seq + 1);
    }
    task.command = PROCTOR__CML_COMMAND__CML_RECONCILE;
    task.fuel = LIMIT_CML_FUEL;
    task.args = s->paths;
    task.n_args = ARRAY_N(s->paths);
    return linking_ask(s->linking, &task, "", reply != NULL ? &s->unit : NULL,
                       on_status);
}

static int reconcile_start(struct live *l)
{
    const Proctor__ReconcileSpec *spec = live_spec(l)->reconcile;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    struct state *s;

    TRY(state_new(l, &s));
    s->paths[0] = spec->desired;
    s->paths[1] = spec->observed;
    TRY(linking_pin(s->linking, spec->desired));
    TRY(linking_pin(s->linking, spec->observed));
    if (spec->file[0] == '\0') {
        int code = linking_read(s->linking);

        return code < 0 ? code : apply(l, NULL);
    }
    task.command = PROCTOR__CML_COMMAND__CML_LINK;
    task.unit = spec->unit;
    return linking_ask(s->linking, &task, spec->file, NULL, apply);
}

const struct op op_assert = {"assert", assert_start, state_free};
const struct op op_reconcile = {"reconcile", reconcile_start, state_free};
