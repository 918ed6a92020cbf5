/* Globs: table of cases, and cost that does not explode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/admit/glob.h"

struct row {
    const char *pattern, *text;
    int matches;
};

static const struct row rows[] = {
    {"", "", 1},
    {"", "a", 0},
    {"a", "", 0},
    {"abc", "abc", 1},
    {"abc", "abd", 0},
    {"abc", "ab", 0},
    {"abc", "abcd", 0},
    {"a?c", "abc", 1},
    {"a?c", "a/c", 0},
    {"a?c", "ac", 0},
    {"?", "\xc3\xa4", 1},
    {"??", "\xc3\xa4", 0},
    {"?x", "\xe2\x82\xacx", 1},
    {"*", "", 1},
    {"*", "abc", 1},
    {"*", "a/b", 0},
    {"*.py", "x.py", 1},
    {"*.py", "d/x.py", 0},
    {"*.py", ".py", 1},
    {"a*b*c", "aXbYc", 1},
    {"a*b*c", "abc", 1},
    {"a*b*c", "acb", 0},
    {"primitives/*", "primitives/crc32", 1},
    {"primitives/*", "primitives/", 1},
    {"primitives/*", "primitives", 0},
    {"primitives/*", "primitives/a/b", 0},
    {"primitives/*", "primitivesX/a", 0},
    {"examples/**", "examples/crc32/crc32.py", 1},
    {"examples/**", "examples/x", 1},
    {"examples/**", "examples/", 1},
    {"examples/**", "examples", 0},
    {"examples/**", "examplesX/y", 0},
    {"examples/**", "x/examples/y", 0},
    {"**", "", 1},
    {"**", "a/b/c", 1},
    {"**/x", "x", 1},
    {"**/x", "a/x", 1},
    {"**/x", "a/b/x", 1},
    {"**/x", "ax", 0},
    {"**/x", "a/bx", 0},
    {"a/**/b", "a/b", 1},
    {"a/**/b", "a/x/b", 1},
    {"a/**/b", "a/x/y/b", 1},
    {"a/**/b", "a/xb", 0},
    {"a/**/b", "ab", 0},
    {"a/**/*.py", "a/x.py", 1},
    {"a/**/*.py", "a/b/c/x.py", 1},
    {"a/**/*.py", "a/b/c/x.pyc", 0},
    {"**/**/x", "x", 1},
    {"**/**/x", "a/b/c/x", 1},
    {"a**b", "a/x/b", 1},
    {"a***b", "a/x/b", 1},
    {"by_*.py", "by_text.py", 1},
    {"by_*.py", "by_text.pyc", 0},
    {"[ab]", "a", 0},
    {"[ab]", "[ab]", 1},
    {"\\*", "\\x", 1},
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (glob_match(rows[i].pattern, rows[i].text) != rows[i].matches) {
            fail_msg("%s against %s", rows[i].pattern, rows[i].text);
        }
    }
}

/* 500 stars against 1,000 letters: hours for a backtracker. */
static void no_explosion(void **state)
{
    char pattern[GLOB_BYTES_MAX + 2];
    char text[GLOB_BYTES_MAX + 2];

    (void)state;
    for (size_t i = 0; i < 1000; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    memcpy(pattern + 1000, "b", 2);
    memset(text, 'a', 1000);
    text[1000] = '\0';
    assert_false(glob_match(pattern, text));
    for (size_t i = 0; i < 999; i += 3) {
        memcpy(pattern + i, "**/", 3);
    }
    memcpy(pattern + 999, "b", 2);
    for (size_t i = 1; i < 1000; i += 2) {
        text[i] = '/';
    }
    assert_false(glob_match(pattern, text));
}

static void too_long(void **state)
{
    char text[GLOB_BYTES_MAX + 2];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[GLOB_BYTES_MAX] = '\0';
    assert_true(glob_match("*", text));
    assert_true(glob_match(text, text));
    text[GLOB_BYTES_MAX] = 'a';
    text[GLOB_BYTES_MAX + 1] = '\0';
    assert_false(glob_match("*", text));
    assert_false(glob_match(text, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table),
                                       cmocka_unit_test(no_explosion),
                                       cmocka_unit_test(too_long)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
