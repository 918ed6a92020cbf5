/* A transformer that is trained: what its files share, nobody else. Its forward
 * pass is operation for operation that of workers/nn (layer_attention.c,
 * layer_ffn.c), over whole rows from position 0 on, so that its logits are, bit
 * for bit, those of the file it writes; it only keeps what the backward pass
 * needs. Rows are taken some at a time (TEXT_TOKENS), always from the first of a
 * call, so that nothing hangs on how much memory there is.
 *
 * Letters: T tokens of a row that are read, M tokens of all rows at work, D width,
 * F width of a network, E experts, K of them for a token, V vocabulary. Worker
 * train only. */
#ifndef WORKERS_TRAIN_TRANSFORMER_H
#define WORKERS_TRAIN_TRANSFORMER_H

#include "workers/nn/attend.h"
#include "workers/nn/model_parts.h"
#include "workers/nn/rope.h"
#include "workers/nn/router.h"
#include "workers/train/learner.h"

#define TEXT_TOKENS 1024u     /* worked on at once, about */
#define TEXT_HEAD_TOKENS 256u /* whose logits are computed at once */
#define TEXT_USED_MAX MODEL_EXPERTS_MAX

/* What one layer's forward pass keeps. Rows are tokens, close together. */
struct text_layer {
    float *in;      /* (M, D) the residual */
    float *normed;  /* (M, D) for attention */
    float *q_plain; /* (M, heads * head_k) before its norm; NULL: it has none */
    float *k_plain; /* (M, kv_heads * head_k), likewise */
    float *q, *k;   /* normed and turned */
    float *v;       /* (M, kv_heads * head_v) */
    float *kept;    /* (rows, kv_heads, T * group, kept_ld), attend.h */
    float *inverse; /* (rows, kv_heads, T * group) */
    float *mixed;   /* (M, heads * head_v) */
    float *middle;  /* (M, D) the residual between the halves */
    float *wide;    /* (M, D) normed for the network */
    float *router;  /* (M, E) probabilities */
    float *weights; /* (M, K) */
    uint32_t *chosen; /* (M, K) */
    uint32_t *place;  /* (M, K): row in the five below */
    size_t *first;    /* (E + 1): of each expert's rows there */
    float *rows;      /* (M K, D) wide, by expert, then token; dense: wide */
    float *gate, *up, *act; /* (M K, F) */
    float *outputs;         /* (M K, D) */
};

/* Of one layer at a time. */
struct text_scratch {
    float *y;      /* (M, D) */
    float *d, *dy; /* (M, D) gradients of the residual, and within a half */
    float *dq, *dk, *dv, *dmixed;
    float *drows, *doutputs; /* (M K, D) */
    float *dgate, *dup;      /* (M K, F) */
    float *drouter;          /* (M, E) */
    float *shares;           /* (E) */
    float *keys, *values;    /* one head's blocks */
    float *logits;           /* (TEXT_HEAD_TOKENS, V) */
    float *attend;
    size_t attend_n;
    float *turns; /* (T, head_k) of rope */
};

struct text_learner {
    struct learner base;
    struct model_shape shape;
    struct router router;
    int tied;
    float balance, smoothing;
    uint64_t seed;
    struct ubytes tokenizer; /* borrowed */
    size_t context;          /* T */

    /* Where things are in params. A layer's parts are at[layer * PARTS_N + part];
     * experts of one stand one behind the other. */
    size_t parameters_n;
    size_t embed_at, norm_at, output_at;
    size_t *at; /* owned */

    /* Of start. */
    size_t rows;       /* worked on at once */
    struct rope *rope; /* owned */
    uint8_t *area;     /* owned */
    float *turned;     /* every matrix of params transposed, where it is */
    struct text_layer *layers; /* owned; one more: what comes out */
    struct text_scratch s;
    const float *params; /* of set */
};

static inline struct text_learner *text_of(struct learner *l)
{
    return (struct text_learner *)l;
}

static inline size_t text_at(const struct text_learner *l, uint32_t layer,
                             enum model_part part)
{
    return l->at[(size_t)layer * PARTS_N + part];
}

/* transformer_shape.c: what recipe and data ask for, and where it will be.
 * learner_ops.open's results; l->at is made. */
int text_shape(const Proctor__Recipe *r, const struct rows *data,
               struct text_learner *l, struct diag *d) MUST_USE;
/* Every tensor in the order of the file: its part (PARTS_N: embedding, then
 * output norm, then output, by `which`), its place and shape. */
struct text_tensor {
    char name[64];
    struct part_shape shape;
    enum model_part part; /* PARTS_N: none of a layer's */
    size_t at;            /* in params */
    size_t n;             /* numbers */
};
size_t text_tensors_n(const struct text_learner *l);
struct text_tensor text_tensor(const struct text_learner *l, size_t i);

/* transformer_product.c: the matrix W (n, k) at `at` of params, rows close
 * together. Forward: y (m, n) = x (m, k) W^T. Back: dx (m, k) = dy (m, n) W, or
 * with adds += ; dW += dy^T x. */
void text_product(const struct text_learner *l, size_t at, const float *x,
                  size_t m, size_t n, size_t k, float *y);
void text_product_back(const struct text_learner *l, size_t at, const float *dy,
                       const float *x, size_t m, size_t n, size_t k, float *dx,
                       int adds, float *grad);

/* transformer_attention.c and transformer_ffn.c: the halves of a layer over `rows`
 * rows. Forward: from layers[layer].in to .middle; from there to
 * layers[layer + 1].in. Back: s.d is the gradient of what came out, becomes that of
 * what went in; grad is added to. */
void text_attention(struct text_learner *l, uint32_t layer, size_t rows);
void text_attention_back(struct text_learner *l, uint32_t layer, size_t rows,
                         float *grad);
void text_ffn(struct text_learner *l, uint32_t layer, size_t rows);
void text_ffn_back(struct text_learner *l, uint32_t layer, size_t rows,
                   float *grad);

/* transformer_head.c: tokens (rows, T + 1). */
void text_embed(struct text_learner *l, const uint32_t *const *tokens,
                size_t rows);
void text_embed_back(struct text_learner *l, const uint32_t *const *tokens,
                     size_t rows, float *grad);
/* Loss of all positions, and its gradients: writes s.d, adds to grad and s. */
void text_loss(struct text_learner *l, const uint32_t *const *tokens,
               size_t rows, float *grad, struct loss_sum *s);
/* Logits of tokens [first, first + n) of all at work, n <= TEXT_HEAD_TOKENS, after
 * the layers: s.logits, and what they were made of in s.y. */
void text_logits(struct text_learner *l, size_t first, size_t n);
/* Softmax of all positions' logits: out (rows, T, V). */
void text_probabilities(struct text_learner *l, size_t rows, float *out);

/* transformer_file.c: learner_ops of the same names. */
int text_load(struct learner *base, const struct gguf *g, float *params,
              struct diag *d) MUST_USE;
int text_write(struct learner *base, const float *params, uint64_t max_bytes,
               gguf_sink *sink, void *ctx, uint64_t *out_bytes) MUST_USE;

#endif
