/* harness.c, child.c, program.c with hostile programs. The whole test runs as
 * process 1 of a pid namespace of its own, as the worker does: kill(-1) is only
 * safe there. A program that would hang the harness ends the test by alarm. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "workers/program/harness.h"
#include "workers/program/tree.h"

static char work_dir[] = "/tmp/proctor-harness-XXXXXX";

struct job {
    Proctor__ProgramTask task;
    Proctor__File files[2];
    Proctor__File *file_list[2];
    char *argv[4];
    struct type takes, gives;
    struct program p;
    struct values inputs;
    struct batch_result result;
};

static struct type scalar(const char *name)
{
    struct type t;

    assert_int_equal(type_from_name(name, &t), 0);
    return t;
}

static void job_init(struct job *j, const char *takes, const char *gives)
{
    struct type arg = scalar(takes);

    memset(j, 0, sizeof(*j));
    j->task = (Proctor__ProgramTask)PROCTOR__PROGRAM_TASK__INIT;
    assert_int_equal(type_tuple_of(&arg, 1, &j->takes), 0);
    j->gives = scalar(gives);
    j->task.takes.data = j->takes.b;
    j->task.takes.len = j->takes.n;
    j->task.gives.data = j->gives.b;
    j->task.gives.len = j->gives.n;
    j->task.argv = j->argv;
    j->task.files = j->file_list;
    j->task.output_bytes = 1 << 24;
    values_init(&j->inputs);
}

static void job_file(struct job *j, const char *name, unsigned mode,
                     const char *content)
{
    Proctor__File *f = &j->files[j->task.n_files];

    *f = (Proctor__File)PROCTOR__FILE__INIT;
    f->name = (char *)(uintptr_t)name;
    f->mode = mode;
    f->content.data = (uint8_t *)(uintptr_t)content;
    f->content.len = strlen(content);
    j->file_list[j->task.n_files++] = f;
}

static void job_argv(struct job *j, const char *a, const char *b, const char *c)
{
    const char *const words[] = {a, b, c};

    j->task.n_argv = 0;
    for (size_t i = 0; i < 3 && words[i] != NULL; i++) {
        j->argv[j->task.n_argv++] = (char *)(uintptr_t)words[i];
    }
}

/* Inputs 0 .. n-1 as tuples of one u32. */
static void job_numbers(struct job *j, uint32_t n)
{
    struct values_builder w;
    struct type u32 = scalar("u32");
    struct buf v;

    assert_int_equal(values_builder_init(&w, 1 << 22), 0);
    buf_init(&v, 64);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&v);
        assert_int_equal(value_put_tuple(&v, 1), 0);
        assert_int_equal(value_put_int(&v, &u32, i), 0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&v)), 0);
    }
    assert_int_equal(values_decode(&j->inputs, values_builder_bytes(&w),
                                   &j->takes, LIMIT_BATCH_VALUES),
                     0);
    values_builder_release(&w);
    buf_release(&v);
}

