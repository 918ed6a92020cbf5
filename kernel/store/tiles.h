/* The derived tlog-tiles files of a ledger (C2SP tlog-tiles): entry bundles,
 * hash tiles, checkpoint, vkey. Everything here can be deleted and made again
 * from the write-ahead segments.
 *
 * Order: tiles first, then the checkpoint that promises them, then partial
 * tiles go that a full one has replaced. Partial tiles of older checkpoints
 * stay until then, as readers may still hold one. */
#ifndef KERNEL_STORE_TILES_H
#define KERNEL_STORE_TILES_H

#include "proto/merkle.h"
#include "proto/note.h"

struct tiles;

/* Continues from the checkpoint file when its tiles are there and hash to its
 * root, else from nothing. Borrows the descriptors. wal_fd: ledger/wal. */
struct tiles_place {
    int ledger_fd;
    int wal_fd;
    int tmp_fd;
};
int tiles_open(const struct tiles_place *place, const char *origin,
               const uint8_t key[static 32], struct tiles **out) MUST_USE;
void tiles_free(struct tiles *t); /* NULL is fine */

/* Brings all files up to c, which the ledger holds durably and whose signature
 * is sig. 0, ERR_STORE_DAMAGED (the segments do not hash to c's root; nothing
 * is published), ERR_SPACE, ERR_IO. After an error: tiles_free, open again. */
int tiles_publish(struct tiles *t, const struct checkpoint *c,
                  const uint8_t sig[static 64]) MUST_USE;

/* The checkpoint file. 0, ERR_NOT_FOUND, ERR_STORE_DAMAGED, ERR_IO. */
int tiles_read_checkpoint(int ledger_fd, const char *origin,
                          const uint8_t key[static 32],
                          struct checkpoint *out) MUST_USE;

/* Path of a tile below ledger/: level -1 is entries; width 256 is a full
 * one. */
#define TILE_PATH_BYTES 64
void tile_path(int level, uint64_t n, unsigned width,
               char out[static TILE_PATH_BYTES]);

#endif
