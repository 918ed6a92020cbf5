/* What `proctor exam` came to: one verdict, in words or as its JSON document. */
#ifndef CLI_EXAM_REPORT_H
#define CLI_EXAM_REPORT_H

#include "cli/exam_ask.h"
#include "cli/session.h"

/* Reports s's answer, a RUN_DONE; the kernel has ended. Returns 0 when the
 * candidate was admitted, else the run's code, told already. */
int exam_report(struct session *s, const struct exam_ask *a,
                const char *store) MUST_USE;
/* The same JSON document for a failure before there was an answer: it is c->d, and
 * what s heard. store may be NULL. */
int exam_report_failure(struct session *s, const char *store,
                        int code) MUST_USE;

#endif
