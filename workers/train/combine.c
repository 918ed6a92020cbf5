/* Several weights made one file. Runs in worker train, on weights that anybody may
 * have made. */
#include "workers/train/combine.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/math.h"
#include "workers/nn/mlp_file.h"

enum {
    PIECE = 1024 /* numbers that are averaged at once */
};

static const struct loc nowhere = {NULL, 0, 0};

/* What both ways share. */
struct combine {
    const struct gguf *files;
    size_t n;
    struct gguf_writer *w;
    uint64_t max_bytes;
    gguf_sink *sink;
    void *ctx;
    uint64_t *out_bytes;
    struct diag *d;
};

static void writer_freep(struct gguf_writer **w)
{
    gguf_writer_free(*w);
}

/* All pairs and tensors are named: the size is known, the head written. */
static int begin(const struct combine *c)
{
    *c->out_bytes = gguf_writer_bytes(c->w);
    if (*c->out_bytes > c->max_bytes) {
        return diag_set(c->d, ERR_LIMIT, nowhere,
                        "together they have %llu bytes, the area %llu",
                        (unsigned long long)*c->out_bytes,
                        (unsigned long long)c->max_bytes);
    }
    return gguf_writer_begin(c->w, c->sink, c->ctx);
}

static int put_floats(struct gguf_writer *w, const float *v, size_t n)
{
    return gguf_writer_data(
        w, (struct ubytes){(const uint8_t *)v, n * sizeof(*v)});
}

/* ---- Weights ---- */

