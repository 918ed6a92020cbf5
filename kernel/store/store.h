/* A store directory: lock, format, objects by CID. Kernel only.
 *
 *   format      "proctor store 1\n"
 *   lock        flock(2)ed by its one owner; holds "pid N\n" while it is open,
 *               so that the next owner knows of a crash
 *   keys/       0700; key: written and read by the signer only
 *   objects/ab/cdef...   immutable bytes, 0444, name = CID
 *   tmp/        half-written files; emptied at open
 *   ledger/     tlog-tiles log: checkpoint, vkey, tile/, and wal/ (wal.h)
 *   index.db    the command line's; the kernel never opens it
 *
 * Invariants: 1 an object's bytes hash to its name whenever it is read; 2 an
 * object is durable (file and directory synced) before a record names it; 3 a
 * store has one owner at a time. */
#ifndef KERNEL_STORE_STORE_H
#define KERNEL_STORE_STORE_H

#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/diag.h"

struct store;

/* Opens or, when dir does not exist or is empty, creates. Takes the lock.
 * ERR_STORE_BUSY, _FORMAT, _RDONLY, _DAMAGED, ERR_SPACE, ERR_ACCESS, ERR_IO;
 * d says which owner, version or file, and what to do. */
int store_open(const char *dir, struct store **out, int *out_created,
               struct diag *d) MUST_USE;
void store_close(struct store *s); /* NULL is fine; releases the lock */
int store_dir_fd(const struct store *s);
int store_tmp_fd(const struct store *s); /* for disk_put, same file system */
const char *store_dir(const struct store *s);

/* Durable when it returns. Putting what is there already is cheap. */
int store_put(struct store *s, struct ubytes bytes, struct cid *out) MUST_USE;
/* Appends the bytes to out; re-hashes. ERR_NOT_FOUND, ERR_STORE_DAMAGED (wrong
 * hash), ERR_LIMIT (out is full), ERR_IO. */
int store_get(struct store *s, const struct cid *c, struct buf *out) MUST_USE;
int store_has(struct store *s, const struct cid *c);
/* A sealed, read-only memfd with the object's bytes, hashed on the way. */
int store_get_memfd(struct store *s, const struct cid *c, int *out_fd,
                    uint64_t *out_n) MUST_USE;
/* Streams fd (from its start, at most max_bytes) into an object. */
int store_put_fd(struct store *s, int fd, uint64_t max_bytes, struct cid *out,
                 uint64_t *out_n) MUST_USE;
/* The same of pieces of fd, in their order. ERR_IO when one lies behind its end. */
struct store_part {
    uint64_t at;
    uint64_t bytes;
};
int store_put_parts(struct store *s, int fd, const struct store_part *parts,
                    size_t n, struct cid *out) MUST_USE;

#endif
