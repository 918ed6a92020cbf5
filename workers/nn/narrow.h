/* Numbers between f32 and the types of weights, as ggml rounds them: f16 and
 * bf16 to the nearest, ties to even (f16 beyond its range: infinity); q8_0 in
 * blocks of 32: scale = largest / 127 in f32, quanta = number times the scale's
 * inverse, ties away from zero, the scale stored as f16. Pure; no libm but
 * fabsf and roundf, which are exact. Workers only. */
#ifndef WORKERS_NN_NARROW_H
#define WORKERS_NN_NARROW_H

#include "workers/nn/gguf.h"

/* n numbers, a multiple of 32 for q8_0; src and out of any alignment. */
void narrow_floats(enum gguf_tensor_type type, const float *src, size_t n,
                   void *out);
void widen_floats(enum gguf_tensor_type type, const void *src, size_t n,
                  float *out);

#endif
