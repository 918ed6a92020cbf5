#include "cli/cob.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static int in_order(const void *x, const void *y)
{
    const struct cob_row *a = x;
    const struct cob_row *b = y;
    int d = (a->a.n > b->a.n) - (a->a.n < b->a.n);

    d = d != 0 ? d : strcmp(a->a.did, b->a.did);
    return d != 0 ? d : memcmp(a->hash.b, b->hash.b, CID_BYTES);
}

static int by_name(const void *x, const void *y)
{
    const struct cob_field *a = x;
    const struct cob_field *b = y;

    return strcmp(a->name, b->name);
}

static void say(struct cob *c, const struct cob_row *r)
{
    const char *name = assertion_field(r->a.operation);
    size_t i = 0;

    c->is_deleted = strcmp(r->a.operation, "DELETE") == 0;
    if (c->is_deleted) {
        c->n = 0;
        return;
    }
    while (i < c->n && strcmp(c->fields[i].name, name) != 0) {
        i++;
    }
    c->n += i == c->n;
    c->fields[i] = (struct cob_field){name, r};
}

int cob_reduce(struct cob_row *rows, size_t *io_n, struct cob *out)
{
    size_t kept = 0;

    *out = (struct cob){.fields = calloc(*io_n + 1, sizeof(*out->fields))};
    if (out->fields == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (*io_n > 1) {
        qsort(rows, *io_n, sizeof(*rows), in_order);
    }
    for (size_t i = 0; i < *io_n; i++) {
        if (kept == 0 || !cid_is_equal(&rows[kept - 1].hash, &rows[i].hash)) {
            rows[kept++] = rows[i];
        }
    }
    *io_n = kept;
    for (size_t i = 0; i < kept; i++) {
        say(out, &rows[i]);
    }
    if (out->n > 1) {
        qsort(out->fields, out->n, sizeof(*out->fields), by_name);
    }
    return 0;
}

void cob_release(struct cob *c)
{
    free(c->fields);
    *c = (struct cob){0};
}
