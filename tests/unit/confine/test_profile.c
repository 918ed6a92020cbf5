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

/* The profile as text, the content of policy/profiles/NAME.profile. */
static int rule_print(const struct rule *r, const char *call, struct buf *out)
{
    if (r->action == RULE_ERRNO) {
        TRY(buf_putf(out, "errno %d  %s", r->error, call));
    } else {
        TRY(buf_putf(out, "allow    %s", call));
    }
    for (unsigned i = 0; i < r->args_n; i++) {
        TRY(buf_putf(out, "%s arg%u & %#llx == %#llx", i == 0 ? " if" : " and",
                     r->args[i].arg_i, (unsigned long long)r->args[i].mask,
                     (unsigned long long)r->args[i].value));
    }
    return buf_putf(out, "\n");
}

static int list_print(const char *title, struct rule_list l, struct buf *out)
{
    TRY(buf_putf(out, "\n[%s]\n", title));
    for (size_t i = 0; i < l.n; i++) {
        for (const char *const *c = l.rules[i].calls; *c != NULL; c++) {
            TRY(rule_print(&l.rules[i], *c, out));
        }
    }
    return 0;
}

static int limits_print(const struct profile *p, struct buf *out)
{
    const struct profile_limits *l = &p->limits;

    return buf_putf(
        out,
        "\n[limits]\ncpu %llus\naddress_space %llu\nof_the_image %llu\n"
        "file %llu\n"
        "processes %llu\nfiles %llu\nstack %llu\nwork %llu\nshared %llu\n"
        "core 0\nmemlock 0\nmsgqueue 0\n",
        (unsigned long long)l->cpu_s, (unsigned long long)l->as_bytes,
        (unsigned long long)l->as_extra_bytes,
        (unsigned long long)l->file_bytes, (unsigned long long)l->processes,
        (unsigned long long)l->files, (unsigned long long)l->stack_bytes,
        (unsigned long long)l->work_bytes, (unsigned long long)l->share_bytes);
}

static int profile_print(const struct profile *p, struct buf *out)
{
    static const char *const titles[PROFILE_LISTS_N] = {
        "worker: final filter", "zygote: start of the image",
        "zygote: its loop", "zygote: a worker giving rights up",
        "zygote: making a worker"};

    TRY(buf_putf(out,
                 "# Confinement of class %s, as kernel/confine has it. Made "
                 "by a test;\n# do not edit. A call without a rule that holds "
                 "kills the process; of\n# several that hold, one that allows "
                 "wins.\n\n[root]\n%s\n",
                 p->name,
                 p->own_root
                     ? "tmpfs, read-only; declared paths bound read-only; "
                       "/work, /tmp, /dev/null"
                     : "tmpfs, empty, read-only"));
    TRY(limits_print(p, out));
    for (size_t i = 0; i < PROFILE_LISTS_N; i++) {
        TRY(list_print(titles[i], *p->lists[i], out));
    }
    return 0;
}

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
    assert_non_null(profile_find("cml"));
    assert_null(profile_find("confi"));
    assert_null(profile_find(""));
    assert_true(profile_find("program")->own_root);
    assert_false(profile_find("model")->own_root);
    assert_false(profile_find("cml")->own_root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_the_tables),
        cmocka_unit_test(test_classes_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
