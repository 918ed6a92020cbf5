/* Residual injector: tells a model a value through its residual stream, at one
 * place of one layer. A small network from a file of its own:
 *
 *   delta = scale * up(silu(down(rmsnorm(x) + proj(value))))      x += delta
 *
 * in f32, as the residual is; products by the contract of panel.h, so a row's
 * delta depends on that row alone. A delta of 0 leaves a number's bits (a -0,
 * too): with up = 0 or scale = 0 the model is the one without injector.
 *
 * The file is GGUF: general.architecture "proctor-injector"; f32 tensors
 * norm.weight [width], proj.weight [values, width], down.weight [width,
 * bottleneck], up.weight [bottleneck, width] (fastest first); pairs inject.scale
 * and inject.epsilon, f32, the latter 1e-5 when it is missing. Bytes are hostile.
 * Runs in the model worker. */
#ifndef WORKERS_MODEL_INJECT_H
#define WORKERS_MODEL_INJECT_H

#include "proto/diag.h"

#define INJECT_BOTTLENECK_MAX 4096u
#define INJECT_VALUES_MAX 4096u

struct injector;

/* file is copied. width: of the model. rows: of one call at most. 0, ERR_NOMEM,
 * or ERR_INPUT or ERR_LIMIT with ${d} set. */
int injector_new(struct ubytes file, uint32_t width, const float *value,
                 size_t value_n, size_t rows, struct injector **out,
                 struct diag *d) MUST_USE;
void injector_free(struct injector *i); /* NULL is fine */
/* x (rows, width), rows of ldx floats. */
void injector_add(struct injector *i, float *x, size_t ldx, size_t rows);

#endif
