/* Words about endings: the same for the same bytes, and nothing unprintable. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/run/ending.h"

static struct ubytes text(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static void test_texts(void **state)
{
    Proctor__BatchReply r = PROCTOR__BATCH_REPLY__INIT;
    char out[160];

    (void)state;
    r.ending = PROCTOR__ENDING__ENDING_EXITED;
    r.detail = 3;
    ending_text(&r, 17, 4096, out, sizeof(out));
    assert_string_equal(out, "exited with status 3 after 17 of 4096 answers");
    r.ending = PROCTOR__ENDING__ENDING_KILLED;
    r.detail = SIGSYS;
    ending_text(&r, 0, 1, out, sizeof(out));
    assert_string_equal(out, "was killed by signal 31 (a forbidden system "
                             "call) after 0 of 1 answers");
    assert_false(ending_is_time(&r));
    r.detail = SIGXCPU;
    assert_true(ending_is_time(&r));
    r.ending = PROCTOR__ENDING__ENDING_ERROR;
    r.detail = 1;
    ending_text(&r, 2, 9, out, sizeof(out));
    assert_string_equal(out, "ended in error: out of fuel after 2 of 9 answers");
    for (uint32_t e = 0; e < 40; e++) {
        r.ending = e;
        r.detail = UINT32_MAX;
        ending_text(&r, UINT32_MAX, UINT32_MAX, out, sizeof(out));
        assert_true(strlen(out) > 20 && strlen(out) < sizeof(out));
    }
}

static void last(const char *in, int skip_note, const char *want)
{
    char out[32];

    ending_last_line(text(in), skip_note, out, sizeof(out));
    assert_string_equal(out, want);
}

static void test_last_line(void **state)
{
    (void)state;
    last("", 0, "");
    last("\n\n  \n", 0, "");
    last("one", 0, "one");
    last("one\ntwo\n", 0, "two");
    last("one\ntwo\n\n \t\n", 0, "two");
    last("a\x1b[31mb\xff", 0, "a?[31mb?");
    last("0123456789012345678901234567890123456789", 0,
         "0123456789012345678901234567890");
    last("Error: x\nproctor: ended with status 1\n", 1, "Error: x");
    last("Error: x\nproctor: ended with status 1\n", 0,
         "proctor: ended with status 1");
    last("proctor: ended\n", 1, "proctor: ended");
    last("\n\nproctor: ended\n", 1, "proctor: ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_last_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
