/* The watched walk against the interpreter: values, errors and fuel; branches by
 * number, counted as they are meant to be; traps. */
#include <math.h>

#include "inside.h"

#include "proto/err.h"
#include "workers/cml/walk.h"

#define FUEL 20000

/* A run of both on one input. */
static void check_input(struct inside *s, struct walk *w, struct eval *e,
                        struct ubytes args, uint64_t fuel, struct buf b[3])
{
    struct val out;
    uint64_t left;
    int want = inside_run(e, s->unit, args, 3, fuel, &b[0]);
    int got;

    left = e->fuel;
    buf_reset(&b[1]);
    buf_reset(&b[2]);
    assert_int_equal(value_put_tuple(&b[2], 3), 0);
    assert_int_equal(buf_put(&b[2], args.p, args.n), 0);
    eval_reset(e, fuel);
    got = walk_run(w, e, buf_bytes(&b[2]), &out);
    if (got == 0) {
        assert_int_equal(eval_put(&b[1], &out), 0);
    }
    if (got != want || (want == 0 && e->fuel != left) ||
        values_compare(buf_bytes(&b[0]), buf_bytes(&b[1])) != 0) {
        fail_msg("%d and %d, fuel left %llu and %llu", want, got,
                 (unsigned long long)left, (unsigned long long)e->fuel);
    }
}

static void check_unit_of(uint64_t seed, int size)
{
    enum gen_type types[4];
    struct gen g = {.state = seed ^ 0xaa};
    struct inside s;
    struct eval e;
    struct buf b[5];
    struct walk *w = NULL;

    for (unsigned i = 0; i < ARRAY_N(b); i++) {
        buf_init(&b[i], 1u << 22);
    }
    gen_unit(seed, size, &b[3], types);
    inside_open(&s, buf_bytes(&b[3]));
    assert_int_equal(walk_new(&s.dag, s.unit, &w), 0);
    assert_int_equal(eval_init(&e, &s.dag, FUEL), 0);
    for (unsigned i = 0; i < 8; i++) {
        buf_reset(&b[4]);
        for (unsigned k = 0; k < 3; k++) {
            inside_value(&g, types[k], &b[4]);
        }
        check_input(&s, w, &e, buf_bytes(&b[4]),
                    i % 4 == 3 ? gen_below(&g, 40) : FUEL, b);
    }
    walk_free(w);
    eval_release(&e);
    inside_close(&s);
    for (unsigned i = 0; i < ARRAY_N(b); i++) {
        buf_release(&b[i]);
    }
}

static void test_same(void **state)
{
    unsigned n = gen_rounds(800, 40000);

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        check_unit_of(i, 5 + (int)(i % 60));
    }
}

/* Branches that a unit of one u64 reaches on x, as bits. */
static void on_branch(void *ctx, uint32_t branch)
{
    *(uint64_t *)ctx |= UINT64_C(1) << branch;
}

static uint64_t reached(struct inside *s, uint32_t unit, uint64_t x, int *out,
                        uint32_t *out_n)
{
    uint64_t bits = 0;
    struct walk_watch watch = {on_branch, NULL, &bits};
    struct walk *w = NULL;
    struct type u64;
    struct eval e;
    struct buf b;
    struct val v;

    buf_init(&b, 64);
    assert_int_equal(type_from_name("u64", &u64), 0);
    assert_int_equal(value_put_tuple(&b, 1), 0);
    assert_int_equal(value_put_int(&b, &u64, x), 0);
    assert_int_equal(walk_new(&s->dag, unit, &w), 0);
    assert_int_equal(eval_init(&e, &s->dag, FUEL), 0);
    walk_watch(w, &watch);
    *out = walk_run(w, &e, buf_bytes(&b), &v);
    *out_n = walk_branches_n(w);
    walk_free(w);
    eval_release(&e);
    buf_release(&b);
    return bits;
}

static void expect_branches(const char *text, uint64_t x, uint32_t n,
                            uint64_t bits)
{
    struct inside s;
    uint32_t all;
    uint64_t got;
    int code;

    inside_open_text(&s, text);
    got = reached(&s, s.unit, x, &code, &all);
    assert_int_equal(code, 0);
    if (all != n || got != bits) {
        fail_msg("%s\n%u branches, %llx reached; expected %u, %llx", text, all,
                 (unsigned long long)got, n, (unsigned long long)bits);
    }
    inside_close(&s);
}

