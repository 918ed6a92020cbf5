/* Policies: the shipped ones, defaults, units, and what is refused. */
#include "tests/unit/config/ask.h"

static char *read_file(const char *name, size_t *out_n)
{
    char path[512];
    char *text = malloc(65536);
    FILE *f;

    assert_non_null(text);
    snprintf(path, sizeof(path), "%s/policy/%s", TEST_SOURCE_DIR, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    *out_n = fread(text, 1, 65536, f);
    fclose(f);
    return text;
}

static void shipped(void **state)
{
    static const char *const names[] = {"default", "strict"};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        char file[32];
        size_t n;
        char *text;
        struct asked a;

        snprintf(file, sizeof(file), "%s.yaml", names[i]);
        text = read_file(file, &n);
        ask_bytes(&a, PROCTOR__CONFIG_KIND__CONFIG_POLICY, text, n);
        assert_fine(&a);
        assert_string_equal(a.reply.policy->name, names[i]);
        assert_string_equal(a.reply.policy->confinement, "strict");
        assert_true(a.reply.policy->n_grants >= 3);
        assert_int_equal(a.reply.n_grant_places, a.reply.policy->n_grants);
        assert_true(a.reply.grant_places[0]->line > 1);
        ask_done(&a);
        free(text);
    }
}

static void nothing_is_granted_by_silence(void **state)
{
    struct asked a;
    const Proctor__Policy *p;

    (void)state;
    ask_policy(&a, "version: 1\n");
    assert_fine(&a);
    p = a.reply.policy;
    assert_int_equal(p->n_grants, 0);
    assert_string_equal(p->name, "");
    assert_int_equal(p->budgets->tasks, 100);
    assert_int_equal(p->budgets->draws, 10000000);
    assert_int_equal(p->limits->processes, 16);
    assert_true(p->p0 >= 1e-3 && p->p0 <= 1e-3);
    assert_true(p->alpha >= 1e-6 && p->alpha <= 1e-6);
    assert_int_equal(p->workers, 2);
    ask_done(&a);
}

