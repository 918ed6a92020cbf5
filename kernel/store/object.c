/* Objects of a store: immutable bytes under their CID. Kernel process.
 *
 * Must never give bytes out that do not hash to the name they were asked by,
 * nor return from a put before file and name are durable. */
#include "kernel/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/disk.h"
#include "proto/share.h"

#define CHUNK_BYTES (256u << 10)

/* objects/ab and the name within it. */
struct place {
    char folder[3];
    char name[CID_TEXT_BYTES - 2];
};

static struct place place_of(const struct cid *c)
{
    char text[CID_TEXT_BYTES];
    struct place p;

    cid_text(c, text);
    memcpy(p.folder, text, 2);
    p.folder[2] = '\0';
    memcpy(p.name, text + 2, sizeof(p.name));
    return p;
}

static int open_objects(const struct store *s, int *out_fd)
{
    return disk_open_dir(store_dir_fd(s), "objects", out_fd);
}

/* Opens an object for reading. ERR_NOT_FOUND. */
static int open_object(const struct store *s, const struct cid *c, int *out_fd)
{
    struct place p = place_of(c);
    char path[sizeof("objects/") + sizeof(p)];

    (void)snprintf(path, sizeof(path), "objects/%s/%s", p.folder, p.name);
    return disk_open(store_dir_fd(s), path, O_RDONLY, out_fd);
}

int store_has(struct store *s, const struct cid *c)
{
    int fd CLEANUP(fd_closep) = -1;

    return open_object(s, c, &fd) == 0;
}

/* The folder of c, made durable when it is new. */
static int open_folder(struct store *s, const struct place *p, int *out_fd)
{
    int objects CLEANUP(fd_closep) = -1;
    int made = 0;

    TRY(open_objects(s, &objects));
    TRY(disk_mkdir(objects, p->folder, 0755, &made));
    if (made) {
        TRY(disk_sync_dir(objects));
    }
    return disk_open_dir(objects, p->folder, out_fd);
}

/* Where a copy goes: a file of the store, a memfd, or nowhere (to_fd -1). */
struct copy {
    int from_fd;
    int to_fd;
    int to_memory;
    uint64_t max_bytes;
    uint64_t n;
    struct cid cid;
    const struct store_part *parts; /* NULL: all of from_fd */
    size_t parts_n;
    uint64_t part_at; /* bytes of the first of them that were read */
};

/* The next bytes to copy; none: the end. */
static int copy_read(struct copy *c, uint8_t *chunk, size_t chunk_n, size_t *got)
{
    uint64_t left;

    if (c->parts == NULL) {
        return disk_read(c->from_fd, c->n, chunk, chunk_n, got);
    }
    *got = 0;
    while (c->parts_n > 0 && *got < chunk_n) {
        size_t n = chunk_n - *got;
        size_t read_n;

        left = c->parts->bytes - c->part_at;
        n = left < n ? (size_t)left : n;
        TRY(disk_read(c->from_fd, c->parts->at + c->part_at, chunk + *got, n,
                      &read_n));
        if (read_n != n) {
            return ERR_TRACE(ERR_IO);
        }
        *got += n;
        c->part_at += n;
        if (c->part_at == c->parts->bytes) {
            c->part_at = 0;
            c->parts++;
            c->parts_n--;
        }
    }
    return 0;
}

static int write_memory(int fd, const uint8_t *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t wrote = write(fd, p + done, n - done);

        if (wrote < 0 && errno != EINTR) {
            return ERR_TRACE(err_from_errno(errno));
        }
        done += wrote < 0 ? 0 : (size_t)wrote;
    }
    return 0;
}

/* Copies until the end of the file, hashing what it wrote. */
static int copy_hashed(struct copy *c)
{
    static uint8_t chunk[CHUNK_BYTES]; /* the kernel has one thread */
    struct blake3 h;
    size_t got;

    blake3_init(&h);
    for (;;) {
        TRY(copy_read(c, chunk, sizeof(chunk), &got));
        if (got == 0) {
            break;
        }
        if (got > c->max_bytes - c->n) {
            return ERR_TRACE(ERR_LIMIT);
        }
        if (c->to_fd >= 0) {
            TRY(c->to_memory ? write_memory(c->to_fd, chunk, got)
                             : disk_write(c->to_fd, c->n, chunk, got));
        }
        blake3_update(&h, chunk, got);
        c->n += got;
    }
    blake3_final(&h, c->cid.b);
    return 0;
}

/* True when an object of n bytes is there: it was durable when its put
 * returned, or became so when this kernel opened the store (store.c). Small
 * ones are hashed, so that a put heals them. A file that somebody else could
 * change, as one with a second name, is not ours: a put replaces it. */
