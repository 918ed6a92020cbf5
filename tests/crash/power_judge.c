/* What must hold of a store after a power cut. Test code. */
#include "power.h"

#include <stdio.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/tiles.h"
#include "kernel/store/store.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"

static void hear(void *ctx, const struct audit_finding *f)
{
    struct judged *j = ctx;

    /* The writer's records are bare: they name no run and no object. */
    if (f->grade == AUDIT_DAMAGE && strncmp(f->where, "record ", 7) != 0) {
        j->why = "does not verify";
        (void)snprintf(j->detail, sizeof(j->detail), "%s: %s", f->where,
                       f->what);
    }
}

/* Numbers and roots of what is there now, against what was acknowledged. */
static int read_back(const char *dir, const struct told *t, size_t acks_n,
                     struct judged *j)
{
    struct merkle_frontier f;
    struct merkle_hash leaf;
    struct wal_reader *w;
    struct ubytes entry;
    struct record r;

    merkle_frontier_init(&f);
    if (wal_reader_open(dir, 0, &w) != 0) {
        j->why = "cannot be read back";
        return -1;
    }
    while (wal_reader_next(w, &r, &entry, &leaf) == 0) {
        struct merkle_hash root;
        int has_root = 0;

        merkle_frontier_add(&f, &leaf);
        for (size_t i = 0; i < acks_n; i++) {
            if (t->acks[i].is_object || t->acks[i].size != f.size) {
                continue;
            }
            if (!has_root) {
                root = merkle_frontier_root(&f);
                has_root = 1;
            }
            if (memcmp(root.b, t->acks[i].root.b, sizeof(root.b)) != 0) {
                j->why = "has another tree under an acknowledged root";
            }
        }
    }
    wal_reader_close(w);
    for (size_t i = 0; i < acks_n; i++) {
        if (!t->acks[i].is_object && t->acks[i].size > f.size) {
            j->why = "lost acknowledged records";
        }
    }
    return j->why == NULL ? 0 : -1;
}

static int objects_are_there(struct store *s, const struct told *t, size_t n,
                             struct judged *j)
{
    struct buf bytes;

    for (size_t i = 0; i < n; i++) {
        if (t->acks[i].is_object) {
            buf_init(&bytes, LIMIT_HELD_BYTES);
            if (store_get(s, &t->acks[i].cid, &bytes) != 0) {
                j->why = "lost an acknowledged object";
            }
            buf_release(&bytes);
        }
    }
    return j->why == NULL ? 0 : -1;
}

static int append_one(struct ledger *l)
{
    struct record r;
    uint64_t seq;

    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, "after");
    return ledger_append(l, &r, &seq, NULL);
}

static int start(const char *dir, const struct told *t, size_t n,
                 struct judged *j)
{
    struct store *s;
    struct ledger *l = NULL;
    struct diag d;
    int created;
    int code = store_open(dir, &s, &created, &d);

    if (code != 0) {
        j->why = "does not open";
    } else {
        code = ledger_open(s, &power_genesis, &l, &d);
        if (code != 0) {
            j->why = "has a ledger that does not open";
        } else {
            code = append_one(l);
            j->why = code == 0 ? NULL : "takes no further record";
            code = ledger_close(l) == 0 ? code : -1;
        }
        if (j->why == NULL) {
            (void)objects_are_there(s, t, n, j);
        }
        store_close(s);
    }
    if (j->why != NULL) {
        (void)snprintf(j->detail, sizeof(j->detail), "%s", d.what);
    } else if (code != 0) {
        j->why = "does not close";
    } else if (tiles_catch_up(dir, &d) != 0) {
        j->why = "has tiles that do not catch up";
        (void)snprintf(j->detail, sizeof(j->detail), "%s", d.what);
    }
    return j->why == NULL ? 0 : -1;
}

int judge(const char *dir, const struct told *t, size_t n, struct judged *j)
{
    struct audit_ears ears = {.finding = hear, .ctx = j};
    struct audit_result result;
    struct diag d;

    if (start(dir, t, n, j) != 0 || read_back(dir, t, n, j) != 0) {
        return -1;
    }
    if (audit_run(dir, 1, &ears, &result, &d) != 0) {
        j->why = "cannot be verified";
        (void)snprintf(j->detail, sizeof(j->detail), "%s", d.what);
    }
    return j->why == NULL ? 0 : -1;
}
