/* serve.c: the conversation over a socket, with the server as process 1 of a
 * pid namespace of its own. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/share.h"
#include "proto/value.h"
#include "worker.pb-c.h"

#include "workers/program/serve.h"
#include "workers/program/tree.h"

static char work_dir[] = "/tmp/proctor-serve-XXXXXX";
static struct type takes, gives;
static uint8_t *share;

/* One call of unshare serves one fork only: in a child of its own. */
static void serve_in_namespace(int s)
{
    int status;
    pid_t pid;

    if (unshare(CLONE_NEWPID) != 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        perror("a pid namespace is needed");
        _exit(99);
    }
    pid = fork();
    if (pid == 0) {
        _exit(program_serve(s, share, work_dir, NULL));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        _exit(98);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
}

static int start_server(pid_t *out_pid)
{
    int s[2];

    /* Our end is close-on-exec; the server's is not: it must see to that. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    share = mmap(NULL, SHARE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(share != MAP_FAILED);
    *out_pid = fork();
    assert_true(*out_pid >= 0);
    if (*out_pid == 0) {
        (void)close(s[0]);
        serve_in_namespace(s[1]);
    }
    (void)close(s[1]);
    return s[0];
}

static int stop_server(int s, pid_t pid)
{
    int status;

    (void)close(s);
    (void)munmap(share, SHARE_BYTES);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* True when ready. */
static int send_task(int s, const char *script, const char *file_name)
{
    Proctor__ProgramTask task = PROCTOR__PROGRAM_TASK__INIT;
    Proctor__File file = PROCTOR__FILE__INIT;
    Proctor__File *files[] = {&file};
    char *argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t)script};
    const Proctor__TaskReady *r;
    struct frame f;
    int ready;

    task.argv = argv;
    task.n_argv = 3;
    task.takes.data = takes.b;
    task.takes.len = takes.n;
    task.gives.data = gives.b;
    task.gives.len = gives.n;
    task.output_bytes = 1 << 20;
    file.name = (char *)(uintptr_t)file_name;
    file.mode = 0444;
    file.content.data = (uint8_t *)(uintptr_t) "7\n";
    file.content.len = 2;
    task.files = files;
    task.n_files = 1;
    assert_int_equal(frame_send(s, MSG_PROGRAM_TASK, &task.base, NULL, 0), 0);
    frame_init(&f);
    assert_int_equal(frame_receive(s, MSG_FROM_WORKER, &f), 0);
    assert_int_equal(f.info->msg, MSG_TASK_READY);
    r = (const Proctor__TaskReady *)f.m;
    ready = r->problem == NULL;
    assert_true(ready || r->problem->what[0] != '\0');
    frame_release(&f);
    return ready;
}

/* One batch of one input; its ending. *out_answers: how many. */
static uint32_t send_batch(int s, uint32_t id, uint32_t *out_answers)
{
    Proctor__Batch batch = PROCTOR__BATCH__INIT;
    const Proctor__BatchReply *r;
    struct type u32;
    struct values_builder w;
    struct values answers;
    struct ubytes in;
    struct buf v;
    struct frame f;
    uint32_t ending;

    assert_int_equal(type_from_name("u32", &u32), 0);
    buf_init(&v, 64);
    assert_int_equal(values_builder_init(&w, 1 << 10), 0);
    assert_int_equal(value_put_tuple(&v, 1), 0);
    assert_int_equal(value_put_int(&v, &u32, 5), 0);
    assert_int_equal(values_builder_add(&w, buf_bytes(&v)), 0);
    in = values_builder_bytes(&w);
    batch.id = id;
    memcpy(share + SHARE_INPUTS, in.p, in.n);
    batch.inputs_bytes = (uint32_t)in.n;
    assert_int_equal(frame_send(s, MSG_BATCH, &batch.base, NULL, 0), 0);
    frame_init(&f);
    assert_int_equal(frame_receive(s, MSG_FROM_WORKER, &f), 0);
    assert_int_equal(f.info->msg, MSG_BATCH_REPLY);
    r = (const Proctor__BatchReply *)f.m;
    assert_int_equal(r->id, id);
    ending = r->ending;
    values_init(&answers);
    assert_int_equal(
        values_decode(&answers,
                      (struct ubytes){share + SHARE_OUTPUTS, r->outputs_bytes},
                      &gives, LIMIT_BATCH_VALUES),
        0);
    *out_answers = values_n(&answers);
    values_release(&answers);
    frame_release(&f);
    values_builder_release(&w);
    buf_release(&v);
    return ending;
}

static void test_batches(void **state)
{
    uint32_t answers;
    pid_t pid;
    int s = start_server(&pid);

    (void)state;
    /* Answers with the file's content; leaves a trace that must be gone. */
    assert_true(
        send_task(s, "[ -e trace ] && exit 1; : > trace; cat a/b", "a/b"));
    for (uint32_t id = 1; id <= 3; id++) {
        assert_int_equal(send_batch(s, id, &answers),
                         PROCTOR__ENDING__ENDING_OK);
        assert_int_equal(answers, 1);
    }
    assert_int_equal(stop_server(s, pid), 0);
}

/* A program that looks for the channel finds no descriptor but its three. */
static void test_channel_is_private(void **state)
{
    uint32_t answers;
    pid_t pid;
    int s = start_server(&pid);

    (void)state;
    assert_true(send_task(s,
                          "for i in 3 4 5 6 7 8 9; do"
                          " (: <&$i) 2>/dev/null && exit 1;"
                          " (: >&$i) 2>/dev/null && exit 1; done; echo 1",
                          "x"));
    assert_int_equal(send_batch(s, 1, &answers), PROCTOR__ENDING__ENDING_OK);
    assert_int_equal(answers, 1);
    assert_int_equal(stop_server(s, pid), 0);
}

static void test_refusals(void **state)
{
    Proctor__Batch batch = PROCTOR__BATCH__INIT;
    pid_t pid;
    int s = start_server(&pid);

    (void)state;
    assert_false(send_task(s, "echo 1", "../out"));
    assert_int_equal(stop_server(s, pid), 0);
    s = start_server(&pid);
    assert_int_equal(frame_send(s, MSG_BATCH, &batch.base, NULL, 0), 0);
    assert_int_equal(stop_server(s, pid), 1);
    s = start_server(&pid);
    assert_int_equal(stop_server(s, pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_channel_is_private),
        cmocka_unit_test(test_refusals)};
    struct type u32;
    int code;

    if (mkdtemp(work_dir) == NULL || type_from_name("u32", &u32) != 0 ||
        type_tuple_of(&u32, 1, &takes) != 0) {
        return 1;
    }
    gives = u32;
    code = cmocka_run_group_tests(tests, NULL, NULL);
    if (tree_empty(work_dir) != 0 || rmdir(work_dir) != 0) {
        return 1;
    }
    return code;
}
