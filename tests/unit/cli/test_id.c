/* IDs: numbers, digits of a CID, and the places where both could be meant. */
#include "fixture.h"

#include "cli/id.h"

static void test_form(void **state)
{
    char digits[CID_TEXT_BYTES];
    uint64_t seq = 0;

    (void)state;
    assert_int_equal(id_parse("0", 10, &seq, digits), 0);
    assert_int_equal(seq, 0);
    assert_int_equal(id_parse("#12", 10, &seq, digits), 0);
    assert_int_equal(seq, 12);
    assert_int_equal(id_parse("1234567", 10, &seq, digits), 0);
    /* Eight digits: a number only when there is such a record. */
    assert_int_equal(id_parse("12345678", 10, &seq, digits), ID_E_DIGITS);
    assert_string_equal(digits, "12345678");
    assert_int_equal(id_parse("12345678", 20000000, &seq, digits), 0);
    assert_int_equal(seq, 12345678);
    assert_int_equal(id_parse("ABCDEF01", 10, &seq, digits), ID_E_DIGITS);
    assert_string_equal(digits, "abcdef01");
}

static void test_refused(void **state)
{
    static const char *const BAD[] = {
        "",
        "zzz",
        "abc",
        "#",
        "#x",
        "-1",
        "+1",
        "007",
        "abcdefgh",
        "1 ",
        "0x12",
        "00000000000000000000000000000000000000000000000000000000000000000"};
    char digits[CID_TEXT_BYTES];
    uint64_t seq;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(BAD); i++) {
        assert_int_equal(id_parse(BAD[i], 10, &seq, digits), ERR_INPUT);
    }
}

static void test_find(void **state)
{
    struct fixture f;
    struct index *ix = NULL;
    struct diag d;
    struct id id;
    char text[CID_TEXT_BYTES];

    (void)state;
    diag_init(&d);
    fixture_usual(&f);
    assert_int_equal(index_open(f.dir, &ix, &d), 0);
    cid_text(&f.evidence, text);
    assert_int_equal(id_find(f.dir, ix, text, &id, &d), 0);
    assert_true(cid_is_equal(&id.cid, &f.evidence));
    text[12] = '\0';
    assert_int_equal(id_find(f.dir, ix, text, &id, &d), 0);
    assert_false(id.is_record);
    assert_true(cid_is_equal(&id.cid, &f.evidence));
    assert_int_equal(id_find(f.dir, ix, "3", &id, &d), 0);
    assert_true(id.is_record);
    assert_int_equal(id_find(f.dir, ix, "feedfacefeedface", &id, &d),
                     ERR_NOT_FOUND);
    assert_int_equal(id_find(f.dir, ix, "../../etc", &id, &d), ERR_INPUT);
    index_close(ix);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_form),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_find)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
