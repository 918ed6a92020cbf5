/* load_csv.c and load_label.c: tables that people write, and every way in which
 * one is refused, with its place. */
#include "tests/unit/train/load_world.h"

#define REGRESSION PROCTOR__DATA_KIND__DATA_REGRESSION
#define CLASSES PROCTOR__DATA_KIND__DATA_CLASSIFICATION

static void give(struct world *w, Proctor__DataKind kind, const char *text)
{
    world_init(w, "csv", kind);
    w->spec.output = (char *)(uintptr_t)"y";
    world_file(w, "t.csv", text, strlen(text));
}

static void test_regression(void **state)
{
    struct world w;

    (void)state;
    give(&w, REGRESSION, "\xef\xbb\xbf" "a,y,b\r\n1,0.5,-2e3\n 3.25 ,7,\"4\"");
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.rows, 2);
    assert_int_equal(w.l.data.width, 2);
    assert_int_equal(w.reply.x_bytes, 32);
    assert_int_equal(w.reply.y_bytes, 16);
    assert_string_equal(w.l.data.columns[0], "a");
    assert_string_equal(w.l.data.columns[1], "b");
    assert_true(world_x(&w, 0, 0) == 1 && world_x(&w, 0, 1) == -2000);
    assert_true(world_x(&w, 1, 0) == 3.25 && world_x(&w, 1, 1) == 4);
    assert_true(world_target(&w, 0) == 0.5 && world_target(&w, 1) == 7);
    assert_ptr_equal(w.l.y, w.area + LOAD_ALIGN);
    world_release(&w);
}

static void test_words(void **state)
{
    struct world w;

    (void)state;
    give(&w, CLASSES, "y,a\nb,1\n\"a \"\"x\"\"\",2\nb,3\nA,4\n");
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.classes, 3);
    assert_string_equal(w.l.data.names[0], "A");
    assert_string_equal(w.l.data.names[1], "a \"x\"");
    assert_string_equal(w.l.data.names[2], "b");
    assert_int_equal(world_class(&w, 0), 2);
    assert_int_equal(world_class(&w, 1), 1);
    assert_int_equal(world_class(&w, 3), 0);
    world_release(&w);
}

/* 0..k-1 are their own names; other numbers are named, in their order. */
static void test_numbers_as_classes(void **state)
{
    struct world w;

    (void)state;
    give(&w, CLASSES, "a,y\n1,2\n2,0\n3,1\n");
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.n_names, 0);
    assert_int_equal(w.l.data.classes, 3);
    assert_int_equal(world_class(&w, 0), 2);
    world_release(&w);
    give(&w, CLASSES, "a,y\n1,10\n2,-1\n3,2.5\n4,10.0\n");
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.classes, 3);
    assert_string_equal(w.l.data.names[0], "-1");
    assert_string_equal(w.l.data.names[1], "2.5");
    assert_string_equal(w.l.data.names[2], "10");
    assert_int_equal(world_class(&w, 0), 2);
    assert_int_equal(world_class(&w, 3), 2);
    world_release(&w);
}

static void test_picked_columns(void **state)
{
    struct world w;

    (void)state;
    give(&w, REGRESSION, "name,a,b,y\nx,1,2,3\nz,4,5,6\n");
    w.inputs[0] = (char *)(uintptr_t)"b";
    w.inputs[1] = (char *)(uintptr_t)"a";
    w.spec.inputs = w.inputs;
    w.spec.n_inputs = 2;
    assert_int_equal(world_run(&w), 0);
    assert_true(world_x(&w, 1, 0) == 5 && world_x(&w, 1, 1) == 4);
    world_release(&w);
}

static void test_missing(void **state)
{
    struct world w;

    (void)state;
    give(&w, REGRESSION, "a,y\n1,2\n,3\n4,NA\n5,6\n");
    world_refuses(&w, ERR_INPUT, 3, 1, "column \"a\": \"\" is a missing value");
    w.spec.drop_missing = 1;
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.rows, 2);
    assert_true(world_x(&w, 1, 0) == 5);
    assert_string_equal(w.l.data.notes[0],
                        "2 of 4 rows lack a value and were left out");
    world_release(&w);
}

