/* The channel: one task, one reply, in a process of its own. */
#include "tests/unit/config/ask.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/frame.h"

/* Forks a worker; returns our end, *out_pid its process. */
static int start(pid_t *out_pid)
{
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    *out_pid = fork();
    assert_true(*out_pid >= 0);
    if (*out_pid == 0) {
        close(sv[0]);
        _exit(config_serve(sv[1]));
    }
    close(sv[1]);
    return sv[0];
}

static int ending(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void one_task(void **state)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    static char text[] = "version: 1\nname: t\ntasks: [{id: a, op: x}]\n";
    struct frame f;
    pid_t pid;
    int fd = start(&pid);
    const Proctor__ConfigReply *reply;

    (void)state;
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_GRAPH;
    task.text.data = (uint8_t *)text;
    task.text.len = strlen(text);
    assert_int_equal(frame_send(fd, MSG_CONFIG_TASK, &task.base, NULL, 0), 0);
    frame_init(&f);
    assert_int_equal(frame_receive(fd, MSG_FROM_WORKER, &f), 0);
    assert_int_equal(f.info->msg, MSG_CONFIG_REPLY);
    reply = (const Proctor__ConfigReply *)f.m;
    assert_null(reply->problem);
    assert_string_equal(reply->graph->tasks[0]->id, "a");
    frame_release(&f);
    close(fd);
    assert_int_equal(ending(pid), 0);
}

static void closed_at_once(void **state)
{
    pid_t pid;
    int fd = start(&pid);

    (void)state;
    close(fd);
    assert_int_not_equal(ending(pid), 0);
}

static void another_message(void **state)
{
    Proctor__Batch batch = PROCTOR__BATCH__INIT;
    pid_t pid;
    int fd = start(&pid);

    (void)state;
    assert_int_equal(frame_send(fd, MSG_BATCH, &batch.base, NULL, 0), 0);
    assert_int_not_equal(ending(pid), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_task),
                                       cmocka_unit_test(closed_at_once),
                                       cmocka_unit_test(another_message)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
