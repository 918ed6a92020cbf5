/* Keeps the end of what a program said. Program worker; holds hostile text and
 * never looks at it. */
#include "workers/program/tail.h"

#include <string.h>

void tail_init(struct tail *t)
{
    t->n_ = 0;
}

void tail_add(struct tail *t, const uint8_t *p, size_t n)
{
    if (n > LIMIT_WORKER_TEXT) {
        p += n - LIMIT_WORKER_TEXT;
        n = LIMIT_WORKER_TEXT;
    }
    if (t->n_ + n > sizeof(t->bytes_)) {
        size_t keep = LIMIT_WORKER_TEXT;

        memmove(t->bytes_, t->bytes_ + t->n_ - keep, keep);
        t->n_ = keep;
    }
    memcpy(t->bytes_ + t->n_, p, n);
    t->n_ += n;
}

size_t tail_copy(const struct tail *t, uint8_t *out, size_t max)
{
    size_t n = t->n_ < max ? t->n_ : max;

    memcpy(out, t->bytes_ + t->n_ - n, n);
    return n;
}
