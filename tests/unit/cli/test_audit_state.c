/* verify: assertions and statuses that a good key signed into the ledger, and that
 * still say what cannot be. */
#include "fixture.h"

#include "cli/audit.h"
#include "proto/assertion.h"

#define OWN "refs/cml/desired/R"

struct heard {
    char text[5120];
    size_t n;
};

static void hear(void *ctx, const struct audit_finding *f)
{
    struct heard *h = ctx;
    int n = snprintf(h->text + h->n, sizeof(h->text) - h->n, "%d %s: %s\n",
                     (int)f->grade, f->where, f->what);

    h->n += n > 0 && (size_t)n < sizeof(h->text) - h->n ? (size_t)n : 0;
}

/* says: what is found; NULL: nothing. */
static void expect(struct fixture *f, const char *says)
{
    struct heard h = {.n = 0};
    struct audit_ears ears = {hear, NULL, &h};
    struct audit_result r;
    struct diag d;

    fixture_end(f, 1);
    fixture_write(f);
    diag_init(&d);
    assert_int_equal(audit_run(f->dir, 0, &ears, &r, &d), 0);
    if ((r.count[AUDIT_DAMAGE] > 0) != (says != NULL) ||
        (says != NULL && strstr(h.text, says) == NULL)) {
        fail_msg("wanted \"%s\", got:\n%s", says != NULL ? says : "", h.text);
    }
    fixture_release(f);
}

static void begin(struct fixture *f, char did[static DID_BYTES])
{
    fixture_init(f);
    fixture_objects(f, VERDICT_ADMIT);
    fixture_run(f, "say");
    did_text(f->public_key, did);
}

static struct assertion make(const char *did, const char *path,
                             const char *operation,
                             const struct assertion *before)
{
    struct assertion a;

    assert_int_equal(assertion_init(&a, did, path, operation), 0);
    a.n = 1;
    if (strcmp(operation, "DELETE") != 0) {
        memset(a.payload.b, 7, CID_BYTES);
    }
    if (before != NULL) {
        a.n = before->n + 1;
        assert_int_equal(assertion_hash(before, &a.prev), 0);
    }
    return a;
}

/* secret: the writer's, or NULL. */
static void add(struct fixture *f, const struct assertion *a,
                const uint8_t *secret)
{
    CLEANUP(buf_release) struct buf statement;
    uint8_t sig[64];
    struct record r;

    buf_init(&statement, 4096);
    record_init(&r, RECORD_ASSERT);
    record_set_u(&r, RF_ASSERT_run, f->run_seq);
    record_set_str(&r, RF_ASSERT_task, "say");
    assertion_put(a, &r);
    if (secret != NULL) {
        assert_int_equal(assertion_statement(a, &statement), 0);
        crypto_sign_detached(sig, NULL, buf_bytes(&statement).p,
                             buf_len(&statement), secret);
        record_set_bytes(&r, RF_ASSERT_signature,
                         (struct ubytes){sig, sizeof(sig)});
    }
    (void)fixture_add(f, &r);
}

struct writer {
    uint8_t secret[64];
    char did[DID_BYTES];
    char path[LIMIT_REF_BYTES + 1];
};

static void writer_make(struct writer *w)
{
    uint8_t key[32];

    (void)crypto_sign_keypair(key, w->secret);
    did_text(key, w->did);
    (void)snprintf(w->path, sizeof(w->path), ASSERTION_REMOTES "%s/seen/R",
                   w->did);
}

static void test_whole(void **state)
{
    char did[DID_BYTES];
    struct assertion a;
    struct assertion b;
    struct fixture f;
    struct writer w;

    (void)state;
    begin(&f, did);
    a = make(did, OWN, "SET", NULL);
    add(&f, &a, NULL);
    b = make(did, OWN, "DELETE", &a);
    add(&f, &b, NULL);
    writer_make(&w);
    a = make(w.did, w.path, "SET", NULL);
    add(&f, &a, w.secret);
    expect(&f, NULL);
}

