/* Every call that opens, writes, syncs, renames or removes in a store goes
 * through here (the kernel's, and the command line's for derived files), so that
 * tests can fail or kill each one. All return 0 or an
 * ERR_* made from errno; interrupted calls are repeated; descriptors are
 * close-on-exec.
 *
 * A failed sync is final: the pages that were lost may be called clean
 * afterwards, so every later sync of the process fails with the same error, also
 * of another descriptor, and nothing is called durable any more. An interrupted
 * sync has failed. What the disk holds is told by the next process, which reads
 * it past the page cache (wal.h, wal_segment_open_direct). */
#ifndef PROTO_DISK_H
#define PROTO_DISK_H

#include <sys/types.h>

#include "proto/base.h"

enum disk_op {
    DISK_OPEN, DISK_CREATE, DISK_MKDIR, DISK_READ, DISK_WRITE, DISK_SYNC,
    DISK_RENAME, DISK_UNLINK, DISK_TRUNCATE, DISK_LOCK, DISK_N_
};

/* Tests: called before each operation; name may be NULL. Returns 0 to go on or
 * the errno to fail with; may lower *n (DISK_WRITE, > 0) for a short write. */
typedef int (*disk_hook_fn)(void *ctx, enum disk_op op, const char *name,
                            size_t *n);
/* NULL removes it. A failed sync is forgotten: a new process, for tests. */
void disk_set_hook(disk_hook_fn fn, void *ctx);
/* 0, or the error of the first sync that failed. */
int disk_sync_failed(void);

int disk_open_dir(int at_fd, const char *path, int *out_fd) MUST_USE;
/* flags: O_RDONLY, O_WRONLY or O_RDWR, perhaps O_CREAT (mode 0600). */
int disk_open(int at_fd, const char *name, int flags, int *out_fd) MUST_USE;
/* A new file for writing; ERR_EXISTS when there is one. */
int disk_create(int at_fd, const char *name, mode_t mode, int *out_fd) MUST_USE;
/* 0 also when the directory is there; *out_made (may be NULL) tells. */
int disk_mkdir(int at_fd, const char *name, mode_t mode, int *out_made)
    MUST_USE;
/* All n bytes at off, or an error; some may then be written. */
int disk_write(int fd, uint64_t off, const uint8_t *p, size_t n) MUST_USE;
/* Until n bytes or the end of the file. */
int disk_read(int fd, uint64_t off, uint8_t *p, size_t n, size_t *out_n)
    MUST_USE;
int disk_sync(int fd) MUST_USE;     /* fdatasync */
int disk_sync_dir(int fd) MUST_USE; /* fsync: names made in it are durable */
int disk_sync_all(int fd) MUST_USE; /* syncfs: everything on its file system */
/* The new name is replaced if it is there, or, when not, ERR_EXISTS. */
int disk_rename(int from_fd, const char *from, int to_fd, const char *to,
                int replace) MUST_USE;
int disk_unlink(int at_fd, const char *name) MUST_USE;
int disk_rmdir(int at_fd, const char *name) MUST_USE;
int disk_truncate(int fd, uint64_t n) MUST_USE;
enum { DISK_E_LOCKED = 1 };
int disk_lock(int fd) MUST_USE; /* flock, exclusive, does not wait */
int disk_size(int fd, uint64_t *out) MUST_USE;
/* Nobody has a way to change it but by force: a regular file of one name, ours
 * or root's, that nobody may write. Then *out_n: its size. */
int disk_is_immutable(int fd, uint64_t *out_n);
/* Removes the files in a directory. */
int disk_empty_dir(int dir_fd) MUST_USE;

/* Writes a whole file under a name of its own in tmp_fd, then renames it to
 * name in dir_fd, replacing what is there. Durable when `durable`: file, then
 * directory. On failure the temporary file is removed if that is possible. */
struct disk_file {
    int tmp_fd;
    int dir_fd;
    const char *name;
    mode_t mode;
    int durable;
};
int disk_put(const struct disk_file *f, struct ubytes bytes) MUST_USE;
/* A name that no living process uses or used, for a file in tmp. */
#define DISK_TMP_NAME_BYTES 24
void disk_tmp_name(char out[static DISK_TMP_NAME_BYTES]);

#endif
