/* The reader of written profiles: takes what profile_print writes and nothing
 * that it does not wholly understand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <stdio.h>

#include "tests/proof/table.h"

#define HEAD "# text\n[root]\nanything\n\n[worker: final filter]\n"

static uint32_t answer(const struct table *t, int zygote, int nr, uint64_t arg)
{
    const struct seccomp_data d = {
        .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = {arg, arg}};

    return table_answer(t, zygote, &d);
}

static void test_rules_are_read(void **state)
{
    struct table t;
    const struct seccomp_data foreign = {.nr = 0, .arch = AUDIT_ARCH_I386};

    (void)state;
    assert_int_equal(
        table_parse(HEAD "allow    read\n"
                         "errno 13  open\n"
                         "allow    mmap if arg0 & 0x4 == 0x4 and arg1 & 0xff "
                         "== 0x14\n"
                         "errno 1  lseek\nallow    lseek if arg0 & 0x1 == 0\n"
                         "[zygote: loop]\nallow    close\n",
                    &t),
        0);
    assert_int_equal(t.n, 6);
    assert_int_equal(answer(&t, 0, 0, 7), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&t, 0, 2, 7), SECCOMP_RET_ERRNO | 13);
    assert_int_equal(answer(&t, 0, 9, 0x14), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&t, 0, 9, 0x15), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(answer(&t, 0, 9, 0x10), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(answer(&t, 0, 8, 1), SECCOMP_RET_ERRNO | 1);
    assert_int_equal(answer(&t, 0, 8, 2), SECCOMP_RET_ALLOW);
    assert_int_equal(answer(&t, 0, 3, 0), SECCOMP_RET_KILL_PROCESS);
    assert_int_equal(answer(&t, 1, 3, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(table_answer(&t, 0, &foreign), SECCOMP_RET_KILL_PROCESS);
    assert_null(table_rule_of(&t, 0, 3));
    assert_non_null(table_rule_of(&t, 1, 3));
    table_release(&t);
}

static void test_other_lines_are_refused_by_number(void **state)
{
    static const char *const bad[] = {
        "allow    no_such_call\n",
        "allow\n",
        "Allow    read\n",
        "errno    read\n",
        "errno 0  read\n",
        "errno 5000  read\n",
        "kill     read\n",
        "allow    read if\n",
        "allow    read if arg6 & 0x1 == 0\n",
        "allow    read if arg1 & 0x1 == 0x2\n", /* never holds */
        "allow    read and arg1 & 0x1 == 0\n",
        "allow    read if arg1 & 0x1 == 0 or arg2 & 0x1 == 0\n",
        "allow    read if arg1 & 0x1 == 0 if arg2 & 0x1 == 0\n",
        ("allow    read if arg1 & 0x1 == 0 and arg2 & 0x1 == 0 and "
         "arg3 & 0x1 == 0\n"),
        "[workers]\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        char text[300];
        struct table t;

        snprintf(text, sizeof(text), HEAD "allow    read\n%s", bad[i]);
        assert_int_equal(table_parse(text, &t), 7);
        table_release(&t);
    }
}

static void test_nothing_to_read_is_an_error(void **state)
{
    struct table t;

    (void)state;
    assert_int_equal(table_parse("", &t), -1);
    assert_int_equal(table_parse(HEAD, &t), -1);
    assert_int_equal(table_parse("allow    read\n", &t), 1);
    assert_int_equal(table_parse("[zygote: x]\nallow    read\n", &t), -1);
    table_release(&t);
    assert_int_equal(table_load("/no/such/file", &t), -1);
}

static void test_numbers_are_those_of_the_host(void **state)
{
    (void)state;
    assert_int_equal(table_call_number("read"), 0);
    assert_int_equal(table_call_number("execve"), 59);
    assert_int_equal(table_call_number("clone3"), 435);
    assert_int_equal(table_call_number("clone4"), -1);
    assert_string_equal(table_call_name(231), "exit_group");
    assert_null(table_call_name(2047));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_are_read),
        cmocka_unit_test(test_other_lines_are_refused_by_number),
        cmocka_unit_test(test_nothing_to_read_is_an_error),
        cmocka_unit_test(test_numbers_are_those_of_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
