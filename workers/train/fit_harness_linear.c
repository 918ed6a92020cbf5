/* The numpy harness's linear regression: descent, and the closed form that is
 * solved again for each batch (trap T3). Runs in worker train. */
#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/closed.h"
#include "workers/train/closed_gram.h"
#include "workers/train/harness.h"
#include "workers/train/mt19937.h"

#define CONDITION_HIGH 1e10
#define CUT_OFF 1e-15 /* of singular values, of the largest */
_Static_assert(CLOSED_CHUNK <= HARNESS_TILE, "a chunk is taken at once");

void harness_linear_first(struct harness *h)
{
    struct mt19937 m;

    mt19937_init(&m, h->seed);
    for (uint32_t i = 0; i < h->shape.sizes[0]; i++) {
        h->params[i] = mt19937_normal(&m) * 0.01;
    }
}

static double square_of_weights(const struct harness *h)
{
    return f64_squares(h->params, h->shape.sizes[0]);
}

/* The loss is of the predictions before the step, its l2 part of the weights
 * after it. */
double harness_descent_step(struct harness *h, size_t n)
{
    size_t width = h->shape.sizes[0];
    double *w = h->params, *e = h->d[0], count = (double)n, sum = 0, loss;

    f64_subtract(harness_forward(h, n), h->targets, n, e);
    loss = f64_squares(e, n) / count;
    f64_rows_sum(h->a[0], n, width, e, h->sums);
    for (size_t i = 0; i < n; i++) {
        sum += e[i];
    }
    for (size_t j = 0; j < width; j++) {
        double g = h->sums[j] / count;

        if (h->l2 > 0) {
            g += h->l2 / count * w[j];
        }
        w[j] -= h->rate * g;
    }
    w[width] -= h->rate * (sum / count);
    return h->l2 > 0 ? loss + h->l2 / (2 * count) * square_of_weights(h) : loss;
}

/* ---- Closed form ---- */

/* Of width inputs; m = width + 1 unknowns. */
struct closed {
    size_t m, ld;
    double *chunk;   /* (CLOSED_CHUNK, ld): inputs, 1, target, zeros */
    double *gram;    /* (ld, ld) */
    double *lu;      /* (m, m) */
    double *matrix;  /* (m, m) */
    double *vectors; /* (m, m) */
    double *values;  /* (m) */
    double *rhs;     /* (m) */
};

static void place(uint32_t width, double *all, struct closed *c)
{
    size_t m = (size_t)width + 1, ld = gram_padded(m + 1);

    c->m = m;
    c->ld = ld;
    c->chunk = all;
    c->gram = c->chunk + CLOSED_CHUNK * ld;
    c->lu = c->gram + ld * ld;
    c->matrix = c->lu + m * m;
    c->vectors = c->matrix + m * m;
    c->values = c->vectors + m * m;
    c->rhs = c->values + m;
}

uint64_t harness_closed_doubles(uint32_t width)
{
    uint64_t m = (uint64_t)width + 1, ld = gram_padded((size_t)m + 1);

    return CLOSED_CHUNK * ld + ld * ld + 3 * m * m + 2 * m;
}

/* Adds n rows, which harness_take took. */
static void add_rows(const struct harness *h, const struct closed *c, size_t n)
{
    size_t width = c->m - 1;

    memset(c->chunk, 0, CLOSED_CHUNK * c->ld * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        double *row = c->chunk + i * c->ld;

        memcpy(row, h->a[0] + i * width, width * sizeof(*row));
        row[width] = 1;
        row[width + 1] = h->targets[i];
    }
    gram_add(c->chunk, n, c->ld, c->gram);
}

/* G = A'A and A'y of A = [X | 1], l2 on the diagonal but the bias. */
static void take_equations(const struct harness *h, const struct closed *c)
{
    for (size_t i = 0; i < c->m; i++) {
        for (size_t j = 0; j < c->m; j++) {
            c->matrix[i * c->m + j] =
                i < j ? c->gram[i * c->ld + j] : c->gram[j * c->ld + i];
        }
        if (i + 1 < c->m) {
            c->matrix[i * c->m + i] += h->l2;
        }
        c->rhs[i] = c->gram[i * c->ld + c->m];
    }
}

static void swap_rows(double *a, double *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = a[i];

        a[i] = b[i];
        b[i] = v;
    }
}

