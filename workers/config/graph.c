/* The graph as a whole. Runs in the confined `config` worker. */
#include "workers/config/graph.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/override.h"
#include "workers/config/schema.h"
#include "workers/config/specs.h"
#include "workers/config/task.h"
#include "workers/config/train_kind.h"
#include "proto/sort.h"

#define NAME_BYTES_MAX 200u

struct pending { /* examples of one exam */
    const struct yaml_node *examples;
    size_t task_i;
    int of_repair;
    int is_facts;
};

struct graph_reader {
    struct config *c;
    struct yaml_reader *r;
    struct overrides overrides;
    Proctor__Graph *graph;
    Proctor__TaskPlaces **places; /* parallel to graph->tasks */
    size_t cap;
    struct pending *pending; /* owned */
    size_t pending_n, pending_cap;
};

enum {
    G_VERSION,
    G_NAME,
    G_TASKS,
    G_STATE,
    G_STATUS,
    G_RESULT,
    G_N
};

static const char kernel_sets[] = "state is set by the kernel";

static const struct schema_key graph_keys[G_N] = {
    {"version", 1, NULL},       {"name", 1, NULL},
    {"tasks", 1, NULL},         {"state", 0, kernel_sets},
    {"status", 0, kernel_sets}, {"result", 0, kernel_sets}};

static int grow(struct graph_reader *g)
{
    size_t cap = g->cap > 0 ? g->cap * 2 : 64;
    Proctor__Task **tasks;
    Proctor__TaskPlaces **places;

    if (g->graph->n_tasks < g->cap) {
        return 0;
    }
    tasks = arena_array(&g->c->reply, cap, sizeof(Proctor__Task *));
    places = arena_array(&g->c->reply, cap, sizeof(Proctor__TaskPlaces *));
    if (!tasks || !places) {
        return ERR_NOMEM;
    }
    if (g->cap > 0) {
        memcpy(tasks, g->graph->tasks, g->cap * sizeof(Proctor__Task *));
        memcpy(places, g->places, g->cap * sizeof(Proctor__TaskPlaces *));
    }
    g->graph->tasks = tasks;
    g->places = places;
    g->cap = cap;
    return 0;
}

static int remember(struct graph_reader *g, const struct yaml_node *examples,
                    int of_repair, int is_facts)
{
    if (g->pending_n == g->pending_cap) {
        size_t cap = g->pending_cap > 0 ? g->pending_cap * 2 : 16;
        struct pending *p = realloc(g->pending, cap * sizeof(*p));

        if (!p) {
            return ERR_NOMEM;
        }
        g->pending = p;
        g->pending_cap = cap;
    }
    g->pending[g->pending_n++] =
        (struct pending){examples, g->graph->n_tasks, of_repair, is_facts};
    return 0;
}

/* The id as text, if the task has one, so that overrides can find it. */
static const char *id_of(const struct yaml_node *task)
{
    if (task->kind != YAML_MAP) {
        return NULL;
    }
    for (const struct yaml_node *e = task->first; e; e = e->next) {
        if (strcmp(e->key->text, "id") == 0 && e->kind == YAML_SCALAR &&
            e->n > 0) {
            return e->text;
        }
    }
    return NULL;
}

static int add_task(struct graph_reader *g, struct yaml_node *n)
{
    struct task_read t;
    const char *id = id_of(n);

    if (g->graph->n_tasks == LIMIT_TASKS) {
        return config_limit(g->c, n, "at most %d tasks", LIMIT_TASKS);
    }
    if (id && g->overrides.n > 0) {
        TRY(overrides_apply_task(g->c, &g->overrides, id, n));
    }
    TRY(grow(g));
    TRY(task_read(g->c, n, &t));
    if (t.examples) {
        TRY(remember(g, t.examples, 0, 0));
    }
    if (t.repair_examples) {
        TRY(remember(g, t.repair_examples, 1, 0));
    }
    if (t.facts) {
        TRY(remember(g, t.facts, 0, 1));
    }
    g->graph->tasks[g->graph->n_tasks] = t.task;
    g->places[g->graph->n_tasks] = t.places;
    g->graph->n_tasks++;
    return 0;
}

