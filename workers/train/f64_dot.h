/* A dot product in lanes, for loops that are compiled per instruction set. Worker
 * train only. */
#ifndef WORKERS_TRAIN_F64_DOT_H
#define WORKERS_TRAIN_F64_DOT_H

#include "proto/base.h"
#include "workers/nn/wide.h"

enum {
    DOT_LANES = 8
};

/* Eight lanes of i mod 8 over ascending i, then lane l += lane l + 4, + 2, + 1. */
INLINE double f64_dot(const double *a, const double *b, size_t n)
{
    double lane[DOT_LANES] = {0};
    size_t i = 0;

    for (; i + DOT_LANES <= n; i += DOT_LANES) {
        for (size_t l = 0; l < DOT_LANES; l++) {
            lane[l] += a[i + l] * b[i + l];
        }
    }
    for (size_t l = 0; i + l < n; l++) {
        lane[l] += a[i + l] * b[i + l];
    }
    for (size_t half = DOT_LANES / 2; half > 0; half /= 2) {
        for (size_t l = 0; l < half; l++) {
            lane[l] += lane[l + half];
        }
    }
    return lane[0];
}

#endif
