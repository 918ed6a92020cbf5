/* One task. Runs in the confined `config` worker. What names mean (ops, tasks,
 * validators, grants) is the kernel's to judge; here is only form. */
#include "workers/config/task.h"

#include <string.h>

#include "proto/limits.h"
#include "workers/config/member.h"
#include "workers/config/specs.h"

#define PRIORITY_DEFAULT 5u
#define PRIORITY_MAX 9u

enum {
    T_ID,
    T_OP,
    T_NEEDS,
    T_WITH,
    T_VALIDATOR,
    T_REPAIR,
    T_APPROVAL,
    T_PRIORITY,
    T_ROOT,
    T_STATE,
    T_STATUS,
    T_RESULT,
    T_LEVEL,
    T_N
};

static const char kernel_sets[] = "state is set by the kernel";

static const struct schema_key task_keys[T_N] = {
    {"id", 1, NULL},
    {"op", 1, NULL},
    {"needs", 0, NULL},
    {"with", 0, NULL},
    {"validator", 0, NULL},
    {"repair", 0, NULL},
    {"approval", 0, NULL},
    {"priority", 0, NULL},
    {"root", 0, NULL},
    {"state", 0, kernel_sets},
    {"status", 0, kernel_sets},
    {"result", 0, kernel_sets},
    {"level", 0, "a level stands under validator"}};

static int make_place(struct config *c, const struct yaml_node *n,
                      Proctor__Place **out)
{
    Proctor__Place *p = arena_get(&c->reply, sizeof(*p));

    if (!p) {
        return ERR_NOMEM;
    }
    proctor__place__init(p);
    if (n && n->line > 0) {
        p->line = n->line;
        p->col = n->col;
    }
    *out = p;
    return 0;
}

static int copy_text(struct config *c, const struct yaml_node *n,
                     const char *key, size_t max_bytes, char **out)
{
    const char *text = NULL;

    config_enter(c, key);
    TRY(schema_text(c, n, max_bytes, &text));
    config_leave(c);
    *out = arena_text(&c->reply, text, n->n);
    return *out ? 0 : ERR_NOMEM;
}

static int read_needs(struct config *c, const struct yaml_node *n, char ***out,
                      size_t *out_n)
{
    config_enter(c, "needs");
    TRY(schema_texts(c, n, LIMIT_NEEDS, LIMIT_ID_BYTES, out, out_n));
    config_leave(c);
    return 0;
}

static int read_validator(struct config *c, const struct yaml_node *n,
                          struct task_read *out)
{
    static const struct schema_key keys[] = {{"name", 1, NULL},
                                             {"level", 1, NULL}};
    static const char *const levels[] = {"none",     "syntax", "schema",
                                         "property", "oracle", "proven"};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__Validator *val = arena_get(&c->reply, sizeof(*val));
    size_t level = 0;

    if (!val) {
        return ERR_NOMEM;
    }
    proctor__validator__init(val);
    config_enter(c, "validator");
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(copy_text(c, v[0], "name", LIMIT_ID_BYTES, &val->name));
    config_enter(c, "level");
    TRY(schema_word(c, v[1], levels, ARRAY_N(levels), &level));
    config_leave(c);
    config_leave(c);
    val->level = (uint32_t)level;
    out->task->validator = val;
    TRY(make_place(c, n, &out->places->validator));
    return make_place(c, v[1], &out->places->level);
}

static int fail_no_with(struct config *c, const struct yaml_node *n)
{
    config_fail(c, n, "key \"with\" is missing");
    config_hint(c, "say what the op works on, under with:");
    return ERR_INPUT;
}

/* `with` of one op. */
#define WITH(name, call)                                                       \
    static int with_##name(struct config *c, const struct yaml_node *n,        \
                           struct task_read *out)                              \
    {                                                                          \
        return call;                                                           \
    }
WITH(program, spec_program(c, n, NULL, &out->task->program))
WITH(model, spec_model(c, n, NULL, &out->task->model))
WITH(cml, spec_cml(c, n, NULL, &out->task->cml))
WITH(enumerate, spec_enumerate(c, n, NULL, &out->task->cml))
WITH(exam, spec_exam(c, n, NULL, &out->task->exam, &out->examples))
WITH(ref_move, spec_ref_move(c, n, &out->task->ref_move))
WITH(data_load, spec_load(c, n, &out->task->data))
WITH(data_permute, spec_permute(c, n, &out->task->permute))
WITH(data_split, spec_split(c, n, &out->task->split))
WITH(score, spec_score(c, n, &out->task->score))
WITH(derive, spec_derive(c, n, &out->task->derive))
WITH(assert, spec_assert(c, n, &out->task->assertion))
WITH(reconcile, spec_reconcile(c, n, &out->task->reconcile))
WITH(model_lane, spec_lane(c, n, out->task->op, &out->task->lane, &out->facts))
WITH(train, spec_train(c, n, &out->task->train))
WITH(train_combine, spec_combine(c, n, &out->task->combine))
WITH(exam_holdout, spec_holdout(c, n, &out->task->holdout))
#undef WITH

