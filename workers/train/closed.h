/* Linear least squares in closed form: the weights w and the bias b that make
 *   sum over rows (x w + b - y)^2 + l2 |w|^2
 * smallest, by normal equations in double.
 *
 * Inputs and targets are centred, so that the bias is no unknown; the matrix
 * G = X'X + l2 I is scaled to a diagonal of ones, and solved by Cholesky. Its
 * condition number (2-norm, by power iterations, about 1 % exact) is told. A
 * column that never changes gets the weight 0. When a pivot vanishes, the
 * pseudo-inverse answers: of all that fit as well, the w whose scaled form is
 * shortest (equal columns share); eigenvalues by Jacobi's rotations.
 *
 * Order is fixed in the source (rows in chunks of CLOSED_CHUNK, lanes over
 * columns, no fused operation), so bits are the same on every processor. That is
 * why LAPACK is not used: OpenBLAS chooses kernels by the processor, and its
 * SVD needs Fortran's runtime. Pure computing; worker train only. */
#ifndef WORKERS_TRAIN_CLOSED_H
#define WORKERS_TRAIN_CLOSED_H

#include "proto/diag.h"

struct rows;

#define CLOSED_WIDTH_MAX 4096u
#define CLOSED_PSEUDO_WIDTH_MAX 512u
#define CLOSED_CHUNK 256u
#define CLOSED_CONDITION_HIGH 1e10 /* worth a note */

struct closed_result {
    double mean_squared; /* over the rows it was fitted to */
    double penalty;      /* l2 |w|^2 / rows */
    double condition;    /* infinite: a singular system */
    uint32_t constant;   /* columns that never change */
    uint32_t rank;       /* of the others, if pseudo */
    int is_pseudo;
};

/* Bytes that closed_solve allocates. */
uint64_t closed_memory(uint32_t width);

/* r: a regression with x and y, width 1 to CLOSED_WIDTH_MAX. weights: width of
 * them, then the bias. 0, ERR_NOMEM, or ERR_LIMIT with ${d} set: singular and
 * wider than CLOSED_PSEUDO_WIDTH_MAX. */
int closed_solve(const struct rows *r, double l2, double *weights,
                 struct closed_result *out, struct diag *d) MUST_USE;

/* Of a symmetric matrix a (n, n), which is destroyed: eigenvalues in its
 * diagonal's order, vectors in the rows of v (n, n). */
void closed_eigen(double *a, size_t n, double *values, double *v);

#endif
