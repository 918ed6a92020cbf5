/* Data sets (train.proto, Dataset) as those see them that hold or check labels: is
 * a shape sound, how do rows draw apart, what are the parts then. The kernel splits
 * with it; `proctor verify --full` computes splits again with it. Pure. */
#ifndef PROTO_DATASET_H
#define PROTO_DATASET_H

#include "proto/holdout.h"

#include "evidence.pb-c.h"

/* Could anybody have rows of that shape in so many bytes? Everything but the CIDs
 * is looked at, the bytes themselves are not. */
int dataset_is_sound(const Proctor__Dataset *d, uint64_t x_bytes,
                     uint64_t y_bytes);
/* What a predictor of such rows takes and gives: ([f32]) and u32 or f32. 0, or
 * ERR_INPUT: nothing predicts rows of text. */
int dataset_types(Proctor__DataKind kind, struct type *takes,
                  struct type *gives) MUST_USE;

struct dataset_rows {
    const Proctor__Dataset *d; /* borrowed */
    struct values x;           /* each row as it lies there */
    struct values y;           /* each label likewise; TEXT: none */
};
/* Takes both buffers (y is empty for TEXT), also on failure. d is sound. 0,
 * ERR_NOMEM, or ERR_ENCODING: of other sizes than d says, a label that is not below
 * classes or not finite. r is released before. */
int dataset_rows_init(struct dataset_rows *r, const Proctor__Dataset *d,
                      struct buf *x, struct buf *y) MUST_USE;
void dataset_rows_release(struct dataset_rows *r);
/* holdout_draw; stratified: by class, CLASSIFICATION only. */
int dataset_draw(const struct dataset_rows *r, double share, int stratified,
                 const uint8_t seed[static 32], struct holdout *out) MUST_USE;

/* What a split is made of. TEXT has X only. */
enum dataset_part {
    PART_TRAIN_X, /* rows, in the drawn order */
    PART_TRAIN_Y,
    PART_TRAIN_OUTPUTS, /* values */
    PART_HELD_X,
    PART_HELD_INPUTS,  /* values of ([f32]) */
    PART_HELD_OUTPUTS, /* values */
    PARTS_N
};
int dataset_has_part(const Proctor__Dataset *d, enum dataset_part part);
/* Its bytes, added to out. 0, ERR_NOMEM, ERR_LIMIT (of out). */
int dataset_put_part(const struct dataset_rows *r, const struct holdout *h,
                     enum dataset_part part, struct buf *out) MUST_USE;
/* Where a Split names it. */
ProtobufCBinaryData *dataset_part_field(Proctor__Split *m,
                                        enum dataset_part part);

#endif
