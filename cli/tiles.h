/* The derived tlog-tiles files of a ledger (C2SP tlog-tiles): entry bundles,
 * hash tiles, checkpoint, vkey. Everything here can be deleted and made again
 * from the write-ahead segments; the kernel only reads the checkpoint, as proof
 * of what the ledger once held.
 *
 * Order: tiles first, then the checkpoint that promises them, then partial
 * tiles go that a full one has replaced. Partial tiles of older checkpoints
 * stay until then, as readers may still hold one. One writer at a time: the
 * folder ledger/ is flock(2)ed. */
#ifndef CLI_TILES_H
#define CLI_TILES_H

#include "proto/diag.h"

/* Brings the files up to the last batch that the segments hold whole; works
 * while a kernel appends. Nothing to do: no ledger yet, up to date, or somebody
 * else is at it. 0; ERR_STORE_DAMAGED (the segments do not hash to what was
 * signed; nothing is published), ERR_SPACE, ERR_ACCESS, ERR_IO, ERR_NOMEM with
 * d set: the records are not touched by any of them. */
int tiles_catch_up(const char *store, struct diag *d) MUST_USE;

/* Path of a tile below ledger/: level -1 is entries; width 256 is a full
 * one. */
#define TILE_PATH_BYTES 64
void tile_path(int level, uint64_t n, unsigned width,
               char out[static TILE_PATH_BYTES]);

#endif
