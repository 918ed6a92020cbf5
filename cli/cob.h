/* Collaborative objects: what all assertions about one thing come to. A pure
 * function of their set: the order in which they arrived and repeats change
 * nothing. Source: spec cml section 11, X18. */
#ifndef CLI_COB_H
#define CLI_COB_H

#include "proto/assertion.h"

struct cob_row {
    struct assertion a;
    struct cid hash; /* of a */
};

struct cob_field {
    const char *name; /* TITLE; "" = the whole, by SET and UPDATE; borrowed */
    const struct cob_row *by; /* that says it last */
};

struct cob {
    int is_deleted;           /* nothing was said after the last DELETE */
    struct cob_field *fields; /* owned; sorted by name */
    size_t n;
};

/* Orders rows by number, then DID, then hash, drops repeats, and folds: the last
 * word about a field counts, DELETE ends all that was said before it. Changes the
 * order of rows; *io_n: how many are left. ERR_NOMEM. */
int cob_reduce(struct cob_row *rows, size_t *io_n, struct cob *out) MUST_USE;
void cob_release(struct cob *c);

#endif