static void job_run(struct job *j)
{
    struct diag d;

    diag_init(&d);
    if (program_init(&j->p, &j->task, work_dir, &d) != 0 ||
        program_place(&j->p, NULL, &d) != 0) {
        fail_msg("%s", d.what);
    }
    alarm(60);
    assert_int_equal(batch_run(&j->p, &j->inputs, &j->result), 0);
    alarm(0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody left */
    assert_int_equal(errno, ECHILD);
}

static void job_release(struct job *j)
{
    program_release(&j->p);
    values_release(&j->inputs);
    batch_result_release(&j->result);
}

static const char *job_text(const struct job *j)
{
    static char text[LIMIT_WORKER_TEXT + 1];

    memcpy(text, j->result.text, j->result.text_n);
    text[j->result.text_n] = '\0';
    return text;
}

#define ANY UINT32_MAX

/* Runs a shell script over n numbers; checks how it ended. */
static void check_script(const char *script, uint32_t n, Proctor__Ending ending,
                         uint32_t detail, uint32_t answers)
{
    struct job j;

    job_init(&j, "u32", "u32");
    job_numbers(&j, n);
    job_argv(&j, "/bin/sh", "-c", script);
    job_run(&j);
    if (j.result.ending != ending ||
        (detail != ANY && j.result.detail != detail) ||
        (answers != ANY && values_builder_n(&j.result.answers) != answers)) {
        fail_msg("%s: ending %d detail %u answers %u, text %s", script,
                 j.result.ending, j.result.detail,
                 values_builder_n(&j.result.answers), job_text(&j));
    }
    job_release(&j);
}

#define OK PROCTOR__ENDING__ENDING_OK
#define EXITED PROCTOR__ENDING__ENDING_EXITED
#define KILLED PROCTOR__ENDING__ENDING_KILLED
#define MALFORMED PROCTOR__ENDING__ENDING_MALFORMED
#define TOO_MANY PROCTOR__ENDING__ENDING_TOO_MANY
#define FLOOD PROCTOR__ENDING__ENDING_FLOOD
#define NO_START PROCTOR__ENDING__ENDING_NO_START
#define NONFINITE PROCTOR__ENDING__ENDING_NONFINITE

#define ECHO "while read -r l; do l=${l#[}; echo ${l%]}; done"

static void test_good(void **state)
{
    (void)state;
    check_script(ECHO, 3, OK, 0, 3);
    check_script(ECHO, 0, OK, 0, 0);
    check_script(ECHO "; exit 7", 3, OK, 7, 3); /* counts decide, no status */
    check_script("sed 's/[][]//g'", LIMIT_BATCH_VALUES, OK, 0,
                 LIMIT_BATCH_VALUES);
    check_script("cat >/dev/null; echo 1; echo 2", 2, OK, 0, 2); /* late */
    check_script("echo 1; echo 2; cat >/dev/null", 2, OK, 0, 2); /* early */
    check_script("echo 1; echo 2", 2, OK, 0, 2); /* reads nothing */
}

static void test_ends_early(void **state)
{
    (void)state;
    check_script("exit 0", 3, EXITED, 0, 0);
    check_script("exit 9", 3, EXITED, 9, 0);
    check_script("echo 5; exit 3", 3, EXITED, 3, 1);
    check_script("exec >&-; exit 4", 1, EXITED, 4, 0);
    check_script("echo 1; kill -SEGV $$", 3, KILLED, SIGSEGV, 1);
    check_script("kill -KILL $$", 3, KILLED, SIGKILL, 0);
    check_script("echo 1; exec >&- 2>&-; sleep 0.1; exit 6", 2, EXITED, 6, 1);
    check_script("printf 12; exit 1", 1, MALFORMED, 0, 0);
    check_script("printf 12; kill -KILL $$", 1, KILLED, SIGKILL, 0);
}

static void test_bad_lines(void **state)
{
    struct job j;

    (void)state;
    check_script("echo 1; echo x; sleep 1000", 3, MALFORMED, 0, 1);
    check_script("echo; sleep 1000", 3, MALFORMED, 0, 0);
    check_script("printf '1\\0\\n'; sleep 1000", 3, MALFORMED, 0, 0);
    check_script("printf '\\377\\n'; sleep 1000", 3, MALFORMED, 0, 0);
    check_script("echo -1; sleep 1000", 3, MALFORMED, 0, 0);
    check_script("echo 4294967296; sleep 1000", 3, MALFORMED, 0, 0);
    check_script("echo '{\"pass\": true}'; sleep 1000", 1, MALFORMED, 0, 0);
    check_script("echo 1; echo 2; echo 3; sleep 1000", 2, TOO_MANY, 0, 2);
    check_script("echo 1; printf 2", 1, TOO_MANY, 0, 1);
    check_script("echo 1; echo", 1, TOO_MANY, 0, 1);
    job_init(&j, "u32", "f32");
    job_numbers(&j, 2);
    job_argv(&j, "/bin/sh", "-c",
             "echo hello >&2; echo 1.5; echo NaN; sleep 99");
    job_run(&j);
    assert_int_equal(j.result.ending, NONFINITE);
    assert_int_equal(values_builder_n(&j.result.answers), 1);
    assert_non_null(strstr(job_text(&j), "hello\nproctor: line 2"));
    job_release(&j);
}

static void test_floods(void **state)
{
    (void)state;
    check_script("yes 1", 4096, TOO_MANY, 0, 4096);
    check_script("tr '\\0' 1 </dev/zero", 1, FLOOD, 0, 0);
    check_script("tr '\\0' 1 </dev/zero >&2", 1, FLOOD, 0, 0);
}

static void test_leftovers(void **state)
{
    struct timespec a, b;

    (void)state;
    /* A daemon that holds every pipe: nobody waits for it. */
    check_script("(setsid sh -c 'sleep 1000' &) ; echo 1", 1, OK, 0, 1);
    check_script(
        "(setsid sh -c 'while :; do echo 1; sleep 1; done' &) ; exit 5", 4096,
        EXITED, 5, ANY);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &a), 0);
    check_script("for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo 1", 1,
                 OK, 0, 1);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &b), 0);
    assert_true(b.tv_sec - a.tv_sec < 30);
    /* Signals to us, process 1, go nowhere. */
    check_script(
        "kill -KILL 1; kill -TERM 1; kill -STOP 1; kill -CHLD 1; echo 1", 1, OK,
        0, 1);
}

