/* CML's XML form: a second spelling of the same artifacts, lossless both ways, and
 * what XML allows beyond that is refused by name, at its place. */
#include "gen.h"

#include "workers/cml/text.h"
#include "workers/cml/xml.h"

struct source {
    struct cml_dag dag;
    struct document doc;
    struct diag diag;
    int code;
};

static void source_open(struct source *s, const char *text, size_t n)
{
    struct ubytes in = {(const uint8_t *)text, n};

    diag_init(&s->diag);
    cml_dag_init(&s->dag);
    document_init(&s->doc, &s->dag, "t.cml");
    s->code = xml_is(in) ? xml_parse(&s->doc, in, &s->diag)
                         : text_parse(&s->doc, in, &s->diag);
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
        fail_msg("%u:%u: %s (%s)\n%s", s.diag.at.line, s.diag.at.col,
                 s.diag.what, s.diag.hint, text);
    }
    c = cml_dag_at(&s.dag, s.doc.units[s.doc.units_n - 1].term->id)->cid;
    source_close(&s);
    return c;
}

static void expect_same(const char *xml, const char *text)
{
    struct cid x = source_cid(xml);
    struct cid y = source_cid(text);

    if (!cid_is_equal(&x, &y)) {
        fail_msg("differ:\n%s\n%s", xml, text);
    }
}

#define UNIT(params, returns, block)                                           \
    "<CML><Unit name=\"f\"><Params>" params "</Params><Returns type=\"" returns \
    "\"/><Block>" block "</Block></Unit></CML>"
#define A "<Binding name=\"a\" type=\"Int32\"/>"
#define VAR_A "<Var name=\"a\"/>"

static void test_twins(void **state)
{
    (void)state;
    expect_same(
        "<CML version=\"0.1\"><Unit name=\"add\">\n"
        "  <Params><Binding name=\"a\" type=\"Int32\"/><Binding name=\"b\" "
        "type=\"Int32\"/></Params><Returns type=\"Int32\"/>\n"
        "  <Block><Return><BinOp op=\"+\"><Var name=\"a\"/><Var name=\"b\"/>"
        "</BinOp></Return></Block></Unit></CML>",
        "unit add(a: i32, b: i32) -> i32 { a + b }");
    expect_same("<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- x -->"
                "<cml:CML xmlns:cml=\"urn:x\"><cml:Unit cml:name=\"f\" "
                "author=\"me\" meta:nme=\"y\"><cml:Signature><cml:Param "
                "name=\"q\" cml:type=\"Int\"/><cml:Returns type=\"Int\"/>"
                "</cml:Signature><cml:Block><cml:Return><cml:BinOp "
                "op=\"MULTIPLY\" precedence=\"3\"><cml:Var><cml:Name> q "
                "</cml:Name></cml:Var><cml:Literal><cml:Int> +007 </cml:Int>"
                "</cml:Literal></cml:BinOp></cml:Return></cml:Block>"
                "</cml:Unit></cml:CML>",
                "unit f(a: i64) -> i64 { a * 7 }");
    expect_same(UNIT("<Binding name=\"a\" type=\"Float\"/>", "Float",
                     "<BinOp op=\"ADD\"><Var>a</Var><Literal "
                     "type=\"Float\">0.85</Literal></BinOp>"),
                "unit f(x: f64) -> f64 { x + 0.85 }");
    expect_same(UNIT(A, "Int32",
                     "<Match><Value>" VAR_A "</Value><Arm><Pattern "
                     "type=\"Literal\" value=\"0\"/><Block><Return><Literal "
                     "type=\"Int32\" value=\"0x1f\"/></Return></Block></Arm>"
                     "<Arm><Pattern type=\"Bind\" name=\"n\"/><Block><Return>"
                     "<Call target=\"abs\"><Arg><Var name=\"n\"/></Arg></Call>"
                     "</Return></Block></Arm></Match>"),
                "unit f(a: i32) -> i32 { match a { 0 => 31, x => abs(x) } }");
    expect_same(UNIT(A, "Int32",
                     "<Return><Loop kind=\"while\"><State><Binding name=\"s\" "
                     "type=\"Int32\">" VAR_A "</Binding></State><Condition>"
                     "<BinOp op=\"&gt;\"><Var name=\"s\"/><Literal "
                     "type=\"Int32\" value=\"9\"/></BinOp></Condition><Block>"
                     "<Next><BinOp op=\"SUB\"><Var index=\"0\"/>" VAR_A
                     "</BinOp></Next></Block></Loop></Return>"),
                "unit f(a: i32) -> i32 { loop (s: i32 = a) while s > 9 "
                "{ s - a } }");
    expect_same(UNIT("<Binding name=\"a\"><Constraint kind=\"Trait\" "
                     "target=\"Comparable\"/></Binding>", "Bool",
                     "<Binding name=\"r\"><Call type=\"Float64\"><Arg>"
                     "<NamedRef name=\"TAX_RATE\"/></Arg></Call></Binding>"
                     "<Return><BinOp op=\"==\"><Var name=\"r\"/><Var "
                     "name=\"r\"/></BinOp></Return>"),
                "unit f(a: Comparable) -> bool { let r = f64(ref "
                "\"SELF/TAX_RATE\"); r == r }");
    expect_same("<CML><Unit name=\"f\"><Params><Binding name=\"g\"><Type "
                "kind=\"Reference\" target=\"h\"/></Binding></Params><Returns "
                "type=\"Int8\"/><Block><Call target=\"g\"><Arg><Literal "
                "type=\"Int8\" value=\"1\"/></Arg></Call></Block></Unit><Unit "
                "name=\"h\"><Params><Binding name=\"x\" type=\"Int8\"/>"
                "</Params><Returns type=\"Int8\"/><Block><Var name=\"x\"/>"
                "</Block></Unit></CML>",
                "unit h(x: i8) -> i8 { x }");
}

