/* SyGuS files: both versions, every form of example and constant, grammars as the
 * enumerator's, and what is refused where. */
#include "examples.h"

#include <stdlib.h>

#define F "(synth-fun f ((x Int) (s String)) Int)\n"
#define END "\n(check-synth)"

static void test_examples(void **state)
{
    static const struct {
        const char *constraint;
        const char *first;
    } rows[] = {
        {"(= (f 1 \"a\") 2)", "[1,\"a\"] -> 2"},
        {"(= 2 (f 1 \"a\"))", "[1,\"a\"] -> 2"},
        {"(and (= 2 (f 1 \"a\")) (and))", "[1,\"a\"] -> 2"},
        {"(= (f (- 1) \"\") (- 9223372036854775808))",
         "[-1,\"\"] -> -9223372036854775808"},
        {"(= (f -1 \"\") -2)", "[-1,\"\"] -> -2"},
        {"(= (f 9223372036854775807 \"say \"\"so\"\"\") 0)",
         "[9223372036854775807,\"say \\\"so\\\"\"] -> 0"},
        {"(= (f 1 \"\\u{e9}\\u00e9\\x41\\\") 0)",
         "[1,\"\xc3\xa9\xc3\xa9\\\\x41\\\\\"] -> 0"},
        {"(= (f 1 \"a\nb\") 0)", "[1,\"a\\nb\"] -> 0"},
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        snprintf(text, sizeof(text), F "(constraint %s)" END,
                 rows[i].constraint);
        expect_first(text, rows[i].first);
    }
    expect_first("; a comment\n(set-logic BV)(set-info :a |b c|)\n"
                 "(synth-fun f ((x (BitVec 64))) (_ BitVec 8))"
                 "(constraint (= (f #xFFffFFffFFffFFff) (_ bv7 8)))" END,
                 "[18446744073709551615] -> 7");
    expect_first("(synth-fun |f g| ((x (_ BitVec 8)) (y Bool)) Bool)"
                 "(declare-var a Int)"
                 "(constraint (|f g| #b00000101 true))"
                 "(constraint (not (|f g| #x06 false)))" END,
                 "[5,true] -> true");
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("(", 1, 1, "never closed", 0);
    expect_refused("(a))", 1, 4, "closes nothing", 0);
    expect_refused("(set-logic \"BV", 1, 12, "a string that does not end", 0);
    expect_refused("(set-logic |BV\n|)", 1, 12, "|symbol", 0);
    expect_refused("(set-logic #xg)", 1, 12, "not a bit-vector", 0);
    expect_refused("(set-logic UFLRA)", 1, 12, "the logic UFLRA", 0);
    expect_refused("(set-logic)", 1, 1, "too few parts", 0);
    expect_refused("(synth-inv f ())", 1, 2, "the command synth-inv", 0);
    expect_refused("()", 1, 1, "is no command", 0);
    expect_refused(F "(constraint (= (f 1 \"\") 1))", 0, 0, "no check-synth", 0);
    expect_refused("(check-synth)", 0, 0, "no synth-fun", 0);
    expect_refused(F END, 0, 0, "no example", 0);
    expect_refused(F F END, 2, 1, "a second function", 0);
    expect_refused(F END END, 4, 1, "after check-synth", 0);
    expect_refused("(constraint (= (f 1) 1))", 1, 1, "before the synth-fun", 0);
    expect_refused(F "(constraint (> (f 1 \"\") 1))" END, 2, 13,
                   "is no example", 0);
    expect_refused(F "(declare-var v Int)\n(constraint (= (f v \"\") 1))" END, 3,
                   19, "the variable v", 0);
    expect_refused(F "(constraint (= (f (+ 1 1) \"\") 1))" END, 2, 19,
                   "no constant", 0);
    expect_refused(F "(constraint (= (f 1) 1))" END, 2, 16,
                   "another number of arguments", 0);
    expect_refused(F "(constraint (= (f \"a\" \"\") 1))" END, 2, 19,
                   "another sort", 0);
    expect_refused(F "(constraint (= (f 1 \"\") 9223372036854775808))" END, 2,
                   25, "out of the range", 0);
    expect_refused(F "(constraint (= (f 18446744073709551616 \"\") 1))" END, 2,
                   19, "out of the range", 0);
    expect_refused(F "(constraint (= (f 1 \"\\u{d800}\") 1))" END, 2, 22,
                   "no character", 0);
    expect_refused("(synth-fun f ((x (_ BitVec 7))) Int)" END, 1, 28,
                   "bit-vectors of 7 bits", 0);
    expect_refused("(synth-fun f ((x Real)) Int)" END, 1, 18, "sort Real", 0);
    expect_refused("(synth-fun f ((x Int) (x Int)) Int)" END, 1, 24,
                   "there already", 0);
    expect_refused("(synth-fun f ((x (_ BitVec 8))) Int)"
                   "(constraint (= (f #x123) 1))" END,
                   1, 55, "another width", 0);
    expect_refused(F "(constraint (= (f 1 \"\") 1))\n"
                     "(constraint (= (f 1 \"\") 2))" END,
                   3, 16, "the input of 2:16", 2);
}

