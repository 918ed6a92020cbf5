/* Little models. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/model_init.h"

#define FILE_BYTES_MAX (64u << 20)

/* Odd sizes on purpose: K that is no multiple of a slice, several slices, heads
 * in groups, a last panel that is not full. All widths suit q8_0. */
static const struct {
    const char *name;
    struct model_init spec;
} kinds[KINDS_N] = {
    {"llama",
     {.arch = "llama",
      .layers = 2,
      .width = 96,
      .heads = 6,
      .kv_heads = 3,
      .head = 16,
      .ffn = 288,
      .vocab = 151,
      .context = 1024}},
    {"llama-experts",
     {.arch = "llama",
      .layers = 2,
      .width = 64,
      .heads = 4,
      .kv_heads = 2,
      .head = 16,
      .ffn = 96,
      .experts = 8,
      .experts_used = 2,
      .vocab = 151,
      .context = 1024}},
    {"qwen3moe",
     {.arch = "qwen3moe",
      .layers = 2,
      .width = 64,
      .heads = 4,
      .kv_heads = 1,
      .head = 32,
      .ffn = 64,
      .experts = 20,
      .experts_used = 4,
      .vocab = 151,
      .context = 1024}},
    {"olmoe",
     {.arch = "olmoe",
      .layers = 2,
      .width = 64,
      .heads = 4,
      .kv_heads = 4,
      .head = 16,
      .ffn = 64,
      .experts = 16,
      .experts_used = 4,
      .vocab = 151,
      .context = 1024}},
    {"gpt-oss",
     {.arch = "gpt-oss",
      .layers = 3,
      .width = 64,
      .heads = 4,
      .kv_heads = 2,
      .head = 32,
      .ffn = 64,
      .experts = 8,
      .experts_used = 2,
      .vocab = 151,
      .context = 8192,
      .window = 32}},
};

static const struct {
    const char *name;
    enum gguf_tensor_type type;
} types[TYPES_N] = {
    {"f32", GGUF_TENSOR_F32},
    {"f16", GGUF_TENSOR_F16},
    {"bf16", GGUF_TENSOR_BF16},
    {"q8_0", GGUF_TENSOR_Q8_0},
};

int little_kind(const char *name, size_t *out)
{
    for (*out = 0; *out < KINDS_N; (*out)++) {
        if (strcmp(kinds[*out].name, name) == 0) {
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

int little_type(const char *name, size_t *out)
{
    for (*out = 0; *out < TYPES_N; (*out)++) {
        if (strcmp(types[*out].name, name) == 0) {
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

struct growing {
    uint8_t *p;
    size_t n;
};

static int sink(void *ctx, struct ubytes bytes)
{
    struct growing *g = ctx;

    must(bytes.n > FILE_BYTES_MAX - g->n, "room of a little model");
    memcpy(g->p + g->n, bytes.p, bytes.n);
    g->n += bytes.n;
    return 0;
}

static void end_model(void *p)
{
    model_free(p);
}

const struct little *little_open(struct account *a, const char *kind,
                                 const char *type, struct ubytes file)
{
    struct gguf g CLEANUP(gguf_release) = {0};
    struct little *l = keep(sizeof(*l));
    struct diag d;

    diag_init(&d);
    l->kind = kind;
    l->type = type;
    l->file = file;
    must(gguf_open(file, &g, &d), d.what);
    must(model_new(&g, &l->model, &d), d.what);
    keep_until(l->model, end_model);
    l->shape = model_shape(l->model);
    a->models++;
    return l;
}

static const struct little *make(struct account *a, size_t kind, size_t type,
                                 struct model_init spec)
{
    struct growing file = {malloc(FILE_BYTES_MAX), 0};
    uint64_t bytes = 0;
    uint8_t *kept;
    struct diag d;

    diag_init(&d);
    must(file.p == NULL, "malloc");
    spec.type = types[type].type;
    must(model_init(&spec, FILE_BYTES_MAX, sink, &file, &bytes, &d), d.what);
    kept = keep(file.n);
    memcpy(kept, file.p, file.n);
    free(file.p);
    return little_open(a, kinds[kind].name, types[type].name,
                       (struct ubytes){kept, file.n});
}

static struct model_init spec_of(size_t kind, uint32_t window, uint64_t seed)
{
    struct model_init spec = kinds[kind].spec;

    spec.seed = seed;
    if (window != 0 && spec.window != 0) {
        spec.window = window;
    }
    return spec;
}

const struct little *little_make(struct account *a, size_t kind, size_t type,
                                 uint32_t window, uint64_t seed)
{
    return make(a, kind, type, spec_of(kind, window, seed));
}

const struct little *talker_make(struct account *a, size_t kind, size_t type,
                                 uint32_t window, uint64_t seed)
{
    struct model_init spec = spec_of(kind, window, seed);

    spec.vocab = 300;
    spec.spm = (int)(seed % 2);
    return make(a, kind, type, spec);
}

void every_model(struct account *a, size_t first_kind,
                 void (*one)(struct account *a, size_t kind, size_t type))
{
    for (size_t kind = first_kind; kind < KINDS_N; kind++) {
        for (size_t type = 0; type < TYPES_N; type++) {
            const void *mark = keep_mark();

            one(a, kind, type);
            keep_back(mark);
        }
    }
}
