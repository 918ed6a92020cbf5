/* One repair per task, through the same door as every task: a small graph of the
 * child and all that it needs is admitted by the same rules. Kernel process. */
#include "kernel/run/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/record_run.h"
#include "proto/err.h"

enum needs { NEEDS_PASSED, NEEDS_WAIT, NEEDS_FAILED };

int repair_is_left(const struct run *r, uint32_t i)
{
    return r->tasks[i].attempt == 1 && r->graph->tasks[i]->repair != NULL;
}

/* The repaired task: what the repair names, else what the task had. Strings are
 * the graph's, but for its id. */
static Proctor__Task *make_child(const Proctor__Task *t)
{
    const Proctor__Repair *p = t->repair;
    Proctor__Task *c = malloc(sizeof(*c));
    size_t id_n = strlen(t->id) + sizeof(".repair1");

    if (c == NULL) {
        return NULL;
    }
    *c = *t;
    c->id = malloc(id_n);
    if (c->id == NULL) {
        free(c);
        return NULL;
    }
    snprintf(c->id, id_n, "%s.repair1", t->id);
    if (p->n_needs > 0) {
        c->needs = p->needs;
        c->n_needs = p->n_needs;
    }
    c->program = p->program != NULL ? p->program : t->program;
    c->model = p->model != NULL ? p->model : t->model;
    c->cml = p->cml != NULL ? p->cml : t->cml;
    c->exam = p->exam != NULL ? p->exam : t->exam;
    c->repair = NULL;
    c->approval = 0; /* given for the task */
    c->root = 0;
    return c;
}

/* Marks all that the child needs, directly or not; stack has room for each. */
static void mark_needs(const struct run *r, const Proctor__Task *child,
                       uint8_t *marked, uint32_t *stack)
{
    const Proctor__Task *t = child;
    size_t n = 0;

    for (;;) {
        for (size_t i = 0; i < t->n_needs; i++) {
            uint32_t k = run_find(r, t->needs[i]);

            if (k != UINT32_MAX && !marked[k]) {
                marked[k] = 1;
                stack[n++] = k;
            }
        }
        if (n == 0) {
            return;
        }
        t = r->graph->tasks[stack[--n]];
    }
}

struct repair_refusal {
    char rule[64];
    struct diag d;
};

static void on_refusal(void *ctx, size_t task_i, const char *rule,
                       const struct diag *d)
{
    struct repair_refusal *out = ctx;

    (void)task_i;
    if (out->rule[0] == '\0') {
        snprintf(out->rule, sizeof(out->rule), "%s", rule);
        out->d = *d;
    }
}

/* Admission of the child among what it needs. *out_admitted, or x says why. */
static int admit_child(struct run *r, uint32_t i, Proctor__Task *child,
                       struct repair_refusal *x, int *out_admitted)
{
    size_t n = r->graph->n_tasks;
    CLEANUP(mem_freep) uint8_t *marked = calloc(n + 1, 1);
    CLEANUP(mem_freep) uint32_t *stack = calloc(n + 1, sizeof(*stack));
    CLEANUP(mem_freep) Proctor__Task **v = calloc(n + 1, sizeof(Proctor__Task *));
    Proctor__Graph g = PROCTOR__GRAPH__INIT;
    struct admit_request q = {.graph = &g,
                              .policy = r->policy,
                              .graph_path = r->req->graph_path,
                              .graph_dir = r->req->graph_dir};
    struct admission a = {0};
    int code;

