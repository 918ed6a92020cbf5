/* Which range of subordinate ids is the person's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/lift.h"

/* "@" stands for our uid. */
static struct lift_range range_of(const char *text)
{
    char path[] = "/tmp/lift-XXXXXX";
    struct lift_range r;
    int fd = mkstemp(path);
    FILE *f;

    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    assert_non_null(f);
    for (; *text != '\0'; text++) {
        if (*text == '@') {
            fprintf(f, "%u", (unsigned)getuid());
        } else {
            fputc(*text, f);
        }
    }
    fclose(f);
    r = lift_range(path);
    unlink(path);
    return r;
}

static void test_ranges(void **state)
{
    struct lift_range r;

    (void)state;
    r = range_of("nobody-else:5:9\n@:100000:65536\n");
    assert_int_equal(r.first, 100000);
    assert_int_equal(r.count, 65536);
    r = range_of("@:1:10\n@:700:4096\n@:9000:5\n"); /* the largest */
    assert_int_equal(r.first, 700);
    assert_int_equal(r.count, 4096);
    r = range_of("@:100000:4000000\n"); /* no more than are of use */
    assert_int_equal(r.count, 65536);
    r = range_of("somebody:100000:65536\n\n:\n@\n@:x:y\n");
    assert_int_equal(r.count, 0);
    r = lift_range("/nonexistent/subuid");
    assert_int_equal(r.count, 0);
}

static void test_rights_and_ways_agree(void **state)
{
    (void)state;
    assert_int_equal(lift_way() == LIFT_NONE, lift_lacks() == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_rights_and_ways_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
