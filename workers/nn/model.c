/* Loads transformers: finds every tensor that the architecture has, checks all
 * of them, then makes one area and packs them into it. Runs in workers, over
 * files that anybody may have made. Must never allocate for weights before every
 * tensor was found in the file with the right shape: the file bounds the
 * memory, n outputs being padded to panels of 64. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/err.h"
#include "workers/nn/model_impl.h"
#include "workers/nn/narrow.h"

static const struct loc nowhere = {NULL, 0, 0};

enum {
    LARGE_PAGE = 2 << 20
};

struct loader {
    struct model *m;
    const struct gguf *g;
    struct diag *d;
    uint8_t *used;   /* owned; per tensor of g */
    uint64_t at;     /* in the area */
    int packs;       /* in the second round; in the first sizes are summed */
    struct blake3 h; /* of the vectors */
};

static enum weight_type weight_type_of(enum gguf_tensor_type type)
{
    switch (type) {
    case GGUF_TENSOR_F16:
        return WEIGHT_F16;
    case GGUF_TENSOR_BF16:
        return WEIGHT_BF16;
    case GGUF_TENSOR_Q8_0:
        return WEIGHT_Q8_0;
    case GGUF_TENSOR_F32:
    default:
        return WEIGHT_F32;
    }
}

/* Bytes of the area from here on; where they will be. */
static uint8_t *take_area(struct loader *l, uint64_t bytes)
{
    uint64_t at = l->at;

    l->at += (bytes + PANEL_ALIGN - 1) / PANEL_ALIGN * PANEL_ALIGN;
    return l->packs ? l->m->area + at : NULL;
}

/* The tensor of that name and shape; NULL with diag set. */
static const struct gguf_tensor *find(struct loader *l, const char *name,
                                      const uint64_t *dimensions, uint32_t n)
{
    const struct gguf_tensor *t = gguf_tensor(l->g, name);
    int fits = t != NULL;

    for (uint32_t i = 0; fits && i < GGUF_DIMENSIONS_MAX; i++) {
        fits = t->dimensions[i] == (i < n ? dimensions[i] : 1);
    }
    if (t == NULL) {
        (void)diag_set(l->d, ERR_INPUT, nowhere, "tensor %s is missing", name);
    } else if (!fits) {
        (void)diag_set(l->d, ERR_INPUT, nowhere,
                       "tensor %s is [%" PRIu64 ", %" PRIu64 ", %" PRIu64
                       "], expected "
                       "[%" PRIu64 ", %" PRIu64 ", %" PRIu64 "]",
                       name, t->dimensions[0], t->dimensions[1],
                       t->dimensions[2], dimensions[0],
                       n > 1 ? dimensions[1] : 1, n > 2 ? dimensions[2] : 1);
    } else {
        l->used[t - l->g->tensors] = 1;
    }
    return fits ? t : NULL;
}

static int not_finite(struct loader *l, const char *name)
{
    return diag_set(l->d, ERR_INPUT, nowhere,
                    "tensor %s: a number is not finite", name);
}

static int load_vector(struct loader *l, const char *name,
                       const uint64_t *dimensions, uint32_t dimensions_n,
                       const float **out)
{
    const struct gguf_tensor *t = find(l, name, dimensions, dimensions_n);
    uint64_t n = dimensions[0] * (dimensions_n > 1 ? dimensions[1] : 1);
    float *v;

    if (t == NULL) {
        return ERR_TRACE(ERR_INPUT);
    }
    if (t->type == GGUF_TENSOR_Q8_0) {
        return diag_set(l->d, ERR_INPUT, nowhere,
                        "tensor %s is q8_0, expected f32, f16 or bf16", name);
    }
    v = (float *)(void *)take_area(l, n * sizeof(float));
    *out = v;
    if (v == NULL) {
        return 0;
    }
    widen_floats(t->type, t->data, (size_t)n, v);
    for (uint64_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) {
            return not_finite(l, name);
        }
    }
    blake3_update(&l->h, v, (size_t)n * sizeof(float));
    return 0;
}

