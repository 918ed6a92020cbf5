/* Predictions of rows. Runs in the train worker, on weights that anybody may have
 * made. Must never write past the area that the kernel gave. */
#include "workers/train/predict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/math.h"
#include "workers/nn/mlp.h"
#include "workers/nn/transformer.h"
#include "workers/train/inputs.h"
#include "workers/train/reply.h"
#include "workers/train/rows.h"

static const struct loc nowhere = {NULL, 0, 0};

enum {
    TILE = 512, /* tokens of one pass, rows of one product */
    ALIGNMENT = 64
};

/* Do rows of so many outputs fit? */
static int fits(const struct rows *r, uint64_t outputs, uint64_t max_bytes,
                uint64_t *out_bytes, struct diag *d)
{
    if (outputs > max_bytes / sizeof(float) / r->n) {
        (void)diag_set(d, ERR_LIMIT, nowhere,
                       "%" PRIu64 " rows of %" PRIu64
                       " outputs are more than %" PRIu64 " bytes",
                       r->n, outputs, max_bytes);
        diag_hint(d, "ask for fewer rows at once");
        return ERR_LIMIT;
    }
    *out_bytes = r->n * outputs * sizeof(float);
    return 0;
}

/* What predicting a text works with. */
struct text {
    struct model *m;
    struct pass *pass;
    struct cache cache;
    uint8_t *area; /* owned; of the cache */
};

static void text_release(struct text *t)
{
    pass_free(t->pass);
    model_free(t->m);
    free(t->area);
}

static int open_text(struct text *t, const struct gguf *g, const struct rows *r,
                     struct diag *d)
{
    const struct model_shape *s;
    uint32_t context = r->width - 1;
    size_t bytes;

    TRY(model_new(g, &t->m, d));
    s = model_shape(t->m);
    if (r->width < 2 || context > s->context || r->classes != s->vocab) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the model reads %u tokens of %u, the rows are %u "
                        "tokens of %u",
                        s->context, s->vocab, context, r->classes);
    }
    bytes = cache_bytes(t->m, context, 0);
    t->area = bytes == 0 ? NULL : aligned_alloc(ALIGNMENT, bytes);
    if (t->area == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(t->area, 0, bytes);
    cache_init(&t->cache, t->m, t->area, context, 0);
    return pass_new(t->m, context < TILE ? context : TILE, 1, &t->pass);
}

/* One row, in passes of at most TILE tokens. */
static int run_row(struct text *t, const uint32_t *tokens, size_t context,
                   float *out)
{
    size_t vocab = model_shape(t->m)->vocab;

    cache_reset(&t->cache, t->m);
    t->cache.n = 0;
    for (size_t i = 0; i < context; i += TILE) {
        struct pass_lane lane = {.cache = &t->cache,
                                 .tokens = tokens + i,
                                 .n = context - i < TILE ? context - i : TILE,
                                 .logits = out + i * vocab};

        TRY(pass_run(t->pass, &lane, 1, NULL));
        for (size_t k = 0; k < lane.n; k++) {
            (void)nn_softmax(lane.logits + k * vocab, vocab);
        }
    }
    return 0;
}

static int predict_text(const struct gguf *g, const struct rows *r, float *out,
                        uint64_t max_bytes, uint64_t *out_bytes, struct diag *d)
{
    struct text t CLEANUP(text_release) = {0};
    uint64_t each;

    TRY(open_text(&t, g, r, d));
    each = (uint64_t)(r->width - 1) * r->classes;
    TRY(fits(r, each, max_bytes, out_bytes, d));
    for (uint64_t i = 0; i < r->n; i++) {
        TRY(run_row(&t, rows_tokens(r, i), r->width - 1, out + i * each));
    }
    return 0;
}

static void mlp_freep(struct mlp **m)
{
    mlp_free(*m);
}

static int predict_numbers(const struct gguf *g, const struct rows *r,
                           float *out, uint64_t max_bytes, uint64_t *out_bytes,
                           struct diag *d)
{
    struct mlp *m CLEANUP(mlp_freep) = NULL;
    float *x CLEANUP(mem_freep) = NULL;

    TRY(mlp_new(g, &m, d));
    if (mlp_inputs(m) != r->width) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the model takes %u numbers, the rows have %u",
                        mlp_inputs(m), r->width);
    }
    TRY(fits(r, mlp_outputs(m), max_bytes, out_bytes, d));
    x = malloc((size_t)TILE * r->width * sizeof(*x));
    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint64_t i = 0; i < r->n; i += TILE) {
        size_t n = r->n - i < TILE ? (size_t)(r->n - i) : TILE;
        const struct rows part = rows_part(r, i, n);

        rows_inputs(&part, NULL, n, x);
        mlp_forward(m, x, n, out + i * mlp_outputs(m));
    }
    return 0;
}

int predict_run(const struct gguf *g, const struct rows *rows, float *out,
                uint64_t max_bytes, uint64_t *out_bytes, struct diag *d)
{
    *out_bytes = 0;
    return rows->kind == ROWS_TEXT
               ? predict_text(g, rows, out, max_bytes, out_bytes, d)
               : predict_numbers(g, rows, out, max_bytes, out_bytes, d);
}

static int run(const Proctor__TrainTask *task, const struct inputs *in,
               uint64_t *out_bytes, struct diag *d)
{
    struct rows rows;
    struct gguf g;
    int code;

    TRY(rows_open(task->data, in->x, in->y, &rows, d));
    TRY(rows_check(&rows, d));
    TRY(gguf_open(in->weights[0], &g, d));
    code = predict_run(&g, &rows, (float *)(void *)in->output, in->output_bytes,
                       out_bytes, d);
    gguf_release(&g);
    return code;
}

int predict_serve(int channel_fd, const struct frame *f)
{
    const Proctor__TrainTask *task = (const Proctor__TrainTask *)f->m;
    struct inputs in CLEANUP(inputs_release) = {0};
    Proctor__TrainReply m = PROCTOR__TRAIN_REPLY__INIT;
    struct diag d;
    int code;

    diag_init(&d);
    code = inputs_open(&in, f, &d);
    if (code == 0 && (task->data == NULL || in.weights_n != 1 ||
                      in.output == NULL || in.x.n == 0)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (code == 0) {
        code = run(task, &in, &m.bytes, &d);
    }
    return reply_end(channel_fd, &m, "predicting", code, &d);
}
