/* Artifacts as bytes: a root with every node that it reaches. */
#include <stdlib.h>
#include <string.h>

#include "proto/cml.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/sort.h"

static const uint8_t mark[4] = {'C', 'M', 'L', 'B'};

static void mark_children(const struct cml_node *n, uint8_t *reached)
{
    const struct cml_kind_info *k = cml_kind_info(n->kind);

    for (unsigned f = 0; f < k->fields_n; f++) {
        const struct cml_value *v = &n->fields[f];

        if (k->fields[f].shape == CML_SCALAR) {
            continue;
        }
        if (v->tag == CML_CHILD) {
            reached[v->u.node] = 1;
        }
        for (uint32_t i = 0; v->tag == CML_LIST && i < v->u.list.n; i++) {
            if (v->u.list.p[i].tag == CML_CHILD) {
                reached[v->u.list.p[i].u.node] = 1;
            }
        }
    }
}

struct place {
    uint32_t height;
    uint32_t id;
    const struct cid *cid;
};

static int by_height(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;

    if (x->height != y->height) {
        return x->height < y->height ? -1 : 1;
    }
    return memcmp(x->cid->b, y->cid->b, CID_BYTES);
}

/* Ids rise from children to parents: one pass downwards marks all. */
static struct place *reach(const struct cml_dag *d, uint32_t root,
                           uint32_t *out_n)
{
    CLEANUP(mem_freep) uint8_t *reached = calloc(root + 1, 1);
    struct place *out = calloc(root + 1, sizeof(*out));
    uint32_t n = 0;

    if (reached == NULL || out == NULL) {
        free(out);
        return NULL;
    }
    reached[root] = 1;
    for (uint32_t i = root + 1; i-- > 0;) {
        if (reached[i]) {
            const struct cml_node *node = cml_dag_at(d, i);

            mark_children(node, reached);
            out[n++] = (struct place){node->height, i, &node->cid};
        }
    }
    sort_items(out, n, sizeof(*out), by_height);
    *out_n = n;
    return out;
}

int cml_bundle_put(const struct cml_dag *d, uint32_t root, struct buf *out)
{
    uint32_t n = 0;
    CLEANUP(mem_freep) struct place *order = reach(d, root, &n);

    if (order == NULL) {
        return ERR_NOMEM;
    }
    TRY(buf_put(out, mark, sizeof(mark)));
    TRY(buf_put_u32(out, n));
    for (uint32_t i = 0; i < n; i++) {
        TRY(buf_put_bytes32(out, cml_dag_at(d, order[i].id)->bytes));
    }
    return 0;
}

static int read_all(struct cml_dag *d, struct rd *r, uint32_t n,
                    uint32_t *out_root, struct diag *diag)
{
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes node = rd_bytes32(r);

        if (rd_is_bad(r)) {
            return ERR_ENCODING;
        }
        TRY(cml_decode(d, node, out_root, diag));
    }
    return rd_end(r);
}

static int is_same(const struct cml_dag *d, uint32_t root, struct ubytes in)
{
    CLEANUP(buf_release) struct buf again;

    buf_init(&again, in.n);
    return cml_bundle_put(d, root, &again) == 0 && buf_len(&again) == in.n &&
           memcmp(buf_bytes(&again).p, in.p, in.n) == 0;
}

int cml_bundle_read(struct cml_dag *d, struct ubytes in, uint32_t *out_root,
                    struct diag *diag)
{
    struct rd r;
    struct ubytes m;
    uint32_t n;
    int code;

    rd_init(&r, in);
    m = rd_take(&r, sizeof(mark));
    n = rd_u32(&r);
    if (rd_is_bad(&r) || memcmp(m.p, mark, sizeof(mark)) != 0 || n == 0) {
        return diag_set(diag, ERR_ENCODING, (struct loc){0},
                        "not a bundle of CML nodes");
    }
    code = read_all(d, &r, n, out_root, diag);
    if (code == 0 && !is_same(d, *out_root, in)) {
        code = ERR_ENCODING;
    }
    if (code == ERR_ENCODING) {
        return diag_set(diag, code, (struct loc){0},
                        "not a bundle in canonical form");
    }
    return code;
}
