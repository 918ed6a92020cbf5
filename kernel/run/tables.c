/* Turns tables into messages. Kernel process. */
#include "kernel/run/tables.h"

#include <stdlib.h>

#include "kernel/admit/ops.h"
#include "kernel/admit/transition.h"
#include "kernel/run/say.h"
#include "proto/err.h"

enum { VALIDATORS_MAX = 16, OPS_MAX = 32, MOVES_MAX = STATE_N_ * EVENT_N_ };

struct tables {
    Proctor__Tables m;
    Proctor__OpRow ops[OPS_MAX];
    Proctor__OpRow *op_p[OPS_MAX];
    char *op_validators[OPS_MAX][VALIDATORS_MAX];
    Proctor__ValidatorRow validators[VALIDATORS_MAX];
    Proctor__ValidatorRow *validator_p[VALIDATORS_MAX];
    Proctor__TransitionRow moves[MOVES_MAX];
    Proctor__TransitionRow *move_p[MOVES_MAX];
};

static void fill_op(struct tables *t, size_t i)
{
    const struct op_info *op = ops_at(i);
    Proctor__OpRow *row = &t->ops[i];

    proctor__op_row__init(row);
    row->name = pb_str(op->name);
    row->worker_class = pb_str(op->worker_class);
    row->capability = pb_str(op->capability);
    row->takes = pb_str(op->takes);
    row->gives = pb_str(op->gives);
    row->ceiling = pb_str(level_name((unsigned)op->ceiling));
    row->validators = t->op_validators[i];
    for (size_t k = 0; k < validators_n(); k++) {
        if ((validators_at(k)->ops & 1u << op->id) != 0) {
            row->validators[row->n_validators++] =
                pb_str(validators_at(k)->name);
        }
    }
    t->op_p[i] = row;
    t->m.n_ops++;
}

static void fill_validator(struct tables *t, size_t i)
{
    const struct validator_info *v = validators_at(i);
    Proctor__ValidatorRow *row = &t->validators[i];

    proctor__validator_row__init(row);
    row->name = pb_str(v->name);
    row->level_min = pb_str(level_name((unsigned)v->level_min));
    row->level_max = pb_str(level_name((unsigned)v->level_max));
    row->what = pb_str(v->what);
    t->validator_p[i] = row;
    t->m.n_validators++;
}

static void fill_moves(struct tables *t)
{
    for (unsigned s = 0; s < STATE_N_; s++) {
        for (unsigned e = 0; e < EVENT_N_; e++) {
            int next = transition_next(s, e);
            Proctor__TransitionRow *row = &t->moves[t->m.n_transitions];

            if (next == TRANSITION_REFUSED) {
                continue;
            }
            proctor__transition_row__init(row);
            row->state = pb_str(state_name(s));
            row->event = pb_str(event_name((enum task_event)e));
            row->next = pb_str(state_name((unsigned)next));
            t->move_p[t->m.n_transitions++] = row;
        }
    }
}

int say_tables(struct core *c)
{
    CLEANUP(mem_freep) struct tables *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    ASSERT(ops_n() <= OPS_MAX && validators_n() <= VALIDATORS_MAX);
    proctor__tables__init(&t->m);
    t->m.ops = t->op_p;
    t->m.validators = t->validator_p;
    t->m.transitions = t->move_p;
    for (size_t i = 0; i < ops_n(); i++) {
        fill_op(t, i);
    }
    for (size_t i = 0; i < validators_n(); i++) {
        fill_validator(t, i);
    }
    fill_moves(t);
    say(c, MSG_TABLES, &t->m.base);
    return 0;
}

void say_policy(struct run *r)
{
    Proctor__PolicyView m = PROCTOR__POLICY_VIEW__INIT;
    size_t n = r->programs.n;
    CLEANUP(mem_freep) Proctor__ProgramRow *rows = calloc(n + 1, sizeof(*rows));
    CLEANUP(mem_freep) Proctor__ProgramRow **row_p =
        calloc(n + 1, sizeof(Proctor__ProgramRow *));

    if (rows == NULL || row_p == NULL) {
        run_error(r, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        proctor__program_row__init(&rows[i]);
        rows[i].name = r->programs.v[i].name;
        rows[i].path = r->programs.v[i].path;
        rows[i].cid = cid_field(&r->programs.v[i].cid);
        row_p[i] = &rows[i];
    }
    m.policy = r->policy;
    m.cid = cid_field(&r->policy_cid);
    m.programs = row_p;
    m.n_programs = n;
    say(r->core, MSG_POLICY_VIEW, &m.base);
}
