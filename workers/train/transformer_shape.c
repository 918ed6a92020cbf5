/* What a recipe and a text ask of a transformer, and where its numbers are. Runs
 * in worker train, on recipes that anybody may have made. Must never multiply
 * sizes that were not bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/train/rows.h"
#include "workers/train/transformer.h"

static const struct loc nowhere = {NULL, 0, 0};

static int is_text(const char *s, const char *other)
{
    return s == NULL || s[0] == 0 || strcmp(s, other) == 0;
}

/* What recipes of other learners say. */
static int check_recipe(const Proctor__Recipe *r, const Proctor__Learner *m,
                        struct diag *d)
{
    if (r->loss != NULL && !is_text(r->loss->kind, "cross_entropy")) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "loss %.40s: a transformer learns by cross_entropy",
                        r->loss->kind);
    }
    if (r->loss != NULL &&
        !(r->loss->smoothing >= 0 && r->loss->smoothing < 1)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "loss.smoothing is %g, expected 0 to less than 1",
                        r->loss->smoothing);
    }
    if (m->dropout > 0 || m->dropout < 0 || m->standardize) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "a transformer has neither dropout nor standardize");
    }
    if (!(m->balance >= 0 && m->balance <= 100)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "model.balance is %g, expected 0 to 100", m->balance);
    }
    return 0;
}

static int find_arch(const Proctor__Learner *m, enum model_arch *out,
                     struct diag *d)
{
    const char *name = m->arch == NULL || m->arch[0] == 0
                           ? (m->experts > 0 ? "olmoe" : "llama")
                           : m->arch;
    struct ubytes bytes = {(const uint8_t *)name, strlen(name)};

    if (model_arch_find(bytes, out) != 0 || *out == ARCH_GPT_OSS) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "model.arch %.40s is not trained here", name);
        diag_hint(d, "llama, qwen3moe or olmoe");
        return ERR_INPUT;
    }
    if (m->experts == 0 && *out != ARCH_LLAMA) {
        (void)diag_set(d, ERR_INPUT, nowhere, "%s without experts", name);
        diag_hint(d, "say model.experts, or arch: llama");
        return ERR_INPUT;
    }
    return 0;
}

struct bound {
    const char *name;
    uint32_t v, min, max;
};

static int check_bounds(const struct model_shape *s, struct diag *d)
{
    const struct bound bounds[] = {
        {"model.blocks", s->layers, 1, MODEL_LAYERS_MAX},
        {"model.width", s->width, 2, MODEL_WIDTH_MAX},
        {"model.heads", s->heads, 1, MODEL_HEADS_MAX},
        {"model.kv_heads", s->kv_heads, 1, s->heads},
        {"model.ffn", s->ffn, 1, MODEL_FFN_MAX},
        {"model.experts", s->experts, 0, MODEL_EXPERTS_MAX},
        {"model.experts_used", s->experts_used, s->experts > 0, s->experts},
        {"vocabulary", s->vocab, 1, MODEL_VOCAB_MAX},
        {"context", s->context, 1, 1u << 16}};

    for (size_t i = 0; i < ARRAY_N(bounds); i++) {
        if (bounds[i].v < bounds[i].min || bounds[i].v > bounds[i].max) {
            return diag_set(d, ERR_LIMIT, nowhere,
                            "%s is %u, expected %u to %u", bounds[i].name,
                            bounds[i].v, bounds[i].min, bounds[i].max);
        }
    }
    return 0;
}

static int check_heads(const struct model_shape *s, int tied, struct diag *d)
{
    if (s->width % s->heads != 0 || s->width / s->heads % 2 != 0 ||
        s->width / s->heads > MODEL_HEAD_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "width %u in %u heads: expected an even size of each, "
                        "at most %u",
                        s->width, s->heads, MODEL_HEAD_MAX);
    }
    if (s->heads % s->kv_heads != 0 ||
        s->heads / s->kv_heads > ATTEND_GROUP_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u heads cannot share %u kv_heads", s->heads,
                        s->kv_heads);
    }
    if (s->arch == ARCH_OLMOE && (s->kv_heads != s->heads || tied)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "olmoe has as many kv_heads as heads, and an output of "
                       "its own");
        diag_hint(d, "arch: llama or qwen3moe share heads and may be tied");
        return ERR_INPUT;
    }
    return 0;
}

static int take_shape(const Proctor__Learner *m, const struct rows *data,
                      struct text_learner *l, struct diag *d)
{
    struct model_shape *s = &l->shape;

