/* How a perceptron lies in a GGUF file (mlp.h has the words): read and written
 * here, for the forward pass, for training and for ensembles. Workers only. */
#ifndef WORKERS_NN_MLP_FILE_H
#define WORKERS_NN_MLP_FILE_H

#include "proto/diag.h"
#include "workers/nn/activation.h"
#include "workers/nn/gguf_write.h"

#define MLP_LAYERS_MAX 64u
#define MLP_WIDTH_MAX 65536u
#define MLP_MEMBERS_MAX 16u
#define MLP_ALONE UINT32_MAX /* member: the file is one perceptron */

/* What an ensemble does with its members' outputs. */
enum mlp_combine {
    MLP_AVERAGE, /* of each output, in double over ascending members */
    MLP_VOTE     /* the share of members that choose it: the first of the highest;
                  * one output: of those where it is 0.5 or more */
};

struct mlp_shape {
    uint32_t layers_n;
    uint32_t sizes[MLP_LAYERS_MAX + 1]; /* inputs, hidden..., outputs */
    enum activation activations[MLP_LAYERS_MAX];
};

/* 0, or ERR_INPUT or ERR_LIMIT with ${d} set. */
int mlp_shape_read(const struct gguf *g, uint32_t member,
                   struct mlp_shape *out, struct diag *d) MUST_USE;
/* Weights (out, in) and bias (out) of a layer, finite; they borrow g. As
 * above. */
int mlp_layer_read(const struct gguf *g, uint32_t member,
                   const struct mlp_shape *s, uint32_t layer,
                   const float **out_weights, const float **out_bias,
                   struct diag *d) MUST_USE;
/* How many members the file has, and how they are combined; 0: it is one
 * perceptron. As above. */
int mlp_members_read(const struct gguf *g, uint32_t *out_n,
                     enum mlp_combine *out_how, struct diag *d) MUST_USE;
int mlp_shape_is_equal(const struct mlp_shape *a, const struct mlp_shape *b);

/* Names general.architecture and what all members share; then each member's
 * pairs; then each member's tensors, whose numbers follow in the same order:
 * weights and bias of layer 0, 1, ... Errors stay in w. */
void mlp_file_pairs(struct gguf_writer *w);
void mlp_members_pairs(struct gguf_writer *w, uint32_t n,
                       enum mlp_combine how); /* of an ensemble, behind it */
/* "average", "vote": 0, or -1 when it is neither. */
int mlp_combine_find(struct ubytes name, enum mlp_combine *out) MUST_USE;
void mlp_shape_pairs(struct gguf_writer *w, uint32_t member,
                     const struct mlp_shape *s);
void mlp_shape_tensors(struct gguf_writer *w, uint32_t member,
                       const struct mlp_shape *s);

#endif
