/* Putting the kernel into a user namespace. Runs in the person's process and in
 * the child that becomes the kernel. Must never map an id that is not the
 * person's: newuidmap and Linux see to that, and nothing here has more rights. */
#include "cli/lift.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/unroot.h"
#include "proto/err.h"
#include "proto/limits.h"

#define IDS_MAX 65536ul /* of a range that is mapped: enough for 31 kernels */

extern char **environ;

static const struct loc NOWHERE = {NULL, 0, 0};

static uint64_t capabilities(void)
{
    struct __user_cap_header_struct head = {.version =
                                                _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &head, data) < 0) {
        return 0;
    }
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

static const struct {
    unsigned number;
    const char *name;
} needed[] = {{CAP_SETUID, "CAP_SETUID"},
              {CAP_SETGID, "CAP_SETGID"},
              {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
              {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}};

const char *lift_lacks(void)
{
    uint64_t have = capabilities();

    for (size_t i = 0; i < ARRAY_N(needed); i++) {
        if ((have >> needed[i].number & 1) == 0) {
            return needed[i].name;
        }
    }
    return NULL;
}

enum lift_way lift_way(void)
{
    const uint64_t map = 1ull << CAP_SETUID | 1ull << CAP_SETGID;

    return lift_lacks() == NULL            ? LIFT_NONE
           : (capabilities() & map) == map ? LIFT_DIRECT
                                           : LIFT_RANGE;
}

struct lift_range lift_range(const char *file)
{
    struct lift_range best = {0, 0};
    const struct passwd *me = getpwuid(getuid());
    char number[24];
    char line[256];
    FILE *f = fopen(file, "re");

    (void)snprintf(number, sizeof(number), "%u", (unsigned)getuid());
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        char *colon = strchr(line, ':');
        struct lift_range r;

        if (colon == NULL ||
            sscanf(colon, ":%lu:%lu", &r.first, &r.count) != 2) {
            continue;
        }
        *colon = '\0';
        if ((strcmp(line, number) == 0 ||
             (me != NULL && strcmp(line, me->pw_name) == 0)) &&
            r.count > best.count) {
            best = r;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    best.count = best.count < IDS_MAX ? best.count : IDS_MAX;
    return best;
}

/* The first id above all that are given away. */
static unsigned long range_free(void)
{
    static const char *const files[] = {"/etc/subuid", "/etc/subgid"};
    unsigned long at = 100000;

    for (size_t i = 0; i < ARRAY_N(files); i++) {
        FILE *f = fopen(files[i], "re");
        char line[256];

        while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
            const char *colon = strchr(line, ':');
            unsigned long first, n;

            if (colon != NULL && sscanf(colon, ":%lu:%lu", &first, &n) == 2 &&
                first + n > at) {
                at = first + n;
            }
        }
        if (f != NULL) {
            (void)fclose(f);
        }
    }
    return at;
}

/* Why this process may confine nobody as it is. */
static int refuse(struct diag *d, const char *what, const char *why)
{
    const char *lacks = lift_lacks();
    char head[48] = "";

    if (lacks != NULL) {
        (void)snprintf(head, sizeof(head), "%s%s, and ",
                       getuid() == 0 ? lacks : "you are not root",
                       getuid() == 0 ? " is missing" : "");
    }
    return diag_set(d, ERR_CONFINE, NOWHERE,
                    "this host cannot confine: %s%s%s%s", head, what,
                    why == NULL ? "" : ": ", why == NULL ? "" : why);
}

static int number_in(const char *path)
{
    FILE *f = fopen(path, "re");
    int n = -1;

    if (f != NULL) {
        if (fscanf(f, "%d", &n) != 1) {
            n = -1;
        }
        (void)fclose(f);
    }
    return n;
}

void lift_hint(int error, struct diag *d)
{
    if (error == ENOSPC || error == EUSERS ||
        number_in("/proc/sys/user/max_user_namespaces") == 0) {
        diag_hint(d, "allow more of them, as root: sysctl -w "
                     "user.max_user_namespaces=1000; see: proctor doctor");
    } else if (number_in("/proc/sys/kernel/unprivileged_userns_clone") == 0) {
        diag_hint(d, "allow them, as root: sysctl -w "
                     "kernel.unprivileged_userns_clone=1; see: proctor doctor");
    } else if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2) {
        diag_hint(d, "this container's filter forbids it: start the container "
                     "with --security-opt seccomp=unconfined; see: proctor "
                     "doctor");
    } else {
        diag_hint(d, "run as root, or see: proctor doctor");
    }
}

int lift_open(struct lift *l, struct diag *d)
{
    *l = (struct lift){.down = {-1, -1}, .up = {-1, -1}};
    if (pipe2(l->down, O_CLOEXEC) < 0 || pipe2(l->up, O_CLOEXEC) < 0) {
        return diag_set(d, ERR_IO, NOWHERE, "cannot start the kernel: %s",
                        strerror(errno));
    }
    return 0;
}

int lift_child(const struct lift *l)
{
    int error = 0;
    char go;

    if (lift_way() != LIFT_NONE) {
        error = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
    } else if (unroot_is_needed()) {
        error = unroot();
    }
    (void)close(l->down[1]);
    return write(l->up[1], &error, sizeof(error)) == (ssize_t)sizeof(error) &&
                   read(l->down[0], &go, 1) == 1
               ? 0
               : -1;
}

