/* Second half of a layer, forward and backward: one network, or a router and the
 * experts that it chooses. Runs in worker train. Tokens are grouped by expert, so
 * that each matrix meets all its tokens at once; a token's outputs, and its
 * gradients, are added in the order of ranks. */
#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/model_keys_write.h"
#include "workers/train/transformer.h"

/* Parts of one expert. */
struct expert {
    size_t gate, up, down; /* in params */
    size_t first, n;       /* its rows */
};

static struct expert expert_of(const struct text_learner *l, uint32_t layer,
                               uint32_t e)
{
    const struct text_layer *y = &l->layers[layer];
    size_t size = (size_t)l->shape.width * l->shape.ffn * e;

    return (struct expert){.gate = text_at(l, layer, PART_GATE) + size,
                           .up = text_at(l, layer, PART_UP) + size,
                           .down = text_at(l, layer, PART_DOWN) + size,
                           .first = y->first[e],
                           .n = y->first[e + 1] - y->first[e]};
}

/* Chooses for every token, and gives each choice its row. */
static void route(struct text_learner *l, uint32_t layer, size_t tokens)
{
    struct text_layer *y = &l->layers[layer];
    size_t experts = l->router.experts, used = l->router.used, row = 0;
    size_t d = l->shape.width;

    text_product(l, text_at(l, layer, PART_ROUTER), y->wide, tokens, experts, d,
                 y->router);
    for (size_t i = 0; i < tokens; i++) {
        router_route(&l->router, y->router + i * experts, NULL,
                     y->chosen + i * used, y->weights + i * used);
    }
    for (uint32_t e = 0; e < experts; e++) {
        y->first[e] = row;
        for (size_t i = 0; i < tokens * used; i++) {
            if (y->chosen[i] == e) {
                memcpy(y->rows + row * d, y->wide + i / used * d,
                       d * sizeof(*y->rows));
                y->place[i] = (uint32_t)row++;
            }
        }
    }
    y->first[experts] = row;
}

/* One network: rows -> outputs. */
static void run_expert(struct text_learner *l, const struct text_layer *y,
                       const struct expert *e)
{
    size_t d = l->shape.width, f = l->shape.ffn;
    size_t wide = e->first * d, inner = e->first * f;

    if (e->n == 0) {
        return;
    }
    text_product(l, e->gate, y->rows + wide, e->n, f, d, y->gate + inner);
    text_product(l, e->up, y->rows + wide, e->n, f, d, y->up + inner);
    nn_swiglu(y->gate + inner, y->up + inner, e->n * f, y->act + inner);
    text_product(l, e->down, y->act + inner, e->n, d, f, y->outputs + wide);
}

/* out += the sum over ranks of weight x output. */
static void sum_ranks(const struct text_learner *l, const struct text_layer *y,
                      size_t token, float *out)
{
    size_t d = l->shape.width, used = l->router.used;
    float *sum = l->s.y + token * d;

    for (size_t k = 0; k < used; k++) {
        const float *from = y->outputs + y->place[token * used + k] * d;
        float weight = y->weights[token * used + k];

        if (k == 0) {
            nn_scale(weight, from, d, sum);
        } else {
            nn_add_scaled(weight, from, d, sum);
        }
    }
    nn_add(sum, d, out);
}

void text_ffn(struct text_learner *l, uint32_t layer, size_t rows)
{
    struct text_layer *y = &l->layers[layer];
    size_t tokens = rows * l->context, d = l->shape.width;
    const float *norm = l->params + text_at(l, layer, PART_FFN_NORM);
    float *out = l->layers[layer + 1].in;

    for (size_t i = 0; i < tokens; i++) {
        nn_rmsnorm(y->middle + i * d, norm, MODEL_WRITE_EPS, d,
                   y->wide + i * d);
    }
    memcpy(out, y->middle, tokens * d * sizeof(*out));
    if (l->shape.experts == 0) {
        y->first[0] = 0;
        y->first[1] = tokens;
    } else {
        route(l, layer, tokens);
    }
    for (uint32_t e = 0; e < (l->shape.experts == 0 ? 1 : l->shape.experts);
         e++) {
        const struct expert expert = expert_of(l, layer, e);

        run_expert(l, y, &expert);
    }
    if (l->shape.experts == 0) {
        nn_add(y->outputs, tokens * d, out);
        return;
    }
    for (size_t i = 0; i < tokens; i++) {
        sum_ranks(l, y, i, out + i * d);
    }
}

