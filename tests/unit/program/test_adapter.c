/* adapter.py through the harness: values of every type there and back, one call
 * per line, hostile and clumsy functions, and the speed of simple calls. Runs
 * as process 1 of a pid namespace of its own (see test_harness.c). */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "workers/program/harness.h"
#include "workers/lib/json.h"
#include "workers/program/tree.h"

static char work_dir[] = "/tmp/proctor-adapter-XXXXXX";

struct job {
    Proctor__ProgramTask task;
    Proctor__File file, helper;
    Proctor__File *files[2];
    char *argv[1];
    struct type takes, gives;
    struct program p;
    struct values inputs;
    struct batch_result result;
};

/* A type of the text forms used here, each built by hand. */
static struct type type_of(const char *name)
{
    struct type t, u32, parts[2];

    if (type_from_name(name, &t) == 0) {
        return t;
    }
    assert_int_equal(type_from_name("u32", &u32), 0);
    parts[0] = u32;
    if (strcmp(name, "[u32]") == 0) {
        return type_list_of(&u32);
    }
    if (strcmp(name, "[bytes]") == 0) {
        assert_int_equal(type_from_name("bytes", &t), 0);
        return type_list_of(&t);
    }
    assert_string_equal(name, "(u32, [(u32, bytes)])");
    assert_int_equal(type_from_name("bytes", &parts[1]), 0);
    assert_int_equal(type_tuple_of(parts, 2, &t), 0);
    parts[1] = type_list_of(&t);
    assert_int_equal(type_tuple_of(parts, 2, &t), 0);
    return t;
}

static void job_init(struct job *j, const char *source, const char *takes,
                     const char *gives)
{
    struct type arg = type_of(takes);

    memset(j, 0, sizeof(*j));
    j->task = (Proctor__ProgramTask)PROCTOR__PROGRAM_TASK__INIT;
    j->file = (Proctor__File)PROCTOR__FILE__INIT;
    j->helper = j->file;
    assert_int_equal(type_tuple_of(&arg, 1, &j->takes), 0);
    j->gives = type_of(gives);
    j->task.takes.data = j->takes.b;
    j->task.takes.len = j->takes.n;
    j->task.gives.data = j->gives.b;
    j->task.gives.len = j->gives.n;
    j->argv[0] = (char *)(uintptr_t) "/usr/bin/python3";
    j->task.argv = j->argv;
    j->task.n_argv = 1;
    j->file.name = (char *)(uintptr_t) "code.py";
    j->file.mode = 0444;
    j->file.content.data = (uint8_t *)(uintptr_t)source;
    j->file.content.len = strlen(source);
    j->helper.name =
        (char *)(uintptr_t) "json.py"; /* named like a module of ours */
    j->helper.mode = 0444;
    j->helper.content.data = (uint8_t *)(uintptr_t) "ten = 10\n";
    j->helper.content.len = 9;
    j->files[0] = &j->file;
    j->files[1] = &j->helper;
    j->task.files = j->files;
    j->task.n_files = 2;
    j->task.function_file = j->file.name;
    j->task.function_name = (char *)(uintptr_t) "f";
    j->task.output_bytes = 1 << 24;
    values_init(&j->inputs);
}

