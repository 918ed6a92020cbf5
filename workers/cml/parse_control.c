/* if, match and loop of CML's text form. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/number.h"
#include "workers/cml/parse_int.h"

static struct term *arm(struct parser *p, struct term *pattern,
                        struct term *body)
{
    struct term *t = parse_term(p, CML_ARM);

    if (t != NULL && pattern != NULL && body != NULL) {
        term_kid(t, 0, p->a, pattern);
        term_kid(t, 1, p->a, body);
        return t;
    }
    return NULL;
}

static struct term *pattern_of(struct parser *p, const char *kind,
                               struct term *value)
{
    struct term *t = parse_term(p, CML_PATTERN);

    if (t != NULL) {
        term_word(t, 0, kind);
        term_kid(t, 1, p->a, value);
    }
    return t;
}

/* true, at the place of the condition. */
static struct term *true_literal(struct parser *p, const struct term *value)
{
    struct loc at = {NULL, value->line, value->col};
    struct term *t = term_new(p->a, CML_LITERAL, at);
    struct term *type = parse_term(p, CML_PRIMITIVE_TYPE);
    struct term *leaf = parse_term(p, CML_LEAF);

    if (t == NULL || type == NULL || leaf == NULL) {
        return NULL;
    }
    term_word(type, 0, "Bool");
    leaf->fields[0].value.tag = CML_TRUE;
    term_kid(t, 0, p->a, type);
    term_kid(t, 1, p->a, leaf);
    return t;
}

/* if C { A } else { B }  is  match C { true => { A }, _ => { B } }
 * NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
int parse_if(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_MATCH);
    struct term *value = NULL;
    struct term *yes = NULL;
    struct term *no = NULL;
    struct term *loop = p->loop;
    struct term *literal;
    struct terms arms = {0};

    p->loop = NULL;
    TRY(parse_expect(p, "if"));
    TRY(parse_expression(p, &value));
    p->loop = loop;
    TRY(parse_block(p, &yes));
    TRY(parse_expect(p, "else"));
    p->loop = loop;
    if (lex_is(&p->x, "if")) {
        TRY(parse_enter(p));
        TRY(parse_if(p, &no));
        parse_leave(p);
        no = parse_block_of(p, no);
    } else {
        TRY(parse_block(p, &no));
    }
    literal = true_literal(p, value);
    if (t == NULL || literal == NULL) {
        return ERR_NOMEM;
    }
    TRY(terms_add(p, &arms, arm(p, pattern_of(p, "Literal", literal), yes)));
    TRY(terms_add(p, &arms, arm(p, pattern_of(p, "Wildcard", NULL), no)));
    term_kid(t, 0, p->a, value);
    term_kids(t, 1, arms.p, arms.n);
    *out = t;
    return 0;
}

static int pattern(struct parser *p, struct term **out);

/* {name: TYPE, ...}(PATTERN, ...)
 * NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
static int parts(struct parser *p, struct term *t)
{
    struct terms list = {0};
    struct term *part = NULL;
    int code;

    TRY(parse_expect(p, "("));
    do {
        TRY(parse_enter(p));
        TRY(pattern(p, &part));
        parse_leave(p);
        TRY(terms_add(p, &list, part));
        code = parse_accept(p, ",");
        TRY(code);
    } while (code == 1);
    TRY(parse_expect(p, ")"));
    term_kids(t, 2, list.p, list.n);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
static int pattern(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_PATTERN);
    struct term *value = NULL;
    int code;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    *out = t;
    if (parse_is_type(p)) {
        TRY(parse_type(p, &value));
        term_kid(t, 1, p->a, value);
        term_word(t, 0, lex_is(&p->x, "(") ? "Cons" : "Type");
        return lex_is(&p->x, "(") ? parts(p, t) : 0;
    }
    code = lex_is(&p->x, "_") ? parse_advance(p) : 1;
    TRY(code);
    if (code == 0) {
        term_word(t, 0, "Wildcard");
        return 0;
    }
    if (p->x.now.kind == TOKEN_NAME && !parse_is_literal(p)) {
        term_word(t, 0, "Bind");
        TRY(parse_name(p, "a pattern", &t->name));
        return parse_bind(p, t->name);
    }
    if (p->x.now.kind == TOKEN_SIGN && !lex_is(&p->x, "-")) {
        return parse_fail(p, "expected a pattern: a constant, _, a name, a type, "
                             "or {name: T}(patterns)");
    }
    code = parse_accept(p, "-");
    TRY(code);
    if (p->x.now.kind == TOKEN_END ||
        !parse_is_literal(p)) {
        return parse_fail(p, "expected a pattern");
    }
    TRY(parse_literal(p, code, &value));
    term_word(t, 0, "Literal");
    term_kid(t, 1, p->a, value);
    return 0;
}

/* PATTERN => { ... } or EXPRESSION
 * NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
static int match_arm(struct parser *p, struct term *loop,
                     struct term **out)
{
    struct term *pat = NULL;
    struct term *body = NULL;
    uint32_t scope_n = p->scope_n;

    TRY(pattern(p, &pat));
    TRY(parse_expect(p, "=>"));
    if (lex_is(&p->x, "{") && !parse_is_composite(p)) {
        p->loop = loop;
        TRY(parse_block(p, &body));
    } else {
        TRY(parse_loop_value(p, loop, &body));
        body = parse_block_of(p, body);
    }
    p->scope_n = scope_n;
    *out = arm(p, pat, body);
    return *out != NULL ? 0 : ERR_NOMEM;
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
int parse_match(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_MATCH);
    struct term *kid = NULL;
    struct term *loop = p->loop;
    struct terms arms = {0};
    int code;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    p->loop = NULL;
    TRY(parse_expect(p, "match"));
    TRY(parse_expression(p, &kid));
    term_kid(t, 0, p->a, kid);
    TRY(parse_expect(p, "{"));
    do {
        TRY(match_arm(p, loop, &kid));
        TRY(terms_add(p, &arms, kid));
        code = parse_accept(p, ",");
        TRY(code);
    } while (code == 1 && !lex_is(&p->x, "}"));
    TRY(parse_expect(p, "}"));
    term_kids(t, 1, arms.p, arms.n);
    *out = t;
    return 0;
}

/* What a loop carries, as it is written: one value, or several that travel as a
 * composite of their names and types. */
