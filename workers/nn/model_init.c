/* Makes random models. Runs in the model worker. Must never use a number that
 * another machine would compute otherwise: no libm but sqrtf, which is exact. */
#include "workers/nn/model_init.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/draw.h"
#include "workers/nn/model_keys_write.h"
#include "workers/nn/model_vocab.h"
#include "workers/nn/narrow.h"

static const struct loc nowhere = {NULL, 0, 0};

enum {
    CHUNK = 8192 /* numbers made at once; a multiple of a block */
};

struct maker {
    struct model_shape shape;
    const struct model_init *spec;
    struct gguf_writer *w; /* owned */
    float *chunk;          /* owned */
    uint8_t *narrow;       /* owned */
    uint32_t tensor_i;     /* the stream of the next tensor's numbers */
    int writes; /* numbers, in the second round; in the first, names */
};

static void maker_release(struct maker *k)
{
    gguf_writer_free(k->w);
    free(k->chunk);
    free(k->narrow);
}

static uint32_t or_default(uint32_t v, uint32_t otherwise)
{
    return v != 0 ? v : otherwise;
}

static void fill_shape(const struct model_init *spec, struct model_shape *s)
{
    int dense = s->arch == ARCH_LLAMA && spec->experts == 0;

    s->layers = or_default(spec->layers, 2);
    s->width = or_default(spec->width, 64);
    s->heads = or_default(spec->heads, 4);
    s->kv_heads = or_default(
        spec->kv_heads,
        s->heads % 2 == 0 && s->arch != ARCH_OLMOE ? s->heads / 2 : s->heads);
    s->head_k = or_default(spec->head, s->width / s->heads);
    s->head_v = s->head_k;
    s->ffn = or_default(spec->ffn, dense ? 128 : 64);
    s->experts = dense ? 0 : or_default(spec->experts, 8);
    s->experts_used = dense ? 0 : or_default(spec->experts_used, 2);
    s->vocab = or_default(spec->vocab, 512);
    s->context = or_default(spec->context, 1024);
    s->window = s->arch == ARCH_GPT_OSS ? or_default(spec->window, 64) : 0;
}

struct bound {
    const char *name;
    uint32_t v, min, max;
};

static int check_bounds(const struct bound *b, size_t n, struct diag *d)
{
    for (size_t i = 0; i < n; i++) {
        if (b[i].v < b[i].min || b[i].v > b[i].max) {
            return diag_set(d, ERR_LIMIT, nowhere,
                            "%s is %u, expected %u to %u", b[i].name, b[i].v,
                            b[i].min, b[i].max);
        }
    }
    return 0;
}

/* What readers of the architecture's files take for granted. */
static int check_arch(const struct model_init *spec,
                      const struct model_shape *s, struct diag *d)
{
    if (s->arch == ARCH_OLMOE &&
        (s->kv_heads != s->heads || s->heads * s->head_k != s->width)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u heads of %u, %u for keys, width %u: olmoe has as "
                        "many key heads as heads, and they fill the width",
                        s->heads, s->head_k, s->kv_heads, s->width);
    }
    if (spec->tied && (s->arch == ARCH_OLMOE || s->arch == ARCH_GPT_OSS)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%s has an output tensor of its own", spec->arch);
    }
    if (spec->window != 0 && s->window == 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%s has no sliding window; gpt-oss has", spec->arch);
    }
    return 0;
}

