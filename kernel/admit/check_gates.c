/* Gates one and three: registered, validated. Kernel process. */
#include "kernel/admit/check.h"

#include <stdio.h>
#include <string.h>

int check_registered(struct check *c, struct subject *s)
{
    const char *nearest;
    char names[256];
    size_t n = 0;

    s->op = ops_find(s->task->op);
    if (s->op) {
        if (s->decision) {
            s->decision->capability = s->op->capability;
        }
        return 0;
    }
    nearest = ops_nearest(s->task->op);
    if (nearest) {
        (void)check_refuse(c, s, "gate.registered", ERR_REFUSED, SPOT_OP,
                           "no op \"%.64s\"; did you mean \"%s\"?", s->task->op,
                           nearest);
    } else {
        (void)check_refuse(c, s, "gate.registered", ERR_REFUSED, SPOT_OP,
                           "no op \"%.64s\"", s->task->op);
    }
    names[0] = '\0';
    for (size_t i = 0; i < ops_n() && n < sizeof(names); i++) {
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
                              i ? ", " : "", ops_at(i)->name);
    }
    diag_hint(&c->d, "registered ops: %s", names);
    return ADMIT_E_REFUSED;
}

/* Names of the validators that can judge an op. */
static void list_validators(const struct op_info *op, char *out, size_t out_n)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < validators_n() && n < out_n; i++) {
        const struct validator_info *v = validators_at(i);

        if (v->ops & 1u << op->id) {
            n += (size_t)snprintf(out + n, out_n - n, "%s{name: %s, level: %s}",
                                  n ? " or " : "", v->name,
                                  level_name(v->level_max));
        }
    }
}

static int refuse_validator(struct check *c, const struct subject *s)
{
    const char *name = s->task->validator->name;
    const struct validator_info *v = validators_find(name);
    const char *names[16];
    const char *nearest;
    char list[160];

    list_validators(s->op, list, sizeof(list));
    if (v) {
        (void)check_refuse(c, s, "gate.validator", ERR_REFUSED, SPOT_VALIDATOR,
                           "\"%s\" cannot judge op %s", v->name, s->op->name);
    } else {
        ASSERT(validators_n() <= ARRAY_N(names));
        for (size_t i = 0; i < validators_n(); i++) {
            names[i] = validators_at(i)->name;
        }
        nearest = diag_nearest(name, names, validators_n());
        (void)check_refuse(c, s, "gate.validator", ERR_REFUSED, SPOT_VALIDATOR,
                           "no validator \"%.64s\" is installed%s%s%s", name,
                           nearest ? "; did you mean \"" : "",
                           nearest ? nearest : "", nearest ? "\"?" : "");
    }
    diag_hint(&c->d, "write validator: %s", list);
    return ADMIT_E_REFUSED;
}

/* A ref is worth what its exam is worth. */
static int check_honest(struct check *c, const struct subject *s)
{
    size_t n = 0;
    size_t exam_i;
    const Proctor__Validator *exam;

    if (s->op->id != OP_REF_MOVE) {
        return 0;
    }
    exam_i = check_worked_on(c, s, &n);
    if (exam_i == SIZE_MAX) {
        return 0; /* check_spec says so */
    }
    exam = c->q->graph->tasks[exam_i]->validator;
    if (!exam || s->task->validator->level <= exam->level) {
        return 0;
    }
    (void)check_refuse(c, s, "validator.honest", ERR_REFUSED, SPOT_LEVEL,
                       "%s is above %s, the level of the exam it stands on",
                       level_name(s->task->validator->level),
                       level_name(exam->level));
    diag_hint(&c->d, "write level: %s here, or let the exam reach %s",
              level_name(exam->level), level_name(s->task->validator->level));
    return ADMIT_E_REFUSED;
}

int check_validated(struct check *c, const struct subject *s)
{
    const Proctor__Validator *v = s->task->validator;
    const struct validator_info *info;
    char list[160];

    if (!v) {
        list_validators(s->op, list, sizeof(list));
        (void)check_refuse(c, s, "gate.validated", ERR_REFUSED, SPOT_TASK,
                           "no validator is named");
        diag_hint(&c->d, "write validator: %s", list);
        return ADMIT_E_REFUSED;
    }
    info = validators_find(v->name);
    if (!info || !(info->ops & 1u << s->op->id)) {
        return refuse_validator(c, s);
    }
    if (v->level >= LEVEL_N_) {
        (void)check_refuse(c, s, "gate.level", ERR_REFUSED, SPOT_LEVEL,
                           "no level %u", v->level);
        diag_hint(&c->d, "levels: none syntax schema property oracle proven");
        return ADMIT_E_REFUSED;
    }
    if (v->level > s->op->ceiling) {
        (void)check_refuse(c, s, "gate.ceiling", ERR_REFUSED, SPOT_LEVEL,
                           "%s is above %s, the ceiling of op %s",
                           level_name(v->level), level_name(s->op->ceiling),
                           s->op->name);
        diag_hint(&c->d, "write level: %s; an exam can reach more",
                  level_name(s->op->ceiling));
        return ADMIT_E_REFUSED;
    }
    if (v->level < info->level_min || v->level > info->level_max) {
        (void)check_refuse(c, s, "gate.range", ERR_REFUSED, SPOT_LEVEL,
                           "%s reaches %s..%s, got %s", info->name,
                           level_name(info->level_min),
                           level_name(info->level_max), level_name(v->level));
        diag_hint(&c->d, "write level: %s", level_name(info->level_max));
        return ADMIT_E_REFUSED;
    }
    return check_honest(c, s);
}
