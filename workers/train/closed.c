/* Least squares in closed form. Runs in worker train. Must never leave the order
 * of a sum to the compiler: lanes go over columns. */
#include "workers/train/closed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/wide.h"
#include "workers/train/closed_gram.h"
#include "workers/train/rows.h"

#define POWER_ROUNDS 200u
#define SWEEPS_MAX 60u

static const struct loc nowhere = {NULL, 0, 0};

/* All that one solution needs. */
struct work {
    const struct rows *rows;
    size_t width;
    size_t ld;      /* of a row of a chunk, and of gram: inputs, target, zeros */
    double *chunk;  /* (CLOSED_CHUNK, ld) */
    double *mean;   /* (ld) */
    double *shift;  /* (ld) of the first chunk */
    double *gram;   /* (ld, ld), its upper part */
    double *scale;  /* (width) the diagonal's roots; 0: constant */
    double *matrix; /* (width, width) scaled */
    double *factor; /* (width, width) L of it, or eigenvectors */
    double *rhs, *u, *v; /* (width) */
    double *all;         /* owned */
};

static uint64_t doubles(uint32_t width, struct work *w, double *all)
{
    uint64_t n = width, ld = gram_padded(width + 1), at = 0;

#define TAKE(field, count)                                                     \
    w->field = all == NULL ? NULL : all + at;                                  \
    at += (count)
    TAKE(chunk, CLOSED_CHUNK * ld);
    TAKE(mean, ld);
    TAKE(shift, ld);
    TAKE(gram, ld * ld);
    TAKE(scale, ld);
    TAKE(matrix, n * n);
    TAKE(factor, n * n);
    TAKE(rhs, n);
    TAKE(u, n);
    TAKE(v, n);
#undef TAKE
    w->ld = (size_t)ld;
    return at;
}

uint64_t closed_memory(uint32_t width)
{
    struct work w;

    return doubles(width, &w, NULL) * sizeof(double);
}

/* Rows [from, from + n) with their targets, as they are. */
static void take_rows(const struct work *w, uint64_t from, size_t n)
{
    struct rows part = rows_part(w->rows, from, n);

    /* Packed first, then spread from the last row on, so that none is hit. */
    rows_inputs_f64(&part, NULL, n, w->chunk);
    for (size_t i = n; i-- > 0;) {
        double *row = w->chunk + i * w->ld;

        memmove(row, w->chunk + i * w->width, w->width * sizeof(*row));
        row[w->width] = rows_target(w->rows, from + i);
        for (size_t j = w->width + 1; j < w->ld; j++) {
            row[j] = 0;
        }
    }
}

static size_t chunk_at(const struct work *w, uint64_t from)
{
    uint64_t left = w->rows->n - from;

    return left < CLOSED_CHUNK ? (size_t)left : CLOSED_CHUNK;
}

/* Means, and products of what is left without them: in one pass around the first
 * chunk's means s, then sum (x - m)(x - m)' = sum (x - s)(x - s)' -
 * n (m - s)(m - s)'. */
static void gather(const struct work *w)
{
    double all = (double)w->rows->n;

    for (uint64_t i = 0; i < w->rows->n; i += CLOSED_CHUNK) {
        size_t n = chunk_at(w, i);

        take_rows(w, i, n);
        if (i == 0) {
            gram_sums(w->chunk, n, w->ld, w->shift);
            gram_scale(w->shift, w->ld, 1.0 / (double)n);
        }
        gram_centre(w->chunk, n, w->ld, w->shift);
        gram_sums(w->chunk, n, w->ld, w->mean);
        gram_add(w->chunk, n, w->ld, w->gram);
    }
    gram_scale(w->mean, w->ld, 1.0 / all);
    for (size_t i = 0; i < w->ld; i++) {
        for (size_t j = i; j < w->ld; j++) {
            w->gram[i * w->ld + j] -= all * w->mean[i] * w->mean[j];
        }
    }
    for (size_t j = 0; j < w->ld; j++) {
        w->mean[j] += w->shift[j];
    }
}

