/* What a run came to: the table and the words after it, or its JSON
 * document. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

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

#endif