static int read_tasks(struct graph_reader *g)
{
    struct config *c = g->c;
    struct yaml_node *n = NULL;

    config_enter(c, "tasks");
    if (yaml_peek(g->r) != YAML_EV_LIST) {
        TRY(yaml_tree(g->r, &c->scratch, &n));
        return schema_expected(c, n, "a list of tasks");
    }
    TRY(yaml_step(g->r, NULL));
    while (yaml_peek(g->r) != YAML_EV_CLOSE) {
        struct arena_mark mark = arena_mark(&c->scratch);
        size_t pending_n = g->pending_n;

        config_enter_at(c, g->graph->n_tasks);
        TRY(yaml_tree(g->r, &c->scratch, &n));
        TRY(add_task(g, n));
        config_leave(c);
        if (g->pending_n == pending_n) {
            arena_rewind(&c->scratch, mark);
        }
    }
    TRY(yaml_step(g->r, NULL));
    config_leave(c);
    return 0;
}

static int read_version(struct config *c, const struct yaml_node *n,
                        Proctor__Graph *graph)
{
    uint64_t version = 0;

    config_enter(c, "version");
    if (schema_uint(c, n, 1, 1, &version) != 0) {
        schema_expected(c, n, "1");
        config_hint(c, "this proctor reads graphs of version 1");
        return ERR_INPUT;
    }
    config_leave(c);
    graph->version = 1;
    return 0;
}

static int read_name(struct config *c, const struct yaml_node *n,
                     Proctor__Graph *graph)
{
    const char *text = NULL;

    config_enter(c, "name");
    TRY(schema_text(c, n, NAME_BYTES_MAX, &text));
    config_leave(c);
    graph->name = arena_text(&c->reply, text, n->n);
    return graph->name ? 0 : ERR_NOMEM;
}

static int read_value(struct graph_reader *g, size_t key,
                      const struct yaml_node *n)
{
    return key == G_VERSION ? read_version(g->c, n, g->graph)
                            : read_name(g->c, n, g->graph);
}

static int read_entry(struct graph_reader *g, uint32_t seen[static G_N])
{
    struct config *c = g->c;
    struct yaml_node *key = NULL;
    struct yaml_node *n = NULL;
    struct override *o;
    size_t i;

    TRY(yaml_key(g->r, &c->scratch, &key));
    i = schema_find(c, key, graph_keys, G_N);
    if (i == G_N) {
        return ERR_INPUT;
    }
    if (seen[i] > 0) {
        config_fail(c, key, "key \"%s\" is given twice", key->text);
        config_hint(c, "the first is on line %u", seen[i]);
        return ERR_INPUT;
    }
    seen[i] = key->line;
    if (i == G_TASKS) {
        return read_tasks(g);
    }
    TRY(yaml_tree(g->r, &c->scratch, &n));
    o = overrides_top(&g->overrides, key->text);
    return read_value(g, i, o ? o->value : n);
}

/* What the text leaves out may come from an override; else it is missing. */
static int check_complete(struct graph_reader *g, const struct yaml_node *root,
                          const uint32_t seen[static G_N])
{
    for (size_t i = 0; i <= G_TASKS; i++) {
        struct override *o;

        if (seen[i] > 0) {
            continue;
        }
        o = i < G_TASKS ? overrides_top(&g->overrides, graph_keys[i].name)
                        : NULL;
        if (o) {
            TRY(read_value(g, i, o->value));
            continue;
        }
        config_fail(g->c, root, "key \"%s\" is missing", graph_keys[i].name);
        config_hint(g->c, "a graph has version: 1, name: and tasks:");
        return ERR_INPUT;
    }
    return 0;
}