static void test_constant_is_noted(void **state)
{
    struct world w;

    (void)state;
    give(&w, REGRESSION, "a,b,y\n1,7,2\n2,7,3\n");
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.n_notes, 1);
    assert_string_equal(w.l.data.notes[0],
                        "1 of 2 columns are constant and say nothing: \"b\"");
    world_release(&w);
}

static const struct {
    Proctor__DataKind kind;
    const char *text;
    uint32_t line, col;
    const char *words;
} bad[] = {
    {REGRESSION, "", 1, 1, "the file is empty"},
    {REGRESSION, "a,y\n", 1, 1, "no row below the header"},
    {REGRESSION, "a,b\n1,2\n", 1, 1, "no column \"y\""},
    {REGRESSION, "a,a,y\n1,2,3\n", 1, 3, "\"a\" is named twice"},
    {REGRESSION, "1,2\n3,4\n", 1, 1, "holds numbers"},
    {REGRESSION, "a,y\n1,2\n3\n", 3, 1, "expected 2 fields, got 1"},
    {REGRESSION, "a,y\n1,2,3\n", 2, 1, "expected 2 fields, got 3"},
    {REGRESSION, "a,y\n1,x\n", 2, 3, "column \"y\": \"x\" is no number"},
    {REGRESSION, "a,y\nx,1\n", 2, 1, "column \"a\": \"x\" is no number"},
    {REGRESSION, "a,y\n0x10,1\n", 2, 1, "is no number"},
    {REGRESSION, "a,y\n1e,1\n", 2, 1, "is no number"},
    {REGRESSION, "a,y\n1,2\ninf,1\n", 3, 1, "\"inf\" is not finite"},
    {REGRESSION, "a,y\n1,-NaN\n", 2, 3, "\"-NaN\" is not finite"},
    {REGRESSION, "a,y\n1e999,1\n", 2, 1, "is not finite"},
    {CLASSES, "a,y\n1,2\n2,inf\n", 3, 3, "is not finite"},
    {REGRESSION, "a,y\n1,\"2\n", 2, 3, "has no end"},
    {REGRESSION, "a,y\n1,2\"\n", 2, 4, "a quote inside"},
    {REGRESSION, "a,y\r1,2\n", 1, 4, "carriage return"},
    {REGRESSION, "y\n1\n2\n", 0, 0, "2 rows of 0 numbers"},
    {CLASSES, "a,y\n1,z\n2,z\n", 0, 0, "all rows are of the class \"z\""},
    {CLASSES, "a,y\n1,3\n2,3\n", 0, 0, "all rows are of the class 3"},
    {REGRESSION, "a,\xff,y\n1,2,3\n", 1, 3, "no UTF-8"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        struct world w;

        give(&w, bad[i].kind, bad[i].text);
        world_refuses(&w, ERR_INPUT, bad[i].line, bad[i].col, bad[i].words);
        world_release(&w);
    }
}

static void test_hint_of_a_near_name(void **state)
{
    struct world w;

    (void)state;
    give(&w, REGRESSION, "a,spieces\n1,2\n");
    w.spec.output = (char *)(uintptr_t)"species";
    world_refuses(&w, ERR_INPUT, 1, 1, "no column \"species\"");
    assert_non_null(strstr(w.l.d.hint, "did you mean \"spieces\"?"));
    world_release(&w);
}

/* Nothing is written that does not fit, and the estimate is named. */
static void test_too_large(void **state)
{
    struct world w;

    (void)state;
    give(&w, REGRESSION, "a,y\n1,2\n3,4\n");
    assert_int_equal(world_run_in(&w, 4096), ERR_LIMIT);
    assert_non_null(strstr(w.l.d.what, "2 rows of 1 numbers would be 0.0 MiB"));
    assert_non_null(strstr(w.l.d.hint, "limits.memory"));
    assert_int_equal(w.area[0], 0);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_numbers_as_classes),
        cmocka_unit_test(test_picked_columns),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_constant_is_noted),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_hint_of_a_near_name),
        cmocka_unit_test(test_too_large)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