static void expect_error(const char *text, uint32_t line, uint32_t col,
                         const char *what)
{
    struct source s;

    source_open(&s, text, strlen(text));
    if (s.code >= 0 || s.diag.at.line != line ||
        (col != 0 && s.diag.at.col != col) ||
        strstr(s.diag.what, what) == NULL) {
        fail_msg("%s\n gave %d at %u:%u: %s", text, s.code, s.diag.at.line,
                 s.diag.at.col, s.diag.what);
    }
    source_close(&s);
}

static void test_refused(void **state)
{
    (void)state;
    expect_error("<!DOCTYPE CML [<!ENTITY a \"b\">]><CML/>", 1, 0,
                 "document type");
    expect_error("<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>"
                 "<CML>&b;</CML>", 1, 0, "document type");
    expect_error("<!DOCTYPE CML SYSTEM \"file:///etc/passwd\"><CML/>", 1, 0,
                 "document type");
    expect_error("<CML>\n <Unit name=\"&x;\"/></CML>", 2, 0, "none of the five");
    expect_error("<CML><?php x?></CML>", 1, 6, "processing instruction");
    expect_error("<CML>\n  <Unit name=\"f\"/>words</CML>", 2, 0,
                 "between elements");
}

static void test_mistakes(void **state)
{
    (void)state;
    expect_error("<CML>\n words<Unit/></CML>", 2, 0, "between elements");
    expect_error("<CML><![CDATA[x]]></CML>", 1, 6, "CDATA");
    expect_error("<?xml version=\"1.0\" encoding=\"latin1\"?><CML/>", 1, 0,
                 "not UTF-8");
    expect_error("<CML><Unit></CML>", 1, 0, "mismatched tag");
    expect_error("<CML/>", 1, 1, "holds no <Unit>");
    expect_error("<Unit name=\"f\"/>", 1, 1, "root is <Unit>");
    expect_error("<CML><Constant/></CML>", 1, 6, "no element <Constant>");
    expect_error("<CML>\n <Unitt/></CML>", 2, 2, "no element <Unitt>");
    expect_error("<CML><Unit nam=\"f\"/></CML>", 1, 6, "has no \"name\", but");
    expect_error("<CML><Unit/></CML>", 1, 6, "<Unit> has no \"name\"");
    expect_error(UNIT("<Binding name=\"a\" typ=\"Int32\"/>", "Int32", VAR_A), 1,
                 0, "has no \"type\", but \"typ\"");
    expect_error(UNIT("<Binding name=\"a\"/>", "Int32", VAR_A), 1, 0,
                 "no \"type\"");
    expect_error(UNIT(A, "Int33", VAR_A), 1, 0, "no type \"Int33\"");
    expect_error(UNIT(A, "Int32", ""), 1, 0, "block without a value");
    expect_error(UNIT(A, "Int32", VAR_A VAR_A), 1, 0, "one return");
    expect_error(UNIT(A, "Int32", "<Var name=\"aa\"/>"), 1, 0, "no variable");
    expect_error(UNIT(A, "Int32", "<Var name=\"a\" cml:name=\"a\"/>"), 1, 0,
                 "twice");
    expect_error(UNIT(A, "Int32", "<BinOp op=\"+\">" VAR_A "</BinOp>"), 1, 0,
                 "two operands, not 1");
    expect_error(UNIT(A, "Int32", "<BinOp op=\"POW\">" VAR_A VAR_A "</BinOp>"),
                 1, 0, "no operator \"POW\"");
    expect_error(UNIT(A, "Int32", "<Literal type=\"Int32\" value=\"2147483648\"/>"),
                 1, 0, "out of the range");
    expect_error(UNIT(A, "Int32", "<Literal type=\"Int32\" valeu=\"1\"/>"), 1, 0,
                 "has no \"value\", but");
    expect_error(UNIT(A, "Int32", "<Literal type=\"Int32\"/>"), 1, 0,
                 "no \"value\"");
    expect_error(UNIT(A, "Int32", "<Call target=\"nothing\"/>"), 1, 0,
                 "no unit \"nothing\"");
    expect_error(UNIT(A, "Int32", "<Call target=\"f\"><Arg>" VAR_A "</Arg></Call>"),
                 1, 0, "a circle of calls");
    expect_error(UNIT(A, "Int32", "<Loop kind=\"until\"/>"), 1, 0, "while, for");
    expect_error(UNIT(A, "String", "<Literal type=\"String\" value=\"e\xcc\x81\"/>"),
                 1, 0, "cml.Leaf.value");
    expect_error("<CML>\xff</CML>", 0, 0, "not UTF-8");
    expect_error("<CML>&#0;</CML>", 1, 0, "not XML");
    expect_error("<CML a=\"1\" a=\"2\"/>", 1, 0, "not XML");
    expect_error("<", 1, 0, "not XML");
    expect_error(UNIT("<Binding name=\"let\" type=\"Int8\"/>", "Int8", VAR_A), 1,
                 0, "is no name");
}

