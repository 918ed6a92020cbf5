/* Rules for calls and choices, and what all rules use. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/canonical_int.h"

#define FOLD_FUEL 4096
#define FOLD_BYTES 256 /* of a text that was computed */
#define FOLD_ARGS 16

enum cml_primitive canonical_primitive(const struct canonical *c, uint32_t type)
{
    return check_as_primitive(c->dag, type);
}

int canonical_is_int(const struct canonical *c, uint32_t type)
{
    enum cml_primitive p = canonical_primitive(c, type);

    return p != CML_PRIMITIVES && cml_primitive_info(p)->tag == CML_INT;
}

int canonical_is_bool(const struct canonical *c, uint32_t type)
{
    return canonical_primitive(c, type) == CML_PRIMITIVE_BOOL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int canonical_is_exact(const struct canonical *c, uint32_t type)
{
    const struct cml_node *n = cml_dag_at(c->dag, type);
    enum cml_primitive p = canonical_primitive(c, type);

    if (p != CML_PRIMITIVES) {
        return cml_primitive_info(p)->tag != CML_FLOAT;
    }
    if (n->kind == CML_ARRAY_TYPE) {
        return canonical_is_exact(c, cml_item(&n->fields[0], 0));
    }
    if (n->kind != CML_COMPOSITE_TYPE) {
        return 0;
    }
    for (uint32_t i = 0; i < n->fields[1].u.list.n; i++) {
        if (!canonical_is_exact(c, cml_item(&n->fields[1], i))) {
            return 0;
        }
    }
    return 1;
}

struct term *canonical_bool(struct canonical *c, int v)
{
    return canonical_seal(c, tree_bool(c->tree, v));
}

struct term *canonical_int(struct canonical *c, uint32_t type, uint64_t bits)
{
    return canonical_seal(c, tree_integer(c->tree, type, bits));
}

struct term *canonical_not(struct canonical *c, struct term *t)
{
    return canonical_seal(c, tree_core(c->tree, CORE_not, t->type, t, NULL));
}

struct term *canonical_constant(struct canonical *c, const struct term *t,
                                const struct val *v)
{
    if (canonical_primitive(c, t->type) == CML_PRIMITIVES ||
        ((v->kind == VAL_STRING || v->kind == VAL_BYTES) && v->n > FOLD_BYTES)) {
        return NULL;
    }
    return canonical_seal(c, tree_literal(c->tree, t->type, v));
}

/* The arguments as values, if all are constants. */
static int constants(const struct term *t, struct val args[static FOLD_ARGS])
{
    const struct term_field *f = &t->fields[1];

    if (f->n > FOLD_ARGS) {
        return 0;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        if (!tree_constant(f->kids[i], &args[i])) {
            return 0;
        }
    }
    return 1;
}

static struct term *fold_call(struct canonical *c, struct term *t)
{
    const struct term *target = t->fields[0].kids[0];
    struct val args[FOLD_ARGS];
    struct val out;
    int code = EVAL_E_REFERENCE;

    if (canonical_primitive(c, t->type) == CML_PRIMITIVES ||
        !constants(t, args)) {
        return NULL;
    }
    eval_reset(&c->eval, FOLD_FUEL);
    if (target->kind == CML_UNIT) {
        code = eval_unit(&c->eval, target->id, args, t->fields[1].n, &out);
    } else if (tree_core_of(t) != CORES) {
        code = eval_core(&c->eval, tree_core_of(t), args, t->fields[1].n, &out);
    } else if (target->kind == CML_PRIMITIVE_TYPE) {
        code = eval_convert(&args[0], canonical_primitive(c, target->id), &out);
    }
    return code == 0 ? canonical_constant(c, t, &out) : NULL;
}

static int swaps(const struct canonical *c, const struct term *t,
                 enum core core)
{
    const struct term_field *a = &t->fields[1];

    return (core == CORE_mul_high ||
            ((core == CORE_min || core == CORE_max) &&
             canonical_is_exact(c, t->type))) &&
           canonical_may_turn(a->kids[0], a->kids[1]) &&
           memcmp(cml_dag_at(c->dag, a->kids[1]->id)->cid.b,
                  cml_dag_at(c->dag, a->kids[0]->id)->cid.b, CID_BYTES) < 0;
}

static struct term *swapped(struct canonical *c, struct term *t)
{
    struct term **k = t->fields[1].kids;
    struct term *first = k[0];

    k[0] = k[1];
    k[1] = first;
    return canonical_seal(c, t);
}

static struct term *core_rule(struct canonical *c, struct term *t,
                              enum core core)
{
    struct term *a = t->fields[1].kids[0];

    switch ((int)core) {
    case CORE_not:
        if (tree_core_of(a) == CORE_not) {
            return a->fields[1].kids[0];
        }
        return canonical_negation(c, a);
    case CORE_neg:
    case CORE_inv:
    case CORE_bits_reverse:
    case CORE_bytes_reverse:
        return tree_core_of(a) == core ? a->fields[1].kids[0] : NULL;
    case CORE_min:
    case CORE_max:
        if (a->id == t->fields[1].kids[1]->id) {
            return a;
        }
        return swaps(c, t, core) ? swapped(c, t) : NULL;
    case CORE_mul_high:
        return swaps(c, t, core) ? swapped(c, t) : NULL;
    default:
        return NULL;
    }
}

/* The field of a composite that is made here. */
static struct term *field_of(const struct term *t)
{
    const struct term *name = t->fields[0].kids[0];
    struct term *made = t->fields[1].kids[0];
    const struct term *type;

    if (name->kind != CML_REFERENCE || name->fields[1].n != 2 ||
        made->kind != CML_CALL || made->mark != 0 ||
        made->fields[0].kids[0]->kind != CML_COMPOSITE_TYPE) {
        return NULL;
    }
    type = made->fields[0].kids[0];
    for (uint32_t i = 0; i < type->fields[0].n; i++) {
        struct ubytes f = type->fields[0].words[i].u.text;
        struct ubytes n = name->fields[1].words[1].u.text;

        if (f.n == n.n && memcmp(f.p, n.p, n.n) == 0) {
            return made->fields[1].kids[i];
        }
    }
    return NULL;
}

struct term *canonical_call(struct canonical *c, struct term *t)
{
    const struct term *target = t->fields[0].kids[0];
    struct term *next = fold_call(c, t);

    if (next != NULL || c->code != 0) {
        return next;
    }
    if (target->kind == CML_PRIMITIVE_TYPE &&
        t->fields[1].kids[0]->type == t->type) {
        return t->fields[1].kids[0]; /* converted to what it is */
    }
    if (tree_core_of(t) != CORES) {
        return core_rule(c, t, tree_core_of(t));
    }
    return t->fields[1].n == 1 ? field_of(t) : NULL;
}

/* --- choices --- */

static struct term *body_of(const struct term *arm)
{
    return arm->fields[1].kids[0];
}

static struct term *pattern_of(const struct term *arm)
{
    return arm->fields[0].kids[0];
}

/* What a block without bindings holds, or NULL. */
static struct term *only(const struct term *b)
{
    return b->fields[0].n == 1 ? b->fields[0].kids[0]->fields[0].kids[0] : NULL;
}

static int is_pattern(const struct term *p, const char *kind)
{
    return cml_is_word(&p->fields[0].value, kind);
}

/* Type patterns fit always: checked units look at no other type. So do Binds of
 * what is not used.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int to_wildcard(struct canonical *c, struct term *p, struct term *body,
                       uint32_t *depth)
{
    int changed = 0;
    int all = is_pattern(p, "Cons");

    /* the last binder is the nearest */
    for (uint32_t k = p->fields[2].n; k-- > 0;) {
        changed |= to_wildcard(c, p->fields[2].kids[k], body, depth);
        all &= is_pattern(p->fields[2].kids[k], "Wildcard");
    }
    if (is_pattern(p, "Bind")) {
        if (tree_uses(body, *depth) > 0) {
            (*depth)++;
            return changed;
        }
        tree_shift(body, *depth + 1, -1);
        all = 1;
    }
    if (!all && !is_pattern(p, "Type")) {
        return changed;
    }
    term_word(p, 0, "Wildcard");
    p->fields[1].n = 0;
    p->fields[2].n = 0;
    return 1;
}

