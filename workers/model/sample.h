/* From the logits of one position to a token, or to the likelihood of one.
 * Reproducible to the bit: every sum has one order, ties go to the lower
 * index, and the random number of a token is a function of the lane's key and
 * of the token's index alone. So a token that was rolled back is drawn again,
 * and one that was drafted is accepted exactly if it would have been drawn.
 *
 * The rule (docs/model/lanes.md, "Sampling"), over the allowed tokens:
 *   1. temperature 0: the largest logit. Else
 *   2. w = nn_exp((logit - largest) / temperature), the quotient in double and
 *      then rounded to f32; 0 where that is below -80;
 *   3. top_k: the k first by (logit descending, index ascending);
 *   4. top_p: of these the shortest prefix whose w, added in that order, reach
 *      top_p times the sum of all of them (added in order of index);
 *   5. min_p: of these those with w >= min_p times the largest w;
 *   6. u = the 53 highest bits of BLAKE3("proctor sample 1", key, u64 index
 *      big-endian), big-endian, times 2^-53; the first token, in order of
 *      index, at which the sum of w exceeds u times the sum of all.
 * Sums are in double. Runs in the model worker. */
#ifndef WORKERS_MODEL_SAMPLE_H
#define WORKERS_MODEL_SAMPLE_H

#include "proto/base.h"

struct sampling {
    double temperature; /* 0: greedy */
    uint32_t top_k;     /* 0: off */
    double top_p;       /* 0 and 1: off */
    double min_p;       /* 0: off */
};

/* Finite, temperature >= 0, top_p and min_p in [0, 1]: 0, else ERR_INPUT. */
int sampling_check(const struct sampling *s) MUST_USE;

struct sampler; /* working memory */
int sampler_new(size_t vocab, struct sampler **out) MUST_USE; /* ERR_NOMEM */
void sampler_free(struct sampler *w);

enum {
    SAMPLE_STUCK = 1,    /* no token is allowed */
    SAMPLE_NONFINITE = 2 /* some logit, allowed or not, is no finite number */
};

/* logits: vocab. allowed: a bit per token, the lowest of a byte first; NULL:
 * all. key: 32 bytes. index: of the token among those of its lane. O(vocab);
 * top_k and top_p add O(kept log vocab). */
int sample(struct sampler *w, const float *logits, const uint8_t *allowed,
           const struct sampling *s, const uint8_t key[static 32],
           uint64_t index, uint32_t *out_token) MUST_USE;

/* log softmax(logits)[token], natural; token < vocab. 0 or SAMPLE_NONFINITE. */
int sample_log_likelihood(struct sampler *w, const float *logits,
                          uint32_t token, double *out) MUST_USE;
/* Step 6's number in [0, 1), for tests and other drawers. */
double sample_uniform(const uint8_t key[static 32], uint64_t index);
/* Natural logarithm of a positive normal number, from IEEE operations in one
 * order: no libm. Within 2 ulp. */
double sample_log(double x);

#endif
