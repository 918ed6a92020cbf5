/* Parser of CML's text form: units, blocks, and what all parts need. Runs in the
 * `cml` worker on foreign bytes; nesting is bounded. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/cml/parse_int.h"
#include "workers/cml/text.h"

/* One term of the text may become several nodes. */
#define DEPTH_MAX (LIMIT_CML_HEIGHT / 4)

int parse_fail(struct parser *p, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return diag_set(p->diag, ERR_INPUT, p->x.now.at, "%s", text);
}

/* Comments before the next token wait for a statement or a unit to claim them. */
static int collect(struct parser *p)
{
    struct comment **end = &p->comments;

    while (p->x.now.kind == TOKEN_COMMENT) {
        struct comment *c = arena_get(p->a, sizeof(*c));
        struct ubytes text = p->x.now.text;

        while (text.n > 0 && memchr(" \t\r", text.p[text.n - 1], 3) != NULL) {
            text.n--;
        }
        if (c == NULL) {
            return ERR_NOMEM;
        }
        c->text = arena_text(p->a, text.p, text.n);
        c->at = p->x.now.at;
        *end = c;
        end = &c->next;
        TRY(lex_next(&p->x, p->diag));
    }
    return 0;
}

int parse_advance(struct parser *p)
{
    if (p->comments != NULL) {
        diag_set(p->diag, ERR_INPUT, p->comments->at,
                 "a comment inside of a statement");
        diag_hint(p->diag, "comments stand above a unit or a statement, or behind "
                           "one on its line");
        return ERR_INPUT;
    }
    p->last_line = p->x.now.at.line;
    TRY(lex_next(&p->x, p->diag));
    return collect(p);
}

/* The comment on the line of the last token, or NULL. */
static const char *claim_behind(struct parser *p)
{
    const struct comment *c = p->comments;

    if (c == NULL || c->at.line != p->last_line) {
        return NULL;
    }
    p->comments = c->next;
    return c->text;
}

/* All comments that wait, a line each; NULL when there is none. */
static int claim(struct parser *p, const char **out)
{
    CLEANUP(buf_release) struct buf b;

    *out = NULL;
    buf_init(&b, 2 * LIMIT_CML_TEXT_BYTES);
    for (const struct comment *c = p->comments; c != NULL; c = c->next) {
        TRY(buf_put(&b, c->text, strlen(c->text)));
        TRY(buf_put_u8(&b, '\n'));
    }
    p->comments = NULL;
    if (buf_len(&b) > 0) {
        *out = arena_text(p->a, buf_bytes(&b).p, buf_len(&b));
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    return 0;
}

int parse_accept(struct parser *p, const char *text)
{
    if (!lex_is(&p->x, text)) {
        return 0;
    }
    TRY(parse_advance(p));
    return 1;
}

static void found(const struct parser *p, char *out, size_t n)
{
    if (p->x.now.kind == TOKEN_END) {
        snprintf(out, n, "the end of the text");
    } else {
        char shown[48];

        utf8_escape(p->x.now.text, shown, sizeof(shown));
        snprintf(out, n, "\"%s\"", shown);
    }
}

int parse_expect(struct parser *p, const char *text)
{
    char what[64];
    int code = parse_accept(p, text);

    if (code != 0) {
        return code < 0 ? code : 0;
    }
    found(p, what, sizeof(what));
    return parse_fail(p, "expected \"%s\", found %s", text, what);
}

static int is_reserved(struct ubytes name)
{
    static const char *const words[] = {"unit",   "let",  "return", "if",
                                        "else",   "match", "loop",  "while",
                                        "for",    "in",   "repeat", "true",
                                        "false",  "void", "ref",    "fn",
                                        "nan",    "inf",  "nan32",  "inf32"};

    for (size_t i = 0; i < ARRAY_N(words); i++) {
        if (strlen(words[i]) == name.n &&
            memcmp(words[i], name.p, name.n) == 0) {
            return 1;
        }
    }
    return cml_primitive_from_name(name) != CML_PRIMITIVES;
}

int text_is_name(struct ubytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (i > 0 && c >= '0' && c <= '9'))) {
            return 0;
        }
    }
    return s.n > 0 && !is_reserved(s);
}

