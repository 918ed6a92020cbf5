/* Notes the store's disk calls (disk_model.h). One recording at a time. Test code:
 * gives up with a message when it is out of memory or sees a call that it does
 * not model. */
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_model_int.h"

#define CALLERS 5 /* of a sync, that tell one place from another */

struct recording rec = {.sector = 512, .lie = SIZE_MAX};

NORETURN void disk_give_up(const char *what)
{
    (void)fprintf(stderr, "disk model: %s: %s\n", what, strerror(errno));
    abort();
}

void disk_name_copy(char out[static NAME_BYTES], const char *name)
{
    size_t n = strlen(name);

    if (n >= NAME_BYTES) {
        disk_give_up("a long name");
    }
    memcpy(out, name, n + 1);
}

void *disk_must(void *p)
{
    if (p == NULL) {
        disk_give_up("memory");
    }
    return p;
}

static uint32_t node_find(ino_t ino)
{
    for (uint32_t i = rec.nodes_n; i-- > 0;) {
        if (rec.nodes[i].ino == ino && !rec.nodes[i].is_gone) {
            return i;
        }
    }
    return NONE;
}

static uint32_t node_add(ino_t ino, int is_dir)
{
    struct node *n = &rec.nodes[rec.nodes_n];

    if (rec.nodes_n == FILES_MAX) {
        disk_give_up("too many files");
    }
    *n = (struct node){.ino = ino, .is_dir = is_dir, .parent = NONE};
    return rec.nodes_n++;
}

static uint32_t node_of(int fd)
{
    struct stat st;
    uint32_t i;

    if (fstat(fd, &st) != 0) {
        return NONE;
    }
    for (i = 0; i < ALIASES_N && st.st_dev != rec.dev; i++) {
        if (rec.aliases[i].ino == st.st_ino) {
            return rec.aliases[i].node;
        }
    }
    if (st.st_dev != rec.dev) {
        return NONE;
    }
    i = node_find(st.st_ino);
    return i;
}

static struct op *op_add(enum op_kind kind)
{
    if (rec.ops_n == rec.ops_cap) {
        rec.ops_cap = rec.ops_cap == 0 ? 1024 : 2 * rec.ops_cap;
        rec.ops =
            disk_must(reallocarray(rec.ops, rec.ops_cap, sizeof(*rec.ops)));
    }
    rec.ops[rec.ops_n] = (struct op){.kind = kind, .file = NONE, .dir = NONE};
    return &rec.ops[rec.ops_n++];
}

/* Follows the folders of a path; *out_name: its last part. */
static uint32_t dir_of(int at_fd, const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');
    char folder[256];
    struct stat st;

    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return node_of(at_fd);
    }
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    return fstatat(at_fd, folder, &st, 0) == 0 ? node_find(st.st_ino) : NONE;
}

static void note_name(int at_fd, const char *path, uint32_t file)
{
    const char *name;
    uint32_t dir = dir_of(at_fd, path, &name);
    struct op *o = op_add(OP_NAME);

    o->file = file;
    o->dir = dir;
    disk_name_copy(o->name, name);
    if (dir != NONE && strcmp(rec.nodes[dir].name, "keys") == 0) {
        rec.nodes[file].is_whole = 1; /* the signer writes and syncs it */
    }
}

int __real_openat(int at_fd, const char *path, int flags, ...);
int __real_mkdirat(int at_fd, const char *path, mode_t mode);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t off);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_syncfs(int fd);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to,
                     unsigned flags);
int __real_unlinkat(int at_fd, const char *path, int flags);
int __real_ftruncate(int fd, off_t n);
int __wrap_openat(int at_fd, const char *path, int flags, ...);
int __wrap_mkdirat(int at_fd, const char *path, mode_t mode);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t off);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_syncfs(int fd);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to,
                     unsigned flags);
int __wrap_unlinkat(int at_fd, const char *path, int flags);
int __wrap_ftruncate(int fd, off_t n);

/* A file as it is on the disk, in memory. */
static int open_direct(int at_fd, const char *path, int flags)
{
    struct stat st;
    uint32_t node = fstatat(at_fd, path, &st, 0) == 0 ? node_find(st.st_ino)
                                                       : NONE;
    uint8_t *p;
    size_t n;
    int fd;

    if (rec.no_direct || node == NONE) {
        errno = rec.no_direct ? EINVAL : ENOENT;
        return -1;
    }
    fd = memfd_create("direct", MFD_CLOEXEC);
    p = disk_state_of_file(node, &n);
    if (fd < 0 || (flags & O_ACCMODE) != O_RDONLY ||
        __real_pwrite(fd, p, n, 0) != (ssize_t)n || fstat(fd, &st) != 0) {
        disk_give_up(path);
    }
    free(p);
    rec.aliases[rec.aliases_n % ALIASES_N].ino = st.st_ino;
    rec.aliases[rec.aliases_n++ % ALIASES_N].node = node;
    return fd;
}

