/* References replaced by what refs lead to: each form of a payload, parts that are
 * shared, circles, depth, what is missing or of another type. */
#include "gen.h"

#include "workers/cml/closed.h"
#include "workers/cml/link.h"
#include "workers/cml/text.h"

#define REFS_MAX (LIMIT_CML_LINK_ROUNDS + 2)

struct world {
    struct cml_dag dag;
    struct document doc;
    struct arena arena;
    struct diag diag;
    struct link link;
    Proctor__CmlTask task;
    Proctor__CmlRef refs[REFS_MAX];
    Proctor__CmlRef *list[REFS_MAX];
    struct buf bundles[REFS_MAX];
    char paths[REFS_MAX][64];
    uint32_t linked;
    int code;
};

static struct ubytes as_bytes(const char *text)
{
    return (struct ubytes){(const uint8_t *)text, strlen(text)};
}

static void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    proctor__cml_task__init(&w->task);
    w->task.refs = w->list;
    cml_dag_init(&w->dag);
    diag_init(&w->diag);
    arena_init(&w->arena, (size_t)16 << 20);
}

static void world_close(struct world *w)
{
    link_release(&w->link);
    document_release(&w->doc);
    arena_release(&w->arena);
    cml_dag_release(&w->dag);
    for (size_t i = 0; i < w->task.n_refs; i++) {
        buf_release(&w->bundles[i]);
    }
}

/* A ref without a payload so far. */
static struct buf *add_ref(struct world *w, const char *name)
{
    size_t i = w->task.n_refs++;

    assert_true(i < REFS_MAX);
    (void)snprintf(w->paths[i], sizeof(w->paths[i]), "refs/cml/d/%s", name);
    proctor__cml_ref__init(&w->refs[i]);
    w->refs[i].path = w->paths[i];
    w->list[i] = &w->refs[i];
    buf_init(&w->bundles[i], LIMIT_CML_BUNDLE_BYTES);
    return &w->bundles[i];
}

static void end_ref(struct world *w)
{
    size_t i = w->task.n_refs - 1;

    w->refs[i].bundle.data = (uint8_t *)(uintptr_t)buf_bytes(&w->bundles[i]).p;
    w->refs[i].bundle.len = buf_len(&w->bundles[i]);
}

/* It leads to the last unit of the text. */
static void lead(struct world *w, const char *name, const char *text)
{
    struct cml_dag dag;
    struct document doc;
    struct buf *out = add_ref(w, name);

    cml_dag_init(&dag);
    document_init(&doc, &dag, "ref");
    if (text_parse(&doc, as_bytes(text), &w->diag) != 0) {
        fail_msg("%s: %s", text, w->diag.what);
    }
    assert_int_equal(
        cml_bundle_put(&dag, doc.units[doc.units_n - 1].term->id, out), 0);
    document_release(&doc);
    cml_dag_release(&dag);
    end_ref(w);
}

static void lead_leaf(struct world *w, const char *name, struct cml_value v)
{
    struct buf *out = add_ref(w, name);
    struct cml_dag dag;
    uint32_t id = 0;

    cml_dag_init(&dag);
    assert_int_equal(cml_add(&dag, CML_LEAF, &v, &id, &w->diag), 0);
    assert_int_equal(cml_bundle_put(&dag, id, out), 0);
    cml_dag_release(&dag);
    end_ref(w);
}

/* Links the last unit of the text. */
static void link_text(struct world *w, const char *text)
{
    uint32_t unit;

    document_init(&w->doc, &w->dag, "t");
    if (text_parse(&w->doc, as_bytes(text), &w->diag) != 0) {
        fail_msg("%s: %s", text, w->diag.what);
    }
    unit = w->doc.units[w->doc.units_n - 1].term->id;
    w->link = (struct link){.dag = &w->dag,
                            .task = &w->task,
                            .arena = &w->arena,
                            .diag = &w->diag};
    assert_int_equal(link_init(&w->link), 0);
    w->code = link_unit(&w->link, unit, &w->linked);
}

