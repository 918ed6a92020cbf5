/* X (m, k) prepared once for all products it takes part in: transposed in
 * tiles for contract 1, quantised for contract 2 (panel.h).
 *
 * The rule of quantisation, per row and block of 32 along K: a = the largest
 * |x|; any x not finite: d = NaN and q = 0, so that the row's outputs are NaN;
 * a < 2^-100: d = 0 and q = 0; else d = a / 127, q = x * (127 / a) rounded to
 * the nearest, ties to even, within [-127, 127]; each operation in f32.
 *
 * All memory is made in operand_new. Workers only. */
#ifndef WORKERS_NN_OPERAND_H
#define WORKERS_NN_OPERAND_H

#include "proto/base.h"

struct operand;

/* For up to m_max rows and k_max columns, both >= 1. 0, or ERR_NOMEM. */
int operand_new(size_t m_max, size_t k_max, struct operand **out) MUST_USE;
void operand_free(struct operand *o); /* NULL is fine */
void operand_freep(struct operand **o);
size_t operand_rows(const struct operand *o); /* m of the last set */

/* x (m, k), rows of ldx floats; 1 <= m <= m_max, 1 <= k <= k_max. f32, q8: for
 * which contracts; with q8 k is a multiple of 32. x may go afterwards. */
void operand_set(struct operand *o, const float *x, size_t ldx, size_t m,
                 size_t k, int f32, int q8);
/* The same of rows[0..m) of x only: the tokens of an expert. */
void operand_gather(struct operand *o, const float *x, size_t ldx,
                    const uint32_t *rows, size_t m, size_t k, int f32, int q8);

#endif
