/* Between fork and exec only what is async-signal-safe. Command line and
 * replayer. */
#include "proto/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

int launch_path(const char *name, char out[static PATH_MAX], struct diag *d)
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;
    size_t room;

    if (n <= 0) {
        (void)diag_set(d, ERR_CONFINE, NOWHERE,
                       "this host cannot confine: /proc is not mounted (%s)",
                       strerror(errno));
        diag_hint(d, "mount -t proc proc /proc; see: proctor doctor");
        return ERR_CONFINE;
    }
    out[n] = '\0';
    slash = strrchr(out, '/');
    ASSERT(slash != NULL);
    room = PATH_MAX - (size_t)(slash + 1 - out);
    if (snprintf(slash + 1, room, "%s", name) >= (int)room) {
        return diag_set(d, ERR_LIMIT, NOWHERE, "the path of %s is too long",
                        name);
    }
    if (access(out, X_OK) != 0) {
        (void)diag_set(d, ERR_NOT_FOUND, NOWHERE, "cannot start %s: %s", name,
                       strerror(errno));
        diag_hint(d,
                  "%s must lie in the folder of proctor itself; build or "
                  "install both",
                  name);
        return ERR_NOT_FOUND;
    }
    return 0;
}

/* The child: descriptors 0..3, then the program. */
NORETURN static void become(char *const argv[], const char *path, int sock,
                            const sigset_t *mask)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)setpgid(0, 0);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        _exit(126);
    }
    /* dup2 onto itself would keep close-on-exec. */
    if (sock == LAUNCH_SOCKET ? fcntl(sock, F_SETFD, 0) < 0
                              : dup2(sock, LAUNCH_SOCKET) < 0) {
        _exit(126);
    }
    closefrom(LAUNCH_SOCKET + 1); /* also where Linux has no close_range */
    if (sigprocmask(SIG_SETMASK, mask, NULL) != 0) {
        _exit(126);
    }
    (void)execv(path, argv);
    _exit(127);
}

int launch(const struct launch *l, pid_t *out_pid, int *out_sock,
           struct diag *d)
{
    char path[PATH_MAX];
    char folder[PATH_MAX];
    char name[64];
    char option[] = "--store";
    char *argv[4] = {name, NULL, NULL, NULL};
    int pair[2] = {-1, -1};
    pid_t pid = -1;

    TRY(launch_path(l->name, path, d));
    (void)snprintf(name, sizeof(name), "%s", l->name);
    if (l->store != NULL) {
        (void)snprintf(folder, sizeof(folder), "%s", l->store);
        argv[1] = option;
        argv[2] = folder;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        pid = fork();
    }
    if (pid == 0) {
        if (l->prepare != NULL && l->prepare(l->ctx) < 0) {
            _exit(126);
        }
        become(argv, path, pair[1], l->mask);
    }
    if (pid < 0) {
        (void)diag_set(d, ERR_IO, NOWHERE, "cannot start %s: %s", l->name,
                       strerror(errno));
        fd_closep(&pair[0]);
    }
    fd_closep(&pair[1]);
    *out_pid = pid;
    *out_sock = pair[0];
    return pid < 0 ? ERR_IO : 0;
}
