/* CML's MDX form: the same artifacts from blocks in Markdown, whatever stands around
 * them; and everything that is more than the subset refused at its place. */
#include "gen.h"

#include "workers/cml/format.h"
#include "workers/cml/mdx.h"
#include "workers/cml/text.h"
#include "workers/cml/xml.h"

struct source {
    struct cml_dag dag;
    struct document doc;
    struct diag diag;
    int code;
};

static void source_open(struct source *s, struct ubytes in)
{
    diag_init(&s->diag);
    cml_dag_init(&s->dag);
    document_init(&s->doc, &s->dag, "t.cml");
    s->code = form_read(&s->doc, form_of("t", in), in, &s->diag);
}

static void source_close(struct source *s)
{
    document_release(&s->doc);
    cml_dag_release(&s->dag);
}

static struct ubytes as_bytes(const char *text)
{
    return (struct ubytes){(const uint8_t *)text, strlen(text)};
}

static struct cid last_cid(struct ubytes text)
{
    struct source s;
    struct cid c;

    source_open(&s, text);
    if (s.code != 0) {
        fail_msg("%u:%u: %s (%s)\n%.*s", s.diag.at.line, s.diag.at.col,
                 s.diag.what, s.diag.hint, (int)text.n, (const char *)text.p);
    }
    c = cml_dag_at(&s.dag, s.doc.units[s.doc.units_n - 1].term->id)->cid;
    source_close(&s);
    return c;
}

#define HEAD "import { Unit } from '@cml/core'\n"
#define BODY                                                                   \
    "<Params/><Returns type=\"Int8\"/><Block><Return><Literal type=\"Int8\" "  \
    "value=\"7\"/></Return></Block></Unit>"
#define UNIT "<Unit name=\"f\">" BODY
#define TEXT "unit f() -> i8 { 7 }"

static void expect_same(const char *mdx)
{
    struct cid x = last_cid(as_bytes(mdx));
    struct cid y = last_cid(as_bytes(TEXT));

    if (!cid_is_equal(&x, &y)) {
        fail_msg("differs:\n%s", mdx);
    }
}

static void test_prose(void **state)
{
    static const char *const around[] = {
        "# A title\n\n",
        "<div class=\"Unit\">\n<br/></div>\n",
        "```\n<Unit name=\"x\">\n```\n",
        "> ~~~~ mdx\n> <Unit {}\n> ~~~\n> ~~~~\n",
        "a `<Unit {a: {b}}` and ``a ` <CML`` b\n",
        "\\{ not } \\<Unit name\n",
        "<!-- <Unit> {x} -->\n",
        "1 < 2, <https://x>, < Unit, {12} and {-1.5e3}\n",
        "`open\n\n",
        "an import and an export of {0x1f}\n",
        "\r\n  text \xc3\xa9\r\n",
    };

    (void)state;
    expect_same(HEAD UNIT);
    for (size_t i = 0; i < ARRAY_N(around); i++) {
        char text[1000];

        snprintf(text, sizeof(text), HEAD "\n%s\n" UNIT "\n\n%s", around[i],
                 around[i]);
        expect_same(text);
        snprintf(text, sizeof(text), "---\na: b\n---\n%s" UNIT "\n%s```\n<Unit",
                 around[i], around[i]);
        expect_same(text);
    }
    expect_same("\xef\xbb\xbf---\r\na: b\r\n---\r\n\r\nimport {Unit,\r\nBinOp}\r\n"
                "from \"@cml/core\";\r\n" UNIT);
    expect_same(HEAD "<CML version=\"0.1\">" UNIT "</CML>");
    expect_same(HEAD "text <cml:Unit cml:name=\"f\"><Params/><Returns "
                     "type=\"Int8\"/><Block><Literal type='Int8' value={ 7 }/>"
                     "</Block></cml:Unit> text");
    expect_same(HEAD "<Unit name=\"f\" doc={1} meta:x={2}><!-- {c} -->" BODY);
    expect_same("---\na: 1\n---\n<Unit name=\"f\" author={frontmatter.a} "
                "meta:name={frontmatter.a}>" BODY);
}

