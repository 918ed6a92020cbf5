/* Flat code: literals, operators, calls. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/eval.h"
#include "workers/cml/flat_int.h"

#define CORE_ARGS 3 /* at most */
#define BOOLEAN (FLAT_SCALAR | CML_PRIMITIVE_BOOL)

static enum cml_primitive primitive(const struct flat_value *v)
{
    ASSERT((v->type & FLAT_SCALAR) != 0);
    return (enum cml_primitive)(v->type & ~FLAT_SCALAR);
}

/* A unit as a value: its term is kept for who calls it. */
static int known_unit(struct flattener *l, const struct term *unit)
{
    struct flat_unit *u;

    if (unit->kind != CML_UNIT) {
        return 0;
    }
    u = arena_get(&l->f->arena, sizeof(*u));
    if (u == NULL) {
        return ERR_NOMEM;
    }
    *u = (struct flat_unit){unit, l->f->units};
    l->f->units = u;
    return 0;
}

int flat_literal(struct flattener *l, const struct term *t,
                 struct flat_value *out)
{
    const struct term *leaf = t->fields[1].kids[0];
    const struct cml_value *v = &leaf->fields[0].value;

    uint32_t type = flat_type(l->f->dag, t->fields[0].kids[0]->id);

    if (l->f->objects &&
        ((type & FLAT_SCALAR) == 0 ||
         flat_is_object((enum cml_primitive)(type & ~FLAT_SCALAR)))) {
        TRY(flat_new(l, t, type, out));
        TRY(known_unit(l, leaf));
        return flat_emit(l, (struct flat_code){.what = FLAT_OBJECT,
                                               .d = out->first,
                                               .bits = leaf->id});
    }
    if (leaf->kind != CML_LEAF || (v->tag != CML_FALSE && v->tag != CML_TRUE &&
                                   v->tag != CML_INT && v->tag != CML_FLOAT)) {
        return flat_refuse(l, t,
                           "not for native code yet: a constant that is "
                           "no number or bool");
    }
    TRY(flat_new(l, t, type, out));
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
    TRY(flat_mark_in(l, t,
                     (struct flat_code){.what = FLAT_IF,
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
    if (flat_has_objects(l, &a)) {
        const struct flat_value v[2] = {a, b};

        return flat_operate(l, t,
                            (struct flat_code){.what = FLAT_OP_OF, .op = op},
                            v, 2, op == CML_OP_CAT ? a.type : BOOLEAN, mark,
                            out);
    }
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
        out->n = flat_parts(l->f, out->type, p);
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

/* The core on objects.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int core_of(struct flattener *l, const struct term *t, enum core core,
                   const struct flat_value *v, uint32_t mark,
                   struct flat_value *out)
{
    return flat_operate(l, t,
                        (struct flat_code){.what = FLAT_CORE_OF,
                                           .op = core,
                                           .bits = l->env_n},
                        v, t->fields[1].n, flat_type_of(l, t), mark, out);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int core_call(struct flattener *l, const struct term *t, enum core core,
                     struct flat_value *out)
{
    const struct term_field *args = &t->fields[1];
    uint32_t mark = l->top;
    /* the numbers stand first in core.def */
    int is_number = core <= CORE_from_bits64;
    struct flat_value v[CORE_ARGS] = {{0}};

    if (!is_number && !l->f->objects) {
        return flat_refuse(l, t, "not for native code yet: %s",
                           core_info(core)->name);
    }
    ASSERT(args->n > 0 && args->n <= CORE_ARGS);
    for (uint32_t i = 0; i < args->n; i++) {
        TRY(flat_expression(l, args->kids[i], &v[i]));
    }
    if (!is_number || flat_has_objects(l, &v[0])) {
        return core_of(l, t, core, v, mark, out);
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

/* Values of the arguments, behind `first` if it is there.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int values(struct flattener *l, const struct term *t,
                  const struct flat_value *first, struct flat_value **out)
{
    const struct term_field *args = &t->fields[1];
    uint32_t n = first != NULL;

    *out = arena_array(&l->f->arena, (size_t)args->n + 1, sizeof(**out));
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    if (first != NULL) {
        (*out)[0] = *first;
    }
    for (uint32_t i = 0; i < args->n; i++) {
        TRY(flat_expression(l, args->kids[i], &(*out)[n + i]));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int make_array(struct flattener *l, const struct term *t, uint32_t type,
                      uint32_t mark, struct flat_value *out)
{
    struct flat_value *v;

    TRY(values(l, t, NULL, &v));
    return flat_operate(l, t, (struct flat_code){.what = FLAT_ARRAY}, v,
                        t->fields[1].n, type, mark, out);
}

/* A call of a function that is a value.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int apply(struct flattener *l, const struct term *t,
                 struct flat_value *out)
{
    const struct cml_dag *dag = l->f->dag;
    uint32_t mark = l->top;
    struct flat_value f;
    struct flat_value *v;
    const struct cml_node *n;

    TRY(flat_expression(l, t->fields[0].kids[0], &f));
    TRY(values(l, t, &f, &v));
    n = cml_dag_at(dag, f.type);
    return flat_operate(
        l, t, (struct flat_code){.what = FLAT_APPLY, .bits = l->env_n}, v,
        t->fields[1].n + 1,
        flat_type(dag, cml_item(&n->fields[n->kind == CML_UNIT ? 2 : 1], 0)),
        mark, out);
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
        if (flat_has_objects(l, &v)) { /* of the same type: it stays */
            *out = v;
            return 0;
        }
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
    if (cml_dag_at(l->f->dag, type)->kind == CML_ARRAY_TYPE) {
        return make_array(l, t, type, mark, out);
    }
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
        l, (struct flat_code){
               .what = FLAT_CALL, .d = mark, .c = l->env_n, .bits = at});
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
        if (l->f->objects) {
            return apply(l, t, out);
        }
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
