/* Objects as text and JSON: values in their own form, hostile strings tamed,
 * every CID inside found. */
#include "fixture.h"

#include "cli/exam_text.h"
#include "cli/json.h"
#include "cli/kinds.h"
#include "cli/message.h"
#include "cli/object.h"

/* Text of message_print. The caller frees it. */
static char *printed(const ProtobufCMessage *m, const struct message_types *t)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    assert_int_equal(message_print(f, m, t, 0), 0);
    assert_int_equal(fclose(f), 0);
    return text;
}

/* JSON of message_json, NUL-terminated. The caller frees it. */
static char *as_json(const ProtobufCMessage *m, const struct message_types *t)
{
    struct ubytes text;
    struct json j;
    char *copy;

    json_init(&j);
    message_json(&j, NULL, m, t);
    assert_int_equal(json_end(&j, &text), 0);
    copy = strndup((const char *)text.p, text.n);
    json_release(&j);
    return copy;
}

static void load(const struct fixture *f, const struct cid *c, const char *as,
                 ProtobufCMessage **out)
{
    assert_int_equal(object_message(f->dir, c, kinds_type(as), out), 0);
}

static void test_exam(void **state)
{
    struct fixture f;
    ProtobufCMessage *m = NULL;
    char *text;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_ADMIT);
    load(&f, &f.exam, "exam", &m);
    text = printed(m, NULL);
    assert_non_null(strstr(text, "takes: (u32)\n"));
    assert_non_null(strstr(text, "gives: u32\n"));
    assert_non_null(strstr(text, "alpha: 1e-06\n"));
    free(text);
    text = as_json(m, NULL);
    assert_non_null(strstr(text, "\"takes\": \"(u32)\""));
    assert_non_null(strstr(text, "\"second_oracle\": null"));
    assert_non_null(strstr(text, "\"corpora\": []"));
    free(text);
    pb_free(m);
    fixture_release(&f);
}

static void test_values_and_hostile_text(void **state)
{
    struct fixture f;
    struct message_types types;
    ProtobufCMessage *exam = NULL;
    ProtobufCMessage *m = NULL;
    const Proctor__Exam *e;
    char *text;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_REJECT);
    load(&f, &f.exam, "exam", &exam);
    e = (const Proctor__Exam *)exam;
    message_types_set(&types, (struct ubytes){e->takes.data, e->takes.len},
                      (struct ubytes){e->gives.data, e->gives.len});
    load(&f, &f.evidence, "evidence", &m);
    text = printed(m, &types);
    assert_non_null(strstr(text, "verdict: reject\n"));
    assert_non_null(strstr(text, "shrunk: input [77]"));
    assert_null(strchr(text, '\x1b'));
    free(text);
    text = as_json(m, &types);
    assert_non_null(strstr(text, "\"input\": [77]"));
    assert_non_null(strstr(text, "\"verdict_name\": \"reject\""));
    assert_non_null(strstr(text, "\"raw\": null"));
    assert_non_null(strstr(text, "\"exhaustive\": false"));
    assert_null(strchr(text, '\x1b'));
    free(text);
    /* Without types the bytes are shown, never guessed. */
    text = as_json(m, NULL);
    assert_null(strstr(text, "[77]"));
    assert_non_null(strstr(text, "\"input\": \"09"));
    free(text);
    pb_free(m);
    pb_free(exam);
    fixture_release(&f);
}

static int count(void *ctx, const ProtobufCMessageDescriptor *of,
                 const char *field, struct ubytes v)
{
    unsigned *n = ctx;

    (void)v;
    *n += kinds_of_member(of, field) != NULL;
    return 0;
}

static void test_members(void **state)
{
    Proctor__Inputs in = PROCTOR__INPUTS__INIT;
    Proctor__Artifact a[2] = {PROCTOR__ARTIFACT__INIT, PROCTOR__ARTIFACT__INIT};
    Proctor__Artifact *list[2] = {&a[0], &a[1]};
    unsigned n = 0;

    (void)state;
    in.n_files = 2;
    in.files = list;
    assert_int_equal(message_each_bytes(&in.base, count, &n), 0);
    assert_int_equal(n, 2);
}

static char *verdict_text(const struct fixture *f, const struct record *r)
{
    struct exam_text x;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    exam_text_load(f->dir, r, &x);
    assert_int_equal(exam_text_print(out, &x, r, 2, 0), 0);
    exam_text_release(&x);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void verdict_record(const struct fixture *f, enum verdict v,
                           struct record *r)
{
    record_init(r, RECORD_VERDICT);
    record_set_u(r, RF_VERDICT_verdict, v);
    record_set_u(r, RF_VERDICT_level, LEVEL_PROVEN);
    record_set_hash(r, RF_VERDICT_exam, f->exam.b);
    record_set_hash(r, RF_VERDICT_evidence, f->evidence.b);
    record_set_u(r, RF_VERDICT_commit, f->commit_seq);
    record_set_str(r, RF_VERDICT_reason, "one answer is wrong");
}

static void test_verdict_words(void **state)
{
    struct fixture f;
    struct record r;
    char *text;

    (void)state;
    fixture_usual(&f);
    verdict_record(&f, VERDICT_ADMIT, &r);
    text = verdict_text(&f, &r);
    assert_non_null(strstr(text, "ADMIT proven: 16 384 draws, 0 failures; "
                                 "error rate below 1.8e-04 (95 %), below "
                                 "8.4e-04 (all but 6.0e-07)\n"));
    free(text);
    fixture_objects(&f, VERDICT_REJECT);
    verdict_record(&f, VERDICT_REJECT, &r);
    text = verdict_text(&f, &r);
    assert_non_null(strstr(text, "REJECT: one answer is wrong\n"));
    assert_non_null(strstr(text, "    input    [77]\n"));
    assert_null(strchr(text, '\x1b'));
    free(text);
    memset(f.evidence.b, 9, sizeof(f.evidence.b)); /* not in the store */
    verdict_record(&f, VERDICT_REJECT, &r);
    text = verdict_text(&f, &r);
    assert_non_null(strstr(text, "its evidence is not in the store"));
    free(text);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exam),
        cmocka_unit_test(test_values_and_hostile_text),
        cmocka_unit_test(test_members), cmocka_unit_test(test_verdict_words)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
