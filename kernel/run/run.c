/* A run's life: made from a request, carried through its phases by the other
 * files of this folder, ended here exactly once. Kernel process. */
#include "kernel/run/run.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "kernel/run/data.h"
#include "kernel/run/guard.h"
#include "kernel/run/intake.h"
#include "kernel/run/record_run.h"
#include "kernel/run/report.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "proto/err.h"

/* Records under one signature, kept below what a batch may hold: some other
 * record may already be queued. */
enum { RUN_BATCH_RECORDS = LIMIT_BATCH_RECORDS / 2 };

int run_new(struct core *c, struct frame *f,
            void (*on_done)(void *ctx, struct run *r), void *ctx,
            struct run **out)
{
    struct run *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    ASSERT(f->info->msg == MSG_RUN_REQUEST);
    r->core = c;
    r->req = (Proctor__RunRequest *)f->m;
    f->m = NULL;
    r->on_done = on_done;
    r->on_done_ctx = ctx;
    r->start_ms = loop_now_ms(c->loop);
    programs_init(&r->programs);
    files_init(&r->files);
    queue_init(&r->ready);
    queue_init(&r->ready_lanes);
    buf_init(&r->graph_text, 0);
    buf_init(&r->policy_text, 0);
    buf_init(&r->data_text, 0);
    budget_init(&c->budget);
    c->recording = 0;
    c->run_seq = 0;
    *out = r;
    intake_start(r, f);
    return 0;
}

static void places_free(struct run *r)
{
    for (size_t i = 0; i < r->places_n; i++) {
        pb_free(&r->places[i]->base);
    }
    free(r->places);
    for (size_t i = 0; i < r->grant_places_n; i++) {
        pb_free(&r->grant_places[i]->base);
    }
    free(r->grant_places);
}

void run_free(struct run *r)
{
    if (r == NULL) {
        return;
    }
    loop_remove(&r->later);
    intake_stop(r);
    sched_release(r);
    data_release(r);
    places_free(r);
    pb_free((ProtobufCMessage *)r->graph);
    pb_free((ProtobufCMessage *)r->policy);
    pb_free((ProtobufCMessage *)r->req);
    buf_release(&r->graph_text);
    buf_release(&r->policy_text);
    programs_release(&r->programs);
    files_release(&r->files);
    admission_release(&r->admission);
    free(r->refusals);
    free(r);
}

int run_is_recorded(const struct run *r)
{
    return r->req->mode == PROCTOR__RUN_MODE__RUN_FULL ||
           r->req->mode == PROCTOR__RUN_MODE__RUN_RESUME ||
           r->req->mode == PROCTOR__RUN_MODE__RUN_RESUME_TASK;
}

void run_last_words(struct run *r, int broken)
{
    if (broken < 0 && r->phase != RUN_PHASE_OVER) {
        r->code = broken;
    }
    if (!r->told) {
        r->told = 1;
        report_done(r);
    }
}

static void run_end(void *ctx, short revents)
{
    struct run *r = ctx;

    (void)revents;
    loop_remove(&r->later);
    run_last_words(r, 0);
    r->on_done(r->on_done_ctx, r);
}

void run_over(struct run *r, int code)
{
    if (r->phase == RUN_PHASE_OVER) {
        return;
    }
    r->phase = RUN_PHASE_OVER;
    r->code = code;
    if (loop_timer(r->core->loop, 0, run_end, r, &r->later) < 0) {
        core_cut_short(r->core, ERR_NOMEM); /* nothing else would end it */
    }
}

void run_refuse(struct run *r, const struct diag *d, const char *task)
{
    if (r->phase == RUN_PHASE_OVER) {
        return;
    }
    say_diag(r->core, d, task);
    if (r->phase == RUN_PHASE_TASKS && r->has_record && r->core->fatal == 0) {
        sched_stop(r, d->code < 0 ? d->code : ERR_INTERNAL, d->what);
    } else {
        run_over(r, d->code < 0 ? d->code : ERR_INTERNAL);
    }
}

void run_error(struct run *r, int code, const char *path, const char *what)
{
    struct diag d;

    diag_init(&d);
    diag_set(&d, code, (struct loc){.path = path}, "%s", what);
    run_refuse(r, &d, "");
}

int run_files(struct run *r, struct frame *f)
{
    return data_files(r, f);
}

void run_stop(struct run *r, int code, const char *why)
{
    if (r->phase == RUN_PHASE_OVER) {
        return;
    }
    if (r->phase == RUN_PHASE_TASKS) {
        sched_rest(r, code, why);
        return;
    }
    intake_stop(r);
    data_stop(r);
    run_over(r, code);
}

int run_record(struct run *r, struct record *rec, uint64_t *out_seq)
{
    int code = ledger_add(r->core->ledger, rec, out_seq);

    if (code < 0) {
        core_fatal(r->core, code);
        return ERR_TRACE(code);
    }
    return ++r->queued >= RUN_BATCH_RECORDS ? run_commit(r) : 0;
}

int run_commit(struct run *r)
{
    int code = ledger_commit(r->core->ledger);

    r->queued = 0;
    if (code < 0) {
        core_fatal(r->core, code);
        return ERR_TRACE(code);
    }
    return 0;
}

struct loc run_place(const struct run *r, size_t task_i)
{
    struct loc at = {.path = r->req->graph_path};

    if (task_i < r->places_n && r->places[task_i]->task != NULL) {
        at.line = r->places[task_i]->task->line;
        at.col = r->places[task_i]->task->col;
    }
    return at;
}

uint32_t run_find(const struct run *r, const char *id)
{
    size_t i = admission_find(&r->admission, r->graph, id);

    return i == SIZE_MAX ? UINT32_MAX : (uint32_t)i;
}
