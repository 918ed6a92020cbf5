/* Cosignatures, add-checkpoint bodies, policies: vectors, and each refusal. */
#include "gen.h"

#include <sodium.h>

#include "proto/add_checkpoint.h"
#include "proto/cosign.h"
#include "proto/err.h"
#include "proto/tlog_policy.h"

#define LOG "example.com/log"

static uint8_t log_key[32];
static uint8_t log_secret[64];
static struct cosigner w[3];
static uint8_t w_secret[3][64];

static int setup(void **state)
{
    uint8_t seed[32] = {1};
    unsigned i;

    (void)state;
    if (sodium_init() < 0) {
        return -1;
    }
    (void)crypto_sign_seed_keypair(log_key, log_secret, seed);
    for (i = 0; i < 3; i++) {
        seed[0] = (uint8_t)(10 + i);
        (void)snprintf(w[i].name, sizeof(w[i].name), "w%u.example", i);
        (void)crypto_sign_seed_keypair(w[i].key, w_secret[i], seed);
    }
    return 0;
}

static void put_note(struct buf *out, uint64_t size)
{
    struct checkpoint c = {.origin = LOG, .size = size};
    struct buf body;
    uint8_t sig[64];

    memset(c.root.b, 7, sizeof(c.root.b));
    buf_init(&body, NOTE_BYTES_MAX);
    assert_int_equal(note_body(&body, &c), 0);
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               log_secret);
    assert_int_equal(note_write(out, &c, log_key, sig), 0);
    buf_release(&body);
}

static struct ubytes body_of(const struct buf *note)
{
    struct ubytes b = buf_bytes(note);
    struct checkpoint ignored;

    assert_int_equal(note_peek(b, &ignored, &b.n), 0);
    return b;
}

/* The signed bytes written out by hand, the key id by its definition, the blob's
 * layout: nothing of cosign.c is used to check it. */
static void test_line_by_hand(void **state)
{
    static const char want[] =
        "cosignature/v1\ntime 1679315147\nexample.com/log\n5\n"
        "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
    static const uint8_t time_be[8] = {0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb};
    const char *text;
    uint8_t blob[76];
    uint8_t id_of[12 + 33];
    uint8_t id[32];
    struct buf note;
    struct buf line;
    size_t n;

    (void)state;
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&line, NOTE_BYTES_MAX);
    put_note(&note, 5);
    assert_int_equal(
        cosign_line(&line, &w[0], w_secret[0], 1679315147, body_of(&note)), 0);
    text = (const char *)buf_bytes(&line).p;
    assert_memory_equal(text, "\xe2\x80\x94 w0.example ", 15);
    assert_int_equal(buf_len(&line), 15 + 104 + 1);
    assert_int_equal(sodium_base642bin(blob, sizeof(blob), text + 15, 104, NULL,
                                       &n, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(n, 76);
    memcpy(id_of, "w0.example\n\x04", 12);
    memcpy(id_of + 12, w[0].key, 32);
    (void)crypto_hash_sha256(id, id_of, 44);
    assert_memory_equal(blob, id, 4);
    assert_memory_equal(blob + 4, time_be, 8);
    assert_int_equal(crypto_sign_verify_detached(blob + 12,
                                                 (const uint8_t *)want,
                                                 sizeof(want) - 1, w[0].key),
                     0);
    buf_release(&note);
    buf_release(&line);
}

static void test_check(void **state)
{
    uint64_t time_s;
    struct buf note;
    struct buf out;
    struct checkpoint c;
    uint8_t sig[64];
    unsigned n;

    (void)state;
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&out, NOTE_BYTES_MAX);
    put_note(&note, 5);
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s),
                     COSIGN_E_NONE);
    assert_int_equal(
        cosign_line(&note, &w[1], w_secret[1], 100, body_of(&note)), 0);
    assert_int_equal(
        cosign_line(&note, &w[0], w_secret[0], 200, body_of(&note)), 0);
    assert_int_equal(
        cosign_line(&note, &w[0], w_secret[0], 150, body_of(&note)), 0);
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s), 0);
    assert_true(time_s == 200);
    assert_int_equal(cosign_check(buf_bytes(&note), &w[2], &time_s),
                     COSIGN_E_NONE);
    /* Still the log's own note. */
    assert_int_equal(note_read(buf_bytes(&note), LOG, log_key, &c, sig), 0);
    assert_int_equal(cosign_strip(buf_bytes(&note), &w[0], &out), 0);
    assert_int_equal(cosign_check(buf_bytes(&out), &w[0], &time_s),
                     COSIGN_E_NONE);
    assert_int_equal(cosign_check(buf_bytes(&out), &w[1], &time_s), 0);
    assert_int_equal(note_read(buf_bytes(&out), LOG, log_key, &c, sig), 0);
    /* Only its own lines are taken from an answer. */
    {
        struct ubytes lines = buf_bytes(&note);
        size_t head = body_of(&note).n + 1;
        struct buf picked;

        lines.p += head;
        lines.n -= head;
        buf_init(&picked, NOTE_BYTES_MAX);
        assert_int_equal(cosign_pick(lines, body_of(&note), &w[1], &picked, &n),
                         0);
        assert_int_equal(n, 1);
        assert_int_equal(cosign_pick(lines, body_of(&note), &w[2], &picked, &n),
                         0);
        assert_int_equal(n, 0);
        lines.n--;
        assert_int_equal(cosign_pick(lines, body_of(&note), &w[2], &picked, &n),
                         ERR_ENCODING);
        buf_release(&picked);
    }
    buf_release(&note);
    buf_release(&out);
}

