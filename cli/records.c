/* One record by its place. Reads only. */
#include "cli/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"

static const struct loc NOWHERE = {NULL, 0, 0};

int records_open(struct records *x, const char *store, struct diag *d)
{
    char path[PATH_MAX];

    *x = (struct records){.wal_fd = -1, .segment_fd = -1};
    x->bytes = malloc(2 + LIMIT_RECORD_BYTES);
    if (x->bytes == NULL) {
        return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
    }
    if (snprintf(path, sizeof(path), "%s/ledger/wal", store) <
        (int)sizeof(path)) {
        x->wal_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return 0; /* no folder: then there is no record to ask for */
}

void records_close(struct records *x)
{
    fd_closep(&x->wal_fd);
    fd_closep(&x->segment_fd);
    free(x->bytes);
    x->bytes = NULL;
}

static int damaged(const struct record_at *at, const char *what, struct diag *d)
{
    char name[WAL_NAME_BYTES];

    wal_segment_name(at->segment, name);
    (void)diag_set(d, ERR_STORE_DAMAGED, NOWHERE,
                   "ledger/wal/%s:%" PRIu64 ": %s", name, at->off, what);
    diag_hint(d, "`proctor verify --full` tells all that is wrong; restore the "
                 "store from a copy");
    return ERR_TRACE(ERR_STORE_DAMAGED);
}

static int open_segment(struct records *x, const struct record_at *at,
                        struct diag *d)
{
    char name[WAL_NAME_BYTES];

    if (x->segment_fd >= 0 && x->segment == at->segment) {
        return 0;
    }
    fd_closep(&x->segment_fd);
    wal_segment_name(at->segment, name);
    x->segment_fd = openat(x->wal_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    x->segment = at->segment;
    return x->segment_fd >= 0 ? 0 : damaged(at, "the segment is missing", d);
}

/* As many as there are, up to n; an error counts as none. */
static size_t read_at(int fd, uint64_t off, uint8_t *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, p + done, n - done, (off_t)(off + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

int records_get(struct records *x, const struct record_at *at, struct record *r,
                struct merkle_hash *out_leaf, struct diag *d)
{
    struct ubytes entry;
    size_t got;

    TRY(open_segment(x, at, d));
    got = read_at(x->segment_fd, at->off, x->bytes, 1024);
    if (got < 2) {
        return damaged(at, "the record is cut off", d);
    }
    entry =
        (struct ubytes){x->bytes + 2, (size_t)x->bytes[0] << 8 | x->bytes[1]};
    if (entry.n + 2 > got) {
        got += read_at(x->segment_fd, at->off + got, x->bytes + got,
                       entry.n + 2 - got);
    }
    if (entry.n + 2 > got) {
        return damaged(at, "the record is cut off", d);
    }
    *out_leaf = merkle_leaf(entry);
    if (index_leaf_part(out_leaf) != at->leaf_part ||
        record_decode(entry, r) != 0 || r->seq != at->seq) {
        return damaged(at, "not the record that was written here", d);
    }
    return 0;
}
