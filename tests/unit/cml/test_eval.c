/* The reference interpreter: what each operator and each function of the core
 * gives, the fixed errors, fuel. */
#include "gen.h"

#include "proto/value.h"
#include "workers/cml/eval.h"
#include "workers/cml/shape.h"
#include "workers/cml/text.h"

struct run {
    struct cml_dag dag;
    struct document doc;
    struct diag diag;
    struct eval e;
    uint32_t unit;
    struct val out;
};

static void run_open(struct run *r, const char *text, uint64_t fuel)
{
    diag_init(&r->diag);
    cml_dag_init(&r->dag);
    document_init(&r->doc, &r->dag, "t.cml");
    if (text_parse(&r->doc,
                   (struct ubytes){(const uint8_t *)text, strlen(text)},
                   &r->diag) < 0) {
        fail_msg("%s\n%u:%u: %s (%s)", text, r->diag.at.line, r->diag.at.col,
                 r->diag.what, r->diag.hint);
    }
    r->unit = r->doc.units[r->doc.units_n - 1].term->id;
    assert_int_equal(eval_init(&r->e, &r->dag, fuel), 0);
}

static void run_close(struct run *r)
{
    eval_release(&r->e);
    document_release(&r->doc);
    cml_dag_release(&r->dag);
}

/* The value of `unit f() -> TYPE { BODY }` as JSON, or the error's text. */
static void value_of(const char *type, const char *body, uint64_t fuel,
                     char *out, size_t n)
{
    char text[2048];
    struct run r;
    struct buf bytes;
    struct buf json;
    struct type takes;
    struct type gives;
    int code;

    snprintf(text, sizeof(text),
             "unit double(x: u32) -> u32 { x * 2 }\n"
             "unit odd(x: u32) -> bool { x %% 2 == 1 }\n"
             "unit plus(a: u64, b: u32) -> u64 { a * 10 + u64(b) }\n"
             "unit f() -> %s { %s }",
             type, body);
    run_open(&r, text, fuel);
    buf_init(&bytes, 1u << 22);
    buf_init(&json, 1u << 22);
    code = eval_unit(&r.e, r.unit, NULL, 0, &r.out);
    if (code != 0) {
        snprintf(out, n, "%s", eval_error_text(code));
    } else {
        assert_int_equal(shape_of_unit(&r.dag, r.unit, &takes, &gives), 0);
        assert_int_equal(eval_put(&bytes, &r.out), 0);
        assert_int_equal(value_check_exact(buf_bytes(&bytes), &gives), 0);
        assert_int_equal(value_put_json(&json, buf_bytes(&bytes), &gives), 0);
        snprintf(out, n, "%.*s", (int)buf_len(&json),
                 (const char *)buf_bytes(&json).p);
    }
    buf_release(&bytes);
    buf_release(&json);
    run_close(&r);
}

struct example {
    const char *type;
    const char *body;
    const char *gives;
};

static void check(const struct example *e, size_t n)
{
    char out[1024];

    for (size_t i = 0; i < n; i++) {
        value_of(e[i].type, e[i].body, 100000, out, sizeof(out));
        if (strcmp(out, e[i].gives) != 0) {
            fail_msg("%s\n gave %s, expected %s", e[i].body, out, e[i].gives);
        }
    }
}

static void test_integers(void **state)
{
    static const struct example examples[] = {
        {"u8", "255u8 + 1", "0"},
        {"u8", "0u8 - 1", "255"},
        {"i8", "127i8 + 1", "-128"},
        {"i8", "-128i8 / -1", "-128"},
        {"i8", "-128i8 % -1", "0"},
        {"i64", "-9223372036854775808 / -1", "-9223372036854775808"},
        {"i64", "-7 / 2", "-3"},
        {"i64", "-7 % 2", "-1"},
        {"i64", "7 % -2", "1"},
        {"u32", "1u32 / 0", "division by zero"},
        {"i16", "1i16 % 0", "division by zero"},
        {"u64", "18446744073709551615u64 * 18446744073709551615", "1"},
        {"u8", "1u8 << 9", "2"},
        {"i8", "-128i8 >> 7", "-1"},
        {"u8", "128u8 >> 7", "1"},
        {"u8", "129u8 <<< 1", "3"},
        {"u8", "129u8 >>> 1", "192"},
        {"u8", "129u8 >>> 8", "129"},
        {"u32", "~0u32 ^ 0xffff", "4294901760"},
        {"bool", "-1i8 < 0", "true"},
        {"bool", "255u8 < 0", "false"},
        {"u8", "u8(300)", "44"},
        {"i8", "i8(200u8)", "-56"},
        {"u64", "u64(-1i8)", "18446744073709551615"},
        {"u32", "u32(true)", "1"},
        {"i32", "i32(3.9)", "3"},
        {"i32", "i32(-3.9)", "-3"},
        {"i32", "i32(1e300)", "2147483647"},
        {"u8", "u8(-5.0)", "0"},
        {"u64", "u64(nan)", "0"},
        {"i64", "i64(-inf)", "-9223372036854775808"},
        {"u64", "u64(inf)", "18446744073709551615"},
        {"u32", "popcount(-1i8)", "8"},
        {"u32", "clz(1u16)", "15"},
        {"u32", "clz(0i32)", "32"},
        {"u32", "ctz(0u8)", "8"},
        {"u32", "ctz(-128i8)", "7"},
        {"u8", "bits_reverse(1u8)", "128"},
        {"i16", "bytes_reverse(0x1234i16)", "13330"},
        {"i8", "abs(-128i8)", "-128"},
        {"u64", "mul_high(18446744073709551615u64, 2)", "1"},
        {"i64", "mul_high(-1, 1)", "-1"},
        {"u8", "mul_high(200u8, 200)", "156"},
        {"i64", "min(3, -4)", "-4"},
        {"bool", "true && false || true", "true"},
        {"bool", "false && 1 / 0 == 0", "false"},
        {"bool", "true || 1 / 0 == 0", "true"},
        {"bool", "!true ^ true", "true"},
    };

    (void)state;
    check(examples, ARRAY_N(examples));
}

