/* Loops over doubles. Runs in worker train. Lanes go over columns, so that the
 * order of each sum is the source's. */
#include "workers/train/f64.h"

#include <string.h>

#include "workers/nn/wide.h"
#include "workers/train/f64_dot.h"

enum {
    LANES = 8,
    COLUMNS = F64_ACROSS / LANES,
    DOWN = 8
};

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

#define UNROLL _Pragma("GCC unroll 8")

/* Rows [0, down) and vectors [0, columns) of a panel: both constants. */
INLINE void block(const struct f64_product *p, const double *x, double *y,
                  size_t down, size_t columns, size_t n)
{
    lanes acc[DOWN][COLUMNS] = {{{0}}};
    double out[F64_ACROSS];
    const double *w = p->panel;

    for (size_t k = 0; k < p->k; k++, x += p->x_step, w += columns * LANES) {
        lanes v[COLUMNS];

        UNROLL
        for (size_t c = 0; c < columns; c++) {
            memcpy(&v[c], w + c * LANES, sizeof(v[c]));
        }
        UNROLL
        for (size_t r = 0; r < down; r++) {
            UNROLL
            for (size_t c = 0; c < columns; c++) {
                acc[r][c] += x[r * p->x_row] * v[c];
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < down; r++) {
        memcpy(out, acc[r], columns * sizeof(lanes));
        memcpy(y + r * p->n, out, n * sizeof(double));
    }
}

INLINE void panel(const struct f64_product *p, size_t columns, double *y,
                  size_t n)
{
    size_t i = 0;

    for (; i + DOWN <= p->m; i += DOWN) {
        block(p, p->x + i * p->x_row, y + i * p->n, DOWN, columns, n);
    }
    for (; i < p->m; i++) {
        block(p, p->x + i * p->x_row, y + i * p->n, 1, columns, n);
    }
}

/* Columns [j, j + n) of W, zeros behind them up to whole vectors. */
INLINE void pack(const struct f64_product *p, size_t j, size_t n,
                 size_t columns)
{
    double *to = p->panel;

    for (size_t k = 0; k < p->k; k++, to += columns * LANES) {
        const double *from = p->w + k * p->ldw + j;

        for (size_t c = 0; c < n; c++) {
            to[c] = from[c];
        }
        for (size_t c = n; c < columns * LANES; c++) {
            to[c] = 0;
        }
    }
}

INLINE void f64_product_body(const struct f64_product *p)
{
    for (size_t j = 0; j < p->n; j += F64_ACROSS) {
        size_t n = p->n - j < F64_ACROSS ? p->n - j : F64_ACROSS;
        size_t columns = (n + LANES - 1) / LANES;

        pack(p, j, n, columns);
        if (columns == 1) {
            panel(p, 1, p->y + j, n);
        } else if (columns == 2) {
            panel(p, 2, p->y + j, n);
        } else {
            panel(p, 3, p->y + j, n);
        }
    }
}
VARIANTS(void, , f64_product, (const struct f64_product *p), (p))

/* In squares that fit a cache. */
void f64_turn(const double *x, size_t rows, size_t columns, double *out)
{
    enum {
        SIDE = 16
    };

    for (size_t i = 0; i < rows; i += SIDE) {
        size_t down = rows - i < SIDE ? rows - i : SIDE;

        for (size_t j = 0; j < columns; j += SIDE) {
            size_t across = columns - j < SIDE ? columns - j : SIDE;

            for (size_t a = 0; a < across; a++) {
                for (size_t b = 0; b < down; b++) {
                    out[(j + a) * rows + i + b] = x[(i + b) * columns + j + a];
                }
            }
        }
    }
}

INLINE void f64_add_bias_body(double *x, size_t n, size_t width,
                              const double *bias)
{
    for (size_t i = 0; i < n; i++, x += width) {
        for (size_t j = 0; j < width; j++) {
            x[j] += bias[j];
        }
    }
}
VARIANTS(void, , f64_add_bias,
         (double *x, size_t n, size_t width, const double *bias),
         (x, n, width, bias))

INLINE void f64_relu_body(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = x[i] < 0 ? 0 : x[i];
    }
}
VARIANTS(void, , f64_relu, (double *x, size_t n), (x, n))

INLINE void f64_relu_back_body(double *d, const double *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        d[i] = a[i] > 0 ? d[i] : 0;
    }
}
VARIANTS(void, , f64_relu_back, (double *d, const double *a, size_t n),
         (d, a, n))

INLINE double within(double v, double bound)
{
    double low = v < -bound ? -bound : v;

    return low > bound ? bound : low;
}

INLINE void f64_clip_body(double *x, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = within(x[i], bound);
    }
}
VARIANTS(void, , f64_clip, (double *x, size_t n, double bound), (x, n, bound))

INLINE void f64_column_sums_body(const double *x, size_t n, size_t width,
                                 double *sum)
{
    memset(sum, 0, width * sizeof(*sum));
    for (size_t i = 0; i < n; i++, x += width) {
        for (size_t j = 0; j < width; j++) {
            sum[j] += x[j];
        }
    }
}
VARIANTS(void, , f64_column_sums,
         (const double *x, size_t n, size_t width, double *sum),
         (x, n, width, sum))

INLINE void f64_rows_dot_body(const double *x, size_t n, size_t width,
                              const double *w, double bias, double *y)
{
    for (size_t i = 0; i < n; i++, x += width) {
        y[i] = f64_dot(x, w, width) + bias;
    }
}
VARIANTS(void, , f64_rows_dot,
         (const double *x, size_t n, size_t width, const double *w, double bias,
          double *y),
         (x, n, width, w, bias, y))

INLINE void f64_rows_sum_body(const double *x, size_t n, size_t width,
                              const double *e, double *out)
{
    memset(out, 0, width * sizeof(*out));
    for (size_t i = 0; i < n; i++, x += width) {
        for (size_t j = 0; j < width; j++) {
            out[j] += x[j] * e[i];
        }
    }
}
VARIANTS(void, , f64_rows_sum,
         (const double *x, size_t n, size_t width, const double *e,
          double *out),
         (x, n, width, e, out))

INLINE void f64_subtract_body(const double *a, const double *b, size_t n,
                              double *d)
{
    for (size_t i = 0; i < n; i++) {
        d[i] = a[i] - b[i];
    }
}
VARIANTS(void, , f64_subtract,
         (const double *a, const double *b, size_t n, double *d), (a, b, n, d))

INLINE double f64_squares_body(const double *d, size_t n)
{
    return f64_dot(d, d, n);
}
VARIANTS(double, return, f64_squares, (const double *d, size_t n), (d, n))

INLINE void f64_descend_body(double *w, const double *g, size_t n,
                             const struct f64_descent *how)
{
    double rate = how->rate, divisor = how->divisor, bound = how->bound;

    if (!how->clips) {
        for (size_t i = 0; i < n; i++) {
            w[i] -= rate * within(g[i] / divisor, bound);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        w[i] = within(w[i] - rate * within(g[i] / divisor, bound), bound);
    }
}
VARIANTS(void, , f64_descend,
         (double *w, const double *g, size_t n, const struct f64_descent *how),
         (w, g, n, how))
