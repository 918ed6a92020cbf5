/* `proctor export --verify`: is an exported statement what the ledger says? Needs
 * no store. */
#ifndef CLI_EXPORT_CHECK_H
#define CLI_EXPORT_CHECK_H

#include "cli/pem.h"
#include "cli/statement.h"
#include "cli/vkey.h"

/* The payload of an envelope: takes proof and objects from it, the subjects'
 * SHA-256 from the files (paths), writes the statement anew into s and compares
 * bytes. 0; ERR_TASK_FAILED (d names the member that the ledger does not say);
 * ERR_INPUT (no such statement, or a file is missing); ERR_NOMEM, ERR_IO. s is
 * initialised. */
int export_check(struct ubytes payload, const struct vkey *log, char **files,
                 size_t files_n, struct statement *s, struct diag *d) MUST_USE;

#endif
