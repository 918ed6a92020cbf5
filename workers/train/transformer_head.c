/* Both ends of a transformer: tokens to rows, rows to logits and their loss, and
 * back. Runs in worker train. */
#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/model_keys_write.h"
#include "workers/train/transformer.h"

void text_embed(struct text_learner *l, const uint32_t *const *tokens,
                size_t rows)
{
    size_t d = l->shape.width;
    float *x = l->layers[0].in;

    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < l->context; i++, x += d) {
            memcpy(x, l->params + l->embed_at + tokens[row][i] * d,
                   d * sizeof(*x));
        }
    }
}

void text_embed_back(struct text_learner *l, const uint32_t *const *tokens,
                     size_t rows, float *grad)
{
    size_t d = l->shape.width;
    const float *dx = l->s.d;

    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < l->context; i++, dx += d) {
            nn_add(dx, d, grad + l->embed_at + tokens[row][i] * d);
        }
    }
}

void text_logits(struct text_learner *l, size_t first, size_t n)
{
    size_t d = l->shape.width;
    const float *x = l->layers[l->shape.layers].in + first * d;

    for (size_t i = 0; i < n; i++) {
        nn_rmsnorm(x + i * d, l->params + l->norm_at, MODEL_WRITE_EPS, d,
                   l->s.y + i * d);
    }
    text_product(l, l->output_at, l->s.y, n, l->shape.vocab, d, l->s.logits);
}

/* The index of the largest, the lowest of equals. */
static size_t largest(const float *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++) {
        best = x[i] > x[best] ? i : best;
    }
    return best;
}

/* -sum over tokens v of q_v log p_v, q_v = (1 - smoothing) [v is the label] +
 * smoothing / V; x becomes p - q. */
static void token_loss(const struct text_learner *l, float *x, uint32_t label,
                       struct loss_sum *s)
{
    size_t n = l->shape.vocab;
    float share = l->smoothing / (float)n;
    double of_label = (double)x[label], mean = 0, log_sum;

    for (size_t i = 0; l->smoothing > 0 && i < n; i++) {
        mean += (double)x[i];
    }
    s->right += largest(x, n) == label;
    log_sum = (double)nn_softmax(x, n);
    s->loss += log_sum - (1.0 - (double)l->smoothing) * of_label -
               (double)share * mean;
    s->count++;
    for (size_t i = 0; l->smoothing > 0 && i < n; i++) {
        x[i] -= share;
    }
    x[label] -= 1.0f - l->smoothing;
}

/* Tokens [first, first + n): loss, gradients of the output and of s.d's rows. */
static void loss_part(struct text_learner *l, const uint32_t *const *tokens,
                      size_t first, size_t n, float *grad, struct loss_sum *s)
{
    size_t d = l->shape.width, at = first * d;
    float *dx = l->s.d + at;

    text_logits(l, first, n);
    for (size_t i = 0; i < n; i++) {
        size_t token = first + i;

        token_loss(l, l->s.logits + i * l->shape.vocab,
                   tokens[token / l->context][token % l->context + 1], s);
    }
    text_product_back(l, l->output_at, l->s.logits, l->s.y, n, l->shape.vocab,
                      d, dx, 0, grad);
    for (size_t i = 0; i < n; i++) {
        nn_rmsnorm_back(l->layers[l->shape.layers].in + at + i * d,
                        l->params + l->norm_at, MODEL_WRITE_EPS, d, dx + i * d,
                        dx + i * d, grad + l->norm_at);
    }
}

void text_loss(struct text_learner *l, const uint32_t *const *tokens,
               size_t rows, float *grad, struct loss_sum *s)
{
    size_t all = rows * l->context;

    for (size_t i = 0; i < all; i += TEXT_HEAD_TOKENS) {
        loss_part(l, tokens, i,
                  all - i < TEXT_HEAD_TOKENS ? all - i : TEXT_HEAD_TOKENS, grad,
                  s);
    }
}

void text_probabilities(struct text_learner *l, size_t rows, float *out)
{
    size_t all = rows * l->context, vocab = l->shape.vocab;

    for (size_t i = 0; i < all; i += TEXT_HEAD_TOKENS) {
        size_t n = all - i < TEXT_HEAD_TOKENS ? all - i : TEXT_HEAD_TOKENS;

        text_logits(l, i, n);
        for (size_t k = 0; k < n; k++) {
            (void)nn_softmax(l->s.logits + k * vocab, vocab);
        }
        memcpy(out + i * vocab, l->s.logits, n * vocab * sizeof(*out));
    }
}
