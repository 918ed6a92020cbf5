/* What stands under `with`: of this op, of the right form, working on the right
 * tasks. Kernel process; types and domains are decoded again here. */
#include "kernel/admit/check.h"

#include <string.h>

#include "proto/type.h"

size_t check_worked_on(const struct check *c, const struct subject *s,
                       size_t *out_n)
{
    const Proctor__Graph *g = c->q->graph;
    size_t found = SIZE_MAX;

    *out_n = 0;
    for (size_t i = 0; i < s->task->n_needs; i++) {
        size_t k = check_find(c, s->task->needs[i]);
        const struct op_info *op =
            k == SIZE_MAX ? NULL : ops_find(g->tasks[k]->op);

        if (op && strcmp(op->gives, s->op->takes) == 0) {
            found = k;
            (*out_n)++;
        }
    }
    return *out_n == 1 ? found : SIZE_MAX;
}

static int has_one_spec(const struct subject *s)
{
    const Proctor__Task *t = s->task;
    int n = (t->program != NULL) + (t->model != NULL) + (t->exam != NULL) +
            (t->ref_move != NULL);
    int own = 0;

    switch (s->op->id) {
    case OP_PROGRAM:
        own = t->program != NULL;
        break;
    case OP_MODEL:
        own = t->model != NULL;
        break;
    case OP_EXAM:
        own = t->exam != NULL;
        break;
    case OP_REF_MOVE:
        own = t->ref_move != NULL;
        break;
    case OP_N_:
        break;
    }
    return own && n == 1;
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

static int refuse_form(struct check *c, const struct subject *s,
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
        return refuse_form(c, s, "expected either function or run");
    }
    if (p->n_run > 0 && p->run[0][0] == '\0') {
        return refuse_form(c, s, "run names no program");
    }
    return 0;
}

static int check_values(struct check *c, const struct subject *s,
                        const ProtobufCBinaryData *takes,
                        const ProtobufCBinaryData *gives)
{
    if (!is_arguments(takes)) {
        return refuse_form(c, s, "takes is no list of types");
    }
    return is_type(gives) ? 0 : refuse_form(c, s, "gives is no type");
}

/* An op that takes something works on exactly one of its needs. */
static int check_takes(struct check *c, const struct subject *s)
{
    size_t n = 0;
    const char *rule = s->op->id == OP_EXAM ? "exam.candidate" : "ref.exam";

    if (s->op->takes[0] == '\0' || check_worked_on(c, s, &n) != SIZE_MAX) {
        return 0;
    }
    (void)check_refuse(
        c, s, rule, ERR_INPUT, SPOT_NEEDS,
        "expected exactly one %s among the needs, got %zu",
        s->op->id == OP_EXAM ? "candidate (program or model)" : "exam", n);
    diag_hint(&c->d, "%s",
              s->op->id == OP_EXAM
                  ? "write needs: [ID of the task that is examined]"
                  : "write needs: [ID of the exam that it must have passed]");
    return ADMIT_E_REFUSED;
}

int check_spec(struct check *c, const struct subject *s)
{
    const Proctor__Task *t = s->task;
    int code = check_takes(c, s);

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
        return code
                   ? code
                   : check_values(c, s, &t->program->takes, &t->program->gives);
    case OP_MODEL:
        if (t->model->decide > 2 || t->model->weights[0] == '\0') {
            return refuse_form(c, s, "expected weights and a known decide");
        }
        return check_values(c, s, &t->model->takes, &t->model->gives);
    case OP_EXAM:
        if (!t->exam->oracle) {
            return refuse_form(c, s, "no oracle is named");
        }
        return check_exam(c, s);
    case OP_REF_MOVE:
        return check_ref(c, s);
    case OP_N_:
        break;
    }
    return ERR_INTERNAL;
}
