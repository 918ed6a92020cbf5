/* Ids, dependencies, order. Kernel process. Sorting and an explicit stack: cost
 * does not depend on what the ids are, depth does not depend on the graph. */
#include "kernel/admit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b, void *ctx)
{
    const struct check *c = ctx;
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    int order = strcmp(c->q->graph->tasks[x]->id, c->q->graph->tasks[y]->id);

    return order != 0 ? order : (x > y) - (x < y);
}

int check_prepare(struct check *c)
{
    const Proctor__Graph *g = c->q->graph;
    size_t edges_n = 0;

    c->a->sorted = calloc(g->n_tasks + 1, sizeof(*c->a->sorted));
    c->edges_at = calloc(g->n_tasks + 1, sizeof(*c->edges_at));
    if (!c->a->sorted || !c->edges_at) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < g->n_tasks; i++) {
        const Proctor__Task *t = g->tasks[i];

        c->a->sorted[i] = (uint32_t)i;
        c->edges_at[i] = edges_n;
        /* check_form refuses longer lists; none of theirs is kept. */
        edges_n += t->n_needs <= LIMIT_NEEDS ? t->n_needs : 0;
        edges_n += t->repair && t->repair->n_needs <= LIMIT_NEEDS
                       ? t->repair->n_needs
                       : 0;
    }
    c->edges_at[g->n_tasks] = edges_n;
    c->edges = malloc((edges_n + 1) * sizeof(*c->edges));
    if (!c->edges) {
        return ERR_NOMEM;
    }
    memset(c->edges, 0xff, (edges_n + 1) * sizeof(*c->edges));
    qsort_r(c->a->sorted, g->n_tasks, sizeof(*c->a->sorted), compare_ids, c);
    return 0;
}

int check_duplicate(struct check *c, const struct subject *s)
{
    size_t first = check_find(c, s->task->id);
    char child[LIMIT_ID_BYTES + 16];

    ASSERT(first != SIZE_MAX);
    if (first != s->i) {
        return check_refuse(c, s, "task.duplicate", ERR_INPUT, SPOT_ID,
                            "\"%s\" is the id of tasks[%zu] already",
                            s->task->id, first);
    }
    if (!s->task->repair) {
        return 0;
    }
    (void)snprintf(child, sizeof(child), "%s.repair1", s->task->id);
    if (check_find(c, child) != SIZE_MAX) {
        return check_refuse(c, s, "task.duplicate", ERR_INPUT, SPOT_REPAIR,
                            "the repair would be called \"%s\", as tasks[%zu] "
                            "is",
                            child, check_find(c, child));
    }
    return 0;
}

static const char *nearest_id(struct check *c, const char *id)
{
    const Proctor__Graph *g = c->q->graph;

    if (c->suggestions++ >= CHECK_SUGGESTIONS_MAX) {
        return NULL;
    }
    if (!c->names) {
        c->names = calloc(g->n_tasks + 1, sizeof(*c->names));
        for (size_t i = 0; c->names && i < g->n_tasks; i++) {
            c->names[i] = g->tasks[i]->id;
        }
    }
    return c->names ? diag_nearest(id, c->names, g->n_tasks) : NULL;
}

static int refuse_unknown(struct check *c, const struct subject *s, size_t i)
{
    const char *need = s->task->needs[i];
    const char *nearest = nearest_id(c, need);

    if (nearest) {
        (void)check_refuse_need(c, s, "dependency.unknown", i,
                                "no task \"%.64s\"; did you mean \"%s\"?", need,
                                nearest);
    } else {
        (void)check_refuse_need(c, s, "dependency.unknown", i,
                                "no task \"%.64s\"", need);
    }
    diag_hint(&c->d, "needs lists ids of tasks of this graph");
    return ADMIT_E_REFUSED;
}

static int is_among(const uint32_t *list, size_t n, size_t x)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == x) {
            return 1;
        }
    }
    return 0;
}

