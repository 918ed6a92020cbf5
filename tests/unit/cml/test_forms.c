/* Bundles written out and checked; the memory of an evaluation; manifests. */
#include "gen.h"

#include "proto/manifest.h"
#include "workers/cml/eval.h"
#include "workers/cml/format.h"
#include "workers/cml/text.h"

struct source {
    struct cml_dag dag;
    struct document doc;
    struct diag diag;
    int code;
};

static void source_open(struct source *s, enum form form, struct ubytes in)
{
    diag_init(&s->diag);
    cml_dag_init(&s->dag);
    document_init(&s->doc, &s->dag, "t");
    s->code = form_read(&s->doc, form, in, &s->diag);
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

static uint32_t last_id(const struct source *s)
{
    return s->doc.units[s->doc.units_n - 1].term->id;
}

/* The bundle of the last unit of a text, as a document. */
static void bundle_open(struct source *s, const char *text)
{
    struct source from;
    struct buf b;

    buf_init(&b, 1u << 20);
    source_open(&from, FORM_TEXT, as_bytes(text));
    assert_int_equal(from.code, 0);
    assert_int_equal(cml_bundle_put(&from.dag, last_id(&from), &b), 0);
    source_open(s, FORM_BUNDLE, buf_bytes(&b));
    source_close(&from);
    buf_release(&b);
}

static void test_bundle_is_written_whole(void **state)
{
    static const enum form forms[] = {FORM_BUNDLE, FORM_TEXT, FORM_XML,
                                      FORM_MDX};
    struct source s;
    struct buf out;

    (void)state;
    buf_init(&out, 1u << 20);
    bundle_open(&s, "unit twice(a: u8) -> u8 { a + a }\n"
                    "unit other(f: fn(u8) -> u8) -> u8 { f(twice(1)) }\n"
                    "unit last(a: u8) -> u8 { twice(a) + other(twice) }\n");
    assert_int_equal(s.code, 0);
    assert_int_equal(s.doc.units_n, 3);
    assert_string_equal(s.doc.units[2].term->name, "last");
    for (size_t i = 0; i < ARRAY_N(forms); i++) {
        struct source again;
        enum form to = forms[i] == FORM_BUNDLE ? FORM_TEXT : forms[i];

        buf_reset(&out);
        assert_int_equal(
            form_put(&s.doc, FORM_BUNDLE, forms[i], &out, &s.diag), 0);
        source_open(&again, to, buf_bytes(&out));
        assert_int_equal(again.code, 0);
        assert_int_equal(again.doc.units_n, 3);
        assert_true(cid_is_equal(&cml_dag_at(&s.dag, last_id(&s))->cid,
                                 &cml_dag_at(&again.dag, last_id(&again))->cid));
        source_close(&again);
    }
    source_close(&s);
    buf_release(&out);
}

/* 40 units that each call the one before twice: a tree of 2^40 calls. */
static void test_sharing_stays(void **state)
{
    struct source s;
    struct buf b;

    (void)state;
    buf_init(&b, 1u << 20);
    assert_int_equal(buf_putf(&b, "unit w0(a: u8) -> u8 { a }\n"), 0);
    for (int i = 1; i < 40; i++) {
        assert_int_equal(buf_putf(&b,
                                  "unit w%d(a: u8) -> u8 { w%d(a) + w%d(a) }\n",
                                  i, i - 1, i - 1),
                         0);
    }
    assert_int_equal(buf_put_u8(&b, 0), 0);
    bundle_open(&s, (const char *)buf_bytes(&b).p);
    assert_int_equal(s.code, 0);
    assert_int_equal(s.doc.units_n, 40);
    source_close(&s);
    buf_release(&b);
}

static uint32_t add(struct cml_dag *d, enum cml_kind kind, struct cml_value a,
                    struct cml_value b, struct cml_value c, struct cml_value e)
{
    struct cml_value fields[4] = {a, b, c, e};
    struct diag diag;
    uint32_t id = 0;

    diag_init(&diag);
    if (cml_add(d, kind, fields, &id, &diag) != 0) {
        fail_msg("%s", diag.what);
    }
    return id;
}

#define NONE cml_absent()
#define NODE(id) cml_child(id)

/* unit f() -> gives { Literal(type, value) } as a document from its bundle. */
static void literal_open(struct source *s, const char *gives, const char *type,
                         struct cml_value value)
{
    struct cml_dag d;
    struct buf b;
    struct cml_value one;
    uint32_t out;
    uint32_t id;

    cml_dag_init(&d);
    buf_init(&b, 1u << 20);
    out = add(&d, CML_PRIMITIVE_TYPE, cml_word(gives), NONE, NONE, NONE);
    id = add(&d, CML_PRIMITIVE_TYPE, cml_word(type), NONE, NONE, NONE);
    id = add(&d, CML_LITERAL, NODE(id),
             NODE(add(&d, CML_LEAF, value, NONE, NONE, NONE)), NONE, NONE);
    one = NODE(add(&d, CML_RETURN, NODE(id), NONE, NONE, NONE));
    id = add(&d, CML_BLOCK, cml_list(&one, 1), NONE, NONE, NONE);
    id = add(&d, CML_UNIT, cml_word("f"), cml_list(NULL, 0), NODE(out), NODE(id));
    assert_int_equal(cml_bundle_put(&d, id, &b), 0);
    source_open(s, FORM_BUNDLE, buf_bytes(&b));
    cml_dag_release(&d);
    buf_release(&b);
}

static void test_constants(void **state)
{
    const struct cml_value i64_300 = {
        .tag = CML_INT, .code = 8, .u.bits = 300};
    const struct cml_value u8_7 = {.tag = CML_INT, .code = 0x81, .u.bits = 7};
    const struct cml_value yes = {.tag = CML_TRUE};
    static const char path[] = "f.body.statements[0].value: the constant is no ";
    static const struct {
        const char *type;
        const char *shown;
    } types[] = {{"UInt8", "u8"}, {"String", "string"}, {"Void", "void"},
                 {"Float64", "f64"}, {"Int32", "i32"}, {"Cid", "Cid"}};
    struct source s;

    (void)state;
    literal_open(&s, "UInt8", "UInt8", u8_7);
    assert_int_equal(s.code, 0);
    source_close(&s);
    literal_open(&s, "Bool", "Bool", yes);
    assert_int_equal(s.code, 0);
    source_close(&s);
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        literal_open(&s, types[i].type, types[i].type, i64_300);
        assert_int_equal(s.code, ERR_INPUT);
        if (strncmp(s.diag.what, path, sizeof(path) - 1) != 0) {
            fail_msg("%s", s.diag.what);
        }
        source_close(&s);
    }
    /* other names of the same type would be other CIDs of the same unit */
    literal_open(&s, "u8", "u8", u8_7);
    assert_int_equal(s.code, ERR_INPUT);
    source_close(&s);
}

