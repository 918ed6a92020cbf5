/* Mutants and probes through the worker's tasks: the same for the same seed, killed
 * where they differ, proved ones left out; back doors that search finds and one that
 * it must not; tasks that make no sense. */
#include <math.h>

#include "inside.h"

#include "proto/domain.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/node.h"
#include "workers/cml/command.h"
#include "workers/cml/mutant.h"
#include "workers/cml/probe.h"
#include "workers/cml/run.h"

struct job {
    struct command command;
    Proctor__CmlText text;
    Proctor__CmlText *texts[1];
    Proctor__CmlTask task;
    uint8_t seed[32];
    struct buf domain;
};

static void job_init(struct job *j, const char *text)
{
    memset(j, 0, sizeof(*j));
    command_init(&j->command);
    proctor__cml_text__init(&j->text);
    proctor__cml_task__init(&j->task);
    j->text.name = (char *)(uintptr_t)"t.cml";
    j->text.content.data = (uint8_t *)(uintptr_t)text;
    j->text.content.len = strlen(text);
    j->texts[0] = &j->text;
    j->task.texts = j->texts;
    j->task.n_texts = 1;
    j->task.fuel = LIMIT_CML_FUEL;
    j->task.variants_seed.data = j->seed;
    j->task.variants_seed.len = sizeof(j->seed);
    buf_init(&j->domain, 1024);
    j->task.inside = 1;
}

static void job_release(struct job *j)
{
    command_release(&j->command);
    buf_release(&j->domain);
}

static const Proctor__CmlReply *ask(struct job *j, Proctor__CmlCommand what)
{
    j->task.command = what;
    assert_int_equal(command_answer(&j->command, &j->task), 0);
    return &j->command.reply;
}

/* Compiles; then the text is the bundle. */
static const Proctor__CmlUnit *compile(struct job *j)
{
    const Proctor__CmlReply *r = ask(j, PROCTOR__CML_COMMAND__CML_COMPILE);
    const Proctor__CmlUnit *u;

    assert_null(r->problem);
    u = r->units[r->n_units - 1];
    assert_int_equal(u->canonical.len, j->task.inside ? CID_BYTES : 0);
    j->text.content = u->bundle;
    j->task.takes = u->takes;
    j->task.gives = u->gives;
    j->task.command = PROCTOR__CML_COMMAND__CML_RUN;
    return u;
}

/* Answers of a batch of one u64 each. */
static void batch(struct job *j, const uint64_t *in, uint32_t n, uint64_t *out)
{
    struct run_answers answers;
    struct values inputs;
    struct values got;
    struct values_builder w;
    struct type takes;
    struct type u64;
    struct diag d;
    struct buf b;
    struct run r;

    diag_init(&d);
    buf_init(&b, 1024);
    values_init(&inputs);
    values_init(&got);
    assert_int_equal(type_from_name("u64", &u64), 0);
    assert_int_equal(type_tuple_of(&u64, 1, &takes), 0);
    assert_int_equal(values_builder_init(&w, LIMIT_BATCH_BYTES), 0);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&b);
        assert_int_equal(value_put_tuple(&b, 1), 0);
        assert_int_equal(value_put_int(&b, &u64, in[i]), 0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&b)), 0);
    }
    assert_int_equal(values_build(&inputs, &w, &takes, 0), 0);
    assert_int_equal(run_open(&r, &j->task, &d), 0);
    assert_int_equal(run_batch(&r, &inputs, &answers), 0);
    assert_int_equal(answers.ending, 0);
    assert_int_equal(values_decode(&got, values_builder_bytes(&answers.outputs),
                                   &u64, n),
                     0);
    assert_int_equal(values_n(&got), n);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = 0;
        for (unsigned k = 2; k < 10; k++) {
            out[i] = out[i] << 8 | values_at(&got, i).p[k];
        }
    }
    values_builder_release(&answers.outputs);
    values_release(&got);
    values_release(&inputs);
    run_release(&r);
    buf_release(&b);
}

static void test_branches(void **state)
{
    static const uint64_t in[] = {1, 5, 1, 0};
    uint64_t out[4];
    struct job j;

    (void)state;
    job_init(&j, "unit f(x: u64) -> string { if 10 / x > 3 { \"a\" } else { "
                 "\"b\" } }");
    assert_int_equal(compile(&j)->branches, 2);
    j.task.variants = VARIANTS_BRANCHES;
    batch(&j, in, 4, out);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 2);
    assert_int_equal(out[2], 1);
    assert_int_equal(out[3], 0); /* an error before the branch is an answer */
    j.task.variants_first = 1;
    batch(&j, in, 4, out);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 1);
    job_release(&j);
}

