/* Products over matrices as they lie. Runs in workers. Must never take part in
 * the order of a chain: that is the kernels'. */
#include "workers/nn/product.h"

#include <string.h>

#include "workers/nn/panel_impl.h"

enum {
    LANES = 16,     /* columns that a kernel takes at least */
    EDGE_ROWS = 120 /* of x that pass through the buffer at once */
};

/* The last n % 16 columns of w and y. Beside them lie numbers of earlier products:
 * they reach columns that nobody reads. */
static struct {
    float w[PANEL_SLICE * LANES];
    float y[EDGE_ROWS * LANES];
} edge;

/* Columns [j, j + n), n one of 16, 32, 48, 64, of rows [i, i + m). */
static void run_columns(const struct product *p, slice_fn *run, size_t j,
                        size_t n)
{
    for (size_t k = 0; k < p->k; k += PANEL_SLICE) {
        size_t left = p->k - k;
        struct slice s = {.x = p->x + k * p->x_step,
                          .x_row = p->x_row,
                          .x_step = p->x_step,
                          .w = p->w + k * p->ldw + j,
                          .ldw = p->ldw,
                          .y = p->y + j,
                          .ldy = p->ldy,
                          .m = p->m,
                          .n = n,
                          .k = left < PANEL_SLICE ? left : PANEL_SLICE,
                          .adds = p->adds || k > 0,
                          .ends = left <= PANEL_SLICE};

        run(&s);
    }
}

/* The last columns, fewer than 16: every slice of w is copied once for all rows
 * that fit the buffer. */
static void run_edge(const struct product *p, slice_fn *run, size_t j)
{
    size_t n = p->n - j;

    for (size_t i = 0; i < p->m; i += EDGE_ROWS) {
        size_t m = p->m - i < EDGE_ROWS ? p->m - i : EDGE_ROWS;

        for (size_t r = 0; p->adds && r < m; r++) {
            memcpy(edge.y + r * LANES, p->y + (i + r) * p->ldy + j,
                   n * sizeof(float));
        }
        for (size_t k = 0; k < p->k; k += PANEL_SLICE) {
            size_t left = p->k - k;
            struct slice s = {.x = p->x + i * p->x_row + k * p->x_step,
                              .x_row = p->x_row,
                              .x_step = p->x_step,
                              .w = edge.w,
                              .ldw = LANES,
                              .y = edge.y,
                              .ldy = LANES,
                              .m = m,
                              .n = LANES,
                              .k = left < PANEL_SLICE ? left : PANEL_SLICE,
                              .adds = p->adds || k > 0,
                              .ends = left <= PANEL_SLICE};

            for (size_t r = 0; r < s.k; r++) {
                memcpy(edge.w + r * LANES, p->w + (k + r) * p->ldw + j,
                       n * sizeof(float));
            }
            run(&s);
        }
        for (size_t r = 0; r < m; r++) {
            memcpy(p->y + (i + r) * p->ldy + j, edge.y + r * LANES,
                   n * sizeof(float));
        }
    }
}

void nn_product(const struct product *p)
{
    slice_fn *run = panel_kernels(panel_choice()->own)->slice[WEIGHT_F32];
    size_t whole = p->n / LANES * LANES;

    ASSERT(p->m >= 1 && p->n >= 1 && p->k >= 1);
    for (size_t j = 0; j < whole; j += PANEL_WIDTH) {
        run_columns(p, run, j,
                    whole - j < PANEL_WIDTH ? whole - j : PANEL_WIDTH);
    }
    if (whole < p->n) {
        run_edge(p, run, whole);
    }
}

void nn_turn(const float *x, size_t rows, size_t columns, float *out)
{
    transpose_fn *run = panel_kernels(panel_choice()->own)->transpose;
    size_t whole = run == NULL ? 0 : columns / LANES * LANES;

    for (size_t i = 0; whole > 0 && i < rows; i += TRANSPOSE_ROWS) {
        size_t n = rows - i < TRANSPOSE_ROWS ? rows - i : TRANSPOSE_ROWS;
        const float *from[TRANSPOSE_ROWS];

        for (size_t r = 0; r < TRANSPOSE_ROWS; r++) {
            from[r] = x + (i + (r < n ? r : n - 1)) * columns;
        }
        run(from, n, whole, out + i, rows);
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = whole; j < columns; j++) {
            out[j * rows + i] = x[i * columns + j];
        }
    }
}