static int check_shape(const struct model_init *spec,
                       const struct model_shape *s, struct diag *d)
{
    const struct bound bounds[] = {
        {"layers", s->layers, 1, MODEL_LAYERS_MAX},
        {"width", s->width, 2, MODEL_WIDTH_MAX},
        {"heads", s->heads, 1, MODEL_HEADS_MAX},
        {"kv_heads", s->kv_heads, 1, s->heads},
        {"head", s->head_k, 2, MODEL_HEAD_MAX},
        {"ffn", s->ffn, 1, MODEL_FFN_MAX},
        {"experts", s->experts, 0, MODEL_EXPERTS_MAX},
        {"experts_used", s->experts_used, s->experts > 0, s->experts},
        {"vocab", s->vocab, 1, MODEL_VOCAB_MAX},
        {"context", s->context, 1, MODEL_CONTEXT_MAX}};

    TRY(check_bounds(bounds, ARRAY_N(bounds), d));
    if (s->heads % s->kv_heads != 0 || s->head_k % 2 != 0 ||
        s->heads * s->head_k > MODEL_WIDTH_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u heads of %u over %u key heads: expected a multiple "
                        "of them, an even size, and %u numbers at most",
                        s->heads, s->head_k, s->kv_heads, MODEL_WIDTH_MAX);
    }
    TRY(check_arch(spec, s, d));
    if (spec->type == GGUF_TENSOR_Q8_0 &&
        (s->width % 32 != 0 || s->ffn % 32 != 0 ||
         s->heads * s->head_v % 32 != 0)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "q8_0 has blocks of 32: width %u, ffn %u and heads x "
                        "head %u are to be multiples of it",
                        s->width, s->ffn, s->heads * s->head_v);
    }
    return 0;
}

static int take_spec(struct maker *k, const struct model_init *spec,
                     struct diag *d)
{
    struct ubytes name = {(const uint8_t *)spec->arch, strlen(spec->arch)};

    if (model_arch_find(name, &k->shape.arch) != 0) {
        (void)diag_set(d, ERR_INPUT, nowhere, "no architecture \"%s\"",
                       spec->arch);
        diag_hint(d, "llama, qwen3moe, olmoe or gpt-oss");
        return ERR_INPUT;
    }
    if (gguf_tensor_type_bytes(spec->type, 32) == 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "weights of type %d: expected f32, f16, bf16 or q8_0",
                        (int)spec->type);
    }
    k->spec = spec;
    fill_shape(spec, &k->shape);
    return check_shape(spec, &k->shape, d);
}

/* How a tensor's numbers are drawn: middle + spread x (-1, 1). */
struct spread {
    float middle, spread;
};

/* sqrt(3 / in) keeps a row's size; what goes back into the residual is smaller,
 * router and head are larger, so that choices and logits vary. */
static struct spread part_spread(enum model_part part,
                                 const struct part_shape *p)
{
    float keeps = sqrtf(3.0f / (float)p->in);

    switch (part) {
    case PART_ATTN_NORM:
    case PART_FFN_NORM:
    case PART_Q_NORM:
    case PART_K_NORM:
        return (struct spread){1.0f, 0.25f};
    case PART_SINKS:
        return (struct spread){0.0f, 2.0f};
    case PART_Q_BIAS:
    case PART_K_BIAS:
    case PART_V_BIAS:
    case PART_OUT_BIAS:
    case PART_ROUTER_BIAS:
    case PART_GATE_BIAS:
    case PART_UP_BIAS:
    case PART_DOWN_BIAS:
        return (struct spread){0.0f, 0.25f};
    case PART_Q:
    case PART_K:
    case PART_ROUTER:
        return (struct spread){0.0f, 2.0f * keeps};
    case PART_V:
    case PART_OUT:
    case PART_GATE:
    case PART_UP:
    case PART_DOWN:
    case PARTS_N:
    default:
        return (struct spread){0.0f, keeps};
    }
}

static int write_numbers(struct maker *k, enum gguf_tensor_type type,
                         uint64_t n, struct spread how)
{
    struct draw draw = draw_init(k->spec->seed, k->tensor_i);

    for (uint64_t i = 0; i < n; i += CHUNK) {
        size_t m = n - i < CHUNK ? (size_t)(n - i) : CHUNK;

        for (size_t j = 0; j < m; j++) {
            k->chunk[j] = how.middle + how.spread * draw_f32(&draw, i + j);
        }
        narrow_floats(type, k->chunk, m, k->narrow);
        TRY(gguf_writer_data(
            k->w, (struct ubytes){k->narrow,
                                  (size_t)gguf_tensor_type_bytes(type, m)}));
    }
    return 0;
}