/* n elements inside of each other. */
static void expect_too_deep(const char *open, unsigned n, const char *what)
{
    struct buf text;
    struct source s;

    buf_init(&text, 1u << 20);
    assert_int_equal(buf_putf(&text, "<CML><Unit name=\"f\"><Params/><Returns "
                                     "type=\"Int8\"/><Block>"), 0);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(buf_put(&text, open, strlen(open)), 0);
    }
    if (strcmp(open, "<Block>") != 0) {
        for (unsigned i = n; i-- > 0;) {
            assert_int_equal(buf_putf(&text, "<Literal type=\"Int8\" "
                                             "value=\"1\"/></BinOp>"), 0);
        }
        assert_int_equal(buf_putf(&text, "</Block></Unit></CML>"), 0);
    }
    source_open(&s, (const char *)buf_bytes(&text).p, buf_len(&text));
    assert_int_equal(s.code, ERR_LIMIT);
    assert_non_null(strstr(s.diag.what, what));
    source_close(&s);
    buf_release(&text);
}

static void test_depth(void **state)
{
    (void)state;
    expect_too_deep("<Block>", 100000, "nested more than 2064");
    expect_too_deep("<BinOp op=\"+\">", 1500, "nested more than 1024");
}

static void expect_equal(const struct buf *a, const struct buf *b,
                         const char *what)
{
    if (buf_len(a) != buf_len(b) ||
        memcmp(buf_bytes(a).p, buf_bytes(b).p, buf_len(a)) != 0) {
        fail_msg("%s:\n%.*s\n%.*s", what, (int)buf_len(a),
                 (const char *)buf_bytes(a).p, (int)buf_len(b),
                 (const char *)buf_bytes(b).p);
    }
}

