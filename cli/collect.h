/* Garbage of a store: what nothing reaches any more (proctor gc).
 *
 *   objects   that no record leads to (reach.h); refs move by records, so the
 *             ledger reaches all that a ref does
 *   tmp/      half-written files
 *   tiles     partial ones whose full tile is there and which the published
 *             checkpoint does not need; a reader with an older checkpoint takes
 *             the full tile (C2SP tlog-tiles)
 *   torn-*    one batch that a kernel set aside, only when asked by its name
 *
 * Everything is checked as `verify --full` does before one file goes, and in
 * doubt nothing goes: damage, an object that is not what the record says it is,
 * an unfinished batch. The store's lock is held from before the check to the
 * end, so no kernel can come to need what is found. Killed anywhere: what is
 * left is still garbage, and the next run finds it. */
#ifndef CLI_COLLECT_H
#define CLI_COLLECT_H

#include "cli/audit.h"

enum collect_kind {
    COLLECT_OBJECT,
    COLLECT_TMP,
    COLLECT_TILE,
    COLLECT_TORN,
    COLLECT_KINDS_N
};
const char *collect_kind_name(enum collect_kind k);

struct collect_item {
    enum collect_kind kind;
    char name[112];   /* below the store */
    const char *type; /* of an object, when its bytes are of one only */
    const char *why;
    uint64_t bytes;
    uint64_t age_s;
};

struct collect_ask {
    const char *store;
    int is_delete;
    uint64_t grace_s;              /* younger objects and tmp files stay */
    const char *torn;              /* one file of ledger/wal, or NULL */
    const struct audit_ears *ears; /* of the check */
};

struct collect {
    struct collect_item *v; /* owned; in order of kind */
    size_t n;
    size_t cap;
    uint64_t bytes;
    uint64_t kept;    /* unreached, but too young */
    uint64_t torn;    /* torn-* files that stay */
    uint64_t removed; /* of v; all of them when collect_run returned 0 */
};
void collect_release(struct collect *g);

/* Finds, and when asked removes. 0; ERR_STORE_BUSY (to remove, while a kernel
 * has the store or a command writes tiles), ERR_STORE_DAMAGED, ERR_INPUT (an
 * unfinished batch), ERR_NOT_FOUND (no such torn file), ERR_ACCESS, ERR_IO,
 * ERR_NOMEM: d says what, and out->removed how far it came. */
int collect_run(const struct collect_ask *ask, struct collect *out,
                struct diag *d) MUST_USE;

#endif
