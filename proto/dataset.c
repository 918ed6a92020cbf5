/* Rows of a data set, drawn apart (dataset.h). In the kernel and in cli. Reads what
 * a worker wrote: shapes are held against sizes before anything is indexed. */
#include "proto/dataset.h"

#include <stdlib.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/little.h"

#define NOTES_MAX 16u

static size_t number_bytes(Proctor__DataType t)
{
    return t == PROCTOR__DATA_TYPE__DATA_F64   ? 8
           : t == PROCTOR__DATA_TYPE__DATA_F32 ? 4
           : t == PROCTOR__DATA_TYPE__DATA_U32 ? 4
           : t == PROCTOR__DATA_TYPE__DATA_U8  ? 1
                                               : 0;
}

static size_t label_bytes(Proctor__DataKind kind)
{
    return kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION ? 4
           : kind == PROCTOR__DATA_KIND__DATA_REGRESSION   ? 8
                                                           : 0;
}

static int is_kind_sound(const Proctor__Dataset *d)
{
    switch (d->kind) {
    case PROCTOR__DATA_KIND__DATA_CLASSIFICATION:
        return d->classes >= 1 && d->classes <= LIMIT_CLASSES;
    case PROCTOR__DATA_KIND__DATA_REGRESSION:
        return d->classes == 0;
    case PROCTOR__DATA_KIND__DATA_TEXT:
        return d->classes >= 1 && d->classes <= LIMIT_VOCAB &&
               d->x_type == PROCTOR__DATA_TYPE__DATA_U32;
    case PROCTOR__DATA_KIND__DATA_NONE:
    case _PROCTOR__DATA_KIND_IS_INT_SIZE:
        break;
    }
    return 0;
}

int dataset_is_sound(const Proctor__Dataset *d, uint64_t x_bytes,
                     uint64_t y_bytes)
{
    size_t one = number_bytes(d->x_type);

    return is_kind_sound(d) && one > 0 && d->rows > 0 &&
           d->rows <= LIMIT_DATASET_ROWS && d->width > 0 &&
           d->width <= LIMIT_DATASET_WIDTH &&
           x_bytes == d->rows * d->width * one &&
           y_bytes == d->rows * label_bytes(d->kind) &&
           (d->n_names == 0 || d->n_names == d->classes) &&
           (d->n_columns == 0 || d->n_columns == d->width) &&
           d->n_notes <= NOTES_MAX;
}

int dataset_types(Proctor__DataKind kind, struct type *takes,
                  struct type *gives)
{
    static const struct type args = {5, {TYPE_TUPLE, 1, TYPE_LIST, TYPE_FLOAT,
                                         4}};
    static const struct type real = {2, {TYPE_FLOAT, 4}};
    static const struct type class = {2, {TYPE_INT, 4 | TYPE_UNSIGNED}};

    if (label_bytes(kind) == 0) {
        return ERR_INPUT;
    }
    *takes = args;
    *gives = kind == PROCTOR__DATA_KIND__DATA_REGRESSION ? real : class;
    return 0;
}

/* Takes b: n values of each bytes. */
static int rows_of(struct values *v, struct buf *b, uint32_t n, size_t each)
{
    size_t have = buf_len(b);

    values_release(v);
    if (have != n * each || have > UINT32_MAX) {
        return ERR_TRACE(ERR_ENCODING);
    }
    v->off_ = malloc(((size_t)n + 1) * sizeof(*v->off_));
    if (v->off_ == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i <= n; i++) {
        v->off_[i] = (uint32_t)(i * each);
    }
    v->bytes_ = buf_take(b, &v->bytes_n_);
    v->n_ = n;
    return 0;
}

static int check_labels(const struct dataset_rows *r)
{
    int is_class = r->d->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION;

    for (uint32_t i = 0; i < values_n(&r->y); i++) {
        const uint8_t *p = values_at(&r->y, i).p;
        double v = is_class ? 0 : little_f64(p, 0);

        if (is_class ? little_u32(p, 0) >= r->d->classes : v - v != 0) {
            return ERR_TRACE(ERR_ENCODING);
        }
    }
    return 0;
}

int dataset_rows_init(struct dataset_rows *r, const Proctor__Dataset *d,
                      struct buf *x, struct buf *y)
{
    uint32_t n = (uint32_t)d->rows;
    size_t label = label_bytes(d->kind);
    int code;

    dataset_rows_release(r);
    r->d = d;
    code = rows_of(&r->x, x, n, d->width * number_bytes(d->x_type));
    if (code == 0) {
        code = label > 0        ? rows_of(&r->y, y, n, label)
               : buf_len(y) > 0 ? ERR_TRACE(ERR_ENCODING)
                                : 0;
    }
    code = code == 0 ? check_labels(r) : code;
    if (code != 0) {
        dataset_rows_release(r);
    }
    buf_release(x);
    buf_release(y);
    return code;
}

