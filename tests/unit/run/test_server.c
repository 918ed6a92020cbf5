/* The phases of the client's socket: what comes out of turn is refused by name,
 * tables are answered, and the kernel's part ends when the client goes. */
#include "fixture.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kernel/run/server.h"
#include "proto/frame.h"

#include "kernel.pb-c.h"

struct client {
    int sock;
    pid_t pid;
};

/* Serves one client in a child, as main.c does; status 0 = served well. */
static void child(int sock, const char *store)
{
    struct core c;
    sigset_t set;
    int signal_fd;
    int code;

    alarm(60);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    code = core_init(&c, store, TEST_BIN_DIR);
    if (code == 0) {
        code = server_run(&c, sock, signal_fd);
    }
    if (code == 0) {
        code = core_release(&c);
    }
    _exit(code == 0 ? 0 : 1);
}

static struct client serve(const char *store)
{
    struct client c;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    c.pid = fork();
    assert_true(c.pid >= 0);
    if (c.pid == 0) {
        close(pair[0]);
        child(pair[1], store);
    }
    close(pair[1]);
    c.sock = pair[0];
    return c;
}

/* It ended, and well. */
static void gone(struct client *c)
{
    int status;

    if (c->sock >= 0) {
        close(c->sock);
    }
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void hear(struct client *c, enum msg want, struct frame *f)
{
    frame_init(f);
    assert_int_equal(frame_receive(c->sock, MSG_FROM_KERNEL, f), 0);
    assert_int_equal(f->info->msg, want);
}

static void hear_breach(struct client *c)
{
    struct frame f;

    hear(c, MSG_DIAGNOSIS, &f);
    assert_int_equal(((Proctor__Diagnosis *)f.m)->code, ERR_PROTOCOL);
    frame_release(&f);
    frame_init(&f);
    assert_int_equal(frame_receive(c->sock, MSG_FROM_KERNEL, &f), ERR_CLOSED);
    frame_release(&f);
}

static void test_client_goes(void **state)
{
    struct client c = serve(NULL);

    (void)state;
    gone(&c);
}

/* A request that is answered at once: a run without its files. */
static void ask(struct client *c)
{
    Proctor__RunRequest q = PROCTOR__RUN_REQUEST__INIT;
    struct frame f;

    q.mode = PROCTOR__RUN_MODE__RUN_DRY;
    assert_int_equal(frame_send(c->sock, MSG_RUN_REQUEST, &q.base, NULL, 0), 0);
    hear(c, MSG_DIAGNOSIS, &f);
    frame_release(&f);
    hear(c, MSG_RUN_DONE, &f);
    assert_int_equal(((Proctor__RunDone *)f.m)->code, ERR_PROTOCOL);
    frame_release(&f);
}

static void test_two_requests(void **state)
{
    struct client c = serve(NULL);

    (void)state;
    ask(&c);
    ask(&c); /* one request after the other is fine */
    gone(&c);
}

static void test_files_unasked(void **state)
{
    Proctor__Files m = PROCTOR__FILES__INIT;
    struct client c = serve(NULL);

    (void)state;
    assert_int_equal(frame_send(c.sock, MSG_FILES, &m.base, NULL, 0), 0);
    hear_breach(&c);
    gone(&c);
}

static void test_interrupt_idle(void **state)
{
    Proctor__Interrupt m = PROCTOR__INTERRUPT__INIT;
    struct client c = serve(NULL);

    (void)state;
    assert_int_equal(frame_send(c.sock, MSG_INTERRUPT, &m.base, NULL, 0), 0);
    ask(&c);
    gone(&c);
}

/* Replaying is the replayer's; the kernel evaluates for it. */
static void test_replay_unserved(void **state)
{
    Proctor__ReplayRequest q = PROCTOR__REPLAY_REQUEST__INIT;
    struct client c = serve(NULL);

    (void)state;
    q.all = 1;
    assert_int_equal(frame_send(c.sock, MSG_REPLAY_REQUEST, &q.base, NULL, 0),
                     0);
    hear_breach(&c);
    gone(&c);
}

/* A question makes no store; what cannot be run is answered, not refused. */
static void test_evaluate_nothing(void **state)
{
    Proctor__EvaluateRequest q = PROCTOR__EVALUATE_REQUEST__INIT;
    struct client c = serve("/tmp/proctor-no-such-store");
    struct frame f;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        const Proctor__EvaluateDone *m;

        q.id = i;
        assert_int_equal(
            frame_send(c.sock, MSG_EVALUATE_REQUEST, &q.base, NULL, 0), 0);
        hear(&c, MSG_EVALUATE_DONE, &f);
        m = (const Proctor__EvaluateDone *)f.m;
        assert_int_equal(m->id, i);
        assert_int_equal(m->code, ERR_NOT_FOUND);
        assert_true(m->what[0] != '\0');
        frame_release(&f);
    }
    gone(&c);
    assert_int_not_equal(access("/tmp/proctor-no-such-store", F_OK), 0);
}

static void test_garbage(void **state)
{
    static const char garbage[] = "GET / HTTP/1.1\r\n\r\n";
    struct client c = serve(NULL);

    (void)state;
    assert_int_equal(write(c.sock, garbage, sizeof(garbage)), sizeof(garbage));
    gone(&c);
}

static void test_signal(void **state)
{
    struct client c = serve(NULL);
    struct frame f;

    (void)state;
    ask(&c);
    assert_int_equal(kill(c.pid, SIGTERM), 0);
    frame_init(&f);
    assert_int_equal(frame_receive(c.sock, MSG_FROM_KERNEL, &f), ERR_CLOSED);
    frame_release(&f);
    gone(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_goes),
        cmocka_unit_test(test_two_requests),
        cmocka_unit_test(test_files_unasked),
        cmocka_unit_test(test_interrupt_idle),
        cmocka_unit_test(test_replay_unserved),
        cmocka_unit_test(test_evaluate_nothing),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_signal),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
