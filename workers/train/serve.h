/* Speaks to the kernel in worker-train: one TRAIN_TASK, then what its command
 * asks for. Worker only. */
#ifndef WORKERS_TRAIN_SERVE_H
#define WORKERS_TRAIN_SERVE_H

/* The worker's exit status. */
int train_serve(int channel_fd);

#endif
