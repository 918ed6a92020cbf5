/* Experiments in words and what is read back of a run directory. */
#include "cli/experiment_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/id.h"
#include "cli/json_read.h"
#include "cli/ledger.h"
#include "cli/look_text.h"
#include "cli/files.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/record.h"

#define JSON_BYTES_MAX ((size_t)64 << 20)

void experiment_text_plan(const char *summary)
{
    while (*summary != '\0') {
        size_t n = strcspn(summary, "\n");

        term_put_text(stdout, (struct ubytes){(const uint8_t *)summary, n},
                      1024);
        fputc('\n', stdout);
        summary += n;
        summary += *summary == '\n';
    }
}

static int load(const struct experiment_run *r, uint64_t ref,
                enum record_kind kind, struct ledger_entry *e)
{
    struct diag d;
    int rc;

    diag_init(&d);
    rc = ref == 0 ? ERR_NOT_FOUND : ledger_get(r->store, ref - 1, e, &d);
    err_trace_clear();
    return rc == 0 && e->r.kind == kind;
}

void experiment_text_measured(const struct experiment_run *r,
                              char out[static EXPERIMENT_LINE_BYTES])
{
    struct ledger_entry look, exam;
    char score[LOOK_SCORE_BYTES];
    int n = 0;

    out[0] = '\0';
    ledger_entry_init(&look);
    ledger_entry_init(&exam);
    if (load(r, r->look_ref, RECORD_LOOK, &look)) {
        look_score(&look.r, RF_LOOK_loss, score);
        n = record_u(&look.r, RF_LOOK_outcome) == LOOK_BETTER
                ? snprintf(out, EXPERIMENT_LINE_BYTES,
                           "%s, better than all before it (record %" PRIu64 ")",
                           score, look.r.seq)
            : record_u(&look.r, RF_LOOK_outcome) == LOOK_NOT_BETTER
                ? snprintf(out, EXPERIMENT_LINE_BYTES,
                           "no better than the best before it, %s (record "
                           "%" PRIu64 ")", score, look.r.seq)
                : snprintf(out, EXPERIMENT_LINE_BYTES,
                           "void: as good on labels of other rows (record "
                           "%" PRIu64 ")", look.r.seq);
    }
    if (load(r, r->holdout_ref, RECORD_HOLDOUT, &exam) && n >= 0 &&
        n < EXPERIMENT_LINE_BYTES) {
        (void)snprintf(out + n, EXPERIMENT_LINE_BYTES - (size_t)n,
                       "%sexam: %s (record %" PRIu64 ")", n > 0 ? "; " : "",
                       verdict_name((unsigned)record_u(&exam.r,
                                                       RF_HOLDOUT_verdict)),
                       exam.r.seq);
    }
    ledger_entry_release(&look);
    ledger_entry_release(&exam);
}

static void print_claims(const struct metrics *m)
{
    const struct metrics_row *row;

    if (m->rows_n == 0) {
        return;
    }
    row = &m->rows[m->rows_n - 1];
    printf("  claimed    ");
    for (size_t i = 0; i < m->names_n; i++) {
        if ((row->has >> i & 1) != 0 && strcmp(m->names[i], "measured") != 0) {
            printf("%s%s %.6g", i > 0 ? ", " : "", m->names[i], row->v[i]);
        }
    }
    printf("  (by its trainer, of its own rows, epoch %" PRIu32 ")\n",
           row->epoch);
}

/* What the kernel measured on rows that were kept from a train task. */
static void print_validation(const struct experiment_run *r)
{
    for (size_t k = 0; k < r->trains_n; k++) {
        const struct metrics *m = &r->trains[k].metrics;
        const struct metrics_row *row =
            m->rows_n > 0 ? &m->rows[m->rows_n - 1] : NULL;

        for (size_t i = 0; row != NULL && i < m->names_n; i++) {
            if (strcmp(m->names[i], "measured") == 0 &&
                (row->has >> i & 1) != 0) {
                printf("  %-10s %.6g  (by the kernel, of rows whose labels no "
                       "worker had)\n", r->trains[k].task, row->v[i]);
            }
        }
    }
}

void experiment_text_print(const struct experiment_run *r)
{
    char measured[EXPERIMENT_LINE_BYTES];
    char digits[CID_TEXT_BYTES];

    if (r->c->json) {
        return;
    }
    printf("%s: %s after %.2f s\n", r->x->name, r->status, r->wall_s);
    if (r->why[0] != '\0') {
        printf("  why        ");
        term_put_text(stdout, (struct ubytes){(const uint8_t *)r->why,
                                              strlen(r->why)}, sizeof(r->why));
        fputc('\n', stdout);
    }
    if (r->trains_n > 0) {
        print_claims(&r->trains[r->trains_n - 1].metrics);
    }
    print_validation(r);
    experiment_text_measured(r, measured);
    if (measured[0] != '\0') {
        printf("  measured   %s\n", measured);
    }
    if (!cid_is_zero(&r->weights)) {
        cid_text(&r->weights, digits);
        printf("  weights    %s\n", digits);
    }
    printf("  run        %s\n", r->dir.path);
    if (strcmp(r->status, "stopped") == 0) {
        printf("  go on      proctor experiment run --resume %s\n", r->dir.path);
    }
}

int experiment_text_member(const struct experiment_dir *dir, const char *file,
                           const char *path, struct buf *out, struct diag *d)
{
    CLEANUP(buf_release) struct buf text;
    struct json_read *j = NULL;
    char whole[PATH_MAX];
    int rc;

    buf_init(&text, JSON_BYTES_MAX);
    (void)snprintf(whole, sizeof(whole), "%.4000s/%.80s", dir->path, file);
    rc = files_read(whole, JSON_BYTES_MAX, &text);
    rc = rc == 0 ? json_read_new(&j) : rc;
    rc = rc == 0 ? json_read_text(j, buf_bytes(&text), JSON_BYTES_MAX) : rc;
    rc = rc == 0 ? json_read_string(j, path, out) : rc;
    json_read_free(j);
    if (rc != 0) {
        (void)diag_set(d, rc, (struct loc){0}, "%.180s: %s", whole,
                       rc == ERR_NOT_FOUND ? "it is not there, or says nothing "
                                             "of this"
                                           : err_text(rc));
        diag_hint(d, "a run directory is made by `proctor experiment run`");
    }
    return rc;
}
