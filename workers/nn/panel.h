/* Matrix products with fixed bits: Y = X W^T. The one place where the contract
 * stands in code; docs/model/numerics.md says why it is so.
 *
 * Contract 1 (f32, f16, bf16; the latter two widened to f32 exactly). K is cut
 * into slices of PANEL_SLICE from k = 0; in a slice acc = fmaf(x, w, acc) from
 * +0 over ascending k; y = first slice, then y = y + slice, in order.
 * Contract 2 (q8_0). X is quantised in blocks of 32 along K (operand.h). Per
 * block the sum of q_x q_w is an exact integer, d = d_x * d_w is rounded to
 * f32, and y = fmaf(d, (float)sum, y) from +0 over ascending blocks.
 * Both: in the result -0 becomes +0 and any NaN becomes 0x7fc00000.
 *
 * So an output depends on its own row of X and its own row of W, and on nothing
 * else: not on the batch, the tile, the instruction set or the library. NaN and
 * infinity in one row of X never reach another row.
 *
 * W is packed once into panels of PANEL_WIDTH outputs, K-major, padded with
 * zero rows. Routes compute the same bits at different speed; nn_prove compares
 * each with plain fmaf on this host, and what differs is not used. No system
 * call, no allocation, no thread. Workers only. */
#ifndef WORKERS_NN_PANEL_H
#define WORKERS_NN_PANEL_H

#include "proto/base.h"

#define PANEL_WIDTH 64u  /* outputs of a panel */
#define PANEL_SLICE 256u /* of K, contract 1 */
#define PANEL_TILE 61u   /* rows of X in one call of OpenBLAS, at most */
#define PANEL_BLOCK 32u  /* of K, contract 2 */
#define PANEL_ALIGN 64u  /* of packed bytes, for speed only */

/* As stored in a file, and as packed. */
enum weight_type {
    WEIGHT_F32,
    WEIGHT_F16,
    WEIGHT_BF16,
    WEIGHT_Q8_0, /* K is a multiple of 32 */
    WEIGHT_TYPES_N
};

/* W (n, k), n and k >= 1, and where it is packed (borrowed). */
struct panels {
    enum weight_type type;
    size_t n, k;
    const uint8_t *packed;
};

/* n rounded up to whole panels. */
size_t panels_padded(size_t n);
/* Bytes of W (n, k) packed. A matrix that fits memory does not overflow. */
size_t panels_bytes(enum weight_type type, size_t n, size_t k);
/* Bytes of one row of k weights in a file; 0: q8_0 with k not a multiple of
 * 32. */
size_t weight_row_bytes(enum weight_type type, size_t k);
/* rows: n rows of k as a GGUF file has them, of any alignment. packed:
 * panels_bytes. 0, or ERR_INPUT: a weight or a scale is not finite. */
int panels_pack(enum weight_type type, const void *rows, size_t n, size_t k,
                void *packed) MUST_USE;
/* Rows [row, row + n) of W as f32 (n, k), unpacked: embeddings read so. */
void panels_rows(const struct panels *w, size_t row, size_t n, float *out);

struct operand;

/* y (m, n), rows of ldy >= panels_padded(w->n) floats, all panels_padded(w->n)
 * columns written (padding with +0); m and X from x, which was set with the k
 * of w, with q8 for WEIGHT_Q8_0 and f32 for the others. */
void panels_product(const struct panels *w, const struct operand *x, float *y,
                    size_t ldy);

/* Who computes. */
enum panel_route {
    PANEL_SCALAR,
    PANEL_AVX2,     /* and FMA, F16C */
    PANEL_AVX512,   /* F, BW, DQ, VL; for q8_0 VNNI, too */
    PANEL_OPENBLAS, /* f32, in the one call shape that was proven */
    PANEL_ROUTES_N
};

/* Start-up proof on this host, some milliseconds; chooses the routes. Once per
 * process, before anything else here and before a filter is set. 0, or
 * ERR_CONFINE: rounding, masks, denormals are not the default ones (MXCSR);
 * or ERR_NOMEM. Before it, and after a failure, the scalar route is used. */
int nn_prove(void) MUST_USE;
/* What nn_prove chose: "openblas", "avx512", "avx2", "scalar". */
const char *panels_route(enum weight_type type);
/* One line for all types, e.g. "f32 openblas, f16 avx512, bf16 avx512, q8_0
 * avx512, attention avx512". */
const char *panels_routes(void);

/* For tests and benches. Whether a route was proven here, and a choice among
 * the proven: 0, or -1. Elementwise functions (math.h) and attention follow the
 * choice for f32; OpenBLAS stands for the best own kernels there. */
int panels_proved(enum weight_type type, enum panel_route route);
int panels_force(enum weight_type type, enum panel_route route) MUST_USE;

#endif