/* experts: 0 for one matrix. */
static int load_matrix(struct loader *l, const char *name, uint32_t in,
                       uint32_t out, uint32_t experts, struct weights *w)
{
    const uint64_t dimensions[3] = {in, out, experts};
    const struct gguf_tensor *t =
        find(l, name, dimensions, experts > 0 ? 3 : 2);
    uint32_t n = experts > 0 ? experts : 1;
    uint8_t *packed;

    if (t == NULL) {
        return ERR_TRACE(ERR_INPUT);
    }
    w->panels.type = weight_type_of(t->type);
    w->panels.n = out;
    w->panels.k = in;
    w->expert_bytes =
        (panels_bytes(w->panels.type, out, in) + PANEL_ALIGN - 1) /
        PANEL_ALIGN * PANEL_ALIGN;
    packed = take_area(l, (uint64_t)n * w->expert_bytes);
    w->panels.packed = packed;
    for (uint32_t i = 0; packed != NULL && i < n; i++) {
        const uint8_t *rows = (const uint8_t *)t->data + t->bytes / n * i;

        if (panels_pack(w->panels.type, rows, out, in,
                        packed + i * w->expert_bytes) != 0) {
            return not_finite(l, name);
        }
    }
    return 0;
}

static int load_part(struct loader *l, uint32_t layer, enum model_part part)
{
    struct part_shape p = model_part_shape(&l->m->shape, part);
    struct weights *w = &l->m->layers[layer].parts[part];
    uint64_t dimensions[3];
    char name[64];

    if (p.form == FORM_NONE) {
        return 0;
    }
    (void)snprintf(name, sizeof(name), "blk.%u.%s", layer, p.name);
    if (p.form == FORM_VECTOR) {
        uint32_t n = part_dimensions(&p, dimensions);

        return load_vector(l, name, dimensions, n, &w->v);
    }
    return load_matrix(l, name, p.in, p.out, p.experts, w);
}

static int load_tables(struct loader *l)
{
    const struct model_shape *s = &l->m->shape;
    const uint64_t width = s->width;
    const char *output = "output.weight";
    struct weights w = {0};

    TRY(load_matrix(l, "token_embd.weight", s->width, s->vocab, 0, &w));
    l->m->embed = w.panels;
    if (gguf_tensor(l->g, output) != NULL) {
        TRY(load_matrix(l, output, s->width, s->vocab, 0, &w));
    }
    l->m->output = w.panels;
    return load_vector(l, "output_norm.weight", &width, 1, &l->m->output_norm);
}

/* rope_freqs.weight, where the file has it. */
static int load_factors(struct loader *l)
{
    const char *name = "rope_freqs.weight";
    const uint64_t n = l->m->rope_spec.dims / 2;
    const float *v = NULL;

    if (gguf_tensor(l->g, name) == NULL) {
        return 0;
    }
    TRY(load_vector(l, name, &n, 1, &v));
    for (uint64_t i = 0; v != NULL && i < n; i++) {
        if (!(v[i] > 0)) {
            return diag_set(l->d, ERR_INPUT, nowhere,
                            "tensor %s: a factor is not above 0", name);
        }
    }
    l->m->rope_spec.factors = v;
    return 0;
}

static int load_round(struct loader *l)
{
    l->at = 0;
    TRY(load_tables(l));
    TRY(load_factors(l));
    for (uint32_t i = 0; i < l->m->shape.layers; i++) {
        for (int part = 0; part < PARTS_N; part++) {
            TRY(load_part(l, i, (enum model_part)part));
        }
    }
    return 0;
}

/* A tensor that nothing asked for means a model that this is not. */
static int check_used(struct loader *l)
{
    for (uint32_t i = 0; i < l->g->tensors_n; i++) {
        const struct gguf_tensor *t = &l->g->tensors[i];

        if (!l->used[i]) {
            return diag_set(l->d, ERR_INPUT, nowhere,
                            "tensor %.*s: %s models have none that is run",
                            (int)t->name.n, (const char *)t->name.p,
                            model_arch_name(l->m->shape.arch));
        }
    }
    return 0;
}

