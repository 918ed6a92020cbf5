/* The model worker's conversation: MODEL_TASK with the weights as its
 * descriptor, TASK_READY, then any number of BATCH and BATCH_REPLY until the
 * kernel closes the channel. */
#ifndef WORKERS_MODEL_SERVE_H
#define WORKERS_MODEL_SERVE_H

#include <stdint.h>

/* share: SHARE_BYTES, shared with the kernel (proto/share.h). After nn_prove.
 * Exit status: 0 done, 1 the kernel or the sandbox broke an agreement. */
int model_serve(int channel_fd, uint8_t *share);

#endif
