/* One spelling per file name; nothing that leaves the graph's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/admit/path.h"
#include "proto/err.h"

static void test_good(void **state)
{
    static const char *const good[][2] = {
        {"a.py", "a.py"},       {"./a.py", "a.py"},
        {"lib/x/y.csv", "lib/x/y.csv"}, {"a..b", "a..b"},
        {"...", "..."},         {".hidden", ".hidden"},
        {"with space", "with space"},
    };
    struct path p;
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        assert_int_equal(path_normal(good[i][0], &p, &why), 0);
        assert_string_equal(p.s, good[i][1]);
    }
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "",       "/etc/passwd", "..",    "../x", "a/../b", "a/..",  "./",
        "./../x", "a//b",        "a/",    "/",    ".",      "a/./b", "././a",
        "a\nb",   "a\x7f",       "\x01",  ".//a",
    };
    struct path p;
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        why = NULL;
        assert_int_equal(path_normal(bad[i], &p, &why), ERR_INPUT);
        assert_non_null(why);
    }
}

static void test_long(void **state)
{
    char name[LIMIT_PATH_BYTES + 2];
    struct path p;
    const char *why;

    (void)state;
    memset(name, 'a', sizeof(name));
    name[LIMIT_PATH_BYTES] = '\0';
    assert_int_equal(path_normal(name, &p, &why), 0);
    name[LIMIT_PATH_BYTES] = 'a';
    name[LIMIT_PATH_BYTES + 1] = '\0';
    assert_int_equal(path_normal(name, &p, &why), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
