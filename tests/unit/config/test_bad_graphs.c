/* Graphs that are refused: what is said, and where. Each row is a document; the
 * place is that of the word that is wrong. */
#include "tests/unit/config/ask.h"

#include "proto/limits.h"

#define HEAD "version: 1\nname: t\ntasks:\n"
/* A task with one line of its own, which is line 6. */
#define TASK(line) HEAD "  - id: a\n    op: program\n    " line "\n"
#define WITH(body)                                                             \
    HEAD "  - id: a\n    op: program\n    with:\n      " body "\n"
/* function, takes and gives are there; one more line, which is line 10. */
#define PROGRAM(line)                                                          \
    WITH("function: a.py:f\n      takes: [u8]\n      gives: u8\n" line)
/* An exam whose domain is on line 8. */
#define DOMAIN(d)                                                              \
    HEAD "  - id: a\n    op: exam\n    with:\n"                                \
         "      oracle: {function: 'a.py:f'}\n      domain: " d "\n"
/* Candidate and exam; the examples are on line 9. */
#define EXAMPLES(takes, gives, e)                                              \
    HEAD "  - {id: c, op: program, with: {function: 'c.py:f', takes: [" takes  \
         "], gives: " gives "}}\n  - id: x\n    op: exam\n    needs: [c]\n"    \
         "    with:\n      examples: " e "\n      oracle: {table: {csv: "      \
         "t.csv, inputs: [a], output: b}}\n"

/* A run of a series; its `with` is on line 7. */
#define DERIVE(line)                                                           \
    HEAD "  - id: a\n    op: derive\n    with:\n      " line "\n"

struct row {
    const char *text;
    uint32_t line, col;
    const char *what;
};