static void test_killed(void **state)
{
    enum { N = 256 };
    static uint64_t in[N];
    static uint64_t out[N];
    static uint64_t again[N];
    uint64_t dead = 0;
    struct job j;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        in[i] = i < 64 ? i : (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
    }
    job_init(&j, "unit f(x: u64) -> u64 { if x > 100 { x * 3 + 1 } else { (x ^ 9) "
                 "- (loop (s: u64 = 1) repeat 3 { s * x }) } }");
    j.task.inside = 0;
    assert_int_equal(compile(&j)->mutants, 0); /* costs much, is asked for */
    j.task.inside = 1;
    assert_int_equal(compile(&j)->mutants, 64);
    j.task.variants = VARIANTS_MUTANTS;
    batch(&j, in, N, out);
    batch(&j, in, N, again);
    assert_memory_equal(out, again, sizeof(out));
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(dead & out[i], 0); /* each dies once */
        dead |= out[i];
    }
    assert_true(__builtin_popcountll(dead) >= 58);
    j.seed[0] = 1; /* others */
    batch(&j, in, N, again);
    assert_true(memcmp(out, again, sizeof(out)) != 0);
    job_release(&j);
}

static void put_u64(struct buf *b, uint64_t x)
{
    struct type u64;

    buf_reset(b);
    assert_int_equal(type_from_name("u64", &u64), 0);
    assert_int_equal(value_put_int(b, &u64, x), 0);
}

/* The same by the book: the interpreter, one input and one mutant at a time. */
static void by_the_book(const char *text, const uint8_t *seed, uint64_t fuel,
                        const uint64_t *in, uint32_t n, uint64_t *out)
{
    uint32_t units[64];
    uint64_t dead = 0;
    uint32_t mutants;
    struct inside s;
    struct eval e;
    struct buf b[3];

    for (unsigned i = 0; i < 3; i++) {
        buf_init(&b[i], 1u << 20);
    }
    inside_open_text(&s, text);
    assert_int_equal(mutant_choose(&s.dag, s.unit, seed, 0, units, &mutants), 0);
    assert_int_equal(eval_init(&e, &s.dag, fuel), 0);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t most;
        int want;

        put_u64(&b[0], in[i]);
        want = inside_run(&e, s.unit, buf_bytes(&b[0]), 1, fuel, &b[1]);
        most = (fuel - e.fuel) * 8 + 1024;
        most = most < fuel ? most : fuel;
        out[i] = 0;
        for (uint32_t m = 0; m < mutants; m++) {
            int got = inside_run(&e, units[m], buf_bytes(&b[0]), 1, most, &b[2]);

            if ((dead >> m & 1) == 0 &&
                (got != want ||
                 values_compare(buf_bytes(&b[1]), buf_bytes(&b[2])) != 0)) {
                out[i] |= UINT64_C(1) << m;
                dead |= UINT64_C(1) << m;
            }
        }
    }
    eval_release(&e);
    inside_close(&s);
    for (unsigned i = 0; i < 3; i++) {
        buf_release(&b[i]);
    }
}

static void test_by_the_book(void **state)
{
    static const char *const texts[] = {
        "unit f(x: u64) -> u64 { loop (s: u64 = 1) for i in x % 50 { s * 3 + i / "
        "(x % 7) } }",
        "unit f(x: u64) -> string { if x % 97 == 3 { \"a\" ++ text(x % 5) } else { "
        "repeat_text(\"ab\", x % 9) } }",
        "unit g(x: u64) -> bool { x & 31 == 5 || x > 4000 }\n"
        "unit f(x: u64) -> u64 { len(filter(g, range(x % 300))) + u64(g(x)) }",
        "unit f(x: u64) -> u64 { loop (s: u64 = x % 1000) while s > 10 { if s % 2 == "
        "0 { s / 2 } else { s - 1 } } }",
    };
    enum { N = 700 };
    static uint64_t in[N];
    static uint64_t out[N];
    static uint64_t want[N];

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        in[i] = i < 300 ? 7 : i; /* so that some live past the first inputs */
    }
    for (size_t t = 0; t < ARRAY_N(texts); t++) {
        struct job j;

        job_init(&j, texts[t]);
        (void)compile(&j);
        j.task.fuel = t == 3 ? 60 : 5000; /* where the unit itself runs out */
        j.task.variants = VARIANTS_MUTANTS;
        batch(&j, in, N, out);
        by_the_book(texts[t], j.seed, j.task.fuel, in, N, want);
        assert_memory_equal(out, want, sizeof(out));
        job_release(&j);
    }
}

