/* The canonical form: it means what the unit means, it is its own canonical form,
 * and what says the same thing in other words has the same one. */
#include <math.h>

#include "inside.h"

#include "proto/err.h"
#include "workers/cml/check.h"

#define FUEL 100000

static struct cid form_cid(const char *text)
{
    struct inside s;
    struct cid c;

    inside_open_text(&s, text);
    c = cml_dag_at(&s.dag, inside_canonical(&s, s.unit))->cid;
    inside_close(&s);
    return c;
}

static void expect(const char *a, const char *b, int same)
{
    struct cid x = form_cid(a);
    struct cid y = form_cid(b);

    if (cid_is_equal(&x, &y) != same) {
        fail_msg("%s:\n%s\n%s", same ? "differ" : "are the same", a, b);
    }
}

/* In a unit of integers and a bool. */
static void expect_bodies(const char *a, const char *b, int same)
{
    char x[1024];
    char y[1024];

    snprintf(x, sizeof(x),
             "unit half(n: u64) -> u64 { n / 2 }\n"
             "unit f(a: u64, b: u64, c: bool, s: i8, l: [u64]) -> u64 { %s }",
             a);
    snprintf(y, sizeof(y),
             "unit halve(k: u64) -> u64 { k / 2 }\n"
             "unit g(p: u64, b: u64, c: bool, s: i8, l: [u64]) -> u64 "
             "{ let a = p; %s }",
             b);
    expect(x, y, same);
}

