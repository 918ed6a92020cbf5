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
    free(d->recent_);
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
    uint32_t *recent;

    if (nodes == NULL) {
        return ERR_NOMEM;
    }
    d->nodes_ = nodes;
    slots = calloc((size_t)cap * 2, sizeof(*slots));
    recent = calloc((size_t)cap * 2, sizeof(*recent));
    if (slots == NULL || recent == NULL) {
        free(slots);
        free(recent);
        return ERR_NOMEM;
    }
    free(d->slots_);
    free(d->recent_);
    d->slots_ = slots;
    d->recent_ = recent;
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
    if (kind == CML_BINOP) {
        n->word = (uint8_t)cml_op_from_name(fields[0].u.text);
    } else if (kind == CML_PRIMITIVE_TYPE) {
        n->word = (uint8_t)cml_primitive_from_name(fields[0].u.text);
    }
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

/* Does v hold bytes? A child in a scalar is a CID as such. */
static int has_text(const struct cml_value *v, int is_scalar)
{
    return v->tag == CML_STRING || v->tag == CML_BYTES ||
           (is_scalar && v->tag == CML_CHILD);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* Of anything but a list. */
static uint64_t hash_one(uint64_t h, const struct cml_value *v, int is_scalar)
{
    h = mix(h, (uint64_t)v->tag);
    if (has_text(v, is_scalar)) {
        for (size_t i = 0; i < v->u.text.n; i++) {
            h = mix(h, v->u.text.p[i]);
        }
        return mix(h, v->u.text.n);
    }
    if (v->tag == CML_INT || v->tag == CML_FLOAT) {
        return mix(mix(h, v->code), v->u.bits);
    }
    return v->tag == CML_CHILD ? mix(h, v->u.node) : h;
}

static uint64_t hash_of(enum cml_kind kind, const struct cml_value *fields)
{
    const struct cml_kind_info *k = cml_kind_info(kind);
    uint64_t h = mix(1, (uint64_t)kind);

    for (unsigned i = 0; i < k->fields_n; i++) {
        const struct cml_value *v = &fields[i];

        h = hash_one(h, v, k->fields[i].shape == CML_SCALAR);
        for (uint32_t j = 0; v->tag == CML_LIST && j < v->u.list.n; j++) {
            h = hash_one(h, &v->u.list.p[j], 0);
        }
    }
    return h;
}

static int is_same_one(const struct cml_value *a, const struct cml_value *b,
                       int is_scalar)
{
    if (is_scalar || (a->tag != CML_CHILD && a->tag != CML_LIST)) {
        return cml_scalar_is_same(a, b);
    }
    return a->tag == b->tag && (a->tag == CML_CHILD
                                    ? a->u.node == b->u.node
                                    : a->u.list.n == b->u.list.n);
}

static int is_same(const struct cml_node *n, enum cml_kind kind,
                   const struct cml_value *fields)
{
    const struct cml_kind_info *k = cml_kind_info(kind);
    int same = n->kind == kind;

    for (unsigned i = 0; same && i < k->fields_n; i++) {
        const struct cml_value *a = &n->fields[i];
        const struct cml_value *b = &fields[i];

        same = is_same_one(a, b, k->fields[i].shape == CML_SCALAR);
        for (uint32_t j = 0; same && a->tag == CML_LIST && j < a->u.list.n;
             j++) {
            same = is_same_one(&a->u.list.p[j], &b->u.list.p[j], 0);
        }
    }
    return same;
}

int cml_add(struct cml_dag *d, enum cml_kind kind,
            const struct cml_value *fields, uint32_t *out_id, struct diag *diag)
{
    CLEANUP(buf_release) struct buf bytes;
    uint32_t *recent;
    struct cid cid;
    int code;

    buf_init(&bytes, LIMIT_CML_NODE_BYTES);
    if (d->n_ == d->cap_) {
        TRY(grow(d));
    }
    recent = &d->recent_[hash_of(kind, fields) & (d->slots_n_ - 1)];
    if (*recent != 0 && is_same(&d->nodes_[*recent - 1], kind, fields)) {
        *out_id = *recent - 1;
        return 0;
    }
    TRY(cml_check_fields(d, kind, fields, diag));
    code = cml_encode(d, kind, fields, &bytes);
    if (code == 0) {
        cid = cid_of(buf_bytes(&bytes));
        if (cml_dag_find(d, &cid, out_id) != 0) {
            *out_id = d->n_;
            code = d->n_ < LIMIT_CML_NODES
                       ? add_new(d, kind, fields, buf_bytes(&bytes), &cid)
                       : ERR_LIMIT;
        }
        *recent = code == 0 ? *out_id + 1 : *recent;
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