/* Every mutant checks, has a form of its own, and not the unit's. */
static void check_choice(uint64_t seed)
{
    enum gen_type types[4];
    uint8_t key[32] = {(uint8_t)seed};
    uint32_t forms[64];
    uint32_t units[64];
    uint32_t again[64];
    uint32_t counted;
    uint32_t n;
    uint32_t n_again;
    struct inside s;
    struct buf text;
    uint32_t form;

    buf_init(&text, 1u << 20);
    gen_unit(seed, 4 + (int)(seed % 40), &text, types);
    inside_open(&s, buf_bytes(&text));
    form = inside_canonical(&s, s.unit);
    assert_int_equal(mutant_choose(&s.dag, s.unit, key, 0, units, &n), 0);
    assert_int_equal(mutant_choose(&s.dag, s.unit, key, 0, again, &n_again), 0);
    assert_int_equal(mutant_count(&s.dag, s.unit, &counted), 0);
    assert_int_equal(n, n_again);
    assert_int_equal(n, counted);
    for (uint32_t i = 0; i < n; i++) {
        struct tree t;

        assert_int_equal(units[i], again[i]);
        assert_int_equal(tree_open(&t, &s.dag, units[i]), 0);
        tree_release(&t);
        forms[i] = inside_canonical(&s, units[i]);
        assert_true(forms[i] != form);
        for (uint32_t k = 0; k < i; k++) {
            assert_true(forms[k] != forms[i]);
        }
    }
    inside_close(&s);
    buf_release(&text);
}

static void test_choice(void **state)
{
    unsigned n = getenv("PROCTOR_FULL") != NULL ? 2000 : 25;

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        check_choice(i);
    }
}

static void test_few(void **state)
{
    struct job j;

    (void)state;
    job_init(&j, "unit f(x: bool) -> bool { x }");
    assert_in_range(compile(&j)->mutants, 1, 5); /* true, false, not x */
    job_release(&j);
    job_init(&j, "unit f(x: string) -> string { x }");
    assert_int_equal(compile(&j)->mutants, 0);
    job_release(&j);
}

/* --- probes --- */

static void put_u64_domain(struct job *j)
{
    struct buf *b = &j->domain;

    assert_int_equal(buf_put_u8(b, DOMAIN_TUPLE), 0);
    assert_int_equal(buf_put_u8(b, 1), 0);
    assert_int_equal(buf_put_u8(b, DOMAIN_INT), 0);
    assert_int_equal(buf_put_u8(b, 0x88), 0);
    assert_int_equal(buf_put_u64(b, 0), 0);
    assert_int_equal(buf_put_u64(b, UINT64_MAX), 0);
}

static void put_text_domain(struct job *j)
{
    struct buf *b = &j->domain;

    assert_int_equal(buf_put_u8(b, DOMAIN_TUPLE), 0);
    assert_int_equal(buf_put_u8(b, 1), 0);
    assert_int_equal(buf_put_u8(b, DOMAIN_STRING), 0);
    assert_int_equal(buf_put_u32(b, 0), 0);
    assert_int_equal(buf_put_u32(b, 40), 0);
    assert_int_equal(buf_put_u32(b, 0), 0);
}

