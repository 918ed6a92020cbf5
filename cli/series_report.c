/* `proctor runs audit`: the ledger and every object, then what makes series of
 * them, as one report. Runs nothing, writes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/cli.h"
#include "cli/series.h"
#include "cli/term.h"
#include "proto/err.h"

struct hearing {
    struct cli *c;
    const char *store;
    struct series_all series;
    struct json *j; /* NULL without --json */
    uint64_t notes;
    uint64_t damage;
};

static void tell(struct hearing *h, int is_damage, const char *where,
                 const char *what)
{
    h->damage += is_damage != 0;
    h->notes += is_damage == 0;
    if (h->j != NULL) {
        json_object(h->j, NULL);
        json_str(h->j, "grade", is_damage ? "error" : "warning");
        json_str(h->j, "where", where);
        json_str(h->j, "what", what);
        json_close(h->j);
        return;
    }
    fprintf(stderr, "%s: %s: ", where, is_damage ? "error" : "warning");
    term_put_text(stderr, (struct ubytes){(const uint8_t *)what, strlen(what)},
                  400);
    fputc('\n', stderr);
}

static void hear_ledger(void *ctx, const struct audit_finding *f)
{
    tell(ctx, f->grade == AUDIT_DAMAGE, f->where, f->what);
}

static void hear_nothing(void *ctx, const char *phase, uint64_t done)
{
    (void)ctx;
    (void)phase;
    (void)done;
}

static void hear_series(void *ctx, const char *where, const char *what)
{
    tell(ctx, 1, where, what);
}

/* One line per series; the runs that are not finished are counted. */
static size_t tell_lengths(const struct series_all *all, struct json *j)
{
    size_t open_n = 0;

    for (size_t k = 0; k < all->n; k++) {
        const struct series *s = &all->v[k];

        open_n += (size_t)series_is_open(s);
        if (j != NULL) {
            json_object(j, NULL);
            json_str(j, "name", s->name);
            json_u64(j, "inputs", s->inputs_n);
            json_u64(j, "outputs", s->outputs_n);
            json_bool(j, "open", series_is_open(s));
            json_close(j);
        } else if (series_is_open(s)) {
            printf("%s: %zu inputs, %zu outputs: run %zu did not finish\n",
                   s->name, s->inputs_n, s->outputs_n, s->inputs_n - 1);
        } else {
            printf("%s: %zu inputs, %zu outputs\n", s->name, s->inputs_n,
                   s->outputs_n);
        }
    }
    return open_n;
}

static int audit_all(struct hearing *h)
{
    const struct audit_ears ears = {hear_ledger, hear_nothing, h};
    const struct series_ears series_ears = {hear_series, h};
    struct audit_result r;

    TRY(audit_run(h->store, 1, &ears, &r, &h->c->d));
    if (r.unnamed > 0) {
        char what[96];

        (void)snprintf(what, sizeof(what),
                       "%" PRIu64 " files that no record leads to", r.unnamed);
        tell(h, 0, "objects", what);
    }
    if (series_load(h->store, &h->series, &h->c->d) != 0) {
        tell(h, 1, "ledger", h->c->d.what); /* the lists end where it does */
        diag_init(&h->c->d);
        err_trace_clear();
        return 0;
    }
    return series_audit(&h->series, h->store, &series_ears);
}

static int end(const struct hearing *h, size_t open_n)
{
    h->c->told = h->damage > 0 || open_n > 0;
    if (h->damage > 0) {
        return cli_fail(h->c, ERR_STORE_DAMAGED, "the runs are damaged");
    }
    return open_n > 0 ? cli_fail(h->c, ERR_TASK_FAILED, "a run did not finish")
                      : 0;
}

static int report(struct hearing *h, struct json *j)
{
    size_t open_n;

    json_object(j, NULL);
    json_array(j, "findings");
    TRY(audit_all(h));
    json_close(j);
    json_array(j, "series");
    open_n = tell_lengths(&h->series, h->j);
    json_close(j);
    json_bool(j, "clean", h->damage == 0 && open_n == 0);
    json_u64(j, "errors", h->damage);
    json_u64(j, "warnings", h->notes);
    json_u64(j, "unfinished", open_n);
    json_close(j);
    if (h->j != NULL) {
        TRY(cli_emit(h->c, j));
    } else {
        printf("%s\n", h->damage > 0 ? "runs are DAMAGED"
                       : open_n > 0  ? "nothing is damaged"
                                     : "clean: every run is what was recorded");
    }
    return end(h, open_n);
}

int series_audit_report(struct cli *c, const char *store)
{
    struct json j;
    struct hearing h = {.c = c, .store = store, .j = c->json ? &j : NULL};
    int code;

    json_init(&j);
    code = report(&h, &j);
    json_release(&j);
    series_release(&h.series);
    return code;
}
