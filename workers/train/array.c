/* Arrays of numbers to rows and labels (array.h). Runs in the train worker. */
#include "workers/train/array.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

#define EXACT (UINT64_C(1) << 53) /* whole numbers that f64 has */

static int is_type(const struct array *a)
{
    switch (a->kind) {
    case 'f':
        return a->size == 4 || a->size == 8;
    case 'i':
    case 'u':
        return a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8;
    case 'b':
        return a->size == 1;
    default:
        return 0;
    }
}

int array_fill(struct load *l, struct array *a, const uint8_t *p, size_t n)
{
    uint64_t bytes = a->size;

    if (!is_type(a)) {
        (void)load_fail(l, ERR_INPUT, a->file_i, 0, 0,
                        "numbers of type %c%u are not read",
                        a->kind >= 'A' && a->kind <= 'z' ? a->kind : '?',
                        a->size);
        load_hint(l, "save them as f4, f8, u1 or an integer type");
        return ERR_INPUT;
    }
    for (unsigned i = 0; i < a->dims; i++) {
        if (__builtin_mul_overflow(bytes, a->shape[i], &bytes)) {
            bytes = UINT64_MAX;
            break;
        }
    }
    if (bytes != n) {
        return load_fail(l, ERR_INPUT, a->file_i, 0, 0,
                         "%zu bytes of numbers, and its shape asks for %llu", n,
                         (unsigned long long)bytes);
    }
    a->p = p;
    return 0;
}

static uint64_t bits_at(const struct array *a, uint64_t i)
{
    const uint8_t *p = a->p + i * a->size;
    uint64_t v = 0;

    for (unsigned k = 0; k < a->size; k++) {
        v = v << 8 | p[a->is_big ? k : a->size - 1 - k];
    }
    return v;
}

/* ERR_INPUT: f64 does not have it. */
static int number_at(struct load *l, const struct array *a, uint64_t i,
                     double *out)
{
    uint64_t bits = bits_at(a, i);
    unsigned spare = 64 - 8 * a->size;
    uint32_t half = (uint32_t)bits;
    int64_t v;
    float f;

    if (a->kind == 'f' && a->size == 8) {
        memcpy(out, &bits, sizeof(*out));
        return 0;
    }
    if (a->kind == 'f') {
        memcpy(&f, &half, sizeof(f));
        *out = (double)f;
        return 0;
    }
    v = a->kind == 'i' ? (int64_t)(bits << spare) >> spare : (int64_t)bits;
    if (a->kind == 'i' ? v > (int64_t)EXACT || v < -(int64_t)EXACT
                       : bits > EXACT) {
        return load_fail(l, ERR_INPUT, a->file_i, 0, 0,
                         "number %llu is over 2^53: rows hold it only rounded",
                         (unsigned long long)i + 1);
    }
    *out = (double)v;
    return 0;
}

void array_put_bytes(struct load *l, uint8_t *to, const uint8_t *p, size_t n)
{
    if (!l->spec->scale) {
        memcpy(to, p, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        load_put_f32(to + 4 * i, (float)p[i] / 255.0f);
    }
}

static int put_x(struct load *l, const struct array *x, uint64_t n)
{
    double v;

    if (x->size == 1 && x->kind != 'i') {
        array_put_bytes(l, l->x, x->p, (size_t)n);
        return 0;
    }
    for (uint64_t i = 0; x->kind == 'f' && x->size == 4 && i < n; i++) {
        load_put_u32(l->x + 4 * i, (uint32_t)bits_at(x, i));
    }
    for (uint64_t i = 0; (x->kind != 'f' || x->size != 4) && i < n; i++) {
        TRY(number_at(l, x, i, &v));
        load_put_f64(l->x + 8 * i, v);
    }
    return 0;
}

static int put_y(struct load *l, const struct array *y)
{
    int is_class = l->data.kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    double *labels = NULL;
    double v;

    if (is_class) {
        labels = arena_array(&l->memory, (size_t)l->data.rows, sizeof(*labels));
        if (labels == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
    }
    for (uint64_t i = 0; i < l->data.rows; i++) {
        TRY(number_at(l, y, i, &v));
        if (!isfinite(v)) {
            return load_fail(l, ERR_INPUT, y->file_i, 0, 0,
                             "label %llu is not finite",
                             (unsigned long long)i + 1);
        }
        if (is_class) {
            labels[i] = v;
        } else {
            load_put_f64(l->y + 8 * i, v);
        }
    }
    return is_class ? load_classes(l, labels) : 0;
}

static Proctor__DataType type_of(const struct load *l, const struct array *x)
{
    if (x->size == 1 && x->kind != 'i') {
        return l->spec->scale ? PROCTOR__DATA_TYPE__DATA_F32
                              : PROCTOR__DATA_TYPE__DATA_U8;
    }
    return x->kind == 'f' && x->size == 4 ? PROCTOR__DATA_TYPE__DATA_F32
                                          : PROCTOR__DATA_TYPE__DATA_F64;
}

int array_put(struct load *l, const struct array *x, const struct array *y)
{
    uint64_t width = 1;

    for (unsigned i = 1; i < x->dims; i++) {
        width = __builtin_mul_overflow(width, x->shape[i], &width) ? UINT64_MAX
                                                                   : width;
    }
    if (x->dims == 0 || y->dims == 0 || y->dims > 2 ||
        (y->dims == 2 && y->shape[1] != 1)) {
        (void)load_fail(l, ERR_INPUT, y->file_i, 0, 0,
                        "expected rows of inputs and one label for each");
        load_hint(l, "labels have the shape (rows,) or (rows, 1); of one-hot "
                     "labels take argmax");
        return ERR_INPUT;
    }
    if (x->shape[0] != y->shape[0]) {
        return load_fail(l, ERR_INPUT, y->file_i, 0, 0,
                         "%llu rows of inputs, and %llu labels",
                         (unsigned long long)x->shape[0],
                         (unsigned long long)y->shape[0]);
    }
    if (l->spec->scale && (x->size != 1 || x->kind == 'i')) {
        (void)load_fail(l, ERR_INPUT, x->file_i, 0, 0,
                        "scale: is for bytes, and these are %c%u", x->kind,
                        x->size);
        load_hint(l, "leave it out; learners can standardize");
        return ERR_INPUT;
    }
    TRY(load_room(l, x->shape[0], width, type_of(l, x)));
    TRY(put_x(l, x, x->shape[0] * width));
    return put_y(l, y);
}
