/* Loops of closed.c over doubles: the same bits on every processor. Worker train
 * only. */
#ifndef WORKERS_TRAIN_CLOSED_GRAM_H
#define WORKERS_TRAIN_CLOSED_GRAM_H

#include "proto/base.h"

/* n rounded up to what gram_add takes at once. */
size_t gram_padded(size_t n);

/* sum[j] += x[i][j] over ascending i; x (n, ld). */
void gram_sums(const double *x, size_t n, size_t ld, double *sum);
/* x[j] *= a. */
void gram_scale(double *x, size_t n, double a);
/* x[i][j] -= mean[j]. */
void gram_centre(double *x, size_t n, size_t ld, const double *mean);
/* The upper part of g (ld, ld) += x'x, of n rows, ld by gram_padded: each sum
 * from +0 over ascending rows, then added. */
void gram_add(const double *x, size_t n, size_t ld, double *g);
/* Eight lanes of i mod 8 over ascending i, then lane l += lane l + 4, + 2, + 1. */
double gram_dot(const double *a, const double *b, size_t n);
/* (a, b) = (c a - s b, s a + c b). */
void gram_turn(double *a, double *b, size_t n, double c, double s);

#endif