/* Over another body, by another key under this name, as a log's signature (type
 * 1), with a byte changed, a time beyond 2^63, too short and too long. */
static void test_bad(void **state)
{
    struct cosigner liar = w[0];
    struct checkpoint c = {.origin = "w0.example", .size = 5};
    struct buf note;
    struct buf other;
    struct buf line;
    uint64_t time_s;
    uint8_t *p;
    size_t i;
    size_t head;

    (void)state;
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&other, NOTE_BYTES_MAX);
    buf_init(&line, NOTE_BYTES_MAX);
    put_note(&other, 6);
    put_note(&note, 5);
    head = buf_len(&note);
    assert_int_equal(
        cosign_line(&note, &w[0], w_secret[0], 1, body_of(&other)), 0);
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s),
                     COSIGN_E_BAD);
    buf_truncate(&note, head);
    assert_int_equal(cosign_line(&note, &liar, w_secret[1], 1, body_of(&note)),
                     0);
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s),
                     COSIGN_E_BAD);
    buf_truncate(&note, head);
    assert_int_equal(cosign_line(&note, &w[0], w_secret[0], 1ull << 63,
                                 body_of(&note)),
                     0);
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s),
                     COSIGN_E_BAD);
    /* A note signature of the same key is another key id: not a cosignature. */
    buf_truncate(&note, head);
    {
        uint8_t sig[64];

        (void)crypto_sign_detached(sig, NULL, body_of(&note).p,
                                   body_of(&note).n, w_secret[0]);
        assert_int_equal(note_write(&line, &c, w[0].key, sig), 0);
        for (i = 0; memcmp(buf_bytes(&line).p + i, "\xe2\x80\x94", 3) != 0;) {
            i++;
        }
        assert_int_equal(buf_put(&note, buf_bytes(&line).p + i,
                                 buf_len(&line) - i),
                         0);
    }
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s),
                     COSIGN_E_NONE);
    /* Any character of the line changed: never good. */
    buf_truncate(&note, head);
    assert_int_equal(cosign_line(&note, &w[0], w_secret[0], 1, body_of(&note)),
                     0);
    p = (uint8_t *)(uintptr_t)buf_bytes(&note).p;
    for (i = head; i < buf_len(&note); i++) {
        p[i] ^= 1;
        assert_int_not_equal(cosign_check(buf_bytes(&note), &w[0], &time_s), 0);
        p[i] ^= 1;
    }
    assert_int_equal(cosign_check(buf_bytes(&note), &w[0], &time_s), 0);
    buf_release(&note);
    buf_release(&other);
    buf_release(&line);
}

static void test_vkey(void **state)
{
    struct cosigner got;
    uint8_t key[32];
    char name[NOTE_ORIGIN_BYTES];
    char text[512] = "";
    struct buf vkey;

    (void)state;
    buf_init(&vkey, 512);
    assert_int_equal(cosigner_vkey(&vkey, &w[0]), 0);
    memcpy(text, buf_bytes(&vkey).p, buf_len(&vkey));
    assert_int_equal(cosigner_parse(text, &got), 0);
    assert_string_equal(got.name, w[0].name);
    assert_memory_equal(got.key, w[0].key, 32);
    /* The two types are not each other's. */
    assert_int_equal(note_vkey_parse(text, name, key), ERR_ENCODING);
    buf_reset(&vkey);
    assert_int_equal(note_vkey(&vkey, w[0].name, w[0].key), 0);
    memset(text, 0, sizeof(text));
    memcpy(text, buf_bytes(&vkey).p, buf_len(&vkey));
    assert_int_equal(cosigner_parse(text, &got), ERR_ENCODING);
    buf_release(&vkey);
}

