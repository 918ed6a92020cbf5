/* Worker images: the bytes of a worker binary, held in a sealed memfd, so that
 * what was hashed is what runs. */
#ifndef KERNEL_ENGINE_IMAGE_H
#define KERNEL_ENGINE_IMAGE_H

#include "proto/cid.h"
#include "proto/diag.h"

struct image {
    int fd; /* owned; -1 = none */
    struct cid cid;
};

void image_init(struct image *i);
void image_release(struct image *i);
/* Reads DIR/worker-CLASS. 0, or ERR_CONFINE, ERR_NOMEM with d. */
int image_load(const char *dir, const char *class_name, struct image *out,
               struct diag *d) MUST_USE;

#endif