    *out_admitted = 0;
    if (marked == NULL || stack == NULL || v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    mark_needs(r, child, marked, stack);
    if (marked[i]) {
        snprintf(x->rule, sizeof(x->rule), "repair.cycle");
        diag_set(&x->d, ERR_REFUSED, run_place(r, i),
                 "its repair needs what it is to repair");
        return record_refuse(r, child, x->rule, x->d.what);
    }
    g.version = r->graph->version;
    g.name = r->graph->name;
    g.tasks = v;
    for (size_t k = 0; k < n; k++) {
        if (marked[k]) {
            v[g.n_tasks++] = r->graph->tasks[k];
        }
    }
    v[g.n_tasks++] = child;
    TRY(admit_check(&q, &a, on_refusal, x));
    if (a.refused_n == 0) {
        *out_admitted = 1;
        code = record_admit(r, child, &a.tasks[g.n_tasks - 1]);
    } else {
        code = record_refuse(r, child, x->rule, x->d.what);
    }
    admission_release(&a);
    return code;
}

static enum needs needs_of(const struct run *r, const Proctor__Task *t,
                           const char **out_failed)
{
    enum needs all = NEEDS_PASSED;

    for (size_t i = 0; i < t->n_needs; i++) {
        uint32_t k = run_find(r, t->needs[i]);
        unsigned state = k == UINT32_MAX ? STATE_FAILED : r->tasks[k].state;

        if (state == STATE_FAILED || state == STATE_ABORTED) {
            *out_failed = t->needs[i];
            return NEEDS_FAILED;
        }
        if (state != STATE_PASSED && state != STATE_COMMITTED) {
            all = NEEDS_WAIT;
        }
    }
    return all;
}

/* Starts it, lets it wait, or fails it for good. */
static int repair_place(struct run *r, uint32_t i)
{
    struct task *t = &r->tasks[i];
    char reason[LIMIT_ID_BYTES + 48];
    const char *failed = "";

    switch (needs_of(r, t->spec, &failed)) {
    case NEEDS_PASSED:
        return task_ready(r, i);
    case NEEDS_WAIT:
        t->waits = 1;
        r->repairs_waiting++;
        return 0;
    case NEEDS_FAILED:
        break;
    }
    snprintf(reason, sizeof(reason), "its repair needs \"%s\", which failed",
             failed);
    return task_fail(r, i, reason);
}

int repair_wake(struct run *r)
{
    uint32_t i = 0;

    while (r->repairs_waiting > 0 && i < r->graph->n_tasks) {
        struct task *t = &r->tasks[i++];
        const char *failed;

        if (t->state == STATE_REPAIRING && t->waits > 0 &&
            needs_of(r, t->spec, &failed) != NEEDS_WAIT) {
            t->waits = 0;
            r->repairs_waiting--;
            TRY(repair_place(r, i - 1));
            i = 0; /* its failure may settle another's needs */
        }
    }
    return 0;
}

static int record_repair(struct run *r, uint32_t i, const char *child,
                         const char *reason)
{
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_REPAIR);
    record_set_u(&rec, RF_REPAIR_run, r->seq);
    record_set_str(&rec, RF_REPAIR_task, r->graph->tasks[i]->id);
    record_set_str(&rec, RF_REPAIR_child, child);
    record_set_str(&rec, RF_REPAIR_reason, reason);
    TRY(run_record(r, &rec, &seq));
    return task_note(r, i, seq + 1);
}

int repair_try(struct run *r, uint32_t i, const char *reason)
{
    struct task *t = &r->tasks[i];
    struct repair_refusal x = {.rule = ""};
    char why[DIAG_TEXT_BYTES + 40];
    int admitted;

    ASSERT(repair_is_left(r, i) && t->state == STATE_RUNNING);
    t->repair = make_child(r->graph->tasks[i]);
    if (t->repair == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->attempt = 2;
    TRY(admit_child(r, i, t->repair, &x, &admitted));
    if (!admitted) {
        snprintf(why, sizeof(why), "its repair was refused: %s", x.d.what);
        return task_fail(r, i, why);
    }
    task_move(r, i, EVENT_FAIL);
    task_move(r, i, EVENT_REPAIR);
    t->spec = t->repair;
    TRY(record_repair(r, i, t->repair->id, reason));
    return repair_place(r, i);
}
