/* Options of `proctor exam`: words that name works, examples, and diagnoses of a
 * text that nobody wrote, told in terms of the options. */

#include "fixture.h"

#include "cli/exam_ask.h"
#include "proto/err.h"

static struct exam_ask *ask_new(void)
{
    struct exam_ask *a = malloc(sizeof(*a));

    assert_non_null(a);
    exam_ask_init(a);
    return a;
}

static void ask_free(struct exam_ask *a)
{
    exam_ask_release(a);
    free(a);
}

/* Reads a word as the candidate's. */
static int read_word(struct exam_ask *a, const char *word, int is_started)
{
    static char copy[256];
    struct diag d;

    diag_init(&d);
    memset(&a->works[0], 0, sizeof(a->works[0]));
    (void)snprintf(copy, sizeof(copy), "%s", word);
    a->works[0].word = copy;
    a->is_started = is_started;
    return exam_ask_read(a, EXAM_ROLE_CANDIDATE, &d);
}

static void words(void **state)
{
    struct exam_ask *a = ask_new();
    const struct exam_work *w = &a->works[0];

    (void)state;
    assert_int_equal(read_word(a, "a/b/crc32.py", 0), 0);
    assert_string_equal(w->path, "a/b/crc32.py");
    assert_string_equal(w->function, "crc32");
    assert_false(w->is_unit);
    assert_int_equal(read_word(a, "a/bits.cml:low", 0), 0);
    assert_string_equal(w->path, "a/bits.cml");
    assert_string_equal(w->function, "low");
    assert_true(w->is_unit);
    assert_int_equal(read_word(a, "a/bits.cml", 0), 0);
    assert_string_equal(w->function, "bits");
    assert_int_equal(read_word(a, "x.py:y.py:f", 0), 0);
    assert_string_equal(w->path, "x.py:y.py");
    assert_string_equal(w->function, "f");
    assert_int_equal(read_word(a, "./tool:odd", 0), 0);
    assert_string_equal(w->path, "./tool:odd");
    assert_string_equal(w->function, "");
    assert_int_equal(w->is_script, 0);
    assert_int_equal(read_word(a, "lines.py", 1), 0);
    assert_string_equal(w->function, "");
    assert_int_equal(w->is_script, 1);
    assert_int_equal(read_word(a, "no-name.py", 0), ERR_INPUT);
    assert_int_equal(read_word(a, "x.py:1f", 0), ERR_INPUT);
    assert_int_equal(read_word(a, "x.py:", 0), ERR_INPUT);
    assert_int_equal(read_word(a, "", 0), ERR_INPUT);
    assert_int_equal(read_word(a, "x.py:f", 1), ERR_INPUT);
    ask_free(a);
}

static void arrows(void **state)
{
    const char *quoted = "[\"a=>b\"]=>\"c=>d\"";

    (void)state;
    assert_null(exam_ask_arrow("[1, 2] = 3"));
    assert_null(exam_ask_arrow("\"=>\""));
    assert_ptr_equal(exam_ask_arrow(quoted), quoted + 8);
}

static void retold(void **state)
{
    static const struct {
        const char *said;
        const char *told;
    } rows[] = {
        {"override \"exam.with.domain\": tasks[1].with.domain[0]: expected",
         "--domain[0]: expected"},
        {"override \"exam.with.domain\": not well-formed",
         "--domain: not well-formed"},
        {"override \"exam.with.examples\": tasks[1].with.examples[2].in: x",
         "--example[2].in: x"},
        {"override \"policy.exam.p0\": exam.p0: expected 1",
         "--p0: expected 1"},
        {"tasks[1].with: the candidate takes (u8)", "the candidate takes (u8)"},
        {"override \"policy.limits.cpu\": limits.cpu: expected",
         "override \"policy.limits.cpu\": limits.cpu: expected"},
        {"something else", "something else"},
    };
    struct exam_ask *a = ask_new();
    char label[] = "(own)";
    struct diag d;

    (void)state;
    a->request.m.policy_path = label;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        diag_init(&d);
        (void)diag_set(&d, ERR_INPUT, (struct loc){label, 3, 4}, "%s",
                       rows[i].said);
        exam_ask_retell(a, &d);
        assert_string_equal(d.what, rows[i].told);
        assert_null(d.at.path);
        assert_int_equal(d.at.line, 0);
    }
    diag_init(&d);
    (void)diag_set(&d, ERR_INPUT, (struct loc){"theirs.yaml", 3, 4}, "x");
    exam_ask_retell(a, &d);
    assert_string_equal(d.at.path, "theirs.yaml");
    assert_int_equal(d.at.line, 3);
    ask_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words),
                                       cmocka_unit_test(arrows),
                                       cmocka_unit_test(retold)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
