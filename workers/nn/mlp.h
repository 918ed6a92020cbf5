/* Multi-layer perceptrons from GGUF. The keys, all required:
 *   general.architecture     string       "proctor-mlp"
 *   proctor.mlp.layer_sizes  [u32]        inputs, hidden widths..., outputs
 *   proctor.mlp.activations  [string]     one per layer but the first:
 *                                         identity, relu, tanh, sigmoid, gelu;
 *                                         the last one's may be softmax
 * and for layer N = 0, 1, ... the tensors, f32:
 *   blk.N.weight  [in, out]  (in is the fastest dimension)    blk.N.bias  [out]
 * An ensemble has instead
 *   proctor.mlp.members      u32          2 to 16
 *   proctor.mlp.combine      string       average or vote (mlp_file.h)
 * and for member M = 0, 1, ... proctor.mlp.M.layer_sizes, .activations, tensors
 * member.M.blk.N.weight, .bias; all members have the same inputs and outputs.
 * Other keys are metadata and ignored; other tensors are refused.
 *
 * Numbers: y = x W^T by contract 1 of panel.h, then activation_rows
 * (activation.h; no negative zero leaves a layer). A row's result does
 * not depend on the rows beside it. Workers only. */
#ifndef WORKERS_NN_MLP_H
#define WORKERS_NN_MLP_H

#include "proto/diag.h"
#include "workers/nn/gguf.h"

#define MLP_TILE_ROWS 60u /* rows that cost least together */

struct mlp;

/* Packs the weights; g may go afterwards. 0, ERR_NOMEM, or ERR_INPUT or
 * ERR_LIMIT with ${d} set. */
int mlp_new(const struct gguf *g, struct mlp **out, struct diag *d) MUST_USE;
void mlp_free(struct mlp *m); /* NULL is fine */
uint32_t mlp_inputs(const struct mlp *m);
uint32_t mlp_outputs(const struct mlp *m);
uint32_t mlp_members(const struct mlp *m); /* 1: no ensemble */
/* x (rows, inputs) -> y (rows, outputs), both row-major. Any number of rows. */
void mlp_forward(struct mlp *m, const float *x, size_t rows, float *y);

#endif