int check_needs(struct check *c, const struct subject *s)
{
    size_t at = c->edges_at[s->i];

    if (s->is_repair && s->task->needs == c->q->graph->tasks[s->i]->needs) {
        return 0; /* inherited: checked with the parent */
    }
    if (s->is_repair) {
        const Proctor__Task *parent = c->q->graph->tasks[s->i];

        at += parent->n_needs <= LIMIT_NEEDS ? parent->n_needs : 0;
    }
    for (size_t i = 0; i < s->task->n_needs; i++) {
        size_t found = check_find(c, s->task->needs[i]);

        if (found == SIZE_MAX) {
            return refuse_unknown(c, s, i);
        }
        if (found == s->i) {
            return check_refuse_need(c, s, "dependency.self", i,
                                     "\"%s\" needs itself",
                                     c->q->graph->tasks[s->i]->id);
        }
        if (is_among(c->edges + at, i, found)) {
            return check_refuse_need(c, s, "dependency.duplicate", i,
                                     "\"%s\" is named twice",
                                     s->task->needs[i]);
        }
        c->edges[at + i] = (uint32_t)found;
    }
    return 0;
}

enum mark {
    MARK_NEW,
    MARK_OPEN,
    MARK_DONE
};

struct walk {
    struct check *c;
    unsigned char *mark;
    uint32_t *stack; /* tasks that are open, each needing the next */
    size_t *next;    /* of each task: its next edge to look at */
    size_t depth;
    uint32_t *order;
    size_t order_n;
};

/* "cycle: a -> b -> a" from the stack, whose top needs `to`. */
static void refuse_cycle(struct walk *w, uint32_t to)
{
    const Proctor__Graph *g = w->c->q->graph;
    struct subject s = {g->tasks[to], to, 0, NULL, NULL};
    char path[DIAG_TEXT_BYTES];
    size_t from = w->depth - 1;
    size_t n = 0;

    while (w->stack[from] != to) {
        ASSERT(from > 0);
        from--;
    }
    path[0] = '\0';
    for (size_t i = from; i < w->depth && n < sizeof(path); i++) {
        n += (size_t)snprintf(path + n, sizeof(path) - n, "%s -> ",
                              g->tasks[w->stack[i]]->id);
    }
    if (n < sizeof(path)) {
        (void)snprintf(path + n, sizeof(path) - n, "%s", g->tasks[to]->id);
    }
    (void)check_refuse(w->c, &s, "graph.cycle", ERR_INPUT, SPOT_NEEDS,
                       "cycle: %s", path);
    diag_hint(&w->c->d, "remove one of these dependencies (an arrow reads "
                        "\"needs\")");
}

static void open_task(struct walk *w, uint32_t i)
{
    w->mark[i] = MARK_OPEN;
    w->next[i] = w->c->edges_at[i];
    w->stack[w->depth++] = i;
}

/* Everything that task i needs, then i itself. */
static void walk_from(struct walk *w, uint32_t i,
                      void (*on_cycle)(void *ctx, size_t task_i), void *ctx)
{
    const struct check *c = w->c;

    open_task(w, i);
    while (w->depth > 0) {
        uint32_t top = w->stack[w->depth - 1];
        uint32_t to;

        if (w->next[top] == c->edges_at[top + 1]) {
            w->mark[top] = MARK_DONE;
            w->order[w->order_n++] = top;
            w->depth--;
            continue;
        }
        to = c->edges[w->next[top]++];
        if (to == UINT32_MAX || w->mark[to] == MARK_DONE) {
            continue;
        }
        if (w->mark[to] == MARK_OPEN) {
            refuse_cycle(w, to);
            on_cycle(ctx, to);
            continue;
        }
        open_task(w, to);
    }
}

int check_order(struct check *c, uint32_t *out_order,
                void (*on_cycle)(void *ctx, size_t task_i), void *ctx)
{
    size_t n = c->q->graph->n_tasks;
    struct walk w = {.c = c, .order = out_order};
    int code = ERR_NOMEM;

    w.mark = calloc(n + 1, sizeof(*w.mark));
    w.stack = calloc(n + 1, sizeof(*w.stack));
    w.next = calloc(n + 1, sizeof(*w.next));
    if (!w.mark || !w.stack || !w.next) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (w.mark[i] == MARK_NEW) {
            walk_from(&w, (uint32_t)i, on_cycle, ctx);
        }
    }
    ASSERT(w.order_n == n);
    code = 0;
out:
    free(w.mark);
    free(w.stack);
    free(w.next);
    return code;
}
