/* What a model is in memory: shared by the files that load it and run it, by
 * nobody else. Immutable after model_new. Workers only. */
#ifndef WORKERS_NN_MODEL_IMPL_H
#define WORKERS_NN_MODEL_IMPL_H

#include "workers/nn/gguf.h"
#include "workers/nn/model_parts.h"
#include "workers/nn/panel.h"
#include "workers/nn/rope.h"
#include "workers/nn/router.h"

#include "proto/blake3.h"

/* One part of a layer. Experts of a part stand one behind the other. */
struct weights {
    struct panels panels; /* packed NULL: a vector, or none */
    size_t expert_bytes;  /* of panels, from one expert to the next */
    const float *v;       /* vector, (experts, n); NULL: none */
};

struct layer {
    struct weights parts[PARTS_N];
    int windowed;
    uint32_t windowed_before; /* layers in front of it that are windowed */
};

struct model {
    struct model_shape shape;
    float eps, scale; /* of norms; of attention */
    enum gating gating;
    int norm_chosen;     /* weights of the chosen are divided by their sum */
    float experts_scale; /* then multiplied by this */
    struct rope_spec rope_spec;
    struct rope *rope;    /* owned */
    struct layer *layers; /* owned */
    struct panels embed, output;
    const float *output_norm;
    uint8_t *area; /* owned; all weights */
    uint64_t area_bytes;
    uint8_t digest[BLAKE3_BYTES]; /* of shape, keys and vectors */
};

/* Reads A.* into shape, rope_spec (but factors), gating and windows. Nothing of
 * a layer but `windowed` is written: layers is made here. ERR_NOMEM, or
 * ERR_INPUT or ERR_LIMIT with ${d} set. */
int model_keys_read(struct model *m, const struct gguf *g,
                    struct diag *d) MUST_USE;

static inline struct panels expert_panels(const struct weights *w,
                                          uint32_t expert)
{
    struct panels p = w->panels;

    p.packed += expert * w->expert_bytes;
    return p;
}

#endif
