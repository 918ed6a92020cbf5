/* Statements, envelopes and keys: what is exported is checked well; no byte of a
 * statement can be changed, whoever signs it; the member that the ledger does not
 * say is named. */
#include "fixture.h"

#include <fcntl.h>

#include "cli/dsse.h"
#include "cli/export_check.h"
#include "cli/json_read.h"
#include "cli/object.h"
#include "cli/proof.h"

#define FILE_TEXT "def crc32(b): return 0\n"

static struct fixture f;
static struct vkey log_key;
static struct buf payload; /* the statement about the fixture's verdict */
static char candidate_file[128];
static char key_path[128];

/* A candidate with one file, in place of the fixture's. */
static void put_candidate(void)
{
    Proctor__Runnable run = PROCTOR__RUNNABLE__INIT;
    Proctor__Artifact file = PROCTOR__ARTIFACT__INIT;
    Proctor__Artifact *files[] = {&file};
    struct cid c = fixture_object(
        &f, (struct ubytes){(const uint8_t *)FILE_TEXT, strlen(FILE_TEXT)});
    char *argv[] = {(char *)(uintptr_t) "./crc32"};

    run.kind = 1;
    run.n_argv = 1;
    run.argv = argv;
    file.name = (char *)(uintptr_t) "crc32";
    file.cid = (ProtobufCBinaryData){CID_BYTES, c.b};
    run.n_files = 1;
    run.files = files;
    f.candidate = fixture_message(&f, &run.base);
    fixture_text(&f, "candidate", FILE_TEXT);
}

/* The statement, as `proctor export` makes it. */
static void make_payload(struct statement *s)
{
    struct proof p;
    struct diag d;
    size_t i;
    int fd;

    diag_init(&d);
    proof_init(&p);
    assert_int_equal(proof_make(f.dir, f.verdict_seq, &p, &d), 0);
    assert_int_equal(
        buf_put(&s->proof_text, buf_bytes(&p.text).p, buf_len(&p.text)), 0);
    proof_release(&p);
    assert_int_equal(statement_take_proof(s, log_key.origin, log_key.key, &d),
                     0);
    for (i = 0; i < STATEMENT_OBJECTS_N; i++) {
        struct cid c = statement_object_cid(s, (enum statement_object)i);

        assert_int_equal(
            object_read(f.dir, &c, STATEMENT_OBJECT_BYTES, &s->objects[i]), 0);
    }
    assert_int_equal(statement_take_objects(s, &d), 0);
    assert_int_equal(s->subjects_n, 1);
    assert_string_equal(statement_missing(s)->name, "crc32");
    fd = open(candidate_file, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    {
        struct cid c;
        uint8_t sha256[32];

        assert_int_equal(statement_digest_file(fd, &c, sha256), 0);
        assert_true(statement_give_digests(s, &c, sha256));
    }
    (void)close(fd);
    assert_null(statement_missing(s));
    assert_int_equal(statement_write(s, &payload), 0);
}

static int setup(void **state)
{
    struct statement s;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_ADMIT);
    put_candidate();
    fixture_run(&f, "exam");
    fixture_exam(&f, "exam", VERDICT_ADMIT, 1, 1);
    fixture_end(&f, 1);
    fixture_write(&f);
    (void)snprintf(candidate_file, sizeof(candidate_file), "%s/candidate",
                   f.dir);
    (void)snprintf(key_path, sizeof(key_path), "%s/key.pem", f.dir);
    (void)snprintf(log_key.origin, sizeof(log_key.origin), "%s",
                   FIXTURE_ORIGIN);
    memcpy(log_key.key, f.public_key, sizeof(log_key.key));
    buf_init(&payload, DSSE_PAYLOAD_BYTES);
    statement_init(&s);
    make_payload(&s);
    statement_release(&s);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&payload);
    fixture_release(&f);
    return 0;
}

static int judge(struct ubytes text, char **files, size_t n, struct diag *d)
{
    struct statement s;
    int rc;

    diag_init(d);
    statement_init(&s);
    rc = export_check(text, &log_key, files, n, &s, d);
    if (rc != 0) {
        assert_true(rc == ERR_TASK_FAILED || rc == ERR_INPUT);
        assert_true(d->what[0] != '\0');
    }
    statement_release(&s);
    return rc;
}

