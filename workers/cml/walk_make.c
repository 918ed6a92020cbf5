/* Units made ready for walks: names looked up once. Recursion is bounded by
 * LIMIT_CML_HEIGHT. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/check_int.h"
#include "workers/cml/walk_int.h"

struct maker {
    struct walk *w;
    const struct tree *t;
};

static struct walk_node *expression(struct maker *m, const struct term *t);

static struct walk_node *node(struct maker *m, enum walk_kind kind,
                              uint32_t kids_n)
{
    struct walk_node *n = arena_get(&m->w->arena, sizeof(*n));

    if (n != NULL) {
        n->kind = kind;
        n->branch = BRANCH_NONE;
        n->n = kids_n;
        n->kids = arena_array(&m->w->arena, kids_n + 1, sizeof(n));
    }
    return n != NULL && n->kids != NULL ? n : NULL;
}

/* NULL if a child is. */
static struct walk_node *whole(struct walk_node *n)
{
    for (uint32_t i = 0; n != NULL && i < n->n; i++) {
        if (n->kids[i] == NULL) {
            return NULL;
        }
    }
    return n;
}

/* A constant that outlives the tree. */
static int keep(struct maker *m, struct val *v)
{
    if (v->kind == VAL_STRING || v->kind == VAL_BYTES || v->kind == VAL_CID) {
        v->u.p = (const uint8_t *)arena_text(&m->w->arena, v->u.p, v->n);
        return v->u.p != NULL;
    }
    return 1;
}

