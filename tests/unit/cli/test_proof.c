/* Proofs made from a ledger check out for every record, and for no other. */
#include "fixture.h"

#include "cli/ledger.h"
#include "cli/proof.h"
#include "proto/tlog_proof.h"

static void test_every_record(void **state)
{
    struct fixture f;
    uint64_t seq;

    (void)state;
    fixture_usual(&f);
    for (seq = 0; seq < f.size; seq++) {
        char origin[NOTE_ORIGIN_BYTES];
        char vkey[512] = "";
        uint8_t key[32];
        struct merkle_hash leaf;
        struct tlog_proof t;
        struct proof p;
        struct diag d;

        diag_init(&d);
        proof_init(&p);
        tlog_proof_init(&t);
        assert_int_equal(proof_make(f.dir, seq, &p, &d), 0);
        assert_int_equal(p.size, f.size);
        memcpy(vkey, buf_bytes(&p.vkey).p, buf_len(&p.vkey));
        assert_int_equal(note_vkey_parse(vkey, origin, key), 0);
        assert_string_equal(origin, FIXTURE_ORIGIN);
        assert_int_equal(
            tlog_proof_read(buf_bytes(&p.text), origin, key, &t, &d), 0);
        assert_int_equal(t.index, seq);
        assert_int_equal(t.checkpoint.size, f.size);
        /* The record stands in the proof: the key is all that it takes. */
        leaf = merkle_leaf(buf_bytes(&t.extra));
        assert_memory_equal(leaf.b, p.leaf.b, 32);
        assert_int_equal(tlog_proof_check(&t, &leaf, &d), 0);
        leaf.b[0] ^= 1;
        assert_int_equal(tlog_proof_check(&t, &leaf, &d), TLOG_PROOF_E_PATH);
        tlog_proof_release(&t);
        proof_release(&p);
    }
    fixture_release(&f);
}

static void test_refused(void **state)
{
    struct fixture f;
    struct proof p;
    struct diag d;

    (void)state;
    diag_init(&d);
    fixture_usual(&f);
    proof_init(&p);
    assert_int_equal(proof_make(f.dir, f.size, &p, &d), ERR_NOT_FOUND);
    proof_release(&p);
    fixture_release(&f);
}

/* The checkpoint that the fixture's own key puts under its first n records. */
static void checkpoint_of(const struct fixture *f, uint64_t n, int fork,
                          struct buf *out)
{
    struct checkpoint cp = {.origin = FIXTURE_ORIGIN, .size = n};
    struct merkle_frontier frontier;
    struct ledger_entry e;
    struct buf body;
    struct diag d;
    uint8_t sig[64];

    diag_init(&d);
    merkle_frontier_init(&frontier);
    ledger_entry_init(&e);
    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(ledger_get(f->dir, i, &e, &d), 0);
        e.leaf.b[5] ^= (uint8_t)(fork && i == n - 1);
        merkle_frontier_add(&frontier, &e.leaf);
    }
    ledger_entry_release(&e);
    cp.root = merkle_frontier_root(&frontier);
    buf_init(&body, NOTE_BYTES_MAX);
    buf_init(out, NOTE_BYTES_MAX);
    assert_int_equal(note_body(&body, &cp), 0);
    crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                         f->secret_key);
    assert_int_equal(note_write(out, &cp, f->public_key, sig), 0);
    buf_release(&body);
}

/* From every size: proven, checked, and no byte of the proof can be changed. */
static void test_since(void **state)
{
    struct checkpoint before;
    struct checkpoint now;
    struct fixture f;
    struct diag d;

    (void)state;
    diag_init(&d);
    fixture_usual(&f);
    for (uint64_t n = 1; n <= f.size; n++) {
        struct buf old;
        struct buf text;

        checkpoint_of(&f, n, 0, &old);
        buf_init(&text, NOTE_BYTES_MAX);
        assert_int_equal(proof_since_make(f.dir, buf_bytes(&old), &text, &d),
                         0);
        assert_int_equal(proof_since_check(buf_bytes(&text), buf_bytes(&old),
                                           FIXTURE_ORIGIN, f.public_key, f.public_key,
                                           &before, &now, &d),
                         0);
        assert_true(before.size == n && now.size == f.size);
        for (size_t i = 0; i < buf_len(&text); i += 1 + i % 3) {
            text.data_[i] ^= 2;
            assert_int_equal(proof_since_check(buf_bytes(&text),
                                               buf_bytes(&old), FIXTURE_ORIGIN,
                                               f.public_key, f.public_key,
                                               &before, &now, &d),
                             ERR_TASK_FAILED);
            text.data_[i] ^= 2;
        }
        buf_release(&old);
        checkpoint_of(&f, n, 1, &old);
        assert_int_equal(proof_since_check(buf_bytes(&text), buf_bytes(&old),
                                           FIXTURE_ORIGIN, f.public_key, f.public_key,
                                           &before, &now, &d),
                         ERR_TASK_FAILED);
        buf_reset(&text);
        assert_int_equal(proof_since_make(f.dir, buf_bytes(&old), &text, &d),
                         ERR_TASK_FAILED);
        assert_non_null(strstr(d.what, "does not go on"));
        buf_release(&old);
        buf_release(&text);
    }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_record),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_since)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