static const struct row rows[] = {
    /* not one document */
    {"", 1, 1, "the text is empty"},
    {"   \n", 1, 1, "the text is empty"},
    {"# nothing\n", 1, 1, "the text is empty"},
    {"---\n...\n", 1, 1, "the text is empty"},
    {"version: 1\n---\nversion: 1\n", 2, 1, "a second document"},
    {"version: [1\n", 2, 1, "not well-formed"},
    {"version: 1\n  name: x\n", 1, 10, "not well-formed"},
    {"name: \"x\n", 1, 8, "not well-formed"},
    {"{\"version\": 1,,}", 1, 15, "not well-formed"},
    {"%YAML 1.2\n---\nversion: 1\n", 2, 1, "directives"},
    {"- version\n", 1, 1, "expected a map"},
    {"words\n", 1, 1, "expected a map"},
    /* derive */
    {DERIVE("inputs: a.txt"), 7, 7, "with: key \"series\" is missing"},
    {DERIVE("{series: x, input: a.txt}"), 7, 19, "did you mean \"inputs\""},
    {DERIVE("{series: [x]}"), 7, 16, "series: expected"},
    {DERIVE("{series: x, inputs: 3.5}"), 7, 27, "inputs: expected"},
    {DERIVE("{series: x, note: \"a\\tb\"}"), 7, 25, "note: "},
    /* YAML that we leave out */
    {"version: &v 1\n", 1, 13, "anchors"},
    {"name: x\nversion: *v\n", 2, 11, "anchors"},
    {"version: !!int 1\n", 1, 16, "tags"},
    {"tasks: !x []\n", 1, 11, "tags"},
    {HEAD "  - <<: {id: a}\n", 4, 5, "merge keys"},
    {"? [a]\n: 1\n", 1, 3, "a key must be a word"},
    {"{a: 1}: 2\n", 1, 1, "a key must be a word"},
    /* top level */
    {"versoin: 1\n", 1, 1, "unknown key \"versoin\"; did you mean \"version\""},
    {"version: 1\nname: x\ntaks: []\n", 3, 1, "did you mean \"tasks\""},
    {"version: 1\nversion: 1\n", 2, 1, "key \"version\" is given twice"},
    {"version: 2\n", 1, 10, "version: expected 1, got 2"},
    {"version: 1.0\n", 1, 10, "version: expected 1, got 1.0"},
    {"version: '1'\n", 1, 10, "version: expected 1, got \"1\""},
    {"version: 1\nname: 12\n", 2, 7, "name: expected text, got 12"},
    {"version: 1\nname:\n", 2, 1, "name: expected text, got nothing"},
    {"version: 1\nname: ~\n", 2, 7, "name: expected text, got ~"},
    {"version: 1\nname: true\n", 2, 7, "name: expected text, got true"},
    {"version: 1\nname: [x]\n", 2, 7, "name: expected text, got a list"},
    {"version: 1\nname: ''\n", 2, 7, "an empty string"},
    {"version: 1\nname: \"a\\0b\"\n", 2, 7, "control character U+0000"},
    {"version: 1\nname: \"a\\nb\"\n", 2, 7, "control character U+000A"},
    {"version: 1\nname: x\n", 1, 1, "key \"tasks\" is missing"},
    {"version: 1\nname: x\ntasks: 7\n", 3, 8, "tasks: expected a list"},
    {"version: 1\nname: x\ntasks: {}\n", 3, 8, "tasks: expected a list"},
    {"state: 1\n", 1, 1, "state is set by the kernel"},
    /* tasks */
    {HEAD "  - 7\n", 4, 5, "tasks[0]: expected a map, got 7"},
    {HEAD "  - op: exam\n", 4, 5, "tasks[0]: key \"id\" is missing"},
    {HEAD "  - id: a\n", 4, 5, "tasks[0]: key \"op\" is missing"},
    {HEAD "  - {id: a, op: program}\n", 4, 5, "key \"with\" is missing"},
    {HEAD "  - {id: 7, op: x}\n", 4, 10, "tasks[0].id: expected text, got 7"},
    {TASK("state: passed"), 6, 5, "state is set by the kernel"},
    {TASK("status: passed"), 6, 5, "state is set by the kernel"},
    {TASK("result: x"), 6, 5, "state is set by the kernel"},
    {TASK("level: proven"), 6, 5, "a level stands under validator"},
    {TASK("nedds: [b]"), 6, 5, "unknown key \"nedds\"; did you mean \"needs\""},
    {TASK("op: exam"), 6, 5, "key \"op\" is given twice"},
    {TASK("needs: b"), 6, 12, "tasks[0].needs: expected a list, got \"b\""},
    {TASK("needs: [b, 1]"), 6, 16, "tasks[0].needs[1]: expected text, got 1"},
    {TASK("priority: 10"), 6, 15, "priority: expected 0..9, got 10"},
    {TASK("priority: -1"), 6, 15, "priority: expected 0..9, got -1"},
    {TASK("priority: high"), 6, 15, "priority: expected 0..9, got \"high\""},
    {TASK("priority: 07"), 6, 15, "priority: expected 0..9, got 07"},
    {TASK("priority: 99999999999999999999999999"), 6, 15, "expected 0..9"},
    {TASK("approval: yes"), 6, 15, "expected true or false, got \"yes\""},
    {TASK("root: 1"), 6, 11, "expected true or false, got 1"},
    {HEAD "  - {id: a, op: nosuch, validator: {name: x}}\n", 4, 36,
     "tasks[0].validator: key \"level\" is missing"},
    {HEAD "  - {id: a, op: nosuch, validator: {name: x, level: shema}}\n", 4,
     53, "did you mean \"schema\""},
    {HEAD "  - {id: a, op: nosuch, validator: {name: x, level: 3}}\n", 4, 53,
     "none, syntax, schema, property, oracle or proven, got 3"},
    {HEAD "  - {id: a, op: nosuch, validator: well_formed}\n", 4, 36,
     "validator: expected a map"},
    /* program */
    {WITH("run: []"), 7, 12, "expected at least the program's name"},
    {WITH("takes: [u8]"), 7, 7, "neither \"function\" nor \"run\""},
    {WITH("function: a.py:f\n      run: [a]"), 8, 7, "both \"function\""},
    {WITH("function: a.py"), 7, 17, "expected file.py:name"},
    {WITH("function: a.py:1f"), 7, 17, "expected file.py:name"},
    {WITH("function: ':f'"), 7, 17, "expected file.py:name"},
    {WITH("function: a.py:f\n      gives: u8"), 7, 7, "\"takes\" is missing"},
    {WITH("function: a.py:f\n      takes: [u8]"), 7, 7, "\"gives\" is missing"},
    {WITH("function: a.py:f\n      takes: u8\n      gives: u8"), 8, 14,
     "expected a list"},
    {WITH("function: a.py:f\n      takes: [u33]\n      gives: u8"), 8, 15,
     "takes[0]: expected a type, got \"u33\""},
    {WITH("function: a.py:f\n      takes: [{lst: u8}]\n      gives: u8"), 8, 16,
     "did you mean \"list\""},
    {WITH("function: a.py:f\n      takes: [{list: u8, tuple: []}]\n      "
          "gives: u8"),
     8, 15, "expected a type, got a map"},
    {PROGRAM("      flies: [x]"), 10, 7, "did you mean \"files\""},
    {PROGRAM("      files: x"), 10, 14, "files: expected a list"},
    {PROGRAM("    repair: {}"), 10, 13, "repair: changes nothing"},
    {PROGRAM("    repair: {needs: 7}"), 10, 21,
     "repair.needs: expected a list"},
    {PROGRAM("    repair: {with: {takes: [u9]}}"), 10, 29,
     "repair.with.takes[0]: expected a type"},
    /* domains */
    {DOMAIN("u8"), 8, 15, "domain: expected a list"},
    {DOMAIN("[string]"), 8, 16, "string needs a length"},
    {DOMAIN("[bytes]"), 8, 16, "bytes needs a length"},
    {DOMAIN("[u8, nosuch]"), 8, 20, "domain[1]: expected a domain"},
    {DOMAIN("[{u8: {range: [0, 300]}}]"), 8, 33,
     "domain[0].u8.range: expected 0..255, got 300"},
    {DOMAIN("[{i8: {range: [-129, 0]}}]"), 8, 30,
     "expected -128..127, got -129"},
    {DOMAIN("[{u8: {range: [9, 1]}}]"), 8, 29, "low 9 is above high 1"},
    {DOMAIN("[{u8: {range: [9]}}]"), 8, 29, "expected [low, high]"},
    {DOMAIN("[{u8: {rnage: [0, 1]}}]"), 8, 22, "did you mean \"range\""},
    {DOMAIN("[{f32: {range: [0, 1e39]}}]"), 8, 34, "a number that fits f32"},
    {DOMAIN("[{f64: {range: [a, 1]}}]"), 8, 31, "expected a number, got \"a\""},
    {DOMAIN("[{bool: {}}]"), 8, 17, "bool has no bounds"},
    {DOMAIN("[{bytes: {length: [4, 2]}}]"), 8, 33, "low 4 is above high 2"},
    {DOMAIN("[{bytes: {length: [0, 4294967296]}}]"), 8, 37, "0..1048576"},
    {DOMAIN("[{string: {length: [0, 4], alphabet: ''}}]"), 8, 52,
     "characters or a named alphabet"},
    {DOMAIN("[{list: {of: u8}}]"), 8, 23, "key \"length\" is missing"},
    {DOMAIN("[{choice: {of: u8, values: []}}]"), 8, 42, "at least one value"},
    {DOMAIN("[{choice: {of: u8, values: [1, 256]}}]"), 8, 46,
     "choice.values[1]: expected 0..255, got 256"},
    {DOMAIN("[{corpus: {of: u8}}]"), 8, 25, "key \"file\" is missing"},
    /* exams */
    {HEAD "  - {id: a, op: exam, with: {domain: [u8]}}\n", 4, 29,
     "key \"oracle\" is missing"},
    {HEAD "  - {id: a, op: exam, with: {oracle: {run: [x]}}}\n", 4, 29,
     "key \"domain\" is missing"},
    {HEAD "  - {id: a, op: exam, with: {oracle: {run: [x], gives: u8}}}\n", 4,
     49, "an oracle takes and gives what the candidate does"},
    {HEAD "  - {id: a, op: exam, with: {oracle: {table: {csv: t}}}}\n", 4, 46,
     "key \"inputs\" is missing"},
    {EXAMPLES("u8", "u8", "[{in: [1], out: 256}]"), 9, 33,
     "tasks[1].with.examples[0].out: expected 0..255, got 256"},
    {EXAMPLES("u8", "u8", "[{in: [1, 2], out: 3}]"), 9, 23,
     "expected 1 values, got 2"},
    {EXAMPLES("u8", "u8", "[{out: 3}]"), 9, 18, "key \"in\" is missing"},
    {EXAMPLES("bool", "u8", "[{in: [1], out: 3}]"), 9, 24, "true or false"},
    {EXAMPLES("string", "u8", "[{in: [x, y], out: 3}]"), 9, 23, "got 2"},
    {EXAMPLES("string", "u8", "[{in: [12], out: 3}]"), 9, 24,
     "expected a string, got 12"},
    {EXAMPLES("bytes", "u8", "[{in: ['abc'], out: 3}]"), 9, 24,
     "hex digits in pairs"},
    {EXAMPLES("bytes", "u8", "[{in: ['zz'], out: 3}]"), 9, 24,
     "hex digits in pairs"},
    {EXAMPLES("i64", "u8", "[{in: [9223372036854775808], out: 3}]"), 9, 24,
     "-9223372036854775808..9223372036854775807"},
    {EXAMPLES("u64", "u8", "[{in: [18446744073709551616], out: 3}]"), 9, 24,
     "expected 0..18446744073709551615"},
    {EXAMPLES("f32", "u8", "[{in: ['1'], out: 3}]"), 9, 24,
     "expected a number, got \"1\""},
    {EXAMPLES("{list: u8}", "u8", "[{in: [7], out: 3}]"), 9, 24,
     "expected a list, got 7"},
    /* model, ref */
    {HEAD "  - {id: a, op: model, with: {weights: w, takes: [f32]}}\n", 4, 30,
     "key \"gives\" is missing"},
    {HEAD "  - {id: a, op: model, with: {weights: w, takes: [f32], gives: f32, "
          "decide: maybe}}\n",
     4, 77, "expected none, threshold or argmax, got \"maybe\""},
    {HEAD "  - {id: a, op: cml, with: {unit: 'f.cml:f', takes: [f32]}}\n", 4, 28,
     "key \"gives\" is missing"},
    {HEAD "  - {id: a, op: cml, with: {takes: [f32], gives: f32}}\n", 4, 28,
     "key \"unit\" is missing"},
    {HEAD "  - {id: a, op: cml, with: {unit: f.cml, takes: [f32], gives: f32}}\n",
     4, 35, "expected file.cml:name, got \"f.cml\""},
    {HEAD "  - {id: a, op: cml, with: {unti: f.cml, takes: [f32], gives: f32}}\n",
     4, 29, "did you mean \"unit\""},
    {HEAD "  - {id: a, op: ref.move, with: {rfe: x}}\n", 4, 34,
     "did you mean \"ref\""},
};