/* It is what the other text says without references. */
static void expect_same(struct world *w, const char *text)
{
    struct document doc;

    if (w->code != 0) {
        fail_msg("%d: %s", w->code, w->diag.what);
    }
    assert_int_equal(w->link.missing_n, 0);
    assert_int_equal(w->link.culprit, UINT32_MAX);
    document_init(&doc, &w->dag, "other");
    assert_int_equal(text_parse(&doc, as_bytes(text), &w->diag), 0);
    assert_int_equal(doc.units[doc.units_n - 1].term->id, w->linked);
    document_release(&doc);
    assert_int_equal(closed_check(&w->doc, w->linked, "", &w->diag), 0);
    world_close(w);
}

static void expect_error(struct world *w, int code, const char *what)
{
    assert_int_equal(w->code, code);
    if (strstr(w->diag.what, what) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", what, w->diag.what);
    }
    world_close(w);
}

static struct cml_value f64_bits(double v)
{
    struct cml_value out = {.tag = CML_FLOAT, .code = 8};

    memcpy(&out.u.bits, &v, sizeof(v));
    return out;
}

static void test_forms(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    lead_leaf(&w, "r", f64_bits(0.5));
    link_text(&w, "unit t(a: f64) -> f64 { a * f64(ref \"d/r\") }");
    expect_same(&w, "unit t(a: f64) -> f64 { a * 0.5 }");
    /* A unit without parameters is called. */
    world_open(&w);
    lead(&w, "r", "unit r() -> f64 { 0.25 }");
    link_text(&w, "unit t(a: f64) -> f64 { a * f64(ref \"d/r\") }");
    expect_same(&w, "unit r() -> f64 { 0.25 }\n"
                    "unit t(a: f64) -> f64 { a * r() }");
    /* A unit that has no references is itself. */
    world_open(&w);
    link_text(&w, "unit t(a: f64) -> f64 { a * 2.0 }");
    assert_int_equal(w.linked, w.doc.units[0].term->id);
    expect_same(&w, "unit t(a: f64) -> f64 { a * 2.0 }");
}

/* What is named twice, and by two, is linked once: black, not a circle. */
static void test_shared(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    lead_leaf(&w, "base", f64_bits(2.0));
    lead(&w, "a", "unit a() -> f64 { f64(ref \"d/base\") + 1.0 }");
    lead(&w, "b", "unit b() -> f64 { f64(ref \"d/base\") + f64(ref \"d/a\") }");
    link_text(&w, "unit t() -> f64 { f64(ref \"d/a\") + f64(ref \"d/b\") }");
    expect_same(&w, "unit a() -> f64 { 2.0 + 1.0 }\n"
                    "unit b() -> f64 { 2.0 + a() }\n"
                    "unit t() -> f64 { a() + b() }");
}

static void test_circles(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    lead(&w, "a", "unit a() -> f64 { f64(ref \"d/a\") }");
    link_text(&w, "unit t() -> f64 { f64(ref \"d/a\") }");
    assert_int_equal(cml_dag_at(&w.dag, w.link.culprit)->kind, CML_REFERENCE);
    expect_error(&w, ERR_INPUT, "in a circle: d/a -> d/a");
    /* Only what goes round is named, not the way there. */
    world_open(&w);
    lead(&w, "in", "unit i() -> f64 { f64(ref \"d/x\") }");
    lead(&w, "x", "unit x() -> f64 { f64(ref \"d/y\") }");
    lead(&w, "y", "unit y() -> f64 { f64(ref \"d/z\") }");
    lead(&w, "z", "unit z() -> f64 { f64(ref \"d/x\") }");
    link_text(&w, "unit t() -> f64 { f64(ref \"d/in\") }");
    expect_error(&w, ERR_INPUT, "in a circle: d/x -> d/y -> d/z -> d/x");
}

