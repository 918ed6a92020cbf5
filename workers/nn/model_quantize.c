/* Models in other weight types. Runs in the model worker, over files that
 * anybody may have made. Must never write a number that is not finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/sort.h"
#include "workers/nn/model_init.h"
#include "workers/nn/narrow.h"

static const struct loc nowhere = {NULL, 0, 0};

enum {
    CHUNK = 8192 /* numbers at once; a multiple of a block */
};

struct quantizer {
    const struct gguf *g;
    enum gguf_tensor_type type;
    const struct gguf_tensor **order; /* owned; as they lie in the file */
    struct gguf_writer *w;            /* owned */
    float *chunk;                     /* owned */
    uint8_t *narrow;                  /* owned */
};

static void quantizer_release(struct quantizer *q)
{
    gguf_writer_free(q->w);
    free(q->order);
    free(q->chunk);
    free(q->narrow);
}

static int has_word(struct ubytes name, const char *word)
{
    return memmem(name.p, name.n, word, strlen(word)) != NULL;
}

static enum gguf_tensor_type type_of(const struct quantizer *q,
                                     const struct gguf_tensor *t)
{
    int stays = t->dimensions_n == 1 || has_word(t->name, "norm") ||
                has_word(t->name, "ffn_gate_inp") ||
                has_word(t->name, ".bias") || has_word(t->name, "sinks");

    return stays ? GGUF_TENSOR_F32 : q->type;
}

static uint64_t count(const struct gguf_tensor *t)
{
    uint64_t n = 1;

    for (size_t i = 0; i < GGUF_DIMENSIONS_MAX; i++) {
        n *= t->dimensions[i];
    }
    return n;
}

static int compare_places(const void *a, const void *b)
{
    const struct gguf_tensor *x = *(const struct gguf_tensor *const *)a;
    const struct gguf_tensor *y = *(const struct gguf_tensor *const *)b;

    return ((uintptr_t)x->data > (uintptr_t)y->data) -
           ((uintptr_t)x->data < (uintptr_t)y->data);
}

static void put_pairs(struct quantizer *q)
{
    static const struct ubytes type_key = {(const uint8_t *)"general.file_type",
                                           17};

    for (uint32_t i = 0; i < q->g->pairs_n; i++) {
        const struct gguf_pair *p = &q->g->pairs[i];

        if (p->key.n == type_key.n &&
            memcmp(p->key.p, type_key.p, type_key.n) == 0) {
            continue;
        }
        /* Its own alignment would move every tensor; ours is the default. */
        if (p->key.n == 17 && memcmp(p->key.p, "general.alignment", 17) == 0) {
            continue;
        }
        gguf_writer_pair(q->w, p);
    }
    gguf_writer_u32(q->w, "general.file_type",
                    q->type == GGUF_TENSOR_F16    ? 1
                    : q->type == GGUF_TENSOR_Q8_0 ? 7
                    : q->type == GGUF_TENSOR_BF16 ? 32
                                                  : 0);
}

static int put_entries(struct quantizer *q, struct diag *d)
{
    for (uint32_t i = 0; i < q->g->tensors_n; i++) {
        const struct gguf_tensor *t = q->order[i];
        char name[GGUF_NAME_BYTES_MAX + 1] = "";

        memcpy(name, t->name.p, t->name.n);
        if (type_of(q, t) == GGUF_TENSOR_Q8_0 && t->dimensions[0] % 32 != 0) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "tensor %s: rows of %llu, q8_0 has blocks of 32",
                            name, (unsigned long long)t->dimensions[0]);
        }
        gguf_writer_tensor(q->w, name, type_of(q, t), t->dimensions_n,
                           t->dimensions);
    }
    return 0;
}

static int put_numbers(struct quantizer *q, const struct gguf_tensor *t,
                       struct diag *d)
{
    enum gguf_tensor_type type = type_of(q, t);
    const uint8_t *from = t->data;
    uint64_t n = count(t);

    for (uint64_t i = 0; i < n; i += CHUNK) {
        size_t m = n - i < CHUNK ? (size_t)(n - i) : CHUNK;

        widen_floats(t->type, from, m, q->chunk);
        narrow_floats(type, q->chunk, m, q->narrow);
        widen_floats(type, q->narrow, m, q->chunk);
        for (size_t k = 0; k < m; k++) {
            if (!isfinite(q->chunk[k])) {
                return diag_set(d, ERR_INPUT, nowhere,
                                "tensor %.*s: a number is not finite, or too "
                                "large for the type",
                                (int)t->name.n, (const char *)t->name.p);
            }
        }
        from += gguf_tensor_type_bytes(t->type, m);
        TRY(gguf_writer_data(
            q->w, (struct ubytes){q->narrow,
                                  (size_t)gguf_tensor_type_bytes(type, m)}));
    }
    return 0;
}

static int prepare(struct quantizer *q, struct diag *d)
{
    uint32_t n = q->g->tensors_n;

    if (gguf_tensor_type_bytes(q->type, 32) == 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "weights of type %d: expected f32, f16, bf16 or q8_0",
                        (int)q->type);
    }
    q->order = calloc(n + 1u, sizeof(*q->order));
    q->chunk = calloc(CHUNK, sizeof(*q->chunk));
    q->narrow = calloc(CHUNK, 4);
    if (q->order == NULL || q->chunk == NULL || q->narrow == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < n; i++) {
        q->order[i] = &q->g->tensors[i];
    }
    sort_items(q->order, n, sizeof(*q->order), compare_places);
    TRY(gguf_writer_new(&q->w));
    put_pairs(q);
    return put_entries(q, d);
}

/* What, as what, how much, where to. NOLINTNEXTLINE(readability-function-size) */
int model_quantize(const struct gguf *g, enum gguf_tensor_type type,
                   uint64_t max_bytes, gguf_sink *sink, void *ctx,
                   uint64_t *out_bytes, struct diag *d)
{
    struct quantizer q CLEANUP(quantizer_release) = {.g = g, .type = type};

    *out_bytes = 0;
    TRY(prepare(&q, d));
    ASSERT(q.order != NULL);
    if (gguf_writer_bytes(q.w) == 0) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the model has more keys or bytes than can be written");
    }
    if (gguf_writer_bytes(q.w) > max_bytes) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the model would have %llu bytes, %llu are allowed",
                        (unsigned long long)gguf_writer_bytes(q.w),
                        (unsigned long long)max_bytes);
    }
    TRY(gguf_writer_begin(q.w, sink, ctx));
    for (uint32_t i = 0; i < g->tensors_n; i++) {
        TRY(put_numbers(&q, q.order[i], d));
    }
    TRY(gguf_writer_end(q.w));
    *out_bytes = gguf_writer_bytes(q.w);
    return 0;
}