static void table(void **state)
{
    size_t failed = 0;

    (void)state;
    assert_true(ARRAY_N(rows) >= 60);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct asked a;
        const Proctor__Problem *p;

        ask_graph(&a, rows[i].text);
        p = a.reply.problem;
        if (!p || p->line != rows[i].line || p->col != rows[i].col ||
            !strstr(p->what, rows[i].what)) {
            print_error("--- %s--- expected %u:%u %s\n    got %u:%u %s\n",
                        rows[i].text, rows[i].line, rows[i].col, rows[i].what,
                        p ? p->line : 0, p ? p->col : 0,
                        p ? p->what : "accepted");
            failed++;
        }
        ask_done(&a);
    }
    assert_int_equal(failed, 0);
}

static void bytes(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        uint32_t line, col;
        const char *what;
    } texts[] = {{"version: 1\nname: \"\xff\"\n", 20, 2, 8,
                  "byte 18 (0xff) is not valid UTF-8"},
                 {"\xc3", 1, 1, 1, "byte 0 (0xc3) is not valid UTF-8"},
                 {"a: \xed\xa0\x80", 6, 1, 4, "not valid UTF-8"},
                 {"a: \xc0\x80", 5, 1, 4, "not valid UTF-8"},
                 {"ver\0sion: 1", 11, 1, 4, "control character U+0000"},
                 {"version: 1\n\x01", 12, 2, 1, "control character U+0001"},
                 {"a: \x7f", 4, 1, 4, "control character U+007F"},
                 {"name: \xe2\x80\xae", 9, 1, 7, "U+202E"},
                 {"v\0e\0r\0", 6, 1, 2, "U+0000"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        struct asked a;

        ask_bytes(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, texts[i].text,
                  texts[i].n);
        assert_problem(&a, texts[i].line, texts[i].col, texts[i].what);
        ask_done(&a);
    }
}