static void chain(struct world *w, unsigned n)
{
    world_open(w);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        char text[80];

        (void)snprintf(name, sizeof(name), "r%u", i);
        (void)snprintf(text, sizeof(text),
                       i + 1 < n ? "unit u() -> f64 { f64(ref \"d/r%u\") }"
                                 : "unit u() -> f64 { 1.0 }",
                       i + 1);
        lead(w, name, text);
    }
    link_text(w, "unit t() -> f64 { f64(ref \"d/r0\") }");
}

static void test_depth(void **state)
{
    struct world w;

    (void)state;
    chain(&w, LIMIT_CML_LINK_ROUNDS);
    assert_int_equal(w.code, 0);
    world_close(&w);
    chain(&w, LIMIT_CML_LINK_ROUNDS + 1);
    expect_error(&w, ERR_LIMIT, "behind each other");
}

/* Each path that is not there once, also those behind refs that are. */
static void test_missing(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    lead(&w, "a", "unit a() -> f64 { f64(ref \"p/q\") }");
    link_text(&w, "unit t() -> f64 { f64(ref \"d/b\") + f64(ref \"d/a\") + "
                  "f64(ref \"d/b\") }");
    assert_int_equal(w.code, 0);
    assert_int_equal(w.link.missing_n, 2);
    assert_string_equal(w.link.missing[0], "refs/cml/d/b");
    assert_string_equal(w.link.missing[1], "refs/cml/p/q");
    world_close(&w);
    world_open(&w);
    (void)add_ref(&w, "b"); /* there, and leads nowhere */
    link_text(&w, "unit t() -> f64 { f64(ref \"d/b\") }");
    assert_true(w.link.culprit != UINT32_MAX);
    expect_error(&w, ERR_INPUT, "refs/cml/d/b: a reference to it leads nowhere");
}

static void test_types(void **state)
{
    static const struct {
        const char *payload;
        const char *what;
    } wrong[] = {
        {"unit r() -> u8 { 1 }", "u8"},
        {"unit r(a: f64) -> f64 { a }", "with parameters"},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(wrong); i++) {
        world_open(&w);
        lead(&w, "r", wrong[i].payload);
        link_text(&w, "unit t() -> f64 { f64(ref \"d/r\") }");
        expect_error(&w, ERR_INPUT, wrong[i].what);
    }
    world_open(&w);
    lead_leaf(&w, "r", cml_text(as_bytes("no number")));
    link_text(&w, "unit t() -> f64 { f64(ref \"d/r\") }");
    expect_error(&w, ERR_INPUT, "a leaf of another type");
    world_open(&w);
    lead(&w, "r", "unit r() -> f64 { 1.0 }");
    w.refs[0].bundle.len -= 1; /* no bundle any more */
    link_text(&w, "unit t() -> f64 { f64(ref \"d/r\") }");
    assert_true(w.code < 0);
    world_close(&w);
}

/* Open references by name and place, also in a unit that is called. */
static void test_closed(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    document_init(&w.doc, &w.dag, "t");
    assert_int_equal(
        text_parse(&w.doc,
                   as_bytes("unit g() -> f64 { f64(ref \"a/b\") }\n"
                            "unit h() -> f64 { 1.0 }\n"
                            "unit t() -> f64 { g() + h() }"),
                   &w.diag),
        0);
    assert_int_equal(closed_check(&w.doc, w.doc.units[1].term->id, "", &w.diag),
                     0);
    for (unsigned i = 0; i < 3; i += 2) {
        diag_init(&w.diag);
        assert_int_equal(
            closed_check(&w.doc, w.doc.units[i].term->id, "", &w.diag),
            ERR_INPUT);
        assert_string_equal(w.diag.what, "refs/cml/a/b: an open reference");
        assert_int_equal(w.diag.at.line, 1);
        assert_int_equal(w.diag.at.col, 23);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_shared),
        cmocka_unit_test(test_circles), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_missing), cmocka_unit_test(test_types),
        cmocka_unit_test(test_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
