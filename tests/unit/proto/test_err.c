/* Codes, texts, exit codes and the trail. */
#include "gen.h"

#include <errno.h>

static void test_table(void **state)
{
    (void)state;
    assert_int_equal(ERR_NOMEM, -1);
    assert_int_equal(ERR_LIMIT, -3); /* stored in records: never renumbered */
    assert_int_equal(ERR_INTERNAL, -23);
    assert_string_equal(err_name(ERR_LIMIT), "LIMIT");
    assert_string_equal(err_text(ERR_LIMIT), "a limit was reached");
    assert_int_equal(err_exit_code(ERR_STORE_DAMAGED), 5);
    assert_int_equal(err_exit_code(ERR_REFUSED), 3);
    assert_int_equal(err_exit_code(0), 0);
    for (int code = ERR_INTERNAL; code <= 0; code++) {
        assert_true(err_exit_code(code) >= 0 && err_exit_code(code) <= 5);
        assert_true(strlen(err_text(code)) > 0);
    }
}

static void test_unknown_codes(void **state)
{
    static const int codes[] = {1,     42,        INT32_MAX,
                                -1000, INT32_MIN, ERR_INTERNAL - 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(codes); i++) {
        assert_string_equal(err_name(codes[i]), "UNKNOWN");
        assert_string_equal(err_text(codes[i]), "unknown error");
        assert_int_equal(err_exit_code(codes[i]), 4);
    }
}

static void test_errno(void **state)
{
    (void)state;
    assert_int_equal(err_from_errno(ENOMEM), ERR_NOMEM);
    assert_int_equal(err_from_errno(ENOSPC), ERR_SPACE);
    assert_int_equal(err_from_errno(EDQUOT), ERR_SPACE);
    assert_int_equal(err_from_errno(EROFS), ERR_STORE_RDONLY);
    assert_int_equal(err_from_errno(EPERM), ERR_ACCESS);
    assert_int_equal(err_from_errno(EACCES), ERR_ACCESS);
    assert_int_equal(err_from_errno(ENOENT), ERR_NOT_FOUND);
    assert_int_equal(err_from_errno(EEXIST), ERR_EXISTS);
    assert_int_equal(err_from_errno(EIO), ERR_IO);
    assert_int_equal(err_from_errno(0), ERR_IO);
}

/* What err_trace_print writes. */
static void trail(char out[static 8192])
{
    int ends[2];
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    err_trace_print(ends[1]);
    close(ends[1]);
    n = read(ends[0], out, 8191);
    assert_true(n >= 0);
    out[n] = '\0';
    close(ends[0]);
}

static int inner(void)
{
    return err_trace(ERR_IO, "a.c", 10);
}

static int outer(void)
{
    TRY(inner());
    return 0;
}

static void test_trail(void **state)
{
    char text[8192];
    char *at;
    int lines = 0;

    (void)state;
    err_trace_clear();
    trail(text);
    assert_string_equal(text, "");
    assert_int_equal(outer(), ERR_IO);
    trail(text);
    assert_non_null(strstr(text, "a.c:10: IO"));
    assert_non_null(strstr(text, "test_err.c:"));
    assert_true(strstr(text, "a.c:10") < strstr(text, "test_err.c:"));

    for (int i = 0; i < 1000; i++) {
        assert_int_equal(err_trace(ERR_LIMIT, "loop.c", i), ERR_LIMIT);
    }
    trail(text);
    for (at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, 16); /* the last ones */
    assert_non_null(strstr(text, "loop.c:999:"));
    assert_non_null(strstr(text, "loop.c:984:"));
    assert_null(strstr(text, "loop.c:983:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_unknown_codes),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_trail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