/* lines: the arguments as JSON, "[1]", NULL-terminated; times: how often. */
static void job_inputs(struct job *j, const char *const *lines, uint32_t times)
{
    struct values_builder w;
    struct json_error e;
    struct buf v;

    assert_int_equal(values_builder_init(&w, LIMIT_BATCH_BYTES), 0);
    buf_init(&v, 1 << 20);
    for (uint32_t i = 0; i < times; i++) {
        for (size_t k = 0; lines[k] != NULL; k++) {
            struct ubytes line = {(const uint8_t *)lines[k], strlen(lines[k])};

            assert_int_equal(json_read(line, &j->takes, &v, &e), 0);
            assert_int_equal(values_builder_add(&w, buf_bytes(&v)), 0);
        }
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
    alarm(120);
    assert_int_equal(batch_run(&j->p, &j->inputs, &j->result), 0);
    alarm(0);
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

/* f(input) must print as `expected`; NULL: the call must not give an answer. */
static void check(const char *takes, const char *gives, const char *source,
                  const char *input, const char *expected)
{
    const char *const lines[] = {input, NULL};
    struct job j;
    struct values answers;
    struct buf text;

    job_init(&j, source, takes, gives);
    job_inputs(&j, lines, 1);
    job_run(&j);
    values_init(&answers);
    buf_init(&text, 1 << 20);
    assert_int_equal(values_decode(&answers,
                                   values_builder_bytes(&j.result.answers),
                                   &j.gives, LIMIT_BATCH_VALUES),
                     0);
    if (values_n(&answers) > 0) {
        assert_int_equal(
            value_put_json(&text, values_at(&answers, 0), &j.gives), 0);
    }
    assert_int_equal(buf_put_u8(&text, 0), 0);
    if ((expected == NULL) != (values_n(&answers) == 0) ||
        (expected != NULL &&
         strcmp((const char *)buf_bytes(&text).p, expected) != 0)) {
        fail_msg("%s: ending %d, got %s, expected %s, text %s", source,
                 j.result.ending, buf_bytes(&text).p,
                 expected == NULL ? "nothing" : expected, job_text(&j));
    }
    buf_release(&text);
    values_release(&answers);
    job_release(&j);
}

static void test_types(void **state)
{
    (void)state;
    check("u32", "u32", "def f(x): return x + 1", "[41]", "42");
    check("i64", "i64", "def f(x): return -x", "[9223372036854775807]",
          "-9223372036854775807");
    check("bool", "bool", "def f(x): return not x", "[true]", "false");
    check("f64", "f64", "def f(x): return x / 3", "[1]", "0.3333333333333333");
    check("f64", "string", "def f(x): return type(x).__name__", "[3]",
          "\"float\"");
    check("f32", "f32", "def f(x): return x / 3", "[1]", "0.33333334");
    check("f32", "f32", "def f(x): return 1.000000059604644775390625", "[1]",
          "1.0");
    check("string", "string", "def f(x): return x + '\\n\\U0001f600\"'",
          "[\"\u00e9\"]", "\"\xc3\xa9\\n\xf0\x9f\x98\x80\\\"\"");
    check("bytes", "bytes", "def f(x): return x[::-1]", "[\"00ff10\"]",
          "\"10ff00\"");
    check("[u32]", "[u32]", "def f(x): return sorted(x)", "[[3,1,2]]",
          "[1,2,3]");
    check("[bytes]", "[u32]", "def f(x): return [len(y) for y in x]",
          "[[\"\",\"0011\"]]", "[0,2]");
    check("(u32, [(u32, bytes)])", "(u32, [(u32, bytes)])",
          "def f(x):\n"
          "    assert type(x) is tuple and type(x[1]) is list\n"
          "    assert type(x[1][0]) is tuple and type(x[1][0][1]) is bytes\n"
          "    return (x[0], [(a + 1, b + b) for a, b in x[1]])",
          "[[7,[[1,\"aa\"],[2,\"\"]]]]", "[7,[[2,\"aaaa\"],[3,\"\"]]]");
}

static void test_refused_answers(void **state)
{
    (void)state;
    check("u32", "u32", "def f(x): return None", "[1]", NULL);
    check("u32", "u32", "def f(x): return True", "[1]", NULL);
    check("u32", "u32", "def f(x): return 1.0", "[1]", NULL);
    check("u32", "u32", "def f(x): return '1'", "[1]", NULL);
    check("u32", "u32", "def f(x): return -1", "[1]", NULL);
    check("u32", "u32", "def f(x): return 2**32", "[1]", NULL);
    check("u32", "bool", "def f(x): return 1", "[1]", NULL);
    check("u32", "bytes", "def f(x): return 'ab'", "[1]", NULL);
    check("u32", "string", "def f(x): return '\\ud800'", "[1]", NULL);
    check("u32", "f64", "def f(x): return float('nan')", "[1]", NULL);
    check("u32", "f32", "def f(x): return 1e39", "[1]", NULL);
    check("u32", "[u32]", "def f(x): return {1}", "[1]", NULL);
    check("u32", "u32", "def g(x): return 1", "[1]", NULL);
    check("u32", "u32", "f = 3", "[1]", NULL);
    check("u32", "u32", "this is no python", "[1]", NULL);
    check("u32", "u32",
          "class E(int):\n    def __str__(s): return '1\\n2'\n"
          "def f(x): return E(5)",
          "[1]", "5");
}

static void test_surroundings(void **state)
{
    (void)state;
    check("u32", "u32",
          "import sys, os\nprint('{\"at\": \"import\"}')\n"
          "def f(x):\n    print('hello')\n    os.write(1, b'999\\n')\n"
          "    assert sys.stdin.read() == ''\n    return x",
          "[5]", "5");
    check("u32", "u32", "import json\ndef f(x): return json.ten", "[5]", "10");
    check("u32", "string", "def f(x): return __name__ + __file__[-8:]", "[5]",
          "\"code/code.py\"");
}

static void test_stops_where_it_raised(void **state)
{
    const char *const lines[] = {"[0]", "[1]", "[2]", "[3]", NULL};
    struct job j;

    (void)state;
    job_init(&j, "def f(x): return 10 // (2 - x)", "u32", "u32");
    job_inputs(&j, lines, 1);
    job_run(&j);
    assert_int_equal(j.result.ending, PROCTOR__ENDING__ENDING_EXITED);
    assert_int_equal(j.result.detail, 1);
    assert_int_equal(values_builder_n(&j.result.answers), 2);
    assert_non_null(strstr(job_text(&j), "ZeroDivisionError"));
    job_release(&j);
    job_init(&j, "import os\ndef f(x): return os._exit(0) if x == 2 else x",
             "u32", "u32");
    job_inputs(&j, lines, 1);
    job_run(&j);
    assert_int_equal(j.result.ending, PROCTOR__ENDING__ENDING_EXITED);
    assert_int_equal(j.result.detail, 0);
    assert_int_equal(values_builder_n(&j.result.answers), 2);
    job_release(&j);
}

/* Processor time of us and of all programs so far, seconds. */
static double cpu_seconds(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double seconds = 0;

    for (size_t i = 0; i < ARRAY_N(whose); i++) {
        struct rusage u;

        assert_int_equal(getrusage(whose[i], &u), 0);
        seconds += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                   1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return seconds;
}

/* Goal: 50,000 calls a second, end to end. A quarter is asked for here, of
 * processor time: shared machines, sanitizers. */
static void test_speed(void **state)
{
    const char *const lines[] = {"[0]", "[4294967295]", "[77777]", "[5]", NULL};
    struct job j;
    double seconds;

    (void)state;
    job_init(&j, "def f(x): return x ^ 1", "u32", "u32");
    job_inputs(&j, lines, LIMIT_BATCH_VALUES / 4);
    seconds = cpu_seconds();
    for (int i = 0; i < 5; i++) {
        job_run(&j);
        assert_int_equal(j.result.ending, PROCTOR__ENDING__ENDING_OK);
        assert_int_equal(values_builder_n(&j.result.answers),
                         LIMIT_BATCH_VALUES);
        batch_result_release(&j.result);
        program_release(&j.p);
    }
    seconds = cpu_seconds() - seconds;
    print_message("%.0f calls per second of processor time, harness and a "
                  "fresh process per %u included\n",
                  5.0 * LIMIT_BATCH_VALUES / seconds, LIMIT_BATCH_VALUES);
    assert_true(5.0 * LIMIT_BATCH_VALUES / seconds > 12500);
    memset(&j.result, 0, sizeof(j.result));
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types), cmocka_unit_test(test_refused_answers),
        cmocka_unit_test(test_surroundings),
        cmocka_unit_test(test_stops_where_it_raised),
        cmocka_unit_test(test_speed)};

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
