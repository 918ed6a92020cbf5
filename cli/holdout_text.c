/* HOLDOUT records in words. Measured numbers are those of the LOOK; claims stand
 * beside them and are called claims. */
#include "cli/holdout_text.h"

#include <inttypes.h>
#include <string.h>

#include "cli/ledger.h"
#include "cli/look_text.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/pb.h"

#include "evidence.pb-c.h"

enum role {
    ROLE_CONSTANT = 1,
    ROLE_TWIN,
    ROLE_INCUMBENT
};

struct sitting {
    struct ledger_entry look;
    int has_look;
    ProtobufCMessage *m; /* owned; HoldoutEvidence, or NULL */
};

static void sitting_release(struct sitting *s)
{
    ledger_entry_release(&s->look);
    pb_free(s->m);
}

static void sitting_load(struct sitting *s, const char *store,
                         const struct record *r)
{
    uint64_t look_ref = record_u(r, RF_HOLDOUT_look_ref);
    struct cid evidence;
    struct diag d;

    diag_init(&d);
    memset(s, 0, sizeof(*s));
    ledger_entry_init(&s->look);
    s->has_look = look_ref > 0 &&
                  ledger_get(store, look_ref - 1, &s->look, &d) == 0 &&
                  s->look.r.kind == RECORD_LOOK;
    memcpy(evidence.b, record_hash(r, RF_HOLDOUT_evidence), CID_BYTES);
    if (object_message(store, &evidence,
                       &proctor__holdout_evidence__descriptor, &s->m) != 0) {
        s->m = NULL;
    }
    err_trace_clear();
}

static const char *role_name(uint32_t role)
{
    switch (role) {
    case ROLE_CONSTANT:
        return "one answer for all rows";
    case ROLE_TWIN:
        return "twin";
    case ROLE_INCUMBENT:
        return "what the ref leads to";
    default:
        return "?";
    }
}

static void print_against(FILE *to, const Proctor__HoldoutEvidence *e,
                          unsigned indent)
{
    fprintf(to, "%*s%-24s %-24s %-9s needed\n", (int)indent, "", "held against",
            "", "evidence");
    for (size_t i = 0; i < e->n_contestants; i++) {
        const Proctor__Contestant *c = e->contestants[i];

        fprintf(to, "%*s%-24.64s %-24s 10^%-6u 10^%u%s\n", (int)indent, "",
                c->name, role_name(c->role), c->decades, c->needed,
                c->decades < c->needed ? "  not reached" : "");
    }
}

static void print_claims(FILE *to, const Proctor__HoldoutEvidence *e,
                         unsigned indent)
{
    if (e->n_claims == 0) {
        return;
    }
    fprintf(to, "%*sclaimed by its trainer, on its own rows:", (int)indent, "");
    for (size_t i = 0; i < e->n_claims; i++) {
        fprintf(to, "%s %.32s %.4g", i == 0 ? "" : ",", e->claims[i]->name,
                e->claims[i]->value);
    }
    fputc('\n', to);
}

void holdout_print(FILE *to, const char *store, const struct record *r,
                   unsigned indent)
{
    struct sitting s CLEANUP(sitting_release);
    const Proctor__HoldoutEvidence *e;
    struct ubytes why = record_bytes(r, RF_HOLDOUT_reason);

    sitting_load(&s, store, r);
    e = (const Proctor__HoldoutEvidence *)s.m;
    fprintf(to, "%s%s%.*s\n",
            verdict_name((unsigned)record_u(r, RF_HOLDOUT_verdict)),
            why.n > 0 ? ": " : "", (int)why.n, (const char *)why.p);
    if (s.has_look) {
        fprintf(to, "%*smeasured: ", (int)indent, "");
        look_print(to, store, &s.look.r, indent + 2);
    }
    if (e != NULL) {
        print_claims(to, e, indent);
        print_against(to, e, indent);
    }
}

static void put_look(struct json *j, const char *store, const struct sitting *s)
{
    char score[LOOK_SCORE_BYTES];
    double lo;
    double hi;

    if (!s->has_look) {
        json_null(j, "measured");
        return;
    }
    look_score(&s->look.r, RF_LOOK_loss, score);
    look_interval(&s->look.r, look_releases(store, &s->look.r), &lo, &hi);
    json_object(j, "measured");
    json_u64(j, "look", s->look.r.seq);
    json_str(j, "outcome", look_outcome_text(&s->look.r));
    json_str(j, "best", score);
    json_f64(j, "loss_low", lo);
    json_f64(j, "loss_high", hi);
    json_close(j);
}

void holdout_put_json(struct json *j, const char *store, const struct record *r)
{
    struct sitting s CLEANUP(sitting_release);
    const Proctor__HoldoutEvidence *e;

    sitting_load(&s, store, r);
    e = (const Proctor__HoldoutEvidence *)s.m;
    put_look(j, store, &s);
    json_object(j, "claimed");
    for (size_t i = 0; e != NULL && i < e->n_claims; i++) {
        json_f64(j, e->claims[i]->name, e->claims[i]->value);
    }
    json_close(j);
    json_array(j, "against");
    for (size_t i = 0; e != NULL && i < e->n_contestants; i++) {
        const Proctor__Contestant *c = e->contestants[i];

        json_object(j, NULL);
        json_str(j, "name", c->name);
        json_str(j, "role", role_name(c->role));
        json_u64(j, "decades", c->decades);
        json_u64(j, "needed", c->needed);
        json_close(j);
    }
    json_close(j);
}
