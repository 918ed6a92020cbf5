/* One turn after the other: what ended is settled, what is ready begins, all of
 * it becomes durable under one signature, and only then does it show: to the
 * client, and in workers that start. Kernel process. */
#include "kernel/run/sched.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "kernel/run/plane.h"
#include "kernel/run/record_run.h"
#include "kernel/run/report.h"
#include "kernel/run/resume.h"
#include "kernel/run/say.h"
#include "kernel/run/task.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

static void turn(void *ctx, short revents);

static void turn_later(struct run *r)
{
    if (r->turn == NULL && r->phase == RUN_PHASE_TASKS &&
        loop_timer(r->core->loop, 0, turn, r, &r->turn) < 0) {
        core_fatal(r->core, ERR_NOMEM);
    }
}

const Proctor__Task *live_spec(const struct live *l)
{
    return l->run->tasks[l->task_i].spec;
}

const char *live_id(const struct live *l)
{
    return l->run->graph->tasks[l->task_i]->id;
}

void live_turn(struct live *l, const struct cid *key,
               void (*on_turn)(struct live *l))
{
    l->turn = *key;
    l->on_turn = on_turn;
}

/* Lives are in the order in which they began. */
static int is_turn(const struct live *l)
{
    for (const struct live *o = l->run->lives; o != l; o = o->next) {
        if (cid_is_equal(&o->turn, &l->turn)) {
            return 0;
        }
    }
    return 1;
}

void live_over(struct live *l, const struct outcome *o)
{
    if (!l->over) {
        l->over = 1;
        l->outcome = *o;
        turn_later(l->run);
    }
}

void live_fail(struct live *l, int code, const char *fmt, ...)
{
    struct outcome o = {.passed = 0, .code = code};
    va_list args;

    va_start(args, fmt);
    vsnprintf(o.reason, sizeof(o.reason), fmt, args);
    va_end(args);
    live_over(l, &o);
}

void live_error(struct live *l, int code, const struct diag *d)
{
    if (code > 0) {
        live_fail(l, ERR_REFUSED, "budgets.bytes is used up");
    } else {
        live_fail(l, code, "%s",
                  d == NULL || d->what[0] == '\0' ? err_text(code) : d->what);
    }
}

static const struct op *op_find(const char *name)
{
    static const struct op *const ops[] = {
        &op_program, &op_model, &op_cml,    &op_enumerate, &op_exam,
        &op_ref_move, &op_load, &op_permute, &op_split, &op_score, &op_holdout,
        &op_derive,
        &op_assert, &op_reconcile, &op_generate, &op_lane_score, &op_logits,
        &op_classify, &op_train, &op_combine};

    for (size_t i = 0; i < ARRAY_N(ops); i++) {
        if (strcmp(ops[i]->name, name) == 0) {
            return ops[i];
        }
    }
    return NULL;
}

/* Where each task's dependents are, by counting. */
static int make_dependents(struct run *r)
{
    size_t n = r->graph->n_tasks;
    size_t total = 0;

    r->dependents_at = calloc(n + 2, sizeof(*r->dependents_at));
    if (r->dependents_at == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < r->graph->tasks[i]->n_needs; k++) {
            uint32_t from = run_find(r, r->graph->tasks[i]->needs[k]);

            ASSERT(from != UINT32_MAX); /* admission saw to it */
            r->dependents_at[from + 2]++;
            total++;
        }
    }
    for (size_t i = 2; i < n + 2; i++) {
        r->dependents_at[i] += r->dependents_at[i - 1];
    }
    r->dependents = calloc(total + 1, sizeof(*r->dependents));
    if (r->dependents == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < r->graph->tasks[i]->n_needs; k++) {
            uint32_t from = run_find(r, r->graph->tasks[i]->needs[k]);

            r->dependents[r->dependents_at[from + 1]++] = (uint32_t)i;
        }
    }
    return 0;
}