/* Branches that the inputs of a probe reach. */
static uint64_t probed(const char *text, void (*domain)(struct job *),
                       uint32_t *out_n)
{
    const Proctor__CmlReply *r;
    struct values inputs;
    struct type takes;
    struct node_source src;
    struct inside s;
    struct eval e;
    uint64_t bits = 0;
    struct job j;
    struct val v;
    struct walk *w = NULL;
    struct walk_watch watch;

    job_init(&j, text);
    domain(&j);
    j.task.domain.data = (uint8_t *)(uintptr_t)buf_bytes(&j.domain).p;
    j.task.domain.len = buf_len(&j.domain);
    r = ask(&j, PROCTOR__CML_COMMAND__CML_PROBE);
    if (r->problem != NULL) {
        fail_msg("%s", r->problem->what);
    }
    assert_int_equal(domain_check(buf_bytes(&j.domain), &takes), 0);
    values_init(&inputs);
    assert_int_equal(values_decode(&inputs,
                                   (struct ubytes){r->inputs.data,
                                                   r->inputs.len},
                                   &takes, LIMIT_PROBE_INPUTS),
                     0);
    inside_open_text(&s, text);
    assert_int_equal(walk_new(&s.dag, s.unit, &w), 0);
    assert_int_equal(eval_init(&e, &s.dag, 10000), 0);
    src = (struct node_source){.domain = buf_bytes(&j.domain)};
    watch = (struct walk_watch){NULL, NULL, NULL};
    for (uint32_t i = 0; i < values_n(&inputs); i++) {
        assert_true(node_has(&src, values_at(&inputs, i)));
        eval_reset(&e, 10000);
        walk_watch(w, &watch);
        assert_true(walk_run(w, &e, values_at(&inputs, i), &v) >= 0);
        if (v.kind == VAL_INT && v.u.bits < 64) {
            bits |= UINT64_C(1) << v.u.bits; /* what it gave */
        }
    }
    *out_n = values_n(&inputs);
    values_release(&inputs);
    walk_free(w);
    eval_release(&e);
    inside_close(&s);
    job_release(&j);
    return bits;
}

/* Units give 1 behind their door, and 0 else. */
static void expect_door(const char *text, void (*domain)(struct job *), int found)
{
    uint32_t n;
    uint64_t bits = probed(text, domain, &n);

    if ((bits >> 1 & 1) != (uint64_t)found || n < 4) {
        fail_msg("%s: the door was %sfound (%u inputs)", text,
                 found ? "not " : "", n);
    }
}

static void test_doors(void **state)
{
    static const char *const numbers[] = {
        "unit f(x: u64) -> u64 { if x == 0xdeadbeefcafe { 1 } else { 0 } }",
        "unit f(x: u64) -> u64 { if x == 0xdead0000u64 + 0xbeef { 1 } else { 0 } "
        "}",
        "unit f(x: u64) -> u64 { if (x * x + 7) & 1023 == 11 { 1 } else { 0 } }",
        "unit f(x: u64) -> u64 { if x ^ 0x123456789abcdef == 77 { 1 } else { 0 } "
        "}",
        "unit f(x: u64) -> u64 { if x * 3 + 5 == 3000000000017 { 1 } else { 0 } }",
        "unit f(x: u64) -> u64 { if x > 1000000 && x < 1000010 && x % 7 == 3 { 1 "
        "} else { 0 } }",
        "unit f(x: u64) -> u64 { match x >> 7 { 123456789 => 1, _ => 0 } }",
        "unit f(x: u64) -> u64 { if f64(x) / 3.0 == 41.0 { 1 } else { 0 } }",
        "unit g(x: u64, y: u64) -> bool { x == y }\n"
        "unit f(x: u64) -> u64 { if g(x - 999, 123123123) { 1 } else { 0 } }",
    };
    static const char *const texts[] = {
        "unit f(s: string) -> u64 { if s == \"open sesame\" { 1 } else { 0 } }",
        "unit f(s: string) -> u64 { if starts_with(s, \"abc\") { 1 } else { 0 } }",
        "unit f(s: string) -> u64 { if len(s) == 33 { 1 } else { 0 } }",
        ("unit f(s: string) -> u64 { if len(s) > 5 && char_at(s, 4) == 0x7e { 1 } "
         "else { 0 } }"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(numbers); i++) {
        expect_door(numbers[i], put_u64_domain, 1);
    }
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        expect_door(texts[i], put_text_domain, 1);
    }
}

/* A hash cannot be climbed: what no draw reaches is what branch support refuses. */
static void test_hash(void **state)
{
    (void)state;
    expect_door("unit f(x: u64) -> u64 { let a = (x ^ x >> 30) * "
                "0xbf58476d1ce4e5b9; let b = (a ^ a >> 27) * 0x94d049bb133111eb; "
                "if b ^ b >> 31 == 0x1234567890abcdef { 1 } else { 0 } }",
                put_u64_domain, 0);
}

