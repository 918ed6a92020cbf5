/* One request to a witness over HTTP (C2SP tlog-witness), ours or anybody's. */
#ifndef CLI_HTTP_WITNESS_POST_H
#define CLI_HTTP_WITNESS_POST_H

#include "proto/buf.h"

#define WITNESS_POST_WHY_BYTES 160

/* POSTs body to URL/add-checkpoint. URL: https://..., http://..., or unix:PATH.
 * *out_status: of HTTP; reply: its text. 0, or ERR_CLOSED (not reached, or no
 * answer in time), ERR_INPUT (no such URL), ERR_NOMEM with why. Waits 15 s at
 * most; follows nothing, and takes no more than reply holds. */
int witness_post(const char *url, struct ubytes body, unsigned *out_status,
                 struct buf *reply,
                 char out_why[static WITNESS_POST_WHY_BYTES]) MUST_USE;

#endif
