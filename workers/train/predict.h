/* Rows of a data set through weights, so that the kernel, who has the labels, can
 * measure: TRAIN_PREDICT. Weights and rows may be anything. Worker train only.
 *
 * A perceptron: f32 (rows, outputs), as its file says.
 * A transformer, rows of T + 1 tokens: f32 (rows, T, vocabulary), the probability
 * of every token at position i + 1, by what stands at positions 0 to i. The row's
 * later tokens are in the worker's memory all the while: that they play no part is
 * the causality of workers/nn, which is ours and tested, not the weights'. */
#ifndef WORKERS_TRAIN_PREDICT_H
#define WORKERS_TRAIN_PREDICT_H

#include "proto/diag.h"
#include "proto/frame.h"

struct gguf;
struct rows;

/* Numbers to out, which holds max_bytes; *out_bytes of them. 0, ERR_NOMEM, or
 * ERR_INPUT (weights of another kind or shape) or ERR_LIMIT with ${d} set. */
int predict_run(const struct gguf *g, const struct rows *rows, float *out,
                uint64_t max_bytes, uint64_t *out_bytes,
                struct diag *d) MUST_USE;
/* Answers one TRAIN_TASK(PREDICT), ${f}. 0 or an error that ends the worker. */
int predict_serve(int channel_fd, const struct frame *f) MUST_USE;

#endif
