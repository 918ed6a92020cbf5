/* Rows of a data set in memory. Never trusts a size: all are checked once, in
 * rows_open. Runs in worker-train. */
#include "workers/train/rows.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/little.h"

_Static_assert((int)ROWS_F64 == (int)PROCTOR__DATA_TYPE__DATA_F64 &&
                   (int)ROWS_F32 == (int)PROCTOR__DATA_TYPE__DATA_F32 &&
                   (int)ROWS_U8 == (int)PROCTOR__DATA_TYPE__DATA_U8 &&
                   (int)ROWS_U32 == (int)PROCTOR__DATA_TYPE__DATA_U32,
               "one numbering");
_Static_assert((int)ROWS_REGRESSION ==
                       (int)PROCTOR__DATA_KIND__DATA_REGRESSION &&
                   (int)ROWS_CLASSIFICATION ==
                       (int)PROCTOR__DATA_KIND__DATA_CLASSIFICATION &&
                   (int)ROWS_TEXT == (int)PROCTOR__DATA_KIND__DATA_TEXT,
               "one numbering");

static const struct loc nowhere = {NULL, 0, 0};

size_t rows_type_bytes(enum rows_type type)
{
    switch (type) {
    case ROWS_F64:
        return 8;
    case ROWS_F32:
    case ROWS_U32:
        return 4;
    case ROWS_U8:
        return 1;
    }
    return 0;
}

static size_t label_bytes(enum rows_kind kind)
{
    switch (kind) {
    case ROWS_REGRESSION:
        return 8;
    case ROWS_CLASSIFICATION:
        return 4;
    case ROWS_TEXT:
        return 0;
    }
    return 0;
}

static int check_shape(const Proctor__Dataset *d, struct diag *diag)
{
    int has_classes = d->kind != PROCTOR__DATA_KIND__DATA_REGRESSION;

    if (d->kind < PROCTOR__DATA_KIND__DATA_REGRESSION ||
        d->kind > PROCTOR__DATA_KIND__DATA_TEXT ||
        d->x_type < PROCTOR__DATA_TYPE__DATA_F64 ||
        d->x_type > PROCTOR__DATA_TYPE__DATA_U32 ||
        (d->kind == PROCTOR__DATA_KIND__DATA_TEXT &&
         d->x_type != PROCTOR__DATA_TYPE__DATA_U32)) {
        return diag_set(diag, ERR_INPUT, nowhere,
                        "data of kind %d with inputs of type %d: no such data "
                        "set",
                        (int)d->kind, (int)d->x_type);
    }
    if (d->rows == 0 || d->width == 0) {
        return diag_set(diag, ERR_INPUT, nowhere,
                        "the data set is empty: %llu rows of %u inputs",
                        (unsigned long long)d->rows, d->width);
    }
    if (d->rows > ROWS_MAX || d->width > ROWS_WIDTH_MAX) {
        return diag_set(diag, ERR_LIMIT, nowhere,
                        "%llu rows of %u inputs: at most %u rows of %u",
                        (unsigned long long)d->rows, d->width, ROWS_MAX,
                        ROWS_WIDTH_MAX);
    }
    if (has_classes && d->classes == 0) {
        return diag_set(diag, ERR_INPUT, nowhere, "the data set has no %s",
                        d->kind == PROCTOR__DATA_KIND__DATA_TEXT ? "tokens"
                                                                 : "classes");
    }
    return 0;
}

/* rows < 2^32, width <= 2^24, each number at most 8 bytes: no overflow. */
static int check_bytes(uint64_t rows, uint64_t row_bytes, struct ubytes b,
                       const char *what, struct diag *diag)
{
    if (b.p != NULL && b.n != rows * row_bytes) {
        return diag_set(diag, ERR_INPUT, nowhere,
                        "%s have %zu bytes, but %llu rows of %llu are %llu",
                        what, b.n, (unsigned long long)rows,
                        (unsigned long long)row_bytes,
                        (unsigned long long)(rows * row_bytes));
    }
    return 0;
}

int rows_open(const Proctor__Dataset *d, struct ubytes x, struct ubytes y,
              struct rows *out, struct diag *diag)
{
    memset(out, 0, sizeof(*out));
    TRY(check_shape(d, diag));
    out->kind = (enum rows_kind)d->kind;
    out->type = (enum rows_type)d->x_type;
    out->n = d->rows;
    out->width = d->width;
    out->classes = d->classes;
    TRY(check_bytes(d->rows, d->width * (uint64_t)rows_type_bytes(out->type), x,
                    "the inputs", diag));
    TRY(check_bytes(d->rows, label_bytes(out->kind), y, "the labels", diag));
    out->x = x.p;
    out->y = out->kind == ROWS_TEXT ? NULL : y.p;
    return 0;
}

