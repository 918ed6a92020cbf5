/* The published checkpoint of a store (ledger/checkpoint), as a note and checked:
 * the form in which a head is handed to others, remembered and cosigned. */
#ifndef CLI_PUBLISHED_H
#define CLI_PUBLISHED_H

#include "cli/ledger.h"

struct published {
    struct ledger_identity id;
    struct checkpoint at;
    struct buf note; /* its bytes, verified under the log's key */
};

void published_init(struct published *p);
void published_release(struct published *p);
/* 0; ERR_NOT_FOUND (no record yet, or none published), ERR_STORE_DAMAGED,
 * ERR_NOMEM, ERR_IO with d. */
int published_read(const char *store, struct published *out,
                   struct diag *d) MUST_USE;

#endif
