/* See heads.h. Command line. */
#include "cli/heads.h"

#include <stdio.h>
#include <string.h>

#include "cli/published.h"
#include "cli/seen.h"
#include "proto/err.h"

static int seen_before(const char *store, struct checkpoint *out_seen,
                       struct diag *d)
{
    struct ledger_identity id;
    int rc = ledger_identity(store, &id, d);

    if (rc == 0) {
        rc = seen_load(id.origin, out_seen, d);
    }
    if (rc == ERR_NOMEM || rc == ERR_INPUT || rc == ERR_IO) {
        return rc;
    }
    if (rc != 0) { /* nothing seen; or heads_after or the kernel will tell */
        memset(out_seen, 0, sizeof(*out_seen));
        diag_init(d);
        err_trace_clear();
    }
    return 0;
}

int heads_before(const char *store, struct checkpoint *out_seen, struct diag *d)
{
    memset(out_seen, 0, sizeof(*out_seen));
    return seen_before(store, out_seen, d);
}

/* A person without a place to remember in is told so; the run stands. */
static int seen_after(const struct published *p, struct diag *d)
{
    int rc = seen_keep(&p->at, buf_bytes(&p->note), d);

    if (rc == ERR_ACCESS || rc == ERR_STORE_RDONLY || rc == ERR_NOT_FOUND) {
        (void)fprintf(stderr, "proctor: note: %s\n", d->what);
        diag_init(d);
        err_trace_clear();
        rc = 0;
    }
    return rc;
}

int heads_after(const char *store, struct diag *d)
{
    struct published p;
    int rc;

    published_init(&p);
    rc = published_read(store, &p, d);
    if (rc == 0) {
        rc = seen_after(&p, d);
    } else if (rc == ERR_NOT_FOUND) {
        diag_init(d);
        rc = 0;
    }
    published_release(&p);
    return rc;
}
