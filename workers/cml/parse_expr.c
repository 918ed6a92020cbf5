/* Expressions of CML's text form. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/core.h"
#include "workers/cml/number.h"
#include "workers/cml/parse_int.h"

static int literal_of(struct parser *p, struct term *t, const char *type,
                      struct cml_value value)
{
    struct term *ty = parse_term(p, CML_PRIMITIVE_TYPE);
    struct term *leaf = parse_term(p, CML_LEAF);

    if (ty == NULL || leaf == NULL) {
        return ERR_NOMEM;
    }
    term_word(ty, 0, type);
    leaf->fields[0].value = value;
    term_kid(t, 0, p->a, ty);
    term_kid(t, 1, p->a, leaf);
    return parse_advance(p);
}

/* Words for what has no digits. */
static const struct {
    const char *word;
    const char *type;
    uint8_t width;
    uint64_t bits;
} specials[] = {
    {"nan", "Float64", 8, UINT64_C(0x7ff8000000000000)},
    {"inf", "Float64", 8, UINT64_C(0x7ff0000000000000)},
    {"nan32", "Float32", 4, UINT64_C(0x7fc00000)},
    {"inf32", "Float32", 4, UINT64_C(0x7f800000)},
};

static int special_at(const struct parser *p)
{
    for (size_t i = 0; i < ARRAY_N(specials); i++) {
        if (lex_is(&p->x, specials[i].word)) {
            return (int)i;
        }
    }
    return -1;
}

static struct cml_value special_value(int i, int negative)
{
    struct cml_value v = {.tag = CML_FLOAT, .code = specials[i].width};
    int is_nan = specials[i].word[0] == 'n'; /* there is one NaN */

    v.u.bits = specials[i].bits;
    if (negative && !is_nan) {
        v.u.bits |= UINT64_C(1) << (specials[i].width * 8 - 1);
    }
    return v;
}

int parse_literal(struct parser *p, int negative, struct term **out)
{
    struct term *t = parse_term(p, CML_LITERAL);
    struct ubytes text = p->x.now.text;
    int code;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    *out = t;
    switch ((int)p->x.now.kind) {
    case TOKEN_NUMBER:
        code = number_read(p->a, t, text, negative, p->diag);
        if (code < 0) {
            p->diag->at = p->x.now.at;
            return code;
        }
        return parse_advance(p);
    case TOKEN_STRING:
        return literal_of(p, t, "String", cml_text(text));
    case TOKEN_BYTES:
        return literal_of(
            p, t, "Bytes",
            (struct cml_value){.tag = CML_BYTES, .u.text = text});
    default:
        break;
    }
    if (lex_is(&p->x, "void")) {
        return literal_of(p, t, "Void", cml_absent());
    }
    if (special_at(p) >= 0) {
        return literal_of(p, t, specials[special_at(p)].type,
                          special_value(special_at(p), negative));
    }
    return literal_of(
        p, t, "Bool",
        (struct cml_value){.tag = lex_is(&p->x, "true") ? CML_TRUE : CML_FALSE});
}

int parse_is_literal(const struct parser *p)
{
    return p->x.now.kind == TOKEN_NUMBER || p->x.now.kind == TOKEN_STRING ||
           p->x.now.kind == TOKEN_BYTES || lex_is(&p->x, "true") ||
           lex_is(&p->x, "false") || lex_is(&p->x, "void") ||
           special_at(p) >= 0;
}

/* ( EXPRESSION, ... ) */
static int arguments(struct parser *p, struct term *call)
{
    struct terms args = {0};
    struct term *arg = NULL;
    int code;

    TRY(parse_expect(p, "("));
    code = parse_accept(p, ")");
    while (code == 0) {
        TRY(parse_expression(p, &arg));
        TRY(terms_add(p, &args, arg));
        code = parse_accept(p, ",");
        TRY(code);
        if (code == 0) {
            TRY(parse_expect(p, ")"));
            break;
        }
        code = 0;
    }
    TRY(code);
    term_kids(call, 1, args.p, args.n);
    return 0;
}

static struct term *core_call(struct parser *p, const char *const *path,
                              uint32_t path_n, struct term *const *args,
                              uint32_t n)
{
    struct term *call = parse_term(p, CML_CALL);
    struct term *r = parse_term(p, CML_REFERENCE);
    struct cml_value *words = arena_array(p->a, path_n, sizeof(*words));
    struct term **kept = arena_array(p->a, n, sizeof(*kept));

    if (call == NULL || r == NULL || words == NULL || kept == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < path_n; i++) {
        words[i] = cml_word(path[i]);
    }
    memcpy(kept, args, n * sizeof(struct term *));
    call->line = args[0]->line;
    call->col = args[0]->col;
    term_word(r, 0, CORE_SUBJECT);
    r->fields[1].words = words;
    r->fields[1].n = path_n;
    term_kid(call, 0, p->a, r);
    term_kids(call, 1, kept, n);
    return call;
}

static int type_call(struct parser *p, struct term **out)
{
    struct term *call = parse_term(p, CML_CALL);
    struct term *type = NULL;

    if (call == NULL) {
        return ERR_NOMEM;
    }
    TRY(parse_type(p, &type));
    term_kid(call, 0, p->a, type);
    *out = call;
    return arguments(p, call);
}

/* A name in the scope: distance to its binder, or -1. */
static int64_t scope_index(const struct parser *p, const char *name)
{
    for (uint32_t i = p->scope_n; i-- > 0;) {
        if (strcmp(p->scope[i], name) == 0) {
            return p->scope_n - 1 - i;
        }
    }
    return -1;
}

