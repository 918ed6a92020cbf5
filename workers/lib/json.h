/* One line of JSON -> one canonical value of a type that is known beforehand.
 * The text comes from a candidate or an oracle: hostile. Strict, exact, one
 * pass, no recursion (the type bounds the depth).
 *
 * Accepted, by type; JSON white space (space, tab, CR) may stand between
 *   tokens: bool     true, false
 *   integer  -?(0|[1-9][0-9]*) within the range of the type. Not 1.0, 1e3, -0,
 *            007, "7": an integer has one spelling
 *   float    any JSON number, rounded once, to nearest even, straight into the
 *            width of the type; at most 512 characters. NaN, Infinity,
 *            -Infinity, bare or quoted, and numbers too large for the width:
 *   non-finite string   a JSON string: the escapes of RFC 8259, surrogates only
 *            in pairs, valid UTF-8, no NUL, no raw control character
 *   bytes    a string of an even number of hex digits, either case, no escapes
 *   list, tuple   an array; a tuple's has exactly its number of elements
 * null, objects and anything behind the value are refused. */
#ifndef WORKERS_LIB_JSON_H
#define WORKERS_LIB_JSON_H

#include "proto/type.h"

enum json_outcome {
    JSON_OK = 0,
    JSON_E_MALFORMED = 1, /* not a value of the type */
    JSON_E_NONFINITE = 2  /* holds a float that is not finite */
};

/* What was wrong, for a person; may quote the line: hostile text. */
struct json_error {
    size_t at; /* offset in the line, bytes */
    char what[120];
};

/* Makes ${out} the value of ${line} (no newline in it). On an outcome other
 * than JSON_OK ${err} is set and ${out} is empty. Negative: ERR_NOMEM,
 * ERR_LIMIT (out is full), ERR_ENCODING (t is no type). O(n). */
int json_read(struct ubytes line, const struct type *t, struct buf *out,
              struct json_error *err) MUST_USE;

#endif
