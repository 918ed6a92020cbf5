/* A torn tail of the ledger, moved aside. Kernel process.
 *
 * Must never lose a byte: the tail is durable in a file of its own before the
 * segment is cut. */
#include "kernel/store/ledger_int.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "proto/disk.h"
#include "proto/err.h"

#define TORN_NAME_BYTES 64

/* Named by place and content, so that a crash in the middle of this leaves no
 * second copy. */
static int save_torn(struct ledger *l, const struct torn *t, int fd,
                     char out_name[static TORN_NAME_BYTES])
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hex[17];
    CLEANUP(buf_release) struct buf bytes;
    uint8_t *room;
    size_t got = 0;

    buf_init(&bytes, (size_t)t->n);
    TRY(buf_extend(&bytes, (size_t)t->n, &room));
    TRY(disk_read(fd, t->off, room, (size_t)t->n, &got));
    crypto_hash_sha256(digest, room, got);
    hex_text(digest, 8, hex);
    (void)snprintf(out_name, TORN_NAME_BYTES, "torn-%016" PRIx64 "-%s", t->size,
                   hex);
    return disk_put(&(struct disk_file){.tmp_fd = store_tmp_fd(l->store),
                                        .dir_fd = l->wal_fd,
                                        .name = out_name,
                                        .mode = 0644,
                                        .durable = 1},
                    (struct ubytes){room, got});
}

int ledger_cut_torn(struct ledger *l, const struct torn *t, struct diag *d)
{
    int fd CLEANUP(fd_closep) = -1;
    char name[WAL_NAME_BYTES];
    char torn[TORN_NAME_BYTES];

    if (t->n == 0) {
        return 0;
    }
    wal_segment_name(t->segment, name);
    TRY(disk_open(l->wal_fd, name, O_RDWR, &fd));
    TRY(save_torn(l, t, fd, torn));
    TRY(disk_truncate(fd, t->off));
    TRY(disk_sync_dir(fd));
    (void)diag_set(d, 0, (struct loc){.path = NULL},
                   "a torn tail of %" PRIu64
                   " bytes (never acknowledged) was moved to ledger/wal/%s",
                   t->n, torn);
    return 0;
}
