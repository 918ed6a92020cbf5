/* References (M4) that a unit still has, by name and place: a closed artifact has
 * none. */
#ifndef WORKERS_CML_CLOSED_H
#define WORKERS_CML_CLOSED_H

#include "workers/cml/document.h"

/* Where a unit's text has the Reference of this id; NULL: nowhere in it. */
const struct term *closed_term(const struct term *t, uint32_t id);
/* ERR_INPUT: the unit, or one that it calls, has a reference that is open; d names
 * it. did: the store's, or "". ERR_NOMEM. */
int closed_check(const struct document *doc, uint32_t unit, const char *did,
                 struct diag *d) MUST_USE;

#endif
