/* Canonical bytes of CML: fixed vectors, the properties of the sources' list that
 * concern bytes, and hostile bytes. */
#include "gen.h"

#include "proto/cml.h"
#include "workers/cml/text.h"

static struct cml_dag dag;
static struct diag diag;

static int setup(void **state)
{
    (void)state;
    cml_dag_init(&dag);
    diag_init(&diag);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cml_dag_release(&dag);
    return 0;
}

static uint32_t add(enum cml_kind kind, const struct cml_value *fields)
{
    uint32_t id = 0;

    if (cml_add(&dag, kind, fields, &id, &diag) != 0) {
        fail_msg("%s", diag.what);
    }
    return id;
}

static uint32_t primitive(const char *name)
{
    struct cml_value v = cml_word(name);

    return add(CML_PRIMITIVE_TYPE, &v);
}

static uint32_t leaf_i32(int32_t n)
{
    struct cml_value v = {.tag = CML_INT, .code = 4,
                          .u.bits = (uint64_t)(int64_t)n};

    return add(CML_LEAF, &v);
}

static uint32_t literal(uint32_t type, uint32_t leaf)
{
    struct cml_value v[2] = {cml_child(type), cml_child(leaf)};

    return add(CML_LITERAL, v);
}

static void expect_cid(uint32_t id, const char *hex)
{
    char text[CID_TEXT_BYTES];

    cid_text(&cml_dag_at(&dag, id)->cid, text);
    assert_string_equal(text, hex);
}

/* Made with b3sum from bytes written by hand. */
static void test_vectors(void **state)
{
    uint32_t type = primitive("Int32");
    uint32_t leaf = leaf_i32(10);

    (void)state;
    expect_cid(type, "04d4d480a201e0a6e858725d98a1a3dc"
                     "d3b5cd42317fcf70dcde4244f1ca5c42");
    expect_cid(leaf, "4b255f56a6c28f42ec6c0b49d93d85ad"
                     "cca9fb8d747c3622ad05beb3194c2688");
    expect_cid(literal(type, leaf), "51b73162d9f83c19170047dace24f8ab"
                                    "feeace054f77c3ec44a2949c89e291e3");
}

/* Equal iff structurally equal; sharing is one node. */
static void test_identity(void **state)
{
    uint32_t a = literal(primitive("Int32"), leaf_i32(10));
    uint32_t n = cml_dag_n(&dag);

    (void)state;
    assert_int_equal(literal(primitive("Int32"), leaf_i32(10)), a);
    assert_int_equal(cml_dag_n(&dag), n);
    assert_int_not_equal(literal(primitive("Int32"), leaf_i32(11)), a);
    assert_int_not_equal(literal(primitive("Int64"), leaf_i32(10)), a);
}

/* The same fields under another kind, absent against empty, order. */
static void test_distinct(void **state)
{
    uint32_t t = primitive("Bool");
    uint32_t u = primitive("Int8");
    struct cml_value tu[2] = {cml_child(t), cml_child(u)};
    struct cml_value ut[2] = {cml_child(u), cml_child(t)};
    struct cml_value f1[2] = {cml_list(tu, 2), cml_child(t)};
    struct cml_value f2[2] = {cml_list(ut, 2), cml_child(t)};
    struct cml_value f3[2] = {cml_list(tu, 0), cml_child(t)};
    struct cml_value e = cml_child(t);
    struct cml_value absent = cml_absent();
    struct cml_value empty = cml_text((struct ubytes){(const uint8_t *)"", 0});

    (void)state;
    assert_int_not_equal(add(CML_FUNCTION_TYPE, f1), add(CML_FUNCTION_TYPE, f2));
    assert_int_not_equal(add(CML_FUNCTION_TYPE, f1), add(CML_FUNCTION_TYPE, f3));
    assert_int_not_equal(add(CML_ARRAY_TYPE, &e), add(CML_REFERENCE_TYPE, &e));
    assert_int_not_equal(add(CML_LEAF, &absent), add(CML_LEAF, &empty));
}

