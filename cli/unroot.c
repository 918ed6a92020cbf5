/* Leaving chroot(2) for a mount namespace of our own. Runs in the child that
 * becomes the kernel, before it is executed. */
#include "cli/unroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Not in <linux/mount.h>, and <sys/mount.h> cannot stand beside it. */
#define UMOUNT_DETACH 2
#define MOUNT_RECURSIVE_PRIVATE ((1ul << 14) | (1ul << 18))

int unroot_is_needed(void)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        _exit(unshare(CLONE_NEWUSER) < 0 && errno == EPERM ? 1 : 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* A new mount namespace whose changes stay in it, and its real root as ours. */
static int enter_namespace(void)
{
    int ns CLEANUP(fd_closep) = -1;

    if (unshare(CLONE_NEWNS) < 0 ||
        syscall(SYS_mount, NULL, "/", NULL, MOUNT_RECURSIVE_PRIVATE, NULL) <
            0) {
        /* "/" need not be a mount point yet: then its own root is made so
         * below, after setns(2). */
        if (errno != EINVAL) {
            return errno;
        }
    }
    ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNS) < 0 ||
        syscall(SYS_mount, NULL, "/", NULL, MOUNT_RECURSIVE_PRIVATE, NULL) <
            0) {
        return errno;
    }
    return 0;
}

int unroot(void)
{
    char cwd[PATH_MAX];
    int tree CLEANUP(fd_closep) = -1;
    int error;

    if (getcwd(cwd, sizeof(cwd)) == NULL) {
        return errno;
    }
    tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0) {
        return errno;
    }
    error = enter_namespace();
    if (error != 0) {
        return error;
    }
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, "/",
                MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
        fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        syscall(SYS_umount2, ".", UMOUNT_DETACH) < 0 || chdir(cwd) < 0) {
        return errno;
    }
    return 0;
}
