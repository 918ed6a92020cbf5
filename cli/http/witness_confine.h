/* How a witness shuts itself in before it hears its first byte: nothing of the
 * file system but its own folder, no new privileges, no new files above small
 * limits, and where root started it, the folder's owner's uid instead. */
#ifndef CLI_HTTP_WITNESS_CONFINE_H
#define CLI_HTTP_WITNESS_CONFINE_H

#include "proto/diag.h"

/* dir_fd: the witness's folder. Cannot be undone. 0, or ERR_CONFINE with d: the
 * caller must not go on. */
int witness_confine(int dir_fd, struct diag *d) MUST_USE;

#endif