static void test_floats(void **state)
{
    static const struct example examples[] = {
        {"f64", "0.1 + 0.2", "0.30000000000000004"},
        {"f32", "0.1f32 + 0.2f32", "0.3"},
        {"f64", "1.0 / 0.0", "\"Infinity\""},
        {"f64", "0.0 / 0.0", "\"NaN\""},
        {"bool", "nan == nan", "false"},
        {"bool", "nan != nan", "true"},
        {"bool", "0.0 == -0.0", "true"},
        {"f64", "-(0.0)", "-0.0"},
        {"f64", "5.5 % -2.0", "1.5"},
        {"f64", "round(2.5)", "2.0"},
        {"f64", "round(3.5)", "4.0"},
        {"f64", "floor(-0.5)", "-1.0"},
        {"f64", "sqrt(2.0)", "1.4142135623730951"},
        {"f32", "sqrt(2.0f32)", "1.4142135"},
        {"f64", "f64(18446744073709551615u64)", "1.8446744073709552e+19"},
        {"u64", "bits64(-0.0)", "9223372036854775808"},
        {"f64", "from_bits64(0xfff8000000000001u64)", "\"NaN\""},
        {"bool", "is_nan(0.0 / 0.0)", "true"},
        {"f64", "abs(-inf)", "\"Infinity\""},
    };

    (void)state;
    check(examples, ARRAY_N(examples));
}

static void test_arrays(void **state)
{
    static const struct example examples[] = {
        {"u64", "len([u8](1, 2))", "2"},
        {"u8", "[u8](1, 2)[1]", "2"},
        {"u8", "[u8](1, 2)[2]", "no element there"},
        {"[u8]", "put([u8](1, 2), 0, 9)", "[9,2]"},
        {"[u8]", "put([u8](1, 2), 2, 9)", "no element there"},
        {"[u8]", "append([u8](), 9)", "[9]"},
        {"[u8]", "slice([u8](1, 2, 3), 1, 99)", "[2,3]"},
        {"[u8]", "slice([u8](1, 2, 3), 5, 1)", "[]"},
        {"[u64]", "range(3)", "[0,1,2]"},
        {"[string]", "fill(\"a\", 2)", "[\"a\",\"a\"]"},
        {"[u32]", "map(double, [u32](1, 2))", "[2,4]"},
        {"[u32]", "filter(odd, [u32](1, 2, 3))", "[1,3]"},
        {"u64", "fold(plus, 0, [u32](1, 2, 3))", "123"},
        {"bool", "any(odd, [u32](2, 4))", "false"},
        {"bool", "all(odd, [u32]())", "true"},
        {"[{a: u8, b: string}]", "zip([u8](1, 2), [string](\"x\"))",
         "[[1,\"x\"]]"},
        {"string", "zip([u8](1, 2), [string](\"x\"))[0].b", "\"x\""},
        {"[f64]", "sort([f64](2.0, nan, -1.0))", "[-1.0,2.0,\"NaN\"]"},
        {"[string]", "sort([string](\"b\", \"a\", \"\"))", "[\"\",\"a\",\"b\"]"},
        {"[u8]", "reverse([u8](1, 2, 3))", "[3,2,1]"},
        {"u8", "sum([u8](200, 100), 1)", "45"},
        {"bool", "contains([u8](1), 2)", "false"},
        {"i64", "index_of([u8](5, 6, 6), 6)", "1"},
        {"bool", "[u8](1, 2) < [u8](1, 3)", "true"},
        {"bool", "[u8](1, 2) < [u8](1)", "false"},
        {"[u8]", "[u8](1) ++ [u8](2)", "[1,2]"},
        {"i64", "{x: u8, y: i64}(1, -2).y", "-2"},
        {"u8", "match {x: u8, y: i64}(1, -2) { {x: u8, y: i64}(n, -2) => n, _ "
               "=> 0 }",
         "1"},
        {"u8", "match 3u8 { 1 => 1, 2 => 2 }", "no arm fits"},
        {"u8", "match 3u8 { 1 => 1, n => n + 1 }", "4"},
        {"u64", "loop (a: u64 = 1, b: u64 = 1) repeat 10 { (b, a + b) }.a",
         "89"},
        {"u64", "loop (a: u64 = 0) for i in 5u8 { a * 10 + u64(i) }", "1234"},
        {"u64", "loop (a: u64 = 0) for x in [u64](7, 8) { a * 10 + x }", "78"},
        {"i64", "loop (a: i64 = 0) repeat -3 { a + 1 }", "0"},
        {"u32", "loop (a: u32 = 27, n: u32 = 0) while a != 1 { (if odd(a) { 3 * "
                "a + 1 } else { a / 2 }, n + 1) }.n",
         "111"},
    };

    (void)state;
    check(examples, ARRAY_N(examples));
}