/* Columns are bytes; a byte order mark is none of the text. */
static void places_after_letters(void **state)
{
    struct asked a;

    (void)state;
    ask_graph(&a, "version: 1\nname: x\n\"\xc3\xa4\xc3\xa4\": 1\n");
    assert_problem(&a, 3, 1, "unknown key");
    ask_done(&a);
    ask_graph(&a, "{name: \"\xc3\xa4\xc3\xa4\", version: 2}\n");
    assert_problem(&a, 1, 25, "version: expected 1");
    ask_done(&a);
    ask_graph(&a, "\xef\xbb\xbfversion: 3\n");
    assert_problem(&a, 1, 10, "version: expected 1");
    ask_done(&a);
    ask_graph(&a, "version: 1\r\nname: x\r\ntaks: []\r\n");
    assert_problem(&a, 3, 1, "did you mean \"tasks\"");
    ask_done(&a);
}

static void assert_too_deep(const char *prefix, const char *unit, size_t n)
{
    size_t unit_n = strlen(unit);
    size_t at = strlen(prefix);
    char *text = malloc(at + n * unit_n + 1);
    struct asked a;

    assert_non_null(text);
    memcpy(text, prefix, at);
    for (size_t i = 0; i < n; i++, at += unit_n) {
        memcpy(text + at, unit, unit_n);
    }
    text[at] = '\0';
    ask_graph(&a, text);
    assert_non_null(a.reply.problem);
    if (!strstr(a.reply.problem->what, "deeper than 32") &&
        !strstr(a.reply.problem->what, "opens more than 4096") &&
        !strstr(a.reply.problem->what, "longer than 1 MiB")) {
        fail_msg("%s...: %s", unit, a.reply.problem->what);
    }
    assert_int_equal(a.reply.problem->kind, 1);
    ask_done(&a);
    free(text);
}

