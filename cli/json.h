/* A small JSON writer on a growing buffer. Always makes valid UTF-8 JSON: bytes
 * that are none become U+FFFD, floats that JSON lacks become strings. The first
 * error stays and is returned by json_end; callers need not check between. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "proto/buf.h"

#define JSON_DEPTH_MAX 32

struct json {
    struct buf b_;
    int rc_;
    unsigned depth_;
    uint32_t filled_; /* bit d: level d holds a member already */
    uint32_t array_;  /* bit d: level d is an array */
};

void json_init(struct json *j);
void json_release(struct json *j);

/* key: name of the member; NULL at the top and inside arrays. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_close(struct json *j); /* the innermost object or array */
void json_str(struct json *j, const char *key, const char *s);
void json_text(struct json *j, const char *key, struct ubytes s);
void json_hex(struct json *j, const char *key, const void *p, size_t n);
/* Standard alphabet, padded. */
void json_base64(struct json *j, const char *key, struct ubytes bytes);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_f64(struct json *j, const char *key, double v);
/* Seconds, to the millisecond. */
void json_ms(struct json *j, const char *key, double seconds);
void json_bool(struct json *j, const char *key, int v);
void json_null(struct json *j, const char *key);
/* A value that is JSON already (one line, from our own printers). */
void json_raw(struct json *j, const char *key, struct ubytes json);

/* 0 when everything is closed and nothing failed; the text is then in *out,
 * borrowed from j. */
int json_end(struct json *j, struct ubytes *out) MUST_USE;

#endif