static void test_texts(void **state)
{
    static const struct example examples[] = {
        {"u64", "len(\"h\u00e9\u20ac\")", "3"},
        {"u64", "len(x\"00ff\")", "2"},
        {"u8", "byte_at(x\"00ff\", 1)", "255"},
        {"u32", "char_at(\"h\u20ac\", 1)", "8364"},
        {"u32", "char_at(\"h\", 1)", "no element there"},
        {"string", "slice(\"h\u00e9llo\", 1, 3)", "\"\u00e9l\""},
        {"string", "reverse(\"a\u00e9b\")", "\"b\u00e9a\""},
        {"bytes", "reverse(x\"0102\")", "\"0201\""},
        {"string", "\"a\" ++ \"b\"", "\"ab\""},
        {"i64", "find(\"h\u00e9llo\", \"l\")", "2"},
        {"i64", "find(\"abc\", \"\")", "0"},
        {"i64", "find(\"abc\", \"z\")", "-1"},
        {"string", "replace(\"aaa\", \"aa\", \"b\")", "\"ba\""},
        {"string", "replace(\"aaa\", \"\", \"b\")", "\"aaa\""},
        {"[string]", "split(\"a,,b\", \",\")", "[\"a\",\"\",\"b\"]"},
        {"[string]", "split(\"\", \",\")", "[\"\"]"},
        {"[string]", "split(\"a\u00e9\", \"\")", "[\"a\",\"\u00e9\"]"},
        {"string", "join([string](\"a\", \"b\"), \"--\")", "\"a--b\""},
        {"string", "upper(\"az\u00e9\")", "\"AZ\u00e9\""},
        {"string", "lower(\"AZ\")", "\"az\""},
        {"string", "trim(\" a b\\n\")", "\"a b\""},
        {"bool", "starts_with(\"abc\", \"ab\")", "true"},
        {"bool", "ends_with(\"abc\", \"abcd\")", "false"},
        {"string", "repeat_text(\"ab\", 3)", "\"ababab\""},
        {"string", "text(-5)", "\"-5\""},
        {"string", "text(0.1f32)", "\"0.1\""},
        {"string", "text(nan)", "\"NaN\""},
        {"i64", "parse_int(\"-42\")", "-42"},
        {"i64", "parse_int(\"9223372036854775808\")",
         "the text does not have this form"},
        {"i64", "parse_int(\" 1\")", "the text does not have this form"},
        {"i64", "parse_int(\"-\")", "the text does not have this form"},
        {"f64", "parse_float(\"1e3\")", "1000.0"},
        {"f64", "parse_float(\"0x10\")", "the text does not have this form"},
        {"[u32]", "chars(\"a\u20ac\")", "[97,8364]"},
        {"string", "from_chars([u32](97, 8364))", "\"a\u20ac\""},
        {"string", "from_chars([u32](0xd800))",
         "the text does not have this form"},
        {"bytes", "utf8(\"\u00e9\")", "\"c3a9\""},
        {"string", "from_utf8(x\"c3a9\")", "\"\u00e9\""},
        {"string", "from_utf8(x\"c3\")", "the text does not have this form"},
        {"string", "from_utf8(x\"00\")", "the text does not have this form"},
        {"string", "hex(x\"00ff\")", "\"00ff\""},
        {"bytes", "from_hex(\"00ff\")", "\"00ff\""},
        {"bytes", "from_hex(\"0\")", "the text does not have this form"},
        {"[u8]", "byte_list(x\"01ff\")", "[1,255]"},
        {"bytes", "from_bytes([u8](1, 255))", "\"01ff\""},
        {"bool", "\"a\" < \"b\"", "true"},
        {"bool", "\"\uffff\" < \"\U00010000\"", "true"},
    };

    (void)state;
    check(examples, ARRAY_N(examples));
}

