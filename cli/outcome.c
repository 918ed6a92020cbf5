/* The end of a run in words. Facts come from the answer and from the ledger's
 * records; reasons may quote workers and are escaped. */
#include "cli/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exam_text.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/holdout_text.h"
#include "cli/loaded.h"
#include "cli/look_text.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

#define REASON_BYTES 600

static struct ubytes text_of(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

/* The last VERDICT on a task, or on its repair, in the run's records. */
struct search {
    const char *task;
    uint64_t end; /* records of the run are below it */
    uint64_t seq_ref;
};

static int match(void *ctx, const struct record *r, struct ubytes entry,
                 const struct merkle_hash *leaf)
{
    struct search *s = ctx;
    struct ubytes task;
    size_t n = strlen(s->task);

    (void)entry;
    (void)leaf;
    if (r->seq >= s->end || r->kind != RECORD_VERDICT) {
        return 0;
    }
    task = record_bytes(r, RF_VERDICT_task);
    if (task.n >= n && memcmp(task.p, s->task, n) == 0 &&
        (task.n == n || task.p[n] == '.')) {
        s->seq_ref = r->seq + 1;
    }
    return 0;
}

uint64_t outcome_verdict(const char *store, const Proctor__RunDone *done,
                         const Proctor__TaskRow *row)
{
    struct search s = {row->id, done->end_seq, 0};
    struct ledger_entry e;
    struct ledger_end end;
    struct diag d;
    int rc;

    diag_init(&d);
    if (store == NULL || row->seq == 0 || strcmp(row->op, "exam") != 0) {
        return 0;
    }
    ledger_entry_init(&e);
    rc = ledger_get(store, row->seq - 1, &e, &d);
    if (rc == 0 && e.r.kind == RECORD_TASK) {
        s.seq_ref = record_u(&e.r, RF_TASK_evidence_ref);
    } else if (rc == 0 && e.r.kind == RECORD_VERDICT) {
        s.seq_ref = row->seq;
    }
    if (s.seq_ref == 0 &&
        ledger_each(store, done->first_seq, match, &s, &end, &d) < 0) {
        s.seq_ref = 0; /* verify is who complains */
    }
    ledger_entry_release(&e);
    err_trace_clear();
    return s.seq_ref;
}

int outcome_verdict_load(const char *store, uint64_t seq_ref,
                         struct ledger_entry *e)
{
    struct diag d;
    int rc;

    diag_init(&d);
    if (seq_ref == 0) {
        return 0;
    }
    rc = ledger_get(store, seq_ref - 1, e, &d);
    err_trace_clear();
    return rc == 0 && e->r.kind == RECORD_VERDICT;
}

static int is_state(const Proctor__TaskRow *row, enum task_state s)
{
    return strcmp(row->state, state_name(s)) == 0;
}

/* verdicts: for each row its VERDICT record plus one, or 0. */
static int print_table(const Proctor__RunDone *done, const uint64_t *verdicts,
                       enum outcome_of of, int colour)
{
    static const char *const HEADS[] = {"task", "op", "state", "level",
                                        "evidence"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, of == OUTCOME_RUN ? 5 : 3, HEADS);
    for (i = 0; i < done->n_tasks; i++) {
        const Proctor__TaskRow *row = done->tasks[i];
        char show[48] = "";
        const char *cells[5] = {row->id, row->op, row->state, row->level, show};

        uint64_t seq_ref = verdicts[i] != 0 ? verdicts[i] : row->seq;

        if (seq_ref > 0) {
            (void)snprintf(show, sizeof(show), "proctor show %" PRIu64,
                           seq_ref - 1);
        }
        table_row(&t, cells);
    }
    rc = done->n_tasks > 0 ? table_print(&t, stdout, colour) : 0;
    table_release(&t);
    return rc;
}

/* What its verdict does not say: that it is an older one, and why a task failed
 * that an exam admitted. */
static void print_beside(const Proctor__RunDone *done,
                         const Proctor__TaskRow *row, const struct record *r)
{
    if (r->seq < done->first_seq) {
        printf("  known since record %" PRIu64 ": nothing was drawn again\n",
               r->seq);
    }
    if (record_u(r, RF_VERDICT_verdict) == VERDICT_ADMIT &&
        is_state(row, STATE_FAILED) && row->reason[0] != '\0') {
        fputs("  failed all the same: ", stdout);
        term_put_text(stdout, text_of(row->reason), REASON_BYTES);
        fputc('\n', stdout);
    }
}

/* The record of that kind that a row of that op stands on. True when there is one. */
static int load_evidence(const char *store, const Proctor__TaskRow *row,
                         const char *op, enum record_kind kind,
                         struct ledger_entry *e)
{
    struct diag d;
    uint64_t seq_ref = 0;
    int rc;

    diag_init(&d);
    if (store == NULL || row->seq == 0 || strcmp(row->op, op) != 0) {
        return 0;
    }
    rc = ledger_get(store, row->seq - 1, e, &d);
    if (rc == 0 && e->r.kind == RECORD_TASK) {
        seq_ref = record_u(&e->r, RF_TASK_evidence_ref);
        ledger_entry_release(e);
        ledger_entry_init(e);
        rc = seq_ref == 0 ? ERR_NOT_FOUND
                          : ledger_get(store, seq_ref - 1, e, &d);
    }
    err_trace_clear();
    return rc == 0 && e->r.kind == kind;
}

static void print_look(const char *store, const Proctor__RunDone *done,
                       const Proctor__TaskRow *row, const struct record *r)
{
    printf("%s: ", row->id);
    look_print(stdout, store, r, 2);
    if (r->seq < done->first_seq) {
        printf("  known since record %" PRIu64 ": no new look\n", r->seq);
    }
}

/* One task's paragraph: its verdict, or why it did not pass. */
static int print_task(const char *store, const Proctor__RunDone *done,
                      const Proctor__TaskRow *row, uint64_t verdict_ref,
                      int colour)
{
    struct ledger_entry e;
    struct exam_text x;
    int rc = 0;

    ledger_entry_init(&e);
    if (outcome_verdict_load(store, verdict_ref, &e)) {
        exam_text_load(store, &e.r, &x);
        printf("%s: ", row->id);
        rc = exam_text_print(stdout, &x, &e.r, 2, colour);
        exam_text_release(&x);
        print_beside(done, row, &e.r);
    } else if (load_evidence(store, row, "score", RECORD_LOOK, &e)) {
        print_look(store, done, row, &e.r);
    } else if (load_evidence(store, row, "exam.holdout", RECORD_HOLDOUT, &e)) {
        printf("%s: ", row->id);
        holdout_print(stdout, store, &e.r, 2);
    } else if (load_evidence(store, row, "data.load", RECORD_LOADED, &e)) {
        printf("%s: ", row->id);
        loaded_print(stdout, store, &e.r, 2);
    } else if (is_state(row, STATE_PARKED)) {
        printf("%s: waits", row->id);
        if (row->reason[0] != '\0') {
            fputs(" for ", stdout);
            term_put_text(stdout, text_of(row->reason), REASON_BYTES);
        }
        printf("\n  go on with: proctor resume %s\n", row->id);
    } else if (row->reason[0] != '\0') {
        printf("%s: %s: ", row->id, row->state);
        term_put_text(stdout, text_of(row->reason), REASON_BYTES);
        fputc('\n', stdout);
    }
    ledger_entry_release(&e);
    return rc;
}

static void print_totals(const Proctor__RunDone *done, const char *store,
                         enum outcome_of of)
{
    uint64_t rows = done->n_tasks;
    uint64_t all =
        (uint64_t)done->passed + done->failed + done->parked + done->skipped;

    if (of == OUTCOME_CHECK) {
        if (done->code == 0) {
            puts("well formed");
        } else if (err_exit_code(done->code) == 2 ||
                   done->code == ERR_REFUSED) {
            puts("not well formed");
        } else {
            puts("not checked"); /* nothing was said about the graph */
        }
        return;
    }
    if (of == OUTCOME_DRY_RUN) {
        printf("%s; nothing was run or recorded\n",
               done->code == 0 ? "admitted" : "not admitted");
        return;
    }
    if (rows == 0 && done->code != 0) {
        /* It never began: the diagnosis says why, the ledger that it was so. */
        if (done->end_seq > done->first_seq && store != NULL) {
            printf("Nothing ran. The refusal is in records %" PRIu64
                   " to %" PRIu64 " of %s.\n",
                   done->first_seq, done->end_seq - 1, store);
        }
        return;
    }
    if (all > rows && rows > 0) {
        printf("... and %" PRIu64 " more; proctor status lists them\n",
               all - rows);
    }
    printf("%u passed, %u failed", done->passed, done->failed);
    if (done->parked > 0) {
        printf(", %u waiting", done->parked);
    }
    if (done->skipped > 0) {
        printf(", %u not run", done->skipped);
    }
    printf(" in %.1f s", done->wall_s);
    if (done->end_seq > done->first_seq && store != NULL) {
        printf("; records %" PRIu64 " to %" PRIu64 " of %s", done->first_seq,
               done->end_seq - 1, store);
    }
    fputs(".\n", stdout);
    if (done->code == ERR_CANCELLED) {
        puts("Stopped on request; `proctor run --resume` goes on.");
    }
}

static int print_text(const Proctor__RunDone *done, const char *store,
                      enum outcome_of of)
{
    int colour = term_has_colour(stdout);
    CLEANUP(mem_freep)
    uint64_t *verdicts = calloc(done->n_tasks + 1, sizeof(*verdicts));
    size_t i;

    if (verdicts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (i = 0; i < done->n_tasks; i++) {
        verdicts[i] = outcome_verdict(store, done, done->tasks[i]);
    }
    TRY(print_table(done, verdicts, of, colour));
    for (i = 0; i < done->n_tasks; i++) {
        TRY(print_task(store, done, done->tasks[i], verdicts[i], colour));
    }
    print_totals(done, store, of);
    return 0;
}

static void put_verdict(struct json *j, const char *store, uint64_t seq_ref)
{
    struct ledger_entry e;
    struct exam_text x;
    struct buf text;

    ledger_entry_init(&e);
    if (outcome_verdict_load(store, seq_ref, &e)) {
        buf_init(&text, (size_t)1 << 20);
        exam_text_load(store, &e.r, &x);
        json_object(j, "verdict");
        if (record_put_json(&text, &e.r, e.leaf.b) == 0) {
            json_raw(j, "record", buf_bytes(&text));
        }
        if (x.evidence != NULL) {
            message_json(j, "evidence", &x.evidence->base, &x.types);
        } else {
            json_null(j, "evidence");
        }
        json_close(j);
        exam_text_release(&x);
        buf_release(&text);
    }
    ledger_entry_release(&e);
}

static void put_look(struct json *j, const char *store,
                     const Proctor__TaskRow *row)
{
    struct ledger_entry e;
    struct buf text;
    double lo;
    double hi;

    ledger_entry_init(&e);
    if (load_evidence(store, row, "score", RECORD_LOOK, &e)) {
        buf_init(&text, (size_t)1 << 20);
        json_object(j, "look");
        if (record_put_json(&text, &e.r, e.leaf.b) == 0) {
            json_raw(j, "record", buf_bytes(&text));
        }
        json_str(j, "outcome", look_outcome_text(&e.r));
        json_bool(j, "worn",
                  record_u(&e.r, RF_LOOK_look) >= record_u(&e.r, RF_LOOK_limit));
        look_interval(&e.r, look_releases(store, &e.r), &lo, &hi);
        json_f64(j, "loss_low", lo);
        json_f64(j, "loss_high", hi);
        json_close(j);
        buf_release(&text);
    }
    ledger_entry_release(&e);
}

static void put_holdout(struct json *j, const char *store,
                        const Proctor__TaskRow *row)
{
    struct ledger_entry e;

    ledger_entry_init(&e);
    if (load_evidence(store, row, "exam.holdout", RECORD_HOLDOUT, &e)) {
        json_object(j, "holdout");
        json_str(j, "verdict",
                 verdict_name((unsigned)record_u(&e.r, RF_HOLDOUT_verdict)));
        json_u64(j, "seq", e.r.seq);
        holdout_put_json(j, store, &e.r);
        json_close(j);
    }
    ledger_entry_release(&e);
}

static void put_task(struct json *j, const char *store,
                     const Proctor__RunDone *done, const Proctor__TaskRow *row)
{
    json_object(j, NULL);
    json_str(j, "id", row->id);
    json_str(j, "op", row->op);
    json_str(j, "state", row->state);
    json_str(j, "level", row->level);
    json_str(j, "reason", row->reason);
    if (row->seq > 0) {
        json_u64(j, "seq", row->seq - 1);
    } else {
        json_null(j, "seq");
    }
    put_verdict(j, store, outcome_verdict(store, done, row));
    put_look(j, store, row);
    put_holdout(j, store, row);
    json_close(j);
}

static int print_json(struct session *s, const Proctor__RunDone *done,
                      const char *store, enum outcome_of of)
{
    struct json j;
    size_t i;

    json_init(&j);
    json_object(&j, NULL);
    json_i64(&j, "code", done->code);
    json_str(&j, "error", done->code == 0 ? "" : err_name(done->code));
    json_i64(&j, "exit", done->code == 0 ? 0 : err_exit_code(done->code));
    json_bool(&j, "dry_run", of != OUTCOME_RUN);
    json_str(&j, "store", store != NULL ? store : "");
    json_u64(&j, "passed", done->passed);
    json_u64(&j, "failed", done->failed);
    json_u64(&j, "parked", done->parked);
    json_u64(&j, "skipped", done->skipped);
    json_u64(&j, "first_seq", done->first_seq);
    json_u64(&j, "end_seq", done->end_seq);
    json_ms(&j, "wall_s", done->wall_s);
    json_array(&j, "tasks");
    for (i = 0; i < done->n_tasks; i++) {
        put_task(&j, store, done, done->tasks[i]);
    }
    json_close(&j);
    session_put_json(s, &j);
    json_close(&j);
    return cli_emit(s->c, &j);
}

int outcome_report(struct session *s, const char *store, enum outcome_of of)
{
    const Proctor__RunDone *done = (const Proctor__RunDone *)s->answer.m;
    struct cli *c = s->c;
    int rc =
        c->json ? print_json(s, done, store, of) : print_text(done, store, of);

    if (rc < 0) {
        return rc;
    }
    if (done->code != 0) {
        /* The table and the diagnoses said it, unless there were none. */
        c->told =
            c->json || done->n_tasks > 0 || s->diags_n + s->diags_more > 0;
        return cli_fail(c, done->code, "%s", err_text(done->code));
    }
    return 0;
}
