/* Two messages of one type, field by field, by the schema's own tables. */
#ifndef REPLAY_COMPARE_H
#define REPLAY_COMPARE_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base.h"

/* Writes where they first differ, and how: "strata[2].draws: recorded 7, replayed
 * 8". True when they do. Fields in the order of the schema. */
int compare_messages(const ProtobufCMessage *recorded,
                     const ProtobufCMessage *replayed, char *out, size_t n);

#endif
