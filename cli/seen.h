/* A person's own memory of the ledgers they have worked with, as ssh's
 * known_hosts: per origin the largest published checkpoint, as the signed note
 * it was, in $XDG_STATE_HOME/proctor/heads (else ~/.local/state/proctor/heads).
 * A store that was put back from an older copy knows nothing of what it lost;
 * the person's memory does. The note is also what shows others that the log was
 * forked. */
#ifndef CLI_SEEN_H
#define CLI_SEEN_H

#include <limits.h>

#include "proto/diag.h"
#include "proto/note.h"

/* The head of that origin. ERR_NOT_FOUND: none was seen; ERR_ACCESS (no folder
 * to remember in, or it cannot be read), ERR_INPUT (the file there is no
 * checkpoint of this origin), ERR_NOMEM, ERR_IO; d says. */
int seen_load(const char *origin, struct checkpoint *out,
              struct diag *d) MUST_USE;
/* The file of that head; empty without a home. */
void seen_path(const char *origin, char out[static PATH_MAX]);
/* Remembers a verified note of that checkpoint, unless one at least as large is
 * there. Durable. ERR_ACCESS, ERR_SPACE, ERR_STORE_RDONLY, ERR_IO, ERR_NOMEM; d
 * says. */
int seen_keep(const struct checkpoint *at, struct ubytes note,
              struct diag *d) MUST_USE;

#endif
