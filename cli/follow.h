/* `proctor log --follow`: records as they become durable, until the person ends
 * it. Reads the segments; needs no kernel and keeps none from its work. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/log_filter.h"
#include "cli/log_print.h"

/* Prints what passes f from record `from` on. A batch is printed only once it is
 * on the disk; an unfinished one, or a kernel that died in the middle of one, is
 * waited for. SIGINT and SIGTERM end it: 0. ERR_STORE_DAMAGED, ERR_IO. */
int follow(const char *store, uint64_t from, const struct log_filter *f,
           struct log_print *p, struct diag *d) MUST_USE;

#endif
