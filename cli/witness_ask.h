/* One request to a witness, by way of proctor-witness (cli/http): this program
 * opens no connection. */
#ifndef CLI_WITNESS_ASK_H
#define CLI_WITNESS_ASK_H

#include "proto/buf.h"

#define WITNESS_WHY_BYTES 160
#define WITNESS_PROGRAM "proctor-witness"

/* POSTs body to URL/add-checkpoint. *out_status: of HTTP; reply: its text. 0, or
 * ERR_CLOSED with why: not reached, no answer in time (15 s), none that fits. */
int witness_ask(const char *url, struct ubytes body, unsigned *out_status,
                struct buf *reply,
                char out_why[static WITNESS_WHY_BYTES]) MUST_USE;

#endif
