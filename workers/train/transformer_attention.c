/* First half of a layer, forward and backward. Runs in worker train. */
#include <math.h>
#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/model_keys_write.h"
#include "workers/train/transformer.h"

/* Sizes of one layer's rows. */
struct sizes {
    size_t tokens; /* M */
    size_t d, q, k, v, mixed;
};

static struct sizes sizes_of(const struct text_learner *l, size_t rows)
{
    const struct model_shape *s = &l->shape;

    return (struct sizes){.tokens = rows * l->context,
                          .d = s->width,
                          .q = (size_t)s->heads * s->head_k,
                          .k = (size_t)s->kv_heads * s->head_k,
                          .v = (size_t)s->kv_heads * s->head_v,
                          .mixed = (size_t)s->heads * s->head_v};
}

/* How long the stretches are that a norm of queries and keys takes: all heads of
 * a token (olmoe), or one. */
static size_t norm_n(const struct text_learner *l, size_t all)
{
    return l->shape.arch == ARCH_OLMOE ? all : l->shape.head_k;
}

static void norm_rows(const struct text_learner *l, size_t at,
                      const float *plain, size_t tokens, size_t all, float *out)
{
    size_t n = norm_n(l, all);

    for (size_t i = 0; i < tokens * all; i += n) {
        nn_rmsnorm(plain + i, l->params + at, MODEL_WRITE_EPS, n, out + i);
    }
}

static void norm_rows_back(const struct text_learner *l, size_t at,
                           const float *plain, size_t tokens, size_t all,
                           float *d, float *grad)
{
    size_t n = norm_n(l, all);

    for (size_t i = 0; i < tokens * all; i += n) {
        nn_rmsnorm_back(plain + i, l->params + at, MODEL_WRITE_EPS, n, d + i,
                        d + i, grad + at);
    }
}

typedef void turn_fn(const struct rope *r, const float *row, float *head);

static void turn_rows(const struct text_learner *l, turn_fn *turn,
                      size_t tokens, size_t heads, float *x)
{
    size_t n = l->shape.head_k;

    for (size_t i = 0; i < tokens; i++) {
        for (size_t head = 0; head < heads; head++, x += n) {
            turn(l->rope, l->s.turns + i % l->context * n, x);
        }
    }
}

/* One key-value head of one row, as attend.h wants it. */
static struct attend attend_of(const struct text_learner *l,
                               const struct text_layer *y, size_t row,
                               size_t head)
{
    const struct model_shape *s = &l->shape;
    size_t group = s->heads / s->kv_heads;
    size_t at = (row * s->kv_heads + head) * l->context * group;
    size_t ld = attend_kept_ld(l->context);

    return (struct attend){.head_k = s->head_k,
                           .head_v = s->head_v,
                           .group = group,
                           .scale = 1.0f / sqrtf((float)s->head_k),
                           .keys = l->s.keys,
                           .values = l->s.values,
                           .blocks =
                               (l->context + ATTEND_BLOCK - 1) / ATTEND_BLOCK,
                           .kept = y->kept + at * ld,
                           .kept_ld = ld,
                           .kept_inverse = y->inverse + at};
}

static void attend_row(struct text_learner *l, const struct text_layer *y,
                       const struct sizes *z, size_t row, size_t head)
{
    const struct attend a = attend_of(l, y, row, head);
    size_t first = row * l->context;
    const float *k = y->k + first * z->k + head * a.head_k;
    const float *v = y->v + first * z->v + head * a.head_v;
    size_t at = head * a.group;

    for (size_t i = 0; i < l->context; i++) {
        attend_put_key(&a, i, k + i * z->k, l->s.keys);
        attend_put_value(&a, i, v + i * z->v, l->s.values);
    }
    attend(&a, 0, l->context, y->q + first * z->q + at * a.head_k, z->q,
           y->mixed + first * z->mixed + at * a.head_v, z->mixed, l->s.attend,
           l->s.attend_n);
}

