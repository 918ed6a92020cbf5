/* The checker's walk: blocks, bindings, operators, loops. Runs in the `cml`
 * worker; recursion is bounded by the height of terms. */
#include "workers/cml/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/check_int.h"
#include "workers/cml/number.h"

int check_fail(struct checker *c, const struct term *t, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->bad = t;
    return diag_set(c->diag, ERR_INPUT,
                    (struct loc){c->path, t->line, t->col}, "%s", text);
}

int check_differ(struct checker *c, const struct term *t, const char *what,
                 uint32_t found, uint32_t expected)
{
    char is[80];
    char wants[80];

    check_type_text(c->dag, found, is, sizeof(is));
    check_type_text(c->dag, expected, wants, sizeof(wants));
    check_fail(c, t, "%s: found %s, expected %s", what, is, wants);
    if (check_has_trait(c->dag, found, TRAIT_NUMERIC) &&
        check_has_trait(c->dag, expected, TRAIT_NUMERIC)) {
        diag_hint(c->diag, "convert it: %s(...)", wants);
    }
    return ERR_INPUT;
}

int check_bind(struct checker *c, const struct term *t, uint32_t type)
{
    if (c->env_n == CHECK_ENV_MAX) {
        return check_fail(c, t, "more than %d names at once", CHECK_ENV_MAX);
    }
    c->env[c->env_n++] = type;
    return 0;
}

static enum cml_op op_of(const struct term *t)
{
    return cml_op_from_name(t->fields[0].value.u.text);
}

static int op_joins_numbers(enum cml_op op)
{
    return op == CML_OP_ADD || op == CML_OP_SUB || op == CML_OP_MUL ||
           op == CML_OP_DIV || op == CML_OP_REM || op == CML_OP_BAND ||
           op == CML_OP_BOR || op == CML_OP_BXOR;
}

