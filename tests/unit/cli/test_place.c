/* Finding the store: option, environment, upward, new; and what is refused. */
#include "fixture.h"

#include "cli/place.h"

static char home[PATH_MAX];

/* A folder a/b/c to stand in, with nothing above it that is a store. */
static int setup(void **state)
{
    static struct fixture f;

    fixture_init(&f);
    fixture_text(&f, "a/b/c/file", "");
    assert_non_null(getcwd(home, sizeof(home)));
    (void)unsetenv("PROCTOR_STORE");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(chdir(home), 0);
    (void)unsetenv("PROCTOR_STORE");
    fixture_release(*state);
    return 0;
}

static void stand_in(const struct fixture *f, const char *folder)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, folder);
    assert_int_equal(chdir(path), 0);
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    struct place p;
    struct diag d;
    char want[PATH_MAX];

    diag_init(&d);
    stand_in(f, "a/b/c");
    assert_int_equal(place_find(NULL, &p, &d), PLACE_E_NONE);
    (void)snprintf(want, sizeof(want), "%s/a/b/c/.proctor", f->dir);
    assert_string_equal(p.path, want);
    fixture_text(f, "a/.proctor/format", "proctor store 1\n");
    assert_int_equal(place_find(NULL, &p, &d), 0);
    assert_int_equal(p.how, PLACE_UPWARD);
    (void)snprintf(want, sizeof(want), "%s/a/.proctor", f->dir);
    assert_string_equal(p.path, want);
    (void)setenv("PROCTOR_STORE", "/elsewhere", 1);
    assert_int_equal(place_find(NULL, &p, &d), 0);
    assert_string_equal(p.path, "/elsewhere");
    assert_int_equal(place_find("here", &p, &d), 0);
    assert_int_equal(p.how, PLACE_OPTION);
    (void)snprintf(want, sizeof(want), "%s/a/b/c/here", f->dir);
    assert_string_equal(p.path, want);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct place p;
    struct diag d;

    diag_init(&d);
    stand_in(f, "a/b/c");
    assert_int_equal(place_open(NULL, &p, &d), ERR_NOT_FOUND);
    assert_non_null(strstr(d.hint, "--store"));
    assert_int_equal(place_open("absent", &p, &d), ERR_NOT_FOUND);
    assert_int_equal(place_open("file", &p, &d), ERR_NOT_FOUND);
    assert_int_equal(place_open(".", &p, &d), ERR_STORE_FORMAT);
    fixture_text(f, "a/b/c/format", "proctor store 99\n");
    assert_int_equal(place_open(".", &p, &d), ERR_STORE_FORMAT);
    assert_non_null(strstr(d.what, "version"));
    fixture_text(f, "a/b/c/format", "proctor store 1\n");
    assert_int_equal(place_open(".", &p, &d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
