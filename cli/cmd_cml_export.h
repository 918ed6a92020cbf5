/* `proctor cml export --c`: a unit as C, and above it what is known of it. A unit of
 * the store goes out with the verdict that it earned and the ledger's proof of it;
 * one of a file is called what it is, not examined. What the comment says comes from
 * the ledger, none of it from the worker. */
#ifndef CLI_CMD_CML_EXPORT_H
#define CLI_CMD_CML_EXPORT_H

#include "cli/cmd_cml.h"

/* The artifact that a->ref stands for (a name, the number of a VERDICT record, a
 * candidate's CID) into a->bytes[0] and a->texts[0], the comment into a->head.
 * ERR_REFUSED: its verdict is not ADMIT, or was revoked. ERR_NOT_FOUND, ERR_INPUT,
 * ERR_STORE_DAMAGED; a->c->d says. */
int cml_export_load(struct cml_args *a) MUST_USE;
/* Writes NAME.h and NAME.c. The worker's name becomes a file's: it is held to what
 * that may be, and its unit to be the one that was asked for. */
int cml_export_write(struct cml_args *a,
                     const Proctor__CmlReply *r) MUST_USE;

#endif
