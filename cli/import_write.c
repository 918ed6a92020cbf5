/* The files of an import. First all of them are compared with what is there, then
 * they are written, each whole. */
#include "cli/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/disk.h"
#include "proto/err.h"

#define NAME_BYTES (LIMIT_REF_BYTES + 8)

static const struct loc NOWHERE = {NULL, 0, 0};

static int say(struct diag *d, int code, const char *name)
{
    return diag_set(d, code, NOWHERE, "%.150s: %s", name,
                    code == ERR_INPUT ? "no folder stands there"
                                      : err_text(code));
}

/* Opens the folder of `name` ("a/b/c.cmlb") below dir_fd, link by link none
 * followed; makes it when `makes`. 1: it is not there. */
static int open_folder(int dir_fd, const char *name, int makes, int *out_fd,
                       const char **out_last, struct diag *d)
{
    int fd CLEANUP(fd_closep) = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    const char *part = name;
    const char *slash;

    while (fd >= 0 && (slash = strchr(part, '/')) != NULL) {
        char folder[NAME_BYTES];
        int next;

        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - part),
                       part);
        if (makes) {
            TRY(disk_mkdir(fd, folder, 0777, NULL));
        }
        next = openat(fd, folder,
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) {
            return errno == ENOENT && !makes ? 1
                   : say(d, errno == ENOTDIR || errno == ELOOP
                                ? ERR_INPUT
                                : err_from_errno(errno),
                         name);
        }
        fd_closep(&fd);
        fd = next;
        part = slash + 1;
    }
    *out_last = part;
    *out_fd = fd_take(&fd);
    return *out_fd >= 0 ? 0 : say(d, ERR_IO, name);
}

/* 0: the file is there with these bytes. 1: it is not there. */
static int compare(int dir_fd, const struct import_item *item,
                   const char *name, struct diag *d)
{
    int folder CLEANUP(fd_closep) = -1;
    int fd CLEANUP(fd_closep) = -1;
    struct buf old CLEANUP(buf_release);
    const char *last = NULL;
    int rc;

    buf_init(&old, LIMIT_CML_BUNDLE_BYTES);
    rc = open_folder(dir_fd, name, 0, &folder, &last, d);
    if (rc != 0) {
        return rc;
    }
    ASSERT(last != NULL);
    fd = openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return 1;
    }
    if (fd < 0 || files_read_fd(fd, LIMIT_CML_BUNDLE_BYTES, &old) < 0 ||
        buf_len(&old) != buf_len(&item->bundle) ||
        memcmp(buf_bytes(&old).p, buf_bytes(&item->bundle).p,
               buf_len(&old)) != 0) {
        (void)diag_set(d, ERR_EXISTS, NOWHERE,
                       "%.150s is there and is something else", name);
        diag_hint(d, "nothing is written over; name another folder with -o");
        return ERR_EXISTS;
    }
    return 0;
}

static int write_one(int dir_fd, const struct import_item *item,
                     const char *name, struct diag *d)
{
    int folder CLEANUP(fd_closep) = -1;
    const char *last = NULL;
    struct disk_file f;
    int rc = open_folder(dir_fd, name, 1, &folder, &last, d);

    if (rc != 0) {
        return rc;
    }
    f = (struct disk_file){folder, folder, last, 0644, 1};
    rc = disk_put(&f, buf_bytes(&item->bundle));
    return rc == 0 ? 0 : say(d, rc, name);
}

int import_write(const struct import *x, const char *dir, struct diag *d)
{
    int fd CLEANUP(fd_closep) = -1;
    char name[NAME_BYTES];

    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return say(d, err_from_errno(errno), dir);
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return say(d, errno == ENOTDIR ? ERR_INPUT : err_from_errno(errno),
                   dir);
    }
    for (int writes = 0; writes < 2; writes++) {
        for (size_t i = 0; i < x->n; i++) {
            int rc;

            (void)snprintf(name, sizeof(name), "%s.cmlb", x->items[i].name);
            rc = compare(fd, &x->items[i], name, d);
            if (rc == 1) {
                rc = writes ? write_one(fd, &x->items[i], name, d) : 0;
            }
            TRY(rc);
        }
    }
    return 0;
}
