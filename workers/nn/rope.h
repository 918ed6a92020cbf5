/* Rotary positions with fixed bits. Angles are computed in double from own
 * series (math_impl.h), and rounded once to f32 as sine and cosine; no libm.
 *
 * For pair i of dims / 2: angle = position * f_i, f_i = freq_base^(-2i / dims)
 * / factors[i]. Linear scaling divides all by `factor`. Yarn (Peng et al. 2023,
 * as GGUF files mean it) divides a pair by `factor` fully below the ramp, not
 * at all above it, and between in proportion; sine and cosine are then
 * multiplied by attention_factor * (1 + 0.1 log(factor)). Workers only. */
#ifndef WORKERS_NN_ROPE_H
#define WORKERS_NN_ROPE_H

#include "proto/base.h"

enum rope_pairs {
    ROPE_NORM, /* (2i, 2i + 1): llama */
    ROPE_NEOX  /* (i, i + dims / 2): qwen, olmoe, gpt-oss */
};

enum rope_scaling {
    ROPE_SCALING_NONE,
    ROPE_SCALING_LINEAR,
    ROPE_SCALING_YARN
};

/* As the file says it (rope.*). All zero but these is plain: pairs, dims,
 * freq_base. */
struct rope_spec {
    enum rope_pairs pairs;
    enum rope_scaling scaling;
    uint32_t dims;    /* even, 2 to ROPE_DIMS_MAX; the rest of a head stays */
    double freq_base; /* > 1 */
    double factor;    /* of the scaling; > 0 */
    double attention_factor;     /* yarn; 0: 1 */
    uint32_t original_context;   /* yarn: >= 1 */
    double beta_fast, beta_slow; /* yarn; 0: 32 and 1 */
    const float *factors; /* (dims / 2), borrowed for nn_rope_new; NULL: 1 */
};

#define ROPE_DIMS_MAX 512u
#define ROPE_POSITION_MAX (1u << 24)

struct rope;

/* 0, ERR_NOMEM, or ERR_INPUT: the spec is outside of the bounds above. */
int nn_rope_new(const struct rope_spec *s, struct rope **out) MUST_USE;
void nn_rope_free(struct rope *r); /* NULL is fine */
/* Cosines (dims / 2), then sines (dims / 2) of a position < ROPE_POSITION_MAX:
 * once per token, for all heads and layers. */
void nn_rope_row(const struct rope *r, uint64_t position, float *out);
/* Turns one head, in place, by such a row:
 * a' = a cos - b sin, b' = a sin + b cos, each operation rounded. */
void nn_rope_apply(const struct rope *r, const float *row, float *head);
/* Gradients turned back: da = da' cos + db' sin, db = db' cos - da' sin. */
void nn_rope_back(const struct rope *r, const float *row, float *head);

#endif