static void units(void **state)
{
    static const struct {
        const char *text;
        uint64_t memory, cpu;
    } rows[] = {{"{memory: 4096, cpu: 500ms}", 4096, 500},
                {"{memory: 64KiB, cpu: 10s}", 65536, 10000},
                {"{memory: 512MiB, cpu: 5m}", (uint64_t)512 << 20, 300000},
                {"{memory: 2GiB, cpu: 2h}", (uint64_t)2 << 30, 7200000},
                {"{memory: 0x1000, cpu: '3s'}", 4096, 3000},
                {"{memory: 1TiB, cpu: 0ms}", (uint64_t)1 << 40, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        char text[128];
        struct asked a;

        snprintf(text, sizeof(text), "version: 1\nbudgets: %s\n", rows[i].text);
        ask_policy(&a, text);
        assert_fine(&a);
        assert_int_equal(a.reply.policy->budgets->memory_bytes, rows[i].memory);
        assert_int_equal(a.reply.policy->budgets->cpu_ms, rows[i].cpu);
        ask_done(&a);
    }
}

static void grants(void **state)
{
    struct asked a;
    const Proctor__Policy *p;

    (void)state;
    ask_policy(&a, "{\"version\": 1, \"grants\": [{\"capability\": "
                   "\"program.run\", \"programs\": [\"python3\", \"/bin/cat\"],"
                   " \"files\": [\"a/**\"]}, {\"capability\": \"exam.hold\"},"
                   "{\"capability\": \"ref.move\", \"refs\": [\"p/*\"]}],"
                   "\"workers\": 64, \"exam\": {\"p0\": 0.5, \"alpha\": "
                   "1e-12}, \"limits\": {\"processes\": 1}}");
    assert_fine(&a);
    p = a.reply.policy;
    assert_int_equal(p->n_grants, 3);
    assert_int_equal(p->grants[0]->n_programs, 2);
    assert_string_equal(p->grants[0]->programs[1], "/bin/cat");
    assert_string_equal(p->grants[0]->files[0], "a/**");
    assert_string_equal(p->grants[2]->refs[0], "p/*");
    assert_int_equal(p->workers, 64);
    assert_int_equal(p->limits->processes, 1);
    ask_done(&a);
}

#define V "version: 1\n"

static const struct {
    const char *text;
    uint32_t line, col;
    const char *what;
} bad[] = {
    {"", 1, 1, "the text is empty"},
    {"- 1\n", 1, 1, "expected a map"},
    {"name: x\n", 1, 1, "key \"version\" is missing"},
    {"version: 2\n", 1, 10, "version: expected 1, got 2"},
    {V "grnats: []\n", 2, 1, "did you mean \"grants\""},
    {V "grants: {}\n", 2, 9, "grants: expected a list"},
    {V "grants: [x]\n", 2, 10, "grants[0]: expected a map"},
    {V "grants: [{}]\n", 2, 10, "grants[0]: key \"capability\" is missing"},
    {V "grants: [{capability: program.rnu}]\n", 2, 23,
     "did you mean \"program.run\""},
    {V "grants: [{capability: all}]\n", 2, 23,
     "capability: \"all\" is none of the words that are known here"},
    {V "grants: [{capability: exam.hold, file: [x]}]\n", 2, 34,
     "did you mean \"files\""},
    {V "grants: [{capability: program.run, files: x}]\n", 2, 43,
     "grants[0].files: expected a list"},
    {V "budgets: {memory: 2GB}\n", 2, 19,
     "budgets.memory: expected a size such as 4096, 64KiB, 512MiB or 2GiB, "
     "got \"2GB\""},
    {V "budgets: {memory: 99999999999TiB}\n", 2, 19, "expected a size"},
    {V "budgets: {memory: -1}\n", 2, 19, "expected a size"},
    {V "budgets: {memory: 1.5GiB}\n", 2, 19, "expected a size"},
    {V "budgets: {cpu: 10}\n", 2, 16, "a duration such as 500ms, 10s"},
    {V "budgets: {cpu: 10 s}\n", 2, 16, "a duration"},
    {V "budgets: {cpu: 99999h}\n", 2, 16,
     "budgets.cpu: expected 0..31622400000 "
     "ms"},
    {V "budgets: {tasks: 131073}\n", 2, 18, "expected 0..131072, got 131073"},
    {V "budgets: {draws: 1e7}\n", 2, 18, "got 1e7"},
    {V "limits: {processes: 0}\n", 2, 21, "expected 1..4096, got 0"},
    {V "limits: {wall: 1ms}\n", 2, 16, "expected 10..31622400000 ms"},
    {V "exam: {p0: 0}\n", 2, 12, "exam.p0: expected 1e-12..0.5, got 0"},
    {V "exam: {p0: 0.6}\n", 2, 12, "expected 1e-12..0.5"},
    {V "exam: {alpha: .nan}\n", 2, 15, "expected a number, got .nan"},
    {V "exam: {alpha: .inf}\n", 2, 15, "expected a number"},
    {V "exam: {p1: 1}\n", 2, 8, "did you mean \"p0\""},
    {V "confinement: none\n", 2, 14, "confinement: expected strict, got"},
    {V "workers: 65\n", 2, 10, "workers: expected 1..64, got 65"},
    {V "workers: 0\n", 2, 10, "workers: expected 1..64, got 0"},
    {V "name: &x y\n", 2, 10, "anchors"}};

static void bad_policies(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        struct asked a;
        const Proctor__Problem *p;

        ask_policy(&a, bad[i].text);
        p = a.reply.problem;
        if (!p || p->line != bad[i].line || p->col != bad[i].col ||
            !strstr(p->what, bad[i].what)) {
            print_error("--- %s--- expected %u:%u %s\n    got %u:%u %s\n",
                        bad[i].text, bad[i].line, bad[i].col, bad[i].what,
                        p ? p->line : 0, p ? p->col : 0,
                        p ? p->what : "accepted");
            failed++;
        }
        ask_done(&a);
    }
    assert_int_equal(failed, 0);
}

static void overrides(void **state)
{
    static const char *const words[] = {
        "policy.budgets.draws=1000", "policy.exam.p0=1e-2",
        "candidate.with.x=1", "policy.name=mine"};
    static const char *const nosuch = "policy.budgets.drws=1";
    struct asked a;

    (void)state;
    ask_with(&a, PROCTOR__CONFIG_KIND__CONFIG_POLICY, V, words, ARRAY_N(words));
    assert_fine(&a);
    assert_int_equal(a.reply.policy->budgets->draws, 1000);
    assert_true(a.reply.policy->p0 >= 1e-2);
    assert_string_equal(a.reply.policy->name, "mine");
    ask_done(&a);
    ask_with(&a, PROCTOR__CONFIG_KIND__CONFIG_POLICY, V, &nosuch, 1);
    assert_problem(&a, 0, 0,
                   "override \"policy.budgets.drws\": budgets: unknown key");
    ask_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped),
        cmocka_unit_test(nothing_is_granted_by_silence),
        cmocka_unit_test(units),
        cmocka_unit_test(grants),
        cmocka_unit_test(bad_policies),
        cmocka_unit_test(overrides)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
