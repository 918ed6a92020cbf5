/* CML's text form: what is written reads back as the same artifact, names do not
 * count, and mistakes are told with their place. */
#include "gen.h"

#include "workers/cml/text.h"

struct source {
    struct cml_dag dag;
    struct document doc;
    struct diag diag;
    int code;
};

static void source_open(struct source *s, const char *text, size_t n)
{
    diag_init(&s->diag);
    cml_dag_init(&s->dag);
    document_init(&s->doc, &s->dag, "t.cml");
    s->code = text_parse(&s->doc, (struct ubytes){(const uint8_t *)text, n},
                         &s->diag);
}

static void source_close(struct source *s)
{
    document_release(&s->doc);
    cml_dag_release(&s->dag);
}

static struct cid source_cid(const char *text)
{
    struct source s;
    struct cid c;

    source_open(&s, text, strlen(text));
    if (s.code != 0) {
        fail_msg("%u:%u: %s", s.diag.at.line, s.diag.at.col, s.diag.what);
    }
    c = cml_dag_at(&s.dag, s.doc.units[s.doc.units_n - 1].term->id)->cid;
    source_close(&s);
    return c;
}

static void expect_same(const char *a, const char *b, int same)
{
    struct cid x = source_cid(a);
    struct cid y = source_cid(b);

    if (cid_is_equal(&x, &y) != same) {
        fail_msg("%s:\n%s\n%s", same ? "differ" : "are the same", a, b);
    }
}

static void test_identity(void **state)
{
    (void)state;
    expect_same("unit f(a: u32) -> u32 { a + 1 }",
                "unit f(b:u32)->u32{return b+1u32;}", 1);
    expect_same("unit f(a: i64) -> i64 { let x = a; x }",
                "unit f(q: Int) -> i64 { let y = q; y }", 1);
    expect_same("unit f(a: u32) -> u32 { a + 1 }",
                "unit g(a: u32) -> u32 { a + 1 }", 0);
    expect_same("unit f(a: u32) -> u32 { a + 1 }",
                "unit f(a: u32) -> u32 { 1 + a }", 0);
    expect_same("unit f(a: u32) -> u32 { a + 1 }",
                "unit f(a: u32) -> u32 { a + 2 }", 0);
    expect_same("unit f(a: u32) -> u32 { a + 1 }",
                "unit f(a: u64) -> u64 { a + 1 }", 0);
    expect_same("unit f(a: f64) -> f64 { a + 0.1 }",
                "unit f(a: f64) -> f64 { a + 1e-1 }", 1);
    expect_same("unit f(a: bool) -> u8 { if a { 1 } else { 2 } }",
                "unit f(b: bool) -> u8 { match b { true => 1u8, _ => 2 } }", 1);
    expect_same("unit g(a: u8) -> u8 { a } unit f(a: u8) -> u8 { g(a) }",
                "unit f(a: u8) -> u8 { g(a) } unit g(a: u8) -> u8 { a }\n"
                "unit f2(a: u8) -> u8 { f(a) }", 0);
    expect_same("unit f(n: u64) -> u64 { loop (a: u64 = n, b: u64 = 1) "
                "while a > 0 { (a - 1, b * a) }.b }",
                "unit f(m: u64) -> u64 { loop (s: {a: u64, b: u64} = "
                "{a: u64, b: u64}(m, 1)) while match s "
                "{ {a: u64, b: u64}(x, y) => x > 0 } { match s { {a: u64, b: "
                "u64}(p, q) => {a: u64, b: u64}(p - 1, q * p) } }.b }",
                1);
}

static void expect_error(const char *text, uint32_t line, uint32_t col,
                         const char *what)
{
    struct source s;

    source_open(&s, text, strlen(text));
    if (s.code >= 0 || s.diag.at.line != line || s.diag.at.col != col ||
        strstr(s.diag.what, what) == NULL) {
        fail_msg("%s\n gave %d at %u:%u: %s", text, s.code, s.diag.at.line,
                 s.diag.at.col, s.diag.what);
    }
    source_close(&s);
}