/* Who may map ids maps all that there are, under their own numbers. */
static int map_direct(pid_t child, const char *file)
{
    char path[64];
    char text[4096];
    size_t n = 0;
    unsigned long inside, outside, count;
    FILE *own;
    int fd CLEANUP(fd_closep) = -1;

    (void)snprintf(path, sizeof(path), "/proc/self/%s", file);
    own = fopen(path, "re");
    while (own != NULL && n < sizeof(text) - 64 &&
           fscanf(own, "%lu %lu %lu", &inside, &outside, &count) == 3) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%lu %lu %lu\n",
                              inside, inside, count);
    }
    if (own != NULL) {
        (void)fclose(own);
    }
    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)child, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : errno;
}

/* Runs newuidmap or newgidmap: 0 = the person, then the range. What it complains
 * of goes to out. 0, or an errno; EPERM: see out. */
static int map_range(pid_t child, const char *tool, unsigned long own,
                     struct lift_range r, char *out, size_t out_n)
{
    char words[4][24];
    char *argv[] = {(char *)(uintptr_t)tool,
                    words[0],
                    words[1] /* 0 */,
                    words[2],
                    words[3] /* 1 */,
                    words[3],
                    NULL,
                    NULL,
                    NULL};
    char first[24], count[24];
    posix_spawn_file_actions_t actions;
    int pipe_fd[2];
    int status = 0;
    ssize_t n;
    pid_t pid;
    int error;

    (void)snprintf(words[0], sizeof(words[0]), "%ld", (long)child);
    (void)snprintf(words[1], sizeof(words[1]), "0");
    (void)snprintf(words[2], sizeof(words[2]), "%lu", own);
    (void)snprintf(words[3], sizeof(words[3]), "1");
    (void)snprintf(first, sizeof(first), "%lu", r.first);
    (void)snprintf(count, sizeof(count), "%lu", r.count);
    argv[6] = first;
    argv[7] = count;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0) {
        return errno;
    }
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, pipe_fd[1],
                                                 STDERR_FILENO);
        error = error != 0
                    ? error
                    : posix_spawnp(&pid, tool, &actions, NULL, argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(pipe_fd[1]);
    n = error == 0 ? read(pipe_fd[0], out, out_n - 1) : 0;
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    (void)close(pipe_fd[0]);
    while (error == 0 && waitpid(pid, &status, 0) < 0) {
        error = errno == EINTR ? 0 : errno;
    }
    return error != 0 ? error : status == 0 ? 0 : EPERM;
}

static int refuse_range(struct diag *d)
{
    const struct passwd *me = getpwuid(getuid());
    unsigned long at = range_free();

    (void)refuse(d, "/etc/subuid and /etc/subgid give you no range of ids",
                 NULL);
    diag_hint(d,
              "as root: usermod --add-subuids %lu-%lu --add-subgids %lu-%lu "
              "%s; see: proctor doctor",
              at, at + IDS_MAX - 1, at, at + IDS_MAX - 1,
              me != NULL ? me->pw_name : "(an account with a name)");
    return ERR_CONFINE;
}

static int map_person(pid_t child, struct diag *d)
{
    struct lift_range u = lift_range("/etc/subuid");
    struct lift_range g = lift_range("/etc/subgid");
    char text[120] = "";
    int error;

    u.count = g.count = u.count < g.count ? u.count : g.count;
    if (u.count < LIMIT_UIDS) {
        return refuse_range(d);
    }
    error = map_range(child, "newuidmap", getuid(), u, text, sizeof(text));
    if (error == 0) {
        error = map_range(child, "newgidmap", getgid(), g, text, sizeof(text));
    }
    if (error == 0) {
        return 0;
    }
    (void)refuse(d, "newuidmap fails",
                 text[0] == '\0' ? strerror(error) : text);
    if (error == ENOENT) {
        diag_hint(d, "install it: apt install uidmap (Debian, Ubuntu), dnf "
                     "install shadow-utils (Fedora); see: proctor doctor");
    } else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        diag_hint(d, "no_new_privs is set here, so that set-uid programs have "
                     "no effect: start proctor outside of it");
    } else {
        diag_hint(d, "see: proctor doctor");
    }
    return ERR_CONFINE;
}

static int map_child(pid_t child, struct diag *d)
{
    int error;

    if (lift_way() == LIFT_RANGE) {
        return map_person(child, d);
    }
    error = map_direct(child, "uid_map");
    error = error != 0 ? error : map_direct(child, "gid_map");
    if (error != 0) {
        (void)refuse(d, "ids cannot be mapped", strerror(error));
        diag_hint(d, "give the container CAP_SYS_ADMIN and CAP_SYS_PTRACE, or "
                     "CAP_SETFCAP; see: proctor doctor");
        return ERR_CONFINE;
    }
    return 0;
}

int lift_parent(struct lift *l, pid_t child, struct diag *d)
{
    int error = EIO;
    int code = 0;

    fd_closep(&l->up[1]);
    fd_closep(&l->down[0]);
    if (read(l->up[0], &error, sizeof(error)) != (ssize_t)sizeof(error)) {
        error = EIO;
    }
    if (error != 0) {
        code = refuse(d, "no user namespace can be made", strerror(error));
        lift_hint(error, d);
    }
    if (code == 0 && lift_way() != LIFT_NONE) {
        code = map_child(child, d);
    }
    if (code == 0 && write(l->down[1], "g", 1) != 1) {
        code = refuse(d, "the kernel ended too early", NULL);
    }
    fd_closep(&l->up[0]);
    fd_closep(&l->down[1]); /* without a byte: the child ends */
    return code;
}
