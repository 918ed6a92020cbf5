/* Expressions and rules, made; and the kind CONFIG_AUTOMATON. Runs in the confined
 * `config` worker. */
#include "workers/config/grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/grammar_forms.h"
#include "workers/config/grammar_int.h"

void grammar_init(struct grammar *g, struct config *c)
{
    *g = (struct grammar){.c = c};
}

int grammar_grow(struct grammar *g, void **list, uint32_t n, uint32_t *cap,
                 size_t size)
{
    uint32_t more = *cap > 0 ? *cap * 2 : 4;
    void *p;

    if (n < *cap) {
        return 0;
    }
    p = arena_array(&g->c->scratch, more, size);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(p, *list, n * size);
    }
    *list = p;
    *cap = more;
    return 0;
}

int grammar_rule(struct grammar *g, struct ubytes name, uint32_t line,
                 uint32_t col, uint32_t *out)
{
    void *list = g->rules;

    for (uint32_t i = 0; i < g->rules_n; i++) {
        if (strlen(g->rules[i].name) == name.n &&
            memcmp(g->rules[i].name, name.p, name.n) == 0) {
            *out = i;
            return 0;
        }
    }
    if (g->rules_n == GRAMMAR_RULES_MAX) {
        return grammar_limit(g, line, col, "more than %u rules",
                             GRAMMAR_RULES_MAX);
    }
    TRY(grammar_grow(g, &list, g->rules_n, &g->rules_cap, sizeof(g->rules[0])));
    g->rules = list;
    g->rules[g->rules_n] = (struct grammar_rule){
        arena_text(&g->c->scratch, name.p, name.n), line, col, NULL};
    if (g->rules[g->rules_n].name == NULL) {
        return ERR_NOMEM;
    }
    *out = g->rules_n++;
    return 0;
}

struct gx *gx_new(struct grammar *g, enum gx_kind kind)
{
    struct gx *x = arena_get(&g->c->scratch, sizeof(*x));

    if (x != NULL) {
        x->kind = (uint8_t)kind;
    }
    return x;
}

struct gx *gx_range(struct grammar *g, uint8_t lo, uint8_t hi)
{
    struct gx *x = gx_new(g, GX_RANGE);

    if (x != NULL) {
        x->lo = lo;
        x->hi = hi;
    }
    return x;
}

struct gx *gx_bytes(struct grammar *g, const void *p, size_t n)
{
    struct gx *x = gx_new(g, GX_SEQ);
    const uint8_t *bytes = p;

    for (size_t i = 0; x != NULL && i < n; i++) {
        if (gx_add(g, x, gx_range(g, bytes[i], bytes[i])) < 0) {
            return NULL;
        }
    }
    return x;
}

struct gx *gx_text(struct grammar *g, const char *text)
{
    return gx_bytes(g, text, strlen(text));
}

struct gx *gx_rule(struct grammar *g, uint32_t rule)
{
    struct gx *x = gx_new(g, GX_RULE);

    if (x != NULL) {
        x->rule = rule;
    }
    return x;
}

struct gx *gx_repeat(struct grammar *g, struct gx *of, uint32_t min,
                     uint32_t max)
{
    struct gx *x = gx_new(g, GX_REPEAT);

    if (x == NULL || gx_add(g, x, of) < 0) {
        return NULL;
    }
    x->min = min;
    x->max = max;
    return x;
}

struct gx *gx_pair(struct grammar *g, enum gx_kind kind, struct gx *x,
                   struct gx *y)
{
    struct gx *both = gx_new(g, kind);

    if (both == NULL || gx_add(g, both, x) < 0 || gx_add(g, both, y) < 0) {
        return NULL;
    }
    return both;
}

struct gx *gx_list(struct grammar *g, struct gx *between, struct gx *rest)
{
    struct gx *x = gx_new(g, GX_LIST);

    if (x != NULL) {
        x->between = between;
        x->rest = rest;
    }
    return x;
}

int gx_add(struct grammar *g, struct gx *x, struct gx *kid)
{
    void *list = x->kids;

    if (kid == NULL) {
        return ERR_NOMEM;
    }
    TRY(grammar_grow(g, &list, x->n, &x->cap, sizeof(struct gx *)));
    x->kids = list;
    x->kids[x->n++] = kid;
    return 0;
}

int gx_add_required(struct grammar *g, struct gx *x, struct gx *kid,
                    int required)
{
    uint32_t cap = x->cap;
    void *list = x->required;

    TRY(grammar_grow(g, &list, x->n, &cap, 1));
    x->required = list;
    x->required[x->n] = required != 0;
    return gx_add(g, x, kid);
}

int grammar_fail(struct grammar *g, uint32_t line, uint32_t col,
                 const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return config_fail_at(g->c, line, col, "%s", text);
}

int grammar_limit(struct grammar *g, uint32_t line, uint32_t col,
                  const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return diag_set(&g->c->problem, ERR_LIMIT, (struct loc){NULL, line, col},
                    "%s", text);
}

static int parse(struct grammar *g, struct ubytes text)
{
    switch (g->c->task->grammar) {
    case PROCTOR__GRAMMAR_FORM__GRAMMAR_REGEX:
        return regex_rule(g, text);
    case PROCTOR__GRAMMAR_FORM__GRAMMAR_GBNF:
        return gbnf_rules(g, text);
    case PROCTOR__GRAMMAR_FORM__GRAMMAR_JSON_SCHEMA:
        return json_schema_rules(g, text);
    case PROCTOR__GRAMMAR_FORM__GRAMMAR_CML:
        return text.n == 0 ? cml_rules(g)
                           : grammar_fail(g, 1, 1,
                                          "the grammar of CML takes no text");
    case PROCTOR__GRAMMAR_FORM__GRAMMAR_NONE:
    case _PROCTOR__GRAMMAR_FORM_IS_INT_SIZE:
        break;
    }
    return ERR_PROTOCOL;
}

/* The same bytes that the kernel will be given, read as it reads them. */
static int check(struct grammar *g, struct ubytes bytes)
{
    CLEANUP(automaton_freep) struct automaton *a = NULL;
    int code = automaton_read(bytes, &a);

    if (code == ERR_INPUT) {
        return grammar_fail(g, 1, 1,
                            "a rule that can be empty is repeated, or comes "
                            "back to itself without a character");
    }
    if (code == ERR_LIMIT) {
        return grammar_limit(g, 1, 1,
                             "its beginning can be read in more than %d ways, "
                             "or needs more than %d rules inside of each other",
                             AUTOMATON_STACKS, AUTOMATON_DEPTH);
    }
    return code;
}

int grammar_read(struct config *c, Proctor__ConfigReply *out)
{
    struct ubytes text = {c->task->text.data, c->task->text.len};
    CLEANUP(buf_release) struct buf b;
    struct grammar g;

    buf_init(&b, LIMIT_AUTOMATON_BYTES);
    grammar_init(&g, c);
    if (text.n > LIMIT_GRAMMAR_TEXT_BYTES) {
        return grammar_limit(&g, 0, 0, "a grammar of %zu bytes, at most %u",
                             text.n, LIMIT_GRAMMAR_TEXT_BYTES);
    }
    TRY(parse(&g, text));
    TRY(grammar_compile(&g, &b));
    TRY(check(&g, buf_bytes(&b)));
    out->automaton.len = buf_len(&b);
    out->automaton.data = arena_array(&c->reply, buf_len(&b), 1);
    if (out->automaton.data == NULL) {
        return ERR_NOMEM;
    }
    memcpy(out->automaton.data, buf_bytes(&b).p, buf_len(&b));
    return 0;
}