static void expect_error(const char *mdx, uint32_t line, uint32_t col,
                         const char *what)
{
    struct source s;

    source_open(&s, as_bytes(mdx));
    if (s.code >= 0 || s.diag.at.line != line ||
        (col != 0 && s.diag.at.col != col) ||
        strstr(s.diag.what, what) == NULL) {
        fail_msg("%s\n gave %d at %u:%u: %s", mdx, s.code, s.diag.at.line,
                 s.diag.at.col, s.diag.what);
    }
    source_close(&s);
}

static void test_frontmatter_refused(void **state)
{
    static const struct {
        const char *line;
        uint32_t col;
        const char *what;
    } bad[] = {
        {"a: &x 1", 4, "an anchor"},     {"a: *x", 4, "an alias"},
        {"a: !!str 1", 4, "a tag"},      {"a: |", 4, "a block text"},
        {"a: >", 4, "a block text"},     {"a: {b: c}", 4, "a map in a map"},
        {"a: [b]", 4, "a list"},         {"  a: b", 1, "a list or a map"},
        {"- a", 1, "a list or a map"},   {"\ta: b", 1, "a list or a map"},
        {"a b", 1, "no \"key: value\""}, {"a:b", 1, "no \"key: value\""},
        {"? a", 1, "no \"key: value\""}, {"%YAML 1.2", 1, "no \"key: value\""},
        {"x: 1\nx: 2", 1, "there already"}, {"a: \"b", 4, "do not end"},
        {"a: 'b''", 4, "do not end"},    {"a: \"b\" c", 8, "behind a value"},
        {"a: \"\\x41\"", 6, "an escape"}, {"a: b: c", 5, "a second \":\""},
        {"a: \x01", 4, "a control character"}, {"a: @x", 4, "reserved"},
        {"<<: *x", 1, "no \"key: value\""},
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        uint32_t line = strchr(bad[i].line, '\n') != NULL ? 3 : 2;

        snprintf(text, sizeof(text), "---\n%s\n---\n" UNIT, bad[i].line);
        expect_error(text, line, bad[i].col, bad[i].what);
    }
    expect_error("---\na: b\n" UNIT "\n", 3, 0, "no \"key: value\"");
    expect_error("---\na: b\n", 1, 1, "does not end");
    expect_error("---\na: b\n---\n<Unit name={frontmatter.a}>" BODY, 4, 12,
                 "no CID may depend on it");
    expect_error("---\na: b\n---\n<Unit name=\"f\" x={frontmatter.c}>" BODY, 4, 0,
                 "no such key");
}

static void test_scripts_refused(void **state)
{
    (void)state;
    expect_error(HEAD "{1 + 1}\n" UNIT, 2, 1, "JavaScript");
    expect_error(HEAD "a {{b}} c\n" UNIT, 2, 3, "JavaScript");
    expect_error(HEAD "{/* a */}\n" UNIT, 2, 1, "JavaScript");
    expect_error(HEAD "{`", 2, 1, "JavaScript");
    expect_error(HEAD "<div style={{a: 1}}>\n" UNIT, 2, 12, "JavaScript");
    expect_error(HEAD "<Unit name=\"f\" a={b => c}>" BODY, 2, 18, "JavaScript");
    expect_error(HEAD "<Unit {...p}>" BODY, 2, 7, "expected a name");
    expect_error(HEAD "<Unit name=\"f\">{1}" BODY, 2, 16, "between tags");
    expect_error(HEAD "<Unit cml:={1}>" BODY, 2, 0, "has no \"name\"");
    expect_error(HEAD "<Unit name>" BODY, 2, 11, "without a value");
    expect_error(HEAD "<Unit name=f>" BODY, 2, 12, "expected the value");
    expect_error("import x from './y'\n" UNIT, 1, 1, "not of CML");
    expect_error("import { Unit } from './y'\n" UNIT, 1, 22, "not from");
    expect_error("import { Unt } from '@cml/core'\n" UNIT, 1, 10, "no \"Unt\"");
    expect_error("import { Unit as U } from '@cml/core'\n" UNIT, 1, 15,
                 "expected");
    expect_error("import { Unit } from '@cml/core' x\n" UNIT, 1, 33, "behind");
    expect_error(HEAD "export const x = 1\n" UNIT, 2, 1, "an export");
}

