/* Generators: nothing is read. regression and classification follow the numpy
 * harness's rules bit for bit but for one sum's order (docs/data.md); moons and
 * spirals are plane curves. Runs in the train worker. */
#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/train/load.h"
#include "workers/train/mt19937.h"

/* Rows as they are made: classes one after the other, before they are shuffled. */
struct made {
    double *x; /* rows x width */
    uint32_t *y;
    uint32_t *order;
};

static const Proctor__SyntheticSpec *spec_of(const struct load *l)
{
    return l->spec->synthetic;
}

static int check(struct load *l, int is_plane)
{
    const Proctor__SyntheticSpec *s = spec_of(l);

    if (s == NULL || s->rows == 0 || !(s->noise >= 0) || isinf(s->noise)) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "expected rows, and a noise of at least 0");
    }
    if (is_plane) {
        return 0;
    }
    if (s->features == 0 || s->informative == 0 ||
        s->informative > s->features) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "informative: expected 1 to %u features, got %u",
                         s->features, s->informative);
    }
    return 0;
}

static int check_classes(struct load *l)
{
    const Proctor__SyntheticSpec *s = spec_of(l);

    if (s->classes < 2 || s->classes > LIMIT_CLASSES || s->rows < s->classes) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "classes: expected 2 to %u, and no more than the %llu "
                         "rows, got %u",
                         LIMIT_CLASSES, (unsigned long long)s->rows,
                         s->classes);
    }
    return 0;
}

int load_regression(struct load *l)
{
    const Proctor__SyntheticSpec *s = spec_of(l);
    struct mt19937 m;
    double *w;
    double *row;
    double *y;
    size_t d;

    TRY(check(l, 0));
    d = s->features;
    TRY(load_room(l, s->rows, d, PROCTOR__DATA_TYPE__DATA_F64));
    w = arena_array(&l->memory, 2 * d, sizeof(*w));
    y = arena_array(&l->memory, (size_t)s->rows, sizeof(*y));
    if (w == NULL || y == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    row = w + d;
    mt19937_init(&m, s->seed);
    for (uint64_t i = 0; i < s->rows * d; i++) {
        load_put_f64(l->x + 8 * i, mt19937_normal(&m));
    }
    for (size_t k = 0; k < s->informative; k++) {
        w[k] = mt19937_normal(&m);
    }
    for (uint64_t i = 0; i < s->rows; i++) {
        memcpy(row, l->x + 8 * i * d, 8 * d);
        for (size_t k = 0; k < d; k++) {
            y[i] += row[k] * w[k];
        }
    }
    for (uint64_t i = 0; s->noise > 0 && i < s->rows; i++) {
        y[i] += s->noise * mt19937_normal(&m);
    }
    for (uint64_t i = 0; i < s->rows; i++) {
        load_put_f64(l->y + 8 * i, y[i]);
    }
    return 0;
}

static int make(struct load *l, size_t width, uint32_t classes,
                struct made *out)
{
    uint64_t rows = spec_of(l)->rows;

    l->data.classes = classes;
    TRY(load_room(l, rows, width, PROCTOR__DATA_TYPE__DATA_F64));
    out->x = arena_array(&l->memory, (size_t)rows * width, sizeof(*out->x));
    out->y = arena_array(&l->memory, (size_t)rows, sizeof(*out->y));
    out->order = arena_array(&l->memory, (size_t)rows, sizeof(*out->order));
    return out->x == NULL || out->y == NULL || out->order == NULL
               ? ERR_TRACE(ERR_NOMEM)
               : 0;
}

/* Rows of class c: as even as can be, the first classes have one more. */
static uint64_t rows_of(const Proctor__SyntheticSpec *s, uint32_t classes,
                        uint32_t c)
{
    return s->rows / classes + (c < s->rows % classes);
}

/* Writes the rows in an order that a second generator of the same seed makes. */
static int put_shuffled(struct load *l, const struct made *v)
{
    size_t rows = (size_t)l->data.rows;
    size_t width = l->data.width;
    struct mt19937 m;

    for (size_t i = 0; i < rows; i++) {
        v->order[i] = (uint32_t)i;
    }
    mt19937_init(&m, spec_of(l)->seed);
    mt19937_shuffle(&m, v->order, rows);
    for (size_t i = 0; i < rows; i++) {
        const double *from = v->x + v->order[i] * width;

        for (size_t k = 0; k < width; k++) {
            load_put_f64(l->x + 8 * (i * width + k), from[k]);
        }
        load_put_u32(l->y + 4 * i, v->y[v->order[i]]);
    }
    return 0;
}

int load_classification(struct load *l)
{
    const Proctor__SyntheticSpec *s = spec_of(l);
    struct mt19937 m;
    struct made v;
    double *centers;
    size_t at = 0;

    TRY(check(l, 0));
    TRY(check_classes(l));
    if (!(s->separation > 0)) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "separation: expected more than 0");
    }
    TRY(make(l, s->features, s->classes, &v));
    centers = arena_array(&l->memory, (size_t)s->classes * s->informative,
                          sizeof(*centers));
    if (centers == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    mt19937_init(&m, s->seed);
    for (size_t i = 0; i < (size_t)s->classes * s->informative; i++) {
        centers[i] = mt19937_normal(&m) * s->separation;
    }
    for (uint32_t c = 0; c < s->classes; c++) {
        uint64_t n = rows_of(s, s->classes, c);

        for (uint64_t i = 0; i < n; i++, at++) {
            double *row = v.x + at * s->features;

            v.y[at] = c;
            for (size_t k = 0; k < s->features; k++) {
                row[k] = mt19937_normal(&m);
            }
            for (size_t k = 0; k < s->informative; k++) {
                row[k] += centers[(size_t)c * s->informative + k];
            }
        }
    }
    return put_shuffled(l, &v);
}

/* Two half circles that reach into each other. */
static void moon(uint32_t c, double share, double out[static 2])
{
    double t = M_PI * share;

    out[0] = c == 0 ? cos(t) : 1 - cos(t);
    out[1] = c == 0 ? sin(t) : 0.5 - sin(t);
}

/* Arms around one centre, each one and three quarters of a turn. */
static void arm(uint32_t c, uint32_t classes, double share,
                double out[static 2])
{
    double t = 2 * M_PI * (1.75 * share + (double)c / classes);

    out[0] = share * cos(t);
    out[1] = share * sin(t);
}

static int plane(struct load *l, uint32_t classes, int is_moons)
{
    const Proctor__SyntheticSpec *s = spec_of(l);
    struct mt19937 m;
    struct made v;
    size_t at = 0;

    TRY(make(l, 2, classes, &v));
    mt19937_init(&m, s->seed);
    for (uint32_t c = 0; c < classes; c++) {
        uint64_t n = rows_of(s, classes, c);

        for (uint64_t i = 0; i < n; i++, at++) {
            double *row = v.x + at * 2;

            v.y[at] = c;
            if (is_moons) {
                moon(c, n == 1 ? 0 : (double)i / (double)(n - 1), row);
            } else {
                arm(c, classes, (double)(i + 1) / (double)n, row);
            }
            row[0] += s->noise * mt19937_normal(&m);
            row[1] += s->noise * mt19937_normal(&m);
        }
    }
    return put_shuffled(l, &v);
}

int load_moons(struct load *l)
{
    TRY(check(l, 1));
    if (spec_of(l)->rows < 2) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "rows: expected at least 2");
    }
    return plane(l, 2, 1);
}

int load_spirals(struct load *l)
{
    TRY(check(l, 1));
    TRY(check_classes(l));
    return plane(l, spec_of(l)->classes, 0);
}