static void test_same(void **state)
{
    static const char *const same[][2] = {
        {"a + b", "b + a"},
        {"a * (b ^ 7)", "(7 ^ b) * a"},
        {"a + 0", "a"},
        {"0 + a * 1", "a"},
        {"a - 1", "a + 18446744073709551615"},
        {"a & 0", "0"},
        {"a | b & 0", "a"},
        {"a ^ a", "0"},
        {"a - a + b", "b"},
        {"a & a", "a"},
        {"~~a", "a"},
        {"a ^ 18446744073709551615", "~a"},
        {"0 - a", "-a"},
        {"a << 3", "a * 8"},
        {"a << 64", "a"},
        {"a >>> 3", "a <<< 61"},
        {"a % 1", "0"},
        {"2 * 3 + a", "a + 6"},
        {"half(10) + a", "a + 5"},
        {"half(a)", "halve(a)"},
        {"u64(a)", "a"},
        {"min(a, b)", "min(b, a)"},
        {"if a > b { a } else { b }", "if b < a { a } else { b }"},
        {"if a >= 5 { a } else { b }", "if a > 4 { a } else { b }"},
        {"if !c { a } else { b }", "if c { b } else { a }"},
        {"if a <= b { a } else { b }", "if b < a { b } else { a }"},
        {"if a >= b { a } else { b }", "if !(a >= b) { b } else { a }"},
        {"if a != b { 1 } else { b }", "if b == a { b } else { 1 }"},
        {"if a > 4 { a } else { b }", "if a <= 4 { b } else { a }"},
        {"if s < -3 { a } else { b }", "if -4 < s { b } else { a }"},
        {"if a / b <= b / a { a } else { b }",
         "if a / b > b / a { b } else { a }"},
        {"if a / b > 18446744073709551615 { a } else { b }",
         "if a / b <= 18446744073709551615 { b } else { a }"},
        {"if a / b < 0 { a } else { b }", "if a / b >= 0 { b } else { a }"},
        {"if a / b <= get(l, a) { a } else { b }",
         "if a / b > get(l, a) { b } else { a }"},
        {"match c { false => a, true => b }", "if c { b } else { a }"},
        {"if c { a } else { a }", "a"},
        {"if c == true { a } else { b }", "if c { a } else { b }"},
        {"if 1 < 2 { a } else { b / 0 }", "a"},
        {"match 3 { 1 => b, 3 => a, _ => 0 }", "a"},
        {"match a { 1 => b, 1 => 7, _ => 0, 2 => 3 }",
         "match a { 1 => b, _ => 0 }"},
        {"match a { x => x + b }", "b + a"},
        {"let x = 5u64; a + x", "a + 5"},
        {"let x = a; let y = x; y + b", "a + b"},
        {"let x = a * b; a", "a"},
        {"let x = a * b; x + 1", "a * b + 1"},
        {"u64(if c { true } else { s > 3 })", "u64(c || s > 3)"},
        {"u64(if c { s > 3 } else { false })", "u64(s > 3 && c)"},
        {"u64(!(s == 3))", "u64(s != 3)"},
        {"u64(s <= 3)", "u64(!(s > 3))"},
        {"{x: u64, y: u64}(a, b).y", "b"},
        {"loop (x: u64 = a) repeat 0 { x / b }", "a"},
        {"len(l) + get(l, a)", "get(l, a) + len(l)"},
        {"(a / b) + (b / a)", "(b / a) + (a / b)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(same); i++) {
        expect_bodies(same[i][0], same[i][1], 1);
    }
    expect("unit f(a: f64, b: f64) -> f64 { a + b * a }",
           "unit f(a: f64, b: f64) -> f64 { a * b + a }", 1);
}

/* What looks the same and is not: errors, NaN, order. */
static void test_different(void **state)
{
    static const char *const different[][2] = {
        {"a + b", "a * b"},
        {"a - b", "b - a"},
        {"a / b", "b / a"},
        {"(a / b) * 0", "0"},
        {"let x = a / b; 5", "5"},
        {"(a / b) + get(l, a)", "get(l, a) + (a / b)"},
        {"let x = a / b; if c { x } else { 0 }",
         "if c { a / b } else { 0 }"},
        {"u64(c || a / b > 3)", "u64(a / b > 3 || c)"},
        {"if a / b > 3 { 1 } else { 1 }", "1"},
        {"a >> 1", "a >> 2"},
        {"if a < b { 1 } else { b }", "if b < a { b } else { 1 }"},
        {"if a / b <= get(l, a) { a } else { b }",
         "if get(l, a) < a / b { b } else { a }"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(different); i++) {
        expect_bodies(different[i][0], different[i][1], 0);
    }
    expect("unit f(a: f64) -> bool { a == a }",
           "unit f(a: f64) -> bool { true }", 0);
    expect("unit f(a: f64) -> bool { !(a < 1.0) }",
           "unit f(a: f64) -> bool { a >= 1.0 }", 0);
    expect("unit f(a: f64) -> u8 { if a <= 1.0 { 1 } else { 2 } }",
           "unit f(a: f64) -> u8 { if a > 1.0 { 2 } else { 1 } }", 0); /* NaN */
    expect("unit f(a: f64) -> f64 { a + 0.0 }", "unit f(a: f64) -> f64 { a }",
           0); /* -0.0 */
    expect("unit f(a: f64, b: f64) -> f64 { min(a, b) }",
           "unit f(a: f64, b: f64) -> f64 { min(b, a) }", 0);
}


/* Equal answers on random inputs, and the form is its own. */
static void check_meaning(uint64_t seed, int size)
{
    enum gen_type types[4];
    struct inside s;
    struct eval e;
    struct gen g = {.state = seed ^ 0x5eed};
    struct buf text;
    struct buf args;
    struct buf first;
    struct buf second;
    uint32_t form;

    buf_init(&text, 1u << 20);
    buf_init(&args, 1u << 20);
    buf_init(&first, 1u << 22);
    buf_init(&second, 1u << 22);
    gen_unit(seed, size, &text, types);
    inside_open(&s, buf_bytes(&text));
    form = inside_canonical(&s, s.unit);
    if (inside_canonical(&s, form) != form) {
        fail_msg("seed %llu: not its own form:\n%.*s",
                 (unsigned long long)seed, (int)buf_len(&text),
                 (const char *)buf_bytes(&text).p);
    }
    assert_int_equal(eval_init(&e, &s.dag, FUEL), 0);
    for (unsigned i = 0; i < 12; i++) {
        int a;
        int b;

        buf_reset(&args);
        for (unsigned k = 0; k < 3; k++) {
            inside_value(&g, types[k], &args);
        }
        a = inside_run(&e, s.unit, buf_bytes(&args), 3, FUEL, &first);
        b = inside_run(&e, form, buf_bytes(&args), 3, FUEL, &second);
        if (a != EVAL_E_FUEL && b != EVAL_E_FUEL &&
            (a != b || values_compare(buf_bytes(&first),
                                      buf_bytes(&second)) != 0)) {
            fail_msg("seed %llu: %d and %d:\n%.*s", (unsigned long long)seed, a,
                     b, (int)buf_len(&text), (const char *)buf_bytes(&text).p);
        }
    }
    eval_release(&e);
    inside_close(&s);
    buf_release(&text);
    buf_release(&args);
    buf_release(&first);
    buf_release(&second);
}

static void test_meaning(void **state)
{
    unsigned n = gen_rounds(700, 40000);

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        check_meaning(i, 5 + (int)(i % 60));
    }
}

/* The form checks, is no larger, and says nothing of names. */
static void check_form(uint64_t seed)
{
    enum gen_type types[4];
    struct inside s;
    struct tree before;
    struct tree after;
    struct buf text;
    uint32_t form;

    buf_init(&text, 1u << 20);
    gen_unit(seed, 40, &text, types);
    inside_open(&s, buf_bytes(&text));
    form = inside_canonical(&s, s.unit);
    assert_int_equal(tree_open(&before, &s.dag, s.unit), 0);
    if (tree_open(&after, &s.dag, form) != 0) {
        fail_msg("seed %llu: does not check:\n%.*s", (unsigned long long)seed,
                 (int)buf_len(&text), (const char *)buf_bytes(&text).p);
    }
    assert_true(after.terms_n <= before.terms_n);
    tree_release(&before);
    tree_release(&after);
    inside_close(&s);
    buf_release(&text);
}

static void test_form(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        check_form(i);
    }
}