/* Task indices sorted by id, for look-ups. */
static int compare_tasks(const void *a, const void *b)
{
    const Proctor__Task *const *x = a;
    const Proctor__Task *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

static int compare_id(const void *id, const void *task)
{
    const Proctor__Task *const *t = task;

    return strcmp(id, (*t)->id);
}

/* Types of the candidate among the needs; 0 when there is none (the kernel
 * refuses such an exam). */
static int candidate_types(Proctor__Task **sorted, size_t n, char **needs,
                           size_t needs_n, struct type *takes,
                           struct type *gives)
{
    for (size_t i = 0; i < needs_n; i++) {
        Proctor__Task **found =
            bsearch(needs[i], sorted, n, sizeof(Proctor__Task *), compare_id);
        const Proctor__Task *t = found ? *found : NULL;
        const ProtobufCBinaryData *in = NULL;
        const ProtobufCBinaryData *out = NULL;

        if (t && t->program) {
            in = &t->program->takes;
            out = &t->program->gives;
        } else if (t && t->model) {
            in = &t->model->takes;
            out = &t->model->gives;
        } else if (t && t->cml) {
            in = &t->cml->takes;
            out = &t->cml->gives;
        } else {
            continue;
        }
        return type_decode((struct ubytes){in->data, in->len}, takes) == 0 &&
               type_decode((struct ubytes){out->data, out->len}, gives) == 0;
    }
    return 0;
}

/* A fact's input is one of what the candidate of its exam takes. What is no exam,
 * or has no candidate, the kernel refuses. */
static int read_facts(struct graph_reader *g, const struct pending *p,
                      Proctor__Task **sorted)
{
    struct config *c = g->c;
    Proctor__LaneSpec *s = g->graph->tasks[p->task_i]->lane;
    size_t n = g->graph->n_tasks;
    struct type takes;
    struct type gives;

    for (size_t i = 0; i < s->n_facts; i++) {
        Proctor__Task **found = bsearch(s->facts[i]->of, sorted, n,
                                        sizeof(Proctor__Task *), compare_id);

        if (found && (*found)->exam &&
            candidate_types(sorted, n, (*found)->needs, (*found)->n_needs,
                            &takes, &gives)) {
            config_enter(c, "tasks");
            config_enter_at(c, p->task_i);
            config_enter(c, "with");
            TRY(spec_fact_input(c, p->examples, i, &takes, s));
            c->path_n = 0;
        }
    }
    return 0;
}

static int read_pending(struct graph_reader *g, const struct pending *p,
                        Proctor__Task **sorted)
{
    struct config *c = g->c;
    Proctor__Task *t = g->graph->tasks[p->task_i];
    Proctor__Repair *repair = p->of_repair ? t->repair : NULL;
    int own_needs = repair && repair->n_needs > 0;
    struct type takes;
    struct type gives;

    if (!candidate_types(
            sorted, g->graph->n_tasks, own_needs ? repair->needs : t->needs,
            own_needs ? repair->n_needs : t->n_needs, &takes, &gives)) {
        return 0;
    }
    config_enter(c, "tasks");
    config_enter_at(c, p->task_i);
    if (repair) {
        config_enter(c, "repair");
    }
    config_enter(c, "with");
    TRY(spec_examples(c, p->examples, &takes, &gives,
                      repair ? repair->exam : t->exam));
    c->path_n = 0;
    return 0;
}

/* Where the arguments' types of a candidate stand; NULL: of no candidate that
 * an exam could tell them. */
static ProtobufCBinaryData *takes_of(Proctor__ProgramSpec *program,
                                     Proctor__CmlSpec *cml)
{
    return program ? &program->takes : cml ? &cml->takes : NULL;
}

static ProtobufCBinaryData *takes_of_task(const Proctor__Task *t)
{
    return takes_of(t->program, t->cml);
}

static ProtobufCBinaryData *takes_of_repair(const Proctor__Task *t)
{
    return t->repair ? takes_of(t->repair->program, t->repair->cml) : NULL;
}

static int lacks_takes(const Proctor__Task *t)
{
    const ProtobufCBinaryData *own = takes_of_task(t);
    const ProtobufCBinaryData *repaired = takes_of_repair(t);

    return own && (own->len == 0 || (repaired && repaired->len == 0));
}

static int has_untyped(const Proctor__Graph *graph)
{
    for (size_t i = 0; i < graph->n_tasks; i++) {
        if (lacks_takes(graph->tasks[i])) {
            return 1;
        }
    }
    return 0;
}

/* What exam x draws becomes what its candidate takes, where that was left
 * out. */
static void give_takes(Proctor__Task **sorted, size_t n, const Proctor__Task *x)
{
    for (size_t i = 0; i < x->n_needs; i++) {
        Proctor__Task **found = bsearch(x->needs[i], sorted, n,
                                        sizeof(Proctor__Task *), compare_id);
        ProtobufCBinaryData *own = found ? takes_of_task(*found) : NULL;
        ProtobufCBinaryData *repaired = found ? takes_of_repair(*found) : NULL;

        if (own && own->len == 0) {
            *own = x->exam->takes;
        }
        if (own && repaired && repaired->len == 0) {
            *repaired = *own;
        }
    }
}

/* A candidate's takes may be left out when an exam of its own has a domain. */
static int fill_takes(struct graph_reader *g, Proctor__Task **sorted)
{
    struct config *c = g->c;
    Proctor__Graph *graph = g->graph;

    for (size_t i = 0; i < graph->n_tasks; i++) {
        if (graph->tasks[i]->exam && graph->tasks[i]->exam->takes.len > 0) {
            give_takes(sorted, graph->n_tasks, graph->tasks[i]);
        }
    }
    for (size_t i = 0; i < graph->n_tasks; i++) {
        const Proctor__Place *p = g->places[i]->with;

        if (!lacks_takes(graph->tasks[i])) {
            continue;
        }
        config_enter(c, "tasks");
        config_enter_at(c, i);
        config_enter(c, "with");
        config_fail_at(c, p ? p->line : 0, p ? p->col : 0,
                       "key \"takes\" is missing");
        config_hint(c, "list the arguments' types, e.g. takes: [bytes]; only "
                       "an exam with a domain could say them instead");
        return ERR_INPUT;
    }
    return 0;
}

/* What needs all tasks: types that exams say, and examples. */
static int read_all_pending(struct graph_reader *g)
{
    size_t n = g->graph->n_tasks;
    int untyped = has_untyped(g->graph);
    int trains = train_kind_is_needed(g->graph);
    Proctor__Task **sorted;

    if (g->pending_n == 0 && !untyped && !trains) {
        return 0;
    }
    sorted = arena_array(&g->c->scratch, n, sizeof(Proctor__Task *));
    if (!sorted) {
        return ERR_NOMEM;
    }
    memcpy(sorted, g->graph->tasks, n * sizeof(Proctor__Task *));
    sort_items(sorted, n, sizeof(Proctor__Task *), compare_tasks);
    if (untyped) {
        TRY(fill_takes(g, sorted));
    }
    if (trains) {
        TRY(train_kind_fill(g->c, sorted, n));
    }
    for (size_t i = 0; i < g->pending_n; i++) {
        TRY(g->pending[i].is_facts ? read_facts(g, &g->pending[i], sorted)
                                   : read_pending(g, &g->pending[i], sorted));
    }
    return 0;
}

static int read_document(struct graph_reader *g)
{
    struct config *c = g->c;
    struct yaml_node root = {0};
    uint32_t seen[G_N] = {0};

    if (yaml_peek(g->r) != YAML_EV_MAP) {
        struct yaml_node *n = NULL;

        TRY(yaml_tree(g->r, &c->scratch, &n));
        schema_expected(c, n, "a map with the keys version, name and tasks");
        return ERR_INPUT;
    }
    TRY(yaml_step(g->r, &root));
    while (yaml_peek(g->r) != YAML_EV_CLOSE) {
        TRY(read_entry(g, seen));
    }
    TRY(yaml_step(g->r, NULL));
    TRY(yaml_end(g->r));
    TRY(check_complete(g, &root, seen));
    TRY(overrides_end(c, &g->overrides));
    return read_all_pending(g);
}

int graph_read(struct config *c, Proctor__ConfigReply *out)
{
    struct graph_reader g = {.c = c};
    const Proctor__ConfigTask *t = c->task;
    int code;

    g.graph = arena_get(&c->reply, sizeof(*g.graph));
    if (!g.graph) {
        return ERR_NOMEM;
    }
    proctor__graph__init(g.graph);
    if (t->text.len > LIMIT_GRAPH_FILE_BYTES) {
        return config_limit(c, NULL, "a graph has at most %u bytes, got %zu",
                            LIMIT_GRAPH_FILE_BYTES, t->text.len);
    }
    TRY(overrides_open(c, &g.overrides));
    TRY(yaml_open(c, (struct ubytes){t->text.data, t->text.len},
                  YAML_SYNTAX_YAML, 0, 0, &g.r));
    code = read_document(&g);
    yaml_close(g.r);
    free(g.pending);
    out->graph = g.graph;
    out->places = g.places;
    out->n_places = g.graph->n_tasks;
    return code;
}
