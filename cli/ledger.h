/* The ledger as the command line reads it: records of the write-ahead segments,
 * with errors worded for people. Reads only; works while a kernel appends. */
#ifndef CLI_LEDGER_H
#define CLI_LEDGER_H

#include "proto/diag.h"
#include "proto/wal.h"

/* What GENESIS says about the log, and the key that signs it now. As the records
 * say: whether they were signed so is for `verify`. */
struct ledger_identity {
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    uint8_t first_key[32]; /* GENESIS's */
};
/* ERR_NOT_FOUND when there is no record yet. */
int ledger_identity(const char *store, struct ledger_identity *out,
                    struct diag *d) MUST_USE;

/* A change of the key (KEY records; ledger_keys.c). */
struct ledger_key {
    uint64_t seq; /* of the record: what is larger is signed by the new key */
    uint8_t old_key[32];
    uint8_t new_key[32];
};
/* All of them, ascending; the caller frees *out (NULL when none). Reads the first
 * batch of each segment. 0, ERR_NOMEM, ERR_IO. */
int ledger_keys(const char *store, struct ledger_key **out, size_t *out_n)
    MUST_USE;
/* The key that signs a tree of `size` records. 0, ERR_NOMEM, ERR_IO. */
int ledger_key_at(const char *store, const struct ledger_identity *id,
                  uint64_t size, uint8_t out[static 32]) MUST_USE;
/* note_read with the key of the size that the note names. */
int ledger_note(const char *store, const struct ledger_identity *id,
                struct ubytes note, struct checkpoint *out) MUST_USE;

/* One record with its bytes. Zeroed: nothing in it. */
struct ledger_entry {
    struct buf bytes; /* owned; r borrows from it */
    struct record r;
    struct merkle_hash leaf;
};
void ledger_entry_init(struct ledger_entry *e);
void ledger_entry_release(struct ledger_entry *e);
/* ERR_NOT_FOUND past the end (d names the last one), ERR_STORE_DAMAGED. */
int ledger_get(const char *store, uint64_t seq, struct ledger_entry *out,
               struct diag *d) MUST_USE;

/* First record of the newest segment: about the size. 0 when unknown. */
uint64_t ledger_last_segment(const char *store);

/* Records one by one. Zeroed, or closed: nothing open. */
struct ledger_walk {
    const char *store; /* borrowed */
    uint64_t from;
    struct wal_reader *w; /* NULL: there is no record yet */
};
enum {
    LEDGER_E_END = 1, /* no more records; asking again sees later ones */
    LEDGER_E_TORN     /* the same, and an unfinished batch stands there */
};
int ledger_walk_open(struct ledger_walk *k, const char *store, uint64_t from,
                     struct diag *d) MUST_USE;
/* r and *entry borrow until the next call. 0, LEDGER_E_*, or an error. */
int ledger_walk_next(struct ledger_walk *k, struct record *r,
                     struct ubytes *entry, struct merkle_hash *leaf,
                     struct diag *d) MUST_USE;
void ledger_walk_close(struct ledger_walk *k);

/* How a walk over the records ended. */
struct ledger_end {
    uint64_t size;           /* records seen, from 0 */
    int torn;                /* an unfinished batch follows */
    int has_batch;           /* the next two are set */
    struct merkle_hash root; /* signed with the last whole batch */
    uint8_t sig[64];
};
typedef int (*ledger_fn)(void *ctx, const struct record *r, struct ubytes entry,
                         const struct merkle_hash *leaf);
/* Calls fn for each record from seq `from` on; stops at what it returns if not
 * 0. A ledger without any record is one of size 0. */
int ledger_each(const char *store, uint64_t from, ledger_fn fn, void *ctx,
                struct ledger_end *out, struct diag *d) MUST_USE;

#endif