/* Limits are errors, and cost what docs/cml.md says. */
static void test_fuel(void **state)
{
    static const struct {
        const char *body;
        uint64_t costs;
    } costs[] = {
        {"1u64 + 2", 1}, /* the unit itself */
        {"loop (a: u64 = 0) repeat 10 { a + 1 }", 11},
        {"len(range(5))", 6},
        {"u64(len(\"abc\"))", 4},
        {"fold(plus, 0, [u32](1, 2))", 1 + 2 + 2 + 2},
        {"len(\"ab\" ++ \"c\")", 1 + 3 + 3},
        {"u64(\"ab\" == \"ab\")", 1 + 2},
        /* as deep as values are compared, and as far */
        {"u64([string](\"ab\", \"cd\") == [string](\"ab\", \"cde\"))",
         1 + 2 + 2 + 2 + 2 + 2},
        {"u64([string](\"ab\", \"cd\") < [string](\"ax\", \"cd\"))",
         1 + 2 + 2 + 2 + 2},
        {"u64(contains([string](\"ab\", \"cd\"), \"cd\"))",
         1 + 2 + (2 + 2) + 2 + 2},
        {"len(min([string](\"ab\"), [string](\"ac\")))",
         1 + 1 + 1 + (1 + 1) + 1 + 2},
        {"len(sort([string](\"b\", \"ab\")))", 1 + 2 + 2 + 2 * (1 + 2)},
    };
    char out[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(costs); i++) {
        value_of("u64", costs[i].body, costs[i].costs, out, sizeof(out));
        assert_string_not_equal(out, "out of fuel");
        value_of("u64", costs[i].body, costs[i].costs - 1, out, sizeof(out));
        if (strcmp(out, "out of fuel") != 0) {
            fail_msg("%s costs less than %llu", costs[i].body,
                     (unsigned long long)costs[i].costs);
        }
    }
    value_of("u64", "loop (a: u64 = 0) while true { a + 1 }", 1000000, out,
             sizeof(out));
    assert_string_equal(out, "out of fuel");
    value_of("u64", "len(range(2000000))", 10000000, out, sizeof(out));
    assert_string_equal(out, "a value is too large");
    value_of("u64", "len(repeat_text(\"ab\", 18446744073709551615u64))",
             10000000, out, sizeof(out));
    assert_string_equal(out, "out of fuel");
    value_of("u64",
             "len(loop (s: string = \"ab\") repeat 60 { s ++ s })",
             1000000000, out, sizeof(out));
    assert_string_equal(out, "a value is too large");
}

/* Loops hold memory for their state, not for their history. */
static void test_memory(void **state)
{
    char out[200];

    (void)state;
    value_of("u64",
             "len(loop (s: [u64] = range(1000)) for i in 100000u64 { put(s, i % "
             "1000, i) })",
             1000000000, out, sizeof(out));
    assert_string_equal(out, "1000");
}

/* Random units: the artifact read back from its bytes computes the same. */
static void test_bundle(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        enum gen_type types[4];
        struct buf text;
        struct buf bundle;
        struct buf again;
        struct run r;
        struct cml_dag copy;
        uint32_t root = 0;

        buf_init(&text, 1u << 20);
        buf_init(&bundle, 1u << 24);
        buf_init(&again, 1u << 24);
        gen_unit(seed, 60, &text, types);
        assert_int_equal(buf_put_u8(&text, 0), 0);
        run_open(&r, (const char *)buf_bytes(&text).p, 10000);
        assert_int_equal(cml_bundle_put(&r.dag, r.unit, &bundle), 0);
        cml_dag_init(&copy);
        assert_int_equal(
            cml_bundle_read(&copy, buf_bytes(&bundle), &root, &r.diag), 0);
        assert_true(cid_is_equal(&cml_dag_at(&copy, root)->cid,
                                 &cml_dag_at(&r.dag, r.unit)->cid));
        assert_int_equal(cml_bundle_put(&copy, root, &again), 0);
        assert_int_equal(buf_len(&again), buf_len(&bundle));
        cml_dag_release(&copy);
        run_close(&r);
        buf_release(&text);
        buf_release(&bundle);
        buf_release(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_floats),
        cmocka_unit_test(test_arrays),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_fuel),     cmocka_unit_test(test_memory),
        cmocka_unit_test(test_bundle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
