/* Proofs made from a ledger check out for every record, and for no other. */
#include "fixture.h"

#include "cli/proof.h"

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
        struct checkpoint cp;
        struct proof p;
        struct diag d;
        uint64_t index = 99;

        diag_init(&d);
        proof_init(&p);
        assert_int_equal(proof_make(f.dir, seq, &p, &d), 0);
        assert_int_equal(p.size, f.size);
        leaf = merkle_leaf(buf_bytes(&p.entry));
        assert_memory_equal(leaf.b, p.leaf.b, 32);
        memcpy(vkey, buf_bytes(&p.vkey).p, buf_len(&p.vkey));
        assert_int_equal(note_vkey_parse(vkey, origin, key), 0);
        assert_string_equal(origin, FIXTURE_ORIGIN);
        assert_int_equal(note_proof_check(buf_bytes(&p.text), origin, key,
                                          &leaf, &index, &cp),
                         0);
        assert_int_equal(index, seq);
        assert_int_equal(proof_index(buf_bytes(&p.text), &index), 0);
        assert_int_equal(index, seq);
        leaf.b[0] ^= 1;
        assert_int_equal(note_proof_check(buf_bytes(&p.text), origin, key,
                                          &leaf, &index, &cp),
                         NOTE_E_PROOF);
        proof_release(&p);
    }
    fixture_release(&f);
}

static void test_refused(void **state)
{
    struct fixture f;
    struct proof p;
    struct diag d;
    uint64_t index;

    (void)state;
    diag_init(&d);
    fixture_usual(&f);
    proof_init(&p);
    assert_int_equal(proof_make(f.dir, f.size, &p, &d), ERR_NOT_FOUND);
    proof_release(&p);
    assert_int_equal(
        proof_index((struct ubytes){(const uint8_t *)"x", 1}, &index),
        ERR_INPUT);
    assert_int_equal(
        proof_index((struct ubytes){(const uint8_t *)"a\nindex ", 8}, &index),
        ERR_INPUT);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_record),
                                       cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
