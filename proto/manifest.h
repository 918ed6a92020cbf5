/* A list of names, each with the CID of what it stands for.
 *
 *   manifest = "CMLM" u32 n, n * (u32 length, name, CID)
 * names are UTF-8, not empty, each once, sorted by their bytes: one form for each
 * list, so that its CID = BLAKE3-256(manifest) names it. */
#ifndef PROTO_MANIFEST_H
#define PROTO_MANIFEST_H

#include "proto/buf.h"
#include "proto/cid.h"

#define MANIFEST_MAX 65536u /* names */

struct component {
    struct ubytes name;
    struct cid cid;
};

/* Sorts list, drops what is there twice alike, and writes it: *io_n are left. 0;
 * ERR_INPUT: a name for two CIDs, at *out_clash and behind it; ERR_LIMIT,
 * ERR_NOMEM. */
int manifest_put(struct component *list, size_t *io_n, struct buf *out,
                     size_t *out_clash) MUST_USE;
/* The component at *io_at, which begins at 0 and moves on: 0, ERR_NOT_FOUND at the
 * end, ERR_ENCODING. Names borrow from in. */
int manifest_next(struct ubytes in, size_t *io_at,
                      struct component *out) MUST_USE;

#endif