#define G(productions)                                                         \
    "(synth-fun f ((x Int) (s String)) Int\n((I Int (" productions ")) "       \
    "(T String (s \"-\")) (B Bool ((= I I)))))\n"                              \
    "(constraint (= (f 1 \"\") 2))" END

static void test_refused_grammars(void **state)
{
    (void)state;
    expect_refused(G("y"), 2, 10, "nothing is called y", 0);
    expect_refused(G("(foo I)"), 2, 11, "the operator foo", 0);
    expect_refused(G("(str.lem T)"), 2, 11, "the operator str.lem", 0);
    expect_refused(G("(str.len I)"), 2, 19, "I is Int; str.len takes String",
                   0);
    expect_refused(G("(str.len T T)"), 2, 10, "a number of arguments", 0);
    expect_refused(G("T"), 2, 10, "not of the sort", 0);
    expect_refused(G("(ite B I T)"), 2, 19, "the sort of the others", 0);
    expect_refused(G("(+ I I I I)"), 2, 19, "more than 3", 1);
    expect_refused(G("(let ((z I)) z)"), 2, 11, "the operator let", 0);
    expect_refused("(synth-fun f ((x Int)) Int ((I Int) (J Int))\n"
                   "((I Int (x)) (K Int (x))))" END,
                   2, 14, "not the non-terminal", 0);
    expect_refused("(synth-fun f ((x Int)) Int ((I String (\"\"))))" END, 1, 30,
                   "has not the sort of the function", 0);
    expect_refused("(define-fun m ((a Int)) String a)" END, 1, 32,
                   "a is Int, and is to be another", 0);
    expect_refused("(define-fun m () Int 1)(define-fun m () Int 1)" END, 1, 36,
                   "is defined already", 0);
    expect_refused("(define-fun m ((a Int)) Int a)\n"
                   "(synth-fun f ((x Int)) Int ((I Int ((m))))) " END,
                   2, 37, "another number of arguments", 0);
}

/* The first rule of the first non-terminal; then how many of it there are. */
static void expect_rule(const char *defined, const char *production,
                        const char *op, uint32_t nodes)
{
    char text[1000];
    struct examples x;
    const Proctor__SynthSort *s;

    snprintf(text, sizeof(text),
             "%s(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8)))"
             "((S (_ BitVec 8) (x #x00 %s))))(constraint (= (f #x01) #x01))" END,
             defined, production);
    examples_init(&x, text, strlen(text));
    examples_read(&x);
    if (x.problem == NULL) {
        fail_msg("%s\n%s", text, x.command.problem.what);
    }
    s = x.problem->task->sorts[0];
    assert_int_equal(s->n_parameters, 1);
    assert_int_equal(s->n_constants, 1);
    assert_int_equal(s->n_rules, 1);
    assert_string_equal(s->rules[0]->op, op);
    assert_int_equal(s->rules[0]->n_nodes, nodes);
    examples_release(&x);
}

#define M "(define-fun m ((a (_ BitVec 8)) (b (_ BitVec 8))) (_ BitVec 8) "

static void test_rules(void **state)
{
    (void)state;
    expect_rule("", "(bvadd S S)", "add", 0);
    expect_rule("", "(bvshl S S)", "shl", 0);
    expect_rule("", "(bvlshr S #x01)", "shr1", 0);
    expect_rule("", "(bvlshr S #x04)", "shr4", 0);
    expect_rule("", "(bvlshr S #x10)", "", 3); /* 0, not a shift by 16 mod 8 */
    expect_rule("", "(bvlshr S #x03)", "", 3);
    expect_rule("", "(bvshl S (_ bv1 8))", "shl1", 0);
    expect_rule("", "(bvand S (bvnot x))", "", 4);
    expect_rule("", "(bvnand S S)", "", 4);
    expect_rule("", "(bvadd S S S)", "", 5);
    expect_rule(M "(bvsub b a))", "(m S S)", "", 3);
    expect_rule(M "(bvsub a b))", "(m S S)", "sub", 0);
    expect_rule(M "(bvadd (bvlshr a b) b))", "(m S #x01)", "", 4);
    expect_rule(
        "(define-fun c ((a (_ BitVec 8)) (b (_ BitVec 8)) (d (_ BitVec 8)))"
        "(_ BitVec 8) (ite (= a #x01) b d))",
        "(c S S S)", "if_one", 0);
    expect_rule(
        "(define-fun c ((a (_ BitVec 8)) (b (_ BitVec 8)) (d (_ BitVec 8)))"
        "(_ BitVec 8) (ite (= #x00 a) b d))",
        "(c S S S)", "if_zero", 0);
    expect_rule("(define-fun t () (_ BitVec 8) #x03)"
                "(define-fun m ((a (_ BitVec 8))) (_ BitVec 8) (bvmul a t))"
                "(define-fun n ((a (_ BitVec 8))) (_ BitVec 8) (m (m a)))",
                "(n S)", "", 5);
}