static void refuse(enum cml_kind kind, const struct cml_value *fields)
{
    uint32_t id;

    assert_int_equal(cml_add(&dag, kind, fields, &id, &diag), ERR_INPUT);
}

static void test_refused(void **state)
{
    uint32_t t = primitive("Bool");
    struct cml_value v[2];
    static const uint8_t nfd[] = "e\xcc\x81";
    static const uint8_t nfc[] = "\xc3\xa9";
    static const uint8_t bad[] = "\xff";

    (void)state;
    v[0] = cml_word("");
    refuse(CML_PRIMITIVE_TYPE, v);
    v[0] = cml_text((struct ubytes){nfd, 3});
    refuse(CML_PRIMITIVE_TYPE, v);
    refuse(CML_LEAF, v);
    v[0] = cml_text((struct ubytes){bad, 1});
    refuse(CML_LEAF, v);
    v[0] = cml_text((struct ubytes){nfc, 2});
    (void)add(CML_LEAF, v);
    v[0] = cml_child(t + 100);
    refuse(CML_ARRAY_TYPE, v);
    v[0] = cml_child(leaf_i32(1));
    refuse(CML_ARRAY_TYPE, v);
    v[0] = (struct cml_value){.tag = CML_INT, .code = 1, .u.bits = 128};
    refuse(CML_LEAF, v);
    v[0] = (struct cml_value){.tag = CML_INT, .code = 3, .u.bits = 1};
    refuse(CML_LEAF, v);
    v[0] = (struct cml_value){.tag = CML_FLOAT, .code = 8,
                              .u.bits = UINT64_C(0x7ff8000000000001)};
    refuse(CML_LEAF, v);
    v[0] = (struct cml_value){.tag = CML_FLOAT, .code = 4,
                              .u.bits = UINT64_C(0xffc00000)};
    refuse(CML_LEAF, v);
}

struct artifact {
    struct buf text;
    struct buf bundle;
};

static void artifact_make(struct artifact *a, uint64_t seed)
{
    enum gen_type types[4];
    struct cml_dag d;
    struct document doc;

    buf_init(&a->text, 1u << 20);
    buf_init(&a->bundle, 1u << 24);
    cml_dag_init(&d);
    document_init(&doc, &d, "t.cml");
    gen_unit(seed, 8, &a->text, types);
    assert_int_equal(text_parse(&doc, buf_bytes(&a->text), &diag), 0);
    assert_int_equal(cml_bundle_put(&d, doc.units[0].term->id, &a->bundle), 0);
    document_release(&doc);
    cml_dag_release(&d);
}

static void artifact_release(struct artifact *a)
{
    buf_release(&a->text);
    buf_release(&a->bundle);
}

/* No byte of an artifact can be changed, left out or added unnoticed. */
static void test_every_byte(void **state)
{
    struct artifact a;
    struct ubytes good;
    uint8_t *bytes;

    (void)state;
    artifact_make(&a, 11);
    good = buf_bytes(&a.bundle);
    bytes = malloc(good.n + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < good.n; i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            struct cml_dag d;
            uint32_t root = 0;
            int code;

            memcpy(bytes, good.p, good.n);
            bytes[i] ^= (uint8_t)flip;
            cml_dag_init(&d);
            code = cml_bundle_read(&d, (struct ubytes){bytes, good.n}, &root,
                                   &diag);
            /* what still reads is another artifact in its one form */
            if (code == 0) {
                struct buf again;

                buf_init(&again, 1u << 24);
                assert_int_equal(cml_bundle_put(&d, root, &again), 0);
                assert_memory_equal(buf_bytes(&again).p, bytes, good.n);
                buf_release(&again);
            }
            cml_dag_release(&d);
        }
    }
    for (size_t n = 0; n < good.n; n++) {
        struct cml_dag d;
        uint32_t root;

        cml_dag_init(&d);
        assert_true(cml_bundle_read(&d, (struct ubytes){good.p, n}, &root,
                                    &diag) < 0);
        cml_dag_release(&d);
    }
    free(bytes);
    artifact_release(&a);
}

