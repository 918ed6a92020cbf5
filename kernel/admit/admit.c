/* Admission: every check in a fixed order; the first that refuses a task
 * decides about it; one refused task refuses the run. Kernel process. Reads the
 * graph and the policy, changes neither. */
#include "kernel/admit/admit.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/admit/check.h"
#include "proto/pb.h"

#define REFUSALS_MAX 64u

struct run {
    struct check c;
    struct admission *out;
    void (*on_refusal)(void *ctx, size_t task_i, const char *rule,
                       const struct diag *d);
    void *ctx;
    size_t told_n;
};

/* The first refusal of a task is its decision. */
static void tell(struct run *r, size_t task_i)
{
    if (task_i != SIZE_MAX) {
        struct decision *d = &r->out->tasks[task_i];

        if (d->rule) {
            return;
        }
        d->rule = r->c.rule;
        d->admitted = 0;
    }
    r->out->refused_n++;
    if (r->told_n < REFUSALS_MAX && r->on_refusal) {
        r->told_n++;
        r->on_refusal(r->ctx, task_i, r->c.rule, &r->c.d);
    }
}

/* Relative, or absolute; nothing that climbs. */
static int is_folder(const char *dir)
{
    char out[LIMIT_PATH_BYTES + 1];

    dir += dir[0] == '/';
    if (dir[0] == '\0') {
        return 1;
    }
    while (strncmp(dir, "./", 2) == 0) {
        dir += 2;
    }
    return check_join("", dir, out) == 0;
}

static int check_whole(struct check *c)
{
    const Proctor__Graph *g = c->q->graph;
    const Proctor__Policy *p = c->q->policy;

    if (c->q->graph_dir && !is_folder(c->q->graph_dir)) {
        return check_refuse_graph(c, "file.path", ERR_INPUT,
                                  "\"%.120s\" is no plain folder name",
                                  c->q->graph_dir);
    }

    if (g->version != 1) {
        return check_refuse_graph(c, "graph.version", ERR_INPUT,
                                  "version: expected 1, got %u", g->version);
    }
    if (g->n_tasks == 0) {
        return check_refuse_graph(c, "graph.empty", ERR_INPUT,
                                  "tasks: expected at least one task");
    }
    if (g->n_tasks > LIMIT_TASKS) {
        return check_refuse_graph(c, "graph.limit", ERR_LIMIT,
                                  "tasks: at most %d, got %zu", LIMIT_TASKS,
                                  g->n_tasks);
    }
    if (p && p->version != 1) {
        return check_refuse_graph(c, "policy.version", ERR_INPUT,
                                  "policy version: expected 1, got %u",
                                  p->version);
    }
    if (p && (!p->budgets || !p->limits)) {
        return check_refuse_graph(c, "policy.form", ERR_INPUT,
                                  "the policy has no budgets or no limits");
    }
    if (p && g->n_tasks > p->budgets->tasks) {
        (void)check_refuse_graph(c, "budget.tasks", ERR_REFUSED,
                                 "%zu tasks, and policy \"%.40s\" allows %llu",
                                 g->n_tasks, p->name,
                                 (unsigned long long)p->budgets->tasks);
        diag_hint(&c->d, "split the graph, or raise budgets.tasks");
        return ADMIT_E_REFUSED;
    }
    return 0;
}

/* The three gates, in order, and what the op's own spec demands. */
static int check_gates(struct check *c, struct subject *s)
{
    int code = check_registered(c, s);

    if (code == 0) {
        code = check_validated(c, s);
    }
    if (code == 0) {
        code = check_spec(c, s);
    }
    return code != 0 ? code : check_granted(c, s);
}

static int is_same_message(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    CLEANUP(buf_release) struct buf x;
    CLEANUP(buf_release) struct buf y;

    buf_init(&x, LIMIT_FRAME_BYTES);
    buf_init(&y, LIMIT_FRAME_BYTES);
    if (!a || !b || pb_encode(a, &x) != 0 || pb_encode(b, &y) != 0) {
        return 0;
    }
    return buf_len(&x) == buf_len(&y) &&
           memcmp(buf_bytes(&x).p, buf_bytes(&y).p, buf_len(&x)) == 0;
}

