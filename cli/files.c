/* Opening and writing the person's files. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

/* 0 when fd is a regular file. */
static int check_regular(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return err_from_errno(errno);
    }
    return S_ISREG(st.st_mode) ? 0 : ERR_INPUT;
}

int files_open(const char *what, const char *path, int *out_fd, struct diag *d)
{
    CLEANUP(fd_closep) int fd = -1;
    struct loc at = {path, 0, 0};
    int rc;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        rc = err_from_errno(errno);
        (void)diag_set(d, rc, at, "cannot open %s: %s", what, strerror(errno));
        if (rc == ERR_NOT_FOUND) {
            diag_hint(d, "check the path; it is taken from the working "
                         "directory");
        }
        return rc;
    }
    rc = check_regular(fd);
    if (rc != 0) {
        (void)diag_set(d, rc, at, "cannot read %s: not a regular file", what);
        diag_hint(d, "write it to a file first; pipes, devices and folders are "
                     "not read");
        return rc;
    }
    *out_fd = fd_take(&fd);
    return 0;
}

int files_open_beneath(int dir_fd, const char *path, int *out_fd, char *why,
                       size_t why_n)
{
    struct open_how how = {.flags =
                               O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    CLEANUP(fd_closep) int fd = -1;
    int rc;

    fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
    if (fd < 0) {
        const char *said = errno == EXDEV ? "it leads out of the graph's folder"
                                          : strerror(errno);

        rc = errno == EXDEV ? ERR_ACCESS : err_from_errno(errno);
        (void)snprintf(why, why_n, "%s", said);
        return rc;
    }
    rc = check_regular(fd);
    if (rc != 0) {
        (void)snprintf(why, why_n, "not a regular file");
        return rc;
    }
    *out_fd = fd_take(&fd);
    return 0;
}

int files_read_fd(int fd, size_t max_bytes, struct buf *out)
{
    size_t total = 0;

    for (;;) {
        uint8_t part[4096];
        ssize_t n = read(fd, part, sizeof(part));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        if (n == 0) {
            return 0;
        }
        total += (size_t)n;
        if (total > max_bytes) {
            return ERR_LIMIT;
        }
        TRY(buf_put(out, part, (size_t)n));
    }
}

static int read_whole(const char *path, int flags, size_t max_bytes,
                      struct buf *out)
{
    CLEANUP(fd_closep) int fd = -1;
    int rc;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
    if (fd < 0) {
        return errno == ELOOP ? ERR_INPUT : err_from_errno(errno);
    }
    rc = check_regular(fd);
    return rc != 0 ? rc : files_read_fd(fd, max_bytes, out);
}

int files_read(const char *path, size_t max_bytes, struct buf *out)
{
    return read_whole(path, 0, max_bytes, out);
}

int files_read_plain(const char *path, size_t max_bytes, struct buf *out)
{
    return read_whole(path, O_NOFOLLOW, max_bytes, out);
}

enum kind {
    REPLACES, /* one that is there, or not */
    NEW,
    VIEW /* replaces, and is not synced */
};

static int write_bytes(int fd, struct ubytes bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return 0;
}

static int write_all(int fd, struct ubytes bytes, enum kind kind)
{
    TRY(write_bytes(fd, bytes));
    return kind == VIEW || fsync(fd) == 0 ? 0 : err_from_errno(errno);
}

/* A device or a pipe is written to; renaming would replace it. */
static int write_through(const char *path, struct ubytes bytes)
{
    CLEANUP(fd_closep) int fd = -1;

    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? err_from_errno(errno) : write_bytes(fd, bytes);
}

static int is_special(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Makes path, which is no link any more, a whole new file. */
static int replace(const char *path, struct ubytes bytes, enum kind kind)
{
    char temporary[PATH_MAX];
    CLEANUP(fd_closep) int fd = -1;
    int n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    int rc;

    if (n < 0 || (size_t)n >= sizeof(temporary)) {
        return ERR_LIMIT;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    rc = write_all(fd, bytes, kind);
    if (rc == 0 && fchmod(fd, 0644) != 0) {
        rc = err_from_errno(errno);
    }
    if (rc == 0 &&
        (kind == NEW ? link(temporary, path) : rename(temporary, path)) != 0) {
        rc = err_from_errno(errno);
    }
    if (rc != 0 || kind == NEW) {
        (void)unlink(temporary);
    }
    return rc;
}

static int write_over(const char *path, struct ubytes bytes, enum kind kind)
{
    CLEANUP(mem_freep) char *target = NULL;

    if (is_special(path)) {
        return write_through(path, bytes);
    }
    if (is_folder(path)) {
        return ERR_EXISTS;
    }
    target = realpath(path, NULL); /* a link stays one */
    return replace(target != NULL ? target : path, bytes, kind);
}

int files_write(const char *path, struct ubytes bytes)
{
    return write_over(path, bytes, REPLACES);
}

int files_write_view(const char *path, struct ubytes bytes)
{
    return write_over(path, bytes, VIEW);
}

int files_write_new(const char *path, struct ubytes bytes)
{
    return replace(path, bytes, NEW);
}

int files_folder(const char *path, char *out, size_t out_n)
{
    CLEANUP(mem_freep) char *file = realpath(path, NULL);
    CLEANUP(mem_freep) char *here = realpath(".", NULL);
    const char *folder;
    char *slash;
    size_t here_n;
    int n;

    if (file == NULL || here == NULL) {
        return err_from_errno(errno);
    }
    slash = strrchr(file, '/');
    ASSERT(slash != NULL);
    slash[slash == file ? 1 : 0] = '\0';
    folder = file;
    here_n = strlen(here);
    if (strcmp(folder, here) == 0) {
        folder = "";
    } else if (strcmp(here, "/") == 0) {
        folder++;
    } else if (strncmp(folder, here, here_n) == 0 && folder[here_n] == '/') {
        folder += here_n + 1;
    }
    n = snprintf(out, out_n, "%s", folder);
    return n < 0 || (size_t)n >= out_n ? ERR_LIMIT : 0;
}