static void test_literals(void **state)
{
    struct cml_dag *dag;
    struct inside s;
    struct literals l;
    struct arena a;
    struct buf b;

    (void)state;
    arena_init(&a, 1u << 20);
    buf_init(&b, 1u << 20);
    inside_open_text(&s, "unit f(x: i8, s: string) -> f64 { match x { -3 => 1.5, _ "
                         "=> if s == \"k\" { 2.5 * 2.0 } else { 0.5 } } }");
    dag = &s.dag;
    assert_int_equal(literals_of(&a, dag, s.unit, &l), 0);
    assert_int_equal(l.integers[0], (uint64_t)-3);
    assert_int_equal(l.integers_n, 3); /* and 2, and 5, which is computed */
    assert_int_equal(l.floats_n, 6);
    assert_int_equal(l.texts_n, 1);
    assert_int_equal(literals_put(&l, &b), 0);
    assert_int_equal(buf_len(&b), 12 + 9 * 8 + 5);
    inside_close(&s);
    buf_release(&b);
    arena_release(&a);
}

/* --- tasks that make no sense --- */

static void expect_refused(struct job *j, const char *what)
{
    struct run r;
    struct diag d;

    diag_init(&d);
    assert_int_equal(run_open(&r, &j->task, &d), ERR_INPUT);
    assert_non_null(strstr(d.what, what));
    run_release(&r);
}

static void test_bad_runs(void **state)
{
    struct job j;

    (void)state;
    job_init(&j, "unit f(x: u64) -> u64 { if x > 3 { 1 } else { 2 } }");
    (void)compile(&j);
    j.task.variants = 3;
    expect_refused(&j, "no such variants");
    j.task.variants = VARIANTS_BRANCHES;
    j.task.variants_first = 2;
    expect_refused(&j, "branch 2 is asked for");
    j.task.variants = VARIANTS_MUTANTS;
    j.task.variants_first = UINT32_MAX;
    expect_refused(&j, "the last to begin with");
    j.task.variants_first = 0;
    j.task.variants_seed.len = 31;
    expect_refused(&j, "a seed of 31 bytes");
    job_release(&j);
}

static void expect_problem(const char *text, Proctor__CmlCommand command,
                           struct ubytes domain, uint32_t branch,
                           const char *what)
{
    const Proctor__CmlReply *r;
    struct job j;

    job_init(&j, text);
    j.task.domain.data = (uint8_t *)(uintptr_t)domain.p;
    j.task.domain.len = domain.n;
    j.task.branches = &branch;
    j.task.n_branches = 1;
    r = ask(&j, command);
    assert_non_null(r->problem);
    if (strstr(r->problem->what, what) == NULL) {
        fail_msg("%s", r->problem->what);
    }
    job_release(&j);
}

static void test_bad_tasks(void **state)
{
    static const uint8_t noise[] = {9, 1, 3, 0x88, 1, 2};
    static const uint8_t boolean[] = {DOMAIN_TUPLE, 1, DOMAIN_BOOL};
    const char *text = "unit f(x: u64) -> u64 { if x > 3 { 1 } else { 2 } }";

    (void)state;
    expect_problem(text, PROCTOR__CML_COMMAND__CML_PROBE,
                   (struct ubytes){noise, sizeof(noise)}, 0,
                   "the domain is none");
    expect_problem(text, PROCTOR__CML_COMMAND__CML_PROBE,
                   (struct ubytes){NULL, 0}, 0, "the domain is none");
    expect_problem(text, PROCTOR__CML_COMMAND__CML_PROBE,
                   (struct ubytes){boolean, sizeof(boolean)}, 0,
                   "does not draw what the unit takes");
    expect_problem(text, PROCTOR__CML_COMMAND__CML_TRAP,
                   (struct ubytes){NULL, 0}, 2, "a branch that the unit");
    expect_problem("unit f(a: fn(u8) -> u8) -> u8 { a(1) }",
                   PROCTOR__CML_COMMAND__CML_PROBE,
                   (struct ubytes){boolean, sizeof(boolean)}, 0,
                   "does not draw what the unit takes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branches),  cmocka_unit_test(test_killed),
        cmocka_unit_test(test_by_the_book), cmocka_unit_test(test_choice),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_doors),     cmocka_unit_test(test_hash),
        cmocka_unit_test(test_literals),  cmocka_unit_test(test_bad_runs),
        cmocka_unit_test(test_bad_tasks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
