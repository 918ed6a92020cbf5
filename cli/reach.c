/* See reach.h. An object that two fields take for different things is followed
 * as both. */
#include "cli/reach.h"

#include <stdlib.h>
#include <string.h>

#include "cli/kinds.h"
#include "cli/message.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/pb.h"

#define SLOTS_MIN 256u /* a power of two, like all numbers of slots */

struct node {
    struct reach_mention m;
    size_t next; /* mention of the same CID with another type, plus one */
};

struct reach {
    struct node *v; /* owned */
    size_t n;
    size_t cap;
    size_t *slots; /* owned; open addressing: first mention, plus one */
    size_t slots_n;
};

int reach_new(struct reach **out)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : ERR_TRACE(ERR_NOMEM);
}

void reach_free(struct reach *r)
{
    if (r != NULL) {
        free(r->v);
        free(r->slots);
        free(r);
    }
}

size_t reach_n(const struct reach *r)
{
    return r->n;
}

struct reach_mention reach_at(const struct reach *r, size_t i)
{
    ASSERT(i < r->n);
    return r->v[i].m;
}

/* The slot of a CID, or the free one where it belongs. */
static size_t *slot_of(const struct reach *r, const struct cid *c)
{
    size_t at;

    memcpy(&at, c->b, sizeof(at)); /* a CID is as good as any hash of it */
    for (;; at++) {
        size_t *s = &r->slots[at & (r->slots_n - 1)];

        if (*s == 0 || cid_is_equal(&r->v[*s - 1].m.cid, c)) {
            return s;
        }
    }
}

int reach_has(const struct reach *r, const struct cid *c)
{
    return r->slots_n > 0 && *slot_of(r, c) != 0;
}

/* Room for one more mention, at most half of the slots taken. */
static int make_room(struct reach *r)
{
    if (r->n == r->cap) {
        size_t cap = r->cap == 0 ? SLOTS_MIN / 2 : 2 * r->cap;
        struct node *v = reallocarray(r->v, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        r->v = v;
        r->cap = cap;
    }
    if (2 * (r->n + 1) > r->slots_n) {
        size_t n = r->slots_n == 0 ? SLOTS_MIN : 2 * r->slots_n;
        size_t *slots = calloc(n, sizeof(*slots));
        size_t i;

        if (slots == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        free(r->slots);
        r->slots = slots;
        r->slots_n = n;
        for (i = 0; i < r->n; i++) {
            if (r->v[i].m.is_first) {
                *slot_of(r, &r->v[i].m.cid) = i + 1;
            }
        }
    }
    return 0;
}

static int add(struct reach *r, const struct cid *c,
               const struct kinds_info *kind, uint64_t seq, const char *field)
{
    int is_any = kind->is_stored == KINDS_ANY;
    size_t *link;

    TRY(make_room(r));
    link = slot_of(r, c);
    while (*link != 0) {
        struct node *known = &r->v[*link - 1];

        if (known->m.type == kind->type && known->m.is_any == is_any) {
            return 0;
        }
        link = &known->next;
    }
    r->v[r->n] = (struct node){
        .m = {*c, kind->type, seq, field, !reach_has(r, c), is_any}};
    *link = ++r->n;
    return 0;
}

int reach_add(struct reach *r, const struct record *rec)
{
    unsigned first = (unsigned)record_first_field(rec->kind);
    unsigned n = record_fields_n(rec->kind);
    unsigned i;

    for (i = first; i < first + n; i++) {
        enum record_field f = (enum record_field)i;
        const struct kinds_info *kind = kinds_of_field(f);
        struct cid c;

        if (kind == NULL || !kind->is_stored) {
            continue;
        }
        memcpy(c.b, record_hash(rec, f), CID_BYTES);
        if (!cid_is_zero(&c)) {
            TRY(add(r, &c, kind, rec->seq, record_field_info(f)->name));
        }
    }
    return 0;
}

struct closure {
    struct reach *r;
    uint64_t seq;
};

static int add_member(void *ctx, const ProtobufCMessageDescriptor *of,
                      const char *field, struct ubytes v)
{
    struct closure *x = ctx;
    const struct kinds_info *kind = kinds_of_member(of, field);
    struct cid c;

    if (kind == NULL || v.n != CID_BYTES) {
        return 0;
    }
    memcpy(c.b, v.p, CID_BYTES);
    return cid_is_zero(&c) ? 0 : add(x->r, &c, kind, x->seq, field);
}

static int follow_as(struct reach *r, const char *store,
                     const struct reach_mention *at,
                     const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    struct closure x = {r, at->seq};

    TRY(object_message(store, &at->cid, type, &m));
    return message_each_bytes(m, add_member, &x);
}

/* Some other field says that it is plain bytes, which lead nowhere. */
static int is_plain(const struct reach *r, const struct cid *c)
{
    size_t at = *slot_of(r, c);

    for (; at != 0; at = r->v[at - 1].next) {
        if (r->v[at - 1].m.type == NULL) {
            return 1;
        }
    }
    return 0;
}

/* Whatever message it is, and all of them if it reads as several. */
static int follow_any(struct reach *r, const char *store,
                      const struct reach_mention *at)
{
    int found = ERR_ENCODING;
    const char *name;
    size_t i;

    for (i = 0; (name = kinds_type_name(i)) != NULL; i++) {
        int rc = follow_as(r, store, at, kinds_type(name));

        if (rc == 0) {
            found = 0;
        } else if (rc != ERR_ENCODING) {
            return rc;
        }
    }
    if (found == ERR_ENCODING && is_plain(r, &at->cid)) {
        found = 0; /* a text, or a derived artifact */
    }
    if (found == 0) {
        err_trace_clear();
    }
    return found;
}

int reach_follow(struct reach *r, const char *store, size_t i)
{
    struct reach_mention at = reach_at(r, i);

    if (at.is_any) {
        return follow_any(r, store, &at);
    }
    return at.type == NULL ? 0 : follow_as(r, store, &at, at.type);
}
