/* The mixture of experts written down once more, plainly: scalar loops over the
 * file's own numbers, by the rules of docs/model/numerics.md. It shares with the
 * product the exponential function and nothing else. Tests only. */
#ifndef TESTS_BATTERY_SCALAR_H
#define TESTS_BATTERY_SCALAR_H

#include "workers/nn/gguf.h"
#include "workers/nn/transformer.h"

/* out[i] = row of W . x, by the contract of W's type. W: matrix number part of
 * a tensor (outputs, inputs [, parts]). k <= 1024 */
void scalar_product(const struct gguf_tensor *w, size_t part, const float *x,
                    float *out);
void scalar_rmsnorm(const float *x, const float *weight, float eps, size_t n,
                    float *out);

/* One layer's feed-forward half for one token: x (width) before it, out behind
 * it: the dense sum over the experts that the mask leaves and the router puts
 * among the first experts_used. */
void scalar_experts(const struct gguf *g, const struct model_shape *s,
                    uint32_t layer, const uint8_t *mask, const float *x,
                    float *out);

#endif
