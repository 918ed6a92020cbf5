/* See projection.h. In the person's process; reads only. */
#include "cli/projection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bridge.h"
#include "cli/index.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/manifest.h"
#include "proto/pb.h"
#include "proto/record.h"

#include "evidence.pb-c.h"

#define RUNNABLE_CML 4
#define ARENA_BYTES (512u << 20)
#define PATH_BYTES (sizeof(BRIDGE_NAMES) + LIMIT_REF_BYTES)

static const struct loc NOWHERE = {NULL, 0, 0};

void projection_init(struct projection *p)
{
    memset(p, 0, sizeof(*p));
    proctor__projection__init(&p->m);
    cml_dag_init(&p->dag);
    arena_init(&p->arena, ARENA_BYTES);
    names_init(&p->manifest);
    buf_init(&p->manifest_bytes,
             MANIFEST_MAX * (sizeof(struct name_entry) + 16));
}

void projection_release(struct projection *p)
{
    cml_dag_release(&p->dag);
    arena_release(&p->arena);
    names_release(&p->manifest);
    buf_release(&p->manifest_bytes);
}

/* Room for one more pointer in a list of the arena. */
static int grow(struct projection *p, void *list, size_t n)
{
    void **old = *(void ***)list;
    void **v;

    if (n != 0 && (n & (n - 1)) != 0) {
        return 0;
    }
    v = arena_array(&p->arena, n == 0 ? 1 : 2 * n, sizeof(*v));
    if (v == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    if (n > 0) {
        memcpy(v, old, n * sizeof(*v));
    }
    *(void ***)list = v;
    return 0;
}

static char *keep(struct projection *p, const char *s)
{
    return arena_text(&p->arena, s, strlen(s));
}

static int keep_cid(struct projection *p, const struct cid *c,
                    ProtobufCBinaryData *out)
{
    out->data = (uint8_t *)arena_text(&p->arena, c->b, CID_BYTES);
    out->len = CID_BYTES;
    return out->data != NULL ? 0 : ERR_TRACE(ERR_LIMIT);
}

/* An artifact of the store into the dag. */
static int load_bundle(struct projection *p, const char *store,
                       const struct cid *bundle, struct cid *out_root,
                       struct diag *d)
{
    CLEANUP(buf_release) struct buf bytes;
    uint32_t root = 0;
    int rc;

    buf_init(&bytes, LIMIT_CML_BUNDLE_BYTES);
    rc = object_read(store, bundle, LIMIT_CML_BUNDLE_BYTES, &bytes);
    if (rc == 0) {
        rc = cml_bundle_read(&p->dag, buf_bytes(&bytes), &root, d);
    }
    if (rc < 0) {
        char text[CID_TEXT_BYTES];

        cid_text(bundle, text);
        return diag_set(d,
                        rc == ERR_ENCODING || rc == ERR_NOT_FOUND
                            ? ERR_STORE_DAMAGED
                            : rc,
                        NOWHERE, "the artifact %.16s: %s", text, err_text(rc));
    }
    *out_root = cml_dag_at(&p->dag, root)->cid;
    return 0;
}

/* The candidate at c: *out_is_cml, and then its unit in the dag. What is no
 * Runnable of kind cml is none of ours. */
static int load(struct projection *p, const char *store, const struct cid *c,
                int *out_is_cml, struct cid *out_unit, struct diag *d)
{
    CLEANUP(pb_freep) ProtobufCMessage *m = NULL;
    const Proctor__Runnable *r;
    struct cid bundle;
    int rc = object_message(store, c, &proctor__runnable__descriptor, &m);

    *out_is_cml = 0;
    if (rc == ERR_ENCODING || rc == ERR_LIMIT) {
        return 0;
    }
    r = (const Proctor__Runnable *)m;
    if (rc == 0 && (r->kind != RUNNABLE_CML || !object_cid(r->bundle, &bundle))) {
        return 0;
    }
    if (rc < 0) {
        char text[CID_TEXT_BYTES];

        cid_text(c, text);
        return diag_set(d, rc, NOWHERE, "the candidate %.16s: %s", text,
                        err_text(rc));
    }
    *out_is_cml = 1;
    return load_bundle(p, store, &bundle, out_unit, d);
}

/* A name on its way through its moves. */
struct name {
    char name[LIMIT_REF_BYTES + 1];
    uint64_t seq; /* of its last assertion; 0: none yet */
    int is_set;
    struct cid unit;
};

static int add_ref(struct projection *p, const char *did, const char *path,
                   const struct cid *target, uint64_t seq)
{
    Proctor__BridgeRef *r = arena_get(&p->arena, sizeof(*r));

    if (r == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    proctor__bridge_ref__init(r);
    r->did = keep(p, did);
    r->path = keep(p, path);
    r->seq = seq;
    TRY(keep_cid(p, target, &r->target));
    TRY(grow(p, &p->m.refs, p->m.n_refs));
    p->m.refs[p->m.n_refs++] = r;
    return r->did != NULL && r->path != NULL ? 0 : ERR_TRACE(ERR_LIMIT);
}

static int end_name(struct projection *p, const struct name *n, struct diag *d)
{
    char path[PATH_BYTES];

    if (!n->is_set) {
        p->refs_other += n->name[0] != '\0';
        return 0;
    }
    TRY(names_add(&p->manifest, n->name, &n->unit, d));
    (void)snprintf(path, sizeof(path), BRIDGE_NAMES "%s", n->name);
    return add_ref(p, p->did, path, &n->unit, n->seq);
}

/* One move of a name, in order. */
static int add_move(struct projection *p, struct name *n, int is_cml,
                    const struct cid *unit, uint64_t wall_ns)
{
    Proctor__BridgeAssertion *a;
    char path[PATH_BYTES];

    if (!is_cml && !n->is_set) {
        return 0;
    }
    a = arena_get(&p->arena, sizeof(*a));
    if (a == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    n->is_set = is_cml;
    n->seq++;
    proctor__bridge_assertion__init(a);
    (void)snprintf(path, sizeof(path), BRIDGE_NAMES "%s", n->name);
    a->did = p->did;
    a->path = keep(p, path);
    a->seq = n->seq;
    a->operation = pb_str(is_cml ? "SET" : "DELETE");
    a->wall_ns = wall_ns;
    if (is_cml) {
        n->unit = *unit;
        TRY(keep_cid(p, unit, &a->payload));
    }
    if (wall_ns > p->m.wall_ns) {
        p->m.wall_ns = wall_ns;
    }
    TRY(grow(p, &p->m.assertions, p->m.n_assertions));
    p->m.assertions[p->m.n_assertions++] = a;
    return a->path != NULL ? 0 : ERR_TRACE(ERR_LIMIT);
}

/* Rows: name, target, time; by name, then as they came. */
static int take_moves(struct projection *p, const char *store,
                      struct index *ix, struct diag *d)
{
    sqlite3_stmt *q = NULL;
    struct name n = {.seq = 0};
    int rc = index_query(ix,
                         "SELECT name,new_target,wall_ns FROM ref_moves"
                         " ORDER BY name,seq",
                         &q, d);

    while (rc == 0 && (rc = index_step(ix, q, d)) == 0) {
        const char *name = index_text(q, 0);
        struct cid target;
        struct cid unit;
        int is_cml = 0;

        if (strcmp(name, n.name) != 0) {
            rc = end_name(p, &n, d);
            n = (struct name){.seq = 0};
            (void)snprintf(n.name, sizeof(n.name), "%s", name);
        }
        if (rc == 0 && cid_parse(index_text(q, 1), &target) == 0) {
            rc = load(p, store, &target, &is_cml, &unit, d);
        }
        if (rc == 0) {
            rc = add_move(p, &n, is_cml, &unit, index_u64(q, 2));
        }
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? end_name(p, &n, d) : rc;
}

static Proctor__BridgeAssertion *new_assertion(struct projection *p)
{
    Proctor__BridgeAssertion *a = arena_get(&p->arena, sizeof(*a));

    if (a != NULL) {
        proctor__bridge_assertion__init(a);
    }
    return a;
}

/* A row of m4_assertions, with its record's time and its payload's bundle. */
static int add_assertion(struct projection *p, const char *store,
                         sqlite3_stmt *q, struct diag *d)
{
    Proctor__BridgeAssertion *a = new_assertion(p);
    struct cid c;
    struct cid root;

    if (a == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    a->did = keep(p, index_text(q, 0));
    a->path = keep(p, index_text(q, 1));
    a->operation = keep(p, index_text(q, 2));
    a->seq = index_u64(q, 4);
    a->wall_ns = index_u64(q, 8);
    a->signature.len = (size_t)sqlite3_column_bytes(q, 6);
    a->signature.data = (uint8_t *)arena_text(
        &p->arena, sqlite3_column_blob(q, 6), a->signature.len);
    if (a->did == NULL || a->path == NULL || a->operation == NULL ||
        a->signature.data == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    if (cid_parse(index_text(q, 5), &c) == 0 && !cid_is_zero(&c)) {
        TRY(keep_cid(p, &c, &a->prev));
    }
    if (cid_parse(index_text(q, 3), &c) == 0) {
        struct cid bundle;

        TRY(keep_cid(p, &c, &a->payload));
        if (cid_parse(index_text(q, 7), &bundle) != 0) {
            return diag_set(d, ERR_IO, NOWHERE, "the index: no bundle");
        }
        TRY(load_bundle(p, store, &bundle, &root, d));
        if (!cid_is_equal(&root, &c)) {
            return diag_set(d, ERR_STORE_DAMAGED, NOWHERE,
                            "what is asserted of %.80s is not the root of its "
                            "bundle",
                            a->path);
        }
    }
    p->m.wall_ns = a->wall_ns > p->m.wall_ns ? a->wall_ns : p->m.wall_ns;
    TRY(grow(p, &p->m.assertions, p->m.n_assertions));
    p->m.assertions[p->m.n_assertions++] = a;
    return 0;
}

/* What was asserted (op assert), and the refs that it left. */
static int take_assertions(struct projection *p, const char *store,
                           struct index *ix, struct diag *d)
{
    sqlite3_stmt *q = NULL;
    int rc = index_query(ix,
                         "SELECT a.did,a.ref_path,a.operation,a.payload_cid,"
                         "a.seq_number,a.prev,a.signature,a.bundle,r.wall_ns"
                         " FROM m4_assertions a JOIN records r ON r.seq=a.id"
                         " ORDER BY a.id",
                         &q, d);

    while (rc == 0 && (rc = index_step(ix, q, d)) == 0) {
        rc = add_assertion(p, store, q, d);
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

static int take_refs(struct projection *p, struct index *ix, struct diag *d)
{
    sqlite3_stmt *q = NULL;
    int rc = index_query(ix,
                         "SELECT did,ref_path,target_cid,seq_number FROM m4_refs"
                         " ORDER BY did,ref_path",
                         &q, d);

    while (rc == 0 && (rc = index_step(ix, q, d)) == 0) {
        struct cid target;

        rc = cid_parse(index_text(q, 2), &target) == 0
                 ? add_ref(p, index_text(q, 0), index_text(q, 1), &target,
                           index_u64(q, 3))
                 : diag_set(d, ERR_IO, NOWHERE, "the index: a ref to nothing");
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

/* Units that were admitted, whatever they are called. */
static int take_admitted(struct projection *p, const char *store,
                         struct index *ix, struct diag *d)
{
    sqlite3_stmt *q = NULL;
    int rc = index_query(ix,
                         "SELECT DISTINCT candidate FROM verdicts"
                         " WHERE verdict=?1 ORDER BY candidate",
                         &q, d);

    if (rc == 0) {
        (void)sqlite3_bind_text(q, 1, verdict_name(VERDICT_ADMIT), -1,
                                SQLITE_STATIC);
    }
    while (rc == 0 && (rc = index_step(ix, q, d)) == 0) {
        struct cid candidate;
        struct cid unit;
        int is_cml;

        if (cid_parse(index_text(q, 0), &candidate) == 0) {
            rc = load(p, store, &candidate, &is_cml, &unit, d);
        }
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

int projection_store(struct projection *p, const char *store, struct diag *d)
{
    struct ledger_identity id;
    struct index *ix = NULL;
    int rc;

    TRY(ledger_identity(store, &id, d));
    did_text(id.first_key, p->did);
    TRY(index_open(store, &ix, d));
    rc = take_moves(p, store, ix, d);
    if (rc == 0) {
        rc = take_assertions(p, store, ix, d);
    }
    if (rc == 0) {
        rc = take_refs(p, ix, d);
    }
    if (rc == 0) {
        rc = take_admitted(p, store, ix, d);
    }
    return index_end(ix, rc, d);
}

int projection_unit(struct projection *p, const char *name,
                    struct ubytes bundle, struct diag *d)
{
    uint32_t root = 0;
    int rc = cml_bundle_read(&p->dag, bundle, &root, d);

    if (rc == 0) {
        rc = names_add(&p->manifest, name,
                              &cml_dag_at(&p->dag, root)->cid, d);
    }
    return rc;
}

int projection_text(struct projection *p, const char *name, struct ubytes text)
{
    Proctor__BridgeText *t = arena_get(&p->arena, sizeof(*t));

    if (t == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    proctor__bridge_text__init(t);
    t->name = keep(p, name);
    t->text = arena_text(&p->arena, text.p, text.n);
    TRY(grow(p, &p->m.texts, p->m.n_texts));
    p->m.texts[p->m.n_texts++] = t;
    return t->name != NULL && t->text != NULL ? 0 : ERR_TRACE(ERR_LIMIT);
}

static int by_cid(const void *a, const void *b)
{
    const Proctor__BridgeBlob *const *x = a;
    const Proctor__BridgeBlob *const *y = b;

    return memcmp((*x)->cid.data, (*y)->cid.data, CID_BYTES);
}

static int add_blob(struct projection *p, const struct cid *c, const char *kind,
                    struct ubytes bytes)
{
    Proctor__BridgeBlob *b = arena_get(&p->arena, sizeof(*b));

    if (b == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    proctor__bridge_blob__init(b);
    TRY(keep_cid(p, c, &b->cid));
    b->kind = pb_str(kind);
    b->data = bytes_field(bytes);
    p->m.blobs[p->m.n_blobs++] = b;
    return 0;
}

int projection_end(struct projection *p, struct diag *d)
{
    uint32_t n = cml_dag_n(&p->dag);
    struct cid c;

    TRY(names_sort(&p->manifest, d));
    TRY(names_put(&p->manifest, &p->manifest_bytes));
    c = cid_of(buf_bytes(&p->manifest_bytes));
    TRY(keep_cid(p, &c, &p->m.manifest));
    p->m.did = p->did;
    p->m.blobs = arena_array(&p->arena, n + 1u, sizeof(*p->m.blobs));
    if (p->m.blobs == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(add_blob(p, &c, NAMES_KIND, buf_bytes(&p->manifest_bytes)));
    for (uint32_t i = 0; i < n; i++) {
        const struct cml_node *node = cml_dag_at(&p->dag, i);

        TRY(add_blob(p, &node->cid, cml_kind_info(node->kind)->fqn,
                     node->bytes));
    }
    qsort(p->m.blobs, p->m.n_blobs, sizeof(*p->m.blobs), by_cid);
    return 0;
}