/* Gauss with the greatest pivot, rhs along; 0: a pivot is exactly 0. */
static int eliminate(double *a, double *rhs, size_t m)
{
    for (size_t k = 0; k < m; k++) {
        size_t p = k;

        for (size_t i = k + 1; i < m; i++) {
            p = fabs(a[i * m + k]) > fabs(a[p * m + k]) ? i : p;
        }
        if (a[p * m + k] == 0) {
            return 0;
        }
        if (p != k) {
            swap_rows(a + k * m, a + p * m, m);
            swap_rows(rhs + k, rhs + p, 1);
        }
        for (size_t i = k + 1; i < m; i++) {
            double f = a[i * m + k] / a[k * m + k];

            for (size_t j = k + 1; j < m; j++) {
                a[i * m + j] -= f * a[k * m + j];
            }
            rhs[i] -= f * rhs[k];
        }
    }
    return 1;
}

static void substitute(const double *a, const double *rhs, size_t m,
                       double *out)
{
    for (size_t i = m; i-- > 0;) {
        double sum = rhs[i];

        for (size_t j = i + 1; j < m; j++) {
            sum -= a[i * m + j] * out[j];
        }
        out[i] = sum / a[i * m + i];
    }
}

/* Greatest and least absolute eigenvalue. */
static void ends(const struct closed *c, double *out_most, double *out_least)
{
    *out_most = 0;
    *out_least = (double)INFINITY;
    for (size_t i = 0; i < c->m; i++) {
        double v = fabs(c->values[i]);

        *out_most = v > *out_most ? v : *out_most;
        *out_least = v < *out_least ? v : *out_least;
    }
}

/* pinv(G) rhs: of G's singular values those above the cut-off. */
static void pseudo(const struct closed *c, double *out)
{
    double most, least;

    ends(c, &most, &least);
    memset(out, 0, c->m * sizeof(*out));
    for (size_t k = 0; k < c->m; k++) {
        const double *v = c->vectors + k * c->m;
        double along;

        if (fabs(c->values[k]) <= CUT_OFF * most) {
            continue;
        }
        along = gram_dot(v, c->rhs, c->m) / c->values[k];
        for (size_t i = 0; i < c->m; i++) {
            out[i] += along * v[i];
        }
    }
}

static void solve(struct harness *h, const struct closed *c)
{
    double most, least, *saved = c->gram; /* its numbers are in the matrix */

    memcpy(c->lu, c->matrix, c->m * c->m * sizeof(double));
    memcpy(saved, c->rhs, c->m * sizeof(double));
    closed_eigen(c->matrix, c->m, c->values, c->vectors);
    ends(c, &most, &least);
    if (!(most / least <= CONDITION_HIGH)) {
        fit_note(h->t.notes,
                 "step %llu: near-singular, the condition number is %.3g",
                 (unsigned long long)h->place.step + 1, most / least);
    }
    if (eliminate(c->lu, saved, c->m)) {
        substitute(c->lu, saved, c->m, h->params);
        return;
    }
    fit_note(h->t.notes, "step %llu: singular, the pseudo-inverse answers",
             (unsigned long long)h->place.step + 1);
    pseudo(c, h->params);
}

/* The rows are walked twice, a chunk at a time: for the equations, and for what
 * the answer makes of them. */
double harness_closed_step(struct harness *h, const uint32_t *order, size_t n)
{
    double sum = 0, count = (double)n;
    struct closed c;

    place(h->shape.sizes[0], h->gram, &c);
    memset(c.gram, 0, c.ld * c.ld * sizeof(double));
    for (size_t from = 0; from < n; from += CLOSED_CHUNK) {
        size_t rows = n - from < CLOSED_CHUNK ? n - from : CLOSED_CHUNK;

        harness_take(h, order + from, rows);
        add_rows(h, &c, rows);
    }
    take_equations(h, &c);
    solve(h, &c);
    for (size_t from = 0; from < n; from += CLOSED_CHUNK) {
        size_t rows = n - from < CLOSED_CHUNK ? n - from : CLOSED_CHUNK;

        harness_take(h, order + from, rows);
        f64_subtract(harness_forward(h, rows), h->targets, rows, h->d[0]);
        sum += f64_squares(h->d[0], rows);
    }
    return sum / count +
           (h->l2 > 0 ? h->l2 / (2 * count) * square_of_weights(h) : 0);
}