static int constant(struct maker *m, const struct term *t, struct val *out)
{
    const struct term *leaf = t->fields[1].kids[0];

    if (leaf->kind == CML_UNIT) {
        *out = (struct val){.kind = VAL_FUNCTION, .node = leaf->id};
        return 1;
    }
    if (!tree_constant(t, out)) {
        const struct cml_value *v = &leaf->fields[0].value;

        *out = v->tag == CML_CHILD
                   ? (struct val){.kind = VAL_CID,
                                  .n = (uint32_t)v->u.text.n,
                                  .u.p = v->u.text.p}
                   : val_void();
    }
    return keep(m, out);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *block(struct maker *m, const struct term *b)
{
    const struct term_field *s = &b->fields[0];
    struct walk_node *n = node(m, WALK_BLOCK, s->n);

    for (uint32_t i = 0; n != NULL && i < s->n; i++) {
        const struct term *at = s->kids[i];

        n->kids[i] = expression(
            m, at->fields[at->kind == CML_RETURN ? 0 : 1].kids[0]);
    }
    return whole(n);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *pattern(struct maker *m, const struct term *p)
{
    const struct cml_value *kind = &p->fields[0].value;
    struct walk_node *n;

    if (cml_is_word(kind, "Literal")) {
        n = node(m, WALK_LITERAL, 0);
        if (n == NULL || !constant(m, p->fields[1].kids[0], &n->constant)) {
            return NULL;
        }
        n->site = m->w->sites_n++;
        return n;
    }
    n = node(m,
             cml_is_word(kind, "Bind")   ? WALK_BIND
             : cml_is_word(kind, "Cons") ? WALK_CONS
                                         : WALK_WILDCARD,
             p->fields[2].n);
    for (uint32_t i = 0; n != NULL && i < n->n; i++) {
        n->kids[i] = pattern(m, p->fields[2].kids[i]);
    }
    return whole(n);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *match(struct maker *m, const struct term *t)
{
    const struct term_field *arms = &t->fields[1];
    struct walk_node *n = node(m, WALK_MATCH, 1 + 2 * arms->n);

    if (n == NULL) {
        return NULL;
    }
    n->kids[0] = expression(m, t->fields[0].kids[0]);
    for (uint32_t i = 0; i < arms->n; i++) {
        const struct term *arm = arms->kids[i];

        n->kids[1 + 2 * i] = pattern(m, arm->fields[0].kids[0]);
        n->kids[2 + 2 * i] = block(m, arm->fields[1].kids[0]);
    }
    return whole(n);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *loop(struct maker *m, const struct term *t)
{
    const struct cml_value *kind = &t->fields[0].value;
    struct walk_node *n = node(m,
                               cml_is_word(kind, "while") ? WALK_WHILE
                               : cml_is_word(kind, "for") ? WALK_FOR
                                                          : WALK_REPEAT,
                               3);

    if (n == NULL) {
        return NULL;
    }
    n->kids[0] = expression(m, t->fields[1].kids[0]->fields[1].kids[0]);
    n->kids[1] = expression(m, t->fields[2].kids[0]);
    n->kids[2] = block(m, t->fields[3].kids[0]);
    return whole(n);
}

static uint32_t unit_of(const struct maker *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->t->units_n; i++) {
        if (m->t->units[i].id == id) {
            return i;
        }
    }
    return 0;
}

/* What a call does, by its target. */
static int call_kind(struct maker *m, const struct term *t,
                     struct walk_node *n)
{
    const struct term *target = t->fields[0].kids[0];

    switch ((int)target->kind) {
    case CML_UNIT:
        n->kind = WALK_UNIT;
        n->node = unit_of(m, target->id);
        return 1;
    case CML_VAR:
        n->kind = WALK_APPLY;
        return 1;
    case CML_REFERENCE:
        if (tree_core_of(t) != CORES) {
            n->kind = WALK_CORE;
            n->op = tree_core_of(t);
            return 1;
        }
        n->kind = cml_is_word(&target->fields[0].value, CORE_SUBJECT) &&
                          target->fields[1].n == 2
                      ? WALK_FIELD
                      : WALK_NOTHING;
        if (n->kind == WALK_FIELD) {
            n->name = target->fields[1].words[1].u.text;
        }
        return 1;
    case CML_PRIMITIVE_TYPE:
        n->kind = WALK_CONVERT;
        n->op = check_as_primitive(m->w->dag, target->id);
        return 1;
    default:
        n->kind = WALK_MAKE;
        n->op = target->kind == CML_COMPOSITE_TYPE;
        n->node = target->id;
        return 1;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *call(struct maker *m, const struct term *t)
{
    const struct term_field *args = &t->fields[1];
    uint32_t first = t->fields[0].kids[0]->kind == CML_VAR;
    struct walk_node *n = node(m, WALK_NOTHING, first + args->n);

    if (n == NULL || !call_kind(m, t, n)) {
        return NULL;
    }
    if (first) {
        n->kids[0] = expression(m, t->fields[0].kids[0]);
    }
    for (uint32_t i = 0; i < args->n; i++) {
        n->kids[first + i] = expression(m, args->kids[i]);
    }
    return whole(n);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *operator(struct maker *m, const struct term *t)
{
    enum cml_op op = tree_op_of(t);
    struct walk_node *n = node(m,
                               op == CML_OP_AND  ? WALK_BOTH
                               : op == CML_OP_OR ? WALK_EITHER
                                                 : WALK_OPERATOR,
                               2);

    if (n == NULL) {
        return NULL;
    }
    n->op = op;
    n->site = op >= CML_OP_EQ && op <= CML_OP_GE ? m->w->sites_n++ : 0;
    n->kids[0] = expression(m, t->fields[1].kids[0]);
    n->kids[1] = expression(m, t->fields[2].kids[0]);
    return whole(n);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *made(struct maker *m, const struct term *t)
{
    struct walk_node *n;

    switch ((int)t->kind) {
    case CML_LITERAL:
        n = node(m, WALK_CONSTANT, 0);
        return n != NULL && constant(m, t, &n->constant) ? n : NULL;
    case CML_VAR:
        n = node(m, WALK_VARIABLE, 0);
        if (n != NULL) {
            n->op = (unsigned)t->fields[0].value.u.bits;
        }
        return n;
    case CML_BINOP:
        return operator(m, t);
    case CML_CALL:
        return call(m, t);
    case CML_MATCH:
        return match(m, t);
    case CML_LOOP:
        return loop(m, t);
    default:
        return node(m, WALK_NOTHING, 0);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static struct walk_node *expression(struct maker *m, const struct term *t)
{
    struct walk_node *n = made(m, t);

    if (n != NULL) {
        n->branch = t->mark;
    }
    return n;
}

static int make(struct walk *w, struct tree *t)
{
    struct maker m = {w, t};
    const struct term_field *params = &t->units[0].term->fields[1];

    w->branches_n = branch_number(t);
    w->units = arena_array(&w->arena, t->units_n, sizeof(*w->units));
    w->units_n = t->units_n;
    w->params = arena_array(&w->arena, params->n + 1, sizeof(*w->params));
    if (w->units == NULL || w->params == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < params->n; i++) {
        w->params[i] = params->kids[i]->fields[0].kids[0]->id;
    }
    for (uint32_t i = 0; i < t->units_n; i++) {
        w->units[i].id = t->units[i].id;
        w->units[i].params_n = t->units[i].term->fields[1].n;
        w->units[i].body = block(&m, t->units[i].term->fields[3].kids[0]);
        if (w->units[i].body == NULL) {
            return ERR_NOMEM;
        }
    }
    return 0;
}

int walk_new(struct cml_dag *dag, uint32_t unit, struct walk **out)
{
    struct walk *w = calloc(1, sizeof(*w));
    struct tree t;
    int code;

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->dag = dag;
    arena_init(&w->arena, LIMIT_CML_DAG_BYTES);
    code = tree_open(&t, dag, unit);
    code = code == 0 ? make(w, &t) : code;
    tree_release(&t);
    if (code != 0) {
        walk_free(w);
        return code;
    }
    *out = w;
    return 0;
}

void walk_free(struct walk *w)
{
    if (w != NULL) {
        arena_release(&w->arena);
        free(w);
    }
}