int __wrap_openat(int at_fd, const char *path, int flags, ...)
{
    struct stat before;
    int was_there =
        (flags & O_CREAT) != 0 && fstatat(at_fd, path, &before, 0) == 0;
    mode_t mode = 0;
    int fd;

    if ((flags & O_CREAT) != 0) {
        va_list ap;

        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    if (rec.is_on && (flags & O_DIRECT) != 0) {
        return open_direct(at_fd, path, flags);
    }
    fd = __real_openat(at_fd, path, flags, mode);
    if (rec.is_on && fd >= 0 && (flags & O_CREAT) != 0 && !was_there) {
        struct stat st;

        if (fstat(fd, &st) != 0) {
            disk_give_up(path);
        }
        note_name(at_fd, path, node_add(st.st_ino, 0));
        rec.nodes[rec.nodes_n - 1].mode = st.st_mode & 0777;
    }
    return fd;
}

int __wrap_mkdirat(int at_fd, const char *path, mode_t mode)
{
    int rc = __real_mkdirat(at_fd, path, mode);
    struct stat st;

    if (rec.is_on && rc == 0) {
        const char *name;
        uint32_t i;

        if (fstatat(at_fd, path, &st, 0) != 0) {
            disk_give_up(path);
        }
        i = node_add(st.st_ino, 1);
        note_name(at_fd, path, i);
        (void)dir_of(at_fd, path, &name);
        disk_name_copy(rec.nodes[i].name, name);
        rec.nodes[i].parent = NONE; /* it was not there at the start */
    }
    return rc;
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t off)
{
    ssize_t wrote = __real_pwrite(fd, p, n, off);
    uint32_t file = rec.is_on && wrote > 0 ? node_of(fd) : NONE;

    if (file != NONE) {
        struct op *o = op_add(OP_WRITE);

        o->file = file;
        o->off = (uint64_t)off;
        o->n = (size_t)wrote;
        o->bytes = disk_must(malloc(o->n));
        memcpy(o->bytes, p, o->n);
    }
    return wrote;
}

/* What a descriptor stands for, for people: numbers and hashes become *. */
static void site_name(int fd, char out[static DISK_SITE_BYTES])
{
    char link[40], path[400];
    const char *p = path;
    size_t n = 0;
    struct stat st;
    ssize_t got;

    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        n = (size_t)snprintf(out, DISK_SITE_BYTES, "folder ");
    }
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    got = readlink(link, path, sizeof(path) - 1);
    path[got < 0 ? 0 : got] = '\0';
    if (strncmp(path, rec.dir, strlen(rec.dir)) == 0) {
        p += strlen(rec.dir);
    }
    while (*p != '\0' && n + 2 < DISK_SITE_BYTES) {
        size_t run = strspn(p, "0123456789abcdef-");

        if (run >= 6 || (run > 0 && *p >= '0' && *p <= '9')) {
            out[n++] = '*';
            p += run;
        } else {
            out[n++] = *p++;
        }
    }
    out[n] = '\0';
}

/* Which place in the code this sync is. */
static size_t site_of(int fd, enum op_kind kind)
{
    void *frames[CALLERS + 2];
    int n = backtrace(frames, CALLERS + 2);
    uint64_t h = 0xcbf29ce484222325u;
    size_t i;

    for (int k = 2; k < n; k++) { /* without this and its caller */
        h = (h ^ (uint64_t)(uintptr_t)frames[k]) * 0x100000001b3u;
    }
    for (i = 0; i < rec.sites_n; i++) {
        if (rec.sites[i].hash == h) {
            return i;
        }
    }
    if (rec.sites_n == SITES_MAX) {
        disk_give_up("too many places sync");
    }
    rec.sites[i].hash = h;
    if (kind == OP_ALL) {
        disk_name_copy(rec.sites[i].what, "the file system");
    } else {
        site_name(fd, rec.sites[i].what);
    }
    rec.sites_n++;
    return i;
}

/* 0, or -1 with errno: it is to fail. */
static NOINLINE int note_sync(int fd, enum op_kind kind)
{
    uint32_t file;

    if (!rec.is_on || site_of(fd, kind) == rec.lie) {
        return 0;
    }
    file = node_of(fd);
    if (rec.fail_sync > 0 && --rec.fail_sync == 0) {
        op_add(OP_DROP)->file = file;
        errno = EIO;
        return -1;
    }
    op_add(kind)->file = file;
    return 0;
}

NOINLINE int __wrap_fdatasync(int fd)
{
    return note_sync(fd, OP_SYNC) == 0 ? __real_fdatasync(fd) : -1;
}

NOINLINE int __wrap_fsync(int fd)
{
    return note_sync(fd, OP_SYNC) == 0 ? __real_fsync(fd) : -1;
}

