/* The program worker's conversation: PROGRAM_TASK, TASK_READY, then any number
 * of BATCH and BATCH_REPLY until the kernel closes the channel. */
#ifndef WORKERS_PROGRAM_SERVE_H
#define WORKERS_PROGRAM_SERVE_H

#include "proto/base.h"

/* share: SHARE_BYTES, shared with the kernel (proto/share.h). Exit status: 0
 * done, 1 the kernel or the sandbox broke an agreement. Borrows the folders; tmp_dir may be NULL. Only in process 1 of a pid namespace. */
int program_serve(int channel_fd, uint8_t *share, const char *work_dir,
                  const char *tmp_dir);

#endif
