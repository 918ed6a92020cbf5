/* A person's memory of heads: the largest stays, whatever comes later. */
#include "fixture.h"

#include "cli/published.h"
#include "cli/seen.h"

/* A folder for the memory, through the environment as in life. */
static void remember_in(const struct fixture *f, const char *below)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, below);
    assert_int_equal(setenv("XDG_STATE_HOME", path, 1), 0);
}

static void test_keeps_the_largest(void **state)
{
    struct checkpoint got;
    struct published p;
    struct fixture f;
    struct diag d;

    (void)state;
    fixture_usual(&f);
    remember_in(&f, "state");
    published_init(&p);
    diag_init(&d);
    assert_int_equal(published_read(f.dir, &p, &d), 0);
    assert_true(p.at.size == f.size);
    assert_int_equal(seen_load(p.at.origin, &got, &d), ERR_NOT_FOUND);
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), 0);
    assert_int_equal(seen_load(p.at.origin, &got, &d), 0);
    assert_true(got.size == f.size);
    assert_memory_equal(got.root.b, p.at.root.b, 32);
    /* A smaller one, and another of the same size, change nothing. */
    p.at.size--;
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), 0);
    p.at.size++;
    p.at.root.b[0] ^= 1;
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), 0);
    assert_int_equal(seen_load(p.at.origin, &got, &d), 0);
    assert_true(got.size == f.size);
    assert_int_not_equal(got.root.b[0], p.at.root.b[0]);
    assert_int_equal(seen_load("proctor/fedcba9876543210", &got, &d),
                     ERR_NOT_FOUND);
    published_release(&p);
    fixture_release(&f);
}

static void test_no_place(void **state)
{
    struct checkpoint got;
    struct published p;
    struct fixture f;
    struct diag d;

    (void)state;
    fixture_usual(&f);
    published_init(&p);
    diag_init(&d);
    assert_int_equal(published_read(f.dir, &p, &d), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), ERR_ACCESS);
    assert_non_null(strstr(d.what, "HOME"));
    diag_init(&d);
    assert_int_equal(seen_load(p.at.origin, &got, &d), ERR_ACCESS);
    /* A folder above it that is not there is not made. */
    diag_init(&d);
    remember_in(&f, "no/such");
    assert_int_equal(seen_load(p.at.origin, &got, &d), ERR_NOT_FOUND);
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), ERR_NOT_FOUND);
    assert_non_null(strstr(d.what, "not remembered"));
    /* $HOME without XDG_STATE_HOME. */
    diag_init(&d);
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(setenv("HOME", f.dir, 1), 0);
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), 0);
    assert_int_equal(seen_load(p.at.origin, &got, &d), 0);
    published_release(&p);
    fixture_release(&f);
}

/* What stands in the file but is no head of this log is said, not believed. */
static void test_foreign_file(void **state)
{
    static const char *const bytes[] = {
        "", "x", "proctor/fedcba9876543210\n1\n", "\xff\n1\n\n"};
    struct checkpoint got;
    struct published p;
    struct fixture f;
    struct diag d;
    char command[512];
    size_t i;

    (void)state;
    fixture_usual(&f);
    remember_in(&f, "state");
    published_init(&p);
    diag_init(&d);
    assert_int_equal(published_read(f.dir, &p, &d), 0);
    assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), 0);
    for (i = 0; i < ARRAY_N(bytes); i++) {
        (void)snprintf(command, sizeof(command),
                       "printf '%s' | tee %s/state/proctor/heads/* >/dev/null",
                       bytes[i], f.dir);
        assert_int_equal(system(command), 0);
        diag_init(&d);
        assert_int_equal(seen_load(p.at.origin, &got, &d), ERR_INPUT);
        assert_non_null(strstr(d.hint, "heads/"));
        assert_int_equal(seen_keep(&p.at, buf_bytes(&p.note), &d), ERR_INPUT);
    }
    published_release(&p);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_largest),
        cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_foreign_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