int parse_name(struct parser *p, const char *what, const char **out)
{
    char text[64];

    if (p->x.now.kind != TOKEN_NAME) {
        found(p, text, sizeof(text));
        return parse_fail(p, "expected %s, found %s", what, text);
    }
    if (is_reserved(p->x.now.text)) {
        found(p, text, sizeof(text));
        return parse_fail(p, "%s is a word of the language; expected %s", text,
                          what);
    }
    *out = arena_text(p->a, p->x.now.text.p, p->x.now.text.n);
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    return parse_advance(p);
}

int parse_bind(struct parser *p, const char *name)
{
    if (p->scope_n == PARSE_SCOPE_MAX) {
        return parse_fail(p, "more than %d names at once", PARSE_SCOPE_MAX);
    }
    p->scope[p->scope_n++] = name;
    return 0;
}

int parse_enter(struct parser *p)
{
    if (p->depth == DEPTH_MAX) {
        return diag_set(p->diag, ERR_LIMIT, p->x.now.at,
                        "nested more than %u deep", DEPTH_MAX);
    }
    p->depth++;
    return 0;
}

void parse_leave(struct parser *p)
{
    p->depth--;
}

struct term *parse_term(struct parser *p, enum cml_kind kind)
{
    return term_new(p->a, kind, p->x.now.at);
}

int terms_add(struct parser *p, struct terms *l, struct term *t)
{
    if (t == NULL) {
        return ERR_NOMEM;
    }
    if (l->n == l->cap) {
        uint32_t cap = l->cap > 0 ? l->cap * 2 : 4;
        struct term **more = arena_array(p->a, cap, sizeof(struct term *));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        if (l->n > 0) {
            memcpy(more, l->p, l->n * sizeof(struct term *));
        }
        l->p = more;
        l->cap = cap;
    }
    l->p[l->n++] = t;
    return 0;
}

struct term *parse_block_of(struct parser *p, struct term *value)
{
    struct loc at = {NULL, value->line, value->col};
    struct term *block = term_new(p->a, CML_BLOCK, at);
    struct term *ret = term_new(p->a, CML_RETURN, at);

    if (block != NULL && ret != NULL) {
        term_kid(ret, 0, p->a, value);
        term_kid(block, 0, p->a, ret);
    }
    return block;
}

/* NAME [: TYPE] = EXPRESSION ; behind let */
static int let(struct parser *p, struct term **out)
{
    struct term *t = parse_term(p, CML_BINDING);
    struct term *type = NULL;
    struct term *init = NULL;
    int code;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    TRY(parse_name(p, "a name", &t->name));
    code = parse_accept(p, ":");
    TRY(code);
    if (code == 1) {
        TRY(parse_type(p, &type));
    }
    TRY(parse_expect(p, "="));
    TRY(parse_expression(p, &init));
    TRY(parse_expect(p, ";"));
    term_kid(t, 0, p->a, type);
    term_kid(t, 1, p->a, init);
    *out = t;
    return parse_bind(p, t->name);
}

int parse_loop_value(struct parser *p, struct term *loop,
                     struct term **out)
{
    struct term *call = parse_term(p, CML_CALL);
    struct terms args = {0};
    int code;

    if (loop == NULL || !lex_is(&p->x, "(")) {
        p->loop = lex_is(&p->x, "if") || lex_is(&p->x, "match") ? loop : NULL;
        return parse_expression(p, out);
    }
    if (call == NULL) {
        return ERR_NOMEM;
    }
    TRY(parse_expect(p, "("));
    do {
        struct term *arg = NULL;

        TRY(parse_expression(p, &arg));
        TRY(terms_add(p, &args, arg));
        code = parse_accept(p, ",");
        TRY(code);
    } while (code == 1);
    if (args.n != loop->fields[1].n) {
        return parse_fail(p, "the loop carries %u values, these are %u",
                          loop->fields[1].n, args.n);
    }
    TRY(parse_expect(p, ")"));
    term_kid(call, 0, p->a, loop);
    term_kids(call, 1, args.p, args.n);
    *out = call;
    return 0;
}

static int block_value(struct parser *p, struct term *loop,
                       struct term **out)
{
    struct term *ret = parse_term(p, CML_RETURN);
    struct term *value = NULL;

    if (ret == NULL) {
        return ERR_NOMEM;
    }
    TRY(parse_accept(p, "return"));
    TRY(parse_loop_value(p, loop, &value));
    TRY(parse_accept(p, ";"));
    term_kid(ret, 0, p->a, value);
    *out = ret;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): parse_enter bounds it */