static int is_there(struct store *s, const struct cid *c, uint64_t n)
{
    int fd CLEANUP(fd_closep) = -1;
    struct copy copy = {.to_fd = -1, .max_bytes = n};
    uint64_t have;

    if (open_object(s, c, &fd) != 0 || !disk_is_immutable(fd, &have) ||
        have != n) {
        return 0;
    }
    copy.from_fd = fd;
    return n > CHUNK_BYTES ||
           (copy_hashed(&copy) == 0 && cid_is_equal(&copy.cid, c));
}

int store_put(struct store *s, struct ubytes bytes, struct cid *out)
{
    int folder CLEANUP(fd_closep) = -1;
    struct cid cid = cid_of(bytes);
    struct place p = place_of(&cid);

    if (bytes.n > LIMIT_HELD_BYTES) {
        return ERR_TRACE(ERR_LIMIT);
    }
    if (!is_there(s, &cid, bytes.n)) {
        TRY(open_folder(s, &p, &folder));
        TRY(disk_put(&(struct disk_file){.tmp_fd = store_tmp_fd(s),
                                         .dir_fd = folder,
                                         .name = p.name,
                                         .mode = 0444,
                                         .durable = 1},
                     bytes));
    }
    *out = cid;
    return 0;
}

int store_get(struct store *s, const struct cid *c, struct buf *out)
{
    int fd CLEANUP(fd_closep) = -1;
    struct cid found;
    uint64_t n;
    size_t got;
    uint8_t *p;

    TRY(open_object(s, c, &fd));
    TRY(disk_size(fd, &n));
    TRY(buf_extend(out, (size_t)n, &p));
    TRY(disk_read(fd, 0, p, (size_t)n, &got));
    found = cid_of((struct ubytes){p, got});
    return cid_is_equal(&found, c) ? 0 : ERR_TRACE(ERR_STORE_DAMAGED);
}

int store_get_memfd(struct store *s, const struct cid *c, int *out_fd,
                    uint64_t *out_n)
{
    int fd CLEANUP(fd_closep) = -1;
    int memory CLEANUP(fd_closep) = -1;
    struct copy copy = {.to_memory = 1, .max_bytes = LIMIT_OBJECT_BYTES};

    TRY(open_object(s, c, &fd));
    memory = memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    copy.from_fd = fd;
    copy.to_fd = memory;
    TRY(copy_hashed(&copy));
    if (!cid_is_equal(&copy.cid, c)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(share_seal(memory, copy.n));
    if (lseek(memory, 0, SEEK_SET) != 0) {
        return ERR_TRACE(ERR_IO);
    }
    *out_n = copy.n;
    *out_fd = fd_take(&memory);
    return 0;
}

/* Copies fd into tmp/name; then the name it deserves. */
static int put_fd_through(struct store *s, struct copy *copy, const char *tmp)
{
    int file CLEANUP(fd_closep) = -1;
    int folder CLEANUP(fd_closep) = -1;
    struct place p;

    TRY(disk_create(store_tmp_fd(s), tmp, 0444, &file));
    copy->to_fd = file;
    TRY(copy_hashed(copy));
    if (is_there(s, &copy->cid, copy->n)) {
        return disk_unlink(store_tmp_fd(s), tmp);
    }
    TRY(disk_sync(file));
    p = place_of(&copy->cid);
    TRY(open_folder(s, &p, &folder));
    TRY(disk_rename(store_tmp_fd(s), tmp, folder, p.name, 1));
    return disk_sync_dir(folder);
}

int store_put_fd(struct store *s, int fd, uint64_t max_bytes, struct cid *out,
                 uint64_t *out_n)
{
    struct copy copy = {.from_fd = fd,
                        .to_fd = -1,
                        .max_bytes = max_bytes < LIMIT_OBJECT_BYTES
                                         ? max_bytes
                                         : LIMIT_OBJECT_BYTES};
    char tmp[DISK_TMP_NAME_BYTES];
    uint64_t size;
    int code;

    TRY(disk_size(fd, &size));
    if (size > copy.max_bytes) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(copy_hashed(&copy)); /* most are there: nothing to write */
    if (!is_there(s, &copy.cid, copy.n)) {
        copy.n = 0;
        disk_tmp_name(tmp);
        code = put_fd_through(s, &copy, tmp);
        if (code != 0) {
            (void)unlinkat(store_tmp_fd(s), tmp, 0);
            return code;
        }
    }
    *out = copy.cid;
    *out_n = copy.n;
    return 0;
}

int store_put_parts(struct store *s, int fd, const struct store_part *parts,
                    size_t n, struct cid *out)
{
    static const struct store_part none;
    struct copy copy = {.from_fd = fd,
                        .to_fd = -1,
                        .max_bytes = LIMIT_OBJECT_BYTES,
                        .parts = n > 0 ? parts : &none,
                        .parts_n = n};
    char tmp[DISK_TMP_NAME_BYTES];
    int code;

    disk_tmp_name(tmp);
    code = put_fd_through(s, &copy, tmp);
    if (code != 0) {
        (void)unlinkat(store_tmp_fd(s), tmp, 0);
        return code;
    }
    *out = copy.cid;
    return 0;
}
