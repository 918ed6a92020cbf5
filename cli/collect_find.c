/* What is garbage (collect.h). Reads only. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/collect_int.h"
#include "cli/files.h"
#include "cli/kinds.h"
#include "cli/message.h"
#include "cli/object.h"
#include "cli/reach.h"
#include "cli/tiles.h"
#include "proto/err.h"
#include "proto/pb.h"

#define NOTHING_LEADS "no record leads to it"
#define GUESS_BYTES ((size_t)1 << 20) /* larger ones are called bytes */
#define TILE_WIDTH_LOG 8u
#define TILE_LEVELS 8

static const struct loc NOWHERE = {NULL, 0, 0};

/* One stored object. */
struct stored {
    struct cid cid;
    int is_reached;
};

struct objects {
    const struct collect_ask *ask;
    struct stored *v; /* owned; sorted once all are in */
    size_t n;
    size_t cap;
    struct reach *reach; /* owned */
    struct diag *d;
};

static int list(void *ctx, const struct cid *c, const char *name)
{
    struct objects *o = ctx;

    (void)name;
    if (c == NULL) {
        return 0; /* no object: verify tells of it, we leave it */
    }
    if (o->n == o->cap) {
        size_t cap = o->cap == 0 ? 256 : 2 * o->cap;
        struct stored *v = reallocarray(o->v, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        o->v = v;
        o->cap = cap;
    }
    o->v[o->n++] = (struct stored){*c, 0};
    return 0;
}

static int by_cid(const void *a, const void *b)
{
    return memcmp(((const struct stored *)a)->cid.b,
                  ((const struct stored *)b)->cid.b, CID_BYTES);
}

/* Whatever the hash is said to be: an object of that name stays. */
static void mark(struct objects *o, const uint8_t *hash)
{
    struct stored key;
    struct stored *at;

    memcpy(key.cid.b, hash, CID_BYTES);
    at = o->n == 0 ? NULL : bsearch(&key, o->v, o->n, sizeof(key), by_cid);
    if (at != NULL) {
        at->is_reached = 1;
    }
}

static int see_record(void *ctx, const struct record *r, struct ubytes entry,
                      const struct merkle_hash *leaf)
{
    struct objects *o = ctx;
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned i;

    (void)entry;
    (void)leaf;
    for (i = first; i < first + record_fields_n(r->kind); i++) {
        enum record_field f = (enum record_field)i;
        enum record_type type = record_field_info(f)->type;

        if (type == RT_HASH) {
            mark(o, record_hash(r, f));
        } else if (type == RT_CIDS) {
            struct ubytes cids = record_bytes(r, f);
            size_t at;

            for (at = 0; at + CID_BYTES <= cids.n; at += CID_BYTES) {
                mark(o, cids.p + at);
            }
        }
    }
    return reach_add(o->reach, r);
}

static int doubt(struct objects *o, int rc, const struct reach_mention *at)
{
    char text[CID_TEXT_BYTES];

    cid_text(&at->cid, text);
    (void)diag_set(o->d, ERR_STORE_DAMAGED, NOWHERE,
                   "object %.16s is no %s (%s) that record %" PRIu64
                   " leads to as %s; nothing was removed",
                   text, at->type != NULL ? at->type->short_name : "object",
                   err_text(rc), at->seq, at->field);
    diag_hint(o->d, "what it names cannot be known; use the Proctor that "
                    "wrote it");
    return ERR_STORE_DAMAGED;
}

static int walk(struct objects *o)
{
    struct ledger_end end;
    size_t i;

    TRY(ledger_each(o->ask->store, 0, see_record, o, &end, o->d));
    for (i = 0; i < reach_n(o->reach); i++) {
        struct reach_mention at = reach_at(o->reach, i);
        int rc = reach_follow(o->reach, o->ask->store, i);

        if (rc == ERR_NOMEM) {
            return rc;
        }
        if (rc != 0) {
            return doubt(o, rc, &at);
        }
        mark(o, at.cid.b);
        if (o->ask->ears->progress != NULL) {
            o->ask->ears->progress(o->ask->ears->ctx, "reached", i + 1);
        }
    }
    return 0;
}

/* The one type whose message these bytes are, else NULL: for people only. */
static const char *guess(const char *store, const struct cid *c)
{
    const char *found = NULL;
    const char *name;
    struct buf bytes;
    size_t i;
    int n = 0;

    buf_init(&bytes, GUESS_BYTES);
    if (object_read(store, c, GUESS_BYTES, &bytes) == 0 &&
        buf_len(&bytes) > 0) {
        for (i = 0; (name = kinds_type_name(i)) != NULL; i++) {
            ProtobufCMessage *m CLEANUP(pb_freep) = NULL;

            if (pb_decode(kinds_type(name), buf_bytes(&bytes), GUESS_BYTES,
                          &m) == 0) {
                found = name;
                n++;
            }
        }
    }
    buf_release(&bytes);
    err_trace_clear();
    return n == 1 ? found : NULL;
}

static int add_unreached(const struct objects *o, struct collect *out)
{
    size_t i;

    for (i = 0; i < o->n; i++) {
        struct collect_item item = {.kind = COLLECT_OBJECT,
                                    .why = NOTHING_LEADS};
        char text[CID_TEXT_BYTES];

        if (o->v[i].is_reached) {
            continue;
        }
        cid_text(&o->v[i].cid, text);
        (void)snprintf(item.name, sizeof(item.name), "objects/%.2s/%s", text,
                       text + 2);
        if (!collect_look(o->ask->store, &item)) {
            continue;
        }
        if (item.age_s < o->ask->grace_s) {
            out->kept++;
            continue;
        }
        item.type = guess(o->ask->store, &o->v[i].cid);
        TRY(collect_add(out, &item));
    }
    return 0;
}

int collect_objects(const struct collect_ask *ask, struct collect *out,
                    struct diag *d)
{
    struct objects o = {.ask = ask, .d = d};
    int rc = reach_new(&o.reach);

    /* Listed before the records are read: without the lock, an object that is
     * put later is not listed, and what a record came to name is not garbage. */
    if (rc == 0) {
        rc = object_each(ask->store, list, &o);
    }
    if (rc == 0) {
        if (o.n > 0) {
            qsort(o.v, o.n, sizeof(*o.v), by_cid);
        }
        rc = walk(&o);
    }
    if (rc == 0) {
        rc = add_unreached(&o, out);
    }
    reach_free(o.reach);
    free(o.v);
    return rc;
}

/* Calls fn for every name in a folder of the store, if it is there. */
static int each_name(const struct collect_ask *ask, const char *folder,
                     struct collect *out,
                     int (*fn)(const struct collect_ask *ask,
                               struct collect *out, struct collect_item *item,
                               const char *name))
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *dir;
    int rc = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", ask->store, folder);
    dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : ERR_TRACE(err_from_errno(errno));
    }
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        struct collect_item item = {.kind = COLLECT_OBJECT};
        int n =
            snprintf(item.name, sizeof(item.name), "%s/%s", folder, e->d_name);

        if (n > 0 && (size_t)n < sizeof(item.name) &&
            collect_look(ask->store, &item)) {
            rc = fn(ask, out, &item, e->d_name);
        }
    }
    (void)closedir(dir);
    return rc;
}

