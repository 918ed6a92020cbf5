/* What others know of this ledger: the person's memory of its largest head
 * (seen.h), and cosignatures of the store's witnesses under its checkpoint. Command
 * line; reads only. Lines of witnesses that the store does not name are nobody's
 * business here. */
#include "cli/audit_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosigning.h"
#include "cli/seen.h"
#include "proto/err.h"

/* A memory that cannot be had is no damage of the store. */
static int load_seen(struct audit *a)
{
    struct diag d;
    int rc;

    diag_init(&d);
    rc = seen_load(a->id.origin, &a->seen, &d);
    if (rc == ERR_NOMEM) {
        return rc;
    }
    if (rc != 0) {
        memset(&a->seen, 0, sizeof(a->seen));
        err_trace_clear();
    }
    if (rc == ERR_INPUT) {
        audit_find(a, AUDIT_WARNING, AUDIT_SIGNED, AUDIT_NO_SEQ, "ledger",
                   "%s", d.what);
    }
    return 0;
}

static int check_cosigned(struct audit *a, const struct tlog_policy *p,
                          struct ubytes note)
{
    uint32_t good;
    uint32_t bad;
    unsigned i;
    int rc = tlog_policy_cosigned(p, note, &good, &bad);

    if (rc == ERR_ENCODING) { /* said where the checkpoint is read */
        err_trace_clear();
        return 0;
    }
    TRY(rc);
    for (i = 0; i < p->witnesses_n; i++) {
        if ((bad >> i & 1) != 0) {
            audit_find(a, AUDIT_DAMAGE, AUDIT_SIGNED, AUDIT_NO_SEQ,
                       "ledger/checkpoint",
                       "the line of the witness %s is not its cosignature",
                       p->witnesses[i].name);
        }
    }
    if (!tlog_policy_met(p, good)) {
        audit_find(a, AUDIT_WARNING, AUDIT_SIGNED, AUDIT_NO_SEQ,
                   "ledger/checkpoint",
                   "%d of %u witnesses cosigned it, which is no quorum",
                   __builtin_popcount(good), p->witnesses_n);
    }
    return 0;
}

int audit_heads_begin(struct audit *a, struct ubytes note)
{
    CLEANUP(mem_freep) struct tlog_policy *p = malloc(sizeof(*p));
    struct diag d;
    int rc;

    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(load_seen(a));
    diag_init(&d);
    rc = cosigning_policy(a->store, p, &d);
    if (rc == ERR_NOT_FOUND || note.n == 0) {
        err_trace_clear();
        return 0;
    }
    if (rc != 0) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_FILE, AUDIT_NO_SEQ, "witnesses",
                   "%s", d.what);
        err_trace_clear();
        return 0;
    }
    return check_cosigned(a, p, note);
}

void audit_heads_meet(struct audit *a, const struct merkle_frontier *f)
{
    struct merkle_hash root;

    if (a->seen.size == 0 || f->size != a->seen.size) {
        return;
    }
    root = merkle_frontier_root(f);
    if (memcmp(root.b, a->seen.root.b, sizeof(root.b)) != 0) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_LEDGER, 0, "ledger",
                   "you have seen another tree of %" PRIu64
                   " records under this key: one of the two is a fork",
                   a->seen.size);
    }
}

void audit_heads_end(struct audit *a)
{
    if (a->seen.size > a->out->size) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_CUT, a->out->size, "ledger",
                   "you have seen %" PRIu64 " records, the ledger holds %" PRIu64
                   ": it was restored from an older copy or cut",
                   a->seen.size, a->out->size);
    }
}
