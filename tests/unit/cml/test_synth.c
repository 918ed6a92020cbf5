/* The enumerator: what it finds fits, is the smallest where that is known, and is the
 * same each time; what it cannot know it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "synth_gen.h"
#include "workers/cml/eval.h"

struct solved {
    struct arena a;
    struct diag d;
    Proctor__SynthReply r;
    int code;
};

static void solve(struct solved *s, const Proctor__SynthTask *task)
{
    arena_init(&s->a, 1u << 26);
    diag_init(&s->d);
    s->code = synth_solve(task, &s->a, &s->r, &s->d);
}

static void test_bit_vectors(void **state)
{
    uint32_t n = getenv("PROCTOR_FULL") != NULL ? 40 : 16;
    uint32_t found = 0;

    (void)state;
    for (uint32_t i = 1; i <= n; i++) {
        struct hidden h;
        struct made m;
        struct solved s;

        made_hidden(&m, &h, i, 10);
        solve(&s, &m.task);
        if (s.code != 0) {
            fail_msg("%s: %s", h.ops, s.d.what);
        }
        if (s.r.status == PROCTOR__SYNTH_STATUS__SYNTH_FOUND) {
            found++;
            assert_true(s.r.size > 0 && s.r.unit->bundle.len > 0);
        }
        arena_release(&s.a);
        made_release(&m);
    }
    assert_true(found * 10 >= n * 7);
}

/* Problems of strings and lists: rows of JSON up to a NULL. */
struct posed {
    const char *what;
    const char *takes[2];
    const char *gives;
    const char *rows[7][3];
    const char *in; /* another input, and what is meant for it; or NULL */
    const char *out;
};

static const struct posed posed[] = {
    {"last name, initial", {"string"}, "string",
     {{"\"Ada Lovelace\"", "\"Lovelace, A.\""},
      {"\"Alan Turing\"", "\"Turing, A.\""},
      {"\"Grace Hopper\"", "\"Hopper, G.\""}},
     "[\"Edsger Dijkstra\"]", "\"Dijkstra, E.\""},
    {"middle of three", {"string"}, "string",
     {{"\"938-242-504\"", "\"242\""},
      {"\"308-916-545\"", "\"916\""},
      {"\"1-22-333\"", "\"22\""}},
     "[\"7-4444-5\"]", "\"4444\""},
    {"who writes", {"string"}, "string",
     {{"\"kim@home.org\"", "\"kim\""},
      {"\"lee.ann@work.net\"", "\"lee.ann\""},
      {"\"x@y.z\"", "\"x\""}},
     "[\"abc@d\"]", "\"abc\""},
    {"two of them", {"string", "string"}, "string",
     {{"\"Lima\"", "\"Peru\"", "\"Lima (Peru)\""},
      {"\"Oslo\"", "\"Norway\"", "\"Oslo (Norway)\""},
      {"\"Rome\"", "\"Italy\"", "\"Rome (Italy)\""}},
     "[\"Bonn\", \"Germany\"]", "\"Bonn (Germany)\""},
    {"in brackets or not", {"string"}, "string",
     {{"\"a-b\"", "\"b\""},
      {"\"hello\"", "\"hello\""},
      {"\"one-two\"", "\"two\""},
      {"\"word\"", "\"word\""},
      {"\"x-yz\"", "\"yz\""}},
     "[\"some-thing\"]", "\"thing\""},
    {"how long", {"string"}, "i64",
     {{"\"abc\"", "3"}, {"\"\"", "0"}, {"\"hello\"", "5"}},
     "[\"ab\"]", "2"},
    {"largest first, doubled", {"[i64]"}, "[i64]",
     {{"[3, 1, 2]", "[6, 4, 2]"},
      {"[5]", "[10]"},
      {"[-1, 7, 0, 4]", "[14, 8, 0, -2]"}},
     "[[2, 9]]", "[18,4]"},
    {"sum of the positive", {"[i64]"}, "i64",
     {{"[3, -1, 2]", "5"}, {"[-5]", "0"}, {"[-1, 7, 0, 4]", "11"}},
     "[[2, -9, 9]]", "11"},
    {"the larger", {"i64", "i64"}, "i64",
     {{"3", "5", "5"}, {"9", "2", "9"}, {"-4", "-7", "-4"}},
     "[1, 2]", "2"},
};

static void pose(struct made *m, const struct posed *p)
{
    uint32_t n = p->takes[1] != NULL ? 2 : 1;

    made_begin(m, p->gives, p->takes, n);
    for (size_t i = 0; i < ARRAY_N(p->rows) && p->rows[i][0] != NULL; i++) {
        made_json(m, p->rows[i]);
    }
    made_end(m);
}