static double number_at(const struct rows *r, uint64_t i)
{
    switch (r->type) {
    case ROWS_F64:
        return little_f64(r->x, i);
    case ROWS_F32:
        return (double)little_f32(r->x, i);
    case ROWS_U8:
        return r->x[i];
    case ROWS_U32:
        return little_u32(r->x, i);
    }
    return 0;
}

static int bad_input(const struct rows *r, uint64_t i, struct diag *diag)
{
    unsigned long long row = i / r->width;
    unsigned long long column = i % r->width;

    if (r->kind == ROWS_TEXT) {
        return diag_set(diag, ERR_INPUT, nowhere,
                        "row %llu: token %u, but the vocabulary has %u", row,
                        little_u32(r->x, i), r->classes);
    }
    (void)diag_set(diag, ERR_INPUT, nowhere,
                   "row %llu, input %llu: %g is not a finite number of 32 bits",
                   row, column, number_at(r, i));
    diag_hint(diag, "leave rows without a value out (drop_missing), or scale "
                    "the inputs");
    return ERR_INPUT;
}

static int check_inputs(const struct rows *r, struct diag *diag)
{
    uint64_t all = r->n * r->width;

    if (r->x == NULL || r->type == ROWS_U8) {
        return 0;
    }
    for (uint64_t i = 0; i < all; i++) {
        int good = r->kind == ROWS_TEXT ? little_u32(r->x, i) < r->classes
                                        : isfinite((float)number_at(r, i)) != 0;

        if (!good) {
            return bad_input(r, i, diag);
        }
    }
    return 0;
}

static int check_labels(const struct rows *r, struct diag *diag)
{
    for (uint64_t i = 0; r->y != NULL && i < r->n; i++) {
        if (r->kind == ROWS_CLASSIFICATION && rows_class(r, i) >= r->classes) {
            return diag_set(diag, ERR_INPUT, nowhere,
                            "row %llu: class %u, but there are only %u",
                            (unsigned long long)i, rows_class(r, i),
                            r->classes);
        }
        if (r->kind == ROWS_REGRESSION && !isfinite((float)rows_target(r, i))) {
            return diag_set(diag, ERR_INPUT, nowhere,
                            "row %llu: its label %g is not a finite number of "
                            "32 bits",
                            (unsigned long long)i, rows_target(r, i));
        }
    }
    return 0;
}

int rows_check(const struct rows *r, struct diag *diag)
{
    TRY(check_inputs(r, diag));
    return check_labels(r, diag);
}

struct rows rows_part(const struct rows *r, uint64_t from, uint64_t n)
{
    struct rows part = *r;

    ASSERT(from <= r->n && n <= r->n - from);
    part.n = n;
    if (r->x != NULL) {
        part.x = r->x + from * r->width * rows_type_bytes(r->type);
    }
    if (r->y != NULL) {
        part.y = r->y + from * label_bytes(r->kind);
    }
    return part;
}

/* A row's numbers, the type's switch outside the loop. */
#define ONE_ROW(name, to, whole, other, other_at)                              \
    static void name(const struct rows *r, uint64_t row, to *out)              \
    {                                                                          \
        const uint64_t from = row * r->width;                                  \
                                                                               \
        if (r->type == (whole)) {                                              \
            memcpy(out, r->x + sizeof(to) * from, sizeof(to) * r->width);      \
        } else if (r->type == ROWS_U8) {                                       \
            for (uint32_t j = 0; j < r->width; j++) {                          \
                out[j] = r->x[from + j];                                       \
            }                                                                  \
        } else if (r->type == (other)) {                                       \
            for (uint32_t j = 0; j < r->width; j++) {                          \
                out[j] = (to)other_at(r->x, from + j);                         \
            }                                                                  \
        } else {                                                               \
            for (uint32_t j = 0; j < r->width; j++) {                          \
                out[j] = (to)number_at(r, from + j);                           \
            }                                                                  \
        }                                                                      \
    }
ONE_ROW(row_f32, float, ROWS_F32, ROWS_F64, little_f64)
ONE_ROW(row_f64, double, ROWS_F64, ROWS_F32, little_f32)

void rows_inputs(const struct rows *r, const uint32_t *order, size_t n,
                 float *out)
{
    for (size_t i = 0; i < n; i++) {
        row_f32(r, order == NULL ? i : order[i], out + i * r->width);
    }
}

void rows_inputs_f64(const struct rows *r, const uint32_t *order, size_t n,
                     double *out)
{
    for (size_t i = 0; i < n; i++) {
        row_f64(r, order == NULL ? i : order[i], out + i * r->width);
    }
}

uint32_t rows_class(const struct rows *r, uint64_t i)
{
    return little_u32(r->y, i);
}

double rows_target(const struct rows *r, uint64_t i)
{
    return little_f64(r->y, i);
}

const uint32_t *rows_tokens(const struct rows *r, uint64_t i)
{
    return (const uint32_t *)(const void *)(r->x + 4 * i * r->width);
}
