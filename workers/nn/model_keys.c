/* The keys of a transformer. Runs in workers, over files that anybody may have
 * made. Must never let a number through that a later product of sizes could
 * overflow with, nor run a model whose keys ask for what is not built. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/attend.h"
#include "workers/nn/model_impl.h"

static const struct loc nowhere = {NULL, 0, 0};

struct keys {
    const struct gguf *g;
    const char *arch;
    struct diag *d;
    int code; /* the first error; then nothing more is read */
    char name[96];
};

static const char *key_name(struct keys *k, const char *key)
{
    (void)snprintf(k->name, sizeof(k->name), "%s.%s", k->arch, key);
    return k->name;
}

static void refuse(struct keys *k, int code, const char *key, const char *what)
{
    if (k->code == 0) {
        k->code =
            diag_set(k->d, code, nowhere, "%s: %s", key_name(k, key), what);
    }
}

/* A whole number from min to max; absent: otherwise, if that is in range. */
static uint32_t take(struct keys *k, const char *key, uint64_t otherwise,
                     uint64_t min, uint64_t max)
{
    uint64_t v = otherwise;
    int got = gguf_uint(k->g, key_name(k, key), &v);

    if (k->code != 0) {
        return 0;
    }
    if (got == GGUF_E_TYPE) {
        refuse(k, ERR_INPUT, key, "expected a whole number");
    } else if (v < min || v > max) {
        if (got == GGUF_E_ABSENT) {
            refuse(k, ERR_INPUT, key, "the key is missing");
        } else {
            k->code =
                diag_set(k->d, ERR_LIMIT, nowhere,
                         "%s is %" PRIu64 ", expected %" PRIu64 " to %" PRIu64,
                         key_name(k, key), v, min, max);
        }
    }
    return k->code == 0 ? (uint32_t)v : 0;
}

static double take_real(struct keys *k, const char *key, double otherwise,
                        double min, double max)
{
    double v = otherwise;
    int got = gguf_real(k->g, key_name(k, key), &v);

    if (got == GGUF_E_TYPE) {
        refuse(k, ERR_INPUT, key, "expected a finite number");
    } else if (!(v >= min && v <= max)) {
        refuse(k, ERR_INPUT, key,
               got == GGUF_E_ABSENT ? "the key is missing"
                                    : "the number is out of range");
    }
    return v;
}

/* The vocabulary's size: its key, else the tokenizer's list. */
static uint64_t vocab_otherwise(const struct gguf *g)
{
    const struct gguf_pair *p = gguf_pair(g, "tokenizer.ggml.tokens");

    return p != NULL && p->type == GGUF_ARRAY ? p->n : 0;
}

static void take_heads(struct keys *k, struct model_shape *s)
{
    uint64_t otherwise;

    s->heads = take(k, "attention.head_count", 0, 1, MODEL_HEADS_MAX);
    s->kv_heads = take(k, "attention.head_count_kv", s->heads, 1, s->heads);
    if (k->code != 0 || s->heads == 0 || s->kv_heads == 0) {
        return;
    }
    otherwise = s->width % s->heads == 0 ? s->width / s->heads : 0;
    s->head_k = take(k, "attention.key_length", otherwise, 2, MODEL_HEAD_MAX);
    s->head_v = take(k, "attention.value_length", otherwise, 1, MODEL_HEAD_MAX);
    if (k->code != 0) {
        return;
    }
    if (s->heads % s->kv_heads != 0 ||
        s->heads / s->kv_heads > ATTEND_GROUP_MAX) {
        refuse(k, ERR_INPUT, "attention.head_count_kv",
               "heads are to be a multiple of it, 60 times at most");
    }
    if (s->heads * s->head_k > MODEL_WIDTH_MAX ||
        s->heads * s->head_v > MODEL_WIDTH_MAX) {
        refuse(k, ERR_LIMIT, "attention.head_count",
               "heads times their size pass 16384");
    }
}

static void take_experts(struct keys *k, struct model_shape *s)
{
    uint64_t ffn = 0;

    s->experts = take(k, "expert_count", 0, s->arch == ARCH_LLAMA ? 0 : 1,
                      MODEL_EXPERTS_MAX);
    if (s->experts > 0) {
        s->experts_used = take(k, "expert_used_count", 0, 1, s->experts);
    }
    if (gguf_uint(k->g, key_name(k, "feed_forward_length"), &ffn) ==
        GGUF_E_TYPE) {
        refuse(k, ERR_INPUT, "feed_forward_length", "expected a whole number");
    }
    s->ffn = take(k,
                  s->experts > 0 ? "expert_feed_forward_length"
                                 : "feed_forward_length",
                  ffn, 1, MODEL_FFN_MAX);
}