/* What an evaluation holds never outgrows its fuel: sharing costs nothing, and
 * what a loop leaves behind is freed. */
static void test_memory(void **state)
{
    static const char *const texts[] = {
        /* 8^5 shared elements, carried through rounds that make garbage */
        "unit f() -> u64 { len((loop (a: [[[[[u8]]]]] = fill(fill(fill(fill("
        "fill(1u8, 1000), 1000), 1000), 1000), 1000)) repeat 3000 { "
        "if len(range(20)) > 0 { put(a, 0, a[1]) } else { a } })) }",
        /* no fuel, no memory: empty arrays and arguments */
        "unit g(x: u64, y: u64) -> u64 { x + len([u8]()) + len([[u8]]()) + y }\n"
        "unit f() -> u64 { fold(g, 0, range(100000)) }",
        "unit g(x: u64) -> u64 { len(x\"\") + abs(min(max(x, 1), 2)) }\n"
        "unit f() -> u64 { len(map(g, range(100000))) }",
        "unit f() -> u64 { len(zip(range(100000), range(100000))) }",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        struct source s;
        struct eval e;
        struct val out;

        source_open(&s, FORM_TEXT, as_bytes(texts[i]));
        if (s.code != 0) {
            fail_msg("%s", s.diag.what);
        }
        assert_int_equal(eval_init(&e, &s.dag, 1u << 24), 0);
        assert_int_equal(eval_unit(&e, last_id(&s), NULL, 0, &out), 0);
        assert_true(e.arena.total_ < (16u << 20));
        eval_release(&e);
        source_close(&s);
    }
}

static int put_manifest(const char *const *names, const uint8_t *cids, size_t n,
                        struct buf *out)
{
    struct component list[8];
    size_t clash = 0;

    memset(list, 0, sizeof(list));
    for (size_t i = 0; i < n; i++) {
        list[i].name = as_bytes(names[i]);
        list[i].cid.b[0] = cids[i];
    }
    buf_reset(out);
    return manifest_put(list, &n, out, &clash);
}

static int read_manifest(struct ubytes in, size_t *out_n)
{
    struct component c = {.name = {NULL, 0}};
    size_t at = 0;
    int code;

    *out_n = 0;
    while ((code = manifest_next(in, &at, &c)) == 0) {
        (*out_n)++;
    }
    return code;
}

static void test_manifest(void **state)
{
    static const char *const names[] = {"b", "a", "ab", "b"};
    static const uint8_t same[] = {1, 2, 3, 1};
    static const uint8_t other[] = {1, 2, 3, 4};
    struct buf out;
    struct buf again;
    size_t n = 0;

    (void)state;
    buf_init(&out, 4096);
    buf_init(&again, 4096);
    assert_int_equal(put_manifest(names, same, 4, &out), 0);
    assert_int_equal(read_manifest(buf_bytes(&out), &n), ERR_NOT_FOUND);
    assert_int_equal(n, 3);
    assert_int_equal(put_manifest(names + 1, same + 1, 3, &again), 0);
    assert_int_equal(buf_len(&out), buf_len(&again));
    assert_memory_equal(buf_bytes(&out).p, buf_bytes(&again).p, buf_len(&out));
    assert_int_equal(put_manifest(names, other, 4, &again), ERR_INPUT);
    for (size_t i = 0; i < buf_len(&out); i++) { /* cut anywhere: refused */
        struct ubytes cut = {buf_bytes(&out).p, i};

        if (read_manifest(cut, &n) != ERR_ENCODING) {
            fail_msg("cut at %zu was taken", i);
        }
    }
    buf_release(&out);
    buf_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_is_written_whole),
        cmocka_unit_test(test_sharing_stays),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_manifest),
    };

    return cmocka_run_group_tests_name("cml_forms", tests, NULL, NULL);
}