static void test_no_start(void **state)
{
    struct job j;

    (void)state;
    job_init(&j, "u32", "u32");
    job_numbers(&j, 1);
    job_argv(&j, "/no/such/program", NULL, NULL);
    job_run(&j);
    assert_int_equal(j.result.ending, NO_START);
    assert_int_equal(j.result.detail, ENOENT);
    assert_non_null(strstr(job_text(&j), "/no/such/program"));
    job_release(&j);
    job_init(&j, "u32", "u32");
    job_numbers(&j, 1);
    job_file(&j, "data", 0444, "#!/bin/sh\necho 1\n");
    job_argv(&j, "./data", NULL, NULL);
    job_run(&j);
    assert_int_equal(j.result.ending, NO_START);
    assert_int_equal(j.result.detail, EACCES);
    job_release(&j);
    job_init(&j, "u32", "u32");
    job_numbers(&j, 1);
    job_file(&j, "sub/run", 0555, "#!/bin/sh\necho 1\n");
    job_argv(&j, "./sub/run", NULL, NULL);
    job_run(&j);
    assert_int_equal(j.result.ending, OK);
    job_release(&j);
}

/* What a program sees of us: three pipes, four variables, default signals. */
static void test_surroundings(void **state)
{
    struct job j;
    int secret = open("/dev/null", O_RDONLY); /* not close-on-exec: our leak */
    int high = fcntl(secret, F_DUPFD, 700);

    (void)state;
    assert_true(secret >= 0 && high >= 700);
    job_init(&j, "u32", "u32");
    job_numbers(&j, 1);
    job_argv(&j, "/bin/sh", "-c",
             "i=3; while [ $i -lt 800 ]; do"
             " if [ -e /dev/fd/$i ] && (: <&$i) 2>/dev/null; then"
             " echo open $i >&2; fi; i=$((i+1)); done;"
             " env | sort >&2; pwd >&2; trap >&2; echo 1");
    job_run(&j);
    assert_int_equal(j.result.ending, OK);
    assert_null(strstr(job_text(&j), "open"));
    assert_non_null(strstr(job_text(&j), "LANG=C.UTF-8\nPATH=/usr/bin:/bin\n"
                                         "PWD="));
    assert_null(strstr(job_text(&j), "HOME"));
    assert_non_null(strstr(job_text(&j), work_dir));
    job_release(&j);
    (void)close(secret);
    (void)close(high);
}

/* Nothing of one process reaches the next. */
static void test_second_batch(void **state)
{
    struct job j;
    struct diag d;

    (void)state;
    diag_init(&d);
    job_init(&j, "u32", "u32");
    job_numbers(&j, 1);
    job_file(&j, "a.sh", 0444,
             "[ -e left ] && exit 9\nmkdir -p left/x/y; echo 1 > left/x/y/z\n"
             "ln -s / left/x/root\nchmod 0 left/x/y left\nrm -f a.sh\n"
             "echo 'echo 2' > a.sh\necho 1\nchmod 0 .\n");
    job_argv(&j, "/bin/sh", "a.sh", NULL);
    job_run(&j);
    assert_int_equal(j.result.ending, OK);
    batch_result_release(&j.result);
    assert_int_equal(program_place(&j.p, NULL, &d), 0);
    assert_int_equal(batch_run(&j.p, &j.inputs, &j.result), 0);
    assert_int_equal(j.result.ending, OK);
    job_release(&j);
    assert_int_equal(access("/bin/sh", X_OK), 0);
}

static void test_tree_too_deep(void **state)
{
    struct job j;
    struct diag d;

    (void)state;
    diag_init(&d);
    job_init(&j, "u32", "u32");
    job_numbers(&j, 1);
    job_argv(&j, "/bin/sh", "-c",
             "i=0; while [ $i -lt 100 ]; do mkdir d; cd d; i=$((i+1)); done;"
             " echo 1");
    job_run(&j);
    assert_int_equal(program_place(&j.p, NULL, &d), ERR_LIMIT);
    assert_int_equal(d.code, ERR_LIMIT);
    job_release(&j);
    assert_int_equal(chdir(work_dir), 0);
    assert_int_equal(system("rm -rf d"), 0);
    assert_int_equal(chdir("/"), 0);
}

