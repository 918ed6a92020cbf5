/* Mapped GGUF files. */
#include "workers/model/weights.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "proto/err.h"
#include "proto/limits.h"

static const struct loc nowhere = {NULL, 0, 0};

static int map(struct weights *w, int fd, uint64_t bytes, struct diag *d)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || st.st_size < 0 ||
        (uint64_t)st.st_size != bytes) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (bytes == 0) {
        return 0;
    }
    w->p = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (w->p == MAP_FAILED) {
        w->p = NULL;
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the weights have %llu bytes, more than the worker's "
                        "memory holds: raise limits.memory in the policy",
                        (unsigned long long)bytes);
    }
    w->n = (size_t)bytes;
    return 0;
}

int weights_open(struct weights *w, int fd, uint64_t bytes, struct diag *d)
{
    memset(w, 0, sizeof(*w));
    if (bytes > LIMIT_WEIGHTS_FILE_BYTES) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the weights have %llu bytes, the limit is %llu",
                        (unsigned long long)bytes, LIMIT_WEIGHTS_FILE_BYTES);
    }
    TRY(map(w, fd, bytes, d));
    return gguf_open((struct ubytes){w->p, w->n}, &w->gguf, d);
}

void weights_release(struct weights *w)
{
    gguf_release(&w->gguf);
    if (w->p != NULL) {
        (void)munmap(w->p, w->n);
    }
    memset(w, 0, sizeof(*w));
}
