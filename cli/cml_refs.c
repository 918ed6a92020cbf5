/* Refs of CML out of a store. Reads index and objects; writes nothing. */
#include "cli/cml_refs.h"

#include <string.h>

#include "cli/object.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct loc NOWHERE = {NULL, 0, 0};

void cml_refs_release(struct cml_refs *r)
{
    while (r->n > 0) {
        buf_release(&r->bundles_[--r->n]);
    }
}

/* The last word about the whole of ?1 at ?2. */
static const char SAID[] =
    "SELECT coalesce(payload_cid,''),bundle FROM m4_assertions WHERE ref_path=?1"
    " AND id<=?2 AND operation NOT GLOB '*_*' ORDER BY id DESC LIMIT 1";
static const char HELD[] =
    "SELECT payload_cid,bundle FROM m4_assertions WHERE payload_cid=?1 LIMIT 1";

/* Payload and bundle; both stay zero when no row has any. */
static int look_up(struct index *ix, const char *sql, const char *key,
                   uint64_t at, struct cid out[static 2], struct diag *d)
{
    sqlite3_stmt *q = NULL;
    int rc;

    TRY(index_query(ix, sql, &q, d));
    (void)sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
    if (sql == SAID) {
        (void)sqlite3_bind_int64(q, 2, (sqlite3_int64)at);
    }
    rc = index_step(ix, q, d);
    if (rc == 0 && index_text(q, 0)[0] != '\0' &&
        (cid_parse(index_text(q, 0), &out[0]) != 0 ||
         cid_parse(index_text(q, 1), &out[1]) != 0)) {
        rc = diag_set(d, ERR_STORE_DAMAGED, NOWHERE,
                      "the index names no bundle of %.100s", key);
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

static int in_snapshot(const Proctor__CmlSnapshot *s, const char *path,
                       struct cid out[static 2], struct diag *d)
{
    for (size_t i = 0; i < s->n_refs; i++) {
        if (strcmp(s->refs[i]->path, path) == 0) {
            (void)object_cid(s->refs[i]->cid, &out[0]);
            (void)object_cid(s->refs[i]->bundle, &out[1]);
            return 0;
        }
    }
    (void)diag_set(d, ERR_NOT_FOUND, NOWHERE, "the snapshot has no %.100s", path);
    diag_hint(d, "it holds what another unit named: link without --snapshot");
    return ERR_NOT_FOUND;
}

int cml_refs_add(struct cml_refs *r, const char *path, struct diag *d)
{
    struct cid both[2] = {{{0}}};
    struct buf *bundle = &r->bundles_[r->n];
    struct cid root;
    int rc;

    if (r->n == LIMIT_CML_REFS || strlen(path) > LIMIT_REF_BYTES) {
        return diag_set(d, ERR_LIMIT, NOWHERE,
                        "more than %u refs, or one with over %u bytes",
                        LIMIT_CML_REFS, LIMIT_REF_BYTES);
    }
    TRY(r->snapshot != NULL ? in_snapshot(r->snapshot, path, both, d)
                            : look_up(r->ix, SAID, path, r->at, both, d));
    buf_init(bundle, LIMIT_CML_BUNDLE_BYTES);
    memcpy(r->paths_[r->n], path, strlen(path) + 1);
    proctor__cml_ref__init(&r->m[r->n]);
    r->m[r->n].path = r->paths_[r->n];
    r->list[r->n] = &r->m[r->n];
    r->cids[r->n] = both[0];
    r->n++;
    if (cid_is_zero(&both[0])) {
        return 0;
    }
    rc = object_read(r->store, &both[1], LIMIT_CML_BUNDLE_BYTES, bundle);
    if (rc == 0 && (assertion_payload(buf_bytes(bundle), &root) != 0 ||
                    !cid_is_equal(&root, &both[0]))) {
        rc = ERR_STORE_DAMAGED;
    }
    if (rc != 0) {
        return diag_set(d, rc, NOWHERE, "what %.100s leads to: %s", path,
                        err_text(rc));
    }
    r->m[r->n - 1].bundle.data = (uint8_t *)(uintptr_t)buf_bytes(bundle).p;
    r->m[r->n - 1].bundle.len = buf_len(bundle);
    return 0;
}

int cml_refs_bundle(struct index *ix, const struct cid *payload,
                    struct cid *out, struct diag *d)
{
    struct cid both[2] = {{{0}}};
    char text[CID_TEXT_BYTES];

    cid_text(payload, text);
    TRY(look_up(ix, HELD, text, 0, both, d));
    *out = both[1];
    if (cid_is_zero(out)) {
        (void)diag_set(d, ERR_NOT_FOUND, NOWHERE, "no ref ever led to %.16s...",
                       text);
        diag_hint(d, "give the payload itself: FILE.cml:NAME, FILE.cmlb or "
                     "--leaf");
        return ERR_NOT_FOUND;
    }
    return 0;
}