NOINLINE int __wrap_syncfs(int fd)
{
    return note_sync(fd, OP_ALL); /* the real one waits for all the machine */
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to,
                     unsigned flags)
{
    struct stat st;
    int known = fstatat(from_fd, from, &st, 0) == 0;
    int rc = __real_renameat2(from_fd, from, to_fd, to, flags);

    if (rec.is_on && rc == 0 && known) {
        const char *name, *name_to;
        uint32_t dir = dir_of(from_fd, from, &name);
        uint32_t dir_to = dir_of(to_fd, to, &name_to);
        struct op *o = op_add(OP_MOVE);

        o->file = node_find(st.st_ino);
        o->dir = dir;
        o->dir_to = dir_to;
        disk_name_copy(o->name, name);
        disk_name_copy(o->name_to, name_to);
    }
    return rc;
}

int __wrap_unlinkat(int at_fd, const char *path, int flags)
{
    struct stat st;
    int known = fstatat(at_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    int rc = __real_unlinkat(at_fd, path, flags);

    if (rec.is_on && rc == 0 && known) {
        const char *name;
        uint32_t dir = dir_of(at_fd, path, &name);
        uint32_t file = node_find(st.st_ino);
        struct op *o = op_add(OP_REMOVE);

        o->file = file;
        o->dir = dir;
        disk_name_copy(o->name, name);
        if (file != NONE) {
            rec.nodes[file].is_gone = 1;
        }
    }
    return rc;
}

int __wrap_ftruncate(int fd, off_t n)
{
    int rc = __real_ftruncate(fd, n);
    uint32_t file = rec.is_on && rc == 0 ? node_of(fd) : NONE;

    if (file != NONE) {
        struct op *o = op_add(OP_SIZE);

        o->file = file;
        o->off = (uint64_t)n;
    }
    return rc;
}

static void read_whole(int dir_fd, const char *name, struct buf_ *out)
{
    int fd = __real_openat(dir_fd, name, O_RDONLY | O_CLOEXEC, 0);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        disk_give_up(name);
    }
    out->n = (size_t)st.st_size;
    out->p = disk_must(malloc(out->n + 1));
    if (pread(fd, out->p, out->n, 0) != (ssize_t)out->n) {
        disk_give_up(name);
    }
    (void)close(fd);
}

static void scan(int at_fd, const char *name, uint32_t parent)
{
    int fd = __real_openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    struct dirent *e;
    struct stat st;
    uint32_t self;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (d == NULL || fstat(fd, &st) != 0) {
        disk_give_up(name);
    }
    self = node_add(st.st_ino, 1);
    rec.nodes[self].parent = parent;
    disk_name_copy(rec.nodes[self].name, parent == NONE ? "/" : name);
    rec.dev = st.st_dev;
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (fstatat(fd, e->d_name, &st, 0) != 0) {
            disk_give_up(e->d_name);
        }
        if (S_ISDIR(st.st_mode)) {
            scan(fd, e->d_name, self);
        } else {
            uint32_t i = node_add(st.st_ino, 0);

            rec.nodes[i].parent = self;
            rec.nodes[i].mode = st.st_mode & 0777;
            disk_name_copy(rec.nodes[i].name, e->d_name);
            read_whole(fd, e->d_name, &rec.nodes[i].start);
        }
    }
    (void)closedir(d);
}

void disk_record_start(const char *dir)
{
    for (uint32_t i = 0; i < rec.nodes_n; i++) {
        free(rec.nodes[i].start.p);
    }
    for (size_t i = 0; i < rec.ops_n; i++) {
        free(rec.ops[i].bytes);
    }
    rec.nodes_n = 0;
    rec.ops_n = 0;
    rec.fail_sync = 0;
    memset(rec.aliases, 0, sizeof(rec.aliases));
    (void)snprintf(rec.dir, sizeof(rec.dir), "%s", dir);
    scan(AT_FDCWD, dir, NONE);
    rec.is_on = 1;
}

/* Files that another process wrote: their bytes now, for all states. */
static void take_whole(void)
{
    for (size_t i = 0; i < rec.ops_n; i++) {
        const struct op *o = &rec.ops[i];

        if (o->kind == OP_NAME && o->file != NONE &&
            rec.nodes[o->file].is_whole && rec.nodes[o->file].start.p == NULL) {
            char path[400];

            (void)snprintf(path, sizeof(path), "%s/keys/%s", rec.dir, o->name);
            if (access(path, R_OK) == 0) {
                read_whole(AT_FDCWD, path, &rec.nodes[o->file].start);
            }
        }
    }
}

void disk_record_stop(void)
{
    rec.is_on = 0;
    take_whole();
}

size_t disk_record_n(void)
{
    return rec.ops_n;
}

void disk_sector(size_t bytes)
{
    rec.sector = bytes;
}

void disk_fail_sync(unsigned n)
{
    rec.fail_sync = n;
}

void disk_allow_direct(int yes)
{
    rec.no_direct = !yes;
}

size_t disk_sites_n(void)
{
    return rec.sites_n;
}

const char *disk_site(size_t i)
{
    return rec.sites[i].what;
}

void disk_lie(size_t site)
{
    rec.lie = site;
}