void dataset_rows_release(struct dataset_rows *r)
{
    values_release(&r->x);
    values_release(&r->y);
}

int dataset_draw(const struct dataset_rows *r, double share, int stratified,
                 const uint8_t seed[static 32], struct holdout *out)
{
    uint32_t n = values_n(&r->x);
    const struct values *y = label_bytes(r->d->kind) > 0 ? &r->y : &r->x;
    CLEANUP(mem_freep) uint32_t *strata = NULL;

    if (stratified && r->d->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION) {
        strata = malloc((size_t)n * sizeof(*strata) + 1);
        if (strata == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        for (uint32_t i = 0; i < n; i++) {
            strata[i] = little_u32(values_at(&r->y, i).p, 0);
        }
    }
    return holdout_draw_strata(&r->x, y, strata, r->d->classes, share, seed,
                               out);
}

int dataset_has_part(const Proctor__Dataset *d, enum dataset_part part)
{
    return label_bytes(d->kind) > 0 || part == PART_TRAIN_X ||
           part == PART_HELD_X;
}

static float number_at(const Proctor__Dataset *d, const uint8_t *p)
{
    switch (d->x_type) {
    case PROCTOR__DATA_TYPE__DATA_F64:
        return (float)little_f64(p, 0);
    case PROCTOR__DATA_TYPE__DATA_F32:
        return little_f32(p, 0);
    case PROCTOR__DATA_TYPE__DATA_U32:
        return (float)little_u32(p, 0);
    case PROCTOR__DATA_TYPE__DATA_U8:
    case PROCTOR__DATA_TYPE__DATA_TYPE_NONE:
    case _PROCTOR__DATA_TYPE_IS_INT_SIZE:
        break;
    }
    return p[0];
}

static int put_value(const struct dataset_rows *r, int is_input, uint32_t row,
                     struct buf *one)
{
    const Proctor__Dataset *d = r->d;
    size_t each = number_bytes(d->x_type);
    const uint8_t *p;

    if (!is_input) {
        static const struct type class = {2, {TYPE_INT, 4 | TYPE_UNSIGNED}};

        p = values_at(&r->y, row).p;
        return d->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION
                   ? value_put_int(one, &class, little_u32(p, 0))
                   : value_put_f32(one, (float)little_f64(p, 0));
    }
    p = values_at(&r->x, row).p;
    TRY(value_put_tuple(one, 1));
    TRY(value_put_list(one, d->width));
    for (uint32_t k = 0; k < d->width; k++) {
        TRY(value_put_f32(one, number_at(d, p + k * each)));
    }
    return 0;
}

static int put_values(const struct dataset_rows *r, int is_input,
                      const uint32_t *rows, uint32_t n, struct buf *out)
{
    CLEANUP(buf_release) struct buf one;

    buf_init(&one, LIMIT_HELD_BYTES);
    TRY(buf_put_u32(out, n));
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&one);
        TRY(put_value(r, is_input, rows[i], &one));
        TRY(buf_put_bytes32(out, buf_bytes(&one)));
    }
    return 0;
}

static int put_rows(const struct values *v, const uint32_t *rows, uint32_t n,
                    struct buf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes row = values_at(v, rows[i]);

        TRY(buf_put(out, row.p, row.n));
    }
    return 0;
}

int dataset_put_part(const struct dataset_rows *r, const struct holdout *h,
                     enum dataset_part part, struct buf *out)
{
    const uint32_t *train = h->rows + h->held_n;
    uint32_t train_n = values_n(&r->x) - h->held_n;

    switch (part) {
    case PART_TRAIN_X:
        return put_rows(&r->x, train, train_n, out);
    case PART_TRAIN_Y:
        return put_rows(&r->y, train, train_n, out);
    case PART_TRAIN_OUTPUTS:
        return put_values(r, 0, train, train_n, out);
    case PART_HELD_X:
        return put_rows(&r->x, h->rows, h->held_n, out);
    case PART_HELD_INPUTS:
        return put_values(r, 1, h->rows, h->held_n, out);
    case PART_HELD_OUTPUTS:
        return put_values(r, 0, h->rows, h->held_n, out);
    case PARTS_N:
        break;
    }
    return ERR_TRACE(ERR_INTERNAL);
}

ProtobufCBinaryData *dataset_part_field(Proctor__Split *m,
                                        enum dataset_part part)
{
    ProtobufCBinaryData *const fields[PARTS_N] = {
        [PART_TRAIN_X] = &m->train_x,
        [PART_TRAIN_Y] = &m->train_y,
        [PART_TRAIN_OUTPUTS] = &m->train_outputs,
        [PART_HELD_X] = &m->held_x,
        [PART_HELD_INPUTS] = &m->held_inputs,
        [PART_HELD_OUTPUTS] = &m->held_outputs};

    ASSERT(part < PARTS_N);
    return fields[part];
}