static int see_tmp(const struct collect_ask *ask, struct collect *out,
                   struct collect_item *item, const char *name)
{
    (void)name;
    if (item->age_s < ask->grace_s) {
        out->kept++;
        return 0;
    }
    item->kind = COLLECT_TMP;
    item->why = "whoever wrote it did not finish";
    return collect_add(out, item);
}

static int see_torn(const struct collect_ask *ask, struct collect *out,
                    struct collect_item *item, const char *name)
{
    if (strncmp(name, "torn-", 5) != 0) {
        return 0;
    }
    if (ask->torn == NULL || strcmp(ask->torn, name) != 0) {
        out->torn++;
        return 0;
    }
    item->kind = COLLECT_TORN;
    item->why = "asked for by name";
    return collect_add(out, item);
}

static int see_partial(const struct collect_ask *ask, struct collect *out,
                       struct collect_item *item, const char *name)
{
    (void)ask;
    (void)name;
    item->kind = COLLECT_TILE;
    item->why = "its full tile is there";
    return collect_add(out, item);
}

/* Partial tiles left beside their full one. `size` is what the checkpoint
 * promises: tiles beyond it stay. */
static int add_partials(const struct collect_ask *ask, uint64_t size,
                        struct collect *out)
{
    int level;

    for (level = -1; level < TILE_LEVELS - 1; level++) {
        unsigned shift =
            TILE_WIDTH_LOG * (level < 0 ? 1u : (unsigned)level + 1);
        uint64_t n;

        for (n = 0; n < size >> shift; n++) {
            char name[TILE_PATH_BYTES];
            char folder[TILE_PATH_BYTES + 16];
            char path[PATH_MAX];

            tile_path(level, n, 1u << TILE_WIDTH_LOG, name);
            (void)snprintf(folder, sizeof(folder), "ledger/%s.p", name);
            (void)snprintf(path, sizeof(path), "%s/ledger/%s", ask->store,
                           name);
            if (access(path, F_OK) == 0) {
                TRY(each_name(ask, folder, out, see_partial));
            }
        }
    }
    return 0;
}

int collect_files(const struct collect_ask *ask,
                  const struct audit_result *checked, struct collect *out,
                  struct diag *d)
{
    uint64_t before;

    TRY(each_name(ask, "tmp", out, see_tmp));
    TRY(add_partials(ask, checked->checkpoint_size, out));
    before = out->n;
    TRY(each_name(ask, "ledger/wal", out, see_torn));
    if (ask->torn != NULL && out->n == before) {
        (void)diag_set(d, ERR_NOT_FOUND, NOWHERE,
                       "ledger/wal holds no torn batch \"%.60s\"", ask->torn);
        diag_hint(d, "names begin with torn-; `proctor verify` lists them");
        return ERR_NOT_FOUND;
    }
    return 0;
}