static int put_tensor(struct maker *k, const char *name,
                      enum gguf_tensor_type type, uint32_t dimensions_n,
                      const uint64_t *dimensions, struct spread how)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i < dimensions_n; i++) {
        n *= dimensions[i];
    }
    if (k->writes) {
        TRY(write_numbers(k, type, n, how));
    } else {
        gguf_writer_tensor(k->w, name, type, dimensions_n, dimensions);
    }
    k->tensor_i++;
    return 0;
}

static int put_part(struct maker *k, uint32_t layer, enum model_part part)
{
    struct part_shape p = model_part_shape(&k->shape, part);
    uint64_t dimensions[3];
    uint32_t n;
    char name[64];

    if (p.form == FORM_NONE) {
        return 0;
    }
    n = part_dimensions(&p, dimensions);
    (void)snprintf(name, sizeof(name), "blk.%u.%s", layer, p.name);
    return put_tensor(k, name,
                      p.form == FORM_MATRIX ? k->spec->type : GGUF_TENSOR_F32,
                      n, dimensions, part_spread(part, &p));
}

static int put_tensors(struct maker *k)
{
    uint64_t table[2] = {k->shape.width, k->shape.vocab};
    float keeps = sqrtf(3.0f / (float)k->shape.width);

    k->tensor_i = 0;
    TRY(put_tensor(k, "token_embd.weight", k->spec->type, 2, table,
                   (struct spread){0.0f, k->spec->tied ? 3.0f * keeps : 1.7f}));
    for (uint32_t i = 0; i < k->shape.layers; i++) {
        for (int part = 0; part < PARTS_N; part++) {
            TRY(put_part(k, i, (enum model_part)part));
        }
    }
    TRY(put_tensor(k, "output_norm.weight", GGUF_TENSOR_F32, 1, table,
                   (struct spread){1.0f, 0.25f}));
    if (!k->spec->tied) {
        TRY(put_tensor(k, "output.weight", k->spec->type, 2, table,
                       (struct spread){0.0f, 3.0f * keeps}));
    }
    return 0;
}

static int make(struct maker *k)
{
    TRY(gguf_writer_new(&k->w));
    k->chunk = calloc(CHUNK, sizeof(*k->chunk));
    k->narrow = calloc(CHUNK, 4);
    if (k->chunk == NULL || k->narrow == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    model_keys_write(k->w, &k->shape, "random", k->spec->type);
    if (k->shape.vocab >= MODEL_INIT_VOCAB_MIN) {
        TRY(model_vocab_add(k->w, k->shape.vocab, k->spec->seed, k->spec->spm));
    } else {
        gguf_writer_string(k->w, "tokenizer.ggml.model", "no_vocab");
    }
    return put_tensors(k);
}

static int fits(const struct gguf_writer *w, uint64_t max_bytes, struct diag *d)
{
    uint64_t bytes = gguf_writer_bytes(w);

    if (bytes > max_bytes) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the model would have %llu bytes, %llu are allowed",
                        (unsigned long long)bytes,
                        (unsigned long long)max_bytes);
    }
    return 0;
}

int model_init(const struct model_init *spec, uint64_t max_bytes,
               gguf_sink *sink, void *ctx, uint64_t *out_bytes, struct diag *d)
{
    struct maker k CLEANUP(maker_release) = {0};

    *out_bytes = 0;
    TRY(take_spec(&k, spec, d));
    TRY(make(&k));
    TRY(fits(k.w, max_bytes, d));
    TRY(gguf_writer_begin(k.w, sink, ctx));
    k.writes = 1;
    TRY(put_tensors(&k));
    TRY(gguf_writer_end(k.w));
    *out_bytes = gguf_writer_bytes(k.w);
    return 0;
}