static void test_blocks_refused(void **state)
{
    (void)state;
    expect_error(HEAD "prose", 1, 1, "no <Unit>");
    expect_error(HEAD "\n<Unt>", 3, 1, "no element <Unt>");
    expect_error(HEAD "<BinOp/>", 2, 1, "outside of a <Unit>");
    expect_error(HEAD "</Unit>", 2, 1, "closes nothing");
    expect_error(HEAD "<Unit name=\"f\">", 2, 1, "does not end");
    expect_error(HEAD "<Unit name=\"f\n", 2, 13, "does not end");
    expect_error(HEAD "<Unit name=\"f\"", 2, 1, "does not end");
    expect_error(HEAD "<Unit name=\"f\"><Params></Unit></Params>", 2, 0,
                 "not XML");
    expect_error(HEAD "<Unit name=\"f\"><Param/></Unit>", 2, 16, "<Param> in");
    expect_error(HEAD "a\n\n   <Unit name=\"f\">\n words " BODY, 5, 0,
                 "text between");
    expect_error(HEAD "<Unit name=\"f\"><![CDATA[x]]>" BODY, 2, 0, "CDATA");
    expect_error(HEAD "<Unit name=\"f\"><?x y?>" BODY, 2, 0, "processing");
    expect_error(HEAD "<Unit name=\"f\"><!DOCTYPE x>" BODY, 2, 0, "not XML");
    expect_error(HEAD "<Unit name=\"f\">&x;" BODY, 2, 0, "none of the five");
    expect_error(HEAD UNIT UNIT, 2, 0, "there already");
    /* a place behind a value that has another length in the XML */
    expect_error("---\na: a long value & more\n---\n"
                 "<Unit name=\"f\" x={frontmatter.a}><Bad/>",
                 4, 1, "does not end");
    expect_error("---\na: a long value & more\n---\n"
                 "<Unit name=\"f\" x={frontmatter.a}><Bad/></Unit>",
                 4, 34, "no element <Bad>");
}

static void test_deep(void **state)
{
    enum { N = 1000000 };
    struct source s;
    char *text = malloc(3 * N + 100);
    size_t n = 0;

    (void)state;
    assert_non_null(text);
    n = (size_t)sprintf(text, HEAD "<Unit name=\"f\">");
    for (int i = 0; i < N; i++) {
        memcpy(text + n, "<A>", 3);
        n += 3;
    }
    source_open(&s, (struct ubytes){(uint8_t *)text, n});
    assert_int_equal(s.code, ERR_INPUT);
    source_close(&s);
    memset(text + 40, '{', N);
    source_open(&s, (struct ubytes){(uint8_t *)text, N + 40});
    assert_true(s.code < 0);
    source_close(&s);
    memset(text, '`', 3 * N);
    memcpy(text, "---\n---\n", 8);
    source_open(&s, (struct ubytes){(uint8_t *)text, 3 * N});
    assert_true(s.code < 0);
    source_close(&s);
    free(text);
}

static void put_random(struct gen *g, struct buf *out)
{
    static const char *const words[] = {
        "# Title\n", "prose ", " `code <Unit` ", "\n\n", "<b>x</b>", "\\{",
        "\n```\n<Unit>{\n```\n", "{frontmatter.k0}", "{7}", "> quoted\n",
    };

    for (unsigned i = gen_below(g, 8); i > 0; i--) {
        const char *w = words[gen_below(g, ARRAY_N(words))];

        assert_int_equal(buf_put(out, w, strlen(w)), 0);
    }
}

