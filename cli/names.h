/* The names of a store as a manifest (proto/manifest.h), which is what
 * refs/cml/heads/main stands for (spec cml sections 2 and 13). Here a name is what
 * a ref of Proctor is called: parts of [A-Za-z0-9_.-]+ joined by '/', none of which
 * begins with a dot, so that it may become a path; at most LIMIT_REF_BYTES. And
 * which children a blob has, be it a manifest or a node. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/limits.h"

#define NAMES_KIND "cml.Manifest" /* as the kind of a blob */

struct name_entry {
    char name[LIMIT_REF_BYTES + 1];
    struct cid cid;
};
struct names {
    struct name_entry *entries; /* owned; NULL when n is 0 */
    size_t n;
};

void names_init(struct names *m);
void names_release(struct names *m);

int names_is_name(const char *name);
/* Adds an entry, anywhere. 0, ERR_INPUT (no such name may be), ERR_LIMIT,
 * ERR_NOMEM. */
int names_add(struct names *m, const char *name, const struct cid *c,
              struct diag *d) MUST_USE;
/* Brings the entries into order. ERR_INPUT when a name is there twice. */
int names_sort(struct names *m, struct diag *d) MUST_USE;

/* The manifest of sorted ones. 0, ERR_NOMEM, ERR_LIMIT. */
int names_put(const struct names *m, struct buf *out) MUST_USE;
/* For people: "CID  NAME" a line. */
int names_put_text(const struct names *m, struct buf *out) MUST_USE;
/* A manifest into m, initialised. 0, ERR_ENCODING (none, or a name that is none of
 * ours), ERR_LIMIT, ERR_NOMEM, with d. */
int names_read(struct names *m, struct ubytes in, struct diag *d) MUST_USE;

/* The CIDs that a blob names as children, without looking at what stands there: for
 * a reader that must fetch children first. Appends n * 32 bytes. A Leaf has none. 0,
 * ERR_ENCODING, ERR_NOMEM, ERR_LIMIT. */
int names_children(struct ubytes blob, struct buf *out) MUST_USE;

#endif
