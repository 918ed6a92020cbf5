/* See import.h. */
#include "cli/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bridge.h"
#include "cli/names.h"
#include "proto/cml.h"
#include "proto/err.h"
#include "proto/pb.h"

static const struct loc NOWHERE = {NULL, 0, 0};

void import_init(struct import *x)
{
    *x = (struct import){.n = 0};
}

void import_release(struct import *x)
{
    for (size_t i = 0; i < x->n; i++) {
        buf_release(&x->items[i].bundle);
    }
    free(x->items);
    import_init(x);
}

static int by_cid(const void *a, const void *b)
{
    const Proctor__BridgeBlob *const *x = a;
    const Proctor__BridgeBlob *const *y = b;

    return memcmp((*x)->cid.data, (*y)->cid.data, CID_BYTES);
}

/* Each blob is what its name says; afterwards they ascend. */
static int check_blobs(Proctor__Projection *p, struct diag *d)
{
    for (size_t i = 0; i < p->n_blobs; i++) {
        const Proctor__BridgeBlob *b = p->blobs[i];
        struct cid is = cid_of(field_bytes(&b->data));
        char text[CID_TEXT_BYTES];
        char found[CID_TEXT_BYTES];

        if (b->cid.len != CID_BYTES) {
            return diag_set(d, ERR_INPUT, NOWHERE, "a blob without a CID");
        }
        if (memcmp(b->cid.data, is.b, CID_BYTES) != 0) {
            hex_text(b->cid.data, CID_BYTES, text);
            cid_text(&is, found);
            return diag_set(d, ERR_INPUT, NOWHERE,
                            "blobs/%.2s/%s is not what its name says: its CID "
                            "is %.16s",
                            text, text + 2, found);
        }
    }
    if (p->n_blobs > 0) {
        qsort(p->blobs, p->n_blobs, sizeof(*p->blobs), by_cid);
    }
    return 0;
}

static const Proctor__BridgeBlob *find(const Proctor__Projection *p,
                                       const uint8_t *cid)
{
    Proctor__BridgeBlob key = PROCTOR__BRIDGE_BLOB__INIT;
    const Proctor__BridgeBlob *kp = &key;
    Proctor__BridgeBlob **found;

    key.cid = (ProtobufCBinaryData){CID_BYTES, (uint8_t *)(uintptr_t)cid};
    found = p->n_blobs == 0 ? NULL
                            : bsearch(&kp, p->blobs, p->n_blobs,
                                      sizeof(*p->blobs), by_cid);
    return found != NULL ? *found : NULL;
}

/* An artifact on its way into a dag: what waits for its children. */
struct gather {
    const Proctor__Projection *p;
    struct cml_dag dag;
    struct buf stack; /* CIDs; the children of one lie above it */
    struct buf children;
    const char *name;
    struct diag *d;
};

static int missing(struct gather *g, const uint8_t *cid)
{
    char text[CID_TEXT_BYTES];

    hex_text(cid, CID_BYTES, text);
    return diag_set(g->d, ERR_INPUT, NOWHERE,
                    "%.80s: the node %s is missing", g->name, text);
}

/* The CID on top: decoded when all its children are there, else those that are
 * not are put on top of it. Hashes were checked, so this cannot go in circles. */
static int step(struct gather *g, uint32_t *out_id)
{
    struct cid c;
    const Proctor__BridgeBlob *b;
    struct ubytes children;
    size_t top = buf_len(&g->stack);
    int rc;

    memcpy(c.b, buf_bytes(&g->stack).p + top - CID_BYTES, CID_BYTES);
    b = find(g->p, c.b);
    if (b == NULL) {
        return missing(g, c.b);
    }
    if (cml_dag_find(&g->dag, &c, out_id) == 0) {
        buf_truncate(&g->stack, top - CID_BYTES);
        return 0;
    }
    buf_reset(&g->children);
    rc = names_children(field_bytes(&b->data), &g->children);
    children = buf_bytes(&g->children);
    for (size_t at = 0; rc == 0 && at < children.n; at += CID_BYTES) {
        struct cid child;
        uint32_t id;

        memcpy(child.b, children.p + at, CID_BYTES);
        if (cml_dag_find(&g->dag, &child, &id) < 0) {
            rc = buf_put(&g->stack, child.b, CID_BYTES);
        }
    }
    if (rc == 0 && buf_len(&g->stack) > top) {
        return 0;
    }
    if (rc == 0) {
        buf_truncate(&g->stack, top - CID_BYTES);
        rc = cml_decode(&g->dag, field_bytes(&b->data), out_id, g->d);
    }
    if (rc < 0) {
        char text[CID_TEXT_BYTES];

        cid_text(&c, text);
        return diag_set(g->d, rc == ERR_ENCODING ? ERR_INPUT : rc, NOWHERE,
                        "%.80s: node %.16s: %s", g->name, text, err_text(rc));
    }
    return 0;
}

