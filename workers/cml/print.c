/* Terms as text. What it writes reads back as the same artifact. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/core.h"
#include "workers/cml/print_int.h"
#include "workers/cml/text.h"

static int line(struct printer *p)
{
    if (!p->wide) {
        return print_put(p, " ");
    }
    TRY(print_put(p, "\n"));
    for (unsigned i = 0; i < p->indent; i++) {
        TRY(print_put(p, "  "));
    }
    return 0;
}

/* Comment lines of a block. */
static int comments(struct printer *p, const char *text)
{
    p->broke |= text != NULL && !p->wide;
    while (text != NULL && p->wide && *text != '\0') {
        size_t n = strcspn(text, "\n");

        TRY(line(p));
        TRY(buf_putf(p->out, "#%.*s", (int)n, text));
        text += n + (text[n] == '\n');
    }
    return 0;
}

/* The comment behind a statement; a line end follows. */
static int behind(struct printer *p, const char *text)
{
    p->broke |= text != NULL && !p->wide;
    return text != NULL && p->wide ? buf_putf(p->out, " #%s", text) : 0;
}

int print_bind(struct printer *p, const char *name)
{
    if (p->scope_n == ARRAY_N(p->scope)) {
        return ERR_TRACE(ERR_LIMIT);
    }
    p->scope[p->scope_n++] = name;
    return 0;
}

