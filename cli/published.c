/* See published.h. Command line; reads only. */
#include "cli/published.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/files.h"
#include "proto/err.h"

void published_init(struct published *p)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->note, NOTE_BYTES_MAX);
}

void published_release(struct published *p)
{
    buf_release(&p->note);
}

int published_read(const char *store, struct published *out, struct diag *d)
{
    char path[PATH_MAX];
    int rc = ledger_identity(store, &out->id, d);

    if (rc != 0) {
        return rc;
    }
    (void)snprintf(path, sizeof(path), "%s/ledger/checkpoint", store);
    buf_reset(&out->note);
    rc = files_read(path, NOTE_BYTES_MAX, &out->note);
    if (rc == 0 && ledger_note(store, &out->id, buf_bytes(&out->note),
                               &out->at) != 0) {
        rc = ERR_STORE_DAMAGED;
    }
    if (rc != 0) {
        (void)diag_set(d, rc, (struct loc){store, 0, 0},
                       "ledger/checkpoint cannot be used: %s", err_text(rc));
    }
    return rc;
}
