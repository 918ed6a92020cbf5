/* Seeds and proofs against vectors made with other implementations (Python's
 * hashlib; the commands stand beside them). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "kernel/run/verdict.h"
#include "proto/record.h"

static void assert_hex(const uint8_t *have, const char *want)
{
    char text[65];

    hex_text(have, 32, text);
    assert_string_equal(text, want);
}

/* x = bytes(range(32)); leaf = bytes(range(100, 132))
 * hashlib.blake2b(b"gate-v1" + leaf, key=x, digest_size=32)
 * hashlib.blake2b(x, digest_size=32) */
static void test_seed(void **state)
{
    struct merkle_hash leaf;
    uint8_t x[32];
    uint8_t out[32];

    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        x[i] = i;
        leaf.b[i] = (uint8_t)(100 + i);
    }
    verdict_seed(x, &leaf, out);
    assert_hex(out,
               "6c6a2b5b92fabf2b0164f5a5aa405830611ec9d684710099419c85a2dd4ba270");
}

/* hashlib.sha256(bytes([1]) * 32 + bytes([2]) * 32 + bytes([3]) * 32 +
 * bytes([4]) * 32) */
static void test_proof(void **state)
{
    static const uint8_t zero[32];
    Proctor__Evidence e = PROCTOR__EVIDENCE__INIT;
    struct cid candidate;
    struct cid exam;
    uint8_t seed[32];
    uint8_t root[32];
    uint8_t out[32];

    (void)state;
    memset(candidate.b, 1, 32);
    memset(exam.b, 2, 32);
    memset(seed, 3, 32);
    memset(root, 4, 32);
    e.results_root = (ProtobufCBinaryData){32, root};
    e.verdict = VERDICT_ADMIT;
    e.level = LEVEL_PROVEN;
    verdict_proof(&candidate, &exam, seed, &e, out);
    assert_hex(out,
               "fefe0b60760d09ad6bc1add63edfb27b3fd077d1237a807c768a8e20416d1151");
    e.level = LEVEL_ORACLE;
    verdict_proof(&candidate, &exam, seed, &e, out);
    assert_memory_equal(out, zero, 32);
    e.level = LEVEL_PROVEN;
    e.verdict = VERDICT_REJECT;
    verdict_proof(&candidate, &exam, seed, &e, out);
    assert_memory_equal(out, zero, 32);
}

static void test_burnt(void **state)
{
    Proctor__Counterexample raw = PROCTOR__COUNTEREXAMPLE__INIT;
    Proctor__Counterexample shrunk = PROCTOR__COUNTEREXAMPLE__INIT;
    Proctor__Evidence e = PROCTOR__EVIDENCE__INIT;

    (void)state;
    e.verdict = VERDICT_REJECT;
    e.raw = &raw;
    assert_null(verdict_burnt(&e, 1)); /* noisy: nobody's screen */
    e.shrunk = &shrunk;
    assert_ptr_equal(verdict_burnt(&e, 1), &shrunk);
    assert_null(verdict_burnt(&e, 0)); /* public or burnt already */
    e.verdict = VERDICT_QUARANTINE;
    assert_null(verdict_burnt(&e, 1));
}

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_proof),
        cmocka_unit_test(test_burnt),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