static int gather(struct gather *g, const struct cid *root, struct buf *out,
                  uint32_t *out_nodes)
{
    uint32_t id = 0;
    int rc;

    TRY(buf_put(&g->stack, root->b, CID_BYTES));
    while (buf_len(&g->stack) > 0) {
        TRY(step(g, &id));
    }
    rc = cml_bundle_put(&g->dag, id, out);
    *out_nodes = cml_dag_n(&g->dag);
    return rc == 0 ? 0
                   : diag_set(g->d, rc, NOWHERE, "%.80s: %s", g->name,
                              rc == ERR_LIMIT ? "over 15 MiB as a bundle"
                                              : err_text(rc));
}

static int add(struct import *x, const Proctor__Projection *p, const char *name,
               const struct cid *root, struct diag *d)
{
    struct gather g = {.p = p, .name = name, .d = d};
    struct import_item *item;
    int rc;

    if (!names_is_name(name)) {
        return diag_set(d, ERR_INPUT, NOWHERE,
                        "\"%.80s\" cannot be a name of ours", name);
    }
    if ((x->n & (x->n - 1)) == 0) {
        item = realloc(x->items, (x->n == 0 ? 1 : 2 * x->n) * sizeof(*item));
        if (item == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        x->items = item;
    }
    item = &x->items[x->n];
    *item = (struct import_item){.cid = *root};
    (void)snprintf(item->name, sizeof(item->name), "%s", name);
    buf_init(&item->bundle, LIMIT_CML_BUNDLE_BYTES);
    x->n++;
    cml_dag_init(&g.dag);
    buf_init(&g.stack, LIMIT_CML_DAG_BYTES);
    buf_init(&g.children, LIMIT_CML_NODE_BYTES);
    rc = gather(&g, root, &item->bundle, &item->nodes);
    cml_dag_release(&g.dag);
    buf_release(&g.stack);
    buf_release(&g.children);
    x->bytes += buf_len(&item->bundle);
    if (rc == 0 && x->bytes > BRIDGE_BYTES_MAX) {
        return diag_set(d, ERR_LIMIT, NOWHERE,
                        "all bundles together are over 256 MiB");
    }
    return rc;
}

/* The readable manifest, if there is one, must be the one that counts. */
static int check_text(const Proctor__Projection *p, const char *ref,
                      const struct names *m, struct diag *d)
{
    for (size_t i = 0; i < p->n_texts; i++) {
        struct buf text CLEANUP(buf_release);
        const char *s = p->texts[i]->text;

        buf_init(&text, BRIDGE_BYTES_MAX);
        if (strcmp(p->texts[i]->name, ref) != 0) {
            continue;
        }
        TRY(names_put_text(m, &text));
        if (buf_len(&text) != strlen(s) ||
            memcmp(buf_bytes(&text).p != NULL ? buf_bytes(&text).p
                                              : (const uint8_t *)"",
                   s, strlen(s)) != 0) {
            return diag_set(d, ERR_INPUT, NOWHERE,
                            "%.80s: the file manifest does not say what the "
                            "manifest that cid names says",
                            ref);
        }
    }
    return 0;
}

static int add_manifest(struct import *x, const Proctor__Projection *p,
                        const Proctor__BridgeRef *r, struct diag *d)
{
    const Proctor__BridgeBlob *b = find(p, r->target.data);
    struct names m;
    int rc;

    if (b == NULL) {
        char text[CID_TEXT_BYTES];

        hex_text(r->target.data, CID_BYTES, text);
        return diag_set(d, ERR_INPUT, NOWHERE,
                        "%.80s: the manifest %s is missing", r->path, text);
    }
    names_init(&m);
    rc = names_read(&m, field_bytes(&b->data), d);
    if (rc == ERR_ENCODING) {
        rc = diag_set(d, ERR_INPUT, NOWHERE, "%.80s: what cid names is no "
                      "manifest", r->path);
    }
    if (rc == 0) {
        rc = check_text(p, r->path, &m, d);
    }
    for (size_t i = 0; rc == 0 && i < m.n; i++) {
        rc = add(x, p, m.entries[i].name, &m.entries[i].cid, d);
    }
    names_release(&m);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct import_item *x = a;
    const struct import_item *y = b;

    return strcmp(x->name, y->name);
}

int import_check(struct import *x, Proctor__Projection *p, struct diag *d)
{
    TRY(check_blobs(p, d));
    for (size_t i = 0; i < p->n_refs; i++) {
        const Proctor__BridgeRef *r = p->refs[i];
        size_t head = strlen(BRIDGE_CML);
        struct cid root;

        if (r->target.len != CID_BYTES ||
            strncmp(r->path, BRIDGE_CML, head) != 0) {
            return diag_set(d, ERR_INPUT, NOWHERE, "\"%.80s\" is no ref of CML",
                            r->path);
        }
        memcpy(root.b, r->target.data, CID_BYTES);
        if (strcmp(r->path, BRIDGE_MAIN) == 0) {
            TRY(add_manifest(x, p, r, d));
        } else {
            TRY(add(x, p, r->path + head, &root, d));
        }
    }
    if (x->n > 0) {
        qsort(x->items, x->n, sizeof(*x->items), by_name);
    }
    for (size_t i = 1; i < x->n; i++) {
        if (strcmp(x->items[i - 1].name, x->items[i].name) == 0) {
            return diag_set(d, ERR_INPUT, NOWHERE,
                            "two artifacts are called \"%.80s\"",
                            x->items[i].name);
        }
    }
    return 0;
}
