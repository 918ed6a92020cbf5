/* Ops, validators and transitions, printed from the tables that the kernel is
 * built of. Asks no kernel. */
#include "cli/status_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/message.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/record.h"

#include "kernel.pb-c.h"

/* Positions in the tables; an op's is its bit among a validator's ops. */
enum {
#define OP(id, name, class, takes, gives, capability, ceiling, repair) OP_##id,
#include "proto/ops.def"
#undef OP
    OP_N_
};
enum {
#define EVENT(id, name, what) EVENT_##id,
#define MOVE(state, event, next)
#include "proto/transition.def"
#undef EVENT
#undef MOVE
    EVENT_N_
};

static void join(char *const *words, size_t n, char *out, size_t out_n)
{
    size_t used = 0;
    size_t i;

    out[0] = '\0';
    for (i = 0; i < n && used < out_n; i++) {
        int w = snprintf(out + used, out_n - used, "%s%s", i > 0 ? ", " : "",
                         words[i]);

        used += w > 0 ? (size_t)w : 0;
    }
}

static int print_ops(const Proctor__Tables *m)
{
    static const char *const HEADS[] = {
        "op", "class", "capability", "takes", "gives", "ceiling", "validators"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 7, HEADS);
    for (i = 0; i < m->n_ops; i++) {
        const Proctor__OpRow *o = m->ops[i];
        char validators[200];
        const char *cells[] = {o->name,   o->worker_class, o->capability,
                               o->takes,  o->gives,        o->ceiling,
                               validators};

        join(o->validators, o->n_validators, validators, sizeof(validators));
        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print_validators(const Proctor__Tables *m)
{
    static const char *const HEADS[] = {"validator", "from", "to", "what"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 4, HEADS);
    for (i = 0; i < m->n_validators; i++) {
        const Proctor__ValidatorRow *v = m->validators[i];
        const char *cells[] = {v->name, v->level_min, v->level_max, v->what};

        table_row(&t, cells);
    }
    fputc('\n', stdout);
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print_transitions(const Proctor__Tables *m)
{
    static const char *const HEADS[] = {"state", "event", "next"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 3, HEADS);
    for (i = 0; i < m->n_transitions; i++) {
        const Proctor__TransitionRow *x = m->transitions[i];
        const char *cells[] = {x->state, x->event, x->next};

        table_row(&t, cells);
    }
    fputc('\n', stdout);
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print(struct cli *c, const Proctor__Tables *m)
{
    struct json j;

    if (c->json) {
        json_init(&j);
        message_json(&j, NULL, &m->base, NULL);
        return cli_emit(c, &j);
    }
    TRY(print_ops(m));
    TRY(print_validators(m));
    return print_transitions(m);
}

enum {
    VALIDATORS_MAX = 16
};

struct tables {
    Proctor__Tables m;
    Proctor__OpRow ops[OP_N_];
    Proctor__OpRow *op_p[OP_N_];
    char *op_validators[OP_N_][VALIDATORS_MAX];
    Proctor__ValidatorRow validators[VALIDATORS_MAX];
    Proctor__ValidatorRow *validator_p[VALIDATORS_MAX];
    Proctor__TransitionRow moves[STATE_N_ * EVENT_N_];
    Proctor__TransitionRow *move_p[STATE_N_ * EVENT_N_];
};

/* A string for a message that is only read: protobuf-c knows no const. */
static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void add_op(struct tables *t, const char *const words[static 5],
                   enum level ceiling)
{
    size_t i = t->m.n_ops++;
    Proctor__OpRow *row = &t->ops[i];

    proctor__op_row__init(row);
    row->name = text(words[0]);
    row->worker_class = text(words[1]);
    row->takes = text(words[2]);
    row->gives = text(words[3]);
    row->capability = text(words[4]);
    row->ceiling = text(level_name(ceiling));
    row->validators = t->op_validators[i];
    t->op_p[i] = row;
}

/* ops: bit i set = it can judge op i. */
static void add_validator(struct tables *t, const char *name,
                          const enum level levels[static 2], unsigned ops,
                          const char *what)
{
    size_t i = t->m.n_validators++;
    Proctor__ValidatorRow *row = &t->validators[i];

    proctor__validator_row__init(row);
    row->name = text(name);
    row->level_min = text(level_name(levels[0]));
    row->level_max = text(level_name(levels[1]));
    row->what = text(what);
    t->validator_p[i] = row;
    for (size_t k = 0; k < t->m.n_ops; k++) {
        if ((ops & 1u << k) != 0) {
            t->ops[k].validators[t->ops[k].n_validators++] = text(name);
        }
    }
}

static void add_move(struct tables *t, enum task_state from, const char *event,
                     enum task_state to)
{
    size_t i = t->m.n_transitions++;
    Proctor__TransitionRow *row = &t->moves[i];

    proctor__transition_row__init(row);
    row->state = text(state_name(from));
    row->event = text(event);
    row->next = text(state_name(to));
    t->move_p[i] = row;
}

/* From the tables that the kernel is built of. */
static void fill(struct tables *t)
{
#define EVENT(id, name, what) [EVENT_##id] = (name),
#define MOVE(state, event, next)
    static const char *const events[] = {
#include "proto/transition.def"
    };
#undef EVENT
#undef MOVE

    proctor__tables__init(&t->m);
    t->m.ops = t->op_p;
    t->m.validators = t->validator_p;
    t->m.transitions = t->move_p;
#define OP(id, name, class, takes, gives, capability, ceiling, repair)         \
    add_op(t, (const char *const[]){name, class, takes, gives, capability},    \
           ceiling);
#include "proto/ops.def"
#undef OP
#define VALIDATOR(id, name, level_min, level_max, ops, what)                   \
    add_validator(t, name, (const enum level[]){level_min, level_max}, ops,    \
                  what);
#include "proto/validators.def"
#undef VALIDATOR
#define EVENT(id, name, what)
#define MOVE(state, event, next)                                               \
    add_move(t, STATE_##state, events[EVENT_##event], STATE_##next);
#include "proto/transition.def"
#undef EVENT
#undef MOVE
}

int status_tables(struct cli *c)
{
    CLEANUP(mem_freep) struct tables *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    fill(t);
    return print(c, &t->m);
}
