/* Assertions: DIDs, names, statements and signatures. */
#include "gen.h"

#include <sodium.h>

#include "proto/assertion.h"
#include "proto/record.h"

/* did:key's own test vector (W3C did:key, Ed25519). */
static const char VECTOR[] =
    "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
static const char VECTOR_KEY[] =
    "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";

static void test_did(void **state)
{
    char text[DID_BYTES];
    uint8_t key[32];
    uint8_t want[32];
    unsigned i;

    (void)state;
    assert_int_equal(hex_parse(VECTOR_KEY, 64, want), 0);
    did_text(want, text);
    assert_string_equal(text, VECTOR);
    assert_int_equal(did_parse(VECTOR, key), 0);
    assert_memory_equal(key, want, 32);
    for (i = 0; i < 2000; i++) {
        randombytes_buf(want, 32);
        if (i < 32) {
            memset(want, i % 2 ? 0xff : 0, i);
        }
        did_text(want, text);
        assert_int_equal(strlen(text), DID_BYTES - 1);
        assert_int_equal(did_parse(text, key), 0);
        assert_memory_equal(key, want, 32);
    }
    /* Every other character at every place is another key or none. */
    for (i = 0; i < DID_BYTES - 1; i++) {
        char c;

        for (c = 33; c < 127; c++) {
            (void)memcpy(text, VECTOR, sizeof(text));
            text[i] = c;
            if (c != VECTOR[i] && did_parse(text, key) == 0) {
                did_text(key, text);
                assert_string_not_equal(text, VECTOR);
            }
        }
    }
    assert_true(did_parse("", key) != 0);
    assert_true(did_parse("did:key:z6Mk", key) != 0);
    assert_true(did_parse("did:web:example.org", key) != 0);
}

static const char *problem(const char *did, const char *path, const char *op,
                           const char *own)
{
    struct assertion a;

    assert_int_equal(assertion_init(&a, did, path, op), 0);
    return assertion_problem(&a, own);
}

static void test_names(void **state)
{
    static const char *const bad[] = {
        "",           "refs/cml",     "refs/cml/",     "refs/cml//a",
        "refs/cml/.", "refs/cml/..",  "refs/cml/a/",   "refs/cml/a b",
        "refs/x/a",   "/refs/cml/a",  "refs/cml/a/..", "refs/cml/remotes/a",
        "refs/cml/remotes", "refs/cml/\xc3\xa9", "refs/cml/a:b"};
    static const char *const bad_ops[] = {"",     "set",        "SET_",
                                          "MOVE", "UPDATE_",    "SET_title",
                                          "SETX", "SET_1A",     "DELETE_A",
                                          "SET ", "UPDATE_A-B", "SET_\n"};
    char own[DID_BYTES];
    char other[DID_BYTES];
    char path[LIMIT_REF_BYTES + 1];
    struct assertion a;
    uint8_t key[32] = {1};
    size_t i;

    (void)state;
    did_text(key, own);
    key[0] = 2;
    did_text(key, other);
    for (i = 0; i < ARRAY_N(bad); i++) {
        assert_non_null(problem(own, bad[i], "SET", own));
    }
    for (i = 0; i < ARRAY_N(bad_ops); i++) {
        assert_non_null(problem(own, "refs/cml/a", bad_ops[i], own));
    }
    assert_null(problem(own, "refs/cml/desired/TAX_RATE", "UPDATE", own));
    assert_null(problem(own, "refs/cml/cobs/1.a-b_c", "SET_A_1", own));
    assert_non_null(problem("did:key:x", "refs/cml/a", "SET", own));
    assert_non_null(problem(other, "refs/cml/a", "SET", own));
    (void)snprintf(path, sizeof(path), "refs/cml/remotes/%s/a/b", other);
    assert_null(problem(other, path, "DELETE", own));
    assert_non_null(problem(own, path, "SET", own));
    assert_int_equal(assertion_init(&a, other, path, "SET"), 0);
    assertion_own_path(&a, path);
    assert_string_equal(path, "refs/cml/a/b");
    (void)snprintf(path, sizeof(path), "refs/cml/remotes/%s/a", own);
    assert_non_null(problem(own, path, "SET", own));
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    memcpy(path, "refs/cml/", 9);
    assert_null(problem(own, path, "SET", own)); /* the longest */
}

