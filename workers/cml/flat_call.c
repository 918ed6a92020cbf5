/* Flat code: literals, operators, calls. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/eval.h"
#include "workers/cml/flat_int.h"

#define BOOLEAN (FLAT_SCALAR | CML_PRIMITIVE_BOOL)

static enum cml_primitive primitive(const struct flat_value *v)
{
    ASSERT((v->type & FLAT_SCALAR) != 0);
    return (enum cml_primitive)(v->type & ~FLAT_SCALAR);
}

int flat_literal(struct flattener *l, const struct term *t,
                 struct flat_value *out)
{
    const struct term *leaf = t->fields[1].kids[0];
    const struct cml_value *v = &leaf->fields[0].value;

    if (leaf->kind != CML_LEAF || (v->tag != CML_FALSE && v->tag != CML_TRUE &&
                                   v->tag != CML_INT && v->tag != CML_FLOAT)) {
        return flat_refuse(l, t,
                           "not for native code yet: a constant that is "
                           "no number or bool");
    }
    TRY(flat_new(l, t, flat_type(l->f->dag, t->fields[0].kids[0]->id), out));
    return flat_emit(
        l, (struct flat_code){.what = FLAT_CONST,
                              .d = out->first,
                              .bits = v->tag == CML_INT || v->tag == CML_FLOAT
                                          ? v->u.bits
                                          : v->tag == CML_TRUE});
}

static struct flat_code binary(enum cml_op op, enum cml_primitive type,
                               uint32_t d, uint32_t a, uint32_t b)
{
    return (struct flat_code){
        .what = FLAT_BINARY, .op = op, .type = type, .d = d, .a = a, .b = b};
}

/* By the first scalars that are not the same: from the last one backwards, acc =
 * strict or (same and acc). NaN is neither less nor the same nor more. */
int flat_compare(struct flattener *l, enum cml_op op,
                 const struct flat_value *a, const struct flat_value *b,
                 uint32_t d)
{
    enum cml_op strict = op == CML_OP_LT || op == CML_OP_LE   ? CML_OP_LT
                         : op == CML_OP_GT || op == CML_OP_GE ? CML_OP_GT
                                                              : CML_OPS;
    enum cml_op last = op == CML_OP_NE && a->n > 1 ? CML_OP_EQ : op;
    enum cml_primitive p[FLAT_LEAVES_MAX];
    uint32_t n = flat_leaves(l->f->dag, a->type, p);
    uint32_t mark = l->top;
    struct flat_value acc;
    struct flat_value t;

    ASSERT(n == a->n && n == b->n && n > 0);
    if (n == 1) {
        return flat_emit(l, binary(op, p[0], d, a->first, b->first));
    }
    TRY(flat_new(l, NULL, BOOLEAN, &acc));
    TRY(flat_new(l, NULL, BOOLEAN, &t));
    TRY(flat_emit(l, binary(last, p[n - 1], acc.first, a->first + n - 1,
                            b->first + n - 1)));
    for (uint32_t i = n - 1; i-- > 0;) {
        TRY(flat_emit(
            l, binary(CML_OP_EQ, p[i], t.first, a->first + i, b->first + i)));
        TRY(flat_emit(l, binary(CML_OP_BAND, CML_PRIMITIVE_BOOL, acc.first,
                                acc.first, t.first)));
        if (strict != CML_OPS) {
            TRY(flat_emit(
                l, binary(strict, p[i], t.first, a->first + i, b->first + i)));
            TRY(flat_emit(l, binary(CML_OP_BOR, CML_PRIMITIVE_BOOL, acc.first,
                                    acc.first, t.first)));
        }
    }
    l->top = mark;
    return op == CML_OP_NE
               ? flat_emit(l, (struct flat_code){.what = FLAT_CORE,
                                                 .op = CORE_not,
                                                 .type = CML_PRIMITIVE_BOOL,
                                                 .d = d,
                                                 .a = acc.first})
               : flat_emit(l, (struct flat_code){
                                  .what = FLAT_MOVE, .d = d, .a = acc.first});
}

