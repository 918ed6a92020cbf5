/* What goes out as C: admitted units only, whatever stands for them; what is said of
 * them cannot end its comment; the worker's unit and name are held to what was
 * asked for. */
#include "fixture.h"
#include "projection_sample.h"

#include "cli/cmd_cml_export.h"
#include "proto/tlog_proof.h"

#define NAME "primitives/unit"

static struct cml_args args;
static struct cli cli;
static struct fixture f;

/* A store with an artifact that was judged so, whose evidence gives a reason that
 * would be C. */
static void begin(enum verdict verdict)
{
    Proctor__Runnable run = PROCTOR__RUNNABLE__INIT;
    Proctor__Evidence ev = PROCTOR__EVIDENCE__INIT;
    struct buf b;
    struct cid bundle;
    struct cid root;

    fixture_init(&f);
    fixture_objects(&f, verdict);
    buf_init(&b, 4096);
    sample_bundle(&b, &root);
    bundle = fixture_object(&f, buf_bytes(&b));
    buf_release(&b);
    run.kind = 4;
    run.bundle = (ProtobufCBinaryData){CID_BYTES, bundle.b};
    f.candidate = fixture_message(&f, &run.base);
    ev.verdict = verdict;
    ev.draws = 16384;
    ev.reason = (char *)(uintptr_t) "fine */ int x; /* \\ ?" "?/ \n#error \xc3\xa9";
    f.evidence = fixture_message(&f, &ev.base);
    fixture_run(&f, "exam");
    fixture_exam(&f, "exam", verdict, 1, 1);
}

static void put_revoke(const struct cid *exam)
{
    struct record r;

    record_init(&r, RECORD_REVOKE);
    record_set_hash(&r, RF_REVOKE_candidate, f.candidate.b);
    record_set_hash(&r, RF_REVOKE_exam, exam->b);
    record_set_u(&r, RF_REVOKE_verdict, f.verdict_seq);
    record_set_str(&r, RF_REVOKE_why, "a defect");
    (void)fixture_add(&f, &r);
}

static int load(const char *ref)
{
    int rc;

    memset(&cli, 0, sizeof(cli));
    memset(&args, 0, sizeof(args));
    diag_init(&cli.d);
    cli.store = f.dir;
    args.c = &cli;
    args.ref = ref;
    buf_init(&args.bytes[0], 4096);
    buf_init(&args.head, TLOG_PROOF_BYTES_MAX + 8192);
    rc = cml_export_load(&args);
    assert_int_equal(buf_put(&args.head, "", 1), 0);
    return rc;
}

static const char *head(void)
{
    return (const char *)buf_bytes(&args.head).p;
}

static void unload(void)
{
    buf_release(&args.bytes[0]);
    buf_release(&args.head);
}

static void refused(const char *ref, int code, const char *what)
{
    assert_int_equal(load(ref), code);
    if (strstr(cli.d.what, what) == NULL) {
        fail_msg("%s: %s", ref, cli.d.what);
    }
    unload();
}

static void text_of(uint64_t seq, char out[static 24])
{
    (void)snprintf(out, 24, "#%llu", (unsigned long long)seq);
}

static void test_admitted(void **state)
{
    char cid[CID_TEXT_BYTES];
    char seq[24];
    const char *ids[] = {NAME, seq, cid};

    (void)state;
    begin(VERDICT_ADMIT);
    fixture_ref(&f, NAME, NULL);
    fixture_write(&f);
    text_of(f.verdict_seq, seq);
    cid_text(&f.candidate, cid);
    for (size_t i = 0; i < ARRAY_N(ids); i++) {
        assert_int_equal(load(ids[i]), 0);
        assert_non_null(strstr(head(), "verdict    admit, level proven: fine _/"));
        assert_non_null(strstr(head(), cid));
        assert_non_null(strstr(head(), "\nc2sp.org/tlog-proof@v1\n"));
        assert_int_equal(buf_len(&args.bytes[0]), args.texts[0].content.len);
        unload();
    }
    fixture_release(&f);
}