static int is_same_list(char *const *a, size_t a_n, char *const *b, size_t b_n)
{
    if (a_n != b_n) {
        return 0;
    }
    for (size_t i = 0; i < a_n; i++) {
        if (strcmp(a[i], b[i]) != 0) {
            return 0;
        }
    }
    return 1;
}

/* The same task again gives the same result: such a repair cannot help. */
static int is_inert(const Proctor__Task *t, const Proctor__Repair *r)
{
    int same_needs = r->n_needs == 0 ||
                     is_same_list(r->needs, r->n_needs, t->needs, t->n_needs);
    int same_spec =
        (!r->program ||
         is_same_message((const ProtobufCMessage *)r->program,
                         (const ProtobufCMessage *)t->program)) &&
        (!r->model || is_same_message((const ProtobufCMessage *)r->model,
                                      (const ProtobufCMessage *)t->model)) &&
        (!r->cml || is_same_message((const ProtobufCMessage *)r->cml,
                                    (const ProtobufCMessage *)t->cml)) &&
        (!r->exam || is_same_message((const ProtobufCMessage *)r->exam,
                                     (const ProtobufCMessage *)t->exam));

    return same_needs && same_spec;
}

static int is_same_bytes(struct ubytes a, struct ubytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Who examined the parent must be able to examine the repair. */
static int keeps_types(const struct check *c, const Proctor__Task *t,
                       const Proctor__Repair *r)
{
    const Proctor__Graph *g = c->q->graph;
    const Proctor__Task child = {
        .program = r->program, .model = r->model, .cml = r->cml};
    struct ubytes takes[2];
    struct ubytes gives[2];

    return !admission_types(c->a, g, &child, &takes[0], &gives[0]) ||
           !admission_types(c->a, g, t, &takes[1], &gives[1]) ||
           (is_same_bytes(takes[0], takes[1]) &&
            is_same_bytes(gives[0], gives[1]));
}

/* A repair passes the same door: it is checked as the task that it would be. */
static int check_repair(struct check *c, const struct subject *parent)
{
    const Proctor__Task *t = parent->task;
    const Proctor__Repair *r = t->repair;
    Proctor__Task child = *t;
    struct subject s = {&child, parent->i, 1, parent->op, NULL};
    int code;

    if (!parent->op->can_repair) {
        return check_refuse(c, parent, "repair.op", ERR_INPUT, SPOT_REPAIR,
                            "op %s has no repair", parent->op->name);
    }
    if (is_inert(t, r)) {
        return check_refuse(c, parent, "repair.inert", ERR_INPUT, SPOT_REPAIR,
                            "it changes nothing");
    }
    if (!keeps_types(c, t, r)) {
        return check_refuse(c, parent, "repair.types", ERR_INPUT, SPOT_REPAIR,
                            "it must take and give what the task does");
    }
    child.repair = NULL;
    if (r->n_needs > 0) {
        child.needs = r->needs;
        child.n_needs = r->n_needs;
    }
    /* A spec of another op must not hide behind the parent's own. */
    child.program = r->program ? r->program : t->program;
    child.model = r->model ? r->model : t->model;
    child.cml = r->cml ? r->cml : t->cml;
    child.exam = r->exam ? r->exam : t->exam;
    code = check_form(c, &s);
    if (code == 0) {
        code = check_needs(c, &s);
    }
    return code != 0 ? code : check_gates(c, &s);
}

static int check_task(struct check *c, struct subject *s)
{
    int code = check_form(c, s);

    if (code == 0) {
        code = check_duplicate(c, s);
    }
    if (code == 0) {
        code = check_needs(c, s);
    }
    if (code == 0) {
        code = check_gates(c, s);
    }
    if (code == 0 && s->task->repair) {
        code = check_repair(c, s);
    }
    return code;
}

static int compare_refs(const void *a, const void *b, void *ctx)
{
    const Proctor__Graph *g = ctx;
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    int order = strcmp(g->tasks[x]->ref_move->ref, g->tasks[y]->ref_move->ref);

    return order != 0 ? order : (x > y) - (x < y);
}

/* Two tasks that move one ref would race. */
static int check_ref_targets(struct run *r)
{
    const Proctor__Graph *g = r->c.q->graph;
    uint32_t *refs = calloc(g->n_tasks + 1, sizeof(*refs));
    size_t n = 0;
    union {
        const Proctor__Graph *in;
        void *out;
    } ctx = {g};

    if (!refs) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < g->n_tasks; i++) {
        if (g->tasks[i]->ref_move) {
            refs[n++] = (uint32_t)i;
        }
    }
    qsort_r(refs, n, sizeof(*refs), compare_refs, ctx.out);
    for (size_t i = 1; i < n; i++) {
        const Proctor__Task *t = g->tasks[refs[i]];
        struct subject s = {t, refs[i], 0, NULL, NULL};
        const char *ref = t->ref_move->ref;

        if (strcmp(ref, g->tasks[refs[i - 1]]->ref_move->ref) == 0) {
            (void)check_refuse(&r->c, &s, "ref.duplicate", ERR_INPUT, SPOT_WITH,
                               "task \"%s\" moves \"%.120s\" already",
                               g->tasks[refs[i - 1]]->id, ref);
            tell(r, refs[i]);
        }
    }
    free(refs);
    return 0;
}

