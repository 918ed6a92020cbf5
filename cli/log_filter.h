/* Which records `proctor log` is asked for: as a query of the index for those
 * that it covers, and record by record for those that come later. */
#ifndef CLI_LOG_FILTER_H
#define CLI_LOG_FILTER_H

#include "cli/index.h"
#include "cli/records.h"

struct log_filter {
    enum record_kind kind; /* RECORD_NONE: any */
    const char *task;      /* NULL: any; so are the rest */
    const char *ref;
    const char *object; /* as typed; cid is set by log_filter_resolve */
    struct cid cid;
    uint64_t run;
    int has_run;
    uint64_t since_ns; /* 0: from the first */
    uint64_t until_ns; /* UINT64_MAX: to the last */
    uint64_t last;     /* newest so many of them */
    int has_last;
};

void log_filter_init(struct log_filter *f);
/* Local time "2026-11-21", "2026-11-21 03:04" or "... 03:04:05" (a T may stand
 * for the space); with a Z at the end UTC. 0 or ERR_INPUT. */
int log_filter_time(const char *text, uint64_t *out_ns) MUST_USE;
/* f->object, an ID or digits of one, becomes f->cid. ERR_NOT_FOUND, ERR_INPUT;
 * d says which. */
int log_filter_resolve(struct log_filter *f, const char *store,
                       struct index *ix, struct diag *d) MUST_USE;
/* The records of the index that pass, by number: each row is a record_at
 * (log_filter_row). */
int log_filter_query(const struct log_filter *f, struct index *ix,
                     sqlite3_stmt **out, struct diag *d) MUST_USE;
struct record_at log_filter_row(sqlite3_stmt *q);
/* True when a record passes (f->last aside). */
int log_filter_takes(const struct log_filter *f, const struct record *r);

#endif
