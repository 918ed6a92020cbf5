/* See disk_model.h. One recording at a time. Test code: gives up with a message
 * when it is out of memory or sees a call that it does not model. */
#include "disk_model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/blake3.h"

#define FILES_MAX 4096u
#define NAME_BYTES 80
#define NONE UINT32_MAX

enum op_kind {
    OP_NAME,
    OP_MOVE,
    OP_REMOVE,
    OP_WRITE,
    OP_SIZE,
    OP_SYNC,
    OP_ALL
};

struct op {
    enum op_kind kind;
    uint32_t file; /* written, sized or synced; or that the name stands for */
    uint32_t dir, dir_to;
    char name[NAME_BYTES], name_to[NAME_BYTES];
    uint64_t off;
    uint8_t *bytes; /* owned */
    size_t n;
};

/* A file or folder of the recording. */
struct node {
    ino_t ino;
    int is_dir;
    int is_gone;  /* its number may be somebody else's by now */
    int is_whole; /* bytes were written by another process: as at the end */
    struct buf_ {
        uint8_t *p;
        size_t n;
    } start; /* when the recording began */
    uint32_t parent;
    char name[NAME_BYTES]; /* then; "" = was not there */
};

static struct {
    int is_on;
    char dir[256];
    dev_t dev;
    struct node nodes[FILES_MAX];
    uint32_t nodes_n;
    struct op *ops;
    size_t ops_n, ops_cap;
} rec;

static void give_up(const char *what)
{
    (void)fprintf(stderr, "disk model: %s: %s\n", what, strerror(errno));
    abort();
}

static void name_copy(char out[static NAME_BYTES], const char *name)
{
    size_t n = strlen(name);

    if (n >= NAME_BYTES) {
        give_up("a long name");
    }
    memcpy(out, name, n + 1);
}

static void *must(void *p)
{
    if (p == NULL) {
        give_up("memory");
    }
    return p;
}

/* --- recording ------------------------------------------------------------ */

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
        give_up("too many files");
    }
    *n = (struct node){.ino = ino, .is_dir = is_dir, .parent = NONE};
    return rec.nodes_n++;
}

static uint32_t node_of(int fd)
{
    struct stat st;
    uint32_t i;

    if (fstat(fd, &st) != 0 || st.st_dev != rec.dev) {
        return NONE;
    }
    i = node_find(st.st_ino);
    return i;
}

static struct op *op_add(enum op_kind kind)
{
    if (rec.ops_n == rec.ops_cap) {
        rec.ops_cap = rec.ops_cap == 0 ? 1024 : 2 * rec.ops_cap;
        rec.ops = must(reallocarray(rec.ops, rec.ops_cap, sizeof(*rec.ops)));
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
    name_copy(o->name, name);
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
    fd = __real_openat(at_fd, path, flags, mode);
    if (rec.is_on && fd >= 0 && (flags & O_CREAT) != 0 && !was_there) {
        struct stat st;

        if (fstat(fd, &st) != 0) {
            give_up(path);
        }
        note_name(at_fd, path, node_add(st.st_ino, 0));
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
            give_up(path);
        }
        i = node_add(st.st_ino, 1);
        note_name(at_fd, path, i);
        (void)dir_of(at_fd, path, &name);
        name_copy(rec.nodes[i].name, name);
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
        o->bytes = must(malloc(o->n));
        memcpy(o->bytes, p, o->n);
    }
    return wrote;
}

static void note_sync(int fd, enum op_kind kind)
{
    if (rec.is_on) {
        uint32_t file = node_of(fd);

        op_add(kind)->file = file;
    }
}

int __wrap_fdatasync(int fd)
{
    note_sync(fd, OP_SYNC);
    return __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
    note_sync(fd, OP_SYNC);
    return __real_fsync(fd);
}

