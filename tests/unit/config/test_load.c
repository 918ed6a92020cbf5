/* data.load and data.split with `of`: each format's own keys, their defaults, and
 * what is refused where. */
#include "tests/unit/config/ask.h"

static void ask_task(struct asked *a, const char *op, const char *with)
{
    static char text[4096];

    snprintf(text, sizeof(text),
             "version: 1\nname: t\ntasks:\n- id: d\n  op: %s\n  with: %s\n", op,
             with);
    ask_graph(a, text);
}

/* What a good data.load says; the caller ends with ask_done. */
static const Proctor__DataSpec *load(struct asked *a, const char *with)
{
    ask_task(a, "data.load", with);
    assert_fine(a);
    return a->reply.graph->tasks[0]->data;
}

static void test_csv(void **state)
{
    struct asked a;
    const Proctor__DataSpec *s;

    (void)state;
    s = load(&a, "{format: csv, files: [a.csv], inputs: [p, q], output: y,"
                 " kind: regression, drop_missing: true}");
    assert_string_equal(s->format, "csv");
    assert_int_equal(s->n_files, 1);
    assert_string_equal(s->inputs[1], "q");
    assert_string_equal(s->output, "y");
    assert_int_equal(s->kind, PROCTOR__DATA_KIND__DATA_REGRESSION);
    assert_true(s->drop_missing);
    assert_null(s->synthetic);
    ask_done(&a);
}

static void test_generators(void **state)
{
    struct asked a;
    const Proctor__DataSpec *s;

    (void)state;
    s = load(&a, "{format: regression, features: 4, noise: 0}");
    assert_int_equal(s->kind, PROCTOR__DATA_KIND__DATA_REGRESSION);
    assert_int_equal(s->synthetic->rows, 1000);
    assert_int_equal(s->synthetic->informative, 4);
    assert_true(s->synthetic->noise == 0);
    assert_int_equal(s->synthetic->seed, 42);
    ask_done(&a);
    s = load(&a, "{format: classification, rows: 9, classes: 3,"
                 " separation: 2}");
    assert_int_equal(s->kind, PROCTOR__DATA_KIND__DATA_CLASSIFICATION);
    assert_int_equal(s->synthetic->features, 10);
    assert_true(s->synthetic->separation == 2);
    ask_done(&a);
    s = load(&a, "{format: moons, rows: 50, noise: 0.2}");
    assert_int_equal(s->synthetic->rows, 50);
    ask_done(&a);
}

static void test_text(void **state)
{
    struct asked a;
    const Proctor__DataSpec *s;

    (void)state;
    s = load(&a, "{format: text, files: [a.md, b.md], context: 128,"
                 " vocab: 512}");
    assert_int_equal(s->kind, PROCTOR__DATA_KIND__DATA_TEXT);
    assert_int_equal(s->text->context, 128);
    assert_int_equal(s->text->stride, 0);
    ask_done(&a);
}

static void test_split(void **state)
{
    struct asked a;
    const Proctor__SplitSpec *s;

    (void)state;
    ask_task(&a, "data.split", "{of: d, holdout: 0.25, stratified: true}");
    assert_fine(&a);
    s = a.reply.graph->tasks[0]->split;
    assert_string_equal(s->of, "d");
    assert_true(s->stratified && s->holdout == 0.25);
    assert_null(s->table);
    ask_done(&a);
}

static const struct {
    const char *op, *with;
    const char *what, *hint; /* words of each */
} bad[] = {
    {"data.load", "x", "expected a map", ""},
    {"data.load", "{files: [a]}", "key \"format\" is missing", "moons"},
    {"data.load", "{format: cvs}", "did you mean \"csv\"", ""},
    {"data.load", "{format: csv, files: [a], kind: regression}",
     "key \"output\" is missing", "drop_missing"},
    {"data.load", "{format: csv, flies: [a], kind: regression, output: y}",
     "did you mean \"files\"", ""},
    {"data.load", "{format: csv, files: [a, b], kind: regression, output: y}",
     "files: expected 1, got 2", "one file"},
    {"data.load", "{format: csv, files: [a], kind: text, output: y}",
     "kind: expected regression or classification", ""},
    {"data.load", "{format: csv, files: [a], kind: regression, output: y,"
                  " inputs: []}",
     "expected at least one column", "leave it out"},
    {"data.load", "{format: idx, files: [a]}", "expected 2, got 1", "labels"},
    {"data.load", "{format: npz, files: [a], kind: regression,"
                  " inputs: [a, b]}",
     "expected one array", "[x]"},
    {"data.load", "{format: cifar100, files: [a], output: medium}",
     "expected fine or coarse", ""},
    {"data.load", "{format: moons, context: 4}", "unknown key \"context\"",
     "rows"},
    {"data.load", "{format: moons, rows: 0}", "rows: expected", ""},
    {"data.load", "{format: moons, rows: true}", "rows: expected", ""},
    {"data.load", "{format: moons, noise: -1}", "noise: expected 0 or more", ""},
    {"data.load", "{format: moons, noise: .nan}", "noise: expected", ""},
    {"data.load", "{format: classification, separation: 0}",
     "separation: expected more than 0", ""},
    {"data.load", "{format: regression, informative: 11}",
     "informative: expected at most the 10 features, got 11", ""},
    {"data.load", "{format: classification, rows: 2, classes: 3}",
     "2 rows cannot have 3 classes", ""},
    {"data.load", "{format: spirals, seed: 4294967296}", "seed: expected", ""},
    {"data.load", "{format: text, files: [a]}", "key \"context\" is missing",
     ""},
    {"data.split", "{of: d}", "key \"holdout\" is missing", ""},
    {"data.split", "{of: d, holdout: 1}", "a share between 0 and 1", ""},
    {"data.split", "{of: d, holdout: 0.1, csv: a}", "unknown key \"csv\"", ""},
    {"data.split", "{stratified: true, holdout: 0.1}", "key \"of\" is missing",
     ""},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        struct asked a;

        ask_task(&a, bad[i].op, bad[i].with);
        if (!a.reply.problem ||
            strstr(a.reply.problem->what, bad[i].what) == NULL ||
            strstr(a.reply.problem->hint, bad[i].hint) == NULL) {
            fail_msg("%s: got \"%s\", \"%s\"", bad[i].with,
                     a.reply.problem ? a.reply.problem->what : "nothing",
                     a.reply.problem ? a.reply.problem->hint : "");
        }
        ask_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv), cmocka_unit_test(test_generators),
        cmocka_unit_test(test_text), cmocka_unit_test(test_split),
        cmocka_unit_test(test_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
