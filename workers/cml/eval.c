/* The interpreter's walk. Runs in the `cml` worker; recursion is bounded by the
 * height of the DAG, work by fuel. */
#include "workers/cml/eval.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/eval_int.h"

#define EVAL_MEMORY_BYTES ((size_t)256 << 20)

static int expression(struct eval *e, uint32_t id, struct val *out);
static int block(struct eval *e, uint32_t id, struct val *out);

static const char *const texts[] = {
    "",
#define EVAL(name, text) text,
#include "proto/cml_error.def"
};

static const char *const error_names[] = {
    "",
#define EVAL(name, text) #name,
#include "proto/cml_error.def"
};

const char *eval_error_name(int error)
{
    ASSERT(error >= 0 && (size_t)error < ARRAY_N(error_names));
    return error_names[error];
}

const char *eval_error_text(int error)
{
    ASSERT(error >= 0 && (size_t)error < ARRAY_N(texts));
    return texts[error];
}

int eval_init(struct eval *e, const struct cml_dag *dag, uint64_t fuel)
{
    *e = (struct eval){.dag = dag, .fuel = fuel};
    arena_init(&e->arena, EVAL_MEMORY_BYTES);
    arena_init(&e->args, EVAL_MEMORY_BYTES);
    e->env = calloc(EVAL_ENV_MAX, sizeof(*e->env));
    return e->env != NULL ? 0 : ERR_NOMEM;
}

void eval_release(struct eval *e)
{
    arena_release(&e->arena);
    arena_release(&e->args);
    free(e->env);
    e->env = NULL;
}

void eval_reset(struct eval *e, uint64_t fuel)
{
    arena_reset(&e->arena);
    arena_reset(&e->args);
    e->fuel = fuel;
    e->env_n = 0;
}

static const struct cml_node *at(const struct eval *e, uint32_t id)
{
    return cml_dag_at(e->dag, id);
}

static int push(struct eval *e, struct val v)
{
    if (e->env_n == EVAL_ENV_MAX) {
        return EVAL_E_SIZE;
    }
    e->env[e->env_n++] = v;
    return 0;
}

struct val eval_literal(const struct cml_dag *dag, uint32_t id)
{
    const struct cml_node *leaf = cml_dag_at(dag, id);
    const struct cml_value *v = &leaf->fields[0];

    if (leaf->kind == CML_UNIT) {
        return (struct val){.kind = VAL_FUNCTION, .node = id};
    }
    switch (v->tag) {
    case CML_FALSE:
    case CML_TRUE:
        return val_bool(v->tag == CML_TRUE);
    case CML_INT:
        return val_int(v->code, v->u.bits);
    case CML_FLOAT:
        return (struct val){
            .kind = VAL_FLOAT, .code = v->code, .u.bits = v->u.bits};
    case CML_STRING:
    case CML_BYTES:
    case CML_CHILD:
        return (struct val){.kind = v->tag == CML_STRING  ? VAL_STRING
                                    : v->tag == CML_BYTES ? VAL_BYTES
                                                          : VAL_CID,
                            .n = (uint32_t)v->u.text.n,
                            .u.p = v->u.text.p};
    case CML_ABSENT:
    case CML_LIST:
        break;
    }
    return val_void();
}