static void test_mistakes(void **state)
{
    (void)state;
    expect_error("", 1, 1, "expected \"unit\", found the end");
    expect_error("unit f(a: u32) -> u32 { a + b }", 1, 29,
                 "nothing is called \"b\" here");
    expect_error("unit f(a: u32) -> u32 {\n  a + 1u8 }", 2, 7,
                 "found u8, expected u32");
    expect_error("unit f(a: u8) -> u8 { a + 256 }", 1, 27, "out of the range");
    expect_error("unit f(a: u32) -> u32 { a", 1, 26, "expected \"}\"");
    expect_error("unit f(a: string) -> u32 { a }", 1, 28, "found string");
    expect_error("unit f(a: u33) -> u32 { a }", 1, 11, "expected a type");
    expect_error("unit f(a: u32, a2: ) -> u32 { a }", 1, 20, "expected a type");
    expect_error("unit len(a: u32) -> u32 { a }", 1, 1, "of the core");
    expect_error("unit f(a: u8) -> u8 { a }\nunit f(a: u8) -> u8 { a }", 2, 1,
                 "there already");
    expect_error("unit f(a: u8) -> u8 { f(a) }", 1, 23, "f -> f");
    expect_error("unit f(a: u8) -> u8 { a + # no\n a }", 1, 27, "comment");
    expect_error("unit f(a: u8, # no\n b: u8) -> u8 { a }", 1, 15, "comment");
    expect_error("unit f(a: bool) -> u8 { if a { 1 } # no\n else { 2 } }", 1,
                 36, "comment");
    expect_error("unit f(a: u8) -> string { \"a }", 1, 27, "does not end");
    expect_error("unit f(a: u8) -> string { \"\\q\" }", 1, 28, "escape");
    expect_error("unit f(a: u8) -> u8 { popcount(a, a) }", 1, 23,
                 "takes 1 argument");
    expect_error("unit f(a: u8) -> u8 { sqrt(a) }", 1, 28, "not for u8");
    expect_error("unit f(a: f64) -> u8 { a.x }", 1, 24, "no field");
    expect_error("unit f(a: u8) -> f64 { ref \"x/y\" }", 1, 24, "no type");
    expect_error("unit f(a: u8) -> u8 { match a { } }", 1, 33,
                 "expected a pattern");
    expect_error("unit f(a: u8) -> u8 { if a { 1 } else { 2 } }", 1, 26,
                 "the condition: found u8, expected bool");
    expect_error("unit let(a: u8) -> u8 { a }", 1, 6, "word of the language");
}

static void test_depth(void **state)
{
    char text[4096];
    size_t n = 0;

    (void)state;
    n += (size_t)snprintf(text, sizeof(text), "unit f(a: u8) -> u8 { ");
    memset(text + n, '(', 3000);
    text[n + 3000] = 0;
    {
        struct source s;

        source_open(&s, text, strlen(text));
        assert_int_equal(s.code, ERR_LIMIT);
        assert_non_null(strstr(s.diag.what, "nested"));
        source_close(&s);
    }
}

/* text -> artifact -> text -> the same artifact, both forms; and fmt is stable. */
static void round_trip(const char *text, size_t n, int wide)
{
    struct source s;
    struct source again;
    struct buf out;
    struct buf twice;
    const struct term *u;

    source_open(&s, text, n);
    if (s.code != 0) {
        fail_msg("%u:%u: %s (%s)\n%.*s", s.diag.at.line, s.diag.at.col,
                 s.diag.what, s.diag.hint, (int)n, text);
    }
    u = s.doc.units[0].term;
    buf_init(&out, 1u << 20);
    buf_init(&twice, 1u << 20);
    assert_int_equal(text_put_unit(&out, u, wide), 0);
    source_open(&again, (const char *)buf_bytes(&out).p, buf_len(&out));
    if (again.code != 0 ||
        !cid_is_equal(&cml_dag_at(&s.dag, u->id)->cid,
                      &cml_dag_at(&again.dag, again.doc.units[0].term->id)
                           ->cid)) {
        fail_msg("not the same: %u:%u: %s\n%.*s\n%.*s", again.diag.at.line,
                 again.diag.at.col, again.diag.what, (int)n, text,
                 (int)buf_len(&out), (const char *)buf_bytes(&out).p);
    }
    assert_int_equal(text_put_unit(&twice, again.doc.units[0].term, wide), 0);
    assert_int_equal(buf_len(&out), buf_len(&twice));
    assert_memory_equal(buf_bytes(&out).p, buf_bytes(&twice).p, buf_len(&out));
    buf_release(&out);
    buf_release(&twice);
    source_close(&again);
    source_close(&s);
}

/* The artifact alone, without names, written and read. */
static void test_from_nodes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= gen_rounds(150, 5000); seed++) {
        enum gen_type types[4];
        struct source s;
        struct source again;
        struct buf text;
        struct buf out;
        struct term *t = NULL;
        uint32_t max = 1u << 20;

        buf_init(&text, 1u << 20);
        buf_init(&out, 1u << 20);
        gen_unit(seed, 60, &text, types);
        source_open(&s, (const char *)buf_bytes(&text).p, buf_len(&text));
        assert_int_equal(s.code, 0);
        assert_int_equal(term_from_node(&s.dag, s.doc.units[0].term->id,
                                        &s.doc.arena, &max, &t),
                         0);
        term_spell(t, &s.doc.arena, NULL, 0);
        assert_int_equal(text_put_unit(&out, t, 0), 0);
        source_open(&again, (const char *)buf_bytes(&out).p, buf_len(&out));
        if (again.code != 0 ||
            !cid_is_equal(&cml_dag_at(&s.dag, t->id)->cid,
                          &cml_dag_at(&again.dag, again.doc.units[0].term->id)
                               ->cid)) {
            fail_msg("seed %llu: %s\n%.*s", (unsigned long long)seed,
                     again.diag.what, (int)buf_len(&out),
                     (const char *)buf_bytes(&out).p);
        }
        source_close(&again);
        source_close(&s);
        buf_release(&text);
        buf_release(&out);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= gen_rounds(300, 10000); seed++) {
        enum gen_type types[4];
        struct buf text;

        buf_init(&text, 1u << 20);
        gen_unit(seed, 10 + (int)(seed % 150), &text, types);
        round_trip((const char *)buf_bytes(&text).p, buf_len(&text),
                   (int)(seed & 1));
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),   cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_depth),      cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_from_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
