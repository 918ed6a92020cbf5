/* Products of training, over matrices as they lie: Y = X W by contract 1 of
 * panel.h, bit for bit what panels_product gives, but nothing is packed: x is
 * read in any order, W where its rows over k have the n outputs side by side.
 * So activations, gradients and weights are taken as they are:
 *
 *   Y (B, out)  = A (B, in) W (in, out)     x = A, x_row = in, x_step = 1
 *   dW (in, out) = A^T dY                   x = A, x_row = 1, x_step = in
 *   dA (B, in)  = dY (B, out) W^T           x = dY; w = nn_turn of W
 *
 * One thread: ragged columns pass through one buffer of this file. No
 * allocation, no system call. Workers only. */
#ifndef WORKERS_NN_PRODUCT_H
#define WORKERS_NN_PRODUCT_H

#include "proto/base.h"

struct product {
    const float *x; /* x[i * x_row + k * x_step], i < m */
    size_t x_row, x_step;
    const float *w; /* (k, n), rows of ldw */
    size_t ldw;
    float *y; /* (m, n), rows of ldy; only these are written */
    size_t ldy;
    size_t m, n, k; /* each >= 1 */
    int adds;       /* Y = Y + the slices of X W, in order */
};
void nn_product(const struct product *p);

/* out (columns, rows) = x (rows, columns), transposed; both without gaps. */
void nn_turn(const float *x, size_t rows, size_t columns, float *out);

#endif
