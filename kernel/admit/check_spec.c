/* What stands under `with`: of this op, of the right form, working on the right
 * tasks. Kernel process; types and domains are decoded again here. */
#include "kernel/admit/check.h"

#include <string.h>

#include "proto/assertion.h"
#include "proto/type.h"

size_t check_need_of(const struct check *c, const struct subject *s,
                     const char *kind, size_t *out_n)
{
    const Proctor__Graph *g = c->q->graph;
    size_t found = SIZE_MAX;

    *out_n = 0;
    for (size_t i = 0; i < s->task->n_needs; i++) {
        size_t k = check_find(c, s->task->needs[i]);
        const struct op_info *op =
            k == SIZE_MAX ? NULL : ops_find(g->tasks[k]->op);

        if (op && strcmp(op->gives, kind) == 0) {
            found = k;
            (*out_n)++;
        }
    }
    return *out_n == 1 ? found : SIZE_MAX;
}

size_t check_worked_on(const struct check *c, const struct subject *s,
                       size_t *out_n)
{
    return check_need_of(c, s, s->op->takes, out_n);
}

static int has_one_spec(const struct subject *s)
{
    const Proctor__Task *t = s->task;
    int is_enumerate = t->cml && t->cml->enumerate;
    const void *const specs[] = {t->program,   t->model,     t->exam,
                                 t->ref_move,  t->split,     t->score,
                                 t->derive,    t->cml,       t->assertion,
                                 t->reconcile, t->lane,      t->data,
                                 t->train,     t->combine,   t->holdout,
                                 t->permute};
    const void *const of[OP_N_] = {
        [OP_PROGRAM] = t->program, [OP_MODEL] = t->model,
        [OP_EXAM] = t->exam,       [OP_REF_MOVE] = t->ref_move,
        [OP_LOAD] = t->data,       [OP_PERMUTE] = t->permute,
        [OP_SPLIT] = t->split,     [OP_SCORE] = t->score,
        [OP_DERIVE] = t->derive,   [OP_HOLDOUT] = t->holdout,
        [OP_CML] = is_enumerate ? NULL : t->cml,
        [OP_ENUMERATE] = is_enumerate ? t->cml : NULL,
        [OP_ASSERT] = t->assertion,
        [OP_RECONCILE] = t->reconcile,
        [OP_GENERATE] = t->lane,   [OP_LANE_SCORE] = t->lane,
        [OP_LOGITS] = t->lane,     [OP_CLASSIFY] = t->lane,
        [OP_TRAIN] = t->train,     [OP_COMBINE] = t->combine};
    int n = 0;

    for (size_t i = 0; i < ARRAY_N(specs); i++) {
        n += specs[i] != NULL;
    }
    return n == 1 && of[s->op->id] != NULL;
}

static int is_arguments(const ProtobufCBinaryData *b)
{
    struct type t;

    return type_decode((struct ubytes){b->data, b->len}, &t) == 0 &&
           type_tag_at(&t, 0) == TYPE_TUPLE;
}

static int is_type(const ProtobufCBinaryData *b)
{
    struct type t;

    return type_decode((struct ubytes){b->data, b->len}, &t) == 0;
}

int check_refuse_form(struct check *c, const struct subject *s,
                      const char *what)
{
    return check_refuse(c, s, "spec.form", ERR_INPUT, SPOT_WITH, "%s", what);
}

static int check_program_form(struct check *c, const struct subject *s,
                              const Proctor__ProgramSpec *p)
{
    int function = p->function_file[0] != '\0';

    if (function == (p->n_run > 0) ||
        function != (p->function_name[0] != '\0')) {
        return check_refuse_form(c, s, "expected either function or run");
    }
    if (p->n_run > 0 && p->run[0][0] == '\0') {
        return check_refuse_form(c, s, "run names no program");
    }
    return 0;
}

int check_values(struct check *c, const struct subject *s,
                 const ProtobufCBinaryData *takes,
                 const ProtobufCBinaryData *gives)
{
    if (!is_arguments(takes)) {
        return check_refuse_form(c, s, "takes is no list of types");
    }
    return is_type(gives) ? 0 : check_refuse_form(c, s, "gives is no type");
}

