/* A matrix that is trained, and its three products, with fixed bits:
 *   y (m, n) = x W^T     panels_product(&l.w, x)
 *   dx (m, k) = dy W     panels_product(&l.back, dy)
 *   dW (n, k) += dy^T x  linear_gradient
 * The first two are contract 1 of panel.h, W packed twice; so what a trained model
 * computes is what a loaded one does. The third sums over rows: in slices of
 * LINEAR_SLICE rows from 0, acc = fma(dy, x, acc) from +0 over ascending rows, then
 * dW = dW + slice, in order. It uses the best own kernels, as attention does:
 * nothing has to be packed or transposed for it but what fits the first cache.
 * Pure. Workers only. */
#ifndef WORKERS_NN_LINEAR_H
#define WORKERS_NN_LINEAR_H

#include "workers/nn/panel.h"

#define LINEAR_SLICE 128u
#define LINEAR_TILE 60u /* outputs whose gradients are computed at once */
/* Floats of scratch for linear_gradient. */
#define LINEAR_SCRATCH                                                         \
    (LINEAR_SLICE * (LINEAR_TILE + PANEL_WIDTH) + LINEAR_TILE * PANEL_WIDTH)

struct linear {
    struct panels w;    /* (n, k) */
    struct panels back; /* its transpose (k, n) */
};

/* Bytes of a packed matrix, both ways: a multiple of PANEL_ALIGN. */
size_t linear_bytes(size_t n, size_t k);
/* w (n, k), as GGUF has it. area: linear_bytes of it, aligned to PANEL_ALIGN,
 * borrowed as long as l is used. 0, or ERR_INPUT: a number that is not finite. */
int linear_pack(struct linear *l, const float *w, size_t n, size_t k,
                void *area) MUST_USE;
/* dy (m, n) of rows of lddy; x (m, k) of rows of ldx >= panels_padded(k), what
 * pads it is read and of no account. Adds to dw (n, k). scratch:
 * LINEAR_SCRATCH floats, aligned to 64. m 0 is fine. */
void linear_gradient(const float *dy, size_t lddy, const float *x, size_t ldx,
                     size_t m, size_t n, size_t k, float *dw, float *scratch);

#endif