static void check_roots(struct run *r)
{
    const Proctor__Graph *g = r->c.q->graph;
    const char *first = NULL;

    for (size_t i = 0; i < g->n_tasks; i++) {
        struct subject s = {g->tasks[i], i, 0, NULL, NULL};

        if (!g->tasks[i]->root) {
            continue;
        }
        if (first) {
            (void)check_refuse(&r->c, &s, "task.root", ERR_INPUT, SPOT_TASK,
                               "a second root; \"%.64s\" is the root", first);
            diag_hint(&r->c.d, "a graph has at most one root");
            tell(r, i);
        } else {
            first = g->tasks[i]->id;
        }
    }
}

static void tell_cycle(void *ctx, size_t task_i)
{
    tell(ctx, task_i);
}

static int check_all(struct run *r)
{
    struct check *c = &r->c;
    const Proctor__Graph *g = c->q->graph;

    if (check_whole(c) != 0) {
        tell(r, SIZE_MAX);
        return 0;
    }
    TRY(check_prepare(c));
    for (size_t i = 0; i < g->n_tasks; i++) {
        struct subject s = {g->tasks[i], i, 0, NULL, &r->out->tasks[i]};
        int code = check_task(c, &s);

        if (code < 0) {
            return ERR_TRACE(code);
        }
        if (code > 0) {
            tell(r, i);
        }
    }
    check_roots(r);
    TRY(check_ref_targets(r));
    return check_order(c, r->out->order, tell_cycle, r);
}

int admit_check(const struct admit_request *q, struct admission *out,
                void (*on_refusal)(void *ctx, size_t task_i, const char *rule,
                                   const struct diag *d),
                void *ctx)
{
    struct run r = {
        .c = {.q = q, .a = out}, .out = out, .on_refusal = on_refusal, .ctx = ctx};
    int code = ERR_NOMEM;

    memset(out, 0, sizeof(*out));
    out->n = q->graph->n_tasks;
    out->tasks = calloc(out->n + 1, sizeof(*out->tasks));
    out->order = calloc(out->n + 1, sizeof(*out->order));
    if (out->tasks && out->order) {
        for (size_t i = 0; i < out->n; i++) {
            out->tasks[i].capability = "";
        }
        code = check_all(&r);
    }
    for (size_t i = 0; code == 0 && i < out->n; i++) {
        struct decision *d = &out->tasks[i];

        d->admitted = d->rule == NULL;
        d->rule = d->rule ? d->rule : "gates.passed";
    }
    free(r.c.edges);
    free(r.c.edges_at);
    mem_freep(&r.c.names);
    if (code != 0) {
        admission_release(out);
    }
    return code;
}

void admission_release(struct admission *a)
{
    free(a->tasks);
    free(a->order);
    free(a->sorted);
    memset(a, 0, sizeof(*a));
}