static int make_tasks(struct run *r)
{
    size_t n = r->graph->n_tasks;

    r->tasks = calloc(n + 1, sizeof(*r->tasks));
    r->refs = calloc(n + 1, sizeof(*r->refs));
    if (r->tasks == NULL || r->refs == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(queue_reserve(&r->ready, n));
    TRY(queue_reserve(&r->ready_lanes, n));
    for (size_t i = 0; i < n; i++) {
        const Proctor__Task *t = r->graph->tasks[i];

        r->tasks[i].spec = t;
        r->tasks[i].attempt = 1;
        if (t->ref_move != NULL) {
            struct ref_before *b = &r->refs[r->refs_n++];

            b->name = t->ref_move->ref;
            fold_ref(ledger_fold(r->core->ledger), b->name, &b->target);
        }
    }
    return make_dependents(r);
}

static int is_passed(const struct task *t)
{
    return t->state == STATE_PASSED || t->state == STATE_COMMITTED;
}

/* First states of all tasks that did not pass in an earlier run. */
static int place_tasks(struct run *r)
{
    for (uint32_t i = 0; i < r->graph->n_tasks; i++) {
        struct task *t = &r->tasks[i];

        if (is_passed(t)) {
            continue;
        }
        for (size_t k = 0; k < t->spec->n_needs; k++) {
            t->waits += !is_passed(&r->tasks[run_find(r, t->spec->needs[k])]);
        }
        task_move(r, i, t->waits == 0 ? EVENT_READY : EVENT_ADMIT);
        if (t->waits == 0) {
            TRY(task_ready(r, i));
        }
    }
    return 0;
}

static void on_wall(void *ctx, short revents)
{
    struct run *r = ctx;
    char why[96];

    (void)revents;
    snprintf(why, sizeof(why), "budgets.wall is used up (%llu ms)",
             (unsigned long long)r->policy->budgets->wall_ms);
    run_error(r, ERR_REFUSED, r->req->policy_path, why);
}

static int begin(struct run *r)
{
    TRY(make_tasks(r));
    if (r->resuming) {
        TRY(resume_tasks(r));
    }
    TRY(record_admitted(r));
    if (r->resuming) {
        TRY(resume_release(r));
    }
    TRY(place_tasks(r));
    return loop_timer(r->core->loop, r->policy->budgets->wall_ms, on_wall, r,
                      &r->wall);
}

void sched_start(struct run *r)
{
    int code;

    r->phase = RUN_PHASE_TASKS;
    code = begin(r);
    if (code < 0) {
        run_error(r, code, NULL, err_text(code));
        return;
    }
    turn_later(r);
}

/* Fails by name what reached less than its validator asks for. */
static void check_level(const struct run *r, const struct live *l,
                        struct outcome *o)
{
    const Proctor__Validator *v = r->tasks[l->task_i].spec->validator;

    if (o->passed && v != NULL && (unsigned)o->level < v->level) {
        o->passed = 0;
        snprintf(o->reason, sizeof(o->reason),
                 "reached level %s, its validator asks for %s",
                 level_name((unsigned)o->level), level_name(v->level));
    }
}

static void live_release(struct live *l)
{
    if (l->state != NULL) {
        l->op->free(l->state);
    }
}

static int settle(struct run *r, struct live *l)
{
    struct outcome o = l->outcome;
    uint32_t i = l->task_i;

    check_level(r, l, &o);
    live_release(l);
    if (o.passed) {
        return task_pass(r, i, &o);
    }
    if (o.parked) {
        return task_park(r, i, o.reason);
    }
    if (o.code == 0 && repair_is_left(r, i)) {
        return repair_try(r, i, o.reason);
    }
    if (o.code < 0 && r->outside == 0) {
        r->outside = o.code;
    }
    r->tasks[i].evidence_ref = o.evidence_ref; /* the VERDICT against it */
    return task_fail(r, i, o.reason);
}

static int settle_all(struct run *r)
{
    struct live **at = &r->lives;

    while (*at != NULL) {
        struct live *l = *at;
        int code;

        if (!l->over) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        r->lives_n--;
        r->lanes_n -= r->tasks[l->task_i].spec->lane != NULL;
        code = settle(r, l);
        free(l);
        TRY(code);
    }
    return 0;
}

static int start_one(struct run *r, uint32_t i)
{
    struct task *t = &r->tasks[i];
    struct live **at = &r->lives;
    struct live *l;
    struct record rec;
    uint64_t seq;

    if (budget_charge(&r->core->budget, BUDGET_TASKS, 1) != 0) {
        return task_fail(r, i, "budgets.tasks is used up");
    }
    if (t->state == STATE_READY) {
        task_move(r, i, EVENT_START);
    }
    record_init(&rec, RECORD_START);
    record_set_u(&rec, RF_START_run, r->seq);
    record_set_str(&rec, RF_START_task, r->graph->tasks[i]->id);
    record_set_u(&rec, RF_START_attempt, t->attempt);
    TRY(run_record(r, &rec, &seq));
    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->run = r;
    l->task_i = i;
    l->op = op_find(t->spec->op);
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = l;
    r->lives_n++;
    r->lanes_n += t->spec->lane != NULL;
    return task_note(r, i, seq + 1);
}

static int start_ready(struct run *r)
{
    uint32_t i;

    while (r->resting == 0 && r->lives_n - r->lanes_n < r->policy->workers &&
           queue_pop(&r->ready, &i)) {
        TRY(start_one(r, i));
    }
    while (r->resting == 0 && r->lanes_n < LIMIT_LANES && queue_pop(&r->ready_lanes, &i)) {
        TRY(start_one(r, i));
    }
    return 0;
}

static void begin_ops(struct run *r)
{
    for (struct live *l = r->lives; l != NULL && r->core->fatal == 0;
         l = l->next) {
        void (*on_turn)(struct live *) = NULL;
        int code = 0;

        if (!l->begun) {
            l->begun = 1;
            code = l->op == NULL ? ERR_INTERNAL : l->op->start(l);
        }
        if (code != 0) {
            live_error(l, code, NULL);
        } else if (!l->over && l->on_turn != NULL && is_turn(l)) {
            on_turn = l->on_turn;
            l->on_turn = NULL;
            on_turn(l);
        }
    }
}

static void finish(struct run *r)
{
    struct run_counts n = report_count(r);

    r->code = r->outside != 0 ? r->outside
              : n.failed > 0  ? ERR_TASK_FAILED
                              : 0;
    if (record_end(r, &n) == 0) {
        run_over(r, r->code);
    }
}

static int can_rest(const struct run *r)
{
    const struct live *l = r->lives;

    while (l != NULL && l->on_rest == NULL) {
        l = l->next;
    }
    return l != NULL;
}

static int turn_all(struct run *r)
{
    TRY(settle_all(r));
    TRY(repair_wake(r));
    TRY(start_ready(r));
    return r->queued > 0 ? run_commit(r) : 0;
}

static void turn(void *ctx, short revents)
{
    struct run *r = ctx;
    int code;

    (void)revents;
    loop_remove(&r->turn);
    code = turn_all(r);
    if (code < 0) {
        run_error(r, code, NULL, err_text(code));
        return;
    }
    task_say_notes(r);
    if (r->resting != 0 && !can_rest(r)) {
        sched_stop(r, r->resting, r->rest_why);
        return;
    }
    if (r->lives == NULL && queue_n(&r->ready) == 0 &&
        queue_n(&r->ready_lanes) == 0) {
        finish(r);
        return;
    }
    begin_ops(r);
}

static void drop_lives(struct run *r)
{
    r->stopping = 1;
    loop_remove(&r->turn);
    loop_remove(&r->wall);
    while (r->lives != NULL) {
        struct live *l = r->lives;

        r->lives = l->next;
        live_release(l);
        if (r->phase == RUN_PHASE_TASKS) {
            task_move(r, l->task_i, EVENT_ABORT);
        }
        free(l);
    }
    r->lives_n = r->lanes_n = 0;
}

void sched_rest(struct run *r, int code, const char *why)
{
    if (r->resting != 0 || r->core->fatal != 0 || !can_rest(r)) {
        sched_stop(r, code, why);
        return;
    }
    r->resting = code;
    r->rest_why = why;
    for (struct live *l = r->lives; l != NULL; l = l->next) {
        if (l->on_rest != NULL && !l->over) {
            l->on_rest(l);
        }
    }
}

void sched_stop(struct run *r, int code, const char *why)
{
    struct run_counts n;

    ASSERT(r->phase == RUN_PHASE_TASKS);
    drop_lives(r);
    r->code = code;
    n = report_count(r);
    if (r->core->fatal == 0 && record_abort(r, why) == 0 &&
        record_end(r, &n) == 0) {
        run_over(r, code);
    }
}

void sched_release(struct run *r)
{
    drop_lives(r);
    for (size_t i = 0; r->tasks != NULL && i < r->graph->n_tasks; i++) {
        if (r->tasks[i].repair != NULL) {
            free(r->tasks[i].repair->id);
            free(r->tasks[i].repair);
        }
        free(r->tasks[i].reason);
    }
    free(r->tasks);
    free(r->refs);
    free(r->notes);
    free(r->dependents);
    free(r->dependents_at);
    queue_release(&r->ready);
    queue_release(&r->ready_lanes);
    planes_free(r->core);
}