/* NAME, NAME(...) : a binder, a unit, a function of the core. */
static int named(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_VAR);
    struct term *call = parse_term(p, CML_CALL);
    const char *name = NULL;
    int64_t i;

    if (t == NULL || call == NULL) {
        return ERR_NOMEM;
    }
    TRY(parse_name(p, "an expression", &name));
    i = scope_index(p, name);
    if (i >= 0) {
        t->fields[0].value = cml_index((uint32_t)i);
        *out = t;
        if (!lex_is(&p->x, "(")) {
            return 0;
        }
        term_kid(call, 0, p->a, t);
    } else {
        struct term *site = lex_is(&p->x, "(") ? call : t;

        if (site == t) {
            t->kind = CML_LITERAL; /* a unit as a value */
        }
        site->callee = name;
        *out = site;
        TRY(document_site(p->doc, site));
        if (site == t) {
            return 0;
        }
    }
    *out = call;
    return arguments(p, call);
}

static int reference(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_REFERENCE);
    struct ubytes text;
    struct cml_value *words;
    uint32_t n = 0;
    size_t from = 0;

    TRY(parse_expect(p, "ref"));
    text = p->x.now.text;
    words = arena_array(p->a, text.n + 1, sizeof(*words));
    if (t == NULL || words == NULL) {
        return ERR_NOMEM;
    }
    if (p->x.now.kind != TOKEN_STRING) {
        return parse_fail(p, "a reference is ref \"subject/part/...\"");
    }
    for (size_t i = 0; i <= text.n; i++) {
        if (i == text.n || text.p[i] == '/') {
            words[n++] = cml_text((struct ubytes){text.p + from, i - from});
            if (i == from) {
                return parse_fail(p, "a part of the reference is empty");
            }
            from = i + 1;
        }
    }
    if (n < 2) {
        return parse_fail(p, "a reference has a subject and at least one part");
    }
    t->fields[0].value = words[0];
    t->fields[1].words = words + 1;
    t->fields[1].n = n - 1;
    *out = t;
    return parse_advance(p);
}

static int primary(struct parser *p, struct term **out)
{
    int code;

    if (parse_is_literal(p)) {
        return parse_literal(p, 0, out);
    }
    if (lex_is(&p->x, "if")) {
        return parse_if(p, out);
    }
    if (lex_is(&p->x, "match")) {
        return parse_match(p, out);
    }
    if (lex_is(&p->x, "loop")) {
        return parse_loop(p, out);
    }
    if (lex_is(&p->x, "ref")) {
        return reference(p, out);
    }
    if (parse_is_type(p)) {
        return type_call(p, out);
    }
    code = parse_accept(p, "(");
    TRY(code);
    if (code == 1) {
        TRY(parse_expression(p, out));
        return parse_expect(p, ")");
    }
    return named(p, out);
}

/* .NAME and [EXPRESSION], as often as they come */
static int postfix(struct parser *p, struct term **out)
{
    int code = 1;

    TRY(primary(p, out));
    while (code == 1) {
        struct term *args[2] = {*out, NULL};

        code = parse_accept(p, ".");
        TRY(code);
        if (code == 1) {
            const char *path[2] = {CORE_FIELD, NULL};

            TRY(parse_name(p, "the name of a field", &path[1]));
            *out = core_call(p, path, 2, args, 1);
        } else {
            code = parse_accept(p, "[");
            TRY(code);
            if (code == 0) {
                break;
            }
            TRY(parse_expression(p, &args[1]));
            TRY(parse_expect(p, "]"));
            *out = core_call(p, (const char *[]){"get"}, 1, args, 2);
        }
        if (*out == NULL) {
            return ERR_NOMEM;
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
static int unary(struct parser *p, struct term **out)
{
    static const struct {
        const char *sign;
        const char *core;
    } signs[] = {{"-", "neg"}, {"!", "not"}, {"~", "inv"}};

    for (size_t i = 0; i < ARRAY_N(signs); i++) {
        struct term *arg = NULL;
        int code = parse_accept(p, signs[i].sign);

        TRY(code);
        if (code == 0) {
            continue;
        }
        if (i == 0 &&
            (p->x.now.kind == TOKEN_NUMBER || special_at(p) >= 0)) {
            return parse_literal(p, 1, out);
        }
        TRY(parse_enter(p));
        TRY(unary(p, &arg));
        parse_leave(p);
        *out = core_call(p, &signs[i].core, 1, &arg, 1);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    return postfix(p, out);
}

/* The operator at hand if it binds at least so strongly, else CML_OPS. */
static enum cml_op operator_at(const struct parser *p, unsigned strength)
{
    enum cml_op op = p->x.now.kind == TOKEN_SIGN
                         ? cml_op_from_name(p->x.now.text)
                         : CML_OPS;

    return op != CML_OPS && cml_op_info(op)->strength >= strength ? op
                                                                  : CML_OPS;
}

/* Operators that bind at least so strongly; equal ones from the left.
 * NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
static int binary(struct parser *p, unsigned strength, struct term **out)
{
    enum cml_op op;

    TRY(unary(p, out));
    while ((op = operator_at(p, strength)) != CML_OPS) {
        struct term *t = parse_term(p, CML_BINOP);
        struct term *right = NULL;

        if (t == NULL) {
            return ERR_NOMEM;
        }
        TRY(parse_advance(p));
        TRY(parse_enter(p));
        TRY(binary(p, cml_op_info(op)->strength + 1, &right));
        parse_leave(p);
        term_word(t, 0, cml_op_info(op)->name);
        term_kid(t, 1, p->a, *out);
        term_kid(t, 2, p->a, right);
        *out = t;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
int parse_expression(struct parser *p, struct term **out)
{
    TRY(parse_enter(p));
    TRY(binary(p, 1, out));
    parse_leave(p);
    return 0;
}
