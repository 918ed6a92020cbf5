/* Objects: all that records name, and what those name in turn, must be there
 * and hash to their names; files that are no objects are told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/audit_int.h"
#include "cli/object.h"
#include "cli/reach.h"
#include "proto/err.h"

struct audit_objects {
    struct reach *reach; /* owned */
};

int audit_objects_new(struct audit_objects **out)
{
    struct audit_objects *o = calloc(1, sizeof(*o));
    int rc = o != NULL ? reach_new(&o->reach) : ERR_TRACE(ERR_NOMEM);

    if (rc != 0) {
        free(o);
        return rc;
    }
    *out = o;
    return 0;
}

void audit_objects_free(struct audit_objects *o)
{
    if (o != NULL) {
        reach_free(o->reach);
        free(o);
    }
}

int audit_objects_add(struct audit_objects *o, const struct record *r)
{
    return reach_add(o->reach, r);
}

/* What is wrong with an object. */
static const char *wrong(int rc)
{
    switch (rc) {
    case ERR_NOT_FOUND:
        return "is missing";
    case ERR_STORE_DAMAGED:
        return "does not hash to its name";
    case ERR_INPUT:
        return "is no regular file; it was not opened";
    case ERR_LIMIT:
        return "is longer than any object; it was not read";
    default:
        return err_text(rc);
    }
}

/* The bytes of a mentioned object; true when they are good. */
static int is_good(struct audit *a, const struct reach_mention *at)
{
    char text[CID_TEXT_BYTES];
    char label[96];
    uint64_t bytes = 0;
    int rc = object_check(a->store, &at->cid, &bytes);

    if (rc == 0) {
        a->out->objects++;
        a->out->object_bytes += bytes;
        return 1;
    }
    cid_text(&at->cid, text);
    audit_label_of(a, at->seq, label);
    audit_find(a, AUDIT_DAMAGE, AUDIT_OBJECT, at->seq, text,
               "the object %s; record %" PRIu64 "%s%s%s leads to it as %s",
               wrong(rc), at->seq, label[0] != '\0' ? " (" : "", label,
               label[0] != '\0' ? ")" : "", at->field);
    return 0;
}

/* What is no message of its type is taken for plain bytes. */
static int check(struct audit_objects *o, struct audit *a, size_t i)
{
    struct reach_mention at = reach_at(o->reach, i);
    int rc;

    if (at.is_first && !is_good(a, &at)) {
        return 0;
    }
    rc = reach_follow(o->reach, a->store, i);
    err_trace_clear();
    return rc == ERR_NOMEM ? rc : 0;
}

struct sweep {
    struct audit_objects *o;
    struct audit *a;
};

static int sweep(void *ctx, const struct cid *c, const char *name)
{
    struct sweep *s = ctx;
    uint64_t bytes = 0;
    int rc;

    if (c == NULL) {
        audit_find(s->a, AUDIT_WARNING, AUDIT_FILE, AUDIT_NO_SEQ, name,
                   "is no object: nothing reaches it");
        return 0;
    }
    if (reach_has(s->o->reach, c)) {
        return 0;
    }
    rc = object_check(s->a->store, c, &bytes);
    if (rc != 0) {
        audit_find(s->a, AUDIT_DAMAGE, AUDIT_OBJECT, AUDIT_NO_SEQ, name,
                   "the object %s; no record leads to it", wrong(rc));
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
    for (i = 0; i < reach_n(o->reach); i++) {
        TRY(check(o, a, i));
        if (a->ears->progress != NULL) {
            a->ears->progress(a->ears->ctx, "objects", i + 1);
        }
    }
    rc = object_each(a->store, sweep, &s);
    if (rc < 0 && rc != ERR_NOMEM) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_OBJECT, AUDIT_NO_SEQ, "objects",
                   "cannot be listed: %s", err_text(rc));
        rc = 0;
    }
    return rc;
}