/* && and ||: the right side only when the left one does not decide.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int both(struct flattener *l, const struct term *t, enum cml_op op,
                struct flat_value *out)
{
    struct flat_value v;

    TRY(flat_new(l, t, BOOLEAN, out));
    TRY(flat_expression(l, t->fields[1].kids[0], &v));
    TRY(flat_move(l, out, &v));
    l->top = out->first + 1;
    if (++l->nest > FLAT_NEST_MAX) {
        return flat_refuse(l, t,
                           "not for native code: choices and loops more "
                           "than %d deep in each other",
                           FLAT_NEST_MAX);
    }
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_IF,
                                        .a = out->first,
                                        .bits = op == CML_OP_AND}));
    TRY(flat_expression(l, t->fields[2].kids[0], &v));
    TRY(flat_move(l, out, &v));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_ELSE}));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_END}));
    l->nest--;
    l->top = out->first + 1;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int flat_binop(struct flattener *l, const struct term *t,
               struct flat_value *out)
{
    enum cml_op op = cml_op_from_name(t->fields[0].value.u.text);
    uint32_t mark = l->top;
    struct flat_value a;
    struct flat_value b;

    if (op == CML_OP_AND || op == CML_OP_OR) {
        return both(l, t, op, out);
    }
    TRY(flat_expression(l, t->fields[1].kids[0], &a));
    TRY(flat_expression(l, t->fields[2].kids[0], &b));
    if (op >= CML_OP_EQ && op <= CML_OP_GE) {
        TRY(flat_new(l, t, BOOLEAN, out));
        TRY(flat_compare(l, op, &a, &b, out->first));
        return flat_settle(l, mark, out);
    }
    l->top = mark;
    TRY(flat_new(l, t, a.type, out));
    return flat_emit(l,
                     binary(op, primitive(&a), out->first, a.first, b.first));
}

/* Arguments in registers one behind the other, and their types.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int arguments(struct flattener *l, const struct term *t, uint32_t *types)
{
    const struct term_field *args = &t->fields[1];

    for (uint32_t i = 0; i < args->n; i++) {
        uint32_t top = l->top;
        struct flat_value v;
        struct flat_value copy;

        TRY(flat_expression(l, args->kids[i], &v));
        types[i] = v.type;
        if (v.first < top) { /* a variable's */
            TRY(flat_new(l, args->kids[i], v.type, &copy));
            TRY(flat_move(l, &copy, &v));
        }
    }
    return 0;
}

static int field(struct flattener *l, const struct term *t, uint32_t mark,
                 struct flat_value v, struct flat_value *out)
{
    const struct cml_value *name = &t->fields[0].kids[0]->fields[1].words[1];
    const struct cml_dag *dag = l->f->dag;
    const struct cml_node *n = cml_dag_at(dag, v.type);
    enum cml_primitive p[FLAT_LEAVES_MAX];

    *out = (struct flat_value){0, v.first, 0};
    for (uint32_t i = 0; i < n->fields[0].u.list.n; i++) {
        const struct ubytes *f = &n->fields[0].u.list.p[i].u.text;

        out->type = flat_type(dag, cml_item(&n->fields[1], i));
        out->n = flat_leaves(dag, out->type, p);
        if (f->n == name->u.text.n && memcmp(f->p, name->u.text.p, f->n) == 0) {
            return flat_settle(l, mark, out);
        }
        out->first += out->n;
    }
    /* a checked unit takes fields that are there */
    return ERR_TRACE(ERR_INTERNAL);
}

/* The smaller or larger: the second one only if it is truly so. */
static int choose(struct flattener *l, enum core core,
                  const struct flat_value *a, const struct flat_value *b,
                  uint32_t mark, struct flat_value *out)
{
    struct flat_value less;

    TRY(flat_new(l, NULL, BOOLEAN, &less));
    TRY(flat_compare(l, core == CORE_min ? CML_OP_LT : CML_OP_GT, b, a,
                     less.first));
    TRY(flat_new(l, NULL, a->type, out));
    for (uint32_t i = 0; i < a->n; i++) {
        TRY(flat_emit(l, (struct flat_code){.what = FLAT_SELECT,
                                            .d = out->first + i,
                                            .a = b->first + i,
                                            .b = a->first + i,
                                            .c = less.first}));
    }
    return flat_settle(l, mark, out);
}