    TRY(find_arch(m, &s->arch, d));
    s->layers = m->blocks;
    s->width = m->width;
    s->heads = m->heads;
    s->kv_heads = m->kv_heads != 0 ? m->kv_heads : m->heads;
    s->ffn = m->ffn;
    s->experts = m->experts;
    s->experts_used = m->experts_used;
    s->vocab = data->classes;
    s->context = data->width - 1;
    TRY(check_bounds(s, d));
    TRY(check_heads(s, m->tied, d));
    s->head_k = s->width / s->heads;
    s->head_v = s->head_k;
    return 0;
}

/* Places of all numbers; the largest model has fewer than 2^49. */
static int place(struct text_learner *l)
{
    const struct model_shape *s = &l->shape;
    size_t at = 0;

    l->at = calloc((size_t)s->layers * PARTS_N, sizeof(*l->at));
    if (l->at == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->embed_at = at;
    at += (size_t)s->vocab * s->width;
    for (size_t i = 0; i < (size_t)s->layers * PARTS_N; i++) {
        const struct part_shape p =
            model_part_shape(s, (enum model_part)(i % PARTS_N));

        l->at[i] = at;
        if (p.form != FORM_NONE) {
            at += (size_t)p.in * p.out * (p.experts > 0 ? p.experts : 1);
        }
    }
    l->norm_at = at;
    at += s->width;
    l->output_at = l->tied ? l->embed_at : at;
    l->parameters_n = l->tied ? at : at + (size_t)s->vocab * s->width;
    return 0;
}

int text_shape(const Proctor__Recipe *r, const struct rows *data,
               struct text_learner *l, struct diag *d)
{
    const Proctor__Learner *m = r->learner;

    if (m == NULL || data->kind != ROWS_TEXT || data->type != ROWS_U32 ||
        data->width < 2) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "a transformer learns from text, by rows of two tokens "
                       "and more");
        diag_hint(d, "data.load with format: text");
        return ERR_INPUT;
    }
    TRY(check_recipe(r, m, d));
    l->tied = m->tied;
    l->balance = (float)m->balance;
    l->smoothing = r->loss == NULL ? 0.0f : (float)r->loss->smoothing;
    l->seed = m->seed != 0 ? m->seed : r->seed;
    TRY(take_shape(m, data, l, d));
    l->context = l->shape.context;
    l->router = (struct router){.experts = l->shape.experts,
                                .used = l->shape.experts_used,
                                .gating = GATING_SOFTMAX,
                                .norm_chosen = l->shape.arch != ARCH_OLMOE,
                                .scale = 1.0f};
    return place(l);
}

/* Parts that the architecture has, of one layer. */
static size_t parts_n(const struct text_learner *l)
{
    size_t n = 0;

    for (int part = 0; part < PARTS_N; part++) {
        n += model_part_shape(&l->shape, (enum model_part)part).form !=
             FORM_NONE;
    }
    return n;
}

size_t text_tensors_n(const struct text_learner *l)
{
    return (l->tied ? 2u : 3u) + l->shape.layers * parts_n(l);
}

/* The one of a layer with that index among those it has. */
static enum model_part part_of(const struct text_learner *l, size_t i)
{
    for (int part = 0; part < PARTS_N; part++) {
        if (model_part_shape(&l->shape, (enum model_part)part).form ==
            FORM_NONE) {
            continue;
        }
        if (i-- == 0) {
            return (enum model_part)part;
        }
    }
    return PARTS_N;
}

struct text_tensor text_tensor(const struct text_learner *l, size_t i)
{
    const struct model_shape *s = &l->shape;
    struct text_tensor t = {.part = PARTS_N};
    size_t each = parts_n(l), inner = s->layers * each;
    const char *name = i == 0           ? "token_embd.weight"
                       : i <= inner     ? ""
                       : i == inner + 1 ? "output_norm.weight"
                                        : "output.weight";

    (void)snprintf(t.name, sizeof(t.name), "%s", name);
    t.shape = (struct part_shape){
        .form = FORM_MATRIX, .in = s->width, .out = s->vocab};
    t.at = i == 0 ? l->embed_at : i == inner + 1 ? l->norm_at : l->output_at;
    if (i == inner + 1) {
        t.shape.form = FORM_VECTOR;
        t.shape.out = 1;
    } else if (i > 0 && i <= inner) {
        uint32_t layer = (uint32_t)((i - 1) / each);

        t.part = part_of(l, (i - 1) % each);
        t.shape = model_part_shape(s, t.part);
        t.at = text_at(l, layer, t.part);
        (void)snprintf(t.name, sizeof(t.name), "blk.%u.%s", layer,
                       t.shape.name);
    }
    t.n = (size_t)t.shape.in * t.shape.out *
          (t.shape.experts > 0 ? t.shape.experts : 1);
    return t;
}
