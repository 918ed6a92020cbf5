/* Which tensors an architecture has, and their shapes: one table for the
 * loader, the maker of random models and the documents. Pure. Workers only. */
#ifndef WORKERS_NN_MODEL_PARTS_H
#define WORKERS_NN_MODEL_PARTS_H

#include "workers/nn/transformer.h"

/* What a tensor is for, in the order in which files have them. */
enum model_part {
    PART_ATTN_NORM,
    PART_Q,
    PART_Q_BIAS,
    PART_K,
    PART_K_BIAS,
    PART_V,
    PART_V_BIAS,
    PART_Q_NORM,
    PART_K_NORM,
    PART_SINKS,
    PART_OUT,
    PART_OUT_BIAS,
    PART_FFN_NORM,
    PART_ROUTER,
    PART_ROUTER_BIAS,
    PART_GATE,
    PART_UP,
    PART_DOWN,
    PART_GATE_BIAS,
    PART_UP_BIAS,
    PART_DOWN_BIAS,
    PARTS_N
};

enum model_form {
    FORM_NONE,   /* the architecture has no such part */
    FORM_VECTOR, /* f32, [n] or [n, experts] */
    FORM_MATRIX, /* [in, out] or [in, out, experts] */
    FORM_ROUTER  /* a matrix that is always f32 */
};

struct part_shape {
    enum model_form form;
    const char *name; /* behind "blk.N." */
    uint32_t in;      /* of a vector: its length */
    uint32_t out;     /* 1 for vectors */
    uint32_t experts; /* 0: one for the layer */
};

struct part_shape model_part_shape(const struct model_shape *s,
                                   enum model_part part);
/* Its dimensions as a file has them, fastest first; how many. */
uint32_t part_dimensions(const struct part_shape *p, uint64_t out[static 3]);

/* "llama", ...; and back: 0, or -1 when there is none. */
const char *model_arch_name(enum model_arch arch);
int model_arch_find(struct ubytes name, enum model_arch *out) MUST_USE;

#endif
