/* Loops over doubles. Runs in worker train. */
#include "workers/train/closed_gram.h"

#include <string.h>

#include "workers/nn/wide.h"
#include "workers/train/f64_dot.h"

enum {
    LANES = 8,
    COLUMNS = 2, /* vectors of a block */
    ACROSS = LANES * COLUMNS,
    DOWN = 4 /* rows of a block: 8 vectors are summed at once */
};

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

size_t gram_padded(size_t n)
{
    return (n + ACROSS - 1) / ACROSS * ACROSS;
}

INLINE void gram_sums_body(const double *x, size_t n, size_t ld, double *sum)
{
    for (size_t i = 0; i < n; i++, x += ld) {
        for (size_t j = 0; j < ld; j++) {
            sum[j] += x[j];
        }
    }
}
VARIANTS(void, , gram_sums, (const double *x, size_t n, size_t ld, double *sum),
         (x, n, ld, sum))

void gram_scale(double *x, size_t n, double a)
{
    for (size_t j = 0; j < n; j++) {
        x[j] *= a;
    }
}

INLINE void gram_centre_body(double *x, size_t n, size_t ld, const double *mean)
{
    for (size_t i = 0; i < n; i++, x += ld) {
        for (size_t j = 0; j < ld; j++) {
            x[j] -= mean[j];
        }
    }
}
VARIANTS(void, , gram_centre,
         (double *x, size_t n, size_t ld, const double *mean), (x, n, ld, mean))

/* Products of columns [i, i + DOWN) and [j, j + ACROSS). */
INLINE void block(const double *x, size_t n, size_t ld, size_t i, size_t j,
                  double *g)
{
    lanes acc[DOWN][COLUMNS] = {{{0}}};

    for (size_t r = 0; r < n; r++, x += ld) {
        lanes v[COLUMNS];

        memcpy(v, x + j, sizeof(v));
        for (size_t a = 0; a < DOWN; a++) {
            for (size_t b = 0; b < COLUMNS; b++) {
                acc[a][b] += x[i + a] * v[b];
            }
        }
    }
    for (size_t a = 0; a < DOWN; a++) {
        double *row = g + (i + a) * ld + j;

        for (size_t b = 0; b < COLUMNS; b++) {
            lanes sum;

            memcpy(&sum, row + b * LANES, sizeof(sum));
            sum += acc[a][b];
            memcpy(row + b * LANES, &sum, sizeof(sum));
        }
    }
}

INLINE void gram_add_body(const double *x, size_t n, size_t ld, double *g)
{
    for (size_t i = 0; i < ld; i += DOWN) {
        for (size_t j = i / ACROSS * ACROSS; j < ld; j += ACROSS) {
            block(x, n, ld, i, j, g);
        }
    }
}
VARIANTS(void, , gram_add, (const double *x, size_t n, size_t ld, double *g),
         (x, n, ld, g))

INLINE double gram_dot_body(const double *a, const double *b, size_t n)
{
    return f64_dot(a, b, n);
}
VARIANTS(double, return, gram_dot, (const double *a, const double *b, size_t n),
         (a, b, n))

INLINE void gram_turn_body(double *a, double *b, size_t n, double c, double s)
{
    for (size_t i = 0; i < n; i++) {
        double x = a[i], y = b[i];

        a[i] = c * x - s * y;
        b[i] = s * x + c * y;
    }
}
VARIANTS(void, , gram_turn,
         (double *a, double *b, size_t n, double c, double s), (a, b, n, c, s))
