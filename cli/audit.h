/* `proctor verify`: the whole ledger checked from its bytes, by code that
 * shares no more with the kernel than the formats in proto/.
 *
 *   segments and batches   order, digests, chain, tree, signatures (wal.h)
 *   checkpoint and vkey    are of this log and of no other or larger one
 *   records                name what stands before them; seeds are the chain
 *                          that GENESIS fixed; refs moved by admitted verdicts
 *   full: tiles, bundles   are those of the records; nothing strange among them
 *   full: objects          all that records name are there and hash to it
 *   full: splits, looks    follow from their objects, by the kernel's own
 *                          arithmetic (proto/holdout.h)
 * Memory: 32 bytes per commit, verdict and ref, and per object with full. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "cli/ledger.h"

enum audit_grade {
    AUDIT_NOTE,    /* worth knowing */
    AUDIT_WARNING, /* odd, nothing lost */
    AUDIT_DAMAGE   /* not what was signed */
};

/* Results; zeroed by audit_run. */
struct audit_result {
    uint64_t size;
    struct merkle_hash root;
    int has_root;
    int is_torn;
    uint64_t checkpoint_size;
    uint64_t batches;
    uint64_t verdicts;
    uint64_t tiles;
    uint64_t objects;
    uint64_t object_bytes;
    uint64_t unnamed; /* objects that no record leads to */
    uint64_t count[AUDIT_DAMAGE + 1];
};

struct audit_ears {
    /* where: "ledger/wal/...:offset", "record 12", an object's name. */
    void (*finding)(void *ctx, enum audit_grade grade, const char *where,
                    const char *what);
    void (*progress)(void *ctx, const char *phase, uint64_t done);
    void *ctx;
};

/* 0 when everything was looked at (see count[AUDIT_DAMAGE]), ERR_* with d when
 * the check itself could not go on. */
int audit_run(const char *store, int full, const struct audit_ears *ears,
              struct audit_result *out, struct diag *d) MUST_USE;

#endif