/* What only the order tells: a number again, one left out, another predecessor. */
static void test_chain(void **state)
{
    const char *says = "about its ref and follows another one";
    char did[DID_BYTES];
    struct assertion a;
    struct assertion b;
    struct fixture f;

    (void)state;
    for (int i = 0; i < 4; i++) {
        begin(&f, did);
        a = make(did, OWN, "SET", NULL);
        add(&f, &a, NULL);
        b = make(did, OWN, "UPDATE", &a);
        b.n = i == 0 ? 1 : i == 1 ? 3 : 2;
        b.prev.b[5] ^= i == 2;
        add(&f, &b, NULL);
        expect(&f, i < 3 ? says : NULL);
    }
}

/* In another's name: unsigned, by another key, for another statement, at a place
 * that is not the writer's. */
static void test_writer(void **state)
{
    const char *says = "is not signed by the writer that it names";
    char did[DID_BYTES];
    struct assertion a;
    struct fixture f;
    struct writer w;
    struct writer x;

    (void)state;
    writer_make(&w);
    writer_make(&x);
    a = make(w.did, w.path, "SET", NULL);
    begin(&f, did);
    add(&f, &a, NULL);
    expect(&f, says);
    begin(&f, did);
    add(&f, &a, x.secret);
    expect(&f, says);
    begin(&f, did);
    add(&f, &a, f.secret_key); /* not even by the log's */
    expect(&f, says);
    begin(&f, did);
    a = make(x.did, w.path, "SET", NULL);
    add(&f, &a, x.secret);
    expect(&f, "asserts what cannot be");
    begin(&f, did);
    a = make(w.did, OWN, "SET", NULL);
    add(&f, &a, w.secret);
    expect(&f, "asserts what cannot be");
}

static void test_form(void **state)
{
    char did[DID_BYTES];
    struct assertion a;
    struct fixture f;

    (void)state;
    begin(&f, did);
    a = make(did, OWN, "SET", NULL);
    memset(a.payload.b, 0, CID_BYTES);
    add(&f, &a, NULL);
    expect(&f, "its payload does not go with its operation");
    begin(&f, did);
    a = make(did, OWN, "MOVE", NULL);
    add(&f, &a, NULL);
    expect(&f, "no such operation");
}

static void compare(struct fixture *f, uint8_t status, uint64_t cached_ref)
{
    struct record r;
    struct cid three[3] = {{{1}}, {{2}}, {{3}}};
    struct cid is = {{status}};
    char key[RECONCILE_KEY_BYTES];

    reconcile_key(three, key);
    record_init(&r, RECORD_RECONCILE);
    record_set_u(&r, RF_RECONCILE_run, f->run_seq);
    record_set_str(&r, RF_RECONCILE_task, "say");
    record_set_str(&r, RF_RECONCILE_desired_path, OWN);
    record_set_str(&r, RF_RECONCILE_observed_path, OWN "2");
    record_set_str(&r, RF_RECONCILE_key, key);
    for (unsigned i = 0; i < 3; i++) {
        record_set_hash(&r, RF_RECONCILE_unit + i, three[i].b);
    }
    record_set_u(&r, RF_RECONCILE_state, RECONCILE_UNIT);
    record_set_hash(&r, RF_RECONCILE_status, is.b);
    record_set_u(&r, RF_RECONCILE_cached_ref, cached_ref);
    (void)fixture_add(f, &r);
}

/* A status that is called cached, and one that is another the second time. */
static void test_status(void **state)
{
    const char *says = "its status is not what its unit came to before";
    char did[DID_BYTES];
    struct fixture f;

    (void)state;
    begin(&f, did);
    compare(&f, 9, 0);
    compare(&f, 9, f.size);
    expect(&f, NULL);
    begin(&f, did);
    compare(&f, 9, 1);
    expect(&f, says);
    begin(&f, did);
    compare(&f, 9, 0);
    compare(&f, 8, 0);
    expect(&f, says);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),  cmocka_unit_test(test_chain),
        cmocka_unit_test(test_writer), cmocka_unit_test(test_form),
        cmocka_unit_test(test_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
