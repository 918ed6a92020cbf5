/* Tables (CSV) and corpora (JSON lines). */
#include "tests/unit/config/ask.h"

#include "proto/value.h"

static struct type scalar(const char *name)
{
    struct type t;

    assert_int_equal(type_from_name(name, &t), 0);
    return t;
}

/* Columns and types as words; columns: inputs, then the output. */
static void ask_csv_bytes(struct asked *a, const char *text, size_t text_n,
                          const char *const *columns, const char *const *types,
                          size_t inputs_n, int list)
{
    static Proctor__ConfigTask task;
    static Proctor__TableSpec table;
    static char *names[8];
    static struct type takes;
    static struct type gives;
    struct type elems[8];

    proctor__config_task__init(&task);
    proctor__table_spec__init(&table);
    for (size_t i = 0; i < inputs_n; i++) {
        names[i] = (char *)(uintptr_t)columns[i];
        elems[i] = scalar(types[list ? 0 : i]);
    }
    if (list) {
        struct type elem = type_list_of(&elems[0]);

        assert_int_equal(type_tuple_of(&elem, 1, &takes), 0);
    } else {
        assert_int_equal(type_tuple_of(elems, inputs_n, &takes), 0);
    }
    gives = scalar(types[list ? 1 : inputs_n]);
    table.inputs = names;
    table.n_inputs = inputs_n;
    table.output = (char *)(uintptr_t)columns[inputs_n];
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_TABLE;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = text_n;
    task.table = &table;
    task.takes = (ProtobufCBinaryData){takes.n, takes.b};
    task.gives = (ProtobufCBinaryData){gives.n, gives.b};
    assert_int_equal(config_answer(&a->c, &task, &a->reply), 0);
}

static void ask_csv(struct asked *a, const char *text)
{
    static const char *const columns[] = {"a", "b", "y"};
    static const char *const types[] = {"u8", "string", "bool"};

    ask_csv_bytes(a, text, strlen(text), columns, types, 2, 0);
}

/* All values as JSON, one per line. */
static void assert_values(const ProtobufCBinaryData *b, const struct type *t,
                          const char *expected)
{
    struct values v;
    struct buf text;

    values_init(&v);
    buf_init(&text, 65536);
    assert_int_equal(
        values_decode(&v, (struct ubytes){b->data, b->len}, t, 100000), 0);
    for (uint32_t i = 0; i < values_n(&v); i++) {
        assert_int_equal(value_put_json(&text, values_at(&v, i), t), 0);
        assert_int_equal(buf_put_u8(&text, '\n'), 0);
    }
    assert_int_equal(buf_put_u8(&text, '\0'), 0);
    assert_string_equal((const char *)buf_bytes(&text).p, expected);
    values_release(&v);
    buf_release(&text);
}

static void csv_values(void **state)
{
    struct type takes;
    struct type elems[2] = {scalar("u8"), scalar("string")};
    struct type gives = scalar("bool");
    struct asked a;

    (void)state;
    assert_int_equal(type_tuple_of(elems, 2, &takes), 0);
    ask_csv(&a, "y,x,b,a\ntrue,,hello,7\nfalse,7,\"a \"\"b\"\", c\nd\",0x1f\r\n"
                "true,\"\",,0\n");
    assert_fine(&a);
    assert_values(&a.reply.inputs, &takes,
                  "[7,\"hello\"]\n[31,\"a \\\"b\\\", c\\nd\"]\n[0,\"\"]\n");
    assert_values(&a.reply.outputs, &gives, "true\nfalse\ntrue\n");
    ask_done(&a);
    /* No line end behind the last row; a byte order mark before the first. */
    ask_csv(&a, "\xef\xbb\xbf"
                "a,b,y\n1,x,true");
    assert_fine(&a);
    assert_values(&a.reply.inputs, &takes, "[1,\"x\"]\n");
    ask_done(&a);
}

static void csv_columns_as_one_list(void **state)
{
    static const char *const columns[] = {"p", "q", "r", "y"};
    static const char *const types[] = {"f32", "u8"};
    static const char text[] = "p,q,r,y\n1,2.5,-3e2,9\nNaN,0.1,0,1\n";
    struct type elem = scalar("f32");
    struct type list = type_list_of(&elem);
    struct type takes;
    struct asked a;

    (void)state;
    assert_int_equal(type_tuple_of(&list, 1, &takes), 0);
    ask_csv_bytes(&a, text, strlen(text), columns, types, 3, 1);
    assert_fine(&a);
    assert_values(&a.reply.inputs, &takes,
                  "[[1.0,2.5,-300.0]]\n[[\"NaN\",0.1,0.0]]\n");
    ask_done(&a);
}