int __wrap_syncfs(int fd)
{
    note_sync(fd, OP_ALL);
    return 0; /* the real one would wait for the whole machine */
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
        name_copy(o->name, name);
        name_copy(o->name_to, name_to);
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
        name_copy(o->name, name);
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
        give_up(name);
    }
    out->n = (size_t)st.st_size;
    out->p = must(malloc(out->n + 1));
    if (pread(fd, out->p, out->n, 0) != (ssize_t)out->n) {
        give_up(name);
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
        give_up(name);
    }
    self = node_add(st.st_ino, 1);
    rec.nodes[self].parent = parent;
    name_copy(rec.nodes[self].name, parent == NONE ? "/" : name);
    rec.dev = st.st_dev;
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (fstatat(fd, e->d_name, &st, 0) != 0) {
            give_up(e->d_name);
        }
        if (S_ISDIR(st.st_mode)) {
            scan(fd, e->d_name, self);
        } else {
            uint32_t i = node_add(st.st_ino, 0);

            rec.nodes[i].parent = self;
            name_copy(rec.nodes[i].name, e->d_name);
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

/* --- states ----------------------------------------------------------------- */

/* One part of a call that may have reached the disk, or not. */
struct part {
    const struct op *op;
    size_t at, n; /* OP_WRITE: which of its bytes; n 0 = only the size */
    int is_synced;
};

struct disk_state {
    struct part *parts;
    size_t n, cap;
    size_t pending;
};

static void part_add(struct disk_state *s, const struct op *o, size_t at,
                     size_t n)
{
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->parts = must(reallocarray(s->parts, s->cap, sizeof(*s->parts)));
    }
    s->parts[s->n++] = (struct part){.op = o, .at = at, .n = n};
}

static void take_write(struct disk_state *s, const struct op *o)
{
    size_t at = 0;

    part_add(s, o, o->n, 0); /* the size that it brings */
    while (at < o->n) {
        size_t n = DISK_SECTOR - (size_t)((o->off + at) % DISK_SECTOR);

        n = n < o->n - at ? n : o->n - at;
        part_add(s, o, at, n);
        at += n;
    }
}

static void take_sync(struct disk_state *s, const struct op *o)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct op *p = s->parts[i].op;

        if (o->kind == OP_ALL) {
            s->parts[i].is_synced = 1;
        } else if (p->kind == OP_WRITE || p->kind == OP_SIZE) {
            s->parts[i].is_synced |= p->file == o->file;
        } else if (p->kind == OP_MOVE) {
            s->parts[i].is_synced |= p->dir_to == o->file;
        } else {
            s->parts[i].is_synced |= p->dir == o->file;
        }
    }
}

struct disk_state *disk_state_at(size_t n)
{
    struct disk_state *s = must(calloc(1, sizeof(*s)));

