/* Files of a task, mapped: weights, a draft model, what shall be written. The
 * bytes may be anything; a size other than promised is the kernel's fault.
 * Runs in the model worker. */
#ifndef WORKERS_MODEL_WEIGHTS_H
#define WORKERS_MODEL_WEIGHTS_H

#include "proto/diag.h"
#include "workers/nn/gguf.h"

struct weights {
    struct gguf gguf; /* borrows the mapping */
    void *p;
    size_t n;
};

/* Maps descriptor ${fd} of ${bytes} and reads its directory. 0, ERR_PROTOCOL, or
 * with ${d} set ERR_LIMIT or ERR_INPUT. */
int weights_open(struct weights *w, int fd, uint64_t bytes,
                 struct diag *d) MUST_USE;
void weights_release(struct weights *w); /* of one all zero, too */

#endif
