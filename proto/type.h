/* Types of the values that cross between kernel, candidates and oracles.
 *
 * Canonical bytes, a subset of CML's (one form per type):
 *   01 bool | 03 code integer, code = width 1 2 4 8, +80h if unsigned
 *   04 width(4|8) float | 05 string | 06 bytes | 08 type list
 *   09 u8 n, type*n tuple (n <= TYPE_TUPLE_MAX)
 * Depth <= TYPE_DEPTH_MAX, bytes <= TYPE_BYTES_MAX. Text form, for people:
 *   bool u8..u64 i8..i64 f32 f64 string bytes [T] (T, T, ...) */
#ifndef PROTO_TYPE_H
#define PROTO_TYPE_H

#include "proto/buf.h"

#define TYPE_DEPTH_MAX 6
#define TYPE_TUPLE_MAX 16
#define TYPE_BYTES_MAX 128

enum type_tag {
    TYPE_BOOL = 0x01,
    TYPE_INT = 0x03,
    TYPE_FLOAT = 0x04,
    TYPE_STRING = 0x05,
    TYPE_BYTES = 0x06,
    TYPE_LIST = 0x08,
    TYPE_TUPLE = 0x09
};
#define TYPE_UNSIGNED 0x80

/* One type, as its canonical bytes. A value; copies freely. */
struct type {
    uint8_t n;
    uint8_t b[TYPE_BYTES_MAX];
};

/* 0 or ERR_ENCODING; the bytes must be exactly one type. */
int type_decode(struct ubytes in, struct type *out) MUST_USE;
/* One type from the front of r; what follows stays. 0, or ERR_ENCODING and r is
 * bad. */
int type_read(struct rd *r, struct type *out) MUST_USE;
/* Tag of the type that starts at off, and the offset behind it. t was decoded.
 */
enum type_tag type_tag_at(const struct type *t, size_t off);
size_t type_skip(const struct type *t, size_t off);
/* Sub-type starting at off as a type of its own. */
struct type type_sub(const struct type *t, size_t off);
int type_is_equal(const struct type *a, const struct type *b);
/* Names "u32", "bytes", ...: tag and code of a scalar name; 0 or ERR_INPUT. */
int type_from_name(const char *name, struct type *out) MUST_USE;
/* elem was decoded. n = 0 in the result when it would be over a limit. */
struct type type_list_of(const struct type *elem);
/* 0 or ERR_LIMIT. */
int type_tuple_of(const struct type *elems, size_t n, struct type *out)
    MUST_USE;
/* Text form; cut to n bytes, terminated. */
void type_text(const struct type *t, char *out, size_t n);

#endif
