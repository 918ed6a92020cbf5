/* Perceptrons in GGUF files. Runs in workers. What it reads may be anything. */
#include "workers/nn/mlp_file.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/math.h"

#define NAME_BYTES 64

static const struct loc nowhere = {NULL, 0, 0};

static int refuse(struct diag *d, const char *hint, const char *key,
                  const char *what)
{
    (void)diag_set(d, ERR_INPUT, nowhere, "%s %s", key, what);
    diag_hint(d, "%s", hint);
    return ERR_INPUT;
}

/* proctor.mlp.LAST, or proctor.mlp.MEMBER.LAST. */
static void key_of(char out[NAME_BYTES], uint32_t member, const char *last)
{
    if (member == MLP_ALONE) {
        (void)snprintf(out, NAME_BYTES, "proctor.mlp.%s", last);
    } else {
        (void)snprintf(out, NAME_BYTES, "proctor.mlp.%u.%s", member, last);
    }
}

/* blk.LAYER.PART, or member.MEMBER.blk.LAYER.PART. */
static void name_of(char out[NAME_BYTES], uint32_t member, uint32_t layer,
                    const char *part)
{
    if (member == MLP_ALONE) {
        (void)snprintf(out, NAME_BYTES, "blk.%u.%s", layer, part);
    } else {
        (void)snprintf(out, NAME_BYTES, "member.%u.blk.%u.%s", member, layer,
                       part);
    }
}

static int read_sizes(const struct gguf *g, uint32_t member,
                      struct mlp_shape *out, struct diag *d)
{
    const struct gguf_pair *p;
    char key[NAME_BYTES];

    key_of(key, member, "layer_sizes");
    p = gguf_pair(g, key);
    if (p == NULL || p->type != GGUF_ARRAY || p->element != GGUF_U32 ||
        p->n < 2) {
        return refuse(d, "an array of u32: inputs, hidden widths, outputs", key,
                      "is missing");
    }
    if (p->n - 1 > MLP_LAYERS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere, "%llu layers, the limit is %u",
                        (unsigned long long)(p->n - 1), MLP_LAYERS_MAX);
    }
    out->layers_n = (uint32_t)(p->n - 1);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t size = gguf_array_u32(p, i);

        if (size == 0 || size > MLP_WIDTH_MAX) {
            return diag_set(d, ERR_LIMIT, nowhere,
                            "%s[%u] is %u, expected 1 to %u", key, i, size,
                            MLP_WIDTH_MAX);
        }
        out->sizes[i] = size;
    }
    return 0;
}

static int read_activations(const struct gguf *g, uint32_t member,
                            struct mlp_shape *out, struct diag *d)
{
    const struct gguf_pair *p;
    char key[NAME_BYTES];

    key_of(key, member, "activations");
    p = gguf_pair(g, key);
    if (p == NULL || p->type != GGUF_ARRAY || p->element != GGUF_STRING ||
        p->n != out->layers_n) {
        return refuse(d,
                      "an array of strings: identity, relu, tanh, sigmoid, "
                      "gelu, and for the last layer softmax",
                      key, "is missing, or has not one string per layer");
    }
    for (uint32_t i = 0; i < out->layers_n; i++) {
        if (activation_find(gguf_array_string(p, i), &out->activations[i]) !=
            0) {
            return refuse(d,
                          "known: identity, relu, tanh, sigmoid, gelu, and for "
                          "the last layer softmax",
                          key, "has an unknown name");
        }
        if (out->activations[i] == ACTIVATION_SOFTMAX &&
            i + 1 < out->layers_n) {
            return refuse(d, "softmax is the last layer's only", key,
                          "has softmax before the last layer");
        }
    }
    return 0;
}

int mlp_shape_read(const struct gguf *g, uint32_t member,
                   struct mlp_shape *out, struct diag *d)
{
    memset(out, 0, sizeof(*out));
    TRY(read_sizes(g, member, out, d));
    return read_activations(g, member, out, d);
}

static int read_part(const struct gguf *g, uint32_t member, uint32_t layer,
                     const char *part, uint64_t first, uint64_t second,
                     const float **out, struct diag *d)
{
    const struct gguf_tensor *t;
    char name[NAME_BYTES];

    name_of(name, member, layer, part);
    t = gguf_tensor(g, name);
    if (t == NULL || t->type != GGUF_TENSOR_F32 || t->dimensions[0] != first ||
        t->dimensions[1] != second || t->dimensions[2] != 1 ||
        t->dimensions[3] != 1) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "layer %u: expected an f32 tensor %s [%llu, %llu]",
                        layer, name, (unsigned long long)first,
                        (unsigned long long)second);
    }
    *out = t->data;
    if (!nn_is_finite(*out, (size_t)(first * second))) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "layer %u: %s has a number that is not finite", layer,
                        name);
    }
    return 0;
}