/* Two comments, whatever the evidence says. */
static void test_comment(void **state)
{
    unsigned opened = 0;
    unsigned closed = 0;

    (void)state;
    begin(VERDICT_ADMIT);
    fixture_ref(&f, NAME, NULL);
    fixture_write(&f);
    assert_int_equal(load(NAME), 0);
    for (const char *c = head(); *c != '\0'; c++) {
        opened += c[0] == '/' && c[1] == '*';
        closed += c[0] == '*' && c[1] == '/';
    }
    assert_int_equal(opened, 2);
    assert_int_equal(closed, 2);
    assert_null(strstr(head(), "?"));
    assert_null(strstr(head(), "\n#error"));
    unload();
    fixture_release(&f);
}

static void test_refused(void **state)
{
    struct record r;
    char seq[24];

    (void)state;
    begin(VERDICT_REJECT);
    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, "primitives/given");
    record_set_hash(&r, RF_REF_new_target, f.candidate.b);
    (void)fixture_add(&f, &r);
    fixture_ref(&f, NAME, NULL);
    fixture_write(&f);
    text_of(f.verdict_seq, seq);
    refused(NAME, ERR_REFUSED, "is not admitted: record");
    refused(seq, ERR_REFUSED, "says reject");
    refused("primitives/given", ERR_REFUSED, "without a verdict");
    refused("#0", ERR_INPUT, "not a verdict");
    refused("primitives/none", ERR_NOT_FOUND, "is no ref");
    refused("00000000", ERR_NOT_FOUND, "begins with");
    fixture_release(&f);
}

/* A name that was moved on by a verdict about something else. */
static void test_other(void **state)
{
    (void)state;
    begin(VERDICT_ADMIT);
    f.candidate = f.exam;
    fixture_ref(&f, NAME, NULL);
    fixture_write(&f);
    refused(NAME, ERR_REFUSED, "stands for something else");
    fixture_release(&f);
}

/* A revocation is of one exam. */
static void test_revoked(void **state)
{
    (void)state;
    begin(VERDICT_ADMIT);
    fixture_ref(&f, NAME, NULL);
    put_revoke(&f.evidence);
    fixture_write(&f);
    assert_int_equal(load(NAME), 0);
    unload();
    put_revoke(&f.exam);
    fixture_write(&f);
    refused(NAME, ERR_REFUSED, "is revoked: by record");
    fixture_release(&f);
}

static void test_worker(void **state)
{
    Proctor__CmlReply r = PROCTOR__CML_REPLY__INIT;
    Proctor__CmlUnit u = PROCTOR__CML_UNIT__INIT;
    Proctor__CmlUnit *units[] = {&u};
    char path[100];
    struct buf made;
    struct cid root;
    struct cid other = {{1}};

    (void)state;
    begin(VERDICT_ADMIT);
    fixture_ref(&f, NAME, NULL);
    fixture_write(&f);
    assert_int_equal(load(NAME), 0);
    args.output = f.dir;
    buf_init(&made, 4096);
    sample_bundle(&made, &root);
    buf_release(&made);
    assert_true(cid_is_equal(&root, &args.unit));
    r.out = (ProtobufCBinaryData){3, (uint8_t *)(uintptr_t) "h\0c"};
    r.units = units;
    r.n_units = 1;
    u.name = (char *)(uintptr_t) "../f";
    u.cid = (ProtobufCBinaryData){CID_BYTES, root.b};
    assert_int_equal(cml_export_write(&args, &r), ERR_INPUT);
    u.name = (char *)(uintptr_t) "f";
    u.cid.data = other.b;
    assert_int_equal(cml_export_write(&args, &r), ERR_WORKER);
    u.cid.data = root.b;
    r.out.len = 1;
    assert_int_equal(cml_export_write(&args, &r), ERR_INPUT);
    (void)snprintf(path, sizeof(path), "%s/f.c", f.dir);
    assert_int_equal(access(path, F_OK), -1);
    r.out.len = 3;
    unload();
    assert_int_equal(load(NAME), 0);
    args.output = f.dir;
    assert_int_equal(cml_export_write(&args, &r), 0);
    assert_int_equal(access(path, F_OK), 0);
    unload();
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admitted), cmocka_unit_test(test_comment),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_other),
        cmocka_unit_test(test_revoked),  cmocka_unit_test(test_worker)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
