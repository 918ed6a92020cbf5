/* Series read from a ledger made by hand: what holds is found to hold, and each
 * invariant that a record can break is named with its run. */
#include "tests/unit/cli/fixture.h"

#include "cli/series.h"
#include "proto/limits.h"

struct heard {
    char text[4096];
    unsigned n;
};

static void hear(void *ctx, const char *where, const char *what)
{
    struct heard *h = ctx;
    size_t n = strlen(h->text);

    (void)snprintf(h->text + n, sizeof(h->text) - n, "%s: %s\n", where, what);
    h->n++;
}

static struct heard audit(const struct fixture *f)
{
    struct heard h = {{0}, 0};
    const struct series_ears ears = {hear, &h};
    struct series_all all;
    struct diag d;

    diag_init(&d);
    assert_int_equal(series_load(f->dir, &all, &d), 0);
    assert_int_equal(series_audit(&all, f->dir, &ears), 0);
    series_release(&all);
    return h;
}

static void assert_found(struct fixture *f, const char *text)
{
    struct heard h;

    fixture_write(f);
    h = audit(f);
    if (strstr(h.text, text) == NULL) {
        fail_msg("\"%s\" is not in: %s", text, h.text);
    }
    fixture_release(f);
}

static struct ubytes text_bytes(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

/* What both kinds of record begin with; text NULL: no artifact. */
static void begin(const struct fixture *f, struct record *r, enum record_kind k,
                  uint64_t index, const char *text)
{
    enum record_field first = record_first_field(k);
    uint8_t sha256[32];
    struct cid c;

    record_init(r, k);
    record_set_u(r, first, f->run_seq);
    record_set_str(r, first + 1, "task");
    record_set_str(r, first + 2, "xor");
    record_set_u(r, first + 3, index);
    record_set_hash(r, first + 7, f->candidate.b);
    if (text != NULL) {
        c = fixture_object(f, text_bytes(text));
        crypto_hash_sha256(sha256, text_bytes(text).p, strlen(text));
        record_set_hash(r, first + 4, c.b);
        record_set_hash(r, first + 5, sha256);
        record_set_u(r, first + 6, strlen(text));
    }
}

static uint64_t inputs(struct fixture *f, uint64_t index, const char *text,
                       uint64_t parent_ref)
{
    struct record r;

    begin(f, &r, RECORD_INPUTS, index, text);
    record_set_u(&r, RF_INPUTS_parent_ref, parent_ref);
    return fixture_add(f, &r) + 1;
}

static uint64_t outputs(struct fixture *f, uint64_t index, const char *text,
                        uint64_t inputs_ref, enum series_status status)
{
    struct record r;

    begin(f, &r, RECORD_OUTPUTS, index, text);
    record_set_u(&r, RF_OUTPUTS_inputs_ref, inputs_ref);
    record_set_u(&r, RF_OUTPUTS_status, status);
    return fixture_add(f, &r) + 1;
}

/* Two runs: the second works on what the first made. */
static uint64_t make(struct fixture *f)
{
    uint64_t out;

    fixture_init(f);
    fixture_run(f, "task");
    out = outputs(f, 0, "one", inputs(f, 0, "rows", 0), SERIES_DONE);
    return outputs(f, 1, "two", inputs(f, 1, "one", out), SERIES_DONE);
}

static void test_whole(void **state)
{
    struct series_all all;
    const struct series *s;
    struct fixture f;
    struct diag d;
    size_t i = 9;
    uint64_t last;

    (void)state;
    last = make(&f);
    (void)inputs(&f, 2, "rows", 0);
    fixture_write(&f);
    assert_string_equal(audit(&f).text, "");
    diag_init(&d);
    assert_int_equal(series_load(f.dir, &all, &d), 0);
    assert_null(series_find(&all, "xo", &d));
    assert_int_equal(d.code, ERR_NOT_FOUND);
    s = series_find(&all, "xor", &d);
    assert_non_null(s);
    assert_int_equal(s->inputs_n, 3);
    assert_int_equal(s->outputs_n, 2);
    assert_string_equal(series_status_text(s, 1), "done");
    assert_string_equal(series_status_text(s, 2), "unfinished");
    assert_int_equal(s->first[0], 0);
    assert_int_equal(s->first[1], 1);
    assert_int_equal(s->first[2], 0); /* seen */
    assert_ptr_equal(series_by_ref(&all, last, &i), s);
    assert_int_equal(i, 1);
    assert_null(series_by_ref(&all, last + 1, &i));
    assert_null(series_by_ref(&all, 0, &i));
    series_release(&all);
    fixture_release(&f);
}

/* An aborted run has its place; a later one is no worse for it. */
static void test_aborted(void **state)
{
    struct fixture f;

    (void)state;
    (void)make(&f);
    (void)outputs(&f, 2, NULL, inputs(&f, 2, "rows", 0), SERIES_ABORTED);
    (void)outputs(&f, 3, "two", inputs(&f, 3, "one", 0), SERIES_DONE);
    fixture_write(&f);
    assert_string_equal(audit(&f).text, "");
    fixture_release(&f);
}

static void test_places(void **state)
{
    struct fixture f;
    uint64_t in;

    (void)state;
    (void)make(&f);
    (void)inputs(&f, 3, "rows", 0);
    assert_found(&f, "xor[2]: record 7 says it is run 3");
    (void)make(&f);
    (void)outputs(&f, 1, "one", inputs(&f, 2, "rows", 0), SERIES_DONE);
    assert_found(&f, "xor[2]: record 8 says it is run 1");
    (void)make(&f);
    in = inputs(&f, 2, "rows", 0);
    (void)inputs(&f, 3, "rows", 0);
    (void)outputs(&f, 2, "one", in, SERIES_DONE);
    assert_found(&f, "xor[3]: record 8: it began before");
    (void)make(&f);
    (void)outputs(&f, 2, "one", 1, SERIES_DONE);
    assert_found(&f, "xor[2]: record 7: an output without inputs");
}

/* Swapped, of another program, of nothing, in no state. */
static void test_pairs(void **state)
{
    struct fixture f;
    struct record r;
    uint64_t in;

    (void)state;
    (void)make(&f);
    (void)inputs(&f, 2, "rows", 0);
    (void)outputs(&f, 2, "one", 5, SERIES_DONE);
    assert_found(&f, "xor[2]: record 8 is not the output of these inputs");
    (void)make(&f);
    in = inputs(&f, 2, "rows", 0);
    begin(&f, &r, RECORD_OUTPUTS, 2, "one");
    record_set_hash(&r, RF_OUTPUTS_program, f.public_key);
    record_set_u(&r, RF_OUTPUTS_inputs_ref, in);
    record_set_u(&r, RF_OUTPUTS_status, SERIES_DONE);
    (void)fixture_add(&f, &r);
    assert_found(&f, "xor[2]: record 8 is not the output of these inputs");
    (void)make(&f);
    (void)outputs(&f, 2, NULL, inputs(&f, 2, "rows", 0), SERIES_DONE);
    assert_found(&f, "xor[2]: record 8: it is done and made nothing");
    (void)make(&f);
    (void)outputs(&f, 2, "one", inputs(&f, 2, "rows", 0), SERIES_NONE);
    assert_found(&f, "xor[2]: record 8 has no status");
}

static void test_parents(void **state)
{
    struct fixture f;
    uint64_t out;

    (void)state;
    out = make(&f);
    (void)inputs(&f, 2, "rows", out); /* it made "two" */
    assert_found(&f, "record 7: its inputs are not the output of xor[1]");
    out = make(&f);
    (void)inputs(&f, 2, "two", out - 1); /* an INPUTS record */
    assert_found(&f, "record 7: its inputs come from no finished run");
    (void)make(&f);
    out = outputs(&f, 2, "one", inputs(&f, 2, "rows", 0), SERIES_ABORTED);
    (void)inputs(&f, 3, "one", out);
    assert_found(&f, "record 9: its inputs come from no finished run");
}

static void test_bytes(void **state)
{
    struct fixture f;
    struct record r;
    struct cid c;
    char text[CID_TEXT_BYTES];
    char name[128];

    (void)state;
    (void)make(&f);
    c = cid_of(text_bytes("two"));
    cid_text(&c, text);
    (void)snprintf(name, sizeof(name), "objects/%.2s/%s", text, text + 2);
    fixture_text(&f, name, "twO");
    assert_found(&f, "its bytes have changed");
    (void)make(&f);
    begin(&f, &r, RECORD_INPUTS, 2, "rows");
    record_set_u(&r, RF_INPUTS_bytes, 5);
    (void)fixture_add(&f, &r);
    assert_found(&f, "record 7 gives another length or SHA-256");
    (void)make(&f);
    begin(&f, &r, RECORD_INPUTS, 2, "rows");
    record_set_hash(&r, RF_INPUTS_sha256, f.public_key);
    (void)fixture_add(&f, &r);
    assert_found(&f, "record 7 gives another length or SHA-256");
    (void)make(&f);
    begin(&f, &r, RECORD_INPUTS, 2, "rows");
    record_set_hash(&r, RF_INPUTS_artifact, f.public_key);
    (void)fixture_add(&f, &r);
    assert_found(&f, "the file is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_aborted),
        cmocka_unit_test(test_places),  cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_parents), cmocka_unit_test(test_bytes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
