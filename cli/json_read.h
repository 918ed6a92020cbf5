/* Reading JSON that came from outside: SQLite's reader, which the index brings
 * along, asked for single members by path. Nothing is guessed: a member of
 * another type than asked for is not there. */
#ifndef CLI_JSON_READ_H
#define CLI_JSON_READ_H

#include "proto/buf.h"

struct json_read;

/* ERR_NOMEM. */
int json_read_new(struct json_read **out) MUST_USE;
void json_read_free(struct json_read *j);

/* The text that is asked from here on; borrowed. ERR_INPUT when it is no JSON
 * object (RFC 8259, UTF-8, at most max_bytes, no NUL). */
int json_read_text(struct json_read *j, struct ubytes text,
                   size_t max_bytes) MUST_USE;
/* A string member, by a JSON path of ours ("$.a.b"): appended. ERR_NOT_FOUND
 * (no such member, or no string), ERR_LIMIT, ERR_NOMEM. */
int json_read_string(struct json_read *j, const char *path,
                     struct buf *out) MUST_USE;
/* The bytes of a string member of base64, of either alphabet, padded. Also
 * ERR_INPUT. */
int json_read_base64(struct json_read *j, const char *path,
                     struct buf *out) MUST_USE;
/* Members of the array at path; 0 when there is none. */
size_t json_read_count(struct json_read *j, const char *path);
/* True when the object at the top names each of its members once. */
int json_read_has_no_twins(struct json_read *j);

/* The first member whose value differs between two texts, or which one of them
 * lacks, by its path; "" when there is none. Both must be JSON. */
#define JSON_READ_PATH_BYTES 128
void json_read_difference(struct json_read *j, struct ubytes a, struct ubytes b,
                          char out[static JSON_READ_PATH_BYTES]);

#endif