static struct val literal(const struct eval *e, const struct cml_node *n)
{
    return eval_literal(e->dag, cml_item(&n->fields[1], 0));
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int binop(struct eval *e, const struct cml_node *n, struct val *out)
{
    enum cml_op op = (enum cml_op)n->word;
    struct val l;
    struct val r;

    EVAL_TRY(expression(e, cml_item(&n->fields[1], 0), &l));
    if ((op == CML_OP_AND && l.u.bits == 0) ||
        (op == CML_OP_OR && l.u.bits != 0)) {
        *out = l;
        return 0;
    }
    EVAL_TRY(expression(e, cml_item(&n->fields[2], 0), &r));
    if (op == CML_OP_AND || op == CML_OP_OR) {
        *out = r;
        return 0;
    }
    return eval_op(e, op, &l, &r, out);
}

int eval_apply(struct eval *e, const struct val *f, const struct val *args,
               uint32_t n, struct val *out)
{
    uint32_t kept = e->env_n;

    if (e->apply != NULL) {
        return e->apply(e->apply_ctx, e, f, args, n, out);
    }
    EVAL_TRY(eval_spend(e, 1));
    for (uint32_t i = 0; i < n; i++) {
        EVAL_TRY(push(e, args[i]));
    }
    EVAL_TRY(block(e, cml_item(&at(e, f->node)->fields[3], 0), out));
    e->env_n = kept;
    return 0;
}

static int field(const struct eval *e, const struct cml_value *name,
                 const struct val *v, struct val *out)
{
    const struct cml_value *names;

    if (v->node == VAL_PAIR) {
        *out = v->u.items[cml_is_word(name, "a") ? 0 : 1];
        return 0;
    }
    names = &at(e, v->node)->fields[0];
    for (uint32_t i = 0; i < names->u.list.n; i++) {
        const struct ubytes *f = &names->u.list.p[i].u.text;

        if (f->n == name->u.text.n && memcmp(f->p, name->u.text.p, f->n) == 0) {
            *out = v->u.items[i];
            return 0;
        }
    }
    /* a checked unit takes fields that are there */
    return ERR_TRACE(ERR_INTERNAL);
}

static int construct(struct eval *e, uint32_t type, const struct val *args,
                     uint32_t n, struct val *out)
{
    const struct cml_node *t = at(e, type);
    struct val *items;

    if (t->kind == CML_PRIMITIVE_TYPE) {
        return eval_convert(&args[0], (enum cml_primitive)t->word, out);
    }
    EVAL_TRY(val_new_array(e, n, &items, out));
    if (n > 0) {
        memcpy(items, args, n * sizeof(*items));
    }
    if (t->kind == CML_COMPOSITE_TYPE) {
        out->kind = VAL_COMPOSITE;
        out->node = type;
    }
    return 0;
}

/* target: the function, when it is a Unit or a variable. */
static int apply(struct eval *e, const struct cml_node *call,
                 const struct val *target, const struct val *args, uint32_t n,
                 struct val *out)
{
    uint32_t id = cml_item(&call->fields[0], 0);
    const struct cml_node *t = at(e, id);

