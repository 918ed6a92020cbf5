/* What a run came to: the table and the words after it, or its JSON
 * document. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "cli/ledger.h"
#include "cli/session.h"

enum outcome_of {
    OUTCOME_RUN,
    OUTCOME_DRY_RUN,
    OUTCOME_CHECK
};

/* Reports s's answer, a RUN_DONE, on standard output; the kernel has ended, so
 * the store's files are at rest. store NULL: nothing was recorded. Returns 0 or
 * the run's code, told already. */
int outcome_report(struct session *s, const char *store,
                   enum outcome_of of) MUST_USE;

/* The VERDICT that an exam's row stands on: what its TASK record names, else
 * the last one of this run. Its number plus one, 0 = none. */
uint64_t outcome_verdict(const char *store, const Proctor__RunDone *done,
                         const Proctor__TaskRow *row) MUST_USE;
/* Reads that record into e, which is initialised. True when it is a VERDICT. */
int outcome_verdict_load(const char *store, uint64_t seq_ref,
                         struct ledger_entry *e);

#endif
