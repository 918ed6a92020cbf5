/* Tables of examples: CSV and JSON, types that are guessed or said, examples that
 * stand twice, contradict each other, or are held out. */
#include "examples.h"

static void expect_typed(const char *text, const char *types, const char *first)
{
    struct examples x;
    char got[400];

    examples_init(&x, text, strlen(text));
    x.ask.types = (char *)(uintptr_t)types;
    examples_read(&x);
    if (x.problem == NULL) {
        fail_msg("%s, %s: %s", text, types, x.command.problem.what);
    }
    assert_string_equal(example_text(&x, 0, got), first);
    examples_release(&x);
}

static void expect_types(const char *text, const char *types)
{
    struct examples x;
    const Proctor__SynthTask *t;
    struct type takes;
    struct type gives;
    char got[200];
    char to[100];

    examples_init(&x, text, strlen(text));
    examples_read(&x);
    if (x.problem == NULL) {
        fail_msg("%s: %s", text, x.command.problem.what);
    }
    t = x.problem->task;
    assert_int_equal(
        type_decode((struct ubytes){t->takes.data, t->takes.len}, &takes), 0);
    assert_int_equal(
        type_decode((struct ubytes){t->gives.data, t->gives.len}, &gives), 0);
    type_text(&takes, got, 100);
    type_text(&gives, to, sizeof(to));
    strcat(got, " -> ");
    strcat(got, to);
    assert_string_equal(got, types);
    examples_release(&x);
}

static void test_guess(void **state)
{
    (void)state;
    expect_types("a,b\n1,2\n", "(i64) -> i64");
    expect_types("a,b\n-1,true\n2,false\n", "(i64) -> bool");
    expect_types("a,b\n18446744073709551615,x\n", "(u64) -> string");
    expect_types("a,b\n007,1\n", "(string) -> i64"); /* no number of JSON */
    expect_types("a,b\n,1\n", "(string) -> i64");
    expect_types("[{\"in\": [[1, 2]], \"out\": 3}]", "([i64]) -> i64");
    expect_types("[{\"in\": [[]], \"out\": []}]", "([i64]) -> [i64]");
    expect_types("[{\"in\": 1, \"out\": 3}]", "(i64) -> i64");
    expect_types("[{\"in\": [\"a\", 1], \"out\": true}]",
                 "(string, i64) -> bool");
    expect_types("{\"outputs\": [\"[\", \"]\"], \"inputs\": [\"a\", \"b,\"]}",
                 "(string) -> string");
}

static void test_tables(void **state)
{
    (void)state;
    expect_first("a,b,sum\n1,2,3\n4,5,9\n", "[1,2] -> 3");
    expect_first("\xef\xbb\xbf" "a,b\r\n\"x \"\"y\"\", z\nw\",1\r\n",
                 "[\"x \\\"y\\\", z\\nw\"] -> 1");
    expect_first("[{\"in\": [\n 1,\n2], \"out\": 3}]", "[1,2] -> 3");
    expect_first("{\"inputs\": [[1, 2], [3, 4]], \"outputs\": [3, 7]}",
                 "[1,2] -> 3");
    expect_typed("a,b,c\n1,2,3\n", "u8, string -> u64", "[1,\"2\"] -> 3");
    expect_typed("a,b\n\"[1, 2]\",3\n", "[i64] -> i64", "[[1,2]] -> 3");
    expect_typed("[{\"in\": [1], \"out\": 2}]", " u64->u64 ", "[1] -> 2");
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("", 1, 1, "the file is empty", 0);
    expect_refused("a,b\n", 0, 0, "no example", 0);
    expect_refused("a,b\n1\n", 2, 1, "1 fields; the header has 2", 0);
    expect_refused("a\n1\n", 1, 1, "one column", 0);
    expect_refused("a,a\n1,2\n", 1, 3, "two columns", 0);
    expect_refused("a,b\n\"1,2\n", 2, 1, "has no end", 0);
    expect_refused("a,b\n1\"2,2\n", 2, 2, "a quote inside", 0);
    expect_refused("a,b\n\"1\"2,2\n", 2, 4, "text behind", 0);
    expect_refused("a,b\n1.5,2\n", 0, 0, "functions of f64", 0);
    expect_refused("a,b\n1,2\n1,3\n", 3, 1, "the input of 2:1", 2);
    expect_refused("a\xff,b\n1,2\n", 1, 2, "not UTF-8", 0);
    expect_refused("[", 1, 2, "expected an object", 0);
    expect_refused("[]", 0, 0, "no example", 0);
    expect_refused("[{\"in\": [1]}]", 1, 13, "are needed", 0);
    expect_refused("[{\"in\": [1], \"in\": [1]}]", 1, 19, "stands twice", 0);
    expect_refused("[{\"in\": [1], \"out\": 2}] x", 1, 25, "behind", 0);
    expect_refused("[{\"in\": [1], \"out\": {}}]", 1, 21, "an object", 0);
    expect_refused("[{\"in\": [1], \"out\": 2}, {\"in\": [1, 2], \"out\": 2}]", 1,
                   32, "2 arguments; 1", 0);
    expect_refused("[{\"in\": [1], \"out\": 2}, {\"in\": [[1]], \"out\": 2}]", 1,
                   9, "no one type fits argument 1", 0);
    expect_refused("[{\"in\": [1], \"out\": \"a}]", 1, 25, "does not end", 0);
    expect_refused("{\"inputs\": [[1]], \"outputs\": [1, 2]}", 1, 30,
                   "1 inputs and 2 outputs", 0);
    expect_refused("[{\"in\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]", 1,
                   41, "nested more than 32", 1);
}