static int is_number(const struct term *t)
{
    const struct term *leaf = t->kind == CML_LITERAL ? kid(t, 1) : NULL;

    return leaf != NULL && leaf->kind == CML_LEAF &&
           (leaf->fields[0].value.tag == CML_INT ||
            leaf->fields[0].value.tag == CML_FLOAT);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int arguments(struct printer *p, const struct term_field *args,
                     int plain)
{
    TRY(print_put(p, "("));
    for (uint32_t i = 0; i < args->n; i++) {
        TRY(print_put(p, i > 0 ? ", " : ""));
        TRY(plain && is_number(args->kids[i])
                ? print_literal(p, args->kids[i], 1)
                : print_expression(p, args->kids[i], 0));
    }
    return print_put(p, ")");
}

static const char *prefix_of(const struct cml_value *name)
{
    return cml_is_word(name, "neg")   ? "-"
           : cml_is_word(name, "not") ? "!"
           : cml_is_word(name, "inv") ? "~"
                                      : NULL;
}

#define STRENGTH_PREFIX 12
#define STRENGTH_POSTFIX 13

/* Calls of the core that have signs of their own.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int core_call(struct printer *p, const struct term *t,
                     const struct term *r, unsigned strength)
{
    const struct term_field *path = &r->fields[1];
    const struct term_field *args = &t->fields[1];
    const char *prefix = prefix_of(&path->words[0]);

    if (path->n == 2 && args->n == 1) {
        TRY(print_expression(p, args->kids[0], STRENGTH_POSTFIX));
        TRY(print_put(p, "."));
        return print_word(p, &path->words[1]);
    }
    if (cml_is_word(&path->words[0], "get") && args->n == 2) {
        TRY(print_expression(p, args->kids[0], STRENGTH_POSTFIX));
        TRY(print_put(p, "["));
        TRY(print_expression(p, args->kids[1], 0));
        return print_put(p, "]");
    }
    if (prefix != NULL && args->n == 1 &&
        args->kids[0]->kind != CML_LITERAL) {
        TRY(print_put(p, strength > STRENGTH_PREFIX ? "(" : ""));
        TRY(print_put(p, prefix));
        TRY(print_expression(p, args->kids[0], STRENGTH_PREFIX));
        return print_put(p, strength > STRENGTH_PREFIX ? ")" : "");
    }
    TRY(print_word(p, &path->words[0]));
    return arguments(p, args, 0);
}

/* Does every parameter have a type of its own, that numbers can take over? */
static int has_types(const struct term *unit)
{
    for (uint32_t i = 0; i < unit->fields[1].n; i++) {
        if (kid(unit->fields[1].kids[i], 0)->kind == CML_CONSTRAINT) {
            return 0;
        }
    }
    return 1;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int call(struct printer *p, const struct term *t, unsigned strength)
{
    const struct term *target = kid(t, 0);
    int plain = 1; /* the type of an argument is known from the target */

    switch ((int)target->kind) {
    case CML_UNIT:
        TRY(print_word(p, &target->fields[0].value));
        plain = has_types(target);
        break;
    case CML_VAR:
        TRY(print_expression(p, target, STRENGTH_POSTFIX));
        break;
    case CML_REFERENCE:
        return core_call(p, t, target, strength);
    default:
        TRY(print_type(p, target));
        plain = target->kind != CML_PRIMITIVE_TYPE;
        break;
    }
    return arguments(p, &t->fields[1], plain);
}

/* Has it a type by itself, or could it be read as numbers without one?
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int is_open(const struct term *t)
{
    return !is_number(t) &&
           (t->kind != CML_BINOP || is_open(kid(t, 1)) || is_open(kid(t, 2)));
}

static int is_of(const struct term *t, uint8_t code)
{
    return is_number(t) && kid(t, 1)->fields[0].value.tag == CML_INT &&
           kid(t, 1)->fields[0].value.code == code;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int binop(struct printer *p, const struct term *t, unsigned strength)
{
    enum cml_op op = cml_op_from_name(t->fields[0].value.u.text);
    unsigned own = cml_op_info(op)->strength;
    const struct term *l = kid(t, 1);
    const struct term *r = kid(t, 2);
    int shifts = own == cml_op_info(CML_OP_SHL)->strength;

    TRY(print_put(p, own < strength ? "(" : ""));
    TRY(is_number(l) && is_open(r) && !shifts ? print_literal(p, l, 1)
                                              : print_expression(p, l, own));
    TRY(buf_putf(p->out, " %s ", cml_op_info(op)->text));
    TRY(is_number(r) && (shifts ? is_of(r, CML_INDEX_CODE) : is_open(l))
            ? print_literal(p, r, 1)
            : print_expression(p, r, own + 1));
    return print_put(p, own < strength ? ")" : "");
}

static int var(struct printer *p, const struct term *t)
{
    uint64_t i = t->fields[0].value.u.bits;

    if (i >= p->scope_n) {
        return ERR_TRACE(ERR_INPUT);
    }
    return print_put(p, p->scope[p->scope_n - 1 - i]);
}

static int reference(struct printer *p, const struct term *t)
{
    TRY(print_put(p, "ref \""));
    TRY(print_word(p, &t->fields[0].value));
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        TRY(print_put(p, "/"));
        TRY(print_word(p, &t->fields[1].words[i]));
    }
    return print_put(p, "\"");
}

/* --- choices --- */

static int is_if(const struct term *t)
{
    const struct term_field *arms = &t->fields[1];
    const struct term *yes = arms->n == 2 ? kid(arms->kids[0], 0) : NULL;
    const struct term *constant =
        yes != NULL && cml_is_word(&yes->fields[0].value, "Literal")
            ? kid(yes, 1)
            : NULL;

    return constant != NULL &&
           kid(constant, 1)->fields[0].value.tag == CML_TRUE &&
           cml_is_word(&kid(arms->kids[1], 0)->fields[0].value, "Wildcard");
}

/* The expression that a block without bindings and comments holds, or NULL. */
static const struct term *only(const struct term *b)
{
    const struct term *s = b->fields[0].kids[0];

    return b->fields[0].n == 1 && b->above == NULL && s->above == NULL &&
                   s->behind == NULL
               ? kid(s, 0)
               : NULL;
}

/* What a block gives: (a, b) where that is known to be a composite.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int value(struct printer *p, const struct term *t)
{
    const struct term *tuple = p->tuple;

    if (tuple != NULL && t->kind == CML_CALL && kid(t, 0)->id == tuple->id &&
        kid(t, 0)->kind == CML_COMPOSITE_TYPE && t->fields[1].n > 1) {
        p->tuple = NULL;
        return arguments(p, &t->fields[1], 1);
    }
    p->tuple = t->kind == CML_MATCH ? tuple : NULL;
    return print_expression(p, t, 0);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int choice(struct printer *p, const struct term *t)
{
    const struct term *no = kid(t->fields[1].kids[1], 1);
    const struct term *next = only(no);
    const struct term *tuple = p->tuple;

    p->tuple = NULL;
    TRY(print_put(p, "if "));
    TRY(print_expression(p, kid(t, 0), 0));
    TRY(print_put(p, " "));
    p->tuple = tuple;
    TRY(print_block(p, kid(t->fields[1].kids[0], 1)));
    TRY(print_put(p, " else "));
    p->tuple = tuple;
    return next != NULL && next->kind == CML_MATCH && is_if(next)
               ? choice(p, next)
               : print_block(p, no);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int print_pattern(struct printer *p, const struct term *t)
{
    const struct cml_value *kind = &t->fields[0].value;

    if (cml_is_word(kind, "Wildcard")) {
        return print_put(p, "_");
    }
    if (cml_is_word(kind, "Bind")) {
        TRY(print_put(p, t->name));
        return print_bind(p, t->name);
    }
    if (cml_is_word(kind, "Literal")) {
        return print_literal(p, kid(t, 1), 0);
    }
    TRY(print_type(p, kid(t, 1)));
    if (cml_is_word(kind, "Type")) {
        return 0;
    }
    TRY(print_put(p, "("));
    for (uint32_t i = 0; i < t->fields[2].n; i++) {
        TRY(print_put(p, i > 0 ? ", " : ""));
        TRY(print_pattern(p, t->fields[2].kids[i]));
    }
    return print_put(p, ")");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int match(struct printer *p, const struct term *t)
{
    const struct term *tuple = p->tuple;

    if (is_if(t)) {
        return choice(p, t);
    }
    p->tuple = NULL;
    TRY(print_put(p, "match "));
    TRY(print_expression(p, kid(t, 0), 0));
    TRY(print_put(p, " {"));
    p->indent++;
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        const struct term *a = t->fields[1].kids[i];
        uint32_t kept = p->scope_n;

        TRY(print_put(p, i > 0 ? "," : ""));
        TRY(line(p));
        TRY(print_pattern(p, kid(a, 0)));
        TRY(print_put(p, " => "));
        p->tuple = tuple;
        TRY(only(kid(a, 1)) != NULL ? value(p, only(kid(a, 1)))
                                    : print_block(p, kid(a, 1)));
        p->scope_n = kept;
    }
    p->indent--;
    TRY(line(p));
    return print_put(p, "}");
}

/* --- loops --- */

/* match STATE { {..}(names) => BODY } as parse_control.c makes it, under these
 * names: BODY, else NULL. */
static const struct term *opened(const struct term *t, const struct term *type_,
                                 uint32_t index)
{
    const struct term *cons;

    if (t == NULL || t->kind != CML_MATCH || t->fields[1].n != 1 ||
        kid(t, 0)->kind != CML_VAR ||
        kid(t, 0)->fields[0].value.u.bits != index) {
        return NULL;
    }
    cons = kid(t->fields[1].kids[0], 0);
    if (!cml_is_word(&cons->fields[0].value, "Cons") ||
        cons->fields[2].n != type_->fields[1].n) {
        return NULL;
    }
    for (uint32_t i = 0; i < cons->fields[2].n; i++) {
        const struct term *b = cons->fields[2].kids[i];

        if (!cml_is_word(&b->fields[0].value, "Bind") || b->name == NULL ||
            !cml_is_word(&type_->fields[0].words[i], b->name)) {
            return NULL;
        }
    }
    return kid(t->fields[1].kids[0], 1);
}

/* A loop in the form with several names. */
struct several {
    const struct term *type;
    const struct term *make; /* the Call of the first values */
    const struct term *test; /* of while */
    const struct term *body;
    const struct term_field *names; /* Bind patterns around the body */
};

static int is_several(const struct term *t, struct several *out)
{
    const struct term *b = kid(t, 1);
    const struct term *round = only(kid(t, 3));
    int is_while = cml_is_word(&t->fields[0].value, "while");
    const struct term *test;

    out->type = kid(b, 0);
    out->make = kid(b, 1);
    if (out->type->kind != CML_COMPOSITE_TYPE || out->type->fields[1].n < 2 ||
        out->make->kind != CML_CALL ||
        kid(out->make, 0)->kind != CML_COMPOSITE_TYPE ||
        round == NULL) {
        return 0;
    }
    test = is_while ? opened(kid(t, 2), out->type, 0) : NULL;
    out->test = test != NULL ? only(test) : NULL;
    out->body = opened(round, out->type,
                       cml_is_word(&t->fields[0].value, "for") ? 1 : 0);
    if (out->body == NULL || (is_while && out->test == NULL)) {
        return 0;
    }
    out->names = &kid(round->fields[1].kids[0], 0)->fields[2];
    return 1;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int states(struct printer *p, const struct term *t,
                  const struct several *s)
{
    p->tuple = NULL;
    TRY(print_put(p, "loop ("));
    if (s == NULL) {
        const struct term *b = kid(t, 1);

        TRY(buf_putf(p->out, "%s: ", b->name));
        TRY(print_type(p, kid(b, 0)));
        TRY(print_put(p, " = "));
        TRY(print_expression(p, kid(b, 1), 0));
    }
    for (uint32_t i = 0; s != NULL && i < s->type->fields[1].n; i++) {
        TRY(print_put(p, i > 0 ? ", " : ""));
        TRY(print_word(p, &s->type->fields[0].words[i]));
        TRY(print_put(p, ": "));
        TRY(print_type(p, s->type->fields[1].kids[i]));
        TRY(print_put(p, " = "));
        TRY(print_expression(p, s->make->fields[1].kids[i], 0));
    }
    return print_put(p, ") ");
}

static int bind_states(struct printer *p, const struct term *t,
                       const struct several *s)
{
    TRY(print_bind(p, kid(t, 1)->name));
    if (t->name != NULL) {
        TRY(print_bind(p, t->name));
    }
    for (uint32_t i = 0; s != NULL && i < s->names->n; i++) {
        TRY(print_bind(p, s->names->kids[i]->name));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int loop(struct printer *p, const struct term *t)
{
    struct several several;
    const struct several *s = is_several(t, &several) ? &several : NULL;
    uint32_t kept = p->scope_n;

    TRY(states(p, t, s));
    TRY(print_word(p, &t->fields[0].value));
    if (cml_is_word(&t->fields[0].value, "while")) {
        TRY(bind_states(p, t, s));
        TRY(print_put(p, " "));
        TRY(print_expression(p, s != NULL ? s->test : kid(t, 2), 0));
    } else {
        if (t->name != NULL) {
            TRY(buf_putf(p->out, " %s in", t->name));
        }
        TRY(print_put(p, " "));
        TRY(is_of(kid(t, 2), 8) ? print_literal(p, kid(t, 2), 1)
                                : print_expression(p, kid(t, 2), 0));
        TRY(bind_states(p, t, s));
    }
    TRY(print_put(p, " "));
    p->tuple = s != NULL ? s->type : NULL;
    TRY(print_block(p, s != NULL ? s->body : kid(t, 3)));
    p->scope_n = kept;
    return 0;
}

/* strength: of the operator around it; weaker ones get parentheses.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int print_expression(struct printer *p, const struct term *t, unsigned strength)
{
    switch ((int)t->kind) {
    case CML_LITERAL:
        return print_literal(p, t, 0);
    case CML_VAR:
        return var(p, t);
    case CML_BINOP:
        return binop(p, t, strength);
    case CML_CALL:
        return call(p, t, strength);
    case CML_REFERENCE:
        return reference(p, t);
    default:
        break;
    }
    TRY(print_put(p, strength > 0 ? "(" : ""));
    TRY(t->kind == CML_MATCH ? match(p, t) : loop(p, t));
    return print_put(p, strength > 0 ? ")" : "");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int statements(struct printer *p, const struct term *t)
{
    uint32_t kept = p->scope_n;
    const struct term *tuple = p->tuple;

    p->tuple = NULL;
    TRY(print_put(p, "{"));
    p->indent++;
    for (uint32_t i = 0; i < t->fields[0].n; i++) {
        const struct term *s = t->fields[0].kids[i];

        TRY(comments(p, s->above));
        TRY(line(p));
        if (s->kind == CML_RETURN) {
            p->tuple = tuple;
            TRY(value(p, kid(s, 0)));
            TRY(behind(p, s->behind));
            continue;
        }
        TRY(buf_putf(p->out, "let %s", s->name));
        if (has_kid(s, 0)) {
            TRY(print_put(p, ": "));
            TRY(print_type(p, kid(s, 0)));
        }
        TRY(print_put(p, " = "));
        TRY(print_expression(p, kid(s, 1), 0));
        TRY(print_put(p, ";"));
        TRY(behind(p, s->behind));
        TRY(print_bind(p, s->name));
    }
    TRY(comments(p, t->above));
    p->indent--;
    TRY(line(p));
    p->scope_n = kept;
    return print_put(p, "}");
}

#define SHORT_BLOCK 44 /* bytes of a block that stays on its line */

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int print_block(struct printer *p, const struct term *t)
{
    size_t before = buf_len(p->out);
    uint32_t kept = p->scope_n;
    int wide = p->wide;
    int broke = p->broke;
    const struct term *tuple = p->tuple;

    p->wide = 0;
    p->broke = 0;
    TRY(statements(p, t));
    p->wide = wide;
    p->scope_n = kept;
    p->tuple = tuple;
    if (wide && (t->fields[0].n > 1 || p->broke ||
                 buf_len(p->out) - before > SHORT_BLOCK)) {
        buf_truncate(p->out, before);
        TRY(statements(p, t));
        p->broke = 0;
    }
    p->broke |= broke;
    p->tuple = NULL;
    return 0;
}

int text_put_unit(struct buf *out, const struct term *unit, int wide)
{
    struct printer p = {.out = out, .wide = wide};

    TRY(print_put(&p, "unit "));
    TRY(print_word(&p, &unit->fields[0].value));
    TRY(print_put(&p, "("));
    for (uint32_t i = 0; i < unit->fields[1].n; i++) {
        const struct term *b = unit->fields[1].kids[i];

        TRY(buf_putf(out, "%s%s: ", i > 0 ? ", " : "", b->name));
        TRY(print_type(&p, kid(b, 0)));
        TRY(print_bind(&p, b->name));
    }
    TRY(print_put(&p, ") -> "));
    TRY(print_type(&p, kid(unit, 2)));
    TRY(print_put(&p, " "));
    TRY(print_block(&p, kid(unit, 3)));
    return print_put(&p, "\n");
}

int text_put_type(struct buf *out, const struct term *t)
{
    struct printer p = {.out = out};

    return print_type(&p, t);
}
