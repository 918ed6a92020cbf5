/* Types of CML's text form. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/parse_int.h"

int parse_is_type(const struct parser *p)
{
    return lex_is(&p->x, "[") || lex_is(&p->x, "{") || lex_is(&p->x, "fn") ||
           (p->x.now.kind == TOKEN_NAME &&
            cml_primitive_from_name(p->x.now.text) != CML_PRIMITIVES);
}

/* {NAME: begins a type, any other { a block. */
int parse_is_composite(const struct parser *p)
{
    struct lexer ahead = p->x;
    struct diag d;

    diag_init(&d);
    return lex_is(&ahead, "{") && lex_next(&ahead, &d) == 0 &&
           ahead.now.kind == TOKEN_NAME && lex_next(&ahead, &d) == 0 &&
           lex_is(&ahead, ":");
}

static int composite(struct parser *p, struct term *t)
{
    struct terms types = {0};
    struct cml_value names[CML_COMPOSITE_MAX];
    struct cml_value *kept;
    int code;

    do {
        const char *name = NULL;
        struct term *type = NULL;

        if (types.n == CML_COMPOSITE_MAX) {
            return parse_fail(p, "a composite has at most %d fields",
                              CML_COMPOSITE_MAX);
        }
        TRY(parse_name(p, "the name of a field", &name));
        for (uint32_t i = 0; i < types.n; i++) {
            if (cml_is_word(&names[i], name)) {
                return parse_fail(p, "field \"%s\" is there already", name);
            }
        }
        TRY(parse_expect(p, ":"));
        TRY(parse_type(p, &type));
        names[types.n] = cml_word(name);
        TRY(terms_add(p, &types, type));
        code = parse_accept(p, ",");
        TRY(code);
    } while (code == 1);
    TRY(parse_expect(p, "}"));
    kept = arena_array(p->a, types.n, sizeof(*kept));
    if (kept == NULL) {
        return ERR_NOMEM;
    }
    memcpy(kept, names, types.n * sizeof(*kept));
    t->fields[0].words = kept;
    t->fields[0].n = types.n;
    term_kids(t, 1, types.p, types.n);
    return 0;
}

static int function(struct parser *p, struct term *t)
{
    struct terms params = {0};
    struct term *type = NULL;
    int code;

    TRY(parse_expect(p, "("));
    code = parse_accept(p, ")");
    while (code == 0) {
        TRY(parse_type(p, &type));
        TRY(terms_add(p, &params, type));
        code = parse_accept(p, ",");
        TRY(code);
        if (code == 0) {
            TRY(parse_expect(p, ")"));
            break;
        }
        code = 0;
    }
    TRY(code);
    TRY(parse_expect(p, "->"));
    TRY(parse_type(p, &type));
    term_kids(t, 0, params.p, params.n);
    term_kid(t, 1, p->a, type);
    return 0;
}

/* Makes t the type whose first token has been seen. */
static int type_of_kind(struct parser *p, struct term *t)
{
    struct term *kid = NULL;

    switch ((int)t->kind) {
    case CML_COMPOSITE_TYPE:
        TRY(parse_expect(p, "{"));
        return composite(p, t);
    case CML_FUNCTION_TYPE:
        TRY(parse_expect(p, "fn"));
        return function(p, t);
    case CML_ARRAY_TYPE:
        TRY(parse_expect(p, "["));
        TRY(parse_type(p, &kid));
        term_kid(t, 0, p->a, kid);
        return parse_expect(p, "]");
    default:
        term_word(t, 0,
                  cml_primitive_info(cml_primitive_from_name(p->x.now.text))
                      ->name);
        return parse_advance(p);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
int parse_type(struct parser *p, struct term **out)
{
    enum cml_kind kind = lex_is(&p->x, "[")    ? CML_ARRAY_TYPE
                         : lex_is(&p->x, "{")  ? CML_COMPOSITE_TYPE
                         : lex_is(&p->x, "fn") ? CML_FUNCTION_TYPE
                                               : CML_PRIMITIVE_TYPE;

    if (!parse_is_type(p)) {
        parse_fail(p, "expected a type");
        diag_hint(p->diag, "bool u8..u64 i8..i64 f32 f64 string bytes void, "
                           "[T], {name: T, ...}, fn(T, ...) -> T");
        return ERR_INPUT;
    }
    *out = parse_term(p, kind);
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    TRY(parse_enter(p));
    TRY(type_of_kind(p, *out));
    parse_leave(p);
    return 0;
}
