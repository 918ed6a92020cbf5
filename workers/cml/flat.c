/* Flat code: blocks, matches, loops, functions. Runs in the `cml` worker;
 * recursion is bounded by the height of terms. */
#include "workers/cml/flat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/check_int.h"
#include "workers/cml/eval.h"
#include "workers/cml/flat_int.h"

void flat_init(struct flat *f, const struct cml_dag *dag)
{
    *f = (struct flat){.dag = dag};
    arena_init(&f->arena, LIMIT_CML_DAG_BYTES);
}

void flat_release(struct flat *f)
{
    for (uint32_t i = 0; i < f->functions_n; i++) {
        free(f->functions[i]->code);
    }
    arena_release(&f->arena);
    f->functions_n = 0;
}

int flat_refuse(struct flattener *l, const struct term *t, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return diag_set(l->f->diag, ERR_INPUT,
                    (struct loc){l->f->path, t->line, t->col}, "%s", text);
}

uint32_t flat_type(const struct cml_dag *dag, uint32_t id)
{
    const struct cml_node *n = cml_dag_at(dag, id);

    while (n->kind == CML_REFERENCE_TYPE) {
        id = cml_item(&n->fields[0], 0);
        n = cml_dag_at(dag, id);
    }
    return n->kind == CML_PRIMITIVE_TYPE
               ? FLAT_SCALAR | cml_primitive_from_name(n->fields[0].u.text)
               : id;
}