static uint32_t type_of_core(enum core core, uint32_t arg)
{
    switch ((int)core) {
    case CORE_popcount:
    case CORE_clz:
    case CORE_ctz:
        return FLAT_SCALAR | CML_PRIMITIVE_UINT32;
    case CORE_is_nan:
        return BOOLEAN;
    case CORE_bits64:
        return FLAT_SCALAR | CML_PRIMITIVE_UINT64;
    case CORE_from_bits64:
        return FLAT_SCALAR | CML_PRIMITIVE_FLOAT64;
    default:
        return arg;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int core_call(struct flattener *l, const struct term *t, enum core core,
                     struct flat_value *out)
{
    const struct term_field *args = &t->fields[1];
    uint32_t mark = l->top;
    struct flat_value v[2] = {{0}, {0}};

    if (core > CORE_from_bits64) { /* the numbers stand first in core.def */
        return flat_refuse(l, t, "not for native code yet: %s",
                           core_info(core)->name);
    }
    ASSERT(args->n == 1 || args->n == 2);
    for (uint32_t i = 0; i < args->n; i++) {
        TRY(flat_expression(l, args->kids[i], &v[i]));
    }
    if (core == CORE_min || core == CORE_max) {
        return choose(l, core, &v[0], &v[1], mark, out);
    }
    l->top = mark;
    TRY(flat_new(l, t, type_of_core(core, v[0].type), out));
    return flat_emit(l, (struct flat_code){.what = FLAT_CORE,
                                           .op = core,
                                           .type = primitive(&v[0]),
                                           .d = out->first,
                                           .a = v[0].first,
                                           .b = v[1].first});
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int make_value(struct flattener *l, const struct term *t,
                      struct flat_value *out)
{
    const struct term_field *args = &t->fields[1];
    uint32_t type = flat_type(l->f->dag, t->fields[0].kids[0]->id);
    uint32_t *types = arena_array(&l->f->arena, args->n + 1, sizeof(*types));
    uint32_t mark = l->top;
    struct flat_value v;

    if (types == NULL) {
        return ERR_NOMEM;
    }
    if (args->n == 1 && args->kids[0]->kind == CML_REFERENCE) {
        TRY(flat_emit(l, (struct flat_code){.what = FLAT_FAIL,
                                            .bits = EVAL_E_REFERENCE}));
        return flat_new(l, t, type, out);
    }
    if ((type & FLAT_SCALAR) != 0) {
        TRY(flat_expression(l, args->kids[0], &v));
        l->top = mark;
        TRY(flat_new(l, t, type, out));
        return flat_emit(l, (struct flat_code){.what = FLAT_CONVERT,
                                               .type = primitive(out),
                                               .from = primitive(&v),
                                               .d = out->first,
                                               .a = v.first});
    }
    TRY(flat_new(l, t, type, out)); /* is it one that can be held? */
    l->top = mark;
    TRY(arguments(l, t, types));
    return flat_emit(l,
                     (struct flat_code){.what = FLAT_SPEND, .bits = args->n});
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int call_unit(struct flattener *l, const struct term *t,
                     struct flat_value *out)
{
    uint32_t *types =
        arena_array(&l->f->arena, t->fields[1].n + 1, sizeof(*types));
    const struct flat_function *to;
    uint32_t mark = l->top;
    uint32_t at = 0;

    if (types == NULL) {
        return ERR_NOMEM;
    }
    TRY(arguments(l, t, types));
    TRY(flat_function_of(l->f, t->fields[0].kids[0], t, types, &at));
    to = l->f->functions[at];
    if (l->env_n + to->env > FLAT_ENV_MAX) {
        return flat_refuse(l, t, "more than %d names at once", FLAT_ENV_MAX);
    }
    if (l->env_n + to->env > l->to->env) {
        l->to->env = l->env_n + to->env;
    }
    l->top = mark;
    TRY(flat_new(l, t, to->types[to->types_n - 1], out));
    return flat_emit(
        l, (struct flat_code){.what = FLAT_CALL, .d = mark, .bits = at});
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int flat_call(struct flattener *l, const struct term *t, struct flat_value *out)
{
    const struct term *target = t->fields[0].kids[0];
    uint32_t mark = l->top;
    struct flat_value v;

    switch ((int)target->kind) {
    case CML_UNIT:
        return call_unit(l, t, out);
    case CML_VAR:
        return flat_refuse(l, t,
                           "not for native code yet: a function as a "
                           "value");
    case CML_REFERENCE:
        if (target->fields[1].n == 2) {
            TRY(flat_expression(l, t->fields[1].kids[0], &v));
            return field(l, t, mark, v, out);
        }
        return core_call(
            l, t, core_from_name(target->fields[1].words[0].u.text), out);
    default:
        return make_value(l, t, out);
    }
}
