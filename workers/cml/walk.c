/* The walk: as in eval.c, over nodes whose names were looked up. Recursion is
 * bounded by LIMIT_CML_HEIGHT, work by fuel. */
#include "workers/cml/walk.h"

#include <string.h>

#include "proto/err.h"
#include "workers/cml/walk_int.h"

#define ARGS_NEAR 4 /* kept on the stack */

static int expression(struct walk *w, struct eval *e, const struct walk_node *n,
                      struct val *out);
static int block(struct walk *w, struct eval *e, const struct walk_node *b,
                 struct val *out);

static int push(struct eval *e, struct val v)
{
    if (e->env_n == EVAL_ENV_MAX) {
        return EVAL_E_SIZE;
    }
    e->env[e->env_n++] = v;
    return 0;
}

static void reached(const struct walk *w, uint32_t branch, uint32_t side)
{
    if (w->watch != NULL && w->watch->on_branch != NULL &&
        branch != BRANCH_NONE) {
        w->watch->on_branch(w->watch->ctx, branch + side);
    }
}

static void compared(const struct walk *w, uint32_t site, enum cml_op op,
                     const struct val *l, const struct val *r)
{
    if (w->watch != NULL && w->watch->on_compare != NULL) {
        w->watch->on_compare(w->watch->ctx, site, op, l, r);
    }
}

/* Integers of 64 bits are most of the work. */
static int quick(enum cml_op op, const struct val *l, const struct val *r,
                 struct val *out)
{
    uint64_t v;

    switch ((int)op) {
    case CML_OP_ADD:
        v = l->u.bits + r->u.bits;
        break;
    case CML_OP_SUB:
        v = l->u.bits - r->u.bits;
        break;
    case CML_OP_MUL:
        v = l->u.bits * r->u.bits;
        break;
    case CML_OP_BAND:
        v = l->u.bits & r->u.bits;
        break;
    case CML_OP_BOR:
        v = l->u.bits | r->u.bits;
        break;
    case CML_OP_BXOR:
        v = l->u.bits ^ r->u.bits;
        break;
    default:
        return 0;
    }
    *out = *l;
    out->u.bits = v;
    return 1;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int operator(struct walk *w, struct eval *e, const struct walk_node *n,
                    struct val *out)
{
    struct val l;
    struct val r;