int flat_is_object(enum cml_primitive p)
{
    return p < CML_PRIMITIVE_BOOL || p > CML_PRIMITIVE_FLOAT64;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int leaves(const struct cml_dag *dag, uint32_t type, int objects,
                  enum cml_primitive *out, uint32_t *n)
{
    const struct cml_node *t = NULL;
    enum cml_primitive p = CML_PRIMITIVES;

    if ((type & FLAT_SCALAR) != 0) {
        p = (enum cml_primitive)(type & ~FLAT_SCALAR);
    } else {
        t = cml_dag_at(dag, type);
    }
    if (t == NULL || t->kind != CML_COMPOSITE_TYPE) {
        if (*n == FLAT_LEAVES_MAX || (!objects && flat_is_object(p))) {
            return 0;
        }
        out[(*n)++] = p;
        return 1;
    }
    for (uint32_t i = 0; i < t->fields[1].u.list.n; i++) {
        if (!leaves(dag, flat_type(dag, cml_item(&t->fields[1], i)), objects,
                    out, n)) {
            return 0;
        }
    }
    return 1;
}

uint32_t flat_leaves(const struct cml_dag *dag, uint32_t type,
                     enum cml_primitive out[static FLAT_LEAVES_MAX])
{
    uint32_t n = 0;

    return leaves(dag, type, 0, out, &n) ? n : 0;
}

uint32_t flat_parts(const struct flat *f, uint32_t type,
                    enum cml_primitive out[static FLAT_LEAVES_MAX])
{
    uint32_t n = 0;

    return leaves(f->dag, type, f->objects, out, &n) ? n : 0;
}

int flat_has_objects(const struct flattener *l, const struct flat_value *v)
{
    enum cml_primitive p[FLAT_LEAVES_MAX];

    return flat_leaves(l->f->dag, v->type, p) == 0;
}

int flat_emit(struct flattener *l, struct flat_code code)
{
    struct flat_function *to = l->to;

    if (++l->f->code_n > FLAT_CODE_MAX) {
        return diag_set(l->f->diag, ERR_LIMIT, (struct loc){0},
                        "more than %u steps of flat code", FLAT_CODE_MAX);
    }
    if (to->code_n == to->code_cap) {
        uint32_t cap = to->code_cap > 0 ? to->code_cap * 2 : 64;
        struct flat_code *more = reallocarray(to->code, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        to->code = more;
        to->code_cap = cap;
    }
    code.top = l->top;
    to->code[to->code_n++] = code;
    return 0;
}

int flat_operate(struct flattener *l, const struct term *t,
                 struct flat_code code, const struct flat_value *v, uint32_t n,
                 uint32_t type, uint32_t mark, struct flat_value *out)
{
    struct flat_value *all =
        arena_array(&l->f->arena, (size_t)n + 1, sizeof(*all));

    if (all == NULL) {
        return ERR_NOMEM;
    }
    memcpy(all, v, n * sizeof(*v));
    l->top = mark;
    TRY(flat_new(l, t, type, out));
    all[n] = *out;
    code.c = n;
    code.v = all;
    return flat_emit(l, code);
}

int flat_new(struct flattener *l, const struct term *t, uint32_t type,
             struct flat_value *out)
{
    enum cml_primitive p[FLAT_LEAVES_MAX];
    uint32_t n = flat_parts(l->f, type, p);

    if (n == 0) {
        return flat_refuse(l, t,
                           l->f->objects
                               ? "a composite of more than %d parts"
                               : "not for native code yet: this needs a value "
                                 "that is no number, bool or composite of up "
                                 "to %d of them",
                           FLAT_LEAVES_MAX);
    }
    *out = (struct flat_value){type, l->top, n};
    l->top += n;
    if (l->top > l->to->registers) {
        l->to->registers = l->top;
    }
    return 0;
}

/* Upwards: `to` is below `from`, or apart from it. */
int flat_move(struct flattener *l, const struct flat_value *to,
              const struct flat_value *from)
{
    for (uint32_t i = 0; i < from->n && to->first != from->first; i++) {
        TRY(flat_emit(l, (struct flat_code){.what = FLAT_MOVE,
                                            .d = to->first + i,
                                            .a = from->first + i}));
    }
    return 0;
}

int flat_settle(struct flattener *l, uint32_t mark, struct flat_value *v)
{
    struct flat_value low = {v->type, mark, v->n};

    if (v->first < mark) { /* a variable's: it stays */
        l->top = mark;
        return 0;
    }
    TRY(flat_move(l, &low, v));
    *v = low;
    l->top = mark + v->n;
    return 0;
}

int flat_bind(struct flattener *l, const struct term *t, struct flat_value v)
{
    if (l->env_n == CHECK_ENV_MAX) {
        return flat_refuse(l, t, "more than %d names at once", CHECK_ENV_MAX);
    }
    l->env[l->env_n++] = v;
    if (l->env_n > l->to->env) {
        l->to->env = l->env_n;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int flat_block(struct flattener *l, const struct term *t,
                 struct flat_value *out)
{
    const struct term_field *s = &t->fields[0];
    uint32_t env_n = l->env_n;
    uint32_t mark = l->top;

    for (uint32_t i = 0; i + 1 < s->n; i++) {
        TRY(flat_expression(l, s->kids[i]->fields[1].kids[0], out));
        TRY(flat_bind(l, s->kids[i], *out));
    }
    TRY(flat_expression(l, s->kids[s->n - 1]->fields[0].kids[0], out));
    l->env_n = env_n;
    return flat_settle(l, mark, out);
}

int flat_mark_in(struct flattener *l, const struct term *t,
                   struct flat_code code)
{
    if (++l->nest > FLAT_NEST_MAX && !l->f->objects) {
        return flat_refuse(l, t,
                           "not for native code: choices and loops more "
                           "than %d deep in each other",
                           FLAT_NEST_MAX);
    }
    return flat_emit(l, code);
}

/* --- match --- */

/* The part of v that field i is. */
static struct flat_value part(const struct flattener *l,
                              const struct flat_value *v, uint32_t i)
{
    const struct cml_dag *dag = l->f->dag;
    const struct cml_node *n = cml_dag_at(dag, v->type);
    enum cml_primitive p[FLAT_LEAVES_MAX];
    struct flat_value out = {0, v->first, 0};

    for (uint32_t k = 0; k <= i; k++) {
        out.first += out.n;
        out.type = flat_type(dag, cml_item(&n->fields[1], k));
        out.n = flat_parts(l->f, out.type, p);
    }
    return out;
}

/* Whether v fits, in *test (0: always), and what the pattern binds.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int pattern(struct flattener *l, const struct term *p,
                   struct flat_value v, uint32_t *test)
{
    const struct cml_value *kind = &p->fields[0].value;
    struct flat_value constant;
    struct flat_value fits;

    if (cml_is_word(kind, "Bind")) {
        return flat_bind(l, p, v);
    }
    if (cml_is_word(kind, "Literal")) {
        TRY(flat_new(l, p, FLAT_SCALAR | CML_PRIMITIVE_BOOL, &fits));
        TRY(flat_literal(l, p->fields[1].kids[0], &constant));
        if (flat_has_objects(l, &v)) {
            const struct flat_value both[2] = {constant, v};

            TRY(flat_operate(l, p,
                             (struct flat_code){.what = FLAT_OP_OF,
                                                .op = CML_OP_EQ,
                                                .bits = 1},
                             both, 2, fits.type, fits.first, &fits));
        } else {
            TRY(flat_compare(l, CML_OP_EQ, &constant, &v, fits.first));
        }
        if (*test != 0) {
            TRY(flat_emit(l, (struct flat_code){.what = FLAT_BINARY,
                                                .op = CML_OP_BAND,
                                                .type = CML_PRIMITIVE_BOOL,
                                                .d = fits.first,
                                                .a = fits.first,
                                                .b = *test - 1}));
        }
        *test = fits.first + 1;
        return 0;
    }
    for (uint32_t i = 0; i < p->fields[2].n; i++) {
        TRY(pattern(l, p->fields[2].kids[i], part(l, &v, i), test));
    }
    return 0;
}

uint32_t flat_type_of(const struct flattener *l, const struct term *t)
{
    const struct cml_node *n = cml_dag_at(l->f->dag, t->type);

    if (n->kind != CML_CONSTRAINT) {
        return flat_type(l->f->dag, t->type);
    }
    for (uint32_t i = 0; i < l->to->unit->fields[1].n; i++) {
        if (l->to->unit->fields[1].kids[i]->fields[0].kids[0]->id == t->type) {
            return l->to->types[i];
        }
    }
    ASSERT(0); /* a constrained type is that of a parameter */
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int arm(struct flattener *l, const struct term *a,
               const struct flat_value *v, const struct flat_value *to,
               uint32_t *test)
{
    uint32_t env_n = l->env_n;
    uint32_t mark = l->top;
    struct flat_value got;

    *test = 0;
    TRY(pattern(l, a->fields[0].kids[0], *v, test));
    if (*test != 0) {
        TRY(flat_mark_in(
            l, a,
            (struct flat_code){.what = FLAT_IF, .a = *test - 1, .bits = 1}));
    }
    TRY(flat_block(l, a->fields[1].kids[0], &got));
    TRY(flat_move(l, to, &got));
    l->env_n = env_n;
    l->top = mark;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int match(struct flattener *l, const struct term *t,
                 struct flat_value *out)
{
    const struct term_field *arms = &t->fields[1];
    uint32_t nest = l->nest;
    uint32_t test = 1;
    struct flat_value v;

    TRY(flat_new(l, t, flat_type_of(l, t), out));
    TRY(flat_expression(l, t->fields[0].kids[0], &v));
    for (uint32_t i = 0; i < arms->n && test != 0; i++) {
        TRY(arm(l, arms->kids[i], &v, out, &test));
        if (test != 0) {
            TRY(flat_emit(l, (struct flat_code){.what = FLAT_ELSE}));
        }
    }
    if (test != 0) {
        TRY(flat_emit(
            l, (struct flat_code){.what = FLAT_FAIL, .bits = EVAL_E_MATCH}));
    }
    for (; l->nest > nest; l->nest--) {
        TRY(flat_emit(l, (struct flat_code){.what = FLAT_END}));
    }
    l->top = out->first + out->n;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int flat_expression(struct flattener *l, const struct term *t,
                    struct flat_value *out)
{
    switch ((int)t->kind) {
    case CML_LITERAL:
        return flat_literal(l, t, out);
    case CML_VAR:
        *out = l->env[l->env_n - 1 - t->fields[0].value.u.bits];
        return 0;
    case CML_BINOP:
        return flat_binop(l, t, out);
    case CML_CALL:
        return flat_call(l, t, out);
    case CML_MATCH:
        return match(l, t, out);
    case CML_LOOP:
        return flat_loop(l, t, out);
    default:
        return flat_refuse(l, t, "no expression: %s",
                           cml_kind_info(t->kind)->fqn);
    }
}

/* --- functions --- */

static int body(struct flattener *l)
{
    const struct term *u = l->to->unit;
    struct flat_value v;

    for (uint32_t i = 0; i < u->fields[1].n; i++) {
        TRY(flat_new(l, u->fields[1].kids[i], l->to->types[i], &v));
        TRY(flat_bind(l, u, v));
    }
    l->to->args_n = l->top;
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_SPEND, .bits = 1}));
    TRY(flat_block(l, u->fields[3].kids[0], &v));
    l->to->types[u->fields[1].n] = v.type;
    l->to->result = v.first;
    l->to->results_n = v.n;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): units call each other in no circle */
static int make(struct flat *f, const struct term *u, const uint32_t *types,
                struct flat_function **out)
{
    struct flat_function *to = arena_get(&f->arena, sizeof(*to));
    struct flattener l = {.f = f, .to = to};
    uint32_t n = u->fields[1].n;
    int code;

    if (to == NULL) {
        return ERR_NOMEM;
    }
    to->unit = u;
    to->types_n = n + 1;
    to->types = arena_array(&f->arena, n + 1, sizeof(*to->types));
    l.env = calloc(CHECK_ENV_MAX, sizeof(*l.env));
    if (to->types == NULL || l.env == NULL) {
        free(l.env);
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(to->types, types, n * sizeof(*types));
    }
    code = body(&l);
    free(l.env);
    if (code < 0) {
        free(to->code);
        return code;
    }
    *out = to;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): units call each other in no circle */
int flat_function_of(struct flat *f, const struct term *unit,
                     const struct term *site, const uint32_t *types,
                     uint32_t *out)
{
    struct flat_function *to = NULL;

    for (uint32_t i = 0; i < f->functions_n; i++) {
        const struct flat_function *have = f->functions[i];

        if (have->unit->id == unit->id &&
            memcmp(have->types, types, unit->fields[1].n * sizeof(*types)) ==
                0) {
            *out = i;
            return 0;
        }
    }
    TRY(make(f, unit, types, &to));
    if (f->functions_n == FLAT_FUNCTIONS_MAX) {
        free(to->code);
        return diag_set(
            f->diag, ERR_LIMIT, (struct loc){f->path, site->line, site->col},
            "more than %d units in native code", FLAT_FUNCTIONS_MAX);
    }
    *out = f->functions_n;
    f->functions[f->functions_n++] = to;
    return 0;
}

int flat_unit(struct flat *f, const struct term *unit, const char *path,
              struct diag *diag)
{
    uint32_t n = unit->fields[1].n;
    uint32_t *types = arena_array(&f->arena, n + 1, sizeof(*types));
    uint32_t at;

    f->path = path;
    f->diag = diag;
    if (types == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct term *p = unit->fields[1].kids[i];

        types[i] = flat_type(f->dag, p->fields[0].kids[0]->id);
        if (p->fields[0].kids[0]->kind == CML_CONSTRAINT) {
            return diag_set(diag, ERR_INPUT,
                            (struct loc){path, p->line, p->col},
                            "a unit with constrained parameters has no one C "
                            "type; export one that calls it");
        }
    }
    return flat_function_of(f, unit, unit, types, &at);
}
