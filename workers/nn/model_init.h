/* Random models for tests and measurements, and models in other weight types.
 * Both write GGUF through gguf_write.h, piece by piece: no whole model is held.
 *
 * Weights of model_init are uniform, drawn by a counter-based generator keyed by
 * (seed, tensor), scaled so that a residual row keeps its size and logits and
 * routers vary. The same arguments give the same bytes on every machine; a type
 * narrows the f32 weights as model_quantize would. Workers only. */
#ifndef WORKERS_NN_MODEL_INIT_H
#define WORKERS_NN_MODEL_INIT_H

#include "proto/diag.h"
#include "workers/nn/gguf_write.h"

#define MODEL_INIT_VOCAB_MIN 261u /* with a tokenizer; below: without one */

struct model_init {
    const char *arch; /* llama, qwen3moe, olmoe, gpt-oss */
    /* 0: a small default of the architecture. */
    uint32_t layers, width, heads, kv_heads, head;
    uint32_t ffn;     /* of one expert, or of the dense layer */
    uint32_t experts; /* 0: dense (llama), else the default */
    uint32_t experts_used;
    uint32_t vocab; /* bytes and control tokens, then merges */
    uint32_t context;
    uint32_t window; /* gpt-oss */
    enum gguf_tensor_type type;
    uint64_t seed;
    int spm;  /* tokenizer "llama" (SentencePiece-like), else "gpt2" */
    int tied; /* no output tensor: the embedding is used. llama, qwen3moe */
};

/* Writes the model to sink. max_bytes: what the sink can hold. *out_bytes: what
 * was written. 0, ERR_NOMEM, the sink's error, or ERR_INPUT or ERR_LIMIT with
 * ${d} set, before anything was written. */
int model_init(const struct model_init *spec, uint64_t max_bytes,
               gguf_sink *sink, void *ctx, uint64_t *out_bytes,
               struct diag *d) MUST_USE;

/* The model of g with its weights in another type, rounded as ggml rounds: f16
 * and bf16 to the nearest, ties to even; q8_0 in blocks of 32, scale = largest /
 * 127, each number times the scale's inverse, ties away from zero. Norms,
 * biases, sinks, frequency factors and the router stay f32. All else is kept,
 * but general.file_type. Results as model_init; ERR_INPUT also for a number that
 * is not finite (then part of the file was written). */
int model_quantize(const struct gguf *g, enum gguf_tensor_type type,
                   uint64_t max_bytes, gguf_sink *sink, void *ctx,
                   uint64_t *out_bytes, struct diag *d) MUST_USE;

#endif