static void csv_problems(void **state)
{
    static const struct {
        const char *text;
        uint32_t line, col;
        const char *what;
    } rows[] = {
        {"", 1, 1, "the text is empty"},
        {"a,b,y", 1, 6, "no row below the header"},
        {"a,b,y\n", 2, 1, "no row below the header"},
        {"a,c,y\n1,2,true\n", 1, 1, "no column \"b\""},
        {"a,y\n1,true\n", 1, 1, "no column \"b\"; did you mean"},
        {"a,b,b,y\n1,2,3,true\n", 1, 5, "column \"b\" is named twice"},
        {"a,b,y\n1,x\n", 2, 1, "expected 3 fields, got 2"},
        {"a,b,y\n1,x,true,4\n", 2, 10, "more fields than the header"},
        {"a,b,y\n1,x,true\n\n", 3, 1, "expected 3 fields, got 1"},
        {"a,b,y\n300,x,true\n", 2, 1, "a: expected 0..255, got 300"},
        {"a,b,y\n1,x,true\n 2,x,true\n", 3, 1, "a: expected 0..255"},
        {"a,b,y\n,x,true\n", 2, 1, "a: expected 0..255, got nothing"},
        {"a,b,y\n1,x,True\n", 2, 5, "y: expected true or false"},
        {"a,b,y\n1,\"x,true\n", 2, 3, "a quoted field has no end"},
        {"a,b,y\n1,\"x\"z,true\n", 2, 6, "text after a closing quote"},
        {"a,b,y\n1,x\"z,true\n", 2, 4, "a quote inside a field"},
        {"a,b,y\r1,x,true\r", 1, 6, "carriage return"},
        {"a,b,y\n1,\"l\nm\",true\n2,x,7\n", 4, 5, "y: expected true or false"},
        {"a,b,y\n1,\xff,true\n", 2, 3, "byte 8 (0xff) is not valid UTF-8"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct asked a;

        ask_csv(&a, rows[i].text);
        assert_problem(&a, rows[i].line, rows[i].col, rows[i].what);
        assert_int_equal(a.reply.inputs.len, 0);
        assert_int_equal(a.reply.outputs.len, 0);
        ask_done(&a);
    }
}

static void csv_nul(void **state)
{
    static const char *const columns[] = {"a", "y"};
    static const char *const types[] = {"u8", "u8"};
    struct asked a;

    (void)state;
    ask_csv_bytes(&a, "a,y\n1,\0\n", 8, columns, types, 1, 0);
    assert_problem(&a, 2, 3, "NUL");
    ask_done(&a);
}

static void csv_types_that_do_not_fit(void **state)
{
    static Proctor__ConfigTask task;
    struct asked a;

    (void)state;
    proctor__config_task__init(&task);
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_TABLE;
    task.text.data = (uint8_t *)(uintptr_t) "a\n1\n";
    task.text.len = 4;
    assert_int_equal(config_answer(&a.c, &task, &a.reply), 0);
    assert_problem(&a, 0, 0, "cannot read this");
    ask_done(&a);
}

static void ask_corpus(struct asked *a, const char *text, const struct type *t)
{
    static Proctor__ConfigTask task;
    static struct type kept;

    kept = *t;
    proctor__config_task__init(&task);
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_CORPUS;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = strlen(text);
    task.gives = (ProtobufCBinaryData){kept.n, kept.b};
    assert_int_equal(config_answer(&a->c, &task, &a->reply), 0);
}

static void corpus_values(void **state)
{
    struct type string = scalar("string");
    struct type u8 = scalar("u8");
    struct type list = type_list_of(&u8);
    struct asked a;

    (void)state;
    ask_corpus(&a,
               "\"a\"\n\"\\u00e4\\ud83d\\ude00\"\r\n\"x\\ny\"\n\"\xc3\xa4\"",
               &string);
    assert_fine(&a);
    assert_values(&a.reply.inputs, &string,
                  "\"a\"\n\"\xc3\xa4\xf0\x9f\x98\x80\"\n\"x\\ny\"\n"
                  "\"\xc3\xa4\"\n");
    ask_done(&a);
    ask_corpus(&a, "[1, 2,255]\n[]\n", &list);
    assert_fine(&a);
    assert_values(&a.reply.inputs, &list, "[1,2,255]\n[]\n");
    ask_done(&a);
}

static void corpus_problems(void **state)
{
    static const struct {
        const char *text, *type;
        uint32_t line, col;
        const char *what;
    } rows[] = {{"", "u8", 1, 1, "the text is empty"},
                {"1\n\n2\n", "u8", 2, 1, "an empty line"},
                {"1\n300\n", "u8", 2, 1, "expected 0..255, got 300"},
                {"1\n2 3\n", "u8", 2, 1, "not well-formed"},
                {"\"a\"\nb\n", "u8", 1, 1, "expected 0..255, got \"a\""},
                {"7\n", "string", 1, 1, "expected a string, got 7"},
                {"\"a\\u0000b\"\n", "string", 1, 1, "neither NUL"},
                {"\"a\"\n\"b\n", "string", 2, 2, "not well-formed"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct type t = scalar(rows[i].type);
        struct asked a;

        ask_corpus(&a, rows[i].text, &t);
        assert_problem(&a, rows[i].line, rows[i].col, rows[i].what);
        ask_done(&a);
    }
}

/* Surrogates that stand alone are no characters, whatever libfyaml makes of
 * them. */
static void lone_surrogates(void **state)
{
    static const char *const texts[] = {"\"\\ud800\"", "\"\\udc00x\"",
                                        "\"\\ud83d\\u0041\""};
    struct type string = scalar("string");

    (void)state;
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        struct asked a;

        ask_corpus(&a, texts[i], &string);
        assert_non_null(a.reply.problem);
        ask_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_values),
        cmocka_unit_test(csv_columns_as_one_list),
        cmocka_unit_test(csv_problems),
        cmocka_unit_test(csv_nul),
        cmocka_unit_test(csv_types_that_do_not_fit),
        cmocka_unit_test(corpus_values),
        cmocka_unit_test(corpus_problems),
        cmocka_unit_test(lone_surrogates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
