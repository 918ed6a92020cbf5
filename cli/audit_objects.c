/* Objects: all that records name, and what those name in turn, must be there
 * and hash to their names; files that are no objects are told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_int.h"
#include "cli/kinds.h"
#include "cli/message.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/pb.h"

/* One named object; in order of first mention. */
struct named {
    struct cid cid;
    const ProtobufCMessageDescriptor *type; /* NULL: plain bytes */
    uint64_t seq;                           /* record that led to it first */
    const char *field;                      /* of that record or object */
    int is_good;
};

struct audit_objects {
    struct named *v; /* owned */
    size_t n;
    size_t cap;
    struct audit_map index; /* CID -> position plus one */
};

int audit_objects_new(struct audit_objects **out)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : ERR_TRACE(ERR_NOMEM);
}

void audit_objects_free(struct audit_objects *o)
{
    if (o != NULL) {
        free(o->v);
        audit_map_release(&o->index);
        free(o);
    }
}

static int add(struct audit_objects *o, const struct cid *c,
               const struct kinds_info *kind, uint64_t seq, const char *field)
{
    struct audit_map_row *row;

    TRY(audit_map_put(&o->index, c->b, &row));
    if (row->n != 0) {
        /* Known; a message type tells more than none. */
        if (o->v[row->n - 1].type == NULL) {
            o->v[row->n - 1].type = kind->type;
        }
        return 0;
    }
    if (o->n == o->cap) {
        size_t cap = o->cap == 0 ? 64 : 2 * o->cap;
        struct named *v = reallocarray(o->v, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        o->v = v;
        o->cap = cap;
    }
    o->v[o->n] = (struct named){*c, kind->type, seq, field, 0};
    o->n++;
    row->n = o->n;
    return 0;
}

int audit_objects_add(struct audit_objects *o, const struct record *r)
{
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned n = record_fields_n(r->kind);
    unsigned i;

    for (i = first; i < first + n; i++) {
        enum record_field f = (enum record_field)i;
        const struct kinds_info *kind = kinds_of_field(f);
        struct cid c;

        if (kind == NULL || !kind->is_stored) {
            continue;
        }
        memcpy(c.b, record_hash(r, f), CID_BYTES);
        if (!cid_is_zero(&c)) {
            TRY(add(o, &c, kind, r->seq, record_field_info(f)->name));
        }
    }
    return 0;
}

struct closure {
    struct audit_objects *o;
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
    return cid_is_zero(&c) ? 0 : add(x->o, &c, kind, x->seq, field);
}

/* Follows what a message names. What is no message of its type is plain bytes:
 * a refused graph is kept as its text. */
static int follow(struct audit_objects *o, struct audit *a,
                  const struct named *at)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    struct closure x = {o, at->seq};
    int rc = object_message(a->store, &at->cid, at->type, &m);

    err_trace_clear();
    if (rc != 0) {
        return rc == ERR_NOMEM ? rc : 0;
    }
    return message_each_bytes(m, add_member, &x);
}

static int check(struct audit_objects *o, struct audit *a, size_t i)
{
    struct named at = o->v[i]; /* a copy: adding moves the array */
    char text[CID_TEXT_BYTES];
    uint64_t bytes = 0;
    int rc = object_check(a->store, &at.cid, &bytes);

    cid_text(&at.cid, text);
    if (rc == ERR_NOT_FOUND) {
        audit_find(a, AUDIT_DAMAGE, text,
                   "the object is missing; record %" PRIu64
                   " leads to it as %s",
                   at.seq, at.field);
    } else if (rc != 0) {
        audit_find(a, AUDIT_DAMAGE, text,
                   "the object %s; record %" PRIu64 " leads to it as %s",
                   rc == ERR_STORE_DAMAGED ? "does not hash to its name"
                                           : err_text(rc),
                   at.seq, at.field);
    }
    o->v[i].is_good = 1; /* looked at */
    if (rc != 0) {
        return 0;
    }
    a->out->objects++;
    a->out->object_bytes += bytes;
    return at.type != NULL ? follow(o, a, &at) : 0;
}

struct sweep {
    struct audit_objects *o;
    struct audit *a;
};

static int sweep(void *ctx, const struct cid *c, const char *name)
{
    struct sweep *s = ctx;
    const struct audit_map_row *row;
    uint64_t bytes = 0;
    int rc;

    if (c == NULL) {
        audit_find(s->a, AUDIT_WARNING, name, "is no object");
        return 0;
    }
    row = audit_map_find(&s->o->index, c->b);
    if (row != NULL && s->o->v[row->n - 1].is_good) {
        return 0;
    }
    rc = object_check(s->a->store, c, &bytes);
    if (rc != 0) {
        audit_find(s->a, AUDIT_DAMAGE, name, "the object %s",
                   rc == ERR_STORE_DAMAGED ? "does not hash to its name"
                                           : err_text(rc));
        return 0;
    }
    s->a->out->objects++;
    s->a->out->object_bytes += bytes;
    s->a->out->unnamed++;
    return 0;
}

int audit_objects_end(struct audit_objects *o, struct audit *a)
{
    struct sweep s = {o, a};
    size_t i;
    int rc;

    /* The list grows while it is walked. */
    for (i = 0; i < o->n; i++) {
        TRY(check(o, a, i));
        if (a->ears->progress != NULL) {
            a->ears->progress(a->ears->ctx, "objects", i + 1);
        }
    }
    rc = object_each(a->store, sweep, &s);
    if (rc < 0 && rc != ERR_NOMEM) {
        audit_find(a, AUDIT_DAMAGE, "objects", "cannot be listed: %s",
                   err_text(rc));
        rc = 0;
    }
    return rc;
}
