/* The files of a run: collected from every place that names one, taken in once,
 * found by any spelling, and back again from the store. */
#include "fixture.h"

#include "kernel/run/files.h"
#include "kernel/run/program.h"

/* A graph with all kinds of names; pointers into itself. */
struct sample {
    Proctor__Graph g;
    Proctor__Task *tasks[3];
    Proctor__Task t[3];
    Proctor__ProgramSpec program, repaired, oracle;
    Proctor__ModelSpec model;
    Proctor__CmlSpec cml;
    Proctor__CmlSpec other;
    Proctor__ExamSpec exam;
    Proctor__OracleSpec first, second;
    Proctor__TableSpec table;
    Proctor__Repair repair;
    char *run[2], *files[2], *corpora[1];
};

static void sample_tasks(struct sample *s)
{
    proctor__graph__init(&s->g);
    for (int i = 0; i < 3; i++) {
        proctor__task__init(&s->t[i]);
        s->tasks[i] = &s->t[i];
    }
    s->g.tasks = s->tasks;
    s->g.n_tasks = 3;
    proctor__program_spec__init(&s->program);
    s->program.function_file = pb_str("./b.py");
    s->files[0] = pb_str("lib/c.py");
    s->files[1] = pb_str("b.py"); /* again, in another spelling */
    s->program.files = s->files;
    s->program.n_files = 2;
    s->t[0].program = &s->program;
    proctor__program_spec__init(&s->repaired);
    s->repaired.function_file = pb_str("r.py");
    proctor__repair__init(&s->repair);
    s->repair.program = &s->repaired;
    s->t[0].repair = &s->repair;
    proctor__model_spec__init(&s->model);
    s->model.weights = pb_str("w.gguf");
    s->t[1].model = &s->model;
    proctor__cml_spec__init(&s->cml);
    s->cml.file = pb_str("u.cml");
    s->t[1].cml = &s->cml;
    proctor__cml_spec__init(&s->other);
    s->other.file = pb_str("v.cml");
    s->repair.cml = &s->other;
}

static void sample_exam(struct sample *s)
{
    proctor__exam_spec__init(&s->exam);
    proctor__oracle_spec__init(&s->first);
    proctor__oracle_spec__init(&s->second);
    proctor__program_spec__init(&s->oracle);
    proctor__table_spec__init(&s->table);
    s->run[0] = pb_str("./a");
    s->run[1] = pb_str("--fast");
    s->oracle.run = s->run;
    s->oracle.n_run = 2;
    s->first.program = &s->oracle;
    s->table.csv = pb_str("t.csv");
    s->second.table = &s->table;
    s->exam.oracle = &s->first;
    s->exam.second_oracle = &s->second;
    s->corpora[0] = pb_str("words.txt");
    s->exam.corpora = s->corpora;
    s->exam.n_corpora = 1;
    s->t[2].exam = &s->exam;
}

static void test_collect(void **state)
{
    static const char *const want[] = {"a",     "b.py",  "lib/c.py", "r.py",
                                       "t.csv", "u.cml", "v.cml",    "w.gguf",
                                       "words.txt"};
    struct fixture *f = *state;
    struct files files;
    struct sample s;
    size_t task = 99;

    sample_tasks(&s);
    sample_exam(&s);
    files_init(&files);
    assert_int_equal(files_collect(&files, &s.g, &task, &f->d), 0);
    assert_int_equal(files.n, ARRAY_N(want));
    for (size_t i = 0; i < files.n; i++) {
        assert_string_equal(files.v[i].name, want[i]);
    }
    assert_ptr_equal(files_find(&files, "./lib/c.py"), &files.v[2]);
    assert_null(files_find(&files, "lib/../b.py"));
    assert_null(files_find(&files, "--fast"));
    assert_int_equal(files.v[7].max_bytes, LIMIT_WEIGHTS_FILE_BYTES);
    assert_int_equal(files.v[0].task_i, 2);
    files_release(&files);
    s.table.csv = pb_str("../t.csv");
    assert_int_equal(files_collect(&files, &s.g, &task, &f->d), ERR_INPUT);
    assert_int_equal(task, 2);
    assert_non_null(strstr(f->d.what, "../t.csv"));
    files_release(&files);
}

/* One file, filled through fd (closed here). */
static int fill(struct fixture *f, struct files *files, size_t i, int fd)
{
    int code;

    diag_init(&f->d);
    code = files_fill(files, i, fd, &f->c, &f->d);
    close(fd);
    return code;
}

static void collect_one(struct fixture *f, struct files *files)
{
    struct sample s;
    size_t task;

    sample_tasks(&s);
    s.g.n_tasks = 1;
    s.t[0].repair = NULL;
    s.program.n_files = 0;
    files_init(files);
    assert_int_equal(files_collect(files, &s.g, &task, &f->d), 0);
    assert_int_equal(files->n, 1);
}

static void test_fill_put_load(void **state)
{
    struct fixture *f = *state;
    struct programs none = {NULL, 0};
    struct files files;
    struct files again;
    struct cid inputs;
    struct cid want = cid_of(text("print(1)\n"));

    collect_one(f, &files);
    assert_int_equal(
        fill(f, &files, 0, file_open(f, "x", "print(1)\n", 0755)), 0);
    assert_int_equal(files.v[0].mode, 0555);
    assert_true(cid_is_equal(&files.v[0].cid, &want));
    assert_int_equal(files_put(&files, &none, "a/b", &f->c, &inputs), 0);
    collect_one(f, &again);
    assert_int_equal(files_load(&again, &f->c, &inputs, &f->d), 0);
    assert_true(again.v[0].there && cid_is_equal(&again.v[0].cid, &want));
    assert_int_equal(again.v[0].mode, 0555);
    files_release(&again);
    files_release(&files);
    /* A name that the list does not hold. */
    collect_one(f, &again);
    again.v[0].name[0] = 'z';
    assert_int_equal(files_load(&again, &f->c, &inputs, &f->d), ERR_NOT_FOUND);
    files_release(&again);
}

static void test_fill_refuses(void **state)
{
    struct fixture *f = *state;
    Proctor__Budgets p = PROCTOR__BUDGETS__INIT;
    struct files files;
    int fds[2];

    collect_one(f, &files);
    assert_int_equal(pipe(fds), 0);
    close(fds[1]);
    assert_int_equal(fill(f, &files, 0, fds[0]), ERR_INPUT);
    files.v[0].max_bytes = 3;
    assert_int_equal(fill(f, &files, 0, file_open(f, "x", "1234", 0644)),
                     ERR_LIMIT);
    assert_false(files.v[0].there);
    files.v[0].max_bytes = 4;
    p.bytes = 3;
    budget_set(&f->c.budget, &p);
    assert_int_equal(fill(f, &files, 0, file_open(f, "x", "1234", 0644)),
                     ERR_REFUSED);
    assert_non_null(strstr(f->d.what, "budgets.bytes"));
    p.bytes = 4;
    budget_set(&f->c.budget, &p);
    assert_int_equal(fill(f, &files, 0, file_open(f, "x", "1234", 0644)), 0);
    assert_int_equal(files.v[0].mode, 0444);
    files_release(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_collect, fixture_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(test_fill_put_load, fixture_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(test_fill_refuses, fixture_open,
                                        fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
