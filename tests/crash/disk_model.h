/* A disk that may lose power. The store's disk calls (proto/disk.c) are linked
 * with --wrap: while a recording runs, each goes to the real file system and is
 * noted here. From the notes every state can be made that a power cut may leave,
 * on a disk that promises no more than POSIX does:
 *
 *   what was synced is there: a file's bytes and size after its fdatasync, a
 *   folder's entries after its fsync, everything after syncfs;
 *   of the rest any part may be there, in any combination: each sector of each
 *   write, each change of a size, each new, moved or removed name; one sector
 *   may be torn in its middle. A sector that is missing reads as zeroes, or, in
 *   blocks that the file did not have before, as what some earlier write left.
 *
 * A sync can be made to fail: what it should have written then never reaches
 * the disk, though the page cache shows it; a file opened with O_DIRECT shows
 * what the disk has. Or to lie: it returns 0 and nothing was synced. */
#ifndef TESTS_CRASH_DISK_MODEL_H
#define TESTS_CRASH_DISK_MODEL_H

#include "proto/base.h"

/* Bytes that reach the disk together: 512 or 4096. */
void disk_sector(size_t bytes);
/* Notes what happens below dir from now on; what is there counts as durable. */
void disk_record_start(const char *dir);
void disk_record_stop(void);
/* Calls noted so far: a moment in time. */
size_t disk_record_n(void);

/* The n-th sync from now on fails, once; 0 = none. */
void disk_fail_sync(unsigned n);
/* 0: opening with O_DIRECT fails, as on a file system that has none. */
void disk_allow_direct(int yes);
/* Places in the code that sync, told by their callers: found while recording,
 * numbered from 0 in order of their first call. */
#define DISK_SITE_BYTES 120
size_t disk_sites_n(void);
/* What place i synced when it was found. */
const char *disk_site(size_t i);
/* From now on syncs of this place do nothing and return 0; SIZE_MAX = none. */
void disk_lie(size_t site);

/* The disk as it stands when the first n calls were made. */
struct disk_state;
struct disk_state *disk_state_at(size_t n);
void disk_state_free(struct disk_state *s);
/* Parts that may or may not have reached the disk; later calls' come later. */
size_t disk_state_pending_n(const struct disk_state *s);
/* The i-th is the new size of a file: without it, the bytes beyond are lost
 * whatever became of them. */
int disk_state_is_size(const struct disk_state *s, size_t i);

/* One outcome of a cut. */
struct disk_outcome {
    const uint8_t *kept; /* [pending_n]: which parts did arrive */
    size_t torn; /* index of a kept sector with its first half, or SIZE_MAX */
    int stale;   /* new blocks hold old data, not zeroes */
};
/* Writes the files below dir, which is emptied first. 0, or -1 with errno. */
int disk_state_write(const struct disk_state *s, const struct disk_outcome *o,
                     const char *dir);
/* Names the outcome. */
uint64_t disk_state_digest(const struct disk_state *s,
                           const struct disk_outcome *o);

#endif
