/* Diagnoses: the caret stands below its byte, long and hostile lines are cut
 * and escaped, a missing file costs only the excerpt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"
#include "proto/err.h"

static struct ubytes text(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static void test_places(void **state)
{
    char line[4 * REPORT_WIDTH + 8];
    size_t indent;

    (void)state;
    assert_true(report_excerpt(text("one\ntwo three\n"), 2, 5, line, &indent));
    assert_string_equal(line, "two three");
    assert_int_equal(indent, 4);
    assert_true(report_excerpt(text("last"), 1, 99, line, &indent));
    assert_int_equal(indent, 4); /* past the end: behind the last byte */
    assert_false(report_excerpt(text("one\n"), 2, 1, line, &indent));
    assert_false(report_excerpt(text("one\n"), 0, 0, line, &indent));
    assert_false(report_excerpt(text(""), 1, 1, line, &indent));
}

static void test_tabs_and_utf8(void **state)
{
    char line[4 * REPORT_WIDTH + 8];
    size_t indent;

    (void)state;
    /* Column 6 in bytes, behind a tab and a two-byte letter. */
    assert_true(report_excerpt(text("\t\xc3\xa9: x\r\n"), 1, 6, line, &indent));
    assert_string_equal(line, " \xc3\xa9: x");
    assert_int_equal(indent, 4);
}

static void test_hostile(void **state)
{
    char line[4 * REPORT_WIDTH + 8];
    size_t indent;

    (void)state;
    assert_true(report_excerpt(text("a\x1b[2J\xff b"), 1, 8, line, &indent));
    assert_null(strchr(line, '\x1b'));
    assert_null(strchr(line, '\xff'));
    assert_true(indent > 7); /* escapes are wider than their bytes */
    assert_int_equal(line[indent], 'b');
}

static void test_long_line(void **state)
{
    char line[4 * REPORT_WIDTH + 8];
    char *longest = malloc(5001);
    size_t indent;

    (void)state;
    assert_non_null(longest);
    memset(longest, 'x', 5000);
    longest[5000] = '\0';
    longest[4000] = 'Y';
    assert_true(report_excerpt(text(longest), 1, 4001, line, &indent));
    assert_int_equal(line[indent], 'Y');
    assert_true(strlen(line) <= REPORT_WIDTH);
    free(longest);
}

/* What report_print writes for a diagnosis. */
static void print(const struct diag *d, char *out, size_t n)
{
    FILE *f = fmemopen(out, n, "w");

    assert_non_null(f);
    report_print(f, d, 0, "proctor-graph");
    (void)fclose(f);
}

static void test_print(void **state)
{
    char path[] = "/tmp/proctor-report.XXXXXX";
    char want[400];
    char got[1000] = "";
    int fd = mkstemp(path);
    struct diag d;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "version: 1\ntaks: []\n", 20), 20);
    close(fd);
    diag_init(&d);
    (void)diag_set(&d, ERR_INPUT, (struct loc){path, 2, 1},
                   "unknown key \"taks\"");
    diag_hint(&d, "did you mean \"tasks\"?");
    print(&d, got, sizeof(got));
    (void)snprintf(want, sizeof(want),
                   "%s:2:1: error: unknown key \"taks\"\n"
                   "     2 | taks: []\n       | ^\n"
                   "hint: did you mean \"tasks\"?\nsee:  man proctor-graph\n",
                   path);
    assert_string_equal(got, want);
    unlink(path);
    memset(got, 0, sizeof(got));
    print(&d, got, sizeof(got));
    assert_null(strchr(got, '|'));
    assert_non_null(strstr(got, "error: unknown key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places), cmocka_unit_test(test_tabs_and_utf8),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_print)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
