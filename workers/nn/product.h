/* The one matrix product: Y = X W^T, each output a fixed chain of fused
 * multiply-adds, so that batch, tile and kernel cannot move a bit.
 *
 * Contract. K is cut into slices of 256 from k = 0; in a slice acc = fma(x, w,
 * acc) from +0 over ascending k; y = first slice, then y = y + slice, in order.
 * (The sign of a zero may differ between kernels: add +0.0f before use.)
 *
 * W is packed once into panels of 64 outputs, K-major, padded with zero rows:
 * the shape in which OpenBLAS keeps the contract on some cores and makes no
 * system call. It is no promise of OpenBLAS, so product_probe proves it on this
 * host and the plain chain takes over where it fails. Workers only; one
 * thread. */
#ifndef WORKERS_NN_PRODUCT_H
#define WORKERS_NN_PRODUCT_H

#include "proto/base.h"

#define PRODUCT_PANEL 64u  /* outputs of a panel */
#define PRODUCT_SLICE 256u /* of K */
#define PRODUCT_TILE 61u   /* rows of X in one call */

/* OpenBLAS calls up to here take its path without packing, allocation and
 * threads; a larger one would map 128 MiB, or spin when it cannot. */
#define PRODUCT_SMALL 1000000u
_Static_assert(PRODUCT_TILE *PRODUCT_PANEL *PRODUCT_SLICE <= PRODUCT_SMALL,
               "every call stays on the small path");

enum product_kernel {
    PRODUCT_CHAIN,
    PRODUCT_OPENBLAS
};

/* PRODUCT_OPENBLAS if it gives the chain's bits on this host over about a
 * hundred shapes of random numbers, as it chose its kernels or with those for
 * AVX-512; else PRODUCT_CHAIN. A few milliseconds; once per process, before any
 * other use (it may change OpenBLAS's choice). */
enum product_kernel product_probe(void);

/* n rounded up to whole panels. */
size_t product_padded(size_t n);
/* packed: product_padded(n) * k floats, from w (n, k) row-major. */
void product_pack(const float *w, size_t n, size_t k, float *packed);

/* W, packed, and what multiplies it. */
struct product {
    enum product_kernel kernel;
    const float *packed; /* borrowed */
    size_t n, k;         /* outputs, inputs; both >= 1 */
};

/* xt (k, m): X transposed, 1 <= m <= PRODUCT_TILE. y (m, product_padded(n)):
 * written. */
void product_run(const struct product *p, const float *xt, size_t m, float *y);

#endif
