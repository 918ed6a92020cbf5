/* `with` of data.permute. */
#include "tests/unit/config/ask.h"

static void ask_permute(struct asked *a, const char *with)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "version: 1\nname: t\ntasks:\n- id: d\n  op: data.permute\n"
             "  with: %s\n",
             with);
    ask_graph(a, text);
}

static void test_form(void **state)
{
    struct asked a;
    const Proctor__PermuteSpec *s;

    (void)state;
    ask_permute(&a, "{of: rows, level: 2, order: [3, 0, 2, 1]}");
    assert_null(a.reply.problem);
    s = a.reply.graph->tasks[0]->permute;
    assert_string_equal(s->of, "rows");
    assert_int_equal(s->depth, 2);
    assert_int_equal(s->n_order, 4);
    assert_int_equal(s->order[0], 3);
    assert_int_equal(s->order[3], 1);
    assert_false(s->inverse);
    ask_done(&a);
    ask_permute(&a, "{of: rows, level: 1, order: [0, 1], inverse: true}");
    assert_null(a.reply.problem);
    assert_true(a.reply.graph->tasks[0]->permute->inverse);
    ask_done(&a);
}

/* The kind of the data is found through permutations and splits. */
static void test_kind(void **state)
{
    static const char text[] =
        "version: 1\nname: t\ntasks:\n"
        "- {id: rows, op: data.load, with: {format: moons}}\n"
        "- {id: parts, op: data.split, needs: [rows],"
        " with: {of: rows, holdout: 0.2}}\n"
        "- {id: ba, op: data.permute, needs: [parts],"
        " with: {of: parts, level: 1, order: [1, 0]}}\n"
        "- {id: net, op: train, needs: [ba], with: {data: ba, model: {kind: mlp,"
        " layers: [4]}, epochs: 1, batch: 8, validation: 0.5}}\n";
    struct asked a;
    const Proctor__Recipe *r;

    (void)state;
    ask_graph(&a, text);
    assert_null(a.reply.problem);
    r = a.reply.graph->tasks[3]->train->recipe;
    assert_non_null(r->loss);
    assert_string_equal(r->loss->kind, "cross_entropy");
    ask_done(&a);
}

static void test_bad(void **state)
{
    static const struct {
        const char *with, *what;
    } bad[] = {
        {"{level: 1, order: [1, 0]}", "key \"of\" is missing"},
        {"{of: d, level: 0, order: [0]}", "level: expected"},
        {"{of: d, level: 9, order: [0]}", "level: expected"},
        {"{of: d, level: 2, order: [1, 0]}", "order: expected 4 blocks, got 2"},
        {"{of: d, level: 1, order: []}", "order: expected 2 blocks, got 0"},
        {"{of: d, level: 1, order: [1, 1]}", "order: block 1 stands in it twice"},
        {"{of: d, level: 1, order: [1, 2]}", "order[1]: expected"},
        {"{of: d, level: 1, order: [1, -1]}", "order[1]: expected"},
        {"{of: d, level: 1, order: [1, 0], inverse: 1}", "inverse: expected"},
        {"{of: d, level: 1, order: [1, 0], parent: x}", "unknown key \"parent\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct asked a;

        ask_permute(&a, bad[i].with);
        if (!a.reply.problem ||
            strstr(a.reply.problem->what, bad[i].what) == NULL) {
            fail_msg("%s: got \"%s\"", bad[i].with,
                     a.reply.problem ? a.reply.problem->what : "nothing");
        }
        ask_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_form),
                                       cmocka_unit_test(test_kind),
                                       cmocka_unit_test(test_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