/* The answer for p->in, as JSON. */
static void answer_of(const Proctor__SynthReply *r, const struct posed *p,
                      const struct made *m, char *out, size_t n)
{
    struct val args[2];
    struct json_error err;
    struct cml_dag dag;
    struct eval e;
    struct diag d;
    struct val v;
    struct buf b;
    struct buf json;
    struct rd rd;
    uint32_t unit = 0;

    cml_dag_init(&dag);
    diag_init(&d);
    assert_int_equal(cml_bundle_read(&dag,
                                     (struct ubytes){r->unit->bundle.data,
                                                     r->unit->bundle.len},
                                     &unit, &d),
                     0);
    assert_int_equal(eval_init(&e, &dag, 1u << 20), 0);
    buf_init(&b, 1u << 16);
    buf_init(&json, 1u << 16);
    assert_int_equal(
        json_read((struct ubytes){(const uint8_t *)p->in, strlen(p->in)},
                  &m->takes, &b, &err),
        JSON_OK);
    rd_init(&rd, buf_bytes(&b));
    (void)rd_u8(&rd);
    (void)rd_u32(&rd);
    for (uint32_t i = 0; i < m->takes.b[1]; i++) {
        const struct cml_node *u = cml_dag_at(&dag, unit);
        const struct cml_node *a = cml_dag_at(&dag, cml_item(&u->fields[1], i));

        assert_int_equal(
            eval_read(&e, cml_item(&a->fields[0], 0), &rd, &args[i]), 0);
    }
    assert_int_equal(eval_unit(&e, unit, args, m->takes.b[1], &v), 0);
    buf_reset(&b);
    assert_int_equal(eval_put(&b, &v), 0);
    assert_int_equal(value_put_json(&json, buf_bytes(&b), &m->gives), 0);
    snprintf(out, n, "%.*s", (int)buf_len(&json),
             (const char *)buf_bytes(&json).p);
    buf_release(&b);
    buf_release(&json);
    eval_release(&e);
    cml_dag_release(&dag);
}

static void test_posed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(posed); i++) {
        struct solved s;
        struct made m;
        char got[256];

        pose(&m, &posed[i]);
        solve(&s, &m.task);
        if (s.code != 0 || s.r.status != PROCTOR__SYNTH_STATUS__SYNTH_FOUND) {
            fail_msg("%s: %d %s%s", posed[i].what, s.code, s.d.what, s.r.why);
        }
        answer_of(&s.r, &posed[i], &m, got, sizeof(got));
        if (getenv("SYNTH_SHOW") != NULL) {
            printf("%s: size %u, %.*s", posed[i].what, s.r.size,
                   (int)s.r.text.len, (const char *)s.r.text.data);
        }
        if (strcmp(got, posed[i].out) != 0) {
            fail_msg("%s: %s, not %s, by %.*s", posed[i].what, got,
                     posed[i].out, (int)s.r.text.len,
                     (const char *)s.r.text.data);
        }
        arena_release(&s.a);
        made_release(&m);
    }
}

/* Constants that the search joined are written as one. */
static void test_joined(void **state)
{
    static const struct posed is = {
        "a prefix of two constants", {"string"}, "string",
        {{"\"lee\"", "\"-x-lee\""}, {"\"ray\"", "\"-x-ray\""},
         {"\"foxy\"", "\"-x-foxy\""}},
        "[\"\"]", "\"-x-\""};
    static const char text[] = "\"-x-\" ++ ";
    struct solved s;
    struct made m;

    (void)state;
    pose(&m, &is);
    solve(&s, &m.task);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_FOUND);
    assert_non_null(memmem(s.r.text.data, s.r.text.len, text, sizeof(text) - 1));
    arena_release(&s.a);
    made_release(&m);
}

/* Three terms, two of them operators deep: beyond the trees that the bank can hold. */
static void test_three(void **state)
{
    struct hidden h;
    struct solved s;
    struct made m;

    (void)state;
    made_hidden(&m, &h, 72, 10);
    assert_string_equal(h.ops, "xrx^sxsxl+^x1+-"); /* A - (x + 1) */
    solve(&s, &m.task);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_FOUND);
    arena_release(&s.a);
    made_release(&m);
}

/* --- what is no plain answer --- */

static void pose_words(struct made *m, const uint64_t (*rows)[2], uint32_t n)
{
    static const char *const takes[] = {"u64"};

    made_begin(m, "u64", takes, 1);
    for (uint32_t i = 0; i < n; i++) {
        made_word(m, rows[i][0], rows[i][1]);
    }
    made_end(m);
    m->task.grammar = (char *)(uintptr_t) "bv";
}

static void test_contradiction(void **state)
{
    static const uint64_t rows[][2] = {{1, 2}, {3, 4}, {7, 8}, {3, 5}};
    struct solved s;
    struct made m;

    (void)state;
    pose_words(&m, rows, 4);
    solve(&s, &m.task);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_CONTRADICTION);
    assert_int_equal(s.r.first, 1);
    assert_int_equal(s.r.second, 3);
    assert_null(s.r.unit);
    arena_release(&s.a);
    made_release(&m);
}