static void test_good(void **state)
{
    char *files[] = {candidate_file};
    struct diag d;

    (void)state;
    assert_int_equal(judge(buf_bytes(&payload), files, 1, &d), 0);
}

static void test_every_byte(void **state)
{
    char *files[] = {candidate_file};
    struct diag d;
    size_t step = getenv("PROCTOR_FULL") != NULL ? 1 : 11;
    size_t i;

    (void)state;
    for (i = 0; i < buf_len(&payload); i += step) {
        uint8_t bit = (uint8_t)(1u << (i % 7));

        payload.data_[i] ^= bit;
        if (judge(buf_bytes(&payload), files, 1, &d) == 0) {
            fail_msg("byte %zu can be changed", i);
        }
        payload.data_[i] ^= bit;
    }
    for (i = 0; i < buf_len(&payload); i += 7) {
        assert_int_not_equal(
            judge((struct ubytes){buf_bytes(&payload).p, i}, files, 1, &d), 0);
    }
}

static void test_files(void **state)
{
    char other[160];
    char *none[] = {other};
    struct diag d;

    (void)state;
    assert_int_equal(judge(buf_bytes(&payload), NULL, 0, &d), ERR_INPUT);
    assert_non_null(strstr(d.what, "crc32"));
    fixture_text(&f, "other", "something else");
    (void)snprintf(other, sizeof(other), "%s/other", f.dir);
    assert_int_equal(judge(buf_bytes(&payload), none, 1, &d), ERR_TASK_FAILED);
    assert_non_null(strstr(d.what, "not about"));
}

/* A text put in the place of another, once. */
static void replaced(const char *from, const char *to, struct buf *out)
{
    struct ubytes all = buf_bytes(&payload);
    const uint8_t *at = memmem(all.p, all.n, from, strlen(from));

    assert_non_null(at);
    buf_init(out, DSSE_PAYLOAD_BYTES);
    assert_int_equal(buf_put(out, all.p, (size_t)(at - all.p)), 0);
    assert_int_equal(buf_put(out, to, strlen(to)), 0);
    at += strlen(from);
    assert_int_equal(buf_put(out, at, (size_t)(all.p + all.n - at)), 0);
}

/* What an owner of the signing key might like to say. */
static const struct lie {
    const char *from, *to, *what;
} lies[] = {
    {"\"PASSED\"", "\"FAILED\"", "$.predicate.result"},
    {"\"admit\"", "\"reject\"", "$.predicate.proctor.verdict"},
    {"\"proven\"", "\"oracle\"", "$.predicate.proctor.level"},
    {"\"draws\": 16384", "\"draws\": 99999", "$.predicate.proctor.draws"},
    {"\"name\": \"crc32\"", "\"name\": \"sha256\"", "$.subject[0].name"},
    {"\"reason\": \"no", "\"reason\": \"\\u006eo", "spacing or order"},
    {"\"failures\": 0", "\"failures\": 0, \"failures\": 0", "spacing or order"},
    {"\"failures\": 0", "\"failures\": 0, \"audited\": true",
     "$.predicate.proctor.audited"},
    {"\"sha256\": \"", "\"sha256\": \"00", "$.subject[0].digest.sha256"},
    {"\"_type\": ", "\"_type\":", "spacing or order"},
    {"\"evidence\": \"CA", "\"evidence\": \"DA", "other bytes as its evidence"},
};

static void test_lies_are_named(void **state)
{
    char *files[] = {candidate_file};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(lies); i++) {
        struct diag d;
        struct buf b;

        replaced(lies[i].from, lies[i].to, &b);
        assert_int_equal(judge(buf_bytes(&b), files, 1, &d), ERR_TASK_FAILED);
        if (strstr(d.what, lies[i].what) == NULL) {
            fail_msg("lie %zu: %s", i, d.what);
        }
        buf_release(&b);
    }
}