static void take_shape(struct keys *k, struct model_shape *s)
{
    s->layers = take(k, "block_count", 0, 1, MODEL_LAYERS_MAX);
    s->width = take(k, "embedding_length", 0, 1, MODEL_WIDTH_MAX);
    s->vocab = take(k, "vocab_size", vocab_otherwise(k->g), 1, MODEL_VOCAB_MAX);
    s->context = take(k, "context_length", 0, 1, MODEL_CONTEXT_MAX);
    take_heads(k, s);
    take_experts(k, s);
}

/* The kind of scaling, and its numbers. */
static void take_scaling(struct keys *k, struct rope_spec *r, uint32_t context)
{
    struct ubytes kind = gguf_string(k->g, key_name(k, "rope.scaling.type"));

    r->factor = 1.0;
    if (kind.p == NULL || (kind.n == 4 && memcmp(kind.p, "none", 4) == 0)) {
        if (gguf_pair(k->g, k->name) != NULL && kind.p == NULL) {
            refuse(k, ERR_INPUT, "rope.scaling.type", "expected a text");
        }
        return;
    }
    if (kind.n == 6 && memcmp(kind.p, "linear", 6) == 0) {
        r->scaling = ROPE_SCALING_LINEAR;
    } else if (kind.n == 4 && memcmp(kind.p, "yarn", 4) == 0) {
        r->scaling = ROPE_SCALING_YARN;
    } else {
        refuse(k, ERR_INPUT, "rope.scaling.type",
               "expected none, linear or yarn");
    }
    r->factor = take_real(k, "rope.scaling.factor", 0.0, 1e-3, 1e6);
    if (r->scaling == ROPE_SCALING_YARN) {
        r->original_context = take(k, "rope.scaling.original_context_length",
                                   context, 1, MODEL_CONTEXT_MAX);
        r->attention_factor =
            take_real(k, "rope.scaling.attn_factor", 1.0, 1e-3, 1e3);
        r->beta_fast =
            take_real(k, "rope.scaling.yarn_beta_fast", 32.0, 1e-3, 1e6);
        r->beta_slow =
            take_real(k, "rope.scaling.yarn_beta_slow", 1.0, 1e-3, 1e6);
    }
}

static void take_rope(struct keys *k, struct model *m)
{
    struct rope_spec *r = &m->rope_spec;
    double windowed;

    r->pairs = m->shape.arch == ARCH_LLAMA ? ROPE_NORM : ROPE_NEOX;
    r->dims =
        take(k, "rope.dimension_count", m->shape.head_k, 2, m->shape.head_k);
    if (k->code == 0 && r->dims % 2 != 0) {
        refuse(k, ERR_INPUT, "rope.dimension_count", "expected an even number");
    }
    r->freq_base = take_real(k, "rope.freq_base", 10000.0, 1.001, 1e12);
    windowed = take_real(k, "rope.freq_base_swa", r->freq_base, 1.001, 1e12);
    if (windowed < r->freq_base || windowed > r->freq_base) {
        refuse(k, ERR_INPUT, "rope.freq_base_swa",
               "another base for windowed layers is not run");
    }
    take_scaling(k, r, m->shape.context);
}

static void take_gating(struct keys *k, struct model *m)
{
    enum model_arch arch = m->shape.arch;
    int got;

    m->gating = (enum gating)take(k, "expert_gating_func",
                                  arch == ARCH_GPT_OSS ? GATING_SOFTMAX_CHOSEN
                                                       : GATING_SOFTMAX,
                                  GATING_SOFTMAX, GATING_SOFTMAX_CHOSEN);
    m->norm_chosen = arch == ARCH_LLAMA || arch == ARCH_QWEN3MOE;
    got = gguf_bool(k->g, key_name(k, "expert_weights_norm"), &m->norm_chosen);
    if (got == GGUF_E_TYPE) {
        refuse(k, ERR_INPUT, "expert_weights_norm", "expected a bool");
    }
    m->experts_scale =
        (float)take_real(k, "expert_weights_scale", 1.0, 0.0, 1e6);
    if (!(m->experts_scale > 0)) {
        m->experts_scale = 1.0f; /* as files say that there is none */
    }
}

