/* Routing of one row. Runs in workers. */
#include "workers/nn/router.h"

#include "workers/nn/math.h"

/* The smallest sum that weights are divided by: as other programs have it. */
static const float sum_min = 6.103515625e-5f;

/* Index of the largest that may be chosen and is not yet; ties to the lower.
 * NaN is never larger: then the lowest that is left. */
static uint32_t next_largest(const float *v, uint32_t n, const uint8_t *allowed,
                             const uint32_t *taken, uint32_t taken_n)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < n; i++) {
        int free = allowed == NULL || allowed[i];

        for (uint32_t k = 0; k < taken_n; k++) {
            free = free && taken[k] != i;
        }
        if (free && (best == UINT32_MAX || v[i] > v[best])) {
            best = i;
        }
    }
    ASSERT(best != UINT32_MAX);
    return best;
}

/* Of weights, in the order of ranks; never below sum_min. */
static float sum_of(const float *weights, uint32_t used)
{
    float sum = weights[0];

    for (uint32_t k = 1; k < used; k++) {
        sum += weights[k];
    }
    return sum < sum_min ? sum_min : sum;
}

void router_route(const struct router *r, float *v, const uint8_t *allowed,
                  uint32_t *chosen, float *weights)
{
    if (r->gating == GATING_SOFTMAX) {
        (void)nn_softmax(v, r->experts);
    } else if (r->gating == GATING_SIGMOID) {
        nn_sigmoids(v, r->experts, v);
    }
    for (uint32_t k = 0; k < r->used; k++) {
        chosen[k] = next_largest(v, r->experts, allowed, chosen, k);
        weights[k] = v[chosen[k]];
    }
    if (r->gating == GATING_SOFTMAX_CHOSEN) {
        (void)nn_softmax(weights, r->used);
    } else if (r->norm_chosen) {
        float sum = sum_of(weights, r->used);

        for (uint32_t k = 0; k < r->used; k++) {
            weights[k] /= sum;
        }
    }
    nn_scale(r->scale, weights, r->used, weights);
}

void router_back(const struct router *r, const float *p, const uint32_t *chosen,
                 const float *weights, const float *dweights, float *dp,
                 float *dv)
{
    float inverse = 1.0f, mean = 0.0f, dot = 0.0f;

    ASSERT(r->gating == GATING_SOFTMAX);
    if (r->norm_chosen) {
        float sum = 0;

        for (uint32_t k = 0; k < r->used; k++) {
            sum += p[chosen[k]];
            mean += dweights[k] * weights[k];
        }
        inverse = 1.0f / (sum < sum_min ? sum_min : sum);
        mean = sum < sum_min ? 0.0f : mean; /* a sum that is not used */
    }
    for (uint32_t k = 0; k < r->used; k++) {
        dp[chosen[k]] += (dweights[k] * r->scale - mean) * inverse;
    }
    for (uint32_t i = 0; i < r->experts; i++) {
        dot += p[i] * dp[i];
    }
    for (uint32_t i = 0; i < r->experts; i++) {
        dv[i] = p[i] * (dp[i] - dot);
    }
}
