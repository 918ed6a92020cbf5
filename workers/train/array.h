/* Arrays of numbers in files (NPY, IDX), and two of them as a data set. Runs in the
 * train worker; files may be anything. */
#ifndef WORKERS_TRAIN_ARRAY_H
#define WORKERS_TRAIN_ARRAY_H

#include "workers/train/load.h"

#define ARRAY_DIMS_MAX 8u

struct array {
    char kind;     /* f, i, u or b (a byte, 0 or 1) */
    unsigned size; /* bytes of a number: 1, 2, 4, 8 */
    int is_big;    /* endian */
    unsigned dims;
    uint64_t shape[ARRAY_DIMS_MAX];
    const uint8_t *p; /* borrowed; C order, all of it there */
    size_t file_i;    /* it came from, for messages */
};

/* Are n bytes at p exactly its numbers? Sets a->p. 0, or ERR_INPUT: fewer, more, or
 * a type that is none. */
int array_fill(struct load *l, struct array *a, const uint8_t *p, size_t n)
    MUST_USE;
/* Rows of x (its first dimension) with the labels y: one number each. u8 and bool
 * stay bytes (or become f32 of 1/255 steps when the spec scales), f32 stays, all
 * else becomes f64. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int array_put(struct load *l, const struct array *x,
              const struct array *y) MUST_USE;
/* Bytes as x of the data set: as they are, or scaled. */
void array_put_bytes(struct load *l, uint8_t *to, const uint8_t *p, size_t n);

/* One NPY file of n bytes. 0, ERR_INPUT. */
int npy_open(struct load *l, size_t file_i, const uint8_t *p, size_t n,
             struct array *out) MUST_USE;

#endif
