/* The descriptors of a TRAIN_TASK, mapped: what the kernel gave to be read, and
 * the area to be written. Sizes are compared with what the task says; the bytes
 * may be anything. Worker train only. */
#ifndef WORKERS_TRAIN_INPUTS_H
#define WORKERS_TRAIN_INPUTS_H

#include "proto/diag.h"
#include "proto/frame.h"

#include "worker.pb-c.h"

/* Parts that were not sent have p NULL and n 0. All start at a page. */
struct inputs {
    struct ubytes *files; /* files_n, TrainTask.file_bytes */
    size_t files_n;
    struct ubytes x, y;
    struct ubytes checked; /* x of checked rows */
    struct ubytes state;
    struct ubytes *weights; /* weights_n */
    size_t weights_n;
    uint8_t *output; /* output_bytes: the area to be written; or NULL */
    uint64_t output_bytes;
    uint64_t bytes; /* of all, mapped */
};

/* Maps what ${f}, a TRAIN_TASK, brought. out is all zero, and is released also
 * after a failure. 0; ERR_PROTOCOL: another number of descriptors than sizes that
 * are not 0, or a size that is not its descriptor's; ERR_NOMEM, or ERR_LIMIT with
 * ${d} set: it cannot be mapped. */
int inputs_open(struct inputs *out, const struct frame *f,
                struct diag *d) MUST_USE;
void inputs_release(struct inputs *in);

/* A memfd to be shared: ${bytes} of it, or ERR_PROTOCOL when it holds fewer.
 * Unmapped by area_close. */
int area_open(int fd, uint64_t bytes, uint8_t **out) MUST_USE;
void area_close(uint8_t *area, uint64_t bytes); /* NULL is fine */

#endif