/* The statement is what proctor-store(5) says, whoever keeps it. */
static void test_statement(void **state)
{
    struct assertion a;
    CLEANUP(buf_release) struct buf b;
    struct cid hash;
    struct cid again;
    char path[LIMIT_REF_BYTES + 1];

    (void)state;
    buf_init(&b, 4096);
    assert_int_equal(assertion_init(&a, VECTOR, "refs/cml/x", "DELETE"), 0);
    a.n = 1;
    assert_int_equal(assertion_statement(&a, &b), 0);
    assert_int_equal(buf_put_u8(&b, 0), 0);
    assert_string_equal((const char *)buf_bytes(&b).p,
                        "proctor cml assertion v1\n"
                        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\n"
                        "refs/cml/x\nDELETE\n-\n1\n-\n");
    assert_int_equal(assertion_hash(&a, &hash), 0);
    (void)snprintf(path, sizeof(path), "refs/cml/remotes/%s/x", VECTOR);
    assert_int_equal(assertion_init(&a, VECTOR, path, "DELETE"), 0);
    a.n = 1;
    assert_int_equal(assertion_hash(&a, &again), 0);
    assert_true(cid_is_equal(&hash, &again));
    a.n = 2;
    assert_int_equal(assertion_hash(&a, &again), 0);
    assert_false(cid_is_equal(&hash, &again));
}

static void test_signatures(void **state)
{
    uint8_t public[32];
    uint8_t secret[64];
    uint8_t sig[64];
    char did[DID_BYTES];
    struct assertion a;
    struct assertion b;
    CLEANUP(buf_release) struct buf text;
    size_t i;

    (void)state;
    assert_true(sodium_init() >= 0);
    crypto_sign_keypair(public, secret);
    did_text(public, did);
    assert_int_equal(assertion_init(&a, did, "refs/cml/x", "SET"), 0);
    a.n = 3;
    a.payload.b[0] = 1;
    a.prev.b[0] = 2;
    buf_init(&text, 4096);
    assert_int_equal(assertion_statement(&a, &text), 0);
    crypto_sign_detached(sig, NULL, buf_bytes(&text).p, buf_len(&text), secret);
    assert_true(assertion_is_signed(&a, (struct ubytes){sig, 64}));
    assert_false(assertion_is_signed(&a, (struct ubytes){sig, 63}));
    assert_false(assertion_is_signed(&a, (struct ubytes){NULL, 0}));
    for (i = 0; i < 64; i++) {
        sig[i] ^= 1;
        assert_false(assertion_is_signed(&a, (struct ubytes){sig, 64}));
        sig[i] ^= 1;
    }
    for (i = 0; i < 5; i++) {
        b = a;
        b.n += i == 0;
        b.payload.b[31] ^= i == 1;
        b.prev.b[31] ^= i == 2;
        b.path[9] = i == 3 ? 'y' : b.path[9];
        b.operation[0] = i == 4 ? 'G' : b.operation[0];
        assert_false(assertion_is_signed(&b, (struct ubytes){sig, 64}));
    }
}

static void test_record(void **state)
{
    struct assertion a;
    struct record r;
    char longer[300];

    (void)state;
    record_init(&r, RECORD_ASSERT);
    record_set_str(&r, RF_ASSERT_did, VECTOR);
    record_set_str(&r, RF_ASSERT_path, "refs/cml/x");
    record_set_str(&r, RF_ASSERT_operation, "SET_A");
    record_set_u(&r, RF_ASSERT_n, 7);
    assert_int_equal(assertion_of(&r, &a), 0);
    assert_int_equal(a.n, 7);
    assert_string_equal(a.path, "refs/cml/x");
    assert_string_equal(assertion_field(a.operation), "A");
    assert_string_equal(assertion_field("DELETE"), "");
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    record_set_str(&r, RF_ASSERT_path, longer);
    assert_true(assertion_of(&r, &a) < 0);
}

static void test_payload(void **state)
{
    static const uint8_t one[] = {'C', 'M', 'L', 'B', 0, 0, 0,
                                  1,   0,   0,   0,   2, 'a', 'b'};
    struct cid cid;
    struct cid want = cid_of((struct ubytes){(const uint8_t *)"ab", 2});
    size_t n;

    (void)state;
    assert_int_equal(assertion_payload((struct ubytes){one, sizeof(one)}, &cid),
                     0);
    assert_true(cid_is_equal(&cid, &want));
    for (n = 0; n < sizeof(one); n++) {
        assert_true(assertion_payload((struct ubytes){one, n}, &cid) < 0);
    }
}

static void test_states(void **state)
{
    const struct cid none = {{0}};
    struct cid three[3] = {{{0}}, {{1}}, {{1}}};

    (void)state;
    assert_int_equal(reconcile_state(three), RECONCILE_IN_SYNC);
    three[2].b[0] = 2;
    assert_int_equal(reconcile_state(three), RECONCILE_DRIFT);
    three[0].b[0] = 9;
    assert_int_equal(reconcile_state(three), RECONCILE_UNIT);
    three[2] = none;
    assert_int_equal(reconcile_state(three), RECONCILE_MISSING_OBSERVED);
    three[1] = none;
    assert_int_equal(reconcile_state(three), RECONCILE_MISSING_DESIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_did),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_statement),  cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_record),     cmocka_unit_test(test_payload),
        cmocka_unit_test(test_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