/* Which layers are windowed: all but the last of every `pattern`, or a list. */
static void take_pattern(struct keys *k, struct model *m)
{
    const struct gguf_pair *p =
        gguf_pair(k->g, key_name(k, "attention.sliding_window_pattern"));
    uint64_t pattern = 2;

    if (p != NULL && p->type == GGUF_ARRAY) {
        int ok = p->n == m->shape.layers &&
                 (p->element == GGUF_BOOL || p->element == GGUF_U32 ||
                  p->element == GGUF_I32 || p->element == GGUF_U8);

        for (uint32_t i = 0; ok && i < m->shape.layers; i++) {
            m->layers[i].windowed = gguf_array_uint(p, i, &ok) != 0;
        }
        if (!ok) {
            refuse(k, ERR_INPUT, "attention.sliding_window_pattern",
                   "expected a number, or a bool for every layer");
        }
        return;
    }
    pattern =
        take(k, "attention.sliding_window_pattern", 2, 0, MODEL_LAYERS_MAX);
    for (uint32_t i = 0; i < m->shape.layers; i++) {
        m->layers[i].windowed = pattern == 0 || i % pattern + 1 < pattern;
    }
}

static void take_window(struct keys *k, struct model *m)
{
    uint32_t window = take(k, "attention.sliding_window", 0, 0, UINT32_MAX);
    uint32_t before = 0;

    if (m->shape.arch != ARCH_GPT_OSS) {
        if (window != 0 && window < m->shape.context) {
            refuse(k, ERR_INPUT, "attention.sliding_window",
                   "only gpt-oss is run with a window");
        }
        return;
    }
    if (window > MODEL_CONTEXT_MAX) {
        refuse(k, ERR_LIMIT, "attention.sliding_window", "over 1048576");
    }
    if (window == 0 || k->code != 0) {
        return;
    }
    take_pattern(k, m);
    for (uint32_t i = 0; i < m->shape.layers; i++) {
        m->layers[i].windowed_before = before;
        before += m->layers[i].windowed != 0;
    }
    m->shape.window = before > 0 ? window : 0;
}

/* What other members of these families have and this does not run. */
static void check_absent(struct keys *k)
{
    static const char *const keys[] = {"attention.clamp_kqv",
                                       "attention.scale",
                                       "attn_logit_softcapping",
                                       "final_logit_softcapping",
                                       "logit_scale",
                                       "residual_scale",
                                       "embedding_scale",
                                       "expert_shared_count",
                                       "expert_shared_feed_forward_length",
                                       "leading_dense_block_count",
                                       "interleave_moe_layer_step",
                                       "expert_group_count",
                                       "rope.scaling.yarn_log_multiplier",
                                       "rope.scale_linear"};

    for (size_t i = 0; i < ARRAY_N(keys); i++) {
        const char *key = key_name(k, keys[i]);
        uint64_t v = 0;
        double real = 0;

        if (gguf_pair(k->g, key) == NULL) {
            continue;
        }
        if ((gguf_uint(k->g, key, &v) != 0 &&
             gguf_real(k->g, key, &real) != 0) ||
            v != 0 || real < 0 || real > 0) {
            refuse(k, ERR_INPUT, keys[i], "a model with this is not run");
        }
    }
}

static int find_arch(const struct gguf *g, enum model_arch *out, struct diag *d)
{
    struct ubytes name = gguf_string(g, "general.architecture");

    if (model_arch_find(name, out) != 0) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "general.architecture is \"%.*s\"",
                       name.n > 40 ? 40 : (int)name.n,
                       name.p == NULL ? "" : (const char *)name.p);
        diag_hint(d, "llama, qwen3moe, olmoe and gpt-oss are run");
        return ERR_INPUT;
    }
    return 0;
}

int model_keys_read(struct model *m, const struct gguf *g, struct diag *d)
{
    struct keys k = {.g = g, .d = d};

    TRY(find_arch(g, &m->shape.arch, d));
    k.arch = model_arch_name(m->shape.arch);
    take_shape(&k, &m->shape);
    if (k.code != 0) {
        return ERR_TRACE(k.code);
    }
    m->layers = calloc(m->shape.layers, sizeof(*m->layers));
    if (m->layers == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->eps = (float)take_real(&k, "attention.layer_norm_rms_epsilon", -1.0, 0.0,
                              1.0);
    m->scale = 1.0f / sqrtf((float)m->shape.head_k);
    take_rope(&k, m);
    if (m->shape.experts > 0) {
        take_gating(&k, m);
    }
    take_window(&k, m);
    check_absent(&k);
    return k.code == 0 ? 0 : ERR_TRACE(k.code);
}
