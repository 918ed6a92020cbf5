/* Objects of a store, by CID: bytes that hash to something else are damaged, and
 * every failure names the object and what it was wanted as. Reads only. */
#ifndef REPLAY_OBJECTS_H
#define REPLAY_OBJECTS_H

#include <protobuf-c/protobuf-c.h>

#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/value.h"

/* What is wanted, and as what: "exam", "evidence", ... */
struct wanted {
    const char *store;
    const char *role;
    struct cid cid;
};

/* The bytes, appended. 0, ERR_NOT_FOUND, ERR_STORE_DAMAGED, ERR_* with d. */
int objects_bytes(const struct wanted *w, struct buf *out,
                  struct diag *d) MUST_USE;
/* As a message (pb_free) or as values of type t. Also ERR_ENCODING. */
int objects_message(const struct wanted *w,
                    const ProtobufCMessageDescriptor *type,
                    ProtobufCMessage **out, struct diag *d) MUST_USE;
int objects_values(const struct wanted *w, const struct type *t,
                   struct values *out, struct diag *d) MUST_USE;
/* A message's field that holds a CID. 0 or ERR_ENCODING with d. */
int objects_cid(const char *role, const ProtobufCBinaryData *field,
                struct cid *out, struct diag *d) MUST_USE;

static inline struct ubytes objects_field(const ProtobufCBinaryData *f)
{
    return (struct ubytes){f->data, f->len};
}

#endif