/* Random frontmatter and prose around blocks, and metadata in them. */
static void decorate(struct gen *g, const struct document *d, struct buf *out)
{
    struct diag diag;
    struct buf unit;

    diag_init(&diag);
    buf_init(&unit, 8u << 20);
    assert_int_equal(buf_putf(out, "---\n"), 0);
    for (unsigned i = 0; i <= gen_below(g, 4); i++) {
        assert_int_equal(buf_putf(out, i % 2 ? "k%u: 'v%u'\n"
                                             : "k%u: \"<%u> & \\\"\"\n",
                                  i, gen_below(g, 1000)),
                         0);
    }
    assert_int_equal(buf_putf(out, "---\n\n"), 0);
    put_random(g, out);
    for (uint32_t i = 0; i < d->units_n; i++) {
        static const char *const metas[] = {
            "<Unit", "<Unit meta:name=\"z\"", "<Unit author={frontmatter.k0}",
            "<Unit meta:v={1.5} locale='de'"};
        const char *meta = metas[gen_below(g, ARRAY_N(metas))];

        buf_reset(&unit);
        assert_int_equal(xml_put_unit(&unit, d, i, &diag), 0);
        assert_int_equal(buf_put(out, "\n\n", 2), 0);
        assert_int_equal(buf_put(out, meta, strlen(meta)), 0);
        assert_int_equal(
            buf_put(out, buf_bytes(&unit).p + 5, buf_len(&unit) - 5), 0);
        put_random(g, out);
    }
    buf_release(&unit);
}

static void one_round(uint64_t seed)
{
    struct gen g = {.state = seed * 77};
    enum gen_type types[4];
    struct source s;
    struct buf text;
    struct buf out;
    struct cid cid;
    struct cid again;

    buf_init(&text, 8u << 20);
    buf_init(&out, 8u << 20);
    gen_commented(seed, 30 + (int)(seed % 90), &text, types, seed % 2);
    source_open(&s, buf_bytes(&text));
    assert_int_equal(s.code, 0);
    cid = cml_dag_at(&s.dag, s.doc.units[0].term->id)->cid;

    assert_int_equal(mdx_put(&out, &s.doc, &s.diag), 0);
    again = last_cid(buf_bytes(&out));
    assert_true(cid_is_equal(&cid, &again));

    buf_reset(&out);
    assert_int_equal(xml_put(&out, &s.doc, &s.diag), 0);
    again = last_cid(buf_bytes(&out));
    assert_true(cid_is_equal(&cid, &again));

    buf_reset(&out);
    decorate(&g, &s.doc, &out);
    again = last_cid(buf_bytes(&out));
    if (!cid_is_equal(&cid, &again)) {
        fail_msg("seed %llu:\n%.*s", (unsigned long long)seed,
                 (int)buf_len(&out), (const char *)buf_bytes(&out).p);
    }
    source_close(&s);
    buf_release(&text);
    buf_release(&out);
}

static void test_agreement(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= gen_rounds(400, 20000); seed++) {
        one_round(seed);
    }
}

/* Text to MDX to text keeps names, comments and digits; MDX to MDX keeps the
 * prose. */
static void test_kept(void **state)
{
    static const char text[] = "# above\nunit g() -> u8 { 0xff }\n\n"
                               "unit f(a: u8) -> u8 {\n  let b = a; # why\n"
                               "  a + b\n}\n\n# below\n";
    static const char mdx[] = "---\na: b\n---\n# T\n\n" UNIT "\n\nend\n";
    struct source s;
    struct buf out;
    struct buf back;

    (void)state;
    buf_init(&out, 1u << 20);
    buf_init(&back, 1u << 20);
    source_open(&s, as_bytes(text));
    assert_int_equal(text_put(&back, &s.doc), 0);
    assert_int_equal(mdx_put(&out, &s.doc, &s.diag), 0);
    source_close(&s);
    source_open(&s, buf_bytes(&out));
    assert_int_equal(s.code, 0);
    buf_reset(&out);
    assert_int_equal(text_put(&out, &s.doc), 0);
    assert_int_equal(buf_len(&out), buf_len(&back));
    assert_memory_equal(buf_bytes(&out).p, buf_bytes(&back).p, buf_len(&out));
    source_close(&s);

    buf_reset(&out);
    source_open(&s, as_bytes(mdx));
    assert_int_equal(s.code, 0);
    assert_int_equal(mdx_put(&out, &s.doc, &s.diag), 0);
    assert_int_equal(buf_len(&out), sizeof(mdx) - 1);
    assert_memory_equal(buf_bytes(&out).p, mdx, sizeof(mdx) - 1);
    source_close(&s);
    buf_release(&out);
    buf_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prose),
        cmocka_unit_test(test_frontmatter_refused),
        cmocka_unit_test(test_scripts_refused),
        cmocka_unit_test(test_blocks_refused),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_kept),
    };

    return cmocka_run_group_tests_name("cml_mdx", tests, NULL, NULL);
}
