/* Strict protobuf: a message is accepted only when it is under its maximum,
 * holds no unknown field at any depth, all its strings are valid UTF-8, and
 * encoding it again gives the same bytes. Fields stand in ascending order, each
 * once unless repeated; numbers of an enum are of the schema. Schemas hold no
 * recursive message, so depth is bounded by the schema. */
#ifndef PROTO_PB_H
#define PROTO_PB_H

#include <protobuf-c/protobuf-c.h>

#include "proto/buf.h"

/* On success *out is owned by the caller (pb_free). 0, ERR_NOMEM, ERR_LIMIT
 * (over max_bytes, or over LIMIT_DECODED_BYTES in memory) or ERR_ENCODING. */
int pb_decode(const ProtobufCMessageDescriptor *d, struct ubytes in,
              size_t max_bytes, ProtobufCMessage **out) MUST_USE;
/* Appends the canonical encoding. 0, ERR_NOMEM, ERR_LIMIT. */
int pb_encode(const ProtobufCMessage *m, struct buf *out) MUST_USE;
void pb_free(ProtobufCMessage *m); /* NULL is fine */

/* Fields of a message that is only encoded, borrowed: protobuf-c knows no const. */
static inline char *pb_str(const char *s)
{
    return (char *)(uintptr_t)s;
}
static inline ProtobufCBinaryData bytes_field(struct ubytes b)
{
    return (ProtobufCBinaryData){b.n, (uint8_t *)(uintptr_t)b.p};
}
static inline struct ubytes field_bytes(const ProtobufCBinaryData *f)
{
    return (struct ubytes){f->data, f->len};
}

/* pb_freep for CLEANUP on a ProtobufCMessage * or any generated type. */
void pb_freep(void *pm);

#endif