/* text -> XML -> text: same CID, same spelling; XML -> XML: same bytes. */
static void round_trip(const char *text, size_t n)
{
    struct source s;
    struct source again;
    struct buf out[4];

    for (int i = 0; i < 4; i++) {
        buf_init(&out[i], 8u << 20);
    }
    source_open(&s, text, n);
    assert_int_equal(s.code, 0);
    assert_int_equal(xml_put(&out[0], &s.doc, &s.diag), 0);
    source_open(&again, (const char *)buf_bytes(&out[0]).p, buf_len(&out[0]));
    if (again.code != 0 || s.doc.units_n != again.doc.units_n ||
        !cid_is_equal(&cml_dag_at(&s.dag, s.doc.units[0].term->id)->cid,
                      &cml_dag_at(&again.dag, again.doc.units[0].term->id)
                           ->cid)) {
        fail_msg("not the same: %u:%u: %s\n%.*s\n%.*s", again.diag.at.line,
                 again.diag.at.col, again.diag.what, (int)n, text,
                 (int)buf_len(&out[0]), (const char *)buf_bytes(&out[0]).p);
    }
    assert_int_equal(xml_put(&out[1], &again.doc, &again.diag), 0);
    expect_equal(&out[0], &out[1], "XML is not stable");
    assert_int_equal(text_put(&out[2], &s.doc), 0);
    assert_int_equal(text_put(&out[3], &again.doc), 0);
    expect_equal(&out[2], &out[3], "another spelling");
    source_close(&again);
    source_close(&s);
    for (int i = 0; i < 4; i++) {
        buf_release(&out[i]);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= gen_rounds(500, 20000); seed++) {
        enum gen_type types[4];
        struct buf text;

        buf_init(&text, 1u << 20);
        gen_unit(seed, 10 + (int)(seed % 120), &text, types);
        round_trip((const char *)buf_bytes(&text).p, buf_len(&text));
        buf_release(&text);
    }
}

/* Comments in their order. */
static void comments_of(struct ubytes text, struct buf *out)
{
    int in = 0;

    for (size_t i = 0; i < text.n; i++) {
        in = text.p[i] == '#' || (in && text.p[i] != '\n');
        if (in || (i > 0 && text.p[i] == '\n')) {
            assert_int_equal(in ? buf_put_u8(out, text.p[i]) : 0, 0);
        }
    }
}

/* Comments change no artifact; fmt keeps each, at its statement (XML tells which),
 * and is stable. */