static const struct {
    const char *op;
    int (*read)(struct config *c, const struct yaml_node *n,
                struct task_read *out);
} withs[] = {
    {"program", with_program},
    {"model", with_model},
    {"cml", with_cml},
    {"enumerate", with_enumerate},
    {"exam", with_exam},
    {"ref.move", with_ref_move},
    {"data.load", with_data_load},
    {"data.permute", with_data_permute},
    {"data.split", with_data_split},
    {"score", with_score},
    {"derive", with_derive},
    {"assert", with_assert},
    {"reconcile", with_reconcile},
    {"model.generate", with_model_lane},
    {"model.score", with_model_lane},
    {"model.logits", with_model_lane},
    {"model.classify", with_model_lane},
    {"train", with_train},
    {"train.combine", with_train_combine},
    {"exam.holdout", with_exam_holdout}};

/* The spec of the op; an op that is not known keeps none (the kernel refuses
 * it, with a hint). */
static int read_with(struct config *c, const struct yaml_node *n,
                     const struct yaml_node *with, struct task_read *out)
{
    size_t i = 0;

    while (i < ARRAY_N(withs) && strcmp(out->task->op, withs[i].op) != 0) {
        i++;
    }
    if (i == ARRAY_N(withs)) {
        return 0;
    }
    if (!with) {
        return fail_no_with(c, n);
    }
    config_enter(c, "with");
    TRY(withs[i].read(c, with, out));
    config_leave(c);
    return 0;
}

static int read_repair(struct config *c, const struct yaml_node *n,
                       const struct yaml_node *base, struct task_read *out)
{
    static const struct schema_key keys[] = {{"needs", 0, NULL},
                                             {"with", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    const char *op = out->task->op;
    Proctor__Repair *r = arena_get(&c->reply, sizeof(*r));

    if (!r) {
        return ERR_NOMEM;
    }
    proctor__repair__init(r);
    config_enter(c, "repair");
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    if (!v[0] && !v[1]) {
        config_fail(c, n, "changes nothing");
        config_hint(c, "a repair names other needs or another with: the same "
                       "task again gives the same result");
        return ERR_INPUT;
    }
    if (v[0]) {
        TRY(read_needs(c, v[0], &r->needs, &r->n_needs));
    }
    if (v[1]) {
        config_enter(c, "with");
        if (strcmp(op, "program") == 0) {
            TRY(spec_program(c, v[1], base, &r->program));
        } else if (strcmp(op, "model") == 0) {
            TRY(spec_model(c, v[1], base, &r->model));
        } else if (strcmp(op, "cml") == 0) {
            TRY(spec_cml(c, v[1], base, &r->cml));
        } else if (strcmp(op, "enumerate") == 0) {
            TRY(spec_enumerate(c, v[1], base, &r->cml));
        } else if (strcmp(op, "exam") == 0) {
            TRY(spec_exam(c, v[1], base, &r->exam, &out->repair_examples));
        }
        config_leave(c);
    }
    config_leave(c);
    out->task->repair = r;
    return make_place(c, n, &out->places->repair);
}

static int read_scalars(struct config *c, const struct yaml_node *const *v,
                        Proctor__Task *t)
{
    uint64_t priority = PRIORITY_DEFAULT;

    TRY(copy_text(c, v[T_ID], "id", LIMIT_ID_BYTES, &t->id));
    TRY(copy_text(c, v[T_OP], "op", LIMIT_ID_BYTES, &t->op));
    TRY(member_flag(c, v[T_APPROVAL], "approval", &t->approval));
    TRY(member_flag(c, v[T_ROOT], "root", &t->root));
    if (v[T_PRIORITY]) {
        config_enter(c, "priority");
        TRY(schema_uint(c, v[T_PRIORITY], 0, PRIORITY_MAX, &priority));
        config_leave(c);
    }
    t->priority = (uint32_t)priority;
    return 0;
}

static int read_places(struct config *c, const struct yaml_node *n,
                       const struct yaml_node *const *v, Proctor__TaskPlaces *p)
{
    size_t i = 0;

    TRY(make_place(c, n, &p->task));
    TRY(make_place(c, v[T_ID], &p->id));
    TRY(make_place(c, v[T_OP], &p->op));
    if (v[T_WITH]) {
        TRY(make_place(c, v[T_WITH], &p->with));
    }
    if (!v[T_NEEDS] || v[T_NEEDS]->n == 0) {
        return 0;
    }
    p->needs = arena_array(&c->reply, v[T_NEEDS]->n, sizeof(Proctor__Place *));
    if (!p->needs) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = v[T_NEEDS]->first; e; e = e->next, i++) {
        TRY(make_place(c, e, &p->needs[i]));
    }
    p->n_needs = i;
    return 0;
}

int task_read(struct config *c, const struct yaml_node *n,
              struct task_read *out)
{
    const struct yaml_node *v[T_N];

    memset(out, 0, sizeof(*out));
    out->task = arena_get(&c->reply, sizeof(*out->task));
    out->places = arena_get(&c->reply, sizeof(*out->places));
    if (!out->task || !out->places) {
        return ERR_NOMEM;
    }
    proctor__task__init(out->task);
    proctor__task_places__init(out->places);
    TRY(schema_map(c, n, task_keys, T_N, v));
    TRY(read_scalars(c, v, out->task));
    if (v[T_NEEDS]) {
        TRY(read_needs(c, v[T_NEEDS], &out->task->needs, &out->task->n_needs));
    }
    TRY(read_places(c, n, v, out->places));
    TRY(read_with(c, n, v[T_WITH], out));
    if (v[T_VALIDATOR]) {
        TRY(read_validator(c, v[T_VALIDATOR], out));
    }
    if (v[T_REPAIR]) {
        TRY(read_repair(c, v[T_REPAIR], v[T_WITH], out));
    }
    return 0;
}