static void depth(void **state)
{
    (void)state;
    assert_too_deep("", "[", 33);
    assert_too_deep("", "[", 1000000);
    assert_too_deep("tasks: ", "[", 1000000);
    assert_too_deep("tasks:\n", "  [\n", 100000);
    assert_too_deep("", "[a, ", 1000000);
    assert_too_deep("name: ", "{a: ", 100000);
    assert_too_deep("", "- ", 1000000);
    assert_too_deep("tasks:\n", "- ", 100000);
}

/* 32 levels are read: what is wrong then is the key, not the depth. */
static void depth_that_is_allowed(void **state)
{
    struct asked a;

    (void)state;
    ask_graph(&a,
              "tasks: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]"
              "]]]]]]]]]");
    assert_problem(&a, 1, 9, "tasks[0]: expected a map");
    ask_done(&a);
}

/* Nine lines that a YAML library would turn into gigabytes. */
static void billion_laughs(void **state)
{
    struct asked a;

    (void)state;
    ask_graph(&a, "a: &a [lol, lol, lol]\nb: &b [*a, *a, *a]\nc: [*b, *b]\n");
    assert_problem(&a, 1, 7, "anchors");
    ask_done(&a);
    ask_graph(&a, "name: &a lol\nversion: [*a, *a, *a]\n");
    assert_problem(&a, 1, 10, "anchors");
    ask_done(&a);
}

static void too_large(void **state)
{
    size_t n = (size_t)LIMIT_GRAPH_FILE_BYTES + 1;
    char *text = malloc(n);
    struct asked a;

    (void)state;
    assert_non_null(text);
    memset(text, '#', n);
    ask_bytes(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, text, n);
    assert_problem(&a, 0, 0, "at most 50331648 bytes");
    assert_int_equal(a.reply.problem->kind, 1);
    ask_done(&a);
    free(text);
}

static void unknown_kind(void **state)
{
    struct asked a;

    (void)state;
    ask_bytes(&a, PROCTOR__CONFIG_KIND__CONFIG_NONE, "a: 1", 4);
    assert_problem(&a, 0, 0, "cannot read this");
    ask_done(&a);
    ask_bytes(&a, (Proctor__ConfigKind)77, "a: 1", 4);
    assert_problem(&a, 0, 0, "cannot read this");
    ask_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table),
                                       cmocka_unit_test(bytes),
                                       cmocka_unit_test(places_after_letters),
                                       cmocka_unit_test(depth),
                                       cmocka_unit_test(depth_that_is_allowed),
                                       cmocka_unit_test(billion_laughs),
                                       cmocka_unit_test(too_large),
                                       cmocka_unit_test(unknown_kind)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
