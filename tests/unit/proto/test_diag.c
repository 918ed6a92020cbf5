/* Diagnoses: always clean text, always terminated; nearest names. */
#include "gen.h"

#include "proto/diag.h"

static const struct loc nowhere;

static void test_set(void **state)
{
    struct diag d;
    struct loc at = {.path = "g.yaml", .line = 12, .col = 9};

    (void)state;
    assert_int_equal(diag_set(&d, ERR_INPUT, at, "expected %d, got %s", 3, "x"),
                     ERR_INPUT);
    assert_int_equal(d.code, ERR_INPUT);
    assert_int_equal(d.at.line, 12);
    assert_string_equal(d.at.path, "g.yaml");
    assert_string_equal(d.what, "expected 3, got x");
    assert_string_equal(d.hint, "");
    diag_hint(&d, "say %s", "y");
    assert_string_equal(d.hint, "say y");
}

static void test_hostile_text(void **state)
{
    struct diag d;

    (void)state;
    diag_set(&d, ERR_INPUT, nowhere, "a\x1b[31m\nb\x7f\xff\xc3(\xc2\x9b!");
    assert_string_equal(d.what, "a?[31m?b?"
                                "??"
                                "(?!");
    diag_set(&d, ERR_INPUT, nowhere, "\xe2\x80\xae.\xc3\xa9"); /* bidi; e' */
    assert_string_equal(d.what, "?.\xc3\xa9");
}

static void test_cut(void **state)
{
    struct diag d;
    char text[DIAG_TEXT_BYTES + 8];

    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'a', lead);
        for (size_t i = lead; i + 4 < sizeof(text); i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
            text[i + 4] = '\0';
        }
        diag_set(&d, ERR_INPUT, nowhere, "%s", text);
        assert_true(strlen(d.what) < DIAG_TEXT_BYTES);
        assert_true(strlen(d.what) > DIAG_TEXT_BYTES - 6);
        assert_true(
            utf8_is_valid((struct ubytes){(uint8_t *)d.what, strlen(d.what)}));
        assert_null(strchr(d.what, '?'));
    }
}

static void test_random_text_is_clean(void **state)
{
    struct gen g = gen_start();
    struct diag d;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[300];
        size_t n = gen_below(&g, sizeof(text));
        struct ubytes s;

        for (size_t j = 0; j < n; j++) {
            text[j] = (char)(gen_u64(&g) | 1);
        }
        text[n] = '\0';
        diag_set(&d, ERR_INPUT, nowhere, "%s", text);
        s = (struct ubytes){(uint8_t *)d.what, strlen(d.what)};
        CHECK(&g, s.n < DIAG_TEXT_BYTES && utf8_is_valid(s));
        while (s.n > 0) {
            uint32_t cp;
            size_t used = utf8_next(s, &cp);

            CHECK(&g, used > 0 && !utf8_is_unsafe(cp));
            s.p += used;
            s.n -= used;
        }
    }
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"program", "model", "exam", "ref.move",
                                        "validator"};
    char longer[100];

    (void)state;
    assert_string_equal(diag_nearest("progam", names, 5), "program");
    assert_string_equal(diag_nearest("porgram", names, 5), "program");
    assert_string_equal(diag_nearest("exma", names, 5), "exam");
    assert_string_equal(diag_nearest("validate", names, 5), "validator");
    assert_string_equal(diag_nearest("model", names, 5), "model");
    assert_null(diag_nearest("zzz", names, 5));
    assert_null(diag_nearest("", names, 5));
    assert_null(diag_nearest("program", names, 0));
    memset(longer, 'p', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(diag_nearest(longer, names, 5));
    assert_null(diag_nearest("mo", (const char *const[]){longer}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_random_text_is_clean),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
