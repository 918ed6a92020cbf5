/* Proof files: what is written is read; each damaged field is named with its
 * line; foreign keys are told from changed texts; no byte can be changed. */
#include "gen.h"

#include <sodium.h>

#include "proto/tlog_proof.h"

#define ORIGIN "proctor/0123456789abcdef"
#define LEAVES 7

static uint8_t public_key[32];
static uint8_t secret_key[64];
static struct merkle_hash leaves[LEAVES];
static struct buf text; /* the proof of leaf 5 */

static int subtree(void *ctx, unsigned level, uint64_t i,
                   struct merkle_hash *out)
{
    (void)ctx;
    *out = merkle_root(leaves + (i << level), UINT64_C(1) << level);
    return 0;
}

static void put_note(struct buf *out)
{
    struct checkpoint c = {.origin = ORIGIN, .size = LEAVES};
    struct buf body;
    uint8_t sig[64];

    c.root = merkle_root(leaves, LEAVES);
    buf_init(&body, NOTE_BYTES_MAX);
    assert_int_equal(note_body(&body, &c), 0);
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               secret_key);
    assert_int_equal(note_write(out, &c, public_key, sig), 0);
    buf_release(&body);
}

static int setup(void **state)
{
    uint8_t seed[32] = {1};
    struct tlog_proof p;
    struct buf note;
    uint8_t i;

    (void)state;
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    for (i = 0; i < LEAVES; i++) {
        leaves[i] = merkle_leaf((struct ubytes){&i, 1});
    }
    tlog_proof_init(&p);
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&text, TLOG_PROOF_BYTES_MAX + 1000);
    put_note(&note);
    p.index = 5;
    assert_int_equal(buf_put_u8(&p.extra, 5), 0);
    assert_int_equal(
        merkle_prove_inclusion(5, LEAVES, subtree, NULL, p.path, &p.path_n), 0);
    assert_int_equal(p.path_n, 3);
    assert_int_equal(tlog_proof_write(&text, &p, buf_bytes(&note)), 0);
    tlog_proof_release(&p);
    buf_release(&note);
    return sodium_init() < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&text);
    return 0;
}

/* Reads, and checks the entry that the proof holds. */
static int judge(struct ubytes in, const char *origin, const uint8_t *key,
                 struct diag *d)
{
    struct tlog_proof p;
    struct merkle_hash leaf;
    int code;

    diag_init(d);
    tlog_proof_init(&p);
    code = tlog_proof_read(in, origin, key, &p, d);
    if (code == 0) {
        leaf = merkle_leaf(buf_bytes(&p.extra));
        code = tlog_proof_check(&p, &leaf, d);
    }
    if (code != 0) {
        assert_true(d->what[0] != '\0');
    }
    tlog_proof_release(&p);
    return code;
}

static void test_good(void **state)
{
    struct diag d;

    (void)state;
    assert_int_equal(judge(buf_bytes(&text), ORIGIN, public_key, &d), 0);
}

static void test_every_byte(void **state)
{
    struct diag d;
    size_t i;

    (void)state;
    for (i = 0; i < buf_len(&text); i++) {
        unsigned bit = (unsigned)(i % 8);

        assert_int_not_equal(judge((struct ubytes){buf_bytes(&text).p, i},
                                   ORIGIN, public_key, &d),
                             0);
        text.data_[i] ^= (uint8_t)(1u << bit);
        assert_int_not_equal(judge(buf_bytes(&text), ORIGIN, public_key, &d),
                             0);
        text.data_[i] ^= (uint8_t)(1u << bit);
    }
}

/* The text with line `line` put otherwise (NULL: left out). */
static void with_line(unsigned line, const char *instead, struct buf *out)
{
    const char *p = (const char *)buf_bytes(&text).p;
    const char *end = p + buf_len(&text);
    unsigned at;

    buf_init(out, TLOG_PROOF_BYTES_MAX + 100000);
    for (at = 1; p < end; at++) {
        const char *next = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;

        if (at != line) {
            assert_int_equal(buf_put(out, p, (size_t)(next - p)), 0);
        } else if (instead != NULL) {
            assert_int_equal(buf_putf(out, "%s\n", instead), 0);
        }
        p = next;
    }
}

#define H31 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="
#define H32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define H33 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"

/* Lines: 1 head, 2 extra, 3 index, 4-6 path, 7 empty, 8 origin, 9 size, 10 root,
 * 11 empty, 12 signature. */
