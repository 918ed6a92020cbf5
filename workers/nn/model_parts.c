/* The table of tensors. Runs in workers. */
#include "workers/nn/model_parts.h"

#include <string.h>

enum {
    LLAMA = 1 << ARCH_LLAMA,
    QWEN = 1 << ARCH_QWEN3MOE,
    OLMO = 1 << ARCH_OLMOE,
    GPT = 1 << ARCH_GPT_OSS,
    ALL = LLAMA | QWEN | OLMO | GPT
};

/* Lengths that shapes are made of. */
enum size {
    ONE,
    WIDTH,
    QUERY,  /* heads x head_k */
    KEYS,   /* kv_heads x head_k */
    VALUES, /* kv_heads x head_v */
    MIXED,  /* heads x head_v */
    NORM,   /* of queries: per head, or all of them */
    NORM_K, /* of keys */
    HEADS,
    FFN,
    EXPERTS
};

struct part {
    uint8_t archs;
    uint8_t form;
    uint8_t in, out;
    uint8_t per_expert; /* when the model has experts */
    const char *name;
    const char *expert_name; /* when the model has experts; NULL: the same */
};

static const struct part parts[PARTS_N] = {
    [PART_ATTN_NORM] = {ALL, FORM_VECTOR, WIDTH, ONE, 0, "attn_norm.weight",
                        NULL},
    [PART_Q] = {ALL, FORM_MATRIX, WIDTH, QUERY, 0, "attn_q.weight", NULL},
    [PART_Q_BIAS] = {GPT, FORM_VECTOR, QUERY, ONE, 0, "attn_q.bias", NULL},
    [PART_K] = {ALL, FORM_MATRIX, WIDTH, KEYS, 0, "attn_k.weight", NULL},
    [PART_K_BIAS] = {GPT, FORM_VECTOR, KEYS, ONE, 0, "attn_k.bias", NULL},
    [PART_V] = {ALL, FORM_MATRIX, WIDTH, VALUES, 0, "attn_v.weight", NULL},
    [PART_V_BIAS] = {GPT, FORM_VECTOR, VALUES, ONE, 0, "attn_v.bias", NULL},
    [PART_Q_NORM] = {QWEN | OLMO, FORM_VECTOR, NORM, ONE, 0,
                     "attn_q_norm.weight", NULL},
    [PART_K_NORM] = {QWEN | OLMO, FORM_VECTOR, NORM_K, ONE, 0,
                     "attn_k_norm.weight", NULL},
    [PART_SINKS] = {GPT, FORM_VECTOR, HEADS, ONE, 0, "attn_sinks.weight", NULL},
    [PART_OUT] = {ALL, FORM_MATRIX, MIXED, WIDTH, 0, "attn_output.weight",
                  NULL},
    [PART_OUT_BIAS] = {GPT, FORM_VECTOR, WIDTH, ONE, 0, "attn_output.bias",
                       NULL},
    [PART_FFN_NORM] = {ALL, FORM_VECTOR, WIDTH, ONE, 0, "ffn_norm.weight",
                       NULL},
    [PART_ROUTER] = {ALL, FORM_ROUTER, WIDTH, EXPERTS, 0, NULL,
                     "ffn_gate_inp.weight"},
    [PART_ROUTER_BIAS] = {GPT, FORM_VECTOR, EXPERTS, ONE, 0, NULL,
                          "ffn_gate_inp.bias"},
    [PART_GATE] = {ALL, FORM_MATRIX, WIDTH, FFN, 1, "ffn_gate.weight",
                   "ffn_gate_exps.weight"},
    [PART_UP] = {ALL, FORM_MATRIX, WIDTH, FFN, 1, "ffn_up.weight",
                 "ffn_up_exps.weight"},
    [PART_DOWN] = {ALL, FORM_MATRIX, FFN, WIDTH, 1, "ffn_down.weight",
                   "ffn_down_exps.weight"},
    [PART_GATE_BIAS] = {GPT, FORM_VECTOR, FFN, ONE, 1, NULL,
                        "ffn_gate_exps.bias"},
    [PART_UP_BIAS] = {GPT, FORM_VECTOR, FFN, ONE, 1, NULL, "ffn_up_exps.bias"},
    [PART_DOWN_BIAS] = {GPT, FORM_VECTOR, WIDTH, ONE, 1, NULL,
                        "ffn_down_exps.bias"}};

static uint32_t length(const struct model_shape *s, uint8_t size)
{
    int whole = s->arch == ARCH_OLMOE; /* norms over all heads */

    switch ((enum size)size) {
    case WIDTH:
        return s->width;
    case QUERY:
        return s->heads * s->head_k;
    case KEYS:
        return s->kv_heads * s->head_k;
    case VALUES:
        return s->kv_heads * s->head_v;
    case MIXED:
        return s->heads * s->head_v;
    case NORM:
        return whole ? s->heads * s->head_k : s->head_k;
    case NORM_K:
        return whole ? s->kv_heads * s->head_k : s->head_k;
    case HEADS:
        return s->heads;
    case FFN:
        return s->ffn;
    case EXPERTS:
        return s->experts;
    case ONE:
    default:
        return 1;
    }
}

struct part_shape model_part_shape(const struct model_shape *s,
                                   enum model_part part)
{
    const struct part *p = &parts[part];
    struct part_shape out = {.form = FORM_NONE};

    out.name =
        s->experts > 0 && p->expert_name != NULL ? p->expert_name : p->name;
    if (part == PART_FFN_NORM && s->arch == ARCH_GPT_OSS) {
        out.name = "post_attention_norm.weight";
    }
    if ((p->archs & 1u << s->arch) == 0 || out.name == NULL) {
        return out;
    }
    out.form = (enum model_form)p->form;
    out.in = length(s, p->in);
    out.out = length(s, p->out);
    out.experts = p->per_expert ? s->experts : 0;
    return out;
}

uint32_t part_dimensions(const struct part_shape *p, uint64_t out[static 3])
{
    uint32_t n = 0;

    out[n++] = p->in;
    if (p->form != FORM_VECTOR) {
        out[n++] = p->out;
    }
    if (p->experts > 0) {
        out[n++] = p->experts;
    }
    return n;
}

static const char *const names[] = {[ARCH_LLAMA] = "llama",
                                    [ARCH_QWEN3MOE] = "qwen3moe",
                                    [ARCH_OLMOE] = "olmoe",
                                    [ARCH_GPT_OSS] = "gpt-oss"};

const char *model_arch_name(enum model_arch arch)
{
    return names[arch];
}

int model_arch_find(struct ubytes name, enum model_arch *out)
{
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        if (strlen(names[i]) == name.n &&
            memcmp(names[i], name.p, name.n) == 0) {
            *out = (enum model_arch)i;
            return 0;
        }
    }
    return -1;
}
