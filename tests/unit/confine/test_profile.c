/* policy/profiles/ shows to people what the kernel's tables say. With
 * PROCTOR_WRITE_PROFILES set, writes them anew instead of comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "kernel/confine/profile.h"

static void path_of(const struct profile *p, char *out, size_t n)
{
    snprintf(out, n, "%s/policy/profiles/%s.profile", TEST_SOURCE_DIR, p->name);
}

static void profile_write(const char *path, struct ubytes text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

static void profile_compare(const char *path, struct ubytes text)
{
    char *file = malloc(text.n + 2);
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    assert_non_null(file);
    n = fread(file, 1, text.n + 1, f);
    fclose(f);
    if (n != text.n || memcmp(file, text.p, n) != 0) {
        free(file);
        fail_msg("%s is not what the kernel has; run this test with "
                 "PROCTOR_WRITE_PROFILES=1 and review the difference",
                 path);
    }
    free(file);
}

static void test_files_are_the_tables(void **state)
{
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        struct buf b;
        char path[512];

        buf_init(&b, 1u << 20);
        assert_int_equal(profile_print(p, &b), 0);
        path_of(p, path, sizeof(path));
        if (getenv("PROCTOR_WRITE_PROFILES") != NULL) {
            profile_write(path, buf_bytes(&b));
        } else {
            profile_compare(path, buf_bytes(&b));
        }
        buf_release(&b);
    }
}

static void test_classes_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(profile_find("config"), profile_at(0));
    assert_non_null(profile_find("program"));
    assert_non_null(profile_find("model"));
    assert_null(profile_find("confi"));
    assert_null(profile_find(""));
    assert_true(profile_find("program")->own_root);
    assert_false(profile_find("model")->own_root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_the_tables),
        cmocka_unit_test(test_classes_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