/* From the gradients of outputs to those of its rows. */
static void back_expert(struct text_learner *l, const struct text_layer *y,
                        const struct expert *e, const float *doutputs,
                        float *drows, float *grad)
{
    struct text_scratch *s = &l->s;
    size_t d = l->shape.width, f = l->shape.ffn;
    size_t wide = e->first * d, inner = e->first * f;

    if (e->n == 0) {
        return;
    }
    text_product_back(l, e->down, doutputs + wide, y->act + inner, e->n, d, f,
                      s->dup, 0, grad);
    nn_swiglu_back(y->gate + inner, y->up + inner, s->dup, e->n * f, s->dgate,
                   s->dup);
    text_product_back(l, e->gate, s->dgate, y->rows + wide, e->n, f, d,
                      drows + wide, 0, grad);
    text_product_back(l, e->up, s->dup, y->rows + wide, e->n, f, d,
                      drows + wide, 1, grad);
}

/* Gradients of each rank's output and weight; the router's numbers'. */
static void back_ranks(struct text_learner *l, const struct text_layer *y,
                       size_t token)
{
    struct text_scratch *s = &l->s;
    size_t d = l->shape.width, used = l->router.used;
    size_t experts = l->router.experts;
    const float *dy = s->d + token * d;
    const float *weights = y->weights + token * used;
    float *dp = s->drouter + token * experts;
    float dweights[TEXT_USED_MAX];

    for (size_t k = 0; k < used; k++) {
        size_t at = y->place[token * used + k] * d;

        nn_scale(weights[k], dy, d, s->doutputs + at);
        dweights[k] = nn_dot(dy, y->outputs + at, d);
    }
    router_back(&l->router, y->router + token * experts,
                y->chosen + token * used, weights, dweights, dp, dp);
}

/* The balance loss of one row: balance T E sum over experts of share x mean
 * probability, where share is the part of its choices that an expert has. So the
 * gradient of each token's probability is balance E share. */
static void balance_row(struct text_learner *l, const struct text_layer *y,
                        size_t row)
{
    size_t experts = l->router.experts, used = l->router.used;
    size_t first = row * l->context;
    float one = l->balance * (float)experts / (float)(l->context * used);
    float *shares = l->s.shares;

    memset(shares, 0, experts * sizeof(*shares));
    for (size_t i = 0; i < l->context * used; i++) {
        shares[y->chosen[first * used + i]] += 1.0f;
    }
    nn_scale(one, shares, experts, shares);
    for (size_t i = first; i < first + l->context; i++) {
        memcpy(l->s.drouter + i * experts, shares, experts * sizeof(*shares));
    }
}

/* All experts: s.d to s.dy, the gradient of what was normed. */
static void back_experts(struct text_learner *l, uint32_t layer, size_t rows,
                         float *grad)
{
    const struct text_layer *y = &l->layers[layer];
    struct text_scratch *s = &l->s;
    size_t tokens = rows * l->context, d = l->shape.width;
    size_t used = l->router.used;

    for (size_t i = 0; i < rows; i++) {
        balance_row(l, y, i);
    }
    for (size_t i = 0; i < tokens; i++) {
        back_ranks(l, y, i);
    }
    for (uint32_t e = 0; e < l->shape.experts; e++) {
        const struct expert expert = expert_of(l, layer, e);

        back_expert(l, y, &expert, s->doutputs, s->drows, grad);
    }
    text_product_back(l, text_at(l, layer, PART_ROUTER), s->drouter, y->wide,
                      tokens, l->shape.experts, d, s->dy, 0, grad);
    for (size_t i = 0; i < tokens * used; i++) {
        nn_add(s->drows + y->place[i] * d, d, s->dy + i / used * d);
    }
}

void text_ffn_back(struct text_learner *l, uint32_t layer, size_t rows,
                   float *grad)
{
    const struct text_layer *y = &l->layers[layer];
    struct text_scratch *s = &l->s;
    size_t tokens = rows * l->context, d = l->shape.width;
    size_t norm = text_at(l, layer, PART_FFN_NORM);

    if (l->shape.experts == 0) {
        const struct expert all = expert_of(l, layer, 0);

        back_expert(l, y, &all, s->d, s->dy, grad);
    } else {
        back_experts(l, layer, rows, grad);
    }
    for (size_t i = 0; i < tokens; i++) {
        nn_rmsnorm_back(y->middle + i * d, l->params + norm, MODEL_WRITE_EPS, d,
                        s->dy + i * d, s->dy + i * d, grad + norm);
    }
    nn_add(s->dy, tokens * d, s->d);
}