/* Sealed again from its leaves.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static struct term *reseal(struct canonical *c, struct term *t)
{
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k]) &&
                reseal(c, t->fields[i].kids[k]) == NULL) {
                return NULL;
            }
        }
    }
    return canonical_seal(c, t);
}

static struct term *simpler_patterns(struct canonical *c, struct term *t)
{
    int changed = 0;

    for (uint32_t k = 0; k < t->fields[1].n; k++) {
        struct term *arm = t->fields[1].kids[k];
        uint32_t depth = 0;

        changed |= to_wildcard(c, pattern_of(arm), body_of(arm), &depth);
    }
    return changed ? reseal(c, t) : NULL;
}

/* Without arms that never come: behind one that always fits, or the same constant
 * again. */
static struct term *fewer_arms(struct canonical *c, struct term *t)
{
    struct term_field *arms = &t->fields[1];
    uint32_t n = 0;
    int done = 0;

    for (uint32_t k = 0; k < arms->n && !done; k++) {
        const struct term *p = pattern_of(arms->kids[k]);
        int again = 0;

        for (uint32_t i = 0; i < n; i++) {
            again |= is_pattern(p, "Literal") &&
                     pattern_of(arms->kids[i])->id == p->id;
        }
        if (!again) {
            arms->kids[n++] = arms->kids[k];
        }
        done = is_pattern(p, "Wildcard") || is_pattern(p, "Bind");
    }
    if (n == arms->n) {
        return NULL;
    }
    arms->n = n;
    return canonical_seal(c, t);
}

