/* Files of a sandbox. Runs in the program worker. Must never follow a symlink
 * and never remove above the folder it was given. */
#include "workers/program/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"

static int part_is_plain(const char *part, size_t n)
{
    if (n == 0 || n > NAME_MAX || (n == 1 && part[0] == '.') ||
        (n == 2 && part[0] == '.' && part[1] == '.')) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f) {
            return 0;
        }
    }
    return 1;
}

int tree_name_is_plain(const char *name)
{
    size_t depth = 0;

    if (strlen(name) > LIMIT_PATH_BYTES) {
        return 0;
    }
    for (const char *part = name;; depth++) {
        size_t n = strcspn(part, "/");

        if (!part_is_plain(part, n) || depth + 1 == TREE_DEPTH_MAX) {
            return 0;
        }
        if (part[n] == '\0') {
            return 1;
        }
        part += n + 1;
    }
}

/* Opens the folder of name beneath dir_fd, making what is missing;
 * *out_base is its last part. */
static int open_folder(int dir_fd, const char *name, const char **out_base,
                       int *out_fd)
{
    int fd CLEANUP(fd_closep) = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    const char *part = name;

    if (fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    for (const char *slash = strchr(part, '/'); slash != NULL;
         slash = strchr(part, '/')) {
        char folder[NAME_MAX + 1];
        size_t n = (size_t)(slash - part);
        int next;

        memcpy(folder, part, n);
        folder[n] = '\0';
        if (mkdirat(fd, folder, 0755) != 0 && errno != EEXIST) {
            return ERR_TRACE(err_from_errno(errno));
        }
        next = openat(fd, folder, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) {
            return ERR_TRACE(err_from_errno(errno));
        }
        fd_closep(&fd);
        fd = next;
        part = slash + 1;
    }
    *out_base = part;
    *out_fd = fd_take(&fd);
    return 0;
}

static int write_all(int fd, struct ubytes v)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_TRACE(err_from_errno(errno));
        }
        v.p += n;
        v.n -= (size_t)n;
    }
    return 0;
}

int tree_write(int dir_fd, const char *name, struct ubytes content,
               unsigned mode)
{
    int folder CLEANUP(fd_closep) = -1;
    int fd CLEANUP(fd_closep) = -1;
    const char *base = name;

    ASSERT(tree_name_is_plain(name));
    TRY(open_folder(dir_fd, name, &base, &folder));
    fd = openat(folder, base, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    TRY(write_all(fd, content));
    if (fchmod(fd, (mode_t)mode) != 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return 0;
}

/* Removes one entry of dir. *out_folder: it is a folder that is not empty. */
static int remove_entry(DIR *dir, const char *name, int *out_folder)
{
    *out_folder = 0;
    if (unlinkat(dirfd(dir), name, 0) == 0) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) {
        return ERR_TRACE(err_from_errno(errno));
    }
    if (unlinkat(dirfd(dir), name, AT_REMOVEDIR) == 0) {
        return 0;
    }
    if (errno == ENOTEMPTY || errno == EEXIST) {
        *out_folder = 1;
        return 0;
    }
    return ERR_TRACE(err_from_errno(errno));
}

/* Removes what can be removed at once; *out_fd: the first folder that is not
 * empty, opened, or -1 when dir is empty now. */
static int sweep(DIR *dir, int *out_fd)
{
    const struct dirent *e;

    *out_fd = -1;
    rewinddir(dir);
    while ((e = readdir(dir)) != NULL) {
        int is_folder;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        TRY(remove_entry(dir, e->d_name, &is_folder));
        if (is_folder) {
            (void)!fchmodat(dirfd(dir), e->d_name, 0700, 0);
            *out_fd = openat(dirfd(dir), e->d_name,
                             O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            return *out_fd < 0 ? ERR_TRACE(err_from_errno(errno)) : 0;
        }
    }
    return 0;
}

/* Takes fd. */
static int push(DIR **stack, size_t *depth, int fd)
{
    if (*depth == TREE_DEPTH_MAX) {
        (void)close(fd);
        return ERR_TRACE(ERR_LIMIT);
    }
    (void)!fchmod(fd, 0700);
    stack[*depth] = fdopendir(fd);
    if (stack[*depth] == NULL) {
        (void)close(fd);
        return ERR_TRACE(err_from_errno(errno));
    }
    (*depth)++;
    return 0;
}

int tree_empty(const char *path)
{
    DIR *stack[TREE_DEPTH_MAX];
    size_t depth = 0;
    int code;
    int fd;

    (void)!chmod(path, 0700); /* its owner may have taken our rights away */
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    code = fd < 0 ? err_from_errno(errno) : push(stack, &depth, fd);

    while (code == 0 && depth > 0) {
        code = sweep(stack[depth - 1], &fd);
        if (code == 0 && fd >= 0) {
            code = push(stack, &depth, fd);
        } else if (code == 0) {
            (void)closedir(stack[--depth]);
        }
    }
    while (depth > 0) {
        (void)closedir(stack[--depth]);
    }
    return code == 0 ? 0 : ERR_TRACE(code);
}
