/* Proofs made from a ledger check out for every record, and for no other. */
#include "fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_record),
                                       cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