    switch ((int)t->kind) {
    case CML_UNIT:
    case CML_VAR:
        return eval_apply(e, target, args, n, out);
    case CML_REFERENCE:
        if (!cml_is_word(&t->fields[0], CORE_SUBJECT)) {
            return EVAL_E_REFERENCE;
        }
        if (t->fields[1].u.list.n == 2) {
            return field(e, &t->fields[1].u.list.p[1], &args[0], out);
        }
        return eval_core(e, core_from_name(t->fields[1].u.list.p[0].u.text),
                         args, n, out);
    default:
        return construct(e, id, args, n, out);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int call(struct eval *e, const struct cml_node *n, struct val *out)
{
    const struct cml_value *args = &n->fields[1];
    uint32_t target_id = cml_item(&n->fields[0], 0);
    struct val target = {.kind = VAL_FUNCTION, .node = target_id};
    struct arena_mark mark = arena_mark(&e->args);
    struct val *values = arena_array(&e->args, args->u.list.n + 1,
                                     sizeof(*values));

    if (values == NULL) {
        return ERR_NOMEM;
    }
    if (at(e, target_id)->kind == CML_VAR) {
        EVAL_TRY(expression(e, target_id, &target));
    }
    for (uint32_t i = 0; i < args->u.list.n; i++) {
        EVAL_TRY(expression(e, cml_item(args, i), &values[i]));
    }
    EVAL_TRY(apply(e, n, &target, values, args->u.list.n, out));
    arena_rewind(&e->args, mark);
    return 0;
}

/* Does v fit; binds what the pattern binds.
 * NOLINTNEXTLINE(misc-no-recursion): see the head */
static int pattern(struct eval *e, uint32_t id, const struct val *v, int *out)
{
    const struct cml_node *p = at(e, id);
    const struct cml_value *kind = &p->fields[0];

    *out = 1;
    if (cml_is_word(kind, "Bind")) {
        return push(e, *v);
    }
    if (cml_is_word(kind, "Literal")) {
        struct val constant = literal(e, at(e, cml_item(&p->fields[1], 0)));

        *out = val_compare(&constant, v) == VAL_SAME;
        return 0;
    }
    for (uint32_t i = 0; i < p->fields[2].u.list.n && *out; i++) {
        EVAL_TRY(pattern(e, cml_item(&p->fields[2], i), &v->u.items[i], out));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int match(struct eval *e, const struct cml_node *n, struct val *out)
{
    const struct cml_value *arms = &n->fields[1];
    uint32_t kept = e->env_n;
    struct val v;

    EVAL_TRY(expression(e, cml_item(&n->fields[0], 0), &v));
    for (uint32_t i = 0; i < arms->u.list.n; i++) {
        const struct cml_node *arm = at(e, cml_item(arms, i));
        int fits = 0;

        EVAL_TRY(pattern(e, cml_item(&arm->fields[0], 0), &v, &fits));
        if (fits) {
            EVAL_TRY(block(e, cml_item(&arm->fields[1], 0), out));
        }
        e->env_n = kept;
        if (fits) {
            return 0;
        }
    }
    return EVAL_E_MATCH;
}

/* Rounds of a for or repeat over v. */
static uint64_t rounds_of(const struct val *v)
{
    if (v->kind == VAL_ARRAY) {
        return v->n;
    }
    return val_is_signed(v) && (int64_t)v->u.bits < 0 ? 0 : v->u.bits;
}

struct loop {
    const struct cml_node *n;
    struct val over;
    uint64_t rounds;
    int is_while;
    int is_for;
};

/* One round's binders are there: is there another round?
 * NOLINTNEXTLINE(misc-no-recursion): see the head */
static int goes_on(struct eval *e, const struct loop *l, uint64_t round,
                   int *out)
{
    struct val v;

    if (!l->is_while) {
        *out = round < l->rounds;
        return 0;
    }
    EVAL_TRY(expression(e, cml_item(&l->n->fields[2], 0), &v));
    *out = v.u.bits != 0;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int round_of(struct eval *e, const struct loop *l, uint64_t round,
                    struct val *state)
{
    uint32_t kept = e->env_n;
    struct val next;

    EVAL_TRY(eval_spend(e, 1));
    if (l->is_for) {
        EVAL_TRY(push(e, l->over.kind == VAL_ARRAY
                             ? l->over.u.items[round]
                             : val_int(l->over.code, round)));
    }
    EVAL_TRY(block(e, cml_item(&l->n->fields[3], 0), &next));
    e->env_n = kept;
    *state = next;
    return 0;
}

/* The state is the nearest binder.
 * NOLINTNEXTLINE(misc-no-recursion): see the head */
static int rounds(struct eval *e, const struct loop *l)
{
    struct eval_mark mark = eval_mark(e);
    struct val *state = &e->env[e->env_n - 1];

    for (uint64_t round = 0;; round++) {
        int more = 0;

        EVAL_TRY(goes_on(e, l, round, &more));
        if (!more) {
            return 0;
        }
        EVAL_TRY(round_of(e, l, round, state));
        EVAL_TRY(eval_tidy(e, &mark, state, 1));
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int loop(struct eval *e, const struct cml_node *n, struct val *out)
{
    const struct cml_node *state = at(e, cml_item(&n->fields[1], 0));
    struct loop l = {.n = n};
    struct val first;

    l.is_while = cml_is_word(&n->fields[0], "while");
    l.is_for = cml_is_word(&n->fields[0], "for");
    EVAL_TRY(expression(e, cml_item(&state->fields[1], 0), &first));
    if (!l.is_while) {
        EVAL_TRY(expression(e, cml_item(&n->fields[2], 0), &l.over));
        l.rounds = rounds_of(&l.over);
    }
    EVAL_TRY(push(e, first));
    EVAL_TRY(rounds(e, &l));
    *out = e->env[--e->env_n];
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int expression(struct eval *e, uint32_t id, struct val *out)
{
    const struct cml_node *n = at(e, id);

    switch ((int)n->kind) {
    case CML_LITERAL:
        *out = literal(e, n);
        return 0;
    case CML_VAR:
        *out = e->env[e->env_n - 1 - n->fields[0].u.bits];
        return 0;
    case CML_BINOP:
        return binop(e, n, out);
    case CML_CALL:
        return call(e, n, out);
    case CML_MATCH:
        return match(e, n, out);
    case CML_LOOP:
        return loop(e, n, out);
    default:
        return EVAL_E_REFERENCE;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int block(struct eval *e, uint32_t id, struct val *out)
{
    const struct cml_value *s = &at(e, id)->fields[0];
    uint32_t kept = e->env_n;

    for (uint32_t i = 0; i + 1 < s->u.list.n; i++) {
        const struct cml_node *b = at(e, cml_item(s, i));
        struct val v;

        EVAL_TRY(expression(e, cml_item(&b->fields[1], 0), &v));
        EVAL_TRY(push(e, v));
    }
    EVAL_TRY(expression(
        e, cml_item(&at(e, cml_item(s, s->u.list.n - 1))->fields[0], 0), out));
    e->env_n = kept;
    return 0;
}

int eval_unit(struct eval *e, uint32_t unit, const struct val *args, uint32_t n,
              struct val *out)
{
    struct val f = {.kind = VAL_FUNCTION, .node = unit};

    ASSERT(at(e, unit)->kind == CML_UNIT &&
           at(e, unit)->fields[1].u.list.n == n);
    e->env_n = 0;
    return eval_apply(e, &f, args, n, out);
}