static void test_no_program(void **state)
{
    static const uint64_t squares[][2] = {{3, 9}, {5, 25}, {100, 10000}};
    struct solved s;
    struct made m;

    (void)state;
    pose_words(&m, squares, 3);
    m.task.max_size = 3;
    solve(&s, &m.task);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_IMPOSSIBLE);
    arena_release(&s.a);
    m.task.max_size = 0;
    m.task.budget = 30;
    solve(&s, &m.task);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_EXHAUSTED);
    assert_true(s.r.evaluations >= 30);
    arena_release(&s.a);
    made_release(&m);
}

static void test_evidence(void **state)
{
    static const uint64_t many[][2] = {{6, 12},     {1, 2},       {9, 18},
                                       {1000, 2000}, {77777, 155554}};
    struct solved s;
    struct made m;

    (void)state;
    pose_words(&m, many, 5);
    m.task.evidence = 1;
    solve(&s, &m.task);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_FOUND);
    assert_int_equal(s.r.size, 2);
    assert_int_equal(s.r.alternatives, 0);
    arena_release(&s.a);
    made_release(&m);
}

/* 7 of 5 and 2: 5 + 2, 5 | 2, 5 ^ 2 are equally small, and differ elsewhere. */
static void test_uncertain(void **state)
{
    static const struct posed is = {
        "7", {"u64", "u64"}, "u64", {{"5", "2", "7"}}, NULL, NULL};
    struct solved s;
    struct made m;

    (void)state;
    pose(&m, &is);
    m.task.grammar = (char *)(uintptr_t) "bv";
    m.task.evidence = 1;
    solve(&s, &m.task);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.r.status, PROCTOR__SYNTH_STATUS__SYNTH_UNCERTAIN);
    assert_true(s.r.alternatives >= 2);
    assert_int_equal(value_check_exact((struct ubytes){s.r.input.data,
                                                       s.r.input.len},
                                       &m.takes),
                     0);
    assert_true(s.r.output.len > 0 && s.r.other.len > 0 &&
                memcmp(s.r.output.data, s.r.other.data, s.r.output.len) != 0);
    arena_release(&s.a);
    made_release(&m);
}

static void test_same_twice(void **state)
{
    (void)state;
    for (uint32_t i = 60; i < (getenv("PROCTOR_FULL") != NULL ? 70u : 64u); i++) {
        struct solved s[2];
        struct hidden h;
        struct made m;

        made_hidden(&m, &h, i, 10);
        m.task.evidence = 1;
        solve(&s[0], &m.task);
        solve(&s[1], &m.task);
        assert_int_equal(s[0].r.status, s[1].r.status);
        assert_true(s[0].r.evaluations == s[1].r.evaluations);
        if (s[0].r.unit != NULL) {
            assert_int_equal(s[0].r.unit->bundle.len, s[1].r.unit->bundle.len);
            assert_memory_equal(s[0].r.unit->bundle.data,
                                s[1].r.unit->bundle.data,
                                s[0].r.unit->bundle.len);
        }
        arena_release(&s[0].a);
        arena_release(&s[1].a);
        made_release(&m);
    }
}

static void test_bad_problems(void **state)
{
    static const uint64_t rows[][2] = {{1, 2}};
    static const char *const takes[] = {"f64"};
    Proctor__SynthRule rule = PROCTOR__SYNTH_RULE__INIT;
    Proctor__SynthSort sort = PROCTOR__SYNTH_SORT__INIT;
    struct solved s;
    struct made m;

    (void)state;
    made_begin(&m, "u64", takes, 1);
    made_end(&m);
    solve(&s, &m.task);
    assert_int_equal(s.code, ERR_INPUT);
    assert_non_null(strstr(s.d.what, "of type f64"));
    arena_release(&s.a);
    made_release(&m);

    pose_words(&m, rows, 1);
    m.task.grammar = (char *)(uintptr_t) "bw";
    solve(&s, &m.task);
    assert_int_equal(s.code, ERR_INPUT);
    arena_release(&s.a);
    m.task.sorts = (Proctor__SynthSort *[]){&sort};
    m.task.n_sorts = 1;
    sort.type = m.task.gives;
    sort.rules = (Proctor__SynthRule *[]){&rule};
    sort.n_rules = 1;
    rule.op = (char *)(uintptr_t) "concat";
    rule.args = (uint32_t[]){0, 0};
    rule.n_args = 2;
    solve(&s, &m.task);
    assert_int_equal(s.code, ERR_INPUT);
    assert_non_null(strstr(s.d.what, "concat"));
    arena_release(&s.a);
    rule.op = (char *)(uintptr_t) "add";
    rule.args = (uint32_t[]){0, 9};
    solve(&s, &m.task);
    assert_int_equal(s.code, ERR_INPUT);
    arena_release(&s.a);
    m.task.n_sorts = 0;
    m.task.outputs.len = 0;
    m.task.outputs.data = NULL;
    solve(&s, &m.task);
    assert_int_equal(s.code, ERR_INPUT);
    arena_release(&s.a);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bit_vectors),
        cmocka_unit_test(test_posed),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_three),
        cmocka_unit_test(test_contradiction),
        cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_uncertain),
        cmocka_unit_test(test_same_twice),
        cmocka_unit_test(test_bad_problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