/* An op that takes something works on exactly one of its needs. */
static int check_takes(struct check *c, const struct subject *s)
{
    int is_ref = s->op->id == OP_REF_MOVE;
    size_t n = 0;

    if (s->op->takes[0] == '\0' || check_worked_on(c, s, &n) != SIZE_MAX) {
        return 0;
    }
    (void)check_refuse(c, s,
                       is_ref                    ? "ref.exam"
                       : s->op->id == OP_SCORE  ? "score.candidate"
                       : s->op->id == OP_DERIVE ? "derive.program"
                                                : "exam.candidate",
                       ERR_INPUT, SPOT_NEEDS,
                       "expected exactly one %s among the needs, got %zu",
                       is_ref ? "exam" : "candidate (program, model or cml)", n);
    diag_hint(&c->d, "%s",
              is_ref ? "write needs: [ID of the exam that it must have passed]"
                     : "write needs: [ID of the task that is examined]");
    return ADMIT_E_REFUSED;
}

int check_spec(struct check *c, const struct subject *s)
{
    const Proctor__Task *t = s->task;
    int code = check_takes(c, s);
    const char *problem;

    if (code != 0) {
        return code;
    }
    if (!has_one_spec(s)) {
        (void)check_refuse(c, s, "spec.op", ERR_INPUT, SPOT_WITH,
                           "the spec is not one of op %s", s->op->name);
        diag_hint(&c->d, "write what op %s works on under with:", s->op->name);
        return ADMIT_E_REFUSED;
    }
    switch (s->op->id) {
    case OP_PROGRAM:
        code = check_program_form(c, s, t->program);
        code = code ? code : check_reads(c, s);
        return code
                   ? code
                   : check_values(c, s, &t->program->takes, &t->program->gives);
    case OP_MODEL:
        if (t->model->decide > 2 || t->model->weights[0] == '\0') {
            return check_refuse_form(c, s, "expected weights and a known decide");
        }
        return check_values(c, s, &t->model->takes, &t->model->gives);
    case OP_CML:
        if ((t->cml->file[0] == '\0') == (t->cml->file_of[0] == '\0') ||
            t->cml->unit[0] == '\0') {
            return check_refuse_form(c, s, "expected unit: FILE.cml:NAME");
        }
        if (t->cml->file_of[0] != '\0' &&
            check_text_of(c, s, t->cml->file_of, "file_of") != 0) {
            return ADMIT_E_REFUSED;
        }
        return check_values(c, s, &t->cml->takes, &t->cml->gives);
    case OP_ENUMERATE:
        if (t->cml->file[0] != '\0' || t->cml->unit[0] != '\0' ||
            (t->cml->enumerate->table != NULL) ==
                (t->cml->enumerate->inputs.len > 0)) {
            return check_refuse_form(c, s, "expected either examples or table");
        }
        return check_values(c, s, &t->cml->takes, &t->cml->gives);
    case OP_EXAM:
        if (!t->exam->oracle) {
            return check_refuse_form(c, s, "no oracle is named");
        }
        return check_exam(c, s);
    case OP_REF_MOVE:
        return check_ref(c, s);
    case OP_LOAD:
        return check_load(c, s);
    case OP_PERMUTE:
        return check_permute(c, s);
    case OP_SPLIT:
        return check_split(c, s);
    case OP_SCORE:
        return check_score(c, s);
    case OP_HOLDOUT:
        return check_holdout(c, s);
    case OP_DERIVE:
        return check_derive(c, s);
    case OP_ASSERT:
        problem = assertion_spec_problem(t->assertion);
        return problem ? check_refuse_form(c, s, problem) : 0;
    case OP_RECONCILE:
        problem = assertion_reconcile_problem(t->reconcile);
        return problem ? check_refuse_form(c, s, problem) : 0;
    case OP_GENERATE:
    case OP_LANE_SCORE:
    case OP_LOGITS:
    case OP_CLASSIFY:
        return check_lane(c, s);
    case OP_TRAIN:
        return check_train(c, s);
    case OP_COMBINE:
        return check_combine(c, s);
    case OP_N_:
        break;
    }
    return ERR_INTERNAL;
}