/* Nodes before their children, strangers, a root that does not reach all. */
static void test_bundles(void **state)
{
    uint32_t root = 0;
    struct buf b;
    struct buf out;
    const struct cml_node *type = cml_dag_at(&dag, primitive("Int32"));
    const struct cml_node *other = cml_dag_at(&dag, primitive("Bool"));
    struct cml_dag d;

    (void)state;
    buf_init(&b, 1000);
    buf_init(&out, 1000);
    assert_int_equal(buf_put(&b, "CMLB", 4), 0);
    assert_int_equal(buf_put_u32(&b, 2), 0);
    assert_int_equal(buf_put_bytes32(&b, type->bytes), 0);
    assert_int_equal(buf_put_bytes32(&b, other->bytes), 0);
    cml_dag_init(&d);
    assert_int_equal(cml_bundle_read(&d, buf_bytes(&b), &root, &diag),
                     ERR_ENCODING);
    cml_dag_release(&d);
    cml_dag_init(&d);
    assert_int_equal(
        cml_decode(&d,
                   cml_dag_at(&dag, literal(primitive("Int32"), leaf_i32(1)))
                       ->bytes,
                   &root, &diag),
        ERR_NOT_FOUND);
    cml_dag_release(&d);
    buf_release(&b);
    buf_release(&out);
}

static void test_tables(void **state)
{
    (void)state;
    for (unsigned k = 0; k < CML_KINDS; k++) {
        const char *fqn = cml_kind_info((enum cml_kind)k)->fqn;

        assert_int_equal(cml_kind_from_name((struct ubytes){
                             (const uint8_t *)fqn, strlen(fqn)}),
                         k);
    }
    assert_int_equal(cml_op_from_name(cml_word("MULTIPLY").u.text), CML_OP_MUL);
    assert_int_equal(cml_op_from_name(cml_word("<").u.text), CML_OP_LT);
    assert_int_equal(cml_primitive_from_name(cml_word("Int").u.text),
                     CML_PRIMITIVE_INT64);
    assert_int_equal(cml_kind_from_name(cml_word("Constant").u.text), CML_KINDS);
    assert_int_equal(cml_kind_from_name(cml_word("MathOp").u.text), CML_KINDS);
}

/* What comes again is not encoded again, and is what encoding it would find; what
 * differs in one thing only is another node. */
static void test_again(void **state)
{
    static const uint8_t codes[] = {1, 2, 4, 8, 0x81, 0x84};
    uint32_t first[ARRAY_N(codes) * 300];
    uint32_t word = 0;

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < ARRAY_N(first); i++) {
            struct cml_value v = {.tag = CML_INT,
                                  .code = codes[i % ARRAY_N(codes)],
                                  .u.bits = i / ARRAY_N(codes) % 128};
            uint32_t id = add(CML_LEAF, &v);
            struct cid c = cid_of(cml_dag_at(&dag, id)->bytes);

            assert_memory_equal(c.b, cml_dag_at(&dag, id)->cid.b, CID_BYTES);
            assert_int_equal(cml_dag_at(&dag, id)->fields[0].code, v.code);
            assert_int_equal(cml_dag_at(&dag, id)->fields[0].u.bits, v.u.bits);
            first[i] = turn == 0 ? id : first[i];
            assert_int_equal(id, first[i]);
        }
    }
    for (unsigned turn = 0; turn < 2; turn++) {
        struct cml_value v[3] = {cml_word("ADD"), cml_child(0), cml_child(0)};
        uint32_t t = primitive("UInt64");

        assert_int_equal(cml_dag_at(&dag, t)->word, CML_PRIMITIVE_UINT64);
        v[1] = v[2] = cml_child(literal(t, first[5]));
        word = turn == 0 ? add(CML_BINOP, v) : word;
        assert_int_equal(add(CML_BINOP, v), word);
        assert_int_equal(cml_dag_at(&dag, word)->word, CML_OP_ADD);
        v[0] = cml_word("AND");
        assert_int_not_equal(add(CML_BINOP, v), word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_distinct, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