/* Every path that a batch can take gives back what it took. malloc keeps a few
 * chunks of each size; the smallest leak, 40 times, is more than what may still
 * vary after warming up. */
static void test_no_leak(void **state)
{
    size_t before = 0;

    (void)state;
    for (int round = 0; round < 50; round++) {
        check_script(ECHO, 20, OK, 0, 20);
        check_script("echo 5; exit 3", 3, EXITED, 3, 1);
        check_script("echo x", 3, MALFORMED, 0, 0);
        check_script("echo 1; echo 2", 1, TOO_MANY, 0, 1);
        if (round == 10) {
            before = mallinfo2().uordblks;
        }
    }
    assert_true(mallinfo2().uordblks < before + 39 * 32);
}

static void refuses_task(const char *file, unsigned mode, const char *argv0)
{
    struct job j;
    struct diag d;

    diag_init(&d);
    job_init(&j, "u32", "u32");
    job_file(&j, file, mode, "x");
    job_argv(&j, argv0, NULL, NULL);
    assert_int_equal(program_init(&j.p, &j.task, work_dir, &d), ERR_INPUT);
    assert_true(d.what[0] != '\0');
    job_release(&j);
}

static void test_task_refused(void **state)
{
    static const char *const names[] = {"",  "/x",  "../x", "a/../x", "a//b",
                                        ".", "a/.", "a/",   "a\nb",   "./x"};
    struct job j;
    struct diag d;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        refuses_task(names[i], 0444, "/bin/sh");
    }
    refuses_task("x", 0644, "/bin/sh");
    refuses_task("x", 04555, "/bin/sh");
    refuses_task("x", 0444, "sh");
    diag_init(&d);
    job_init(&j, "u32", "u32");
    job_file(&j, "same", 0444, "x");
    job_file(&j, "same", 0444, "y");
    job_argv(&j, "/bin/sh", NULL, NULL);
    assert_int_equal(program_init(&j.p, &j.task, work_dir, &d), ERR_INPUT);
    job_release(&j);
    job_init(&j, "u32", "u32");
    job_argv(&j, "/bin/sh", NULL, NULL);
    j.task.takes.len--;
    assert_int_equal(program_init(&j.p, &j.task, work_dir, &d), ERR_INPUT);
    job_release(&j);
    job_init(&j, "u32", "u32");
    job_argv(&j, "/bin/sh", NULL, NULL);
    j.task.function_file = (char *)(uintptr_t) "f.py";
    j.task.function_name = (char *)(uintptr_t) "f";
    assert_int_equal(program_init(&j.p, &j.task, work_dir, &d), ERR_INPUT);
    job_release(&j);
}

/* Runs in a child of ours; its child is process 1. Both leave by _exit: the
 * leak checker cannot stop a process from inside another pid namespace. */
NORETURN static void middle(int (*run)(void))
{
    int status = 0;
    pid_t pid;

    if (unshare(CLONE_NEWPID) != 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        perror("a pid namespace is needed");
        _exit(1);
    }
    pid = fork();
    if (pid == 0) {
        int code = run();

        (void)fflush(NULL);
        _exit(code);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        _exit(1);
    }
    _exit(WEXITSTATUS(status));
}

static int as_process_one(int (*run)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        middle(run);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return 1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void on_alarm(int number)
{
    static const char text[] = "the harness hangs\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(1);
}

static int run_all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good),
                                       cmocka_unit_test(test_ends_early),
                                       cmocka_unit_test(test_bad_lines),
                                       cmocka_unit_test(test_floods),
                                       cmocka_unit_test(test_leftovers),
                                       cmocka_unit_test(test_no_start),
                                       cmocka_unit_test(test_surroundings),
                                       cmocka_unit_test(test_second_batch),
                                       cmocka_unit_test(test_tree_too_deep),
                                       cmocka_unit_test(test_no_leak),
                                       cmocka_unit_test(test_task_refused)};

    (void)signal(SIGALRM, on_alarm); /* process 1 has no default action */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    int code;

    if (mkdtemp(work_dir) == NULL) {
        return 1;
    }
    code = as_process_one(run_all);
    if (tree_empty(work_dir) != 0 || rmdir(work_dir) != 0) {
        return 1;
    }
    return code;
}
