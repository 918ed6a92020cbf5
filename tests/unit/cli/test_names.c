/* Names: a manifest of those that can be paths, and children as they are named by
 * bytes alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/names.h"
#include "proto/cml.h"
#include "proto/err.h"
#include "proto/manifest.h"

static void add(struct names *m, const char *name, uint8_t first)
{
    struct cid c = {{first}};
    struct diag d;

    diag_init(&d);
    assert_int_equal(names_add(m, name, &c, &d), 0);
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "a/b", "primitives/days_from_civil",
                                       "A-1.2_x/y.z"};
    static const char *const bad[] = {"",     "/",   "a/",  "/a",  "a//b", ".",
                                      "..",   "a/.", "a/..", "..a", "a/.b",
                                      "a b",  "a\n", "a\\b", "\xc3\xa4", "a:b"};
    char text[LIMIT_REF_BYTES + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        assert_true(names_is_name(good[i]));
    }
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_false(names_is_name(bad[i]));
    }
    memset(text, 'a', sizeof(text));
    text[LIMIT_REF_BYTES] = '\0';
    assert_true(names_is_name(text));
    text[LIMIT_REF_BYTES] = 'a';
    text[LIMIT_REF_BYTES + 1] = '\0';
    assert_false(names_is_name(text));
}

/* The bytes as docs/cml.md gives them. */
static void test_vector(void **state)
{
    static const char want[] =
        "434d4c4d" "00000002"
        "00000001" "61"
        "0100000000000000000000000000000000000000000000000000000000000000"
        "00000003" "622f63"
        "0200000000000000000000000000000000000000000000000000000000000000";
    struct names m;
    struct names again;
    struct buf b;
    struct diag d;
    char hex[sizeof(want)];

    (void)state;
    diag_init(&d);
    buf_init(&b, 4096);
    names_init(&m);
    names_init(&again);
    add(&m, "b/c", 2);
    add(&m, "a", 1);
    assert_int_equal(names_sort(&m, &d), 0);
    assert_int_equal(names_put(&m, &b), 0);
    assert_int_equal(2 * buf_len(&b), strlen(want));
    hex_text(buf_bytes(&b).p, buf_len(&b), hex);
    assert_string_equal(hex, want);
    assert_int_equal(names_read(&again, buf_bytes(&b), &d), 0);
    assert_int_equal(again.n, 2);
    assert_string_equal(again.entries[1].name, "b/c");
    assert_int_equal(again.entries[1].cid.b[0], 2);
    names_release(&again);

    /* Every prefix, and every change of a byte that is not of a CID or a letter
     * of a name, is something else or nothing. */
    for (size_t n = 0; n < buf_len(&b); n++) {
        struct ubytes cut = {buf_bytes(&b).p, n};

        assert_int_equal(names_read(&again, cut, &d), ERR_ENCODING);
        names_release(&again);
    }
    buf_reset(&b);
    assert_int_equal(names_put_text(&m, &b), 0);
    assert_int_equal(buf_len(&b), 2 * (64 + 2 + 1) + 1 + 3);
    buf_release(&b);
    names_release(&m);
}

static void test_twice_and_order(void **state)
{
    struct names m;
    struct names again;
    struct buf b;
    struct diag d;

    (void)state;
    diag_init(&d);
    buf_init(&b, 4096);
    names_init(&m);
    names_init(&again);
    add(&m, "x", 1);
    add(&m, "x", 1);
    assert_int_equal(names_sort(&m, &d), ERR_INPUT);
    names_release(&m);
    assert_int_equal(names_sort(&m, &d), 0);
    buf_reset(&b);
    assert_int_equal(names_put(&m, &b), 0); /* none: an empty store's */
    assert_int_equal(names_read(&again, buf_bytes(&b), &d), 0);
    assert_int_equal(again.n, 0);
    buf_release(&b);
}

/* What another's manifest may say, but ours may not. */
static void test_names_of_others(void **state)
{
    static const char *const bad[] = {"../x", "/x", "a/../b", ".git", "a b",
                                      "\xc3\xa4", "a\0b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        struct component c = {{(const uint8_t *)bad[i], strlen(bad[i])},
                              {{1}}};
        struct names m;
        struct buf b;
        struct diag d;
        size_t n = 1;
        size_t clash;

        c.name.n += i + 1 == ARRAY_N(bad) ? 2 : 0; /* with its NUL */
        diag_init(&d);
        buf_init(&b, 4096);
        names_init(&m);
        assert_int_equal(manifest_put(&c, &n, &b, &clash), 0);
        assert_int_equal(names_read(&m, buf_bytes(&b), &d), ERR_ENCODING);
        names_release(&m);
        buf_release(&b);
    }
}

/* Children by bytes are children by nodes, for random artifacts; a Leaf that holds
 * a CID has none. */
static void test_children(void **state)
{
    struct cml_dag dag;
    struct buf b;
    struct cml_value leaf = {.tag = CML_CHILD};
    struct diag d;
    uint8_t cid[CID_BYTES] = {9};
    uint32_t word;
    uint32_t array;
    struct cml_value v;

    (void)state;
    diag_init(&d);
    cml_dag_init(&dag);
    buf_init(&b, 1u << 16);
    leaf.u.text = (struct ubytes){cid, sizeof(cid)};
    assert_int_equal(cml_add(&dag, CML_LEAF, &leaf, &word, &d), 0);
    assert_int_equal(names_children(cml_dag_at(&dag, word)->bytes, &b), 0);
    assert_int_equal(buf_len(&b), 0);
    v = cml_word("Int32");
    assert_int_equal(cml_add(&dag, CML_PRIMITIVE_TYPE, &v, &word, &d), 0);
    v = cml_child(word);
    assert_int_equal(cml_add(&dag, CML_ARRAY_TYPE, &v, &array, &d), 0);
    assert_int_equal(names_children(cml_dag_at(&dag, array)->bytes, &b), 0);
    assert_int_equal(buf_len(&b), CID_BYTES);
    assert_memory_equal(buf_bytes(&b).p, cml_dag_at(&dag, word)->cid.b,
                        CID_BYTES);
    for (size_t n = 0; n < cml_dag_at(&dag, array)->bytes.n; n++) {
        struct ubytes cut = {cml_dag_at(&dag, array)->bytes.p, n};

        buf_reset(&b);
        assert_int_equal(names_children(cut, &b), ERR_ENCODING);
    }
    buf_release(&b);
    cml_dag_release(&dag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_twice_and_order),
        cmocka_unit_test(test_names_of_others),
        cmocka_unit_test(test_children),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