static void commented(uint64_t seed)
{
    enum gen_type types[4];
    struct source s[3]; /* plain, commented, after fmt */
    struct buf text[2];
    struct buf out[2];
    struct buf xml[2];
    struct buf kept[2];

    for (int i = 0; i < 2; i++) {
        buf_init(&text[i], 1u << 20);
        buf_init(&out[i], 1u << 20);
        buf_init(&xml[i], 8u << 20);
        buf_init(&kept[i], 1u << 20);
        gen_commented(seed, 60, &text[i], types, i);
        source_open(&s[i], (const char *)buf_bytes(&text[i]).p,
                    buf_len(&text[i]));
        if (s[i].code != 0) {
            fail_msg("%u:%u: %s\n%.*s", s[i].diag.at.line, s[i].diag.at.col,
                     s[i].diag.what, (int)buf_len(&text[i]),
                     (const char *)buf_bytes(&text[i]).p);
        }
    }
    assert_true(cid_is_equal(
        &cml_dag_at(&s[0].dag, s[0].doc.units[0].term->id)->cid,
        &cml_dag_at(&s[1].dag, s[1].doc.units[0].term->id)->cid));
    assert_int_equal(text_put(&out[0], &s[1].doc), 0);
    source_open(&s[2], (const char *)buf_bytes(&out[0]).p, buf_len(&out[0]));
    if (s[2].code != 0) {
        fail_msg("%u:%u: %s\n%.*s", s[2].diag.at.line, s[2].diag.at.col,
                 s[2].diag.what, (int)buf_len(&out[0]),
                 (const char *)buf_bytes(&out[0]).p);
    }
    assert_int_equal(text_put(&out[1], &s[2].doc), 0);
    expect_equal(&out[0], &out[1], "fmt is not stable");
    for (int i = 0; i < 2; i++) {
        comments_of(buf_bytes(i == 0 ? &text[1] : &out[0]), &kept[i]);
        assert_int_equal(xml_put(&xml[i], &s[i + 1].doc, &s[i + 1].diag), 0);
    }
    expect_equal(&kept[0], &kept[1], "comments are lost or turned round");
    expect_equal(&xml[0], &xml[1], "comments are at other statements");
    round_trip((const char *)buf_bytes(&text[1]).p, buf_len(&text[1]));
    for (int i = 0; i < 3; i++) {
        source_close(&s[i]);
    }
    for (int i = 0; i < 2; i++) {
        buf_release(&text[i]);
        buf_release(&out[i]);
        buf_release(&xml[i]);
        buf_release(&kept[i]);
    }
}

static void test_comments(void **state)
{
    static const char text[] =
        "# one\n#two\nunit f(a: bool, n: i64) -> i64 {\n  # above x\n  let x = if a "
        "{\n    1i64 # behind 1\n  } else {\n    # nothing left\n    if n > 2 { 2i64 } "
        "else { 3i64 }\n  }; # behind x\n  x + n\n  # the end\n} # behind f\n\n# "
        "last\n";
    struct source s;
    struct buf out;

    (void)state;
    source_open(&s, text, strlen(text));
    assert_int_equal(s.code, 0);
    buf_init(&out, 4096);
    assert_int_equal(text_put(&out, &s.doc), 0);
    assert_int_equal(buf_put_u8(&out, 0), 0);
    assert_string_equal((const char *)buf_bytes(&out).p, text);
    buf_release(&out);
    source_close(&s);
    for (uint64_t seed = 1; seed <= gen_rounds(150, 5000); seed++) {
        commented(seed);
    }
}

static void test_every_kind(void **state)
{
    static const char *const texts[] = {
        "unit f(n: u64) -> u64 { (loop (a: u64 = n, b: u64 = 1) while a > 0 "
        "{ (a - 1, b * 0xFF_ff) }).b }",
        "unit g(x: u8) -> u8 { x + 0b0101 } unit f(a: [u8], h: fn(u8) -> u8) "
        "-> [u8] { map(h, map(g, a)) }",
        "unit f(get: u32, a: [u32]) -> u32 { a[u64(get)] }",
        "unit f(a: {x: f32, y: [[string]], z: fn() -> void}) -> f32 "
        "{ match a { {x: f32, y: [[string]], z: fn() -> void}(x, _, _) => "
        "x + 0.1f32 } }",
        "unit f(a: Numeric) -> Numeric { let b = a; -(b + b) }",
        "unit f() -> string { \"<&>\\\"'\\n\\t \\u{1}\\u{ffff}\" }",
        "unit f() -> string { \"<&>\\\"'\\n\\r\\t\\u{85}\\u{2028} \" }",
        "unit f() -> f64 { -inf + nan - (-0.0) }",
        "unit f() -> void { void }",
        "unit f(a: i64) -> i64 { loop (x: i64 = -0x10) for y in 10 "
        "{ loop (p: i64 = x, q: i64 = y) repeat 3 { if p > q { (q, p) } else "
        "{ (p, q + a) } }.p } }",
        "unit f(a: f64) -> f64 { a + f64(ref \"a b/<c>/d\") }",
        "unit f() -> bytes { x\"00ff\" }",
        "unit f(a: u8, b: u8) -> u8 { let a = b; let b = a; a }",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        round_trip(texts[i], strlen(texts[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twins),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_depth),
        cmocka_unit_test(test_every_kind), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_comments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
