/* Which object a hash in a record or in another object names: its message type,
 * and whether a whole store must hold it. */
#ifndef CLI_KINDS_H
#define CLI_KINDS_H

#include <protobuf-c/protobuf-c.h>

#include "proto/record.h"

#define KINDS_ANY 2

struct kinds_info {
    const ProtobufCMessageDescriptor *type; /* NULL: plain bytes */
    int is_stored; /* the store must hold it; KINDS_ANY: a message of any type,
                    * of which `type` is the usual one */
};

/* For a HASH field: NULL when it names no object (keys, seeds, leaf hashes,
 * binaries). */
const struct kinds_info *kinds_of_field(enum record_field f);
/* For field `field` of a record of kind `kind` (both by name), as the index
 * keeps them. */
const struct kinds_info *kinds_of_mention(const char *kind, const char *field);
/* For a bytes field of a message. */
const struct kinds_info *kinds_of_member(const ProtobufCMessageDescriptor *of,
                                         const char *field);

/* Message types by the name that --as takes ("evidence"); NULL = none. */
const ProtobufCMessageDescriptor *kinds_type(const char *name);
/* The i-th such name, NULL past the last. */
const char *kinds_type_name(size_t i);

#endif
