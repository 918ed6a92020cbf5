/* Records and objects in full, as text, JSON or raw bytes on standard
 * output. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <protobuf-c/protobuf-c.h>

#include "cli/cli.h"
#include "cli/index.h"
#include "proto/cid.h"

struct show_args {
    struct cli *c;
    const char *id;
    int raw;
    const ProtobufCMessageDescriptor *as; /* NULL: what it is named as */
};

int show_record(struct show_args *a, const char *store, uint64_t seq) MUST_USE;
int show_object(struct show_args *a, const char *store, struct index *ix,
                const struct cid *cid) MUST_USE;

#endif
