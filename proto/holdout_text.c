/* Held-out text: rows of tokens, whose loss is the mean of -ln p over all tokens but
 * the first (holdout.h). The kernel decides with it, `proctor verify --full` computes
 * again. Reads tokens that a worker made: those over the vocabulary count as one. */
#include "proto/holdout.h"

#include <stdlib.h>

#include "proto/err.h"
#include "proto/little.h"
#include "proto/ln.h"

static uint32_t token_at(struct ubytes rows, size_t i, uint32_t vocab)
{
    uint32_t t = little_u32(rows.p, i);

    return t < vocab ? t : vocab - 1;
}

/* -ln of a share, which is at least HOLDOUT_TEXT_FLOOR. */
static double nats(double part, double sum)
{
    double share = part / sum;

    return -ln_of(share > HOLDOUT_TEXT_FLOOR ? share : HOLDOUT_TEXT_FLOOR);
}

int holdout_text_row(struct ubytes predictions, struct ubytes row,
                     struct ubytes other, uint32_t vocab, double out[static 2])
{
    size_t n = row.n / 4 - 1;

    ASSERT(row.n >= 8 && other.n == row.n && vocab > 0 &&
           predictions.n == n * vocab * 4);
    out[0] = out[1] = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = predictions.p + i * vocab * 4;
        double sum = 0;

        for (uint32_t k = 0; k < vocab; k++) {
            float v = little_f32(p, k);

            if (!(v >= 0) || v - v != 0) {
                return ERR_INPUT;
            }
            sum += (double)v;
        }
        if (!(sum > 0)) {
            return ERR_INPUT;
        }
        out[0] += nats((double)little_f32(p, token_at(row, i + 1, vocab)), sum);
        out[1] +=
            nats((double)little_f32(p, token_at(other, i + 1, vocab)), sum);
    }
    out[0] /= (double)n;
    out[1] /= (double)n;
    return 0;
}

/* Mean -ln p of a row's tokens but the first, by counts of all tokens. */
static double unigram(const double *ln_p, struct ubytes rows, size_t row,
                      size_t width, uint32_t vocab)
{
    double sum = 0;

    for (size_t i = 1; i < width; i++) {
        sum -= ln_p[token_at(rows, row * width + i, vocab)];
    }
    return sum / (double)(width - 1);
}

/* ln of each token's share of the training rows, each counted once more. */
static double *shares(struct ubytes train, uint32_t vocab)
{
    double *ln_p = calloc(vocab, sizeof(*ln_p));
    size_t n = train.n / 4;

    for (uint32_t k = 0; ln_p != NULL && k < vocab; k++) {
        ln_p[k] = 1;
    }
    for (size_t i = 0; ln_p != NULL && i < n; i++) {
        ln_p[token_at(train, i, vocab)] += 1;
    }
    for (uint32_t k = 0; ln_p != NULL && k < vocab; k++) {
        ln_p[k] = ln_of(ln_p[k] / ((double)n + (double)vocab));
    }
    return ln_p;
}

static double clipped(double nats_of, double scale)
{
    double x = nats_of / scale;

    return x < 1 ? x : 1;
}

int holdout_text_losses(const struct holdout_text *t, struct ubytes answers,
                        struct holdout_losses *x)
{
    size_t row_bytes = 4 * (size_t)t->width;
    size_t train_n = t->train.n / row_bytes;
    size_t n = t->held.n / row_bytes;
    CLEANUP(mem_freep) double *ln_p = shares(t->train, t->vocab);
    double sum = 0;

    if (ln_p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    ASSERT(t->width >= 2 && t->vocab > 0 && train_n > 0 && n > 0 &&
           answers.n == 16 * n);
    TRY(holdout_losses_new(x, (uint32_t)n));
    for (size_t i = 0; i < train_n; i++) {
        sum += unigram(ln_p, t->train, i, t->width, t->vocab);
    }
    x->scale = 2 * sum / (double)train_n;
    for (size_t i = 0; i < n; i++) {
        x->mine[i] = clipped(little_f64(answers.p, 2 * i), x->scale);
        x->shifted[i] = clipped(little_f64(answers.p, 2 * i + 1), x->scale);
        x->placebo[i] = clipped(
            unigram(ln_p, t->held, i, t->width, t->vocab), x->scale);
    }
    return x->scale > 0 ? 0 : ERR_TRACE(ERR_INPUT);
}