/* Did rounding alone move this column? */
static int is_constant(const struct work *w, size_t j)
{
    double moved = 1e-12 * w->mean[j];

    return !(w->gram[j * w->ld + j] > (double)w->rows->n * moved * moved);
}

static void scale_system(struct work *w, double l2, struct closed_result *out)
{
    size_t n = w->width;

    for (size_t i = 0; i < n; i++) {
        w->scale[i] = is_constant(w, i) ? 0 : sqrt(w->gram[i * w->ld + i] + l2);
        out->constant += w->scale[i] == 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            double size = w->scale[i] * w->scale[j];
            double v = i == j      ? 1.0
                       : size == 0 ? 0.0
                                   : w->gram[i * w->ld + j] / size;

            w->matrix[i * n + j] = v;
            w->matrix[j * n + i] = v;
        }
        w->rhs[i] =
            w->scale[i] == 0 ? 0 : w->gram[i * w->ld + n] / w->scale[i];
    }
}

/* factor = L; row by row, so that what a row needs lies side by side. 0, or -1:
 * a pivot vanished. */
static int cholesky(const struct work *w)
{
    size_t n = w->width;
    double least = 4.0 * (double)n * 0x1p-52;

    for (size_t i = 0; i < n; i++) {
        double *row = w->factor + i * n;

        for (size_t j = 0; j <= i; j++) {
            double sum = w->matrix[i * n + j] -
                         gram_dot(row, w->factor + j * n, j);

            if (i == j && !(sum > least)) {
                return -1;
            }
            row[j] = i == j ? sqrt(sum) : sum / w->factor[j * n + j];
        }
    }
    return 0;
}

