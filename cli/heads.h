/* What surrounds every use of a kernel, so that an old copy of a store is noticed
 * and nothing is signed over it: before, what the person remembers (seen.h) and
 * what the store's witnesses hold (cosigning.h); after, both are told of the new
 * head. */
#ifndef CLI_HEADS_H
#define CLI_HEADS_H

#include "proto/diag.h"
#include "proto/note.h"

/* Before a kernel starts on the store, which need not exist yet. *out_seen: the
 * head that the kernel must find, size 0 when none is known. 0, or the refusal
 * with d. */
int heads_before(const char *store, struct checkpoint *out_seen,
                 struct diag *d) MUST_USE;
/* After it ended and the checkpoint was published. 0, or with d what could not
 * be done: no record is the worse for it. */
int heads_after(const char *store, struct diag *d) MUST_USE;

#endif
