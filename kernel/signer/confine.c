/* What the signer gives up before it serves. Signer process only; a step that
 * fails ends the process (fail closed). */
#include "kernel/signer/signer.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

/* Bounding set where we may, then the process's own sets: always possible. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {
        .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    int cap;

    for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    memset(none, 0, sizeof(none));
    return syscall(SYS_capset, &head, none) == 0 ? 0 : ERR_TRACE(ERR_SIGNER);
}

/* read and write on the socket, exit; anything else kills the process. */
static int install_filter(void)
{
    static const struct scmp_arg_cmp on_socket[] = {
        {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = SIGNER_SOCKET_FD}};
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int bad;

    if (ctx == NULL) {
        return ERR_TRACE(ERR_SIGNER);
    }
    bad = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
                                 on_socket);
    bad |= seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                                  on_socket);
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0);
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(exit), 0);
    bad |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigreturn), 0);
    if (bad != 0 || seccomp_load(ctx) != 0) {
        seccomp_release(ctx);
        return ERR_TRACE(ERR_SIGNER);
    }
    /* ctx stays: freeing it could call brk, which the filter forbids. */
    return 0;
}

int signer_confine(void)
{
    static const struct rlimit none = {0, 0};

    (void)setsid(); /* a Ctrl-C at the terminal is the kernel's business */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        setrlimit(RLIMIT_CORE, &none) != 0 ||
        setrlimit(RLIMIT_FSIZE, &none) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return ERR_TRACE(ERR_SIGNER);
    }
    TRY(drop_capabilities());
    return install_filter();
}
