/* Rows of a data set as they lie in memory: x, width numbers a row, and a label a
 * row. Whoever trains takes rows from here in any order and needs no parser.
 * Borrowed bytes, little endian, of any alignment; the numbers in them may be
 * anything until rows_check found them good. Pure. Worker train only. */
#ifndef WORKERS_TRAIN_ROWS_H
#define WORKERS_TRAIN_ROWS_H

#include "proto/diag.h"

#include "train.pb-c.h"

/* As Dataset.x_type and Dataset.kind say. */
enum rows_type {
    ROWS_F64 = 1,
    ROWS_F32 = 2,
    ROWS_U8 = 3,
    ROWS_U32 = 4
};
enum rows_kind {
    ROWS_REGRESSION = 1,
    ROWS_CLASSIFICATION = 2,
    ROWS_TEXT = 3 /* x: u32 tokens; no labels */
};

#define ROWS_MAX UINT32_MAX       /* a row's number is a u32 */
#define ROWS_WIDTH_MAX (1u << 24) /* numbers of a row */

struct rows {
    enum rows_type type;
    enum rows_kind kind;
    uint64_t n;
    uint32_t width;
    uint32_t classes; /* CLASSIFICATION: labels are below; TEXT: tokens are */
    const uint8_t *x; /* NULL when only shapes are asked about */
    const uint8_t *y; /* CLASSIFICATION: u32 a row, REGRESSION: f64; or NULL */
};

/* The shape that ${d} promises, over x and y of just these sizes (an empty one:
 * NULL there). 0, or with ${diag} set ERR_INPUT (a shape that is none, no rows,
 * a size that is not the shape's) or ERR_LIMIT. The numbers are not looked
 * at. */
int rows_open(const Proctor__Dataset *d, struct ubytes x, struct ubytes y,
              struct rows *out, struct diag *diag) MUST_USE;
/* Every number: inputs and targets are finite, also as f32; classes and tokens
 * are below r->classes. 0, or ERR_INPUT with ${diag} naming the first row (and
 * column) that is not so. x and y that are NULL are not looked at. */
int rows_check(const struct rows *r, struct diag *diag) MUST_USE;

size_t rows_type_bytes(enum rows_type type); /* of one number */
/* Rows [from, from + n) as rows of their own. from + n <= r->n. */
struct rows rows_part(const struct rows *r, uint64_t from, uint64_t n);

/* Inputs of n rows (n, width): rows order[0..n), each below r->n; order NULL: the
 * first n. u8 and u32 become the number they are. */
void rows_inputs(const struct rows *r, const uint32_t *order, size_t n,
                 float *out);
void rows_inputs_f64(const struct rows *r, const uint32_t *order, size_t n,
                     double *out);
/* Labels: i < r->n, y is not NULL, kind is the right one. */
uint32_t rows_class(const struct rows *r, uint64_t i);
double rows_target(const struct rows *r, uint64_t i);
/* TEXT: the width tokens of row i, where they lie. x is aligned to 4. */
const uint32_t *rows_tokens(const struct rows *r, uint64_t i);

#endif