/* A block's value as an expression, or the Match `match e { _ => b }` if it has
 * bindings. */
static struct term *as_expression(struct canonical *c, struct term *t,
                                  struct term *arm, struct term *value)
{
    struct term *e = only(body_of(arm));

    if (e != NULL) {
        return e;
    }
    if (t->fields[1].n == 1 && t->fields[0].kids[0]->id == value->id &&
        pattern_of(arm)->fields[1].n == 0) {
        return NULL; /* it is that already */
    }
    t->fields[0].kids[0] = value;
    t->fields[1].kids[0] = arm;
    t->fields[1].n = 1;
    term_word(pattern_of(arm), 0, "Wildcard");
    pattern_of(arm)->fields[1].n = 0;
    return reseal(c, t);
}

/* A constant is looked at. */
static struct term *known_arm(struct canonical *c, struct term *t)
{
    struct term *value = t->fields[0].kids[0];
    struct val v;
    struct val at;

    if (!tree_constant(value, &v)) {
        return NULL;
    }
    for (uint32_t k = 0; k < t->fields[1].n; k++) {
        struct term *arm = t->fields[1].kids[k];
        struct term *p = pattern_of(arm);

        if (is_pattern(p, "Wildcard")) {
            return as_expression(c, t, arm, value);
        }
        if (!is_pattern(p, "Literal") ||
            !tree_constant(p->fields[1].kids[0], &at)) {
            return NULL;
        }
        if (val_compare(&at, &v) == VAL_SAME) {
            return as_expression(c, t, arm, value);
        }
    }
    return NULL;
}

/* One arm that always fits and binds at most the whole. */
static struct term *one_arm(struct canonical *c, struct term *t)
{
    struct term *value = t->fields[0].kids[0];
    struct term *arm = t->fields[1].kids[0];
    struct term *p = pattern_of(arm);

