/* Canonical values: one byte form per value, so that equality is memcmp.
 *
 *   01 false | 02 true | 03 code, 1 2 4 8 bytes big-endian two's complement
 *   04 width(4|8), IEEE-754 bits big-endian | 05 u32 length, UTF-8 | 06 u32
 *   length, bytes | 08 u32 count, value* (list) | 09 u32 count, value* (tuple)
 * Strings: valid UTF-8, no surrogate, no NUL. Floats: NaN only as 7fc00000 /
 * 7ff8000000000000; -0.0 is not 0.0. A function's arguments are one tuple. */
#ifndef PROTO_VALUE_H
#define PROTO_VALUE_H

#include "proto/type.h"

enum value_bool { VALUE_FALSE = 0x01, VALUE_TRUE = 0x02 };

/* One value of type t from the front of in; *out_used its length. 0 or
 * ERR_ENCODING. Bounded by the type's depth; no recursion on input. */
int value_check(struct ubytes in, const struct type *t, size_t *out_used)
    MUST_USE;
/* Like value_check, and nothing may follow. */
int value_check_exact(struct ubytes in, const struct type *t) MUST_USE;
/* True if any float inside is NaN or infinite. v was checked. */
int value_has_nonfinite(struct ubytes v);

/* A checked value of an integer or float type, rounded to a double. */
double value_number(struct ubytes v, const struct type *t);

int value_put_bool(struct buf *b, int v) MUST_USE;
/* bits: the integer's two's complement bits; t a scalar integer type. */
int value_put_int(struct buf *b, const struct type *t, uint64_t bits) MUST_USE;
int value_put_f32(struct buf *b, float v) MUST_USE; /* canonical NaN */
int value_put_f64(struct buf *b, double v) MUST_USE;
int value_put_string(struct buf *b, struct ubytes utf8) MUST_USE;
int value_put_bytes(struct buf *b, struct ubytes v) MUST_USE;
int value_put_list(struct buf *b, uint32_t n) MUST_USE;  /* then n values */
int value_put_tuple(struct buf *b, uint32_t n) MUST_USE; /* then n values */

/* Writes v (checked against t) as one line of JSON: bytes as lower-case hex in
 * a string, u64 and i64 as plain integers, floats with the fewest digits that
 * read back the same and always with a point or an exponent ("5.0", "-0.0"),
 * NaN and infinities as "NaN", "Infinity", "-Infinity", lists and tuples as arrays.
 * Control characters escaped. On failure b may hold the first part. */
int value_put_json(struct buf *b, struct ubytes v, const struct type *t)
    MUST_USE;

/* The same of a number or of a UTF-8 text that is no value. */
int value_put_json_f64(struct buf *b, double v) MUST_USE;
int value_put_json_string(struct buf *b, struct ubytes s) MUST_USE;

/* Many values of one type, indexed. Bytes: u32 count, then count times
 * (u32 length, value). */
struct values {
    uint8_t *bytes_; /* owned */
    size_t bytes_n_;
    uint32_t *off_; /* owned; n + 1 offsets of values in bytes_ */
    uint32_t n_;
};

void values_init(struct values *v);
void values_release(struct values *v);
/* Decodes and checks each against t; copies. v is as after values_init, or
 * holds values that are then released; on failure it is empty. 0, ERR_NOMEM,
 * ERR_ENCODING, ERR_LIMIT (over max_n values). */
int values_decode(struct values *v, struct ubytes in, const struct type *t,
                  uint32_t max_n) MUST_USE;
/* Adds checked values of the same type behind those of v. 0, ERR_NOMEM, ERR_LIMIT
 * (over 4 GiB); v is unchanged then. */
int values_append(struct values *v, const struct values *more) MUST_USE;
/* Keeps the first n; n <= values_n. */
void values_cut(struct values *v, uint32_t n);
uint32_t values_n(const struct values *v);
struct ubytes values_at(const struct values *v, uint32_t i);
int values_compare(struct ubytes a, struct ubytes b); /* as memcmp; total */
/* Positions in the order of values, of equal ones the first first: values_n of
 * them, the caller's. NULL: no memory. */
uint32_t *values_sorted(const struct values *v) MUST_USE;
/* Rows of a table as CSV (RFC 4180, LF): columns_n names, then the rows at
 * order[0..n), arguments before the output. inputs are of type takes, a tuple;
 * when several columns spread over one list, its elements. Scalars as in JSON but
 * without its quotes, strings as they are, lists and tuples as JSON. ERR_ENCODING
 * when a row does not have that many columns. */
struct values_table {
    char *const *columns;
    size_t columns_n;
    const struct values *inputs;
    const struct values *outputs;
    const struct type *takes;
    const struct type *gives;
};
int values_put_csv(struct buf *b, const struct values_table *t,
                   const uint32_t *order, uint32_t n) MUST_USE;

/* Builds one: start, then add each value's bytes, then take the whole. init and
 * add: 0, ERR_NOMEM, ERR_LIMIT (over max_bytes; nothing was added). */
struct values_builder {
    struct buf b_;
    uint32_t n_;
};
int values_builder_init(struct values_builder *w, size_t max_bytes) MUST_USE;
int values_builder_add(struct values_builder *w, struct ubytes v) MUST_USE;
/* Adds n values of v, from the first-th on; on failure some of them. */
int values_builder_add_all(struct values_builder *w, const struct values *v,
                           uint32_t first, uint32_t n) MUST_USE;
/* How many values the batch has that begins at value `first` < n: as even as
 * LIMIT_BATCH_VALUES lets them be, fewer when LIMIT_BATCH_BYTES is reached, never
 * none. Depends on the values alone. */
uint32_t values_batch(const struct values *v, uint32_t first);
/* Adds n values of v: those at order[0..n), or its first n when order is NULL. */
int values_builder_pick(struct values_builder *w, const struct values *v,
                        const uint32_t *order, uint32_t n) MUST_USE;
/* The end of a build: decodes it into out, unless code < 0, which it passes on, and
 * releases w. 0, ERR_* as values_decode. */
int values_build(struct values *out, struct values_builder *w,
                 const struct type *t, int code) MUST_USE;
/* Encoded bytes so far, borrowed until the next call. */
struct ubytes values_builder_bytes(struct values_builder *w);
uint32_t values_builder_n(const struct values_builder *w);
void values_builder_release(struct values_builder *w);

#endif