static int make_area(struct model *m, uint64_t bytes)
{
    uint64_t whole = (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;

    if (whole > SIZE_MAX / 2) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->area = aligned_alloc(
        bytes < LARGE_PAGE ? PANEL_ALIGN : LARGE_PAGE,
        (size_t)(bytes < LARGE_PAGE ? (bytes + 63) / 64 * 64 : whole));
    if (m->area == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->area_bytes = bytes;
    if (bytes >= LARGE_PAGE) {
        /* A tenth faster where the host has them; without effect elsewhere. */
        (void)madvise(m->area, (size_t)whole, MADV_HUGEPAGE);
    }
    return 0;
}

/* Two models that differ in shape, keys or vectors differ here. */
static void digest(struct loader *l)
{
    struct model *m = l->m;
    const struct {
        struct model_shape shape;
        uint32_t gating, norm_chosen, tied, dims, scaling;
        float eps, scale, experts_scale;
        uint32_t pads; /* none between */
        double freq_base, factor;
        uint64_t area_bytes;
    } keys = {.shape = m->shape,
              .gating = (uint32_t)m->gating,
              .norm_chosen = (uint32_t)m->norm_chosen,
              .tied = m->embed.packed == m->output.packed,
              .dims = m->rope_spec.dims,
              .scaling = (uint32_t)m->rope_spec.scaling,
              .eps = m->eps,
              .scale = m->scale,
              .experts_scale = m->experts_scale,
              .freq_base = m->rope_spec.freq_base,
              .factor = m->rope_spec.factor,
              .area_bytes = m->area_bytes};

    _Static_assert(sizeof(keys) == sizeof(m->shape) + 60, "no padding");
    blake3_update(&l->h, &keys, sizeof(keys));
    blake3_final(&l->h, m->digest);
}

static int load(struct loader *l)
{
    struct model *m = l->m;
    int code;

    TRY(model_keys_read(m, l->g, l->d));
    TRY(load_round(l));
    TRY(check_used(l));
    TRY(make_area(m, l->at));
    l->packs = 1;
    blake3_init(&l->h);
    TRY(load_round(l));
    ASSERT(l->at == m->area_bytes);
    code = nn_rope_new(&m->rope_spec, &m->rope);
    if (code == ERR_INPUT) {
        return diag_set(l->d, ERR_INPUT, nowhere,
                        "rope.*: numbers out of range");
    }
    TRY(code);
    digest(l);
    return 0;
}

int model_new(const struct gguf *g, struct model **out, struct diag *d)
{
    struct loader l = {.g = g, .d = d};
    int code;

    *out = NULL;
    l.m = calloc(1, sizeof(*l.m));
    l.used = calloc(g->tensors_n + 1u, 1);
    code = l.m == NULL || l.used == NULL ? ERR_TRACE(ERR_NOMEM) : load(&l);
    free(l.used);
    if (code != 0) {
        model_free(l.m);
        return code;
    }
    *out = l.m;
    return 0;
}

int model_shape_read(const struct gguf *g, struct model_shape *out,
                     struct diag *d)
{
    struct model m = {0};
    int code = model_keys_read(&m, g, d);

    free(m.layers);
    *out = m.shape;
    return code;
}

void model_free(struct model *m)
{
    if (m != NULL) {
        nn_rope_free(m->rope);
        free(m->layers);
        free(m->area);
        free(m);
    }
}

const struct model_shape *model_shape(const struct model *m)
{
    return &m->shape;
}

int model_is_windowed(const struct model *m, uint32_t layer)
{
    ASSERT(layer < m->shape.layers);
    return m->layers[layer].windowed;
}

uint64_t model_weight_bytes(const struct model *m)
{
    return m->area_bytes;
}