struct state {
    struct terms names; /* Bindings with type and init */
    struct term *type;  /* the composite; NULL when there is one */
};

/* (NAME: TYPE = EXPRESSION, ...): first values do not see each other */
static int state_list(struct parser *p, struct terms *out)
{
    int code;

    TRY(parse_expect(p, "("));
    do {
        struct term *b = parse_term(p, CML_BINDING);
        struct term *type = NULL;
        struct term *init = NULL;

        if (b == NULL) {
            return ERR_NOMEM;
        }
        TRY(parse_name(p, "a name", &b->name));
        TRY(parse_expect(p, ":"));
        TRY(parse_type(p, &type));
        TRY(parse_expect(p, "="));
        TRY(parse_expression(p, &init));
        term_kid(b, 0, p->a, type);
        term_kid(b, 1, p->a, init);
        TRY(terms_add(p, out, b));
        code = parse_accept(p, ",");
        TRY(code);
    } while (code == 1);
    if (out->n > CML_COMPOSITE_MAX) {
        return parse_fail(p, "a loop carries at most %d values",
                          CML_COMPOSITE_MAX);
    }
    return parse_expect(p, ")");
}

/* The one Binding of a loop that carries several values. */
static int join_state(struct parser *p, struct state *s, struct term **out)
{
    struct term *b = parse_term(p, CML_BINDING);
    struct term *make = parse_term(p, CML_CALL);
    struct cml_value *names = arena_array(p->a, s->names.n, sizeof(*names));
    struct term **types = arena_array(p->a, s->names.n, sizeof(*types));
    struct term **inits = arena_array(p->a, s->names.n, sizeof(*inits));

    s->type = parse_term(p, CML_COMPOSITE_TYPE);
    if (!b || !make || !names || !types || !inits || !s->type) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < s->names.n; i++) {
        names[i] = cml_word(s->names.p[i]->name);
        types[i] = s->names.p[i]->fields[0].kids[0];
        inits[i] = s->names.p[i]->fields[1].kids[0];
    }
    s->type->fields[0].words = names;
    s->type->fields[0].n = s->names.n;
    term_kids(s->type, 1, types, s->names.n);
    term_kid(make, 0, p->a, s->type);
    term_kids(make, 1, inits, s->names.n);
    term_kid(b, 0, p->a, s->type);
    term_kid(b, 1, p->a, make);
    b->name = "";
    *out = b;
    return 0;
}

