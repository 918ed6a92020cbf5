/* A disk that may lose power. The store's disk calls (proto/disk.c) are linked
 * with --wrap: while a recording runs, each goes to the real file system and is
 * noted here. From the notes every state can be made that a power cut may leave,
 * on a disk that promises no more than POSIX does:
 *
 *   what was synced is there: a file's bytes and size after its fdatasync, a
 *   folder's entries after its fsync, everything after syncfs;
 *   of the rest any part may be there, in any combination: each 512-byte sector
 *   of each write, each change of a size (without its bytes, it reads as
 *   zeroes), each new, moved or removed name; one sector may be torn. */
#ifndef TESTS_CRASH_DISK_MODEL_H
#define TESTS_CRASH_DISK_MODEL_H

#include "proto/base.h"

#define DISK_SECTOR 512u

/* Notes what happens below dir from now on; what is there counts as durable. */
void disk_record_start(const char *dir);
void disk_record_stop(void);
/* Calls noted so far: a moment in time. */
size_t disk_record_n(void);

/* The disk as it stands when the first n calls were made. */
struct disk_state;
struct disk_state *disk_state_at(size_t n);
void disk_state_free(struct disk_state *s);
/* Parts that may or may not have reached the disk. */
size_t disk_state_pending_n(const struct disk_state *s);
/* The i-th is the new size of a file: without it, the bytes beyond are lost
 * whatever became of them. */
int disk_state_is_size(const struct disk_state *s, size_t i);

/* Which of them did: kept[i] != 0. torn: index of a kept sector of which only
 * the first half arrived, or SIZE_MAX. Writes the files below dir, which is
 * emptied first; *out_digest names the outcome. 0, or -1 with errno. */
int disk_state_write(const struct disk_state *s, const uint8_t *kept,
                     size_t torn, const char *dir, uint64_t *out_digest);
/* The same digest without writing anything. */
uint64_t disk_state_digest(const struct disk_state *s, const uint8_t *kept,
                           size_t torn);

#endif
