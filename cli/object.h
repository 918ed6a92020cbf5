/* Objects of a store, read by the person's command line: bytes under their CID,
 * re-hashed whenever they are read. Never writes. */
#ifndef CLI_OBJECT_H
#define CLI_OBJECT_H

#include <limits.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

#include "proto/buf.h"
#include "proto/cid.h"

/* STORE/objects/ab/cdef... */
void object_path(const char *store, const struct cid *c,
                 char out[static PATH_MAX]);
/* Appends the bytes. ERR_NOT_FOUND, ERR_STORE_DAMAGED (they hash to something
 * else), ERR_LIMIT (more than max_bytes), ERR_ACCESS, ERR_IO. */
int object_read(const char *store, const struct cid *c, size_t max_bytes,
                struct buf *out) MUST_USE;
/* Hashes a stored object of any size without keeping it. Same outcomes, and
 * ERR_INPUT: no regular file stands there. ERR_LIMIT: longer than any object. */
int object_check(const char *store, const struct cid *c,
                 uint64_t *out_bytes) MUST_USE;
/* Same, and writes the bytes as they are hashed: for one that was checked. */
int object_copy(const char *store, const struct cid *c, FILE *to,
                uint64_t *out_bytes) MUST_USE;
/* Reads and decodes a message. Also ERR_ENCODING. Caller: pb_free. */
int object_message(const char *store, const struct cid *c,
                   const ProtobufCMessageDescriptor *type,
                   ProtobufCMessage **out) MUST_USE;
/* A message field that holds a CID: true when it has 32 bytes, not all zero. */
int object_cid(ProtobufCBinaryData field, struct cid *out);

/* CIDs of stored objects that begin with `digits` (2..64 lower-case hex
 * digits): the first max of them, *out_n counts all. */
int object_find(const char *store, const char *digits, struct cid *out,
                size_t max, size_t *out_n) MUST_USE;
/* Calls fn for every file below objects/, in no order: c is NULL when its name
 * is no CID. Stops at what fn returns if not 0. */
int object_each(const char *store,
                int (*fn)(void *ctx, const struct cid *c, const char *name),
                void *ctx) MUST_USE;

#endif
