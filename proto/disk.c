/* The only file that opens for writing, writes, syncs, renames or removes in a
 * store. Kernel process, and the command line for what is derived. Must never
 * retry a failed sync. */
#include "proto/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

static disk_hook_fn hook_fn;
static void *hook_ctx;
static int sync_code; /* of the first sync that failed in this process */

void disk_set_hook(disk_hook_fn fn, void *ctx)
{
    hook_fn = fn;
    hook_ctx = ctx;
    sync_code = 0;
}

int disk_sync_failed(void)
{
    return sync_code;
}

/* 0, or the error that the test's hook wants; an interruption is no error, but
 * of a sync. */
static int hook(enum disk_op op, const char *name, size_t *n)
{
    int error;

    do {
        error = hook_fn == NULL ? 0 : hook_fn(hook_ctx, op, name, n);
    } while (error == EINTR && op != DISK_SYNC);
    return error == 0 ? 0 : ERR_TRACE(err_from_errno(error));
}

static int from_errno(void)
{
    return ERR_TRACE(err_from_errno(errno));
}

int disk_open_dir(int at_fd, const char *path, int *out_fd)
{
    TRY(hook(DISK_OPEN, path, NULL));
    *out_fd = (int)TEMP_FAILURE_RETRY(
        openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return *out_fd < 0 ? from_errno() : 0;
}

int disk_open(int at_fd, const char *name, int flags, int *out_fd)
{
    TRY(hook(DISK_OPEN, name, NULL));
    *out_fd = (int)TEMP_FAILURE_RETRY(
        openat(at_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600));
    return *out_fd < 0 ? from_errno() : 0;
}

int disk_create(int at_fd, const char *name, mode_t mode, int *out_fd)
{
    TRY(hook(DISK_CREATE, name, NULL));
    *out_fd = (int)TEMP_FAILURE_RETRY(openat(
        at_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    return *out_fd < 0 ? from_errno() : 0;
}

int disk_mkdir(int at_fd, const char *name, mode_t mode, int *out_made)
{
    int made;

    TRY(hook(DISK_MKDIR, name, NULL));
    made = TEMP_FAILURE_RETRY(mkdirat(at_fd, name, mode)) == 0;
    if (!made && errno != EEXIST) {
        return from_errno();
    }
    if (out_made != NULL) {
        *out_made = made;
    }
    return 0;
}

int disk_write(int fd, uint64_t off, const uint8_t *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t part = n - done;
        ssize_t wrote;

        TRY(hook(DISK_WRITE, NULL, &part));
        wrote = pwrite(fd, p + done, part, (off_t)(off + done));
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return wrote < 0 ? from_errno() : ERR_TRACE(ERR_IO);
        }
        done += (size_t)wrote;
    }
    return 0;
}

int disk_read(int fd, uint64_t off, uint8_t *p, size_t n, size_t *out_n)
{
    size_t done = 0;

    TRY(hook(DISK_READ, NULL, NULL));
    while (done < n) {
        ssize_t got = pread(fd, p + done, n - done, (off_t)(off + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return from_errno();
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *out_n = done;
    return 0;
}

/* The result of a sync; what failed once fails until the process ends. */
static int synced(int code)
{
    if (sync_code == 0) {
        sync_code = code;
    }
    return sync_code;
}

int disk_sync(int fd)
{
    int code = hook(DISK_SYNC, NULL, NULL);

    return synced(code != 0 || fdatasync(fd) == 0 ? code : from_errno());
}

int disk_sync_dir(int fd)
{
    int code = hook(DISK_SYNC, NULL, NULL);

    return synced(code != 0 || fsync(fd) == 0 ? code : from_errno());
}

int disk_sync_all(int fd)
{
    int code = hook(DISK_SYNC, NULL, NULL);

    return synced(code != 0 || syncfs(fd) == 0 ? code : from_errno());
}

int disk_rename(int from_fd, const char *from, int to_fd, const char *to,
                int replace)
{
    TRY(hook(DISK_RENAME, to, NULL));
    return TEMP_FAILURE_RETRY(renameat2(from_fd, from, to_fd, to,
                                        replace ? 0 : RENAME_NOREPLACE)) == 0
               ? 0
               : from_errno();
}

int disk_unlink(int at_fd, const char *name)
{
    TRY(hook(DISK_UNLINK, name, NULL));
    return TEMP_FAILURE_RETRY(unlinkat(at_fd, name, 0)) == 0 ? 0 : from_errno();
}

int disk_rmdir(int at_fd, const char *name)
{
    TRY(hook(DISK_UNLINK, name, NULL));
    return TEMP_FAILURE_RETRY(unlinkat(at_fd, name, AT_REMOVEDIR)) == 0 ? 0 : from_errno();
}

int disk_truncate(int fd, uint64_t n)
{
    TRY(hook(DISK_TRUNCATE, NULL, NULL));
    return TEMP_FAILURE_RETRY(ftruncate(fd, (off_t)n)) == 0 ? 0 : from_errno();
}

int disk_lock(int fd)
{
    TRY(hook(DISK_LOCK, NULL, NULL));
    if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == 0) {
        return 0;
    }
    return errno == EWOULDBLOCK ? DISK_E_LOCKED : from_errno();
}

int disk_size(int fd, uint64_t *out)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return from_errno();
    }
    *out = (uint64_t)st.st_size;
    return 0;
}

int disk_is_immutable(int fd, uint64_t *out_n)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
        (st.st_mode & 0222) != 0 ||
        (st.st_uid != geteuid() && st.st_uid != 0)) {
        return 0;
    }
    *out_n = (uint64_t)st.st_size;
    return 1;
}

int disk_empty_dir(int dir_fd)
{
    int fd CLEANUP(fd_closep) = -1;
    const struct dirent *e;
    DIR *d;
    int code = 0;

    TRY(disk_open_dir(dir_fd, ".", &fd));
    d = fdopendir(fd);
    if (d == NULL) {
        return from_errno();
    }
    (void)fd_take(&fd); /* closedir closes it */
    while (code == 0 && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            code = disk_unlink(dir_fd, e->d_name);
        }
    }
    (void)closedir(d);
    return code;
}

void disk_tmp_name(char out[static DISK_TMP_NAME_BYTES])
{
    static unsigned next;

    (void)snprintf(out, DISK_TMP_NAME_BYTES, "t%d-%u", (int)getpid(), next++);
}

static int put_through(const struct disk_file *f, const char *tmp,
                       struct ubytes bytes)
{
    int fd CLEANUP(fd_closep) = -1;

    TRY(disk_create(f->tmp_fd, tmp, f->mode, &fd));
    TRY(disk_write(fd, 0, bytes.p, bytes.n));
    if (f->durable) {
        TRY(disk_sync(fd));
    }
    TRY(disk_rename(f->tmp_fd, tmp, f->dir_fd, f->name, 1));
    return f->durable ? disk_sync_dir(f->dir_fd) : 0;
}

int disk_put(const struct disk_file *f, struct ubytes bytes)
{
    char tmp[DISK_TMP_NAME_BYTES];
    int code;

    disk_tmp_name(tmp);
    code = put_through(f, tmp, bytes);
    if (code != 0) {
        (void)unlinkat(f->tmp_fd, tmp, 0); /* else the next open removes it */
    }
    return code;
}