void text_attention(struct text_learner *l, uint32_t layer, size_t rows)
{
    struct text_layer *y = &l->layers[layer];
    const struct sizes z = sizes_of(l, rows);
    const float *norm = l->params + text_at(l, layer, PART_ATTN_NORM);

    for (size_t i = 0; i < z.tokens; i++) {
        nn_rmsnorm(y->in + i * z.d, norm, MODEL_WRITE_EPS, z.d,
                   y->normed + i * z.d);
    }
    text_product(l, text_at(l, layer, PART_Q), y->normed, z.tokens, z.q, z.d,
                 y->q_plain != NULL ? y->q_plain : y->q);
    text_product(l, text_at(l, layer, PART_K), y->normed, z.tokens, z.k, z.d,
                 y->k_plain != NULL ? y->k_plain : y->k);
    text_product(l, text_at(l, layer, PART_V), y->normed, z.tokens, z.v, z.d,
                 y->v);
    if (y->q_plain != NULL) {
        norm_rows(l, text_at(l, layer, PART_Q_NORM), y->q_plain, z.tokens, z.q,
                  y->q);
        norm_rows(l, text_at(l, layer, PART_K_NORM), y->k_plain, z.tokens, z.k,
                  y->k);
    }
    turn_rows(l, nn_rope_apply, z.tokens, l->shape.heads, y->q);
    turn_rows(l, nn_rope_apply, z.tokens, l->shape.kv_heads, y->k);
    for (size_t row = 0; row < rows; row++) {
        for (size_t head = 0; head < l->shape.kv_heads; head++) {
            attend_row(l, y, &z, row, head);
        }
    }
    text_product(l, text_at(l, layer, PART_OUT), y->mixed, z.tokens, z.d,
                 z.mixed, y->middle);
    nn_add(y->in, z.tokens * z.d, y->middle);
}

static void attend_row_back(struct text_learner *l, const struct text_layer *y,
                            const struct sizes *z, size_t row, size_t head)
{
    const struct attend a = attend_of(l, y, row, head);
    size_t first = row * l->context;
    size_t q = first * z->q + head * a.group * a.head_k;
    size_t k = first * z->k + head * a.head_k;
    size_t v = first * z->v + head * a.head_v;
    size_t mixed = first * z->mixed + head * a.group * a.head_v;
    const struct attend_rows r = {.q = y->q + q,
                                  .k = y->k + k,
                                  .v = y->v + v,
                                  .out = y->mixed + mixed,
                                  .dout = l->s.dmixed + mixed,
                                  .dq = l->s.dq + q,
                                  .dk = l->s.dk + k,
                                  .dv = l->s.dv + v,
                                  .ldq = z->q,
                                  .ldk = z->k,
                                  .ldv = z->v,
                                  .ldo = z->mixed};

    attend_back(&a, l->context, &r, l->s.attend, l->s.attend_n);
}

/* From dq, dk, dv to the gradient of what was normed, s.dy. */
static void back_rows(struct text_learner *l, uint32_t layer,
                      const struct sizes *z, float *grad)
{
    const struct text_layer *y = &l->layers[layer];
    struct text_scratch *s = &l->s;

    turn_rows(l, nn_rope_back, z->tokens, l->shape.heads, s->dq);
    turn_rows(l, nn_rope_back, z->tokens, l->shape.kv_heads, s->dk);
    if (y->q_plain != NULL) {
        norm_rows_back(l, text_at(l, layer, PART_Q_NORM), y->q_plain, z->tokens,
                       z->q, s->dq, grad);
        norm_rows_back(l, text_at(l, layer, PART_K_NORM), y->k_plain, z->tokens,
                       z->k, s->dk, grad);
    }
    text_product_back(l, text_at(l, layer, PART_Q), s->dq, y->normed, z->tokens,
                      z->q, z->d, s->dy, 0, grad);
    text_product_back(l, text_at(l, layer, PART_K), s->dk, y->normed, z->tokens,
                      z->k, z->d, s->dy, 1, grad);
    text_product_back(l, text_at(l, layer, PART_V), s->dv, y->normed, z->tokens,
                      z->v, z->d, s->dy, 1, grad);
}

void text_attention_back(struct text_learner *l, uint32_t layer, size_t rows,
                         float *grad)
{
    const struct text_layer *y = &l->layers[layer];
    const struct sizes z = sizes_of(l, rows);
    struct text_scratch *s = &l->s;
    size_t norm = text_at(l, layer, PART_ATTN_NORM);

    text_product_back(l, text_at(l, layer, PART_OUT), s->d, y->mixed, z.tokens,
                      z.d, z.mixed, s->dmixed, 0, grad);
    for (size_t row = 0; row < rows; row++) {
        for (size_t head = 0; head < l->shape.kv_heads; head++) {
            attend_row_back(l, y, &z, row, head);
        }
    }
    back_rows(l, layer, &z, grad);
    for (size_t i = 0; i < z.tokens; i++) {
        nn_rmsnorm_back(y->in + i * z.d, l->params + norm, MODEL_WRITE_EPS, z.d,
                        s->dy + i * z.d, s->dy + i * z.d, grad + norm);
    }
    nn_add(s->dy, z.tokens * z.d, s->d);
}
