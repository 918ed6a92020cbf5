/* What panel.c, operand.c, attend.c and the kernels share; nobody else. */
#ifndef WORKERS_NN_PANEL_IMPL_H
#define WORKERS_NN_PANEL_IMPL_H

#include "workers/nn/operand.h"
#include "workers/nn/panel.h"

/* One slice of contract 1: y (m, n) = or += a chain over k. */
struct slice {
    const float *x; /* x[i * x_row + k * x_step] */
    size_t x_row, x_step;
    const void *w; /* (k, ldw), the first n of a row are meant */
    size_t ldw;
    float *y; /* (m, ldy) */
    size_t ldy;
    size_t m, n, k; /* n: 16, 32, 48 or 64; k <= PANEL_SLICE */
    int adds;       /* y += */
    int ends;       /* the last one: -0 and NaN become canonical */
};

/* One panel of contract 2, all of K. Weights: per block 64 scales (f16), then
 * groups of 4 along K: (8, 64, 4) bytes, each q + 128. */
struct q8_slice {
    const uint8_t *w;
    const int8_t *q;     /* (m, ldq) */
    const float *d;      /* (m, ldd) scales */
    const int32_t *bias; /* (m, ldd) -128 * the sum of a block's q */
    size_t ldq, ldd;
    float *y; /* (m, ldy), 64 columns */
    size_t ldy;
    size_t m, blocks;
};

#define Q8_PANEL_BLOCK (PANEL_WIDTH * (PANEL_BLOCK + 2)) /* bytes */

typedef void slice_fn(const struct slice *s);
typedef void q8_fn(const struct q8_slice *s);

#define TRANSPOSE_ROWS 16u
/* out[j * ld + i] = rows[i][j] of n <= 16 rows and k columns, a multiple of 16;
 * all 16 pointers may be read. */
typedef void transpose_fn(const float *const rows[TRANSPOSE_ROWS], size_t n,
                          size_t k, float *out, size_t ld);

struct panel_kernels {
    slice_fn *slice[WEIGHT_Q8_0]; /* by type; OpenBLAS: f32 only */
    q8_fn *q8;
    transpose_fn *transpose; /* NULL: none that is faster than plain C */
};

/* NULL: this processor lacks the instructions. */
const struct panel_kernels *panel_scalar(void);
const struct panel_kernels *panel_avx2(void);
const struct panel_kernels *panel_avx512(void);
int panel_has_vnni(void);
/* x_row must be 1, m <= PANEL_TILE, n PANEL_WIDTH. */
void panel_openblas(const struct slice *s);
/* Makes OpenBLAS choose its kernels for AVX-512 once more; 0: not possible. */
int panel_openblas_retake(void);

/* Set by nn_prove, changed by panels_force. */
struct panel_choice {
    enum panel_route route[WEIGHT_TYPES_N];
    uint8_t proved[WEIGHT_TYPES_N]; /* bit 1 << route */
    enum panel_route own;           /* the best of our own for f32 */
};
struct panel_choice *panel_choice(void);
const struct panel_kernels *panel_kernels(enum panel_route own);

struct operand {
    size_t m_max, k_max;
    size_t m, k;
    size_t tile;     /* rows of a tile but the last */
    float *xt;       /* owned; tile t: (k, rows of t) at t * tile * k */
    int8_t *q;       /* owned (m, ldq) */
    float *d;        /* owned (m, ldd) */
    int32_t *bias;   /* owned (m, ldd) */
    size_t ldq, ldd; /* of k */
    int has_f32, has_q8;
};

/* Exact. */
float f16_widen(uint16_t bits);
float bf16_widen(uint16_t bits);
/* -0 becomes +0, NaN 0x7fc00000. */
float canonical(float v);

#endif