int mlp_layer_read(const struct gguf *g, uint32_t member,
                   const struct mlp_shape *s, uint32_t layer,
                   const float **out_weights, const float **out_bias,
                   struct diag *d)
{
    uint32_t in = s->sizes[layer], out = s->sizes[layer + 1];

    TRY(read_part(g, member, layer, "weight", in, out, out_weights, d));
    return read_part(g, member, layer, "bias", out, 1, out_bias, d);
}

static const char *const ways[] = {[MLP_AVERAGE] = "average",
                                   [MLP_VOTE] = "vote"};

int mlp_combine_find(struct ubytes name, enum mlp_combine *out)
{
    for (size_t i = 0; i < ARRAY_N(ways); i++) {
        if (strlen(ways[i]) == name.n &&
            memcmp(ways[i], name.p, name.n) == 0) {
            *out = (enum mlp_combine)i;
            return 0;
        }
    }
    return -1;
}

int mlp_members_read(const struct gguf *g, uint32_t *out_n,
                     enum mlp_combine *out_how, struct diag *d)
{
    uint64_t n = 0;
    int code = gguf_uint(g, "proctor.mlp.members", &n);

    *out_n = 0;
    *out_how = MLP_AVERAGE;
    if (code == GGUF_E_ABSENT) {
        return 0;
    }
    if (code != 0 || n < 2 || n > MLP_MEMBERS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "proctor.mlp.members is not 2 to %u", MLP_MEMBERS_MAX);
    }
    *out_n = (uint32_t)n;
    if (mlp_combine_find(gguf_string(g, "proctor.mlp.combine"), out_how) != 0) {
        return refuse(d, "average or vote", "proctor.mlp.combine",
                      "is missing, or no way to combine members");
    }
    return 0;
}

void mlp_members_pairs(struct gguf_writer *w, uint32_t n, enum mlp_combine how)
{
    gguf_writer_u32(w, "proctor.mlp.members", n);
    gguf_writer_string(w, "proctor.mlp.combine", ways[how]);
}

int mlp_shape_is_equal(const struct mlp_shape *a, const struct mlp_shape *b)
{
    return a->layers_n == b->layers_n &&
           memcmp(a->sizes, b->sizes, sizeof(a->sizes)) == 0 &&
           memcmp(a->activations, b->activations, sizeof(a->activations)) == 0;
}

void mlp_file_pairs(struct gguf_writer *w)
{
    gguf_writer_string(w, "general.architecture", "proctor-mlp");
}

void mlp_shape_pairs(struct gguf_writer *w, uint32_t member,
                     const struct mlp_shape *s)
{
    uint8_t bytes[MLP_LAYERS_MAX * 16];
    char key[NAME_BYTES];
    size_t n = 0;

    key_of(key, member, "layer_sizes");
    for (uint32_t i = 0; i <= s->layers_n; i++) {
        for (unsigned shift = 0; shift < 32; shift += 8) {
            bytes[n++] = (uint8_t)(s->sizes[i] >> shift);
        }
    }
    gguf_writer_array(w, key, GGUF_U32, s->layers_n + 1,
                      (struct ubytes){bytes, n});
    key_of(key, member, "activations");
    n = 0;
    for (uint32_t i = 0; i < s->layers_n; i++) {
        const char *name = activation_name(s->activations[i]);
        size_t length = strlen(name);

        for (unsigned shift = 0; shift < 64; shift += 8) {
            bytes[n++] = (uint8_t)((uint64_t)length >> shift);
        }
        ASSERT(n + length <= sizeof(bytes));
        memcpy(bytes + n, name, length);
        n += length;
    }
    gguf_writer_array(w, key, GGUF_STRING, s->layers_n,
                      (struct ubytes){bytes, n});
}

void mlp_shape_tensors(struct gguf_writer *w, uint32_t member,
                       const struct mlp_shape *s)
{
    for (uint32_t i = 0; i < s->layers_n; i++) {
        const uint64_t weight[] = {s->sizes[i], s->sizes[i + 1]};
        char name[NAME_BYTES];

        name_of(name, member, i, "weight");
        gguf_writer_tensor(w, name, GGUF_TENSOR_F32, 2, weight);
        name_of(name, member, i, "bias");
        gguf_writer_tensor(w, name, GGUF_TENSOR_F32, 1, weight + 1);
    }
}
