/* Several weights made one file: TRAIN_COMBINE. Weights may be anything.
 *
 * `weights`: the mean of every number, in double over ascending files, rounded
 * to f32; of files of one shape (the same pairs, tensors and sizes; what is not
 * f32 must be the same). Any architecture.
 * `average`, `vote`: an ensemble of perceptrons with the same inputs, outputs and
 * last activation (workers/nn/mlp.h); votes are of classes.
 *
 * Pure but for the channel; worker train only. */
#ifndef WORKERS_TRAIN_COMBINE_H
#define WORKERS_TRAIN_COMBINE_H

#include "proto/diag.h"
#include "proto/frame.h"
#include "workers/nn/gguf_write.h"

struct gguf;

/* n, 2 to MLP_MEMBERS_MAX, open files; *out_bytes, at most max_bytes, to sink. 0,
 * ERR_NOMEM, the sink's error, or ERR_INPUT or ERR_LIMIT with ${d} set. */
int combine_run(const char *how, const struct gguf *files, size_t n,
                uint64_t max_bytes, gguf_sink *sink, void *ctx,
                uint64_t *out_bytes, struct diag *d) MUST_USE;
/* Answers one TRAIN_TASK(COMBINE), ${f}. 0 or an error that ends the worker. */
int combine_serve(int channel_fd, const struct frame *f) MUST_USE;

#endif