static int op_shifts(enum cml_op op)
{
    return op == CML_OP_SHL || op == CML_OP_SHR || op == CML_OP_ROTL ||
           op == CML_OP_ROTR;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int check_is_plain(const struct term *t)
{
    if (t->kind == CML_LITERAL) {
        return t->is_plain != PLAIN_NO;
    }
    if (t->kind != CML_BINOP) {
        return 0;
    }
    if (op_shifts(op_of(t))) {
        return check_is_plain(t->fields[1].kids[0]);
    }
    return op_joins_numbers(op_of(t)) &&
           check_is_plain(t->fields[1].kids[0]) &&
           check_is_plain(t->fields[2].kids[0]);
}

static int expect(struct checker *c, const struct term *t, uint32_t want,
                  const char *what)
{
    if (want != TYPE_NONE && t->type != want) {
        return check_differ(c, t, what, t->type, want);
    }
    return 0;
}

static int literal(struct checker *c, struct term *t, uint32_t want)
{
    if (t->is_plain != PLAIN_NO) {
        enum cml_primitive p =
            want != TYPE_NONE ? check_as_primitive(c->dag, want)
            : t->is_plain == PLAIN_FLOAT ? CML_PRIMITIVE_FLOAT64
                                         : CML_PRIMITIVE_INT64;
        int code = p != CML_PRIMITIVES
                       ? number_give_type(c->a, t, p, c->diag)
                       : check_differ(c, t, "a number", t->type, want);

        if (code < 0) {
            c->diag->at = (struct loc){c->path, t->line, t->col};
            return code;
        }
    }
    TRY(check_type(c, t->fields[0].kids[0], &t->type));
    return check_constant(c, t, t->type);
}

/* The operands' common type in *out. */
static int operands(struct checker *c, struct term *l, struct term *r,
                    uint32_t want, uint32_t *out)
{
    int turn = check_is_plain(l) && !check_is_plain(r);
    struct term *first = turn ? r : l;
    struct term *second = turn ? l : r;

    TRY(check_expression(c, first, want));
    TRY(check_expression(c, second, first->type));
    *out = first->type;
    return 0;
}

static int needs(struct checker *c, const struct term *t, uint32_t type,
                 enum trait trait, const char *what)
{
    char is[80];

    if (check_has_trait(c->dag, type, trait)) {
        return 0;
    }
    check_type_text(c->dag, type, is, sizeof(is));
    return check_fail(c, t, "%s: not for %s",
                      cml_op_info(op_of(t))->text, is) < 0
               ? (diag_hint(c->diag, "it takes %s", what), ERR_INPUT)
               : 0;
}

static int shift(struct checker *c, struct term *t, uint32_t want)
{
    struct term *l = t->fields[1].kids[0];
    struct term *r = t->fields[2].kids[0];
    uint32_t u32 = TYPE_NONE;

    TRY(check_primitive(c, CML_PRIMITIVE_UINT32, &u32));
    TRY(check_expression(c, l, want));
    TRY(check_expression(c, r, check_is_plain(r) ? u32 : TYPE_NONE));
    TRY(needs(c, t, l->type, TRAIT_INTEGER, "integers"));
    TRY(needs(c, t, r->type, TRAIT_INTEGER, "integers"));
    t->type = l->type;
    return 0;
}

static int compare(struct checker *c, struct term *t)
{
    uint32_t common;

    TRY(operands(c, t->fields[1].kids[0], t->fields[2].kids[0], TYPE_NONE,
                 &common));
    TRY(needs(c, t, common, TRAIT_COMPARABLE, "everything but functions"));
    return check_primitive(c, CML_PRIMITIVE_BOOL, &t->type);
}

static int binop(struct checker *c, struct term *t, uint32_t want)
{
    enum cml_op op = op_of(t);
    struct term *l = t->fields[1].kids[0];
    struct term *r = t->fields[2].kids[0];
    uint32_t boolean = TYPE_NONE;

    if (op == CML_OPS ||
        !cml_is_word(&t->fields[0].value, cml_op_info(op)->name)) {
        return check_fail(c, t, "no operator of this name");
    }
    TRY(check_primitive(c, CML_PRIMITIVE_BOOL, &boolean));
    if (op == CML_OP_AND || op == CML_OP_OR) {
        TRY(check_expression(c, l, boolean));
        TRY(check_expression(c, r, boolean));
        t->type = boolean;
        return 0;
    }
    if (op_shifts(op)) {
        return shift(c, t, want);
    }
    if (op >= CML_OP_EQ && op <= CML_OP_GE) {
        return compare(c, t);
    }
    TRY(operands(c, l, r, want, &t->type));
    if (op == CML_OP_CAT) {
        return needs(c, t, t->type, TRAIT_SEQUENCE, "strings, bytes or arrays");
    }
    if (op == CML_OP_BAND || op == CML_OP_BOR || op == CML_OP_BXOR) {
        return t->type == boolean
                   ? 0
                   : needs(c, t, t->type, TRAIT_INTEGER, "integers or bools");
    }
    return needs(c, t, t->type, TRAIT_NUMERIC, "numbers");
}

static int var(struct checker *c, struct term *t)
{
    uint64_t i = t->fields[0].value.u.bits;

    if (i >= c->env_n) {
        return check_fail(c, t, "a variable without a binder: index %llu",
                          (unsigned long long)i);
    }
    t->type = c->env[c->env_n - 1 - i];
    return 0;
}

static int loop_state(struct checker *c, struct term *t)
{
    struct term *b = t->fields[1].kids[0];

    if (b->fields[0].n == 0 || b->fields[1].n == 0) {
        return check_fail(c, b, "what a loop carries has a type and a first "
                                "value");
    }
    TRY(check_type(c, b->fields[0].kids[0], &t->type));
    return check_expression(c, b->fields[1].kids[0], t->type);
}

/* Type of what a loop over `over` binds; repeat binds nothing. */
static int loop_element(struct checker *c, struct term *over, uint32_t *out)
{
    const struct cml_node *n;

    TRY(check_expression(c, over, TYPE_NONE));
    n = cml_dag_at(c->dag, over->type);
    if (n->kind == CML_ARRAY_TYPE) {
        *out = cml_item(&n->fields[0], 0);
        return 0;
    }
    if (!check_has_trait(c->dag, over->type, TRAIT_INTEGER)) {
        return check_fail(c, over, "a loop goes over an array or an integer");
    }
    *out = over->type;
    return 0;
}

static int loop(struct checker *c, struct term *t)
{
    uint32_t element = TYPE_NONE;
    uint32_t boolean = TYPE_NONE;
    uint32_t env_n = c->env_n;
    int is_while = cml_is_word(&t->fields[0].value, "while");
    int is_for = cml_is_word(&t->fields[0].value, "for");

    if (!is_while && !is_for && !cml_is_word(&t->fields[0].value, "repeat")) {
        return check_fail(c, t, "a loop is while, for or repeat");
    }
    TRY(loop_state(c, t));
    if (!is_while) {
        TRY(loop_element(c, t->fields[2].kids[0], &element));
    }
    TRY(check_bind(c, t, t->type));
    if (is_while) {
        TRY(check_primitive(c, CML_PRIMITIVE_BOOL, &boolean));
        TRY(check_expression(c, t->fields[2].kids[0], boolean));
    } else if (is_for) {
        TRY(check_bind(c, t, element));
    }
    TRY(check_block(c, t->fields[3].kids[0], t->type));
    c->env_n = env_n;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int check_expression(struct checker *c, struct term *t, uint32_t want)
{
    switch ((int)t->kind) {
    case CML_LITERAL:
        TRY(literal(c, t, want));
        break;
    case CML_VAR:
        TRY(var(c, t));
        break;
    case CML_BINOP:
        TRY(binop(c, t, want));
        break;
    case CML_CALL:
        TRY(check_call(c, t, want));
        break;
    case CML_MATCH:
        TRY(check_match(c, t, want));
        break;
    case CML_LOOP:
        TRY(loop(c, t));
        break;
    case CML_REFERENCE:
        check_fail(c, t, "a reference has no type by itself");
        diag_hint(c->diag, "write the type that it must have: f64(ref \"...\")");
        return ERR_INPUT;
    default:
        return check_fail(c, t, "no expression: %s", cml_kind_info(t->kind)->fqn);
    }
    return expect(c, t, want, "this value");
}

static int statement(struct checker *c, struct term *t)
{
    uint32_t want = TYPE_NONE;

    if (t->fields[1].n == 0) {
        return check_fail(c, t, "a binding in a block has a value");
    }
    if (t->fields[0].n > 0) {
        TRY(check_type(c, t->fields[0].kids[0], &want));
    }
    TRY(check_expression(c, t->fields[1].kids[0], want));
    return check_bind(c, t, t->fields[1].kids[0]->type);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int check_block(struct checker *c, struct term *t, uint32_t want)
{
    const struct term_field *s = &t->fields[0];
    uint32_t env_n = c->env_n;
    struct term *last;

    for (uint32_t i = 0; i < s->n; i++) {
        int is_last = i + 1 == s->n;

        if ((s->kids[i]->kind == CML_RETURN) != is_last) {
            return check_fail(c, s->kids[i],
                              "a block ends in its one return");
        }
        if (!is_last) {
            TRY(statement(c, s->kids[i]));
        }
    }
    if (s->n == 0) {
        return check_fail(c, t, "a block without a value");
    }
    last = s->kids[s->n - 1]->fields[0].kids[0];
    TRY(check_expression(c, last, want));
    t->type = last->type;
    c->env_n = env_n;
    return 0;
}

/* A parameter's or the result's type; constrained ones stand for themselves. */
static int signature_type(struct checker *c, struct term *t, uint32_t *out)
{
    if (t->kind != CML_CONSTRAINT) {
        return check_type(c, t, out);
    }
    TRY(term_intern(t, c->dag, c->diag));
    *out = t->id;
    if (!cml_is_word(&t->fields[0].value, "Trait") ||
        check_trait_of(cml_dag_at(c->dag, t->id)) == TRAIT_SEQUENCE) {
        return check_fail(c, t, "no such constraint: Trait Any, Comparable, "
                                "Numeric, Integer or Float");
    }
    return 0;
}

static int unit(struct checker *c, struct term *u)
{
    const struct term_field *params = &u->fields[1];
    uint32_t type = TYPE_NONE;
    int known = 0;

    for (uint32_t i = 0; i < params->n; i++) {
        struct term *b = params->kids[i];

        if (b->fields[0].n == 0 || b->fields[1].n > 0) {
            return check_fail(c, b, "a parameter has a type and no value");
        }
        TRY(signature_type(c, b->fields[0].kids[0], &type));
        TRY(check_bind(c, b, type));
    }
    TRY(signature_type(c, u->fields[2].kids[0], &type));
    for (uint32_t i = 0; i < params->n; i++) {
        known |= c->env[i] == type;
    }
    if (u->fields[2].kids[0]->kind == CML_CONSTRAINT && !known) {
        return check_fail(c, u->fields[2].kids[0],
                          "the result's type is that of a parameter, or named");
    }
    return check_block(c, u->fields[3].kids[0], type);
}

int check_unit(struct cml_dag *dag, struct term *u, struct arena *a,
               const char *path, struct diag *diag)
{
    struct checker c = {.dag = dag, .a = a, .path = path, .diag = diag};
    int code;

    c.env = calloc(CHECK_ENV_MAX, sizeof(*c.env));
    if (c.env == NULL) {
        return ERR_NOMEM;
    }
    code = unit(&c, u);
    if (code < 0 && c.bad != NULL && c.bad->line == 0) {
        check_tell_path(u, c.bad, diag);
    }
    free(c.env);
    return code;
}
