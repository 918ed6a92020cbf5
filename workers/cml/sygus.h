/* SyGuS-IF files, version 2 and the form of version 1: problems by example over
 * bit-vectors of 8, 16, 32 and 64 bits, strings, integers and Booleans. A grammar
 * becomes the enumerator's, non-terminal by non-terminal; macros (define-fun) are
 * written out where they stand. Everything else is refused by name and place.
 * Contract: docs/synth-files.md. Runs in the `cml` worker, on foreign bytes. */
#ifndef WORKERS_CML_SYGUS_H
#define WORKERS_CML_SYGUS_H

#include "workers/cml/pbe.h"

/* Does the text look like one: is its first word, behind comments, a "("? */
int sygus_is(struct ubytes in);
/* Fills p, which pbe_settle then closes. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int sygus_read(struct pbe *p, struct ubytes in) MUST_USE;

#endif