static int same_text(struct ubytes a, struct ubytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static int same_pair(const struct gguf_pair *a, const struct gguf_pair *b)
{
    return same_text(a->key, b->key) && a->type == b->type &&
           a->element == b->element && a->n == b->n &&
           same_text(a->value, b->value);
}

/* A tensor that cannot be averaged is the same in all. */
static int same_tensor(const struct gguf_tensor *a, const struct gguf_tensor *b)
{
    return same_text(a->name, b->name) && a->type == b->type &&
           a->dimensions_n == b->dimensions_n &&
           memcmp(a->dimensions, b->dimensions, sizeof(a->dimensions)) == 0 &&
           (a->type == GGUF_TENSOR_F32 ||
            memcmp(a->data, b->data, (size_t)a->bytes) == 0);
}

static int is_alignment(const struct gguf_pair *p)
{
    static const char key[] = "general.alignment";

    return same_text(p->key,
                     (struct ubytes){(const uint8_t *)key, sizeof(key) - 1});
}

static int refuse_shape(const struct combine *c, size_t i, struct ubytes part)
{
    (void)diag_set(c->d, ERR_INPUT, nowhere,
                   "weights %zu are of another shape than the first: %.*s", i,
                   (int)(part.n < 80 ? part.n : 80), (const char *)part.p);
    diag_hint(c->d, "averages of weights are of one net; of different nets: how: "
                    "average or vote");
    return ERR_INPUT;
}

static int check_same(const struct combine *c)
{
    const struct gguf *first = &c->files[0];
    static const char counts[] = "the number of pairs or tensors";

    for (size_t i = 1; i < c->n; i++) {
        const struct gguf *g = &c->files[i];

        if (g->pairs_n != first->pairs_n || g->tensors_n != first->tensors_n) {
            return refuse_shape(c, i,
                                (struct ubytes){(const uint8_t *)counts,
                                                sizeof(counts) - 1});
        }
        for (uint32_t j = 0; j < g->pairs_n; j++) {
            if (!same_pair(&g->pairs[j], &first->pairs[j])) {
                return refuse_shape(c, i, first->pairs[j].key);
            }
        }
        for (uint32_t j = 0; j < g->tensors_n; j++) {
            if (!same_tensor(&g->tensors[j], &first->tensors[j])) {
                return refuse_shape(c, i, first->tensors[j].name);
            }
        }
    }
    return 0;
}

static int average_tensor(const struct combine *c, uint32_t t)
{
    const struct gguf_tensor *first = &c->files[0].tensors[t];
    size_t n = (size_t)(first->bytes / sizeof(float));
    float out[PIECE];

    if (first->type != GGUF_TENSOR_F32) {
        return gguf_writer_data(
            c->w, (struct ubytes){first->data, (size_t)first->bytes});
    }
    for (size_t i = 0; i < n; i += ARRAY_N(out)) {
        size_t part = n - i < ARRAY_N(out) ? n - i : ARRAY_N(out);

        for (size_t j = 0; j < part; j++) {
            double sum = 0;

            for (size_t k = 0; k < c->n; k++) {
                sum +=
                    (double)((const float *)c->files[k].tensors[t].data)[i + j];
            }
            out[j] = (float)(sum / (double)c->n);
        }
        if (!nn_is_finite(out, part)) {
            return diag_set(c->d, ERR_INPUT, nowhere,
                            "%.*s: a number is not finite",
                            (int)first->name.n, (const char *)first->name.p);
        }
        TRY(put_floats(c->w, out, part));
    }
    return 0;
}

static int average_weights(const struct combine *c)
{
    const struct gguf *first = &c->files[0];

    TRY(check_same(c));
    for (uint32_t i = 0; i < first->pairs_n; i++) {
        if (!is_alignment(&first->pairs[i])) { /* the writer has its own */
            gguf_writer_pair(c->w, &first->pairs[i]);
        }
    }
    for (uint32_t i = 0; i < first->tensors_n; i++) {
        const struct gguf_tensor *t = &first->tensors[i];
        char name[GGUF_NAME_BYTES_MAX + 1] = {0};

        memcpy(name, t->name.p, t->name.n);
        gguf_writer_tensor(c->w, name, t->type, t->dimensions_n, t->dimensions);
    }
    TRY(begin(c));
    for (uint32_t i = 0; i < first->tensors_n; i++) {
        TRY(average_tensor(c, i));
    }
    return gguf_writer_end(c->w);
}

/* ---- Ensembles ---- */

static int check_members(const struct combine *c, const struct mlp_shape *v,
                         enum mlp_combine how)
{
    const struct mlp_shape *first = &v[0];
    uint32_t outputs = first->sizes[first->layers_n];
    enum activation last = first->activations[first->layers_n - 1];

    for (size_t i = 1; i < c->n; i++) {
        if (v[i].sizes[0] != first->sizes[0] ||
            v[i].sizes[v[i].layers_n] != outputs ||
            v[i].activations[v[i].layers_n - 1] != last) {
            return diag_set(c->d, ERR_INPUT, nowhere,
                            "weights %zu have other inputs, outputs or another "
                            "last activation than the first",
                            i);
        }
    }
    if (how == MLP_VOTE && outputs == 1 && last != ACTIVATION_SIGMOID) {
        (void)diag_set(c->d, ERR_INPUT, nowhere,
                       "a vote of numbers: members choose no class");
        diag_hint(c->d, "how: average");
        return ERR_INPUT;
    }
    return 0;
}

static int read_shapes(const struct combine *c, struct mlp_shape *v)
{
    for (size_t i = 0; i < c->n; i++) {
        struct ubytes name = gguf_string(&c->files[i], "general.architecture");
        enum mlp_combine way;
        uint32_t members;

        if (name.n != strlen("proctor-mlp") ||
            memcmp(name.p, "proctor-mlp", name.n) != 0) {
            (void)diag_set(c->d, ERR_INPUT, nowhere,
                           "weights %zu are no perceptron", i);
            diag_hint(c->d, "how: weights averages any net's weights");
            return ERR_INPUT;
        }
        TRY(mlp_members_read(&c->files[i], &members, &way, c->d));
        if (members > 0) {
            (void)diag_set(c->d, ERR_INPUT, nowhere,
                           "weights %zu are an ensemble themselves", i);
            diag_hint(c->d, "name its members");
            return ERR_INPUT;
        }
        TRY(mlp_shape_read(&c->files[i], MLP_ALONE, &v[i], c->d));
    }
    return 0;
}

static int put_member(const struct combine *c, size_t i,
                      const struct mlp_shape *s)
{
    for (uint32_t l = 0; l < s->layers_n; l++) {
        const float *weights, *bias;

        TRY(mlp_layer_read(&c->files[i], MLP_ALONE, s, l, &weights, &bias,
                           c->d));
        TRY(put_floats(c->w, weights,
                       (size_t)s->sizes[l] * s->sizes[l + 1]));
        TRY(put_floats(c->w, bias, s->sizes[l + 1]));
    }
    return 0;
}

static int make_ensemble(const struct combine *c, enum mlp_combine how)
{
    struct mlp_shape *v CLEANUP(mem_freep) = calloc(c->n, sizeof(*v));

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(read_shapes(c, v));
    TRY(check_members(c, v, how));
    mlp_file_pairs(c->w);
    mlp_members_pairs(c->w, (uint32_t)c->n, how);
    for (uint32_t i = 0; i < c->n; i++) {
        mlp_shape_pairs(c->w, i, &v[i]);
    }
    for (uint32_t i = 0; i < c->n; i++) {
        mlp_shape_tensors(c->w, i, &v[i]);
    }
    TRY(begin(c));
    for (uint32_t i = 0; i < c->n; i++) {
        TRY(put_member(c, i, &v[i]));
    }
    return gguf_writer_end(c->w);
}

int combine_run(const char *how, const struct gguf *files, size_t n,
                uint64_t max_bytes, gguf_sink *sink, void *ctx,
                uint64_t *out_bytes, struct diag *d)
{
    struct gguf_writer *w CLEANUP(writer_freep) = NULL;
    struct combine c = {files, n,   NULL,      max_bytes,
                        sink,  ctx, out_bytes, d};
    enum mlp_combine way;

    *out_bytes = 0;
    if (n < 2 || n > MLP_MEMBERS_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%zu weights, expected 2 to %u", n, MLP_MEMBERS_MAX);
    }
    TRY(gguf_writer_new(&w));
    c.w = w;
    if (strcmp(how, "weights") == 0) {
        return average_weights(&c);
    }
    if (mlp_combine_find((struct ubytes){(const uint8_t *)how, strlen(how)},
                         &way) != 0) {
        (void)diag_set(d, ERR_INPUT, nowhere, "how \"%s\" is unknown", how);
        diag_hint(d, "known: weights, average, vote");
        return ERR_INPUT;
    }
    return make_ensemble(&c, way);
}