static void expect_no_types(const char *types)
{
    struct examples x;

    examples_init(&x, "a,b\n1,2\n", 8);
    x.ask.types = (char *)(uintptr_t)types;
    examples_read(&x);
    if (x.problem != NULL) {
        fail_msg("accepted: %s", types);
    }
    examples_release(&x);
}

static void test_types(void **state)
{
    static const char *const bad[] = {
        "u64",          "u64->",       "->->",         "u65->u64",
        "u64,->u64",    "[u64->u64",   "u64]->u64",    "u64->u64 x",
        "u64,u64->u64", "string->u64,", "[[[[[[[u8]]]]]]]->u8", "(u8)->u8"};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        expect_no_types(bad[i]);
    }
}

static void test_column(void **state)
{
    static const char text[] = "a,b,c\n1,2,3\n4,5,6\n";
    struct examples x;
    char got[400];

    (void)state;
    examples_init(&x, text, sizeof(text) - 1);
    x.ask.output = (char *)(uintptr_t)"b";
    examples_read(&x);
    assert_non_null(x.problem);
    assert_string_equal(example_text(&x, 1, got), "[4,6] -> 5");
    assert_string_equal(x.problem->task->name, "b");
    examples_release(&x);
    examples_init(&x, text, sizeof(text) - 1);
    x.ask.output = (char *)(uintptr_t)"d";
    examples_read(&x);
    assert_null(x.problem);
    examples_release(&x);
}

static void test_roles(void **state)
{
    static const char text[] = "a,b\n1,1\n2,2\n1,1\n3,3\n4,4\n";
    struct examples x;

    (void)state;
    examples_init(&x, text, sizeof(text) - 1);
    x.ask.hold_out = 500;
    examples_read(&x);
    assert_non_null(x.problem);
    assert_int_equal(x.problem->given, 2);
    assert_int_equal(x.problem->held, 2);
    assert_int_equal(x.problem->again, 1);
    examples_release(&x);
}

/* An answer is run over everything, and printed with the file's names. */
static void test_check(void **state)
{
    static const char text[] = "count,twice\n1,2\n2,4\n3,6\n";
    static const char answers[][60] = {
        "unit twice(a: i64) -> i64 { a + a }",
        "unit twice(a: i64) -> i64 { a + 1 }",
        "unit twice(a: i64) -> i64 { a / 0 }",
        "unit twice(a: u64) -> u64 { a + a }",
        "unit twice(a: i64) -> i64 { b }"};
    static const uint32_t fit[] = {3, 1, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(answers); i++) {
        Proctor__CmlText answer = PROCTOR__CML_TEXT__INIT;
        struct examples x;
        const Proctor__SynthCheck *k;

        examples_init(&x, text, sizeof(text) - 1);
        answer.name = (char *)(uintptr_t)"answer";
        answer.content.data = (uint8_t *)(uintptr_t)answers[i];
        answer.content.len = strlen(answers[i]);
        x.texts[1] = &answer;
        x.task.n_texts = 2;
        assert_int_equal(command_answer(&x.command, &x.task), 0);
        k = x.command.reply.synth_check;
        assert_true((k == NULL) == (i >= ARRAY_N(fit)));
        if (k != NULL) {
            assert_int_equal(k->given, 3);
            assert_int_equal(k->fit, fit[i]);
            assert_int_equal(k->smt.len, 0);
            assert_non_null(memmem(k->text.data, k->text.len, "count", 5));
        } else {
            assert_int_equal(x.command.reply.problem_text, 1);
        }
        examples_release(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guess),   cmocka_unit_test(test_tables),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_types),
        cmocka_unit_test(test_column),  cmocka_unit_test(test_roles),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
