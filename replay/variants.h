/* Simpler variants of a value, and which of two values is simpler: docs/exam.md
 * section 10. */
#ifndef REPLAY_VARIANTS_H
#define REPLAY_VARIANTS_H

#include "replay/shape.h"

/* Called with each variant, borrowed for the call; not 0 stops. */
typedef int (*variant_fn)(void *ctx, struct ubytes v);

/* All variants of v, a member of the shape, in their order. They may be no members
 * and no simpler. 0 after the last, what fn returned, ERR_NOMEM, ERR_LIMIT. */
int variants_walk(const struct shape *s, struct ubytes v, variant_fn fn,
                  void *ctx) MUST_USE;
/* Appends the key by which values of equal length compare. v was checked. */
int variants_key(struct ubytes v, struct buf *out) MUST_USE;

#endif
