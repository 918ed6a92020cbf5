/* Shared by collect*.c. */
#ifndef CLI_COLLECT_INT_H
#define CLI_COLLECT_INT_H

#include "cli/collect.h"
#include "proto/cid.h"

/* Adds what no record reaches; the ledger was checked. */
int collect_objects(const struct collect_ask *ask, struct collect *out,
                    struct diag *d) MUST_USE;
/* Adds the rest; checked says which checkpoint is published. */
int collect_files(const struct collect_ask *ask,
                  const struct audit_result *checked, struct collect *out,
                  struct diag *d) MUST_USE;

/* A copy of the item goes to the end of the list. */
int collect_add(struct collect *g, const struct collect_item *item) MUST_USE;
/* Size and age of a file below the store; true when it is a regular file. */
int collect_look(const char *store, struct collect_item *item);

#endif