static void test_add_checkpoint(void **state)
{
    static const char *const bad[] = {
        "", "old\n\n", "old \n\n", "old 01\n\n", "old -1\n\n", "old +1\n\n",
        "OLD 1\n\n", "old 1\n", "old 1", "old 18446744073709551616\n\n",
        "old 1 \n\n", "old 1\r\n\r\n", "old 1\nAAAA\n\n", "\nold 1\n\n",
        "old 1\n\n\n", "old 1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n\n",
        "old 1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd=\n\n"};
    struct add_checkpoint q = {.old_size = 3, .proof_n = 63};
    struct add_checkpoint got;
    struct buf note;
    struct buf out;
    size_t i;

    (void)state;
    buf_init(&note, NOTE_BYTES_MAX);
    buf_init(&out, ADD_CHECKPOINT_BYTES_MAX);
    put_note(&note, 5);
    q.note = buf_bytes(&note);
    for (i = 0; i < 63; i++) {
        memset(q.proof[i].b, (int)i, 32);
    }
    assert_int_equal(add_checkpoint_write(&out, &q), 0);
    assert_int_equal(add_checkpoint_read(buf_bytes(&out), &got), 0);
    assert_true(got.old_size == 3 && got.proof_n == 63 && got.at.size == 5);
    assert_memory_equal(got.proof, q.proof, sizeof(q.proof));
    assert_int_equal(got.note.n, q.note.n);
    assert_int_equal(got.body.n, body_of(&note).n);
    /* Cut anywhere before the signatures it is none. */
    for (i = 0; i < buf_len(&out) - (q.note.n - body_of(&note).n); i++) {
        assert_int_equal(add_checkpoint_read(
                             (struct ubytes){buf_bytes(&out).p, i}, &got),
                         ERR_ENCODING);
    }
    for (i = 0; i < ARRAY_N(bad); i++) {
        buf_reset(&out);
        assert_int_equal(buf_put(&out, bad[i], strlen(bad[i])), 0);
        assert_int_equal(buf_put(&out, buf_bytes(&note).p, buf_len(&note)), 0);
        assert_int_equal(add_checkpoint_read(buf_bytes(&out), &got),
                         ERR_ENCODING);
    }
    /* 64 proof lines. */
    buf_reset(&out);
    assert_int_equal(buf_putf(&out, "old 3\n"), 0);
    for (i = 0; i < 64; i++) {
        assert_int_equal(
            buf_putf(&out, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n"),
            0);
    }
    assert_int_equal(buf_putf(&out, "\n"), 0);
    assert_int_equal(buf_put(&out, buf_bytes(&note).p, buf_len(&note)), 0);
    assert_int_equal(add_checkpoint_read(buf_bytes(&out), &got), ERR_ENCODING);
    buf_release(&note);
    buf_release(&out);
}

/* Replaces L by a log key, 0, 1, 2 by those of the witnesses. */
static void put_policy(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '@') {
            text++;
            assert_int_equal(*text == 'L' ? note_vkey(out, LOG, log_key)
                                          : cosigner_vkey(out, &w[*text - '0']),
                             0);
        } else {
            assert_int_equal(buf_put_u8(out, (uint8_t)*text), 0);
        }
    }
}

static int read_policy(const char *text, struct tlog_policy *out,
                       struct diag *d)
{
    struct buf b;
    int code;

    diag_init(d);
    buf_init(&b, TLOG_POLICY_BYTES_MAX);
    put_policy(&b, text);
    code = tlog_policy_read(buf_bytes(&b), "p", out, d);
    buf_release(&b);
    return code;
}

static void test_policy(void **state)
{
    static const char text[] =
        "# a comment\n\n \t\nlog @L https://log.example/\n"
        "witness a @0 unix:/run/w\nwitness\tb  @1\n  witness c @2 \n"
        "group ab any a b\ngroup all-of all ab c\nquorum all-of\n";
    static const int met[8] = {0, 0, 0, 0, 0, 1, 1, 1}; /* c and one of a, b */
    static struct tlog_policy p;
    static struct tlog_policy again;
    struct buf one;
    struct diag d;
    uint32_t i;

    (void)state;
    assert_int_equal(read_policy(text, &p, &d), 0);
    assert_true(p.logs_n == 1 && p.witnesses_n == 3 && p.groups_n == 2);
    assert_string_equal(p.logs[0].url, "https://log.example/");
    assert_string_equal(p.witnesses[0].url, "unix:/run/w");
    assert_string_equal(p.witnesses[1].url, "");
    for (i = 0; i < 8; i++) {
        assert_int_equal(tlog_policy_met(&p, i), met[i]);
    }
    buf_init(&one, TLOG_POLICY_BYTES_MAX);
    assert_int_equal(tlog_policy_write(&one, &p), 0);
    assert_int_equal(tlog_policy_read(buf_bytes(&one), NULL, &again, &d), 0);
    assert_memory_equal(&p, &again, sizeof(p));
    buf_release(&one);
    assert_int_equal(read_policy("quorum none\n", &p, &d), 0);
    assert_true(tlog_policy_met(&p, 0));
    assert_int_equal(read_policy("witness a @0\nquorum a\n", &p, &d), 0);
    assert_true(tlog_policy_met(&p, 1) && !tlog_policy_met(&p, 0));
    assert_int_equal(read_policy("witness a @0\nwitness b @1\nwitness c @2\n"
                                 "group g 2 a b c\nquorum g\n",
                                 &p, &d),
                     0);
    assert_true(tlog_policy_met(&p, 5) && !tlog_policy_met(&p, 4));
}

