/* What ASSERT and RECONCILE records say: each writer's assertions about a ref are
 * numbered and chained, others' are signed, and what refs lead to is what the index
 * says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_int.h"
#include "proto/assertion.h"
#include "proto/err.h"

struct audit_state {
    struct audit_map last;    /* hash of the path -> number and hash of the last */
    struct audit_map leads;   /* hash of the path -> payload; zero: nowhere */
    struct audit_map status;  /* hash of unit, desired, observed -> status */
    uint64_t refs_n;          /* that lead somewhere */
    char own[DID_BYTES];
};

int audit_state_new(struct audit_state **out)
{
    *out = calloc(1, sizeof(**out));
    return *out == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

void audit_state_free(struct audit_state *s)
{
    if (s != NULL) {
        audit_map_release(&s->last);
        audit_map_release(&s->leads);
        audit_map_release(&s->status);
        free(s);
    }
}

static struct cid key_of(const char *path)
{
    return cid_of((struct ubytes){(const uint8_t *)path, strlen(path)});
}

/* Form, and the signature where one has to be. */
static void check_form(struct audit_state *s, struct audit *a,
                       const struct record *r, const struct assertion *x)
{
    struct ubytes signature = record_bytes(r, RF_ASSERT_signature);
    const char *problem = assertion_problem(x, s->own);

    if (problem != NULL) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq, "asserts what cannot be: %s",
                          problem);
    }
    if (cid_is_zero(&x->payload) != (strcmp(x->operation, "DELETE") == 0)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its payload does not go with its operation");
    }
    if ((signature.n > 0 || strcmp(x->did, s->own) != 0) &&
        !assertion_is_signed(x, signature)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "is not signed by the writer that it names");
    }
}

static int lead(struct audit_state *s, const struct assertion *x)
{
    struct cid key = key_of(x->path);
    struct audit_map_row *row;
    static const uint8_t none[32];

    if (assertion_field(x->operation)[0] != '\0') {
        return 0;
    }
    TRY(audit_map_put(&s->leads, key.b, &row));
    s->refs_n -= memcmp(row->value, none, 32) != 0;
    memcpy(row->value, x->payload.b, 32);
    s->refs_n += memcmp(row->value, none, 32) != 0;
    return 0;
}

static int add_assert(struct audit_state *s, struct audit *a,
                      const struct record *r)
{
    struct audit_map_row *row;
    struct assertion x;
    struct cid key;
    struct cid hash;

    if (assertion_of(r, &x) < 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "is no assertion that a kernel records");
        return 0;
    }
    TRY(assertion_hash(&x, &hash));
    key = key_of(x.path);
    TRY(audit_map_put(&s->last, key.b, &row));
    check_form(s, a, r, &x);
    if (x.n != row->n + 1 || memcmp(x.prev.b, row->value, 32) != 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "says it is number %" PRIu64 " about its ref and "
                          "follows another one than number %" PRIu64,
                          x.n, row->n);
    }
    row->n++;
    memcpy(row->value, hash.b, 32);
    return lead(s, &x);
}

/* What is called cached is what the same three CIDs came to. */
static int add_reconcile(struct audit_state *s, struct audit *a,
                         const struct record *r)
{
    uint8_t three[96];
    struct audit_map_row *row;
    struct cid key;
    int is_cached = record_u(r, RF_RECONCILE_cached_ref) != 0;

    memcpy(three, record_hash(r, RF_RECONCILE_unit), 32);
    memcpy(three + 32, record_hash(r, RF_RECONCILE_desired), 32);
    memcpy(three + 64, record_hash(r, RF_RECONCILE_observed), 32);
    key = cid_of((struct ubytes){three, sizeof(three)});
    TRY(audit_map_put(&s->status, key.b, &row));
    if ((is_cached && row->n == 0) ||
        (row->n > 0 &&
         memcmp(row->value, record_hash(r, RF_RECONCILE_status), 32) != 0)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its status is not what its unit came to before");
    }
    row->n++;
    memcpy(row->value, record_hash(r, RF_RECONCILE_status), 32);
    return 0;
}

int audit_state_add(struct audit_state *s, struct audit *a,
                    const struct record *r)
{
    if (r->kind == RECORD_GENESIS) {
        did_text(record_hash(r, RF_GENESIS_log_key), s->own);
    } else if (r->kind == RECORD_ASSERT) {
        return add_assert(s, a, r);
    } else if (r->kind == RECORD_RECONCILE) {
        return add_reconcile(s, a, r);
    }
    return 0;
}

int audit_state_leads(const struct audit_state *s, const char *path,
                      const uint8_t cid[static 32])
{
    struct cid key = key_of(path);
    const struct audit_map_row *row = audit_map_find(&s->leads, key.b);

    return row != NULL && memcmp(row->value, cid, 32) == 0;
}

uint64_t audit_state_refs(const struct audit_state *s)
{
    return s->refs_n;
}