    if (t->fields[1].n != 1) {
        return NULL;
    }
    if (is_pattern(p, "Wildcard") && value->mark == 0) {
        if (value->kind == CML_LITERAL && canonical_is_bool(c, value->type)) {
            return only(body_of(arm));
        }
        if (only(body_of(arm)) != NULL) {
            return only(body_of(arm));
        }
        return as_expression(c, t, arm, canonical_bool(c, 1));
    }
    if (is_pattern(p, "Bind") &&
        (value->kind == CML_VAR ||
         (value->kind == CML_LITERAL &&
          canonical_primitive(c, value->type) != CML_PRIMITIVES) ||
         (value->mark == 0 && tree_uses(body_of(arm), 0) == 1 &&
          cml_dag_at(c->dag, value->type)->kind != CML_FUNCTION_TYPE))) {
        arm->fields[1].kids[0] =
            tree_substitute(&c->tree->arena, body_of(arm), 0, value);
        if (arm->fields[1].kids[0] == NULL) {
            c->code = ERR_NOMEM;
            return NULL;
        }
        term_word(p, 0, "Wildcard");
        return reseal(c, t);
    }
    return NULL;
}

/* `if` in one spelling: true first, then anything. 1: changed. */
static int straighten(struct term *t)
{
    struct term **arms = t->fields[1].kids;
    struct term *first = arms[0];
    int yes = tree_is_bits(pattern_of(first)->fields[1].kids[0], 1);
    int wild = is_pattern(pattern_of(arms[1]), "Wildcard");

    if (yes && wild) {
        return 0;
    }
    if (!yes) { /* false => A, _ => B: the bodies trade places */
        struct term *body = body_of(first);

        first->fields[1].kids[0] = body_of(arms[1]);
        arms[1]->fields[1].kids[0] = body;
        pattern_of(first)->fields[1].kids[0]->fields[1].kids[0]
            ->fields[0].value.tag = CML_TRUE;
    }
    term_word(pattern_of(arms[1]), 0, "Wildcard");
    pattern_of(arms[1])->fields[1].n = 0;
    return 1;
}

/* t is `if V { A } else { B }`, straight. */
static struct term *if_rule(struct canonical *c, struct term *t)
{
    struct term **arms = t->fields[1].kids;
    struct term *v = t->fields[0].kids[0];
    struct term *yes = only(body_of(arms[0]));
    struct term *no = only(body_of(arms[1]));
    struct term *turned = tree_core_of(v) == CORE_not
                              ? v->fields[1].kids[0]
                              : canonical_opposite(c, v);

    if (c->code != 0) {
        return NULL;
    }
    if (turned != NULL) {
        struct term *body = body_of(arms[0]);

        t->fields[0].kids[0] = turned;
        arms[0]->fields[1].kids[0] = body_of(arms[1]);
        arms[1]->fields[1].kids[0] = body;
        return reseal(c, t);
    }
    if (body_of(arms[0])->id == body_of(arms[1])->id && v->mark == 0 &&
        yes != NULL) {
        return yes;
    }
    if (!canonical_is_bool(c, t->type) || yes == NULL || no == NULL) {
        return NULL;
    }
    if (tree_is_bits(yes, 1)) {
        return canonical_seal(c,
                              tree_binop(c->tree, CML_OP_OR, t->type, v, no));
    }
    if (tree_is_bits(no, 0)) {
        return canonical_seal(c,
                              tree_binop(c->tree, CML_OP_AND, t->type, v, yes));
    }
    return tree_is_bits(yes, 0) && tree_is_bits(no, 1) ? canonical_not(c, v)
                                                       : NULL;
}

struct term *canonical_match(struct canonical *c, struct term *t)
{
    struct term *next = simpler_patterns(c, t);

    next = next != NULL || c->code != 0 ? next : fewer_arms(c, t);
    next = next != NULL || c->code != 0 ? next : known_arm(c, t);
    next = next != NULL || c->code != 0 ? next : one_arm(c, t);
    if (next != NULL || c->code != 0) {
        return next;
    }
    if (canonical_is_bool(c, t->fields[0].kids[0]->type) &&
        t->fields[1].n == 2 &&
        is_pattern(pattern_of(t->fields[1].kids[0]), "Literal") &&
        !is_pattern(pattern_of(t->fields[1].kids[1]), "Bind")) {
        return straighten(t) ? reseal(c, t) : if_rule(c, t);
    }
    return NULL;
}
