/* What a ledger reaches: every object that a record names, and those that these
 * name in turn (kinds.h says which hash names what). `proctor verify --full`
 * looks at all of them, `proctor gc` removes none of them. Reads only.
 *
 * A list of mentions, one for each pair of CID and type, in order of the first
 * one; it grows while it is followed:
 *
 *   reach_add for every record, then reach_follow(i) for i = 0, 1, ... while
 *   i < reach_n. Memory: 80 bytes a mention. */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include <protobuf-c/protobuf-c.h>

#include "proto/cid.h"
#include "proto/record.h"

struct reach;

struct reach_mention {
    struct cid cid;
    const ProtobufCMessageDescriptor *type; /* NULL: plain bytes */
    uint64_t seq;                           /* record that led to it first */
    const char *field; /* of that record, or of an object */
    int is_first;      /* no earlier mention has this CID */
    int is_any;        /* some message; type is the usual one */
};

int reach_new(struct reach **out) MUST_USE;
void reach_free(struct reach *r);

/* What the fields of a record name. 0 or ERR_NOMEM. */
int reach_add(struct reach *r, const struct record *rec) MUST_USE;

size_t reach_n(const struct reach *r);
/* A copy: following moves the list. */
struct reach_mention reach_at(const struct reach *r, size_t i);
int reach_has(const struct reach *r, const struct cid *c);

/* Adds what mention i names; nothing when it is plain bytes. ERR_ENCODING: the
 * object is no message of its type. Else as object_message. */
int reach_follow(struct reach *r, const char *store, size_t i) MUST_USE;

#endif