/* RFC 8410, section 10: its private key, and the public one that belongs to it. */
static void test_key_vector(void **state)
{
    static const uint8_t public[32] = {
        0x19, 0xbf, 0x44, 0x09, 0x69, 0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba,
        0xc1, 0x67, 0xdc, 0x3b, 0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6,
        0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1};
    struct pem_public a;
    struct pem_public b;
    uint8_t sig[64];

    (void)state;
    fixture_text(
        &f, "rfc.pem",
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdV"
        "hC\n-----END PRIVATE KEY-----\n");
    fixture_text(
        &f, "rfc.pub",
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        "-----END PUBLIC KEY-----\n");
    (void)snprintf(key_path, sizeof(key_path), "%s/rfc.pem", f.dir);
    assert_int_equal(pem_sign(key_path, buf_bytes(&payload), sig, &a), 0);
    (void)snprintf(key_path, sizeof(key_path), "%s/rfc.pub", f.dir);
    assert_int_equal(pem_read_public(key_path, &b), 0);
    assert_memory_equal(a.key, public, 32);
    assert_memory_equal(b.key, public, 32);
    assert_string_equal(a.id, b.id);
    /* The public key does not sign, the private one is none to verify by. */
    assert_int_equal(pem_sign(key_path, buf_bytes(&payload), sig, &a),
                     ERR_INPUT);
    (void)snprintf(key_path, sizeof(key_path), "%s/rfc.pem", f.dir);
    assert_int_equal(pem_read_public(key_path, &b), ERR_INPUT);
}