/* --- rewritings that keep the meaning --- */

/* One at random at every expression that allows one, from the leaves up. */
static struct term *rewrite(struct tree *t, struct gen *g, struct term *e)
{
    enum cml_primitive p;

    for (unsigned i = 0; i < cml_kind_info(e->kind)->fields_n; i++) {
        for (uint32_t k = 0; e->fields[i].kids && k < e->fields[i].n; k++) {
            struct term **kid = &e->fields[i].kids[k];

            if (tree_walks_into(*kid) && (*kid)->kind != CML_REFERENCE &&
                e->kind != CML_PATTERN && !(e->kind == CML_CALL && i == 0)) {
                *kid = rewrite(t, g, *kid);
            }
        }
    }
    if (!tree_is_expression(e) || gen_below(g, 3) > 0) {
        return e;
    }
    p = cml_dag_at(t->dag, e->type)->kind == CML_PRIMITIVE_TYPE
            ? cml_primitive_from_name(
                  cml_dag_at(t->dag, e->type)->fields[0].u.text)
            : CML_PRIMITIVES;
    if (p == CML_PRIMITIVE_BOOL) {
        return tree_core(t, CORE_not, e->type,
                         tree_core(t, CORE_not, e->type, e, NULL), NULL);
    }
    if (p != CML_PRIMITIVES && cml_primitive_info(p)->tag == CML_INT) {
        switch (gen_below(g, 4)) {
        case 0:
            return tree_binop(t, CML_OP_ADD, e->type, e,
                              tree_integer(t, e->type, 0));
        case 1:
            return tree_binop(t, CML_OP_MUL, e->type,
                              tree_integer(t, e->type, 1), e);
        case 2:
            return tree_core(t, CORE_inv, e->type,
                             tree_core(t, CORE_inv, e->type, e, NULL), NULL);
        default:
            return tree_binop(t, CML_OP_BXOR, e->type,
                              tree_integer(t, e->type, 0), e);
        }
    }
    return e;
}

/* Operands of the totals that commute change places. */
static void swap(struct gen *g, struct term *t)
{
    enum cml_op op = tree_op_of(t);

    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k])) {
                swap(g, t->fields[i].kids[k]);
            }
        }
    }
    if ((op == CML_OP_ADD || op == CML_OP_MUL || op == CML_OP_BAND ||
         op == CML_OP_EQ || op == CML_OP_BXOR) &&
        gen_below(g, 2) == 0 &&
        (t->fields[1].kids[0]->kind == CML_VAR ||
         t->fields[1].kids[0]->kind == CML_LITERAL)) {
        struct term *first = t->fields[1].kids[0];

        t->fields[1].kids[0] = t->fields[2].kids[0];
        t->fields[2].kids[0] = first;
    }
}

/* let x = LITERAL; in front of the body, whose variables all move. */
static void add_dead_let(struct tree *t, struct term *unit)
{
    struct term *body = unit->fields[3].kids[0];
    struct term *let = term_new(&t->arena, CML_BINDING, (struct loc){0});
    struct term **kids =
        arena_array(&t->arena, body->fields[0].n + 1, sizeof(*kids));

    assert_non_null(let);
    assert_non_null(kids);
    term_kid(let, 1, &t->arena, tree_bool(t, 1));
    tree_shift(body, 0, 1);
    kids[0] = let;
    memcpy(kids + 1, body->fields[0].kids,
           body->fields[0].n * sizeof(*kids));
    body->fields[0].kids = kids;
    body->fields[0].n++;
}

static void check_rewritten(uint64_t seed)
{
    enum gen_type types[4];
    struct gen g = {.state = seed + 77};
    struct inside s;
    struct tree t;
    struct buf text;
    uint32_t form;
    struct term *u;

    buf_init(&text, 1u << 20);
    gen_unit(seed, 5 + (int)(seed % 40), &text, types);
    inside_open(&s, buf_bytes(&text));
    form = inside_canonical(&s, s.unit);
    assert_int_equal(tree_open(&t, &s.dag, s.unit), 0);
    u = t.units[0].term;
    u->fields[3].kids[0] = rewrite(&t, &g, u->fields[3].kids[0]);
    swap(&g, u->fields[3].kids[0]);
    add_dead_let(&t, u);
    u->fields[0].value = cml_word("renamed");
    assert_int_equal(tree_intern(&t, u), 0);
    if (inside_canonical(&s, u->id) != form) {
        fail_msg("seed %llu: another form after rewriting:\n%.*s",
                 (unsigned long long)seed, (int)buf_len(&text),
                 (const char *)buf_bytes(&text).p);
    }
    tree_release(&t);
    inside_close(&s);
    buf_release(&text);
}

static void test_rewritten(void **state)
{
    unsigned n = gen_rounds(300, 20000);

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        check_rewritten(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same), cmocka_unit_test(test_different),
        cmocka_unit_test(test_meaning), cmocka_unit_test(test_form),
        cmocka_unit_test(test_rewritten)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
