/* What `proctor cml assert` says, and the part of it that another writer signs. */
#ifndef CLI_CML_SIGN_H
#define CLI_CML_SIGN_H

#include "cli/cli.h"
#include "cli/index.h"
#include "cli/request.h"
#include "proto/assertion.h"

#define CML_SAID_UNIT_BYTES 128

struct said {
    struct cli *c;
    const char *words[3]; /* ref, operation, file */
    size_t words_n;
    char *leaf; /* borrowed, like all of these; or NULL */
    char *type;
    char *cid;
    const char *key;
    const char *did;
    uint64_t expect; /* plus one; 0: any */
    struct assertion a;
    struct cid payload;
    uint8_t signature[64]; /* when there is a key */
    char path[PATH_MAX];   /* of the payload's file; "": there is none */
    char unit[CML_SAID_UNIT_BYTES]; /* of it; "": it is a bundle */
    struct request request;
    char *overrides[2]; /* owned */
};

/* Payload, number, predecessor and signature of a, whose did, path and operation
 * are set. ERR_TASK_FAILED: fewer stand there than are expected. */
int cml_sign(struct said *a, struct index *ix) MUST_USE;

#endif