static void test_keys_are_made_once(void **state)
{
    struct pem_public a;
    struct pem_public b;
    char path[160];
    uint8_t sig[64];
    struct stat st;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/new.pem", f.dir);
    assert_int_equal(pem_make(path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pem_sign(path, buf_bytes(&payload), sig, &a), 0);
    assert_int_equal(pem_make(path), ERR_EXISTS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pem_make(path), ERR_EXISTS); /* its .pub is still there */
    (void)snprintf(path, sizeof(path), "%s/new.pem.pub", f.dir);
    assert_int_equal(pem_read_public(path, &b), 0);
    assert_string_equal(a.id, b.id);
    (void)snprintf(path, sizeof(path), "%s/nothing", f.dir);
    assert_int_equal(pem_read_public(path, &b), ERR_NOT_FOUND);
}

/* An envelope of the payload by a fresh key. */
static void seal(struct buf *out, struct pem_public *signer)
{
    static unsigned made;
    uint8_t sig[64];
    struct buf pae;
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/seal%u", f.dir, made++);
    assert_int_equal(pem_make(path), 0);
    buf_init(&pae, DSSE_PAYLOAD_BYTES);
    assert_int_equal(dsse_pae(buf_bytes(&payload), &pae), 0);
    assert_int_equal(pem_sign(path, buf_bytes(&pae), sig, signer), 0);
    buf_init(out, DSSE_ENVELOPE_BYTES);
    assert_int_equal(dsse_write(buf_bytes(&payload), signer, sig, out), 0);
    buf_release(&pae);
}

static int open_envelope(struct ubytes text, const struct pem_public *signer)
{
    struct buf out;
    int rc;

    buf_init(&out, DSSE_PAYLOAD_BYTES);
    rc = dsse_read(text, signer, &out);
    if (rc == 0) {
        assert_int_equal(buf_len(&out), buf_len(&payload));
        assert_memory_equal(buf_bytes(&out).p, buf_bytes(&payload).p,
                            buf_len(&out));
    } else {
        assert_int_equal(buf_len(&out), 0);
    }
    buf_release(&out);
    return rc;
}

static void test_pae(void **state)
{
    static const char want[] = "DSSEv1 28 application/vnd.in-toto+json 2 {}";
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(dsse_pae((struct ubytes){(const uint8_t *)"{}", 2}, &b),
                     0);
    assert_int_equal(buf_len(&b), sizeof(want) - 1);
    assert_memory_equal(buf_bytes(&b).p, want, sizeof(want) - 1);
    buf_release(&b);
}

static void test_envelope(void **state)
{
    struct pem_public signer;
    struct pem_public other;
    struct buf b;
    struct buf c;
    size_t i;
    size_t at;

    (void)state;
    seal(&b, &signer);
    seal(&c, &other);
    assert_int_equal(open_envelope(buf_bytes(&b), &signer), 0);
    assert_int_equal(open_envelope(buf_bytes(&b), &other), DSSE_E_SIGNATURE);
    for (i = 0; i < buf_len(&b); i++) {
        int rc;

        b.data_[i] ^= 1;
        rc = open_envelope(buf_bytes(&b), &signer);
        /* White space, and keyid, which nothing rests on, may differ. */
        if (rc == 0) {
            const char *text = (const char *)buf_bytes(&b).p;
            const char *id = memmem(text, buf_len(&b), "\"keyid\"", 7);

            assert_true(
                b.data_[i] == '!' || id == NULL ||
                (i >= (size_t)(id - text) && i < (size_t)(id - text) + 80));
        }
        b.data_[i] ^= 1;
    }
    /* Named twice: which one would be meant? */
    at = buf_len(&c);
    assert_memory_equal(c.data_ + at - 2, "}\n", 2);
    buf_truncate(&c, at - 2);
    assert_int_equal(buf_putf(&c, ", \"payload\": \"e30=\"}"), 0);
    assert_int_equal(open_envelope(buf_bytes(&c), &other), DSSE_E_FORM);
    buf_release(&b);
    buf_release(&c);
}

static void test_json_read(void **state)
{
    static const char text[] =
        "{\"a\": {\"b\": \"x\\u00e9\"}, \"n\": 5, \"l\": [1, 2], \"u\": "
        "\"-_8=\", \"s\": \"+/8=\", \"bad\": \"+/8\"}";
    static const char *const no_object[] = {"",
                                            "[]",
                                            "5",
                                            "\"x\"",
                                            "{\"a\": 1} x",
                                            "{'a': 1}",
                                            "{\"a\": 1,}",
                                            "{\"a\": \"\xff\"}",
                                            "{\"a\"",
                                            "nul"};
    struct json_read *j;
    struct buf b;
    size_t i;

    (void)state;
    assert_int_equal(json_read_new(&j), 0);
    for (i = 0; i < ARRAY_N(no_object); i++) {
        assert_int_equal(
            json_read_text(j,
                           (struct ubytes){(const uint8_t *)no_object[i],
                                           strlen(no_object[i])},
                           1000),
            ERR_INPUT);
    }
    assert_int_equal(
        json_read_text(j, (struct ubytes){(const uint8_t *)"{}\0", 3}, 1000),
        ERR_INPUT);
    assert_int_equal(
        json_read_text(j, (struct ubytes){(const uint8_t *)text, 40}, 39),
        ERR_INPUT);
    assert_int_equal(
        json_read_text(
            j, (struct ubytes){(const uint8_t *)text, sizeof(text) - 1}, 1000),
        0);
    buf_init(&b, 100);
    assert_int_equal(json_read_string(j, "$.a.b", &b), 0);
    assert_int_equal(buf_len(&b), 3);
    assert_int_equal(json_read_string(j, "$.n", &b), ERR_NOT_FOUND);
    assert_int_equal(json_read_string(j, "$.zz", &b), ERR_NOT_FOUND);
    assert_int_equal(json_read_count(j, "$.l"), 2);
    assert_int_equal(json_read_count(j, "$.n"), 0);
    assert_int_equal(json_read_base64(j, "$.u", &b), 0);
    assert_int_equal(json_read_base64(j, "$.s", &b), 0);
    assert_int_equal(buf_len(&b), 7);
    assert_memory_equal(buf_bytes(&b).p + 3, "\xfb\xff\xfb\xff", 4);
    assert_int_equal(json_read_base64(j, "$.bad", &b), ERR_INPUT);
    assert_int_equal(buf_len(&b), 7);
    buf_release(&b);
    json_read_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_lies_are_named),
        cmocka_unit_test(test_key_vector),
        cmocka_unit_test(test_keys_are_made_once),
        cmocka_unit_test(test_pae),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_json_read)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