int parse_block(struct parser *p, struct term **out)
{
    struct term *block = parse_term(p, CML_BLOCK);
    struct term *loop = p->loop;
    uint32_t scope_n = p->scope_n;
    struct terms statements = {0};
    struct term *t = NULL;
    const char *above = NULL;
    int code;

    if (block == NULL) {
        return ERR_NOMEM;
    }
    p->loop = NULL;
    TRY(parse_enter(p));
    TRY(parse_expect(p, "{"));
    do {
        TRY(claim(p, &above));
        code = parse_accept(p, "let");
        TRY(code);
        TRY(code == 1 ? let(p, &t) : block_value(p, loop, &t));
        t->above = above;
        t->behind = claim_behind(p);
        TRY(terms_add(p, &statements, t));
    } while (code == 1);
    TRY(claim(p, &block->above));
    TRY(parse_expect(p, "}"));
    parse_leave(p);
    p->scope_n = scope_n;
    term_kids(block, 0, statements.p, statements.n);
    *out = block;
    return 0;
}

static int constraint(struct parser *p, struct term **out)
{
    static const char *const traits[] = {"Any", "Comparable", "Numeric",
                                         "Integer", "Float"};
    struct term *t = parse_term(p, CML_CONSTRAINT);

    for (size_t i = 0; t != NULL && i < ARRAY_N(traits); i++) {
        if (lex_is(&p->x, traits[i])) {
            term_word(t, 0, "Trait");
            term_word(t, 1, traits[i]);
            *out = t;
            return parse_advance(p);
        }
    }
    return t != NULL ? parse_type(p, out) : ERR_NOMEM;
}

static int params(struct parser *p, struct term *unit)
{
    struct terms list = {0};
    int code = parse_accept(p, ")");

    while (code == 0) {
        struct term *b = parse_term(p, CML_BINDING);
        struct term *type = NULL;

        if (b == NULL) {
            return ERR_NOMEM;
        }
        TRY(parse_name(p, "the name of a parameter", &b->name));
        TRY(parse_expect(p, ":"));
        TRY(constraint(p, &type));
        term_kid(b, 0, p->a, type);
        TRY(terms_add(p, &list, b));
        TRY(parse_bind(p, b->name));
        code = parse_accept(p, ",");
        TRY(code);
        if (code == 0) {
            TRY(parse_expect(p, ")"));
            break;
        }
        code = 0;
    }
    TRY(code);
    term_kids(unit, 1, list.p, list.n);
    return 0;
}

static int unit(struct parser *p, const char *doc)
{
    struct term *u = parse_term(p, CML_UNIT);
    struct term *kid = NULL;

    if (u == NULL) {
        return ERR_NOMEM;
    }
    p->depth = 0;
    TRY(parse_expect(p, "unit"));
    TRY(parse_name(p, "the unit's name", &u->name));
    TRY(document_unit(p->doc, u, doc));
    term_word(u, 0, u->name);
    p->scope_n = 0;
    TRY(parse_expect(p, "("));
    TRY(params(p, u));
    TRY(parse_expect(p, "->"));
    TRY(constraint(p, &kid));
    term_kid(u, 2, p->a, kid);
    TRY(parse_block(p, &kid));
    term_kid(u, 3, p->a, kid);
    return 0;
}

static int units(struct parser *p)
{
    do {
        const char *doc;

        TRY(claim(p, &doc));
        TRY(unit(p, doc));
        p->doc->units[p->doc->units_n - 1].behind = claim_behind(p);
    } while (p->x.now.kind != TOKEN_END);
    return claim(p, &p->doc->tail);
}

int text_parse(struct document *d, struct ubytes in, struct diag *diag)
{
    struct parser p = {.doc = d, .a = &d->arena, .diag = diag};

    if (in.n > LIMIT_CML_TEXT_BYTES) {
        return diag_set(diag, ERR_LIMIT, (struct loc){d->path, 0, 0},
                        "over %u bytes of text", LIMIT_CML_TEXT_BYTES);
    }
    if (!utf8_is_valid(in)) {
        return diag_set(diag, ERR_INPUT, (struct loc){d->path, 0, 0},
                        "not UTF-8");
    }
    TRY(lex_init(&p.x, in, d->path, &d->arena, diag));
    TRY(collect(&p));
    TRY(units(&p));
    return document_resolve(d, diag);
}
