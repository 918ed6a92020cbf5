/* Protobuf objects for people and as JSON, by reflection over the schema: names
 * and order are those of the .proto files. Canonical values, types and domains
 * inside are written in their own readable forms. Strings may quote workers:
 * text output is escaped and cut. */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

#include "proto/type.h"

struct json;

/* Types of the values inside (Evidence and Counterexample carry none of their
 * own); n == 0 = unknown, values are then hex. */
struct message_types {
    struct type takes;
    struct type gives;
};

/* Sets t from an exam's fields `takes` and `gives`; unknown when malformed. */
void message_types_set(struct message_types *t, struct ubytes takes,
                       struct ubytes gives);

/* Lines "name: value", indented by `indent` spaces. 0, ERR_NOMEM, ERR_LIMIT. */
int message_print(FILE *to, const ProtobufCMessage *m,
                  const struct message_types *t, unsigned indent) MUST_USE;
/* One object as member `key`; errors stay in j. */
void message_json(struct json *j, const char *key, const ProtobufCMessage *m,
                  const struct message_types *t);

/* Calls fn for every bytes field of m and of the messages inside it, with the
 * type of the message that holds it and the field's name. Stops at what fn
 * returns if not 0. */
int message_each_bytes(const ProtobufCMessage *m,
                       int (*fn)(void *ctx,
                                 const ProtobufCMessageDescriptor *of,
                                 const char *field, struct ubytes v),
                       void *ctx) MUST_USE;

/* A value as one line of JSON, or its bytes as a JSON string of hex digits when
 * t is NULL or does not fit. */
int message_value(struct buf *out, struct ubytes v,
                  const struct type *t) MUST_USE;

#endif