    for (size_t i = 0; i < n; i++) {
        const struct op *o = &rec.ops[i];

        if (o->kind == OP_WRITE) {
            take_write(s, o);
        } else if (o->kind == OP_SYNC || o->kind == OP_ALL) {
            take_sync(s, o);
        } else {
            part_add(s, o, 0, 0);
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        s->pending += !s->parts[i].is_synced;
    }
    return s;
}

void disk_state_free(struct disk_state *s)
{
    free(s->parts);
    free(s);
}

size_t disk_state_pending_n(const struct disk_state *s)
{
    return s->pending;
}

int disk_state_is_size(const struct disk_state *s, size_t i)
{
    for (size_t k = 0; k < s->n; k++) {
        if (!s->parts[k].is_synced && i-- == 0) {
            return s->parts[k].op->kind == OP_WRITE && s->parts[k].n == 0;
        }
    }
    return 0;
}

/* The outcome: bytes of every node, and the names. */
struct outcome {
    struct {
        uint8_t *p;
        size_t n, cap;
    } file[FILES_MAX];
    struct entry {
        uint32_t dir, file;
        char name[NAME_BYTES];
    } * entries;
    size_t entries_n;
};

static void grow(struct outcome *w, uint32_t f, size_t n)
{
    if (n > w->file[f].cap) {
        w->file[f].p = must(realloc(w->file[f].p, n));
        memset(w->file[f].p + w->file[f].cap, 0, n - w->file[f].cap);
        w->file[f].cap = n;
    }
}

static void entry_remove(struct outcome *w, uint32_t dir, const char *name)
{
    for (size_t i = 0; i < w->entries_n; i++) {
        if (w->entries[i].dir == dir && strcmp(w->entries[i].name, name) == 0) {
            w->entries[i] = w->entries[--w->entries_n];
            return;
        }
    }
}

static void entry_set(struct outcome *w, uint32_t dir, const char *name,
                      uint32_t file)
{
    struct entry *e;

    entry_remove(w, dir, name);
    e = &w->entries[w->entries_n++];
    *e = (struct entry){.dir = dir, .file = file};
    name_copy(e->name, name);
}

static void apply(struct outcome *w, const struct part *p, int is_torn)
{
    const struct op *o = p->op;
    size_t n = is_torn ? p->n / 2 : p->n;
    size_t end = (size_t)o->off + o->n;

    switch (o->kind) {
    case OP_NAME:
        entry_set(w, o->dir, o->name, o->file);
        break;
    case OP_MOVE:
        entry_remove(w, o->dir, o->name);
        entry_set(w, o->dir_to, o->name_to, o->file);
        break;
    case OP_REMOVE:
        entry_remove(w, o->dir, o->name);
        break;
    case OP_SIZE:
        grow(w, o->file, (size_t)o->off);
        w->file[o->file].n = (size_t)o->off;
        memset(w->file[o->file].p + o->off, 0,
               w->file[o->file].cap - (size_t)o->off);
        break;
    case OP_WRITE:
        grow(w, o->file, end);
        if (p->n == 0 && w->file[o->file].n < end) {
            w->file[o->file].n = end;
        }
        memcpy(w->file[o->file].p + o->off + p->at, o->bytes + p->at, n);
        break;
    case OP_SYNC:
    case OP_ALL:
        break;
    }
}

static struct outcome *outcome_make(const struct disk_state *s,
                                    const uint8_t *kept, size_t torn)
{
    struct outcome *w = must(calloc(1, sizeof(*w)));
    size_t pending = 0;

    w->entries = must(calloc(rec.nodes_n + s->n + 1, sizeof(*w->entries)));
    for (uint32_t i = 0; i < rec.nodes_n; i++) {
        const struct node *n = &rec.nodes[i];

        if (n->start.p != NULL) {
            grow(w, i, n->start.n);
            memcpy(w->file[i].p, n->start.p, n->start.n);
            w->file[i].n = n->start.n;
        }
        if (n->parent != NONE) {
            entry_set(w, n->parent, n->name, i);
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct part *p = &s->parts[i];
        size_t at = p->is_synced ? SIZE_MAX : pending++;

        if (p->is_synced || kept[at] != 0) {
            apply(w, p, at != SIZE_MAX && at == torn);
        }
    }
    return w;
}

static void outcome_free(struct outcome *w)
{
    for (uint32_t i = 0; i < rec.nodes_n; i++) {
        free(w->file[i].p);
    }
    free(w->entries);
    free(w);
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->dir != y->dir ? (x->dir < y->dir ? -1 : 1)
                            : strcmp(x->name, y->name);
}

static uint64_t digest(struct outcome *w)
{
    struct blake3 h;
    uint8_t out[BLAKE3_BYTES];
    uint64_t d;

    qsort(w->entries, w->entries_n, sizeof(*w->entries), entry_order);
    blake3_init(&h);
    for (size_t i = 0; i < w->entries_n; i++) {
        const struct entry *e = &w->entries[i];

        blake3_update(&h, &e->dir, sizeof(e->dir));
        blake3_update(&h, e->name, strlen(e->name) + 1);
        blake3_update(&h, &e->file, sizeof(e->file));
        if (e->file != NONE) {
            blake3_update(&h, w->file[e->file].p, w->file[e->file].n);
        }
    }
    blake3_final(&h, out);
    memcpy(&d, out, sizeof(d));
    return d;
}

/* Everything below folder `dir`, breadth first: no entry leads upwards. */
static int write_below(const struct outcome *w, uint32_t dir, const char *path)
{
    char at[512];

    for (size_t i = 0; i < w->entries_n; i++) {
        const struct entry *e = &w->entries[i];
        int fd;

        if (e->dir != dir || e->file == NONE) {
            continue;
        }
        (void)snprintf(at, sizeof(at), "%s/%s", path, e->name);
        if (rec.nodes[e->file].is_dir) {
            if ((mkdir(at, 0700) != 0 && errno != EEXIST) ||
                write_below(w, e->file, at) != 0) {
                return -1;
            }
            continue;
        }
        fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, w->file[e->file].p, w->file[e->file].n) !=
                          (ssize_t)w->file[e->file].n) {
            return -1;
        }
        (void)close(fd);
    }
    return 0;
}

static int remove_below(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int rc = 0;

    while (d != NULL && rc == 0 && (e = readdir(d)) != NULL) {
        char at[512];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(at, sizeof(at), "%s/%s", path, e->d_name);
        if (unlink(at) != 0) {
            rc = remove_below(at) != 0 ? -1 : rmdir(at);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return d == NULL ? -1 : rc;
}

int disk_state_write(const struct disk_state *s, const uint8_t *kept,
                     size_t torn, const char *dir, uint64_t *out_digest)
{
    struct outcome *w = outcome_make(s, kept, torn);
    int rc = -1;

    *out_digest = digest(w);
    if ((mkdir(dir, 0700) == 0 || errno == EEXIST) && remove_below(dir) == 0) {
        rc = write_below(w, 0, dir);
    }
    outcome_free(w);
    return rc;
}

uint64_t disk_state_digest(const struct disk_state *s, const uint8_t *kept,
                           size_t torn)
{
    struct outcome *w = outcome_make(s, kept, torn);
    uint64_t d = digest(w);

    outcome_free(w);
    return d;
}
