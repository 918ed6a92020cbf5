/* Runnables: equal specs give equal CIDs, what differs gives another; what is not
 * granted or not there is refused; tables answer by look-up. */
#include "fixture.h"

#include "kernel/run/runnable.h"

struct host {
    struct programs programs;
    struct files files;
    struct program program;
    struct file file[2];
    struct type takes;
    struct type gives;
};

static void host_make(struct fixture *f, struct host *h)
{
    struct type u32;

    memset(h, 0, sizeof(*h));
    h->program.name = pb_str("python3");
    h->program.path = pb_str("/bin/true"); /* any file that does not change */
    h->programs = (struct programs){&h->program, 1};
    h->file[0].name = pb_str("a.py");
    h->file[1].name = pb_str("tool");
    for (int i = 0; i < 2; i++) {
        h->file[i].there = 1;
        h->file[i].mode = 0444;
        assert_int_equal(store_put(f->c.store, text(h->file[i].name),
                                   &h->file[i].cid),
                         0);
    }
    h->files.v = h->file;
    h->files.n = 2;
    assert_int_equal(type_from_name("u32", &u32), 0);
    assert_int_equal(type_tuple_of(&u32, 1, &h->takes), 0);
    h->gives = u32;
}

static int put(struct fixture *f, const struct host *h,
               const Proctor__ProgramSpec *s, struct cid *out)
{
    struct runnable_program p = {.spec = s,
                                 .takes = {h->takes.b, h->takes.n},
                                 .gives = {h->gives.b, h->gives.n},
                                 .files = &h->files,
                                 .programs = &h->programs};

    diag_init(&f->d);
    return runnable_put_program(&f->c, &p, out, &f->d);
}

static void test_identity(void **state)
{
    struct fixture *f = *state;
    Proctor__ProgramSpec s = PROCTOR__PROGRAM_SPEC__INIT;
    char *files[] = {pb_str("tool"), pb_str("./a.py"), pb_str("tool")};
    struct runnable *r = NULL;
    struct host h;
    struct cid a;
    struct cid b;

    host_make(f, &h);
    s.function_file = pb_str("a.py");
    s.function_name = pb_str("f");
    assert_int_equal(put(f, &h, &s, &a), 0);
    s.function_file = pb_str("./a.py"); /* another spelling, the same thing */
    assert_int_equal(put(f, &h, &s, &b), 0);
    assert_true(cid_is_equal(&a, &b));
    s.function_name = pb_str("g");
    assert_int_equal(put(f, &h, &s, &b), 0);
    assert_false(cid_is_equal(&a, &b));
    s.function_name = pb_str("f");
    s.files = files;
    s.n_files = 3;
    assert_int_equal(put(f, &h, &s, &b), 0);
    assert_false(cid_is_equal(&a, &b));
    /* Its program is not, byte for byte, the one on this host. */
    assert_int_equal(runnable_load(&f->c, &b, &r, &f->d), ERR_NOT_FOUND);
    assert_null(r);
}

static void test_own_file(void **state)
{
    struct fixture *f = *state;
    Proctor__ProgramSpec s = PROCTOR__PROGRAM_SPEC__INIT;
    char *run[] = {pb_str("./tool"), pb_str("-x")};
    struct runnable *r = NULL;
    struct host h;
    struct cid cid;

    host_make(f, &h);
    s.run = run;
    s.n_run = 2;
    assert_int_equal(put(f, &h, &s, &cid), 0);
    assert_int_equal(runnable_load(&f->c, &cid, &r, &f->d), 0);
    assert_int_equal(r->roots.n, 0); /* sees nothing of the host */
    assert_int_equal(r->task.n_argv, 2);
    assert_string_equal(r->task.argv[0], "./tool");
    assert_int_equal(r->task.n_files, 1);
    assert_memory_equal(r->task.files[0]->content.data, "tool", 4);
    assert_int_equal(r->m->program.len, 0);
    runnable_free(r);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    Proctor__ProgramSpec s = PROCTOR__PROGRAM_SPEC__INIT;
    char *run[] = {pb_str("perl")};
    struct host h;
    struct cid cid;

    host_make(f, &h);
    s.run = run;
    s.n_run = 1;
    assert_int_equal(put(f, &h, &s, &cid), ERR_REFUSED);
    assert_non_null(strstr(f->d.what, "perl"));
    run[0] = pb_str("/bin/true"); /* granted by its name, not by its path */
    assert_int_equal(put(f, &h, &s, &cid), ERR_REFUSED);
    run[0] = pb_str("./absent");
    assert_int_equal(put(f, &h, &s, &cid), ERR_NOT_FOUND);
    s.n_run = 0;
    assert_int_equal(put(f, &h, &s, &cid), ERR_INPUT);
}

/* n values made by put from 3 * i, or that plus add, stored as an object. */
static void put_rows(struct fixture *f, const struct host *h, int tuple,
                     uint32_t n, uint64_t add, struct cid *out)
{
    struct values_builder w;
    struct buf b;

    assert_int_equal(values_builder_init(&w, 1 << 20), 0);
    buf_init(&b, 64);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&b);
        if (tuple) {
            assert_int_equal(value_put_tuple(&b, 1), 0);
        }
        assert_int_equal(
            value_put_int(&b, &h->gives, (n - i) * 3 % (n + 1) + add), 0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&b)), 0);
    }
    assert_int_equal(
        store_put(f->c.store, values_builder_bytes(&w), out), 0);
    buf_release(&b);
    values_builder_release(&w);
}

static void test_table(void **state)
{
    struct fixture *f = *state;
    enum { ROWS = 1000 };
    struct runnable *r = NULL;
    struct ubytes got;
    struct host h;
    struct cid inputs;
    struct cid outputs;
    struct cid cid;
    uint8_t unknown[] = {9, 0, 0, 0, 1, 3, 0x84, 0xff, 0xff, 0xff, 0xff};

    host_make(f, &h);
    put_rows(f, &h, 1, ROWS, 0, &inputs);
    put_rows(f, &h, 0, ROWS, 7, &outputs);
    assert_int_equal(
        runnable_put_table(&f->c, &inputs, &outputs,
                           (struct ubytes){h.takes.b, h.takes.n},
                           (struct ubytes){h.gives.b, h.gives.n}, &cid),
        0);
    assert_int_equal(runnable_load(&f->c, &cid, &r, &f->d), 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct ubytes want = values_at(&r->outputs, i);

        assert_true(runnable_lookup(r, values_at(&r->inputs, i), &got));
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.p, want.p, want.n);
    }
    assert_false(runnable_lookup(
        r, (struct ubytes){unknown, sizeof(unknown)}, &got));
    assert_false(runnable_lookup(r, (struct ubytes){unknown, 0}, &got));
    runnable_free(r);
    /* More inputs than outputs is no table. */
    put_rows(f, &h, 0, ROWS - 1, 7, &outputs);
    assert_int_equal(
        runnable_put_table(&f->c, &inputs, &outputs,
                           (struct ubytes){h.takes.b, h.takes.n},
                           (struct ubytes){h.gives.b, h.gives.n}, &cid),
        0);
    assert_int_equal(runnable_load(&f->c, &cid, &r, &f->d), ERR_ENCODING);
}

#define WITH(test)                                                             \
    cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_identity), WITH(test_own_file), WITH(test_refused),
        WITH(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
