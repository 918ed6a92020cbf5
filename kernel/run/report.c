/* The last message of a run. Says only what the ledger holds. Kernel process. */
#include "kernel/run/report.h"

#include <stdio.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "kernel/run/say.h"
#include "proto/err.h"

enum { ROWS_MAX = 64 };

/* What a task counts as: the smaller, the sooner a person should look. */
enum group { GROUP_FAILED, GROUP_PARKED, GROUP_SKIPPED, GROUP_PASSED, GROUP_N };

static enum group group_of(const struct task *t)
{
    if (t->state == STATE_PASSED || t->state == STATE_COMMITTED) {
        return GROUP_PASSED;
    }
    if (t->state == STATE_PARKED) {
        return GROUP_PARKED;
    }
    if (t->state == STATE_FAILED && !t->skipped) {
        return GROUP_FAILED;
    }
    return GROUP_SKIPPED;
}

struct run_counts report_count(const struct run *r)
{
    uint32_t n[GROUP_N] = {0};

    for (size_t i = 0; r->tasks != NULL && i < r->graph->n_tasks; i++) {
        n[group_of(&r->tasks[i])]++;
    }
    return (struct run_counts){n[GROUP_PASSED], n[GROUP_FAILED],
                               n[GROUP_PARKED], n[GROUP_SKIPPED]};
}

static void row_fill(const struct run *r, size_t i, Proctor__TaskRow *row)
{
    const struct task *t = &r->tasks[i];
    const Proctor__Task *spec = r->graph->tasks[i];

    proctor__task_row__init(row);
    row->id = spec->id;
    row->op = spec->op;
    row->state = pb_str(state_name(t->state));
    row->level = pb_str(level_name(t->level));
    row->reason = pb_str(t->reason == NULL ? "" : t->reason);
    row->seq = t->seq_ref;
}

static size_t rows_fill(const struct run *r, Proctor__TaskRow *rows,
                        Proctor__TaskRow **row_p)
{
    size_t n = 0;

    for (int g = 0; r->tasks != NULL && g < GROUP_N; g++) {
        for (size_t i = 0; i < r->graph->n_tasks && n < ROWS_MAX; i++) {
            if ((int)group_of(&r->tasks[i]) == g) {
                row_fill(r, i, &rows[n]);
                row_p[n] = &rows[n];
                n++;
            }
        }
    }
    return n;
}

void report_done(struct run *r)
{
    Proctor__RunDone m = PROCTOR__RUN_DONE__INIT;
    Proctor__TaskRow rows[ROWS_MAX];
    Proctor__TaskRow *row_p[ROWS_MAX];
    struct run_counts n = report_count(r);
    struct merkle_hash leaf;
    struct record rec;
    struct cid first;
    struct buf b;

    buf_init(&b, LIMIT_RECORD_BYTES + 1);
    m.code = r->code;
    m.passed = n.passed;
    m.failed = n.failed;
    m.parked = n.parked;
    m.skipped = n.skipped;
    m.wall_s = (double)(loop_now_ms(r->core->loop) - r->start_ms) / 1000.0;
    if (r->has_record && r->core->fatal == 0) {
        m.first_seq = r->seq;
        m.end_seq = ledger_size(r->core->ledger);
        if (ledger_read(r->core->ledger, r->seq, &b, &rec, &leaf) == 0) {
            first = cid_of(buf_bytes(&b));
            m.run = cid_field(&first);
        }
    }
    m.n_tasks = rows_fill(r, rows, row_p);
    m.tasks = row_p;
    say(r->core, MSG_RUN_DONE, &m.base);
    buf_release(&b);
}