static void test_branches(void **state)
{
    /* 0, 1: the if; 2: && in its condition */
    const char *choice =
        "unit f(x: u64) -> u64 { if x > 3 && x < 9 { x } else { 1 } }";
    /* 0: the loop; 1, 2: the if in its body */
    const char *loop = "unit f(x: u64) -> u64 { loop (s: u64 = 0) for i in x "
                       "{ if i == 2 { s + 1 } else { s } } }";
    /* own arms first, then those of g, once, although it is called twice */
    const char *units =
        "unit g(x: u64) -> u64 { match x { 0 => 5, 1 => 6, _ => 7 } }\n"
        "unit f(x: u64) -> u64 { if x == 0 { g(x) } else { g(x) + g(0) } }";
    /* equal parts count each by itself */
    const char *twice =
        "unit f(x: u64) -> u64 { (if x == 1 { 2 } else { 3 }) * "
        "(if x == 1 { 2 } else { 3 }) }";
    const char *none = "unit f(x: u64) -> u64 { x ^ u64(x == 99) }";
    const char *given = "unit odd(x: u64) -> bool { x % 2 == 1 || x == 4 }\n"
                        "unit f(x: u64) -> u64 { len(filter(odd, range(x))) }";

    (void)state;
    expect_branches(choice, 5, 3, 5);
    expect_branches(choice, 2, 3, 2);
    expect_branches(choice, 20, 3, 6);
    expect_branches(loop, 0, 3, 0);
    expect_branches(loop, 2, 3, 5);
    expect_branches(loop, 3, 3, 7);
    expect_branches(units, 0, 5, 1 | 4);
    expect_branches(units, 1, 5, 2 | 4 | 8);
    expect_branches(twice, 1, 4, 1 | 4);
    expect_branches(none, 99, 0, 0);
    expect_branches(given, 3, 1, 1);
    expect_branches(given, 0, 1, 0);
}

static uint32_t trapped(struct inside *s, const uint32_t *branches, size_t n)
{
    struct tree t;
    uint32_t out = 0;

    assert_int_equal(tree_open(&t, &s->dag, s->unit), 0);
    assert_int_equal(branch_trap(&t, branches, n, &out), 0);
    tree_release(&t);
    return out;
}

static void test_traps(void **state)
{
    static const uint32_t yes[] = {0};
    static const uint32_t in_g[] = {3};
    static const uint32_t right[] = {1};
    static const uint32_t beyond[] = {9};
    struct inside s;
    struct tree t;
    uint32_t unit;
    uint32_t n;
    int code;

    (void)state;
    inside_open_text(&s, "unit f(x: u64) -> {a: [u8], b: string} { if x > 3 { "
                         "{a: [u8], b: string}([u8](1), \"x\") } else { {a: [u8], "
                         "b: string}([u8](), text(x)) } }");
    unit = trapped(&s, yes, 1);
    (void)reached(&s, unit, 9, &code, &n);
    assert_int_equal(code, EVAL_E_MATCH);
    assert_int_equal(n, 2); /* the trap itself is none */
    (void)reached(&s, unit, 1, &code, &n);
    assert_int_equal(code, 0);
    assert_int_equal(tree_open(&t, &s.dag, s.unit), 0);
    assert_int_equal(branch_trap(&t, beyond, 1, &unit), ERR_INPUT);
    tree_release(&t);
    inside_close(&s);

    inside_open_text(
        &s, "unit g(x: u64) -> u64 { if x == 5 { 6 } else { if x == 6 { 1 } "
            "else { 2 } } }\n"
            "unit f(x: u64) -> u64 { g(x) + (loop (s: u64 = 0) repeat x { s }) }");
    unit = trapped(&s, in_g, 1); /* g's inner if, true */
    (void)reached(&s, unit, 6, &code, &n);
    assert_int_equal(code, EVAL_E_MATCH);
    assert_int_equal(n, 5);
    (void)reached(&s, unit, 5, &code, &n);
    assert_int_equal(code, 0);
    unit = trapped(&s, right, 1); /* g's outer if, true */
    (void)reached(&s, unit, 5, &code, &n);
    assert_int_equal(code, EVAL_E_MATCH);
    inside_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same),
                                       cmocka_unit_test(test_branches),
                                       cmocka_unit_test(test_traps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
