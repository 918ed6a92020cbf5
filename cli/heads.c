/* See heads.h. Command line. */
#include "cli/heads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosigning.h"
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

/* Without witnesses there is nothing to ask. */
static int witnesses(const char *store, struct diag *d)
{
    CLEANUP(mem_freep) struct cosigning *c = malloc(sizeof(*c));
    int rc;

    if (c == NULL) {
        return diag_set(d, ERR_NOMEM, (struct loc){NULL, 0, 0},
                        "out of memory");
    }
    rc = cosigning_ask(store, c, d);
    if (rc == ERR_NOT_FOUND) {
        diag_init(d);
        err_trace_clear();
        rc = 0;
    }
    return rc;
}

int heads_before(const char *store, struct checkpoint *out_seen, struct diag *d)
{
    memset(out_seen, 0, sizeof(*out_seen));
    TRY(witnesses(store, d));
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
    struct diag own;
    int asked = witnesses(store, d);
    int rc;

    diag_init(&own);
    published_init(&p);
    rc = published_read(store, &p, &own);
    if (rc == 0) {
        rc = seen_after(&p, &own);
    } else if (rc == ERR_NOT_FOUND) {
        rc = 0;
    }
    published_release(&p);
    if (asked == 0 && rc != 0) {
        *d = own;
    }
    return asked != 0 ? asked : rc;
}