/* Sorts of a grammar as the search gets it: how many, and of the first the rules and
 * the sort that each takes first. */
static void expect_sorts(const char *grammar, uint32_t sorts, uint32_t rules,
                         uint32_t takes)
{
    char text[1000];
    struct examples x;
    const Proctor__SynthSort *s;

    snprintf(text, sizeof(text),
             "(synth-fun f ((x Int)) Int (%s))(constraint (= (f 1) 1))" END,
             grammar);
    examples_init(&x, text, strlen(text));
    examples_read(&x);
    if (x.problem == NULL) {
        fail_msg("%s\n%s", text, x.command.problem.what);
    }
    assert_int_equal(x.problem->task->n_sorts, sorts);
    s = x.problem->task->sorts[0];
    assert_int_equal(s->n_parameters, 1);
    assert_int_equal(s->n_rules, rules);
    for (size_t i = 0; i < s->n_rules; i++) {
        assert_int_equal(s->rules[i]->args[0], takes);
    }
    examples_release(&x);
}

/* A non-terminal that may be another one has what that one has; those that have the
 * same are one, and those that nothing can hold are gone; a grammar that is left out
 * is all symbols of the sorts. */
static void test_sorts(void **state)
{
    static const char open[] =
        "(synth-fun f ((x String)) Bool)(constraint (= (f \"\") true))" END;
    struct examples x;

    (void)state;
    expect_sorts("(S Int (A)) (A Int (x 1 (+ A A)))", 1, 1, 0);
    expect_sorts("(A Int (B)) (B Int (C 1 (+ A B))) (C Int (x (Constant Int) A))",
                 1, 1, 0);
    /* Another constant, rule or type: not the same. */
    expect_sorts("(S Int (A 2)) (A Int (x 1 (+ A A)))", 2, 1, 1);
    expect_sorts("(S Int (A (- A A))) (A Int (x 1 (+ A A)))", 2, 2, 1);
    expect_sorts("(S Int (x 1 (+ S S))) (A Int (x 1 (+ A A)))", 1, 1, 0);
    /* None can hold P or Q; B is held by way of the condition of A. */
    expect_sorts("(S Int (x 1 (+ A A))) (P Bool ((< Q Q))) (Q Int (x 3))"
                 "(A Int (x 2 (ite B A A))) (B Bool (true (= A S)))",
                 3, 1, 1);
    examples_init(&x, open, sizeof(open) - 1);
    examples_read(&x);
    assert_non_null(x.problem);
    assert_int_equal(x.problem->task->n_sorts, 3); /* Bool, String, Int */
    assert_true(x.problem->task->sorts[0]->n_rules > 8);
    examples_release(&x);
}

static void test_limits(void **state)
{
    char *text = malloc(1u << 20);
    size_t at = 0;

    (void)state;
    memset(text, '(', 1000);
    text[1000] = '\0';
    expect_refused(text, 1, 129, "nested more than 128", 1);
    at = (size_t)sprintf(text, "(define-fun m0 ((a Int)) Int a)\n");
    for (unsigned i = 1; i < 60; i++) { /* twice as long each, and no longer */
        at += (size_t)sprintf(text + at,
                              "(define-fun m%u ((a Int)) Int (m%u (m%u a)))\n", i,
                              i - 1, i - 1);
    }
    expect_refused(text, 2, 38, "macros that are too long", 1);
    at = (size_t)sprintf(text, "(define-fun m ((a Int)) Int (+");
    for (unsigned i = 0; i < 40; i++) {
        at += (size_t)sprintf(text + at, " a");
    }
    sprintf(text + at, "))");
    expect_refused(text, 1, 64, "more than 16 arguments", 1);
    at = (size_t)sprintf(text, "(define-fun m ((a Int)) Int ");
    for (unsigned i = 0; i < 40; i++) {
        at += (size_t)sprintf(text + at, "(- ");
    }
    at += (size_t)sprintf(text + at, "a");
    for (unsigned i = 0; i < 41; i++) {
        at += (size_t)sprintf(text + at, ")");
    }
    expect_refused(text, 1, 53, "more than 32", 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_grammars),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_sorts),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
