/* `proctor verify`: the whole ledger checked from its bytes, by code that
 * shares no more with the kernel than the formats in proto/. Changes no byte.
 *
 *   segments and batches   order, digests, chain, tree, signatures (wal.h)
 *   checkpoint and vkey    are of this log and of no other or larger one
 *   records                name what stands before them; seeds are the chain
 *                          that GENESIS fixed; refs moved by admitted verdicts
 *   full: tiles, bundles   are those of the records; nothing strange among them
 *   full: objects          all that records name are there and hash to it
 *   full: splits, looks    follow from their objects, by the kernel's own
 *                          arithmetic (proto/holdout.h)
 *   full: files            every name in the store has its place, kind, owner
 *                          and mode (audit_files.c)
 * Signatures: each covers all records before it, so the last of every segment is
 * checked, and all of a segment where that one does not fit; full: each.
 * Memory: 32 bytes per commit, verdict and ref, and per object with full. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "cli/ledger.h"

enum audit_grade {
    AUDIT_NOTE,    /* worth knowing */
    AUDIT_WARNING, /* odd, nothing lost */
    AUDIT_DAMAGE   /* not what was signed */
};

/* What a finding shakes, worst first. */
enum audit_part {
    AUDIT_LEDGER,  /* records from seq on cannot be relied on */
    AUDIT_CUT,     /* records from seq on are gone, and were signed once */
    AUDIT_ENTRY,   /* the bytes of record seq; all others are as signed */
    AUDIT_RULE,    /* what record seq says; its bytes are as signed */
    AUDIT_OBJECT,  /* an object; record seq leads to it */
    AUDIT_SIGNED,  /* checkpoint and vkey */
    AUDIT_DERIVED, /* tiles and index: made again from the records */
    AUDIT_FILE,    /* another file of the store */
    AUDIT_PARTS_N
};
const char *audit_part_name(enum audit_part part);

#define AUDIT_NO_SEQ UINT64_MAX

struct audit_finding {
    enum audit_grade grade;
    enum audit_part part;
    uint64_t seq;      /* record that it belongs to, or AUDIT_NO_SEQ */
    const char *where; /* "ledger/wal/...:offset", "record 12", an object */
    const char *what;
};

#define AUDIT_LINE_BYTES 768
#define AUDIT_HINT_BYTES 320

/* Results; zeroed by audit_run. */
struct audit_result {
    uint64_t size;
    struct merkle_hash root;
    int has_root;
    int is_torn;
    uint64_t checkpoint_size;
    uint64_t batches;
    uint64_t signatures; /* of batches, that were checked */
    uint64_t verdicts;
    uint64_t tiles;
    uint64_t objects;
    uint64_t object_bytes;
    uint64_t unnamed; /* objects that no record leads to */
    uint64_t files;   /* of the store, looked at by full */
    uint64_t count[AUDIT_DAMAGE + 1];
    uint64_t trusted; /* records 0 .. trusted - 1 can be relied on */
    char line[AUDIT_LINE_BYTES]; /* what is wrong, since when, what is not */
    char hint[AUDIT_HINT_BYTES]; /* what to do; empty = nothing */
};

struct audit_ears {
    void (*finding)(void *ctx, const struct audit_finding *f);
    void (*progress)(void *ctx, const char *phase, uint64_t done);
    void *ctx;
};

/* 0 when everything was looked at (see count[AUDIT_DAMAGE]), ERR_* with d when
 * the check itself could not go on. */
int audit_run(const char *store, int full, const struct audit_ears *ears,
              struct audit_result *out, struct diag *d) MUST_USE;

#endif