/* x = matrix^-1 x, by its factor. */
static void substitute(const struct work *w, double *x)
{
    size_t n = w->width;

    for (size_t i = 0; i < n; i++) {
        x[i] = (x[i] - gram_dot(w->factor + i * n, x, i)) /
               w->factor[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        x[i] /= w->factor[i * n + i];
        for (size_t j = 0; j < i; j++) {
            x[j] -= w->factor[i * n + j] * x[i];
        }
    }
}

/* Scales x to length 1 and returns what it was. */
static double normalize(double *x, size_t n)
{
    double length = sqrt(gram_dot(x, x, n));

    for (size_t i = 0; i < n; i++) {
        x[i] /= length;
    }
    return length;
}

/* The largest eigenvalue of the matrix, or of its inverse. */
static double power(const struct work *w, int inverse)
{
    size_t n = w->width;
    double *x = w->u, *y = w->v;
    double last = 0, now = 0;

    for (size_t i = 0; i < n; i++) { /* in no eigenvector's way */
        x[i] = 1.0 + (double)(i * 37 % 101) / 101.0 * (i % 2 == 0 ? 1 : -1);
    }
    (void)normalize(x, n);
    for (size_t k = 0; k < POWER_ROUNDS; k++) {
        if (inverse) {
            memcpy(y, x, n * sizeof(*y));
            substitute(w, y);
        } else {
            for (size_t i = 0; i < n; i++) {
                y[i] = gram_dot(w->matrix + i * n, x, n);
            }
        }
        now = normalize(y, n);
        memcpy(x, y, n * sizeof(*y));
        if (fabs(now - last) <= 1e-4 * now) {
            break;
        }
        last = now;
    }
    return now;
}

/* One rotation that makes a[p][q] 0. */
static void rotate(double *a, double *v, size_t n, size_t p, size_t q)
{
    double apq = a[p * n + q];
    double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    double t = (theta < 0 ? -1.0 : 1.0) /
               (fabs(theta) + sqrt(theta * theta + 1.0));
    double c = 1.0 / sqrt(t * t + 1.0), s = t * c;

    for (size_t k = 0; k < n; k++) { /* columns */
        double kp = a[k * n + p], kq = a[k * n + q];

        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    gram_turn(a + p * n, a + q * n, n, c, s); /* rows */
    gram_turn(v + p * n, v + q * n, n, c, s);
}

void closed_eigen(double *a, size_t n, double *values, double *v)
{
    double trace = 0;

    for (size_t i = 0; i < n; i++) {
        trace += fabs(a[i * n + i]);
        for (size_t j = 0; j < n; j++) {
            v[i * n + j] = i == j ? 1.0 : 0.0;
        }
    }
    for (size_t sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        size_t turned = 0;

        for (size_t p = 0; p + 1 < n; p++) {
            for (size_t q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) > 0x1p-56 * trace / (double)n) {
                    rotate(a, v, n, p, q);
                    turned++;
                }
            }
        }
        if (turned == 0) {
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = a[i * n + i];
    }
}

/* rhs becomes pinv(matrix) rhs. */
static int pseudo(const struct work *w, struct closed_result *out,
                  struct diag *d)
{
    size_t n = w->width;
    double most = 0, least;

    if (n > CLOSED_PSEUDO_WIDTH_MAX) {
        (void)diag_set(d, ERR_LIMIT, nowhere,
                       "the system is singular and has %zu columns: the "
                       "pseudo-inverse takes at most %u",
                       n, CLOSED_PSEUDO_WIDTH_MAX);
        diag_hint(d, "l2: 1e-6 makes it regular, closed_form: false fits it "
                     "by steps");
        return ERR_LIMIT;
    }
    closed_eigen(w->matrix, n, w->u, w->factor);
    for (size_t i = 0; i < n; i++) {
        most = w->u[i] > most ? w->u[i] : most;
    }
    least = 4.0 * (double)n * 0x1p-52 * most;
    memset(w->v, 0, n * sizeof(*w->v));
    for (size_t i = 0; i < n; i++) {
        const double *vector = w->factor + i * n;
        double share;

        if (w->u[i] <= least) {
            continue;
        }
        out->rank++;
        share = gram_dot(vector, w->rhs, n) / w->u[i];
        for (size_t j = 0; j < n; j++) {
            w->v[j] += share * vector[j];
        }
    }
    out->rank -= out->constant; /* whose rows are those of a unit matrix */
    out->is_pseudo = 1;
    out->condition = HUGE_VAL;
    memcpy(w->rhs, w->v, n * sizeof(*w->v));
    return 0;
}

/* What is left of the targets. */
static double mean_squared(const struct work *w, const double *weights)
{
    double sum = 0;

    for (uint64_t i = 0; i < w->rows->n; i += CLOSED_CHUNK) {
        size_t n = chunk_at(w, i);

        take_rows(w, i, n);
        for (size_t k = 0; k < n; k++) {
            const double *row = w->chunk + k * w->ld;
            double e = gram_dot(row, weights, w->width) + weights[w->width] -
                       row[w->width];

            sum += e * e;
        }
    }
    return sum / (double)w->rows->n;
}

static int solve(struct work *w, double l2, double *weights,
                 struct closed_result *out, struct diag *d)
{
    size_t n = w->width;

    gather(w);
    scale_system(w, l2, out);
    if (cholesky(w) == 0) {
        substitute(w, w->rhs);
        out->condition = power(w, 0) * power(w, 1);
    } else {
        TRY(pseudo(w, out, d));
    }
    weights[n] = w->mean[n];
    for (size_t j = 0; j < n; j++) {
        weights[j] = w->scale[j] == 0 ? 0 : w->rhs[j] / w->scale[j];
        weights[n] -= w->mean[j] * weights[j];
        out->penalty += l2 * weights[j] * weights[j] / (double)w->rows->n;
    }
    out->mean_squared = mean_squared(w, weights);
    return 0;
}

int closed_solve(const struct rows *r, double l2, double *weights,
                 struct closed_result *out, struct diag *d)
{
    struct work w = {.rows = r, .width = r->width};
    double *all CLEANUP(mem_freep) = NULL;

    ASSERT(r->width >= 1 && r->width <= CLOSED_WIDTH_MAX && r->y != NULL);
    memset(out, 0, sizeof(*out));
    all = calloc(doubles(r->width, &w, NULL), sizeof(*all));
    if (all == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    (void)doubles(r->width, &w, all);
    return solve(&w, l2, weights, out, d);
}
