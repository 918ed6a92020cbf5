/* Programs of a policy: found along the fixed path, followed, hashed; a missing
 * one is named with its grant; roots are what exists and nothing else. */
#include "fixture.h"

#include "kernel/run/program.h"

struct policy {
    Proctor__Policy p;
    Proctor__Grant g[2];
    Proctor__Grant *gp[2];
    char *words[2][2];
};

static void policy_make(struct policy *p, const char *a, const char *b)
{
    proctor__policy__init(&p->p);
    for (int i = 0; i < 2; i++) {
        proctor__grant__init(&p->g[i]);
        p->g[i].programs = p->words[i];
        p->gp[i] = &p->g[i];
    }
    p->words[0][0] = pb_str(a);
    p->g[0].n_programs = a != NULL;
    p->words[1][0] = pb_str(b);
    p->g[1].n_programs = b != NULL;
    p->p.grants = p->gp;
    p->p.n_grants = 2;
}

static void test_resolve(void **state)
{
    struct fixture *f = *state;
    char real[4096];
    struct programs programs;
    struct policy p;
    size_t grant;

    assert_non_null(realpath("/bin/sh", real));
    assert_int_equal(setenv("PATH", f->dir, 1), 0); /* must not matter */
    programs_init(&programs);
    policy_make(&p, "sh", "/bin/sh");
    assert_int_equal(
        programs_resolve(&programs, &p.p, f->c.store, &grant, &f->d), 0);
    assert_int_equal(programs.n, 2);
    assert_string_equal(programs.v[0].path, real);
    assert_string_equal(programs.v[1].path, real);
    assert_true(cid_is_equal(&programs.v[0].cid, &programs.v[1].cid));
    assert_true(store_has(f->c.store, &programs.v[0].cid));
    assert_int_equal(programs.v[1].grant_i, 1);
    assert_ptr_equal(programs_find(&programs, "sh"), &programs.v[0]);
    assert_null(programs_find(&programs, real));
    programs_release(&programs);
    assert_int_equal(setenv("PATH", "/usr/bin:/bin", 1), 0);
}

static void missing(struct fixture *f, const char *name)
{
    struct programs programs;
    struct policy p;
    size_t grant = 9;

    programs_init(&programs);
    policy_make(&p, "sh", name);
    diag_init(&f->d);
    assert_int_equal(programs_resolve(&programs, &p.p, NULL, &grant, &f->d),
                     ERR_REFUSED);
    assert_int_equal(grant, 1);
    assert_non_null(strstr(f->d.what, name));
    programs_release(&programs);
}

static void test_missing(void **state)
{
    struct fixture *f = *state;

    missing(f, "no-such-program-anywhere");
    missing(f, "");
    missing(f, "../bin/sh");
    missing(f, "/etc/passwd"); /* cannot be executed */
    missing(f, "/tmp");        /* a folder */
}

static void test_roots(void **state)
{
    struct program_roots r;
    int own = 0;

    (void)state;
    assert_int_equal(program_roots("/usr/bin/env", &r), 0);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.v[i][0], '/');
        assert_int_equal(access(r.v[i], F_OK), 0);
        assert_string_not_equal(r.v[i], "/usr/lib");
        assert_string_not_equal(r.v[i], "/usr/lib/");
        assert_string_not_equal(r.v[i], "/usr/share/");
        own += strcmp(r.v[i], "/usr/bin/env") == 0;
    }
    assert_int_equal(own, 1);
    program_roots_release(&r);
    assert_int_equal(program_roots("/nowhere/at/all", &r), 0);
    program_roots_release(&r);
}

#define WITH(test)                                                             \
    cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {WITH(test_resolve), WITH(test_missing),
                                       WITH(test_roots)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
