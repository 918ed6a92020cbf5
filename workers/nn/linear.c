/* Products of a matrix that is trained. Runs in workers. Must never let a sum
 * over rows depend on anything but their order. */
#include "workers/nn/linear.h"

#include <string.h>

#include "proto/err.h"
#include "workers/nn/panel_impl.h"

static size_t aligned(size_t bytes)
{
    return (bytes + PANEL_ALIGN - 1) / PANEL_ALIGN * PANEL_ALIGN;
}

size_t linear_bytes(size_t n, size_t k)
{
    return aligned(panels_bytes(WEIGHT_F32, n, k)) +
           aligned(panels_bytes(WEIGHT_F32, k, n));
}

/* Panels of the transpose: each takes 64 columns of w as they stand. */
static void pack_back(const float *w, size_t n, size_t k, float *out)
{
    for (size_t k0 = 0; k0 < k; k0 += PANEL_WIDTH) {
        size_t part = k - k0 < PANEL_WIDTH ? k - k0 : PANEL_WIDTH;

        for (size_t i = 0; i < n; i++, out += PANEL_WIDTH) {
            memcpy(out, w + i * k + k0, part * sizeof(*out));
            memset(out + part, 0, (PANEL_WIDTH - part) * sizeof(*out));
        }
    }
}

int linear_pack(struct linear *l, const float *w, size_t n, size_t k,
                void *area)
{
    uint8_t *back = (uint8_t *)area + aligned(panels_bytes(WEIGHT_F32, n, k));

    TRY(panels_pack(WEIGHT_F32, w, n, k, area));
    pack_back(w, n, k, (float *)(void *)back);
    l->w = (struct panels){WEIGHT_F32, n, k, area};
    l->back = (struct panels){WEIGHT_F32, k, n, back};
    return 0;
}

/* m rows of n columns of from, close together. */
static void take(const float *from, size_t ld, size_t m, size_t n, float *out)
{
    for (size_t i = 0; i < m; i++) {
        memcpy(out + i * n, from + i * ld, n * sizeof(*out));
    }
}

/* Where the parts of scratch are. */
struct parts {
    float *dy; /* (rows, outputs) */
    float *x;  /* (rows, 64) */
    float *dw; /* (outputs, 64): the last columns */
};

/* One slice of rows: dW of `outputs` outputs and `columns` columns += . */
static void add_tile(const struct parts *p, size_t rows, size_t outputs,
                     size_t columns, float *dw, size_t k)
{
    int whole = columns % 16 == 0;
    const struct slice s = {.x = p->dy,
                            .x_row = 1,
                            .x_step = outputs,
                            .w = p->x,
                            .ldw = PANEL_WIDTH,
                            .y = whole ? dw : p->dw,
                            .ldy = whole ? k : PANEL_WIDTH,
                            .m = outputs,
                            .n = (columns + 15) / 16 * 16,
                            .k = rows,
                            .adds = whole};

    panel_kernels(panel_choice()->own)->slice[WEIGHT_F32](&s);
    for (size_t i = 0; !whole && i < outputs; i++) {
        for (size_t j = 0; j < columns; j++) {
            dw[i * k + j] += p->dw[i * PANEL_WIDTH + j];
        }
    }
}

/* All of dW by one slice of rows. */
static void add_slice(const struct parts *p, const float *dy, size_t lddy,
                      const float *x, size_t ldx, size_t rows, size_t n,
                      size_t k, float *dw)
{
    for (size_t k0 = 0; k0 < k; k0 += PANEL_WIDTH) {
        size_t columns = k - k0 < PANEL_WIDTH ? k - k0 : PANEL_WIDTH;

        take(x + k0, ldx, rows, PANEL_WIDTH, p->x);
        for (size_t n0 = 0; n0 < n; n0 += LINEAR_TILE) {
            size_t outputs = n - n0 < LINEAR_TILE ? n - n0 : LINEAR_TILE;

            take(dy + n0, lddy, rows, outputs, p->dy);
            add_tile(p, rows, outputs, columns, dw + n0 * k + k0, k);
        }
    }
}

void linear_gradient(const float *dy, size_t lddy, const float *x, size_t ldx,
                     size_t m, size_t n, size_t k, float *dw, float *scratch)
{
    const struct parts p = {.dy = scratch,
                            .x = scratch + LINEAR_SLICE * LINEAR_TILE,
                            .dw = scratch +
                                  LINEAR_SLICE * (LINEAR_TILE + PANEL_WIDTH)};

    ASSERT(lddy >= n && ldx >= panels_padded(k));
    for (size_t i = 0; i < m; i += LINEAR_SLICE) {
        size_t rows = m - i < LINEAR_SLICE ? m - i : LINEAR_SLICE;

        add_slice(&p, dy + i * lddy, lddy, x + i * ldx, ldx, rows, n, k, dw);
    }
}