/* match STATE { {..}(names) => body }: what opens the composite again. */
static struct term *open_state(struct parser *p, const struct state *s,
                               uint32_t index, struct term *body)
{
    struct term *match = parse_term(p, CML_MATCH);
    struct term *var = parse_term(p, CML_VAR);
    struct term *cons = pattern_of(p, "Cons", s->type);
    struct terms binds = {0};
    struct terms arms = {0};

    for (uint32_t i = 0; i < s->names.n; i++) {
        struct term *b = pattern_of(p, "Bind", NULL);

        if (terms_add(p, &binds, b) < 0) {
            return NULL;
        }
        b->name = s->names.p[i]->name;
    }
    if (!match || !var || !cons || terms_add(p, &arms, arm(p, cons, body)) < 0) {
        return NULL;
    }
    term_kids(cons, 2, binds.p, binds.n);
    var->fields[0].value = cml_index(index);
    term_kid(match, 0, p->a, var);
    term_kids(match, 1, arms.p, arms.n);
    return match;
}

/* Binders of a round: the state, the element if any, then the names of a
 * composite state. */
static int bind_round(struct parser *p, const struct state *s,
                      const char *element)
{
    TRY(parse_bind(p, s->type != NULL ? "" : s->names.p[0]->name));
    if (element != NULL) {
        TRY(parse_bind(p, element));
    }
    for (uint32_t i = 0; s->type != NULL && i < s->names.n; i++) {
        TRY(parse_bind(p, s->names.p[i]->name));
    }
    return 0;
}

/* while CONDITION | for NAME in EXPRESSION | repeat EXPRESSION; leaves the
 * binders of a round in the scope. */
static int over(struct parser *p, const struct state *s, struct term *loop)
{
    struct term *kid = NULL;

    if (lex_is(&p->x, "while")) {
        TRY(parse_advance(p));
        term_word(loop, 0, "while");
        TRY(bind_round(p, s, NULL));
        TRY(parse_expression(p, &kid));
        if (s->type != NULL) {
            kid = parse_block_of(p, kid);
            kid = kid != NULL ? open_state(p, s, 0, kid) : NULL;
        }
    } else if (lex_is(&p->x, "for")) {
        TRY(parse_advance(p));
        term_word(loop, 0, "for");
        TRY(parse_name(p, "the name of the element", &loop->name));
        TRY(parse_expect(p, "in"));
        TRY(parse_expression(p, &kid));
        TRY(bind_round(p, s, loop->name));
    } else {
        TRY(parse_expect(p, "repeat"));
        term_word(loop, 0, "repeat");
        TRY(parse_expression(p, &kid));
        TRY(bind_round(p, s, NULL));
    }
    term_kid(loop, 2, p->a, kid);
    return kid != NULL ? 0 : ERR_NOMEM;
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
int parse_loop(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_LOOP);
    struct term *body = NULL;
    struct term *carried = NULL;
    struct state s = {0};
    uint32_t scope_n = p->scope_n;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    p->loop = NULL;
    TRY(parse_expect(p, "loop"));
    TRY(state_list(p, &s.names));
    carried = s.names.p[0];
    if (s.names.n > 1) {
        TRY(join_state(p, &s, &carried));
    }
    term_kid(t, 1, p->a, carried);
    TRY(over(p, &s, t));
    p->loop = s.type;
    TRY(parse_block(p, &body));
    if (s.type != NULL) {
        body = open_state(p, &s, t->name != NULL, body);
        body = body != NULL ? parse_block_of(p, body) : NULL;
    }
    p->scope_n = scope_n;
    term_kid(t, 3, p->a, body);
    *out = t;
    return body != NULL ? 0 : ERR_NOMEM;
}
