/* Sampling. Blocks of 64 tokens: the compiler makes vectors of the loops over a
 * whole block; a block with tokens that are not allowed goes one by one. */
#include "workers/model/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "workers/nn/math.h"

#define BLOCK 64u
#define LANES 16u
#define SMALLEST_Z (-80.0f) /* e^-80: never drawn, and far from denormals */

struct sampler {
    size_t vocab;
    float *w;        /* [vocab] weights; 0: not allowed */
    uint32_t *order; /* [vocab] a heap, and behind it what left it */
};

int sampling_check(const struct sampling *s)
{
    int good = isfinite(s->temperature) && s->temperature >= 0 &&
               s->top_p >= 0 && s->top_p <= 1 && s->min_p >= 0 &&
               s->min_p <= 1; /* a NaN fails each */

    return good ? 0 : ERR_INPUT;
}

int sampler_new(size_t vocab, struct sampler **out)
{
    struct sampler *w = calloc(1, sizeof(*w));

    *out = NULL;
    if (w == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    w->vocab = vocab;
    w->w = calloc(vocab + 1, sizeof(*w->w));
    w->order = calloc(vocab + 1, sizeof(*w->order));
    if (w->w == NULL || w->order == NULL) {
        sampler_free(w);
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = w;
    return 0;
}

void sampler_free(struct sampler *w)
{
    if (w != NULL) {
        free(w->w);
        free(w->order);
        free(w);
    }
}

/* Bits of the tokens [64 b, 64 b + 64), those behind the last one 0. */
static uint64_t block_bits(const uint8_t *allowed, size_t b, size_t n)
{
    size_t first = b * BLOCK, left = n - first;
    uint64_t all = left >= BLOCK ? ~0ull : (1ull << left) - 1, bits = 0;
    size_t bytes = left >= BLOCK ? 8 : (left + 7) / 8;

    if (allowed == NULL) {
        return all;
    }
    for (size_t i = 0; i < bytes; i++) {
        bits |= (uint64_t)allowed[first / 8 + i] << (8 * i);
    }
    return bits & all;
}

static float whole_block_max(const float *x)
{
    float m[LANES];

    memcpy(m, x, sizeof(m));
    for (size_t i = LANES; i < BLOCK; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
        }
    }
    for (size_t j = 1; j < LANES; j++) {
        m[0] = m[j] > m[0] ? m[j] : m[0];
    }
    return m[0];
}

/* bits != 0 */
static float block_max(const float *x, uint64_t bits)
{
    float m = x[__builtin_ctzll(bits)];

    if (bits == ~0ull) {
        return whole_block_max(x);
    }
    for (; bits != 0; bits &= bits - 1) {
        float v = x[__builtin_ctzll(bits)];

        m = v > m ? v : m;
    }
    return m;
}

/* The largest allowed logit, the first of equals; logits are finite. 0 or
 * SAMPLE_STUCK. */
static int largest(const float *logits, size_t n, const uint8_t *allowed,
                   uint32_t *out)
{
    size_t best = SIZE_MAX;
    float max = 0;
    uint64_t bits;

    for (size_t b = 0; b * BLOCK < n; b++) {
        bits = block_bits(allowed, b, n);
        if (bits != 0) {
            float m = block_max(logits + b * BLOCK, bits);

            if (best == SIZE_MAX || m > max) {
                best = b;
                max = m;
            }
        }
    }
    if (best == SIZE_MAX) {
        return SAMPLE_STUCK;
    }
    bits = block_bits(allowed, best, n);
    while (logits[best * BLOCK + (size_t)__builtin_ctzll(bits)] != max) {
        bits &= bits - 1;
    }
    *out = (uint32_t)(best * BLOCK + (size_t)__builtin_ctzll(bits));
    return 0;
}

/* Weights of the allowed tokens, 0 of the others; how many are allowed. */
static size_t weigh(struct sampler *w, const float *logits,
                    const uint8_t *allowed, float max, double temperature)
{
    size_t n = 0;

    for (size_t i = 0; i < w->vocab; i++) {
        w->w[i] = (float)(((double)logits[i] - (double)max) / temperature);
    }
    for (size_t i = 0; i < w->vocab; i++) {
        int is_in = allowed == NULL || (allowed[i / 8] >> i % 8 & 1) != 0;

        if (is_in) {
            w->order[n++] = (uint32_t)i;
        }
        if (!is_in || w->w[i] < SMALLEST_Z) {
            w->w[i] = -INFINITY; /* weighs 0 */
        }
    }
    nn_exps(w->w, w->vocab, w->w);
    return n;
}

/* Does token a come before b? */
static int is_before(const float *logits, uint32_t a, uint32_t b)
{
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
}

static void sift(uint32_t *heap, size_t n, size_t i, const float *logits)
{
    uint32_t moved = heap[i];

    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && is_before(logits, heap[child + 1], heap[child])) {
            child++;
        }
        if (!is_before(logits, heap[child], moved)) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

/* The first token of the heap leaves it, to its end. */
static uint32_t pop(uint32_t *heap, size_t *n, const float *logits)
{
    uint32_t first = heap[0];

    *n -= 1;
    heap[0] = heap[*n];
    heap[*n] = first;
    sift(heap, *n, 0, logits);
    return first;
}

/* Sum of the weights, in order of index, of the tokens up to the cut. */
static double sum_until(const struct sampler *w, const float *logits,
                        const uint32_t *cut, float least)
{
    double sum = 0;

    for (size_t i = 0; i < w->vocab; i++) {
        if (w->w[i] > 0 && w->w[i] >= least &&
            (cut == NULL || !is_before(logits, *cut, (uint32_t)i))) {
            sum += (double)w->w[i];
        }
    }
    return sum;
}

/* Steps 3 and 4: the last token that stays. False: all n do. */
static int find_cut(struct sampler *w, size_t n, const float *logits,
                    const struct sampling *s, uint32_t *out)
{
    int by_k = s->top_k != 0 && s->top_k < n;
    int by_p = s->top_p > 0 && s->top_p < 1;
    size_t k = by_k ? s->top_k : n, heap_n = n;
    double reached = 0, wanted;

    if (!by_k && !by_p) {
        return 0;
    }
    for (size_t i = n / 2; i-- > 0;) {
        sift(w->order, n, i, logits);
    }
    for (size_t i = 0; by_k && i < k; i++) {
        *out = pop(w->order, &heap_n, logits);
    }
    if (!by_p) {
        return 1;
    }
    wanted = s->top_p * sum_until(w, logits, by_k ? out : NULL, 0);
    for (size_t i = 0; i < k; i++) {
        *out = by_k ? w->order[n - 1 - i] : pop(w->order, &heap_n, logits);
        reached += (double)w->w[*out];
        if (reached >= wanted) {
            break;
        }
    }
    return 1;
}

double sample_uniform(const uint8_t key[static 32], uint64_t index)
{
    uint8_t block[56] = "proctor sample 1", out[BLAKE3_BYTES];
    uint64_t v = 0;

    memcpy(block + 16, key, 32);
    for (size_t i = 0; i < 8; i++) {
        block[48 + i] = (uint8_t)(index >> (56 - 8 * i));
    }
    blake3(block, sizeof(block), out);
    for (size_t i = 0; i < 8; i++) {
        v = v << 8 | out[i];
    }
    return (double)(v >> 11) * 0x1p-53;
}

/* Step 6. The largest token always stays, so the sum is at least its weight. */
static uint32_t draw(const struct sampler *w, const float *logits,
                     const uint32_t *cut, float least, double u)
{
    double wanted = u * sum_until(w, logits, cut, least), sum = 0;
    uint32_t last = 0;

    for (size_t i = 0; i < w->vocab; i++) {
        if (w->w[i] > 0 && w->w[i] >= least &&
            (cut == NULL || !is_before(logits, *cut, (uint32_t)i))) {
            last = (uint32_t)i;
            sum += (double)w->w[i];
            if (sum > wanted) {
                break;
            }
        }
    }
    return last;
}

int sample(struct sampler *w, const float *logits, const uint8_t *allowed,
           const struct sampling *s, const uint8_t key[static 32],
           uint64_t index, uint32_t *out_token)
{
    uint32_t first = 0, cut = 0;
    size_t n;
    int is_cut;
    float least;

    *out_token = 0;
    if (!nn_is_finite(logits, w->vocab)) {
        return SAMPLE_NONFINITE;
    }
    if (largest(logits, w->vocab, allowed, &first) != 0) {
        return SAMPLE_STUCK;
    }
    if (!(s->temperature > 0)) {
        *out_token = first;
        return 0;
    }
    n = weigh(w, logits, allowed, logits[first], s->temperature);
    is_cut = find_cut(w, n, logits, s, &cut);
    least = (float)(s->min_p * (double)w->w[first]);
    *out_token = draw(w, logits, is_cut ? &cut : NULL, least,
                      sample_uniform(key, index));
    return 0;
}

/* x = m 2^e, m in [sqrt(1/2), sqrt 2): e ln 2 + 2 artanh((m - 1) / (m + 1)),
 * the series up to t^21: |t| < 0.1716, so what is left out is below 2^-60. */
double sample_log(double x)
{
    uint64_t bits;
    int e;
    double m, t, t2, series = 0;

    memcpy(&bits, &x, sizeof(bits));
    e = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
    memcpy(&m, &bits, sizeof(m));
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    t = (m - 1) / (m + 1);
    t2 = t * t;
    for (int k = 21; k >= 3; k -= 2) {
        series = (series + 1.0 / k) * t2;
    }
    /* ln 2 in two parts: e times the first is exact */
    return (double)e * 0x1.62e42fefap-1 +
           (2 * t + (2 * t * series + (double)e * 0x1.cf79abc9e3b3ap-40));
}

int sample_log_likelihood(struct sampler *w, const float *logits,
                          uint32_t token, double *out)
{
    static const struct sampling plain = {1.0, 0, 0, 0};
    uint32_t first = 0;

    *out = 0;
    if (!nn_is_finite(logits, w->vocab)) {
        return SAMPLE_NONFINITE;
    }
    (void)largest(logits, w->vocab, NULL, &first);
    (void)weigh(w, logits, NULL, logits[first], plain.temperature);
    *out = (double)logits[token] - (double)logits[first] -
           sample_log(sum_until(w, logits, NULL, 0));
    return 0;
}
