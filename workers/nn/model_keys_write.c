/* Writes the keys of a model. Runs in workers. */
#include "workers/nn/model_keys_write.h"

#include <stdio.h>

struct keys {
    struct gguf_writer *w;
    const char *arch;
};

static void put_u32(const struct keys *k, const char *key, uint32_t v)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "%s.%s", k->arch, key);
    gguf_writer_u32(k->w, name, v);
}

static void put_f32(const struct keys *k, const char *key, float v)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "%s.%s", k->arch, key);
    gguf_writer_f32(k->w, name, v);
}

/* As the published gpt-oss models are stretched. */
static void put_yarn(const struct keys *k)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "%s.rope.scaling.type", k->arch);
    gguf_writer_string(k->w, name, "yarn");
    put_f32(k, "rope.scaling.factor", 32.0f);
    put_u32(k, "rope.scaling.original_context_length", 4096);
}

/* general.file_type of a weight type. */
static uint32_t file_type(enum gguf_tensor_type type)
{
    switch (type) {
    case GGUF_TENSOR_F16:
        return 1;
    case GGUF_TENSOR_Q8_0:
        return 7;
    case GGUF_TENSOR_BF16:
        return 32;
    case GGUF_TENSOR_F32:
    default:
        return 0;
    }
}

float model_freq_base(enum model_arch arch)
{
    return arch == ARCH_GPT_OSS ? 150000.0f : 10000.0f;
}

void model_keys_write(struct gguf_writer *w, const struct model_shape *s,
                      const char *name, enum gguf_tensor_type type)
{
    const struct keys k = {w, model_arch_name(s->arch)};

    gguf_writer_string(w, "general.architecture", k.arch);
    gguf_writer_string(w, "general.name", name);
    gguf_writer_u32(w, "general.file_type", file_type(type));
    put_u32(&k, "vocab_size", s->vocab);
    put_u32(&k, "context_length", s->context);
    put_u32(&k, "embedding_length", s->width);
    put_u32(&k, "block_count", s->layers);
    put_u32(&k, "feed_forward_length", s->ffn);
    put_u32(&k, "attention.head_count", s->heads);
    put_u32(&k, "attention.head_count_kv", s->kv_heads);
    put_u32(&k, "attention.key_length", s->head_k);
    put_u32(&k, "attention.value_length", s->head_v);
    put_f32(&k, "attention.layer_norm_rms_epsilon", MODEL_WRITE_EPS);
    put_u32(&k, "rope.dimension_count", s->head_k);
    if (s->experts > 0) {
        put_u32(&k, "expert_count", s->experts);
        put_u32(&k, "expert_used_count", s->experts_used);
        put_u32(&k, "expert_feed_forward_length", s->ffn);
    }
    put_f32(&k, "rope.freq_base", model_freq_base(s->arch));
    if (s->arch == ARCH_GPT_OSS) {
        put_u32(&k, "attention.sliding_window", s->window);
        put_yarn(&k);
    }
}