static void test_policy_refusals(void **state)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *what;
    } rows[] = {
        {"", 0, "no quorum"},
        {"witness a @0\n", 0, "no quorum"},
        {"quorum none\nquorum none\n", 2, "second quorum"},
        {"quorum\n", 1, "expected quorum"},
        {"quorum a b\n", 1, "expected quorum"},
        {"quorum a\n", 1, "not defined"},
        {"quorum a\nwitness a @0\n", 1, "not defined"},
        {"quorum none", 1, "no end"},
        {"log\nquorum none\n", 1, "expected log"},
        {"log @0\nquorum none\n", 1, "expected log"},
        {"log @L\nlog @L u\nquorum none\n", 2, "twice"},
        {"log @L u v\nquorum none\n", 1, "more words"},
        {"witness a @L\nquorum a\n", 1, "expected witness"},
        {"witness a\nquorum none\n", 1, "expected witness"},
        {"witness a @0\nwitness a @1\nquorum a\n", 2, "taken"},
        {"witness none @0\nquorum none\n", 1, "taken"},
        {"witness a @0\nwitness b @0\nquorum a\n", 2, "twice"},
        {"witness a @0\ngroup a all a\nquorum a\n", 2, "taken"},
        {"witness a @0\ngroup g 0 a\nquorum g\n", 2, "expected any"},
        {"witness a @0\ngroup g 2 a\nquorum g\n", 2, "expected any"},
        {"witness a @0\ngroup g 01 a\nquorum g\n", 2, "expected any"},
        {"witness a @0\ngroup g any\nquorum g\n", 2, "expected group"},
        {"witness a @0\ngroup g any b\nquorum g\n", 2, "not defined"},
        {"witness a @0\ngroup g any g\nquorum g\n", 2, "not defined"},
        {"witness a @0\ngroup g any none\nquorum g\n", 2, "not defined"},
        {"witness a @0\ngroup g any a a\nquorum g\n", 2, "already"},
        {"witness a @0\ngroup g any a\ngroup h any a\nquorum g\n", 3,
         "already"},
        {"quorum none\r\n", 1, "control"},
        {"quorum none\x7f\n", 1, "control"},
        {"Quorum none\n", 1, "expected log, witness"}};
    static struct tlog_policy p;
    struct diag d;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(rows); i++) {
        assert_int_equal(read_policy(rows[i].text, &p, &d), ERR_INPUT);
        assert_true(d.at.line == rows[i].line);
        assert_non_null(strstr(d.what, rows[i].what));
    }
}

/* 32 witnesses, 32 groups in a chain: as many as the format asks for. */
static void test_policy_full(void **state)
{
    static struct tlog_policy p;
    struct buf b;
    struct diag d;
    unsigned i;

    (void)state;
    buf_init(&b, TLOG_POLICY_BYTES_MAX);
    for (i = 0; i < 33; i++) {
        struct cosigner c = {.name = ""};
        uint8_t seed[32] = {0, (uint8_t)i};
        uint8_t secret[64];

        (void)snprintf(c.name, sizeof(c.name), "n%u", i);
        (void)crypto_sign_seed_keypair(c.key, secret, seed);
        if (i == 32) {
            break;
        }
        assert_int_equal(buf_putf(&b, "witness n%u ", i), 0);
        assert_int_equal(cosigner_vkey(&b, &c), 0);
        assert_int_equal(buf_putf(&b, "\n"), 0);
    }
    assert_int_equal(buf_putf(&b, "group g0 all n0\n"), 0);
    for (i = 1; i < 32; i++) {
        assert_int_equal(
            buf_putf(&b, "group g%u all g%u n%u\n", i, i - 1, i), 0);
    }
    assert_int_equal(buf_putf(&b, "quorum g31\n"), 0);
    diag_init(&d);
    assert_int_equal(tlog_policy_read(buf_bytes(&b), NULL, &p, &d), 0);
    assert_true(tlog_policy_met(&p, UINT32_MAX));
    for (i = 0; i < 32; i++) {
        assert_false(tlog_policy_met(&p, ~((uint32_t)1 << i)));
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_by_hand),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_vkey),
        cmocka_unit_test(test_add_checkpoint),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_policy_refusals),
        cmocka_unit_test(test_policy_full),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
