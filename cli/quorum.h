/* A person's own policy file (proto/tlog_policy.h) against a checkpoint's note:
 * is the log one that they know, did enough witnesses cosign? */
#ifndef CLI_QUORUM_H
#define CLI_QUORUM_H

#include "proto/diag.h"
#include "proto/tlog_policy.h"

/* 0; ERR_REFUSED (no quorum, or a known witness's line is not its cosignature),
 * ERR_INPUT (no policy, or no note), ERR_NOT_FOUND, ERR_IO, ERR_NOMEM; d says. */
int quorum_check(const char *policy, struct ubytes note,
                 struct diag *d) MUST_USE;
/* Origin and key, by the policy, of the note's log. Same errors. */
int quorum_log(const char *policy, struct ubytes note,
               char out_origin[static NOTE_ORIGIN_BYTES],
               uint8_t out_key[static 32], struct diag *d) MUST_USE;

#endif
