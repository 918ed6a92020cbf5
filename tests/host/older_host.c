/* Runs a command as it would find itself on an older or more closed host: system
 * calls answer what they would answer there. A seccomp filter does it, so it
 * holds for all that the command starts.
 *
 *   older_host RULE... -- COMMAND...
 *   CALL=ERRNO               clone3=ENOSYS
 *   CALL,ARG&MASK=ERRNO      clone,0&0x10000000=EPERM    any of these bits set
 *   CALL,ARG==VALUE=ERRNO    memfd_create,1==3=EINVAL
 *   landlock=N               the version that Landlock says it has
 *
 * Test tool; not installed. Needs no rights with no_new_privs, which it does not
 * set when it may do without. */
#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base.h"

static const struct {
    const char *name;
    int value;
} errors[] = {{"ENOSYS", ENOSYS},         {"EPERM", EPERM},
              {"EINVAL", EINVAL},         {"ENOSPC", ENOSPC},
              {"EOPNOTSUPP", EOPNOTSUPP}, {"EACCES", EACCES},
              {"ENOMEM", ENOMEM},         {"EBUSY", EBUSY}};

NORETURN static void bad(const char *what, const char *rule)
{
    fprintf(stderr, "older_host: %s: %s\n", what, rule);
    exit(125);
}

static uint32_t action_of(const char *name, const char *rule)
{
    for (size_t i = 0; i < ARRAY_N(errors); i++) {
        if (strcmp(errors[i].name, name) == 0) {
            return SCMP_ACT_ERRNO((unsigned)errors[i].value);
        }
    }
    bad("unknown error", rule);
}

/* One rule per bit of the mask: libseccomp has no "not equal, masked". */
static int bits_add(scmp_filter_ctx ctx, uint32_t action, int nr, unsigned arg,
                    uint64_t mask)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = UINT64_C(1) << i;

        if ((mask & bit) != 0 &&
            seccomp_rule_add(ctx, action, nr, 1,
                             SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bit, bit)) !=
                0) {
            return -1;
        }
    }
    return 0;
}

static void rule_add(scmp_filter_ctx ctx, const char *rule, long *landlock)
{
    char call[64];
    char end[64];
    unsigned arg;
    long long value;
    int code;
    int nr;

    if (sscanf(rule, "landlock=%ld", landlock) == 1) {
        nr = SCMP_SYS(landlock_create_ruleset);
        code = seccomp_rule_add(
            ctx, SCMP_ACT_NOTIFY, nr, 1,
            SCMP_A2(SCMP_CMP_EQ, LANDLOCK_CREATE_RULESET_VERSION, 0));
    } else if (sscanf(rule, "%63[a-z0-9_],%u&%lli=%63s", call, &arg, &value,
                      end) == 4) {
        nr = seccomp_syscall_resolve_name(call);
        code = bits_add(ctx, action_of(end, rule), nr, arg, (uint64_t)value);
    } else if (sscanf(rule, "%63[a-z0-9_],%u==%lli=%63s", call, &arg, &value,
                      end) == 4) {
        nr = seccomp_syscall_resolve_name(call);
        code =
            seccomp_rule_add(ctx, action_of(end, rule), nr, 1,
                             SCMP_CMP64(arg, SCMP_CMP_EQ, (uint64_t)value, 0));
    } else if (sscanf(rule, "%63[a-z0-9_]=%63s", call, end) == 2) {
        nr = seccomp_syscall_resolve_name(call);
        code = seccomp_rule_add(ctx, action_of(end, rule), nr, 0);
    } else {
        bad("cannot read", rule);
    }
    if (nr < 0 || code != 0) {
        bad("libseccomp does not take", rule);
    }
}

static int filter_load(scmp_filter_ctx ctx)
{
    cap_t caps = cap_get_proc();
    cap_flag_value_t admin = CAP_CLEAR;

    /* newuidmap is set-uid, which no_new_privs would stop. */
    if (caps != NULL) {
        (void)cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &admin);
        cap_free(caps);
    }
    if (admin == CAP_SET) {
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
    }
    return seccomp_load(ctx);
}

/* Answers for Landlock's version until all who could ask are gone. */
NORETURN static void serve(int fd, long version)
{
    struct seccomp_notif *q = NULL;
    struct seccomp_notif_resp *a = NULL;

    if (seccomp_notify_alloc(&q, &a) != 0) {
        _exit(125);
    }
    for (;;) {
        memset(q, 0, sizeof(*q)); /* Linux insists */
        if (seccomp_notify_receive(fd, q) != 0) {
            if (errno == EINTR || errno == ENOENT) {
                continue;
            }
            _exit(0);
        }
        a->id = q->id;
        a->val = version;
        a->error = 0;
        a->flags = 0;
        (void)seccomp_notify_respond(fd, a);
    }
}

int main(int argc, char **argv)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    long landlock = -1;
    int i;

    if (ctx == NULL) {
        bad("libseccomp", "no memory");
    }
    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        rule_add(ctx, argv[i], &landlock);
    }
    if (i + 1 >= argc) {
        bad("usage", "older_host RULE... -- COMMAND...");
    }
    if (filter_load(ctx) != 0) {
        bad("cannot load the filter", strerror(errno));
    }
    if (landlock >= 0) {
        int fd = seccomp_notify_fd(ctx);
        pid_t asker = getpid();
        pid_t pid = fork();

        if (pid < 0) {
            bad("fork", strerror(errno));
        }
        if (pid == 0) { /* it outlives the command only by a moment */
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            if (getppid() == asker) {
                serve(fd, landlock);
            }
            _exit(125);
        }
        close(fd);
    }
    execvp(argv[i + 1], argv + i + 1);
    bad(argv[i + 1], strerror(errno));
}