static const struct damage {
    unsigned line;
    const char *instead;
    int outcome;
    unsigned named; /* line */
    const char *what;
} damages[] = {
    {1, "c2sp.org/tlog-proof@v2", TLOG_PROOF_E_FORM, 1, "first line"},
    {2, "extra BQ", TLOG_PROOF_E_FORM, 2, "extra"},
    {2, "extra ", TLOG_PROOF_E_FORM, 2, "extra"},
    {2, "extra BR==", TLOG_PROOF_E_FORM, 2, "extra"},
    {2, "extra Bg==", TLOG_PROOF_E_PATH, 3, "does not lead"},
    {3, NULL, TLOG_PROOF_E_FORM, 3, "index N"},
    {3, "index 05", TLOG_PROOF_E_FORM, 3, "index N"},
    {3, "index -5", TLOG_PROOF_E_FORM, 3, "index N"},
    {3, "index 18446744073709551616", TLOG_PROOF_E_FORM, 3, "index N"},
    {3, "index 7", TLOG_PROOF_E_PATH, 3, "beyond the tree of 7"},
    {3, "index 9223372036854775808", TLOG_PROOF_E_PATH, 3, "beyond the tree"},
    {3, "index 4", TLOG_PROOF_E_PATH, 3, "does not lead"},
    {3, "index 6", TLOG_PROOF_E_PATH, 4, "it takes 2"},
    {4, NULL, TLOG_PROOF_E_PATH, 4,
     "has 2 hashes; from entry 5 of 7 it takes 3"},
    {4, H31, TLOG_PROOF_E_FORM, 4, "32 bytes"},
    {4, H33, TLOG_PROOF_E_FORM, 4, "32 bytes"},
    {5, H32, TLOG_PROOF_E_PATH, 3, "does not lead"},
    {6, H32 "\n" H32, TLOG_PROOF_E_PATH, 4, "has 4 hashes"},
    {7, NULL, TLOG_PROOF_E_FORM, 7, "32 bytes"},
    {8, "proctor/1123456789abcdef", TLOG_PROOF_E_SIGNER, 8,
     "signed by another key"},
    {9, "07", TLOG_PROOF_E_FORM, 9, "size"},
    {9, "+7", TLOG_PROOF_E_FORM, 9, "size"},
    {9, "8", TLOG_PROOF_E_SIGNATURE, 12, "was changed"},
    {10, H31, TLOG_PROOF_E_FORM, 10, "root"},
    {10, H32, TLOG_PROOF_E_SIGNATURE, 12, "was changed"},
    {10, H32 "\next", TLOG_PROOF_E_SIGNATURE, 13, "was changed"},
    {12, NULL, TLOG_PROOF_E_FORM, 11, "no signature"},
    {12, "junk", TLOG_PROOF_E_FORM, 12, "malformed signature"},
    {12, "\xe2\x80\x94 other AAAAAAAA", TLOG_PROOF_E_SIGNER, 12,
     "signed by another key"},
    {12, "\xe2\x80\x94 " ORIGIN " AAAAAAAA", TLOG_PROOF_E_SIGNER, 12,
     "signed by another key"},
};

static void test_damage_is_named(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(damages); i++) {
        const struct damage *m = &damages[i];
        struct diag d;
        struct buf b;
        int code;

        with_line(m->line, m->instead, &b);
        code = judge(buf_bytes(&b), ORIGIN, public_key, &d);
        if (code != m->outcome || d.at.line != m->named ||
            strstr(d.what, m->what) == NULL) {
            fail_msg("damage %zu: %d, line %u: %s", i, code, d.at.line, d.what);
        }
        buf_release(&b);
    }
}

static void test_other_keys(void **state)
{
    uint8_t seed[32] = {2};
    uint8_t other[32];
    uint8_t secret[64];
    struct diag d;

    (void)state;
    (void)crypto_sign_seed_keypair(other, secret, seed);
    assert_int_equal(judge(buf_bytes(&text), ORIGIN, other, &d),
                     TLOG_PROOF_E_SIGNER);
    assert_non_null(strstr(d.what, "signed by another key"));
    assert_int_equal(judge(buf_bytes(&text), "proctor/f", public_key, &d),
                     TLOG_PROOF_E_SIGNER);
    assert_non_null(strstr(d.what, ORIGIN));
}

/* 64 levels are read, 65 are not; an entry may have 65,535 bytes. */
static void test_sizes(void **state)
{
    struct tlog_proof p;
    struct tlog_proof q;
    struct diag d;
    struct buf note;
    struct buf b;
    uint8_t *room;

    (void)state;
    diag_init(&d);
    tlog_proof_init(&p);
    tlog_proof_init(&q);
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&b, TLOG_PROOF_BYTES_MAX);
    put_note(&note);
    p.index = UINT64_MAX;
    p.path_n = MERKLE_PROOF_MAX;
    memset(p.path, 0x11, sizeof(p.path));
    assert_int_equal(buf_extend(&p.extra, TLOG_PROOF_EXTRA_MAX, &room), 0);
    memset(room, 0x22, TLOG_PROOF_EXTRA_MAX);
    assert_int_equal(tlog_proof_write(&b, &p, buf_bytes(&note)), 0);
    assert_int_equal(tlog_proof_read(buf_bytes(&b), ORIGIN, public_key, &q, &d),
                     0);
    assert_true(q.index == UINT64_MAX && q.path_n == MERKLE_PROOF_MAX);
    assert_memory_equal(q.path, p.path, sizeof(p.path));
    assert_int_equal(buf_len(&q.extra), TLOG_PROOF_EXTRA_MAX);
    assert_int_equal(tlog_proof_check(&q, &p.path[0], &d), TLOG_PROOF_E_PATH);
    /* One more of everything. */
    buf_reset(&b);
    assert_int_equal(buf_putf(&b, "c2sp.org/tlog-proof@v1\nindex 1\n"), 0);
    for (unsigned i = 0; i <= MERKLE_PROOF_MAX; i++) {
        assert_int_equal(buf_putf(&b, H32 "\n"), 0);
    }
    assert_int_equal(buf_putf(&b, "\n%.*s", (int)buf_len(&note),
                              (const char *)buf_bytes(&note).p),
                     0);
    tlog_proof_release(&q);
    tlog_proof_init(&q);
    assert_int_equal(tlog_proof_read(buf_bytes(&b), ORIGIN, public_key, &q, &d),
                     TLOG_PROOF_E_FORM);
    assert_int_equal(d.at.line, 3 + MERKLE_PROOF_MAX);
    tlog_proof_release(&p);
    tlog_proof_release(&q);
    buf_release(&note);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_damage_is_named),
        cmocka_unit_test(test_other_keys), cmocka_unit_test(test_sizes)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
