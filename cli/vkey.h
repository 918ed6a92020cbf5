/* A log's verifier key as a person gives it: the line itself, or a file whose
 * first line it is (ledger/vkey). */
#ifndef CLI_VKEY_H
#define CLI_VKEY_H

#include "cli/cli.h"
#include "proto/note.h"

struct vkey {
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
};
/* 0, or an ERR_* with c->d set. */
int vkey_read(struct cli *c, const char *given, struct vkey *out) MUST_USE;

#endif
