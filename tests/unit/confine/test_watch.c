/* A process is watched while it installs a filter: only exactly the wanted bytes,
 * in memory of its own, count; and uids of two kernels are never the same. */
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base.h"

#include "kernel/confine/host.h"
#include "kernel/confine/spawn.h"
#include "kernel/confine/watch.h"

enum kind {
    GOOD,
    OTHER_BYTES,  /* one instruction differs */
    SHARED_BYTES, /* right, in memory that another process may write */
    WITH_FLAGS,
    TOO_LONG,    /* refused by the host: no such program */
    NO_CALL,     /* exits instead */
    OTHER_CALLS, /* more than it may make before */
    KINDS_N
};

static struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
/* Its first jump leads past the end: nobody installs that. */
static struct sock_filter broken[] = {
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 9, 9),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

NORETURN static void child_run(enum kind kind, int sock)
{
    struct sock_fprog program = {.len = ARRAY_N(code), .filter = code};
    char go;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        _exit(9);
    }
    if (kind == OTHER_BYTES) {
        code[0].k = 4;
    }
    if (kind == SHARED_BYTES) {
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) {
            _exit(9);
        }
        memcpy(p, code, sizeof(code));
        program.filter = p;
    }
    if (kind == TOO_LONG) {
        program.filter = broken;
    }
    if (write(sock, "r", 1) != 1 || read(sock, &go, 1) != 1 ||
        kind == NO_CALL) {
        _exit(7);
    }
    if (kind == OTHER_CALLS) {
        (void)getppid();
        (void)getppid();
    }
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
            kind == WITH_FLAGS ? SECCOMP_FILTER_FLAG_LOG : 0, &program);
    _exit(write(sock, "d", 1) == 1 ? 0 : 9);
}

/* What watching such a child comes to; 100 + errno when it is not reached. */
static int watch_kind(enum kind kind)
{
    struct filter want = {kind == TOO_LONG ? broken : code, ARRAY_N(code)};
    struct probe p;
    char byte;
    int pair[2];
    int pidfd;
    int got;
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid = fork();
    if (pid == 0) {
        child_run(kind, pair[1]);
    }
    assert_true(pid > 0);
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(pidfd >= 0);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(probe_begin(&p, pid, pidfd, 1), 0);
    assert_int_equal(write(pair[0], "g", 1), 1);
    got = watch_reach(&p, 1) == 0 ? watch_install(&p, &want) : 100 + errno;
    assert_int_equal(probe_end(&p) < 0, got == 100 + ESRCH);
    if (got == 0) {
        assert_int_equal(read(pair[0], &byte, 1), 1);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(pidfd);
    close(pair[0]);
    close(pair[1]);
    return got;
}

static void test_only_the_wanted_bytes(void **state)
{
    (void)state;
    assert_int_equal(watch_kind(GOOD), 0);
    assert_int_equal(watch_kind(OTHER_BYTES), WATCH_E_OTHER);
    assert_int_equal(watch_kind(SHARED_BYTES), WATCH_E_OTHER);
    assert_int_equal(watch_kind(WITH_FLAGS), WATCH_E_OTHER);
    assert_int_equal(watch_kind(TOO_LONG), WATCH_E_FAILED);
}

static void test_nothing_else_before(void **state)
{
    int got;

    (void)state;
    got = watch_kind(NO_CALL);
    assert_true(got == 100 + ESRCH || got == 100 + EBADMSG);
    assert_int_equal(watch_kind(OTHER_CALLS), 100 + EBADMSG);
}

static void test_it_is_known_how(void **state)
{
    int needed = watch_is_needed();

    (void)state;
    assert_true(needed == 0 || needed == 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it left no child */
}

static void test_uids_are_held_alone(void **state)
{
    struct host h[3];
    struct diag d;

    (void)state;
    for (int i = 0; i < 3; i++) {
        host_init(&h[i]);
        diag_init(&d);
        assert_int_equal(host_check(&h[i], &d), 0);
        assert_true(h[i].landlock_abi >= LANDLOCK_ABI_MIN);
        for (int k = 0; k < i; k++) {
            assert_true(h[i].uid_base >= h[k].uid_base + UID_SLOT ||
                        h[k].uid_base >= h[i].uid_base + UID_SLOT);
        }
    }
    for (int i = 0; i < 3; i++) {
        host_release(&h[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_wanted_bytes),
        cmocka_unit_test(test_nothing_else_before),
        cmocka_unit_test(test_it_is_known_how),
        cmocka_unit_test(test_uids_are_held_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