    EVAL_TRY(expression(w, e, n->kids[0], &l));
    if ((n->kind == WALK_BOTH && l.u.bits == 0) ||
        (n->kind == WALK_EITHER && l.u.bits != 0)) {
        *out = l;
        return 0;
    }
    if (n->kind != WALK_OPERATOR) {
        reached(w, n->branch, 0);
        return expression(w, e, n->kids[1], out);
    }
    EVAL_TRY(expression(w, e, n->kids[1], &r));
    if (n->op >= CML_OP_EQ && n->op <= CML_OP_GE) {
        EVAL_TRY(eval_op(e, n->op, &l, &r, out)); /* first it is paid for */
        compared(w, n->site, n->op, &l, &r);
        return 0;
    }
    if (l.kind == VAL_INT && (l.code & 0x7f) == 8 &&
               quick(n->op, &l, &r, out)) {
        return 0;
    }
    return eval_op(e, n->op, &l, &r, out);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int unit(struct walk *w, struct eval *e, uint32_t i,
                const struct val *args, uint32_t n, struct val *out)
{
    uint32_t kept = e->env_n;

    EVAL_TRY(eval_spend(e, 1));
    for (uint32_t k = 0; k < n; k++) {
        EVAL_TRY(push(e, args[k]));
    }
    EVAL_TRY(block(w, e, w->units[i].body, out));
    e->env_n = kept;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
int walk_apply(void *ctx, struct eval *e, const struct val *f,
               const struct val *args, uint32_t n, struct val *out)
{
    struct walk *w = ctx;

    for (uint32_t i = 0; i < w->units_n; i++) {
        if (w->units[i].id == f->node) {
            return unit(w, e, i, args, n, out);
        }
    }
    return ERR_TRACE(ERR_INTERNAL); /* all Units that it can hold are there */
}

static int field(const struct walk *w, const struct walk_node *n,
                 const struct val *v, struct val *out)
{
    const struct cml_value *names;

    if (v->node == VAL_PAIR) {
        *out = v->u.items[n->name.n == 1 && n->name.p[0] == 'a' ? 0 : 1];
        return 0;
    }
    names = &cml_dag_at(w->dag, v->node)->fields[0];
    for (uint32_t i = 0; i < names->u.list.n; i++) {
        const struct ubytes *f = &names->u.list.p[i].u.text;

        if (f->n == n->name.n && memcmp(f->p, n->name.p, f->n) == 0) {
            *out = v->u.items[i];
            return 0;
        }
    }
    return ERR_TRACE(ERR_INTERNAL);
}

static int construct(struct eval *e, const struct walk_node *n,
                     const struct val *args, struct val *out)
{
    struct val *items;

    EVAL_TRY(val_new_array(e, n->n, &items, out));
    if (n->n > 0) {
        memcpy(items, args, n->n * sizeof(*items));
    }
    if (n->op) {
        out->kind = VAL_COMPOSITE;
        out->node = n->node;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int apply(struct walk *w, struct eval *e, const struct walk_node *n,
                 const struct val *args, struct val *out)
{
    switch ((int)n->kind) {
    case WALK_CORE:
        return eval_core(e, n->op, args, n->n, out);
    case WALK_FIELD:
        return field(w, n, &args[0], out);
    case WALK_CONVERT:
        return eval_convert(&args[0], n->op, out);
    case WALK_MAKE:
        return construct(e, n, args, out);
    case WALK_UNIT:
        return unit(w, e, n->node, args, n->n, out);
    case WALK_APPLY:
        return walk_apply(w, e, &args[0], args + 1, n->n - 1, out);
    default:
        return EVAL_E_REFERENCE;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int call(struct walk *w, struct eval *e, const struct walk_node *n,
                struct val *out)
{
    struct arena_mark mark = arena_mark(&e->args);
    struct val near[ARGS_NEAR];
    struct val *args = near;

    if (n->n > ARGS_NEAR) {
        args = arena_array(&e->args, n->n, sizeof(*args));
        if (args == NULL) {
            return ERR_NOMEM;
        }
    }
    for (uint32_t i = 0; i < n->n; i++) {
        EVAL_TRY(expression(w, e, n->kids[i], &args[i]));
    }
    EVAL_TRY(apply(w, e, n, args, out));
    arena_rewind(&e->args, mark);
    return 0;
}

/* Does v fit; binds what the pattern binds.
 * NOLINTNEXTLINE(misc-no-recursion): see the head */
static int pattern(struct walk *w, struct eval *e, const struct walk_node *p,
                   const struct val *v, int *out)
{
    *out = 1;
    if (p->kind == WALK_BIND) {
        return push(e, *v);
    }
    if (p->kind == WALK_LITERAL) {
        compared(w, p->site, CML_OP_EQ, v, &p->constant);
        *out = val_compare(&p->constant, v) == VAL_SAME;
        return 0;
    }
    for (uint32_t i = 0; i < p->n && *out; i++) {
        EVAL_TRY(pattern(w, e, p->kids[i], &v->u.items[i], out));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int match(struct walk *w, struct eval *e, const struct walk_node *n,
                 struct val *out)
{
    uint32_t kept = e->env_n;
    struct val v;

    EVAL_TRY(expression(w, e, n->kids[0], &v));
    for (uint32_t i = 1; i < n->n; i += 2) {
        int fits = 0;

        EVAL_TRY(pattern(w, e, n->kids[i], &v, &fits));
        if (fits) {
            reached(w, n->branch, i / 2);
            EVAL_TRY(block(w, e, n->kids[i + 1], out));
        }
        e->env_n = kept;
        if (fits) {
            return 0;
        }
    }
    return EVAL_E_MATCH;
}

struct round {
    struct val over;
    uint64_t n; /* rounds of for and repeat */
};

static uint64_t rounds_of(const struct val *v)
{
    if (v->kind == VAL_ARRAY) {
        return v->n;
    }
    return val_is_signed(v) && (int64_t)v->u.bits < 0 ? 0 : v->u.bits;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int goes_on(struct walk *w, struct eval *e, const struct walk_node *n,
                   const struct round *r, uint64_t at, int *out)
{
    struct val v;

    if (n->kind != WALK_WHILE) {
        *out = at < r->n;
        return 0;
    }
    EVAL_TRY(expression(w, e, n->kids[1], &v));
    *out = v.u.bits != 0;
    return 0;
}

/* The state is the nearest binder.
 * NOLINTNEXTLINE(misc-no-recursion): see the head */
static int rounds(struct walk *w, struct eval *e, const struct walk_node *n,
                  const struct round *r)
{
    struct eval_mark mark = eval_mark(e);
    struct val *state = &e->env[e->env_n - 1];

    for (uint64_t at = 0;; at++) {
        uint32_t kept = e->env_n;
        struct val next;
        int more = 0;

        EVAL_TRY(goes_on(w, e, n, r, at, &more));
        if (!more) {
            return 0;
        }
        EVAL_TRY(eval_spend(e, 1));
        if (n->kind == WALK_FOR) {
            EVAL_TRY(push(e, r->over.kind == VAL_ARRAY
                                 ? r->over.u.items[at]
                                 : val_int(r->over.code, at)));
        }
        reached(w, n->branch, 0);
        EVAL_TRY(block(w, e, n->kids[2], &next));
        e->env_n = kept;
        *state = next;
        EVAL_TRY(eval_tidy(e, &mark, state, 1));
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int loop(struct walk *w, struct eval *e, const struct walk_node *n,
                struct val *out)
{
    struct round r = {.n = 0};
    struct val first;

    EVAL_TRY(expression(w, e, n->kids[0], &first));
    if (n->kind != WALK_WHILE) {
        EVAL_TRY(expression(w, e, n->kids[1], &r.over));
        r.n = rounds_of(&r.over);
    }
    EVAL_TRY(push(e, first));
    EVAL_TRY(rounds(w, e, n, &r));
    *out = e->env[--e->env_n];
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int expression(struct walk *w, struct eval *e, const struct walk_node *n,
                      struct val *out)
{
    switch ((int)n->kind) {
    case WALK_CONSTANT:
        *out = n->constant;
        return 0;
    case WALK_VARIABLE:
        *out = e->env[e->env_n - 1 - n->op];
        return 0;
    case WALK_OPERATOR:
    case WALK_BOTH:
    case WALK_EITHER:
        return operator(w, e, n, out);
    case WALK_MATCH:
        return match(w, e, n, out);
    case WALK_WHILE:
    case WALK_FOR:
    case WALK_REPEAT:
        return loop(w, e, n, out);
    default:
        return call(w, e, n, out);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int block(struct walk *w, struct eval *e, const struct walk_node *b,
                 struct val *out)
{
    uint32_t kept = e->env_n;

    for (uint32_t i = 0; i + 1 < b->n; i++) {
        struct val v;

        EVAL_TRY(expression(w, e, b->kids[i], &v));
        EVAL_TRY(push(e, v));
    }
    EVAL_TRY(expression(w, e, b->kids[b->n - 1], out));
    e->env_n = kept;
    return 0;
}

uint32_t walk_branches_n(const struct walk *w)
{
    return w->branches_n;
}

uint32_t walk_sites_n(const struct walk *w)
{
    return w->sites_n;
}

void walk_watch(struct walk *w, const struct walk_watch *watch)
{
    w->watch = watch;
}

int walk_run(struct walk *w, struct eval *e, struct ubytes input,
             struct val *out)
{
    struct val args[TYPE_TUPLE_MAX];
    uint32_t n = w->units[0].params_n;
    struct rd rd;
    int code;

    rd_init(&rd, input);
    (void)rd_u8(&rd); /* a tuple, of as many: decoded by its type */
    if (n > TYPE_TUPLE_MAX || rd_u32(&rd) != n) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(eval_read(e, w->params[i], &rd, &args[i]));
    }
    e->apply = walk_apply;
    e->apply_ctx = w;
    code = unit(w, e, 0, args, n, out);
    e->apply = NULL;
    return code;
}
