/* Nodes of CML in memory, each once. Ids rise from children to parents, so the
 * graph has no cycle by construction; what it cannot express is refused here. */
#include "proto/cml.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cml_int.h"
#include "proto/err.h"
#include "proto/limits.h"

void cml_dag_init(struct cml_dag *d)
{
    *d = (struct cml_dag){0};
    arena_init(&d->arena_, LIMIT_CML_DAG_BYTES);
}

void cml_dag_release(struct cml_dag *d)
{
    arena_release(&d->arena_);
    free(d->nodes_);
    free(d->slots_);
    cml_dag_init(d);
}

uint32_t cml_dag_n(const struct cml_dag *d)
{
    return d->n_;
}

const struct cml_node *cml_dag_at(const struct cml_dag *d, uint32_t id)
{
    ASSERT(id < d->n_);
    return &d->nodes_[id];
}

/* Where c is, or the free slot where it would be. slots_n_ is a power of two. */
static uint32_t *slot_of(const struct cml_dag *d, const struct cid *c)
{
    uint32_t at;

    memcpy(&at, c->b, sizeof(at));
    for (;; at++) {
        uint32_t *s = &d->slots_[at & (d->slots_n_ - 1)];

        if (*s == 0 || cid_is_equal(&d->nodes_[*s - 1].cid, c)) {
            return s;
        }
    }
}

int cml_dag_find(const struct cml_dag *d, const struct cid *c, uint32_t *out_id)
{
    const uint32_t *s = d->slots_n_ > 0 ? slot_of(d, c) : NULL;

    if (s == NULL || *s == 0) {
        return ERR_NOT_FOUND;
    }
    *out_id = *s - 1;
    return 0;
}

static int grow(struct cml_dag *d)
{
    uint32_t cap = d->cap_ > 0 ? d->cap_ * 2 : 64;
    struct cml_node *nodes = reallocarray(d->nodes_, cap, sizeof(*nodes));
    uint32_t *slots;

    if (nodes == NULL) {
        return ERR_NOMEM;
    }
    d->nodes_ = nodes;
    slots = calloc((size_t)cap * 2, sizeof(*slots));
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    free(d->slots_);
    d->slots_ = slots;
    d->slots_n_ = cap * 2;
    d->cap_ = cap;
    for (uint32_t i = 0; i < d->n_; i++) {
        *slot_of(d, &d->nodes_[i].cid) = i + 1;
    }
    return 0;
}

static uint32_t height_of(const struct cml_dag *d, const struct cml_value *v)
{
    uint32_t top = 0;

    if (v->tag == CML_CHILD) {
        return d->nodes_[v->u.node].height;
    }
    for (uint32_t i = 0; v->tag == CML_LIST && i < v->u.list.n; i++) {
        const struct cml_value *item = &v->u.list.p[i];
        uint32_t h =
            item->tag == CML_CHILD ? d->nodes_[item->u.node].height : 0;

        top = h > top ? h : top;
    }
    return top;
}

/* Copies what v points at into the arena. Lists hold no lists. In a scalar a CID
 * is one as such. */
static int keep(struct cml_dag *d, struct cml_value *v, int is_scalar)
{
    if (v->tag == CML_STRING || v->tag == CML_BYTES ||
        (is_scalar && v->tag == CML_CHILD)) {
        v->u.text.p =
            (const uint8_t *)arena_text(&d->arena_, v->u.text.p, v->u.text.n);
        return v->u.text.p != NULL ? 0 : ERR_LIMIT;
    }
    if (v->tag == CML_LIST && v->u.list.n > 0) {
        struct cml_value *copy =
            arena_array(&d->arena_, v->u.list.n, sizeof(*copy));

        if (copy == NULL) {
            return ERR_LIMIT;
        }
        memcpy(copy, v->u.list.p, v->u.list.n * sizeof(*copy));
        v->u.list.p = copy;
        for (uint32_t i = 0; i < v->u.list.n; i++) {
            if (copy[i].tag == CML_STRING) {
                TRY(keep(d, &copy[i], 0));
            }
        }
    }
    return 0;
}

static int add_new(struct cml_dag *d, enum cml_kind kind,
                   const struct cml_value *fields, struct ubytes bytes,
                   const struct cid *cid)
{
    unsigned fields_n = cml_kind_info(kind)->fields_n;
    struct cml_node *n = &d->nodes_[d->n_];
    struct cml_value *copy = arena_array(&d->arena_, fields_n, sizeof(*copy));
    const char *kept = arena_text(&d->arena_, bytes.p, bytes.n);

    if (copy == NULL || kept == NULL) {
        return ERR_LIMIT;
    }
    *n = (struct cml_node){.kind = kind, .cid = *cid, .fields = copy};
    n->bytes = (struct ubytes){(const uint8_t *)kept, bytes.n};
    for (unsigned i = 0; i < fields_n; i++) {
        int is_scalar = cml_kind_info(kind)->fields[i].shape == CML_SCALAR;
        uint32_t h = is_scalar ? 0 : height_of(d, &fields[i]);

        n->height = h > n->height ? h : n->height;
        copy[i] = fields[i];
        TRY(keep(d, &copy[i], is_scalar));
    }
    n->height++;
    if (n->height > LIMIT_CML_HEIGHT) {
        return ERR_LIMIT;
    }
    *slot_of(d, cid) = ++d->n_;
    return 0;
}

int cml_add(struct cml_dag *d, enum cml_kind kind,
            const struct cml_value *fields, uint32_t *out_id, struct diag *diag)
{
    CLEANUP(buf_release) struct buf bytes;
    struct cid cid;
    int code;

    buf_init(&bytes, LIMIT_CML_NODE_BYTES);
    TRY(cml_check_fields(d, kind, fields, diag));
    if (d->n_ == d->cap_) {
        TRY(grow(d));
    }
    code = cml_encode(d, kind, fields, &bytes);
    if (code == 0) {
        cid = cid_of(buf_bytes(&bytes));
        if (cml_dag_find(d, &cid, out_id) == 0) {
            return 0;
        }
        *out_id = d->n_;
        code = d->n_ < LIMIT_CML_NODES
                   ? add_new(d, kind, fields, buf_bytes(&bytes), &cid)
                   : ERR_LIMIT;
    }
    if (code == ERR_LIMIT) {
        return diag_set(diag, code, (struct loc){0},
                        "%s: too large: nodes are at most %u bytes and %u deep, "
                        "an artifact has at most %u",
                        cml_kind_info(kind)->fqn, LIMIT_CML_NODE_BYTES,
                        LIMIT_CML_HEIGHT, LIMIT_CML_NODES);
    }
    return code;
}
