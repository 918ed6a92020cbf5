/* Loops over doubles for training in double (fit_harness): the same operations in
 * the same order for every instruction set, so the same bits. A product is
 * rounded before it is added: nothing is fused. Pure. Worker train only. */
#ifndef WORKERS_TRAIN_F64_H
#define WORKERS_TRAIN_F64_H

#include "proto/base.h"

#define F64_ACROSS 24u /* columns of a panel */

/* Y = X W: each sum from +0 over ascending k. */
struct f64_product {
    const double *x; /* x[i * x_row + k * x_step], i < m */
    size_t x_row, x_step;
    const double *w; /* (k, n), rows of ldw */
    size_t ldw;
    double *y; /* (m, n), without gaps */
    size_t m, n, k;
    double *panel; /* scratch: k * F64_ACROSS, aligned to 64 */
};
void f64_product(const struct f64_product *p);

/* out (columns, rows) = x (rows, columns), transposed. */
void f64_turn(const double *x, size_t rows, size_t columns, double *out);
/* x (n, width): each row += bias. */
void f64_add_bias(double *x, size_t n, size_t width, const double *bias);
/* x = max(x, 0), NaN stays; d = a > 0 ? d : 0. */
void f64_relu(double *x, size_t n);
void f64_relu_back(double *d, const double *a, size_t n);
/* x = x within [-bound, bound], NaN stays. */
void f64_clip(double *x, size_t n, double bound);
/* sum[j] = sum of x[i][j] over ascending i, from +0. */
void f64_column_sums(const double *x, size_t n, size_t width, double *sum);
/* y (n) = x (n, width) w + bias; out[j] = sum of x[i][j] e[i], ascending i. The
 * dot of a row: eight lanes of j mod 8, then lane l += lane l + 4, + 2, + 1. */
void f64_rows_dot(const double *x, size_t n, size_t width, const double *w,
                  double bias, double *y);
void f64_rows_sum(const double *x, size_t n, size_t width, const double *e,
                  double *out);
/* d = a - b; the sum of d d: eight lanes as above. */
void f64_subtract(const double *a, const double *b, size_t n, double *d);
double f64_squares(const double *d, size_t n);
/* w -= rate * (g / divisor within bound); then w within bound if ${clips}. */
struct f64_descent {
    double rate, divisor, bound;
    int clips;
};
void f64_descend(double *w, const double *g, size_t n,
                 const struct f64_descent *how);

#endif
