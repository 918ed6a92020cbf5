/* The keys of a log, from its KEY records: each is the second of a segment. Reads
 * only, believes what stands there. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ledger.h"
#include "proto/err.h"

enum {
    KEYS_E_NONE = 1
};

/* The change at the beginning of a segment, if it begins with one. */
static int change_at(int wal_fd, uint64_t first, struct ledger_key *out)
{
    struct wal_segment s = {.fd = -1};
    struct wal_batch b;
    struct ubytes entry;
    struct record r;
    size_t off = 0;
    int rc = first == 0 ? KEYS_E_NONE : wal_segment_open(wal_fd, first, &s);

    if (rc == 0) {
        rc = wal_segment_next(&s, &b);
    }
    if (rc == 0) {
        rc = b.n < 2 ? KEYS_E_NONE : wal_entry_next(&b, &off, &entry);
    }
    if (rc == 0) {
        rc = wal_entry_next(&b, &off, &entry);
    }
    if (rc == 0) {
        rc = record_decode(entry, &r);
    }
    if (rc == 0 && r.kind == RECORD_KEY) {
        out->seq = r.seq;
        memcpy(out->old_key, record_hash(&r, RF_KEY_old_key), 32);
        memcpy(out->new_key, record_hash(&r, RF_KEY_new_key), 32);
    } else if (rc == 0) {
        rc = KEYS_E_NONE;
    }
    wal_segment_close(&s);
    if (rc < 0 && rc != ERR_NOMEM) { /* damage is for `verify` to tell */
        err_trace_clear();
        rc = KEYS_E_NONE;
    }
    return rc;
}

int ledger_keys(const char *store, struct ledger_key **out, size_t *out_n)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(mem_freep) uint64_t *firsts = NULL;
    CLEANUP(mem_freep) struct ledger_key *v = NULL;
    char path[PATH_MAX];
    size_t segments_n = 0;
    size_t n = 0;
    size_t i;

    *out = NULL;
    *out_n = 0;
    if (snprintf(path, sizeof(path), "%s/ledger/wal", store) <
        (int)sizeof(path)) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        return ERR_TRACE(ERR_IO);
    }
    TRY(wal_segments(fd, &firsts, &segments_n));
    v = calloc(segments_n + 1, sizeof(*v));
    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (i = 0; i < segments_n; i++) {
        int rc = change_at(fd, firsts[i], &v[n]);

        if (rc < 0) {
            return rc;
        }
        n += rc == 0;
    }
    *out_n = n;
    *out = v;
    v = NULL;
    return 0;
}

int ledger_key_at(const char *store, const struct ledger_identity *id,
                  uint64_t size, uint8_t out[static 32])
{
    CLEANUP(mem_freep) struct ledger_key *v = NULL;
    size_t n;
    size_t i;

    TRY(ledger_keys(store, &v, &n));
    memcpy(out, id->first_key, 32);
    for (i = 0; i < n && v[i].seq < size; i++) {
        memcpy(out, v[i].new_key, 32);
    }
    return 0;
}

int ledger_note(const char *store, const struct ledger_identity *id,
                struct ubytes note, struct checkpoint *out)
{
    uint8_t key[32];
    uint8_t sig[64];
    size_t body_n;

    TRY(note_peek(note, out, &body_n));
    TRY(ledger_key_at(store, id, out->size, key));
    return note_read(note, id->origin, key, out, sig);
}
