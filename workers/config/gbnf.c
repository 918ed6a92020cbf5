/* GBNF, the grammars of llama.cpp, to rules. Runs in the confined `config` worker
 * on foreign texts. Recursion is bounded by GRAMMAR_DEPTH_MAX. */
#include <string.h>

#include "proto/utf8.h"
#include "workers/config/grammar_forms.h"

struct gbnf {
    struct grammar *g;
    struct ubytes text;
    size_t at;
    uint32_t line, col;
    unsigned depth;
};

static int peek(const struct gbnf *x, size_t ahead)
{
    return x->at + ahead < x->text.n ? x->text.p[x->at + ahead] : -1;
}

static void skip(struct gbnf *x, size_t n)
{
    for (; n > 0; n--) {
        x->col++;
        if (x->text.p[x->at++] == '\n') {
            x->line++;
            x->col = 1;
        }
    }
}

static int fail(struct gbnf *x, const char *what, const char *hint)
{
    (void)grammar_fail(x->g, x->line, x->col, "%s", what);
    if (hint != NULL) {
        config_hint(x->g->c, "%s", hint);
    }
    return ERR_INPUT;
}

/* Blanks and comments; newlines only where a rule goes on behind them. */
static void skip_space(struct gbnf *x, int newlines)
{
    for (;;) {
        int c = peek(x, 0);

        if (c == '#') {
            while (peek(x, 0) >= 0 && peek(x, 0) != '\n') {
                skip(x, 1);
            }
        } else if (c == ' ' || c == '\t' ||
                   (newlines && (c == '\n' || c == '\r'))) {
            skip(x, 1);
        } else {
            return;
        }
    }
}

static int is_word(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static struct ubytes take_word(struct gbnf *x)
{
    struct ubytes word = {x->text.p + x->at, 0};

    while (is_word(peek(x, 0))) {
        skip(x, 1);
        word.n++;
    }
    return word;
}

static int take_hex(struct gbnf *x, unsigned n, uint32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < n; i++) {
        int c = peek(x, 0);
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;

        if (v < 0 || *out > 0x0fffffff) {
            return fail(x, "a hexadecimal digit is missing",
                        "\\xHH, \\uHHHH and \\UHHHHHHHH are there");
        }
        *out = *out << 4 | (uint32_t)v;
        skip(x, 1);
    }
    if (*out > 0x10ffff || (*out >= 0xd800 && *out < 0xe000)) {
        return fail(x, "no such code point",
                    "U+0000 to U+10FFFF without surrogates are there");
    }
    return 0;
}

/* One character of a literal or a class. */
static int take_char(struct gbnf *x, uint32_t *out)
{
    static const char plain[] = "nrt\\\"[]-^";
    static const char means[] = "\n\r\t\\\"[]-^";
    const char *hit;
    int c;

    if (peek(x, 0) != '\\') {
        size_t n = utf8_next(
            (struct ubytes){x->text.p + x->at, x->text.n - x->at}, out);

        ASSERT(n > 0); /* gbnf_rules looked at all of it */
        skip(x, n);
        return 0;
    }
    c = peek(x, 1);
    if (c == 'x' || c == 'u' || c == 'U') {
        skip(x, 2);
        return take_hex(x, c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
    }
    hit = c > 0 ? strchr(plain, c) : NULL;
    if (hit == NULL) {
        return fail(x, "no such escape",
                    "\\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH "
                    "\\UHHHHHHHH are there");
    }
    skip(x, 2);
    *out = (uint8_t)means[hit - plain];
    return 0;
}

static int take_literal(struct gbnf *x, struct gx **out)
{
    struct gx *seq = gx_new(x->g, GX_SEQ);

    skip(x, 1);
    while (peek(x, 0) != '"') {
        uint8_t bytes[4];
        uint32_t cp;

        if (peek(x, 0) < 0 || peek(x, 0) == '\n') {
            return fail(x, "the literal does not end on its line", NULL);
        }
        TRY(take_char(x, &cp));
        TRY(seq == NULL ? ERR_NOMEM : 0);
        TRY(gx_add(x->g, seq, gx_bytes(x->g, bytes, utf8_put(cp, bytes))));
    }
    skip(x, 1);
    *out = seq;
    return seq != NULL ? 0 : ERR_NOMEM;
}

static int take_class(struct gbnf *x, struct gx **out)
{
    struct chars s = {0};
    int invert = peek(x, 1) == '^';

    skip(x, invert ? 2 : 1);
    while (peek(x, 0) != ']') {
        uint32_t lo;
        uint32_t hi;

        if (peek(x, 0) < 0 || peek(x, 0) == '\n') {
            return fail(x, "the class does not end on its line", NULL);
        }
        TRY(take_char(x, &lo));
        hi = lo;
        if (peek(x, 0) == '-' && peek(x, 1) != ']') {
            skip(x, 1);
            if (peek(x, 0) < 0 || peek(x, 0) == '\n') {
                return fail(x, "the class does not end on its line", NULL);
            }
            TRY(take_char(x, &hi));
            if (hi < lo) {
                return fail(x, "a range that ends before it begins", NULL);
            }
        }
        TRY(chars_add(x->g, &s, lo, hi));
    }
    skip(x, 1);
    chars_tidy(&s);
    if (invert) {
        TRY(chars_invert(x->g, &s));
    }
    *out = chars_gx(x->g, &s, SPELLING_UTF8);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int take_count(struct gbnf *x, uint32_t *out)
{
    int has = 0;
    uint32_t v = 0;

    while (peek(x, 0) >= '0' && peek(x, 0) <= '9') {
        v = v * 10 + (uint32_t)(peek(x, 0) - '0');
        if (v > GRAMMAR_REPEAT_MAX) {
            return grammar_limit(x->g, x->line, x->col,
                                 "a repetition of more than 65536");
        }
        skip(x, 1);
        has = 1;
    }
    *out = has ? v : GRAMMAR_FOREVER;
    return 0;
}

/* * + ? {m} {m,} {m,n} behind an item; *out_is false if none stands there. */
static int take_repeat(struct gbnf *x, uint32_t *min, uint32_t *max,
                       int *out_is)
{
    int c = peek(x, 0);

    *out_is = c == '*' || c == '+' || c == '?' || c == '{';
    *min = c == '+';
    *max = c == '?' ? 1 : GRAMMAR_FOREVER;
    if (!*out_is) {
        return 0;
    }
    skip(x, 1);
    if (c != '{') {
        return 0;
    }
    skip_space(x, 0);
    TRY(take_count(x, min));
    *max = *min;
    skip_space(x, 0);
    if (peek(x, 0) == ',') {
        skip(x, 1);
        skip_space(x, 0);
        TRY(take_count(x, max));
        skip_space(x, 0);
    }
    if (*min == GRAMMAR_FOREVER || peek(x, 0) != '}') {
        return fail(x, "expected {m}, {m,} or {m,n}", NULL);
    }
    if (*max < *min) {
        return fail(x, "a repetition whose end is below its beginning", NULL);
    }
    skip(x, 1);
    return 0;
}

static int take_alternatives(struct gbnf *x, struct gx **out);

/* NOLINTNEXTLINE(misc-no-recursion): bounded here */
static int take_group(struct gbnf *x, struct gx **out)
{
    if (x->depth == GRAMMAR_DEPTH_MAX) {
        return fail(x, "groups nested more than 64 deep", NULL);
    }
    skip(x, 1);
    skip_space(x, 1);
    x->depth++;
    TRY(take_alternatives(x, out));
    x->depth--;
    if (peek(x, 0) != ')') {
        return fail(x, "expected \")\" at the end of a group", NULL);
    }
    skip(x, 1);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): take_group bounds it */
static int take_item(struct gbnf *x, struct gx **out)
{
    struct chars s = {0};
    uint32_t line = x->line;
    uint32_t col = x->col;
    uint32_t rule;

    switch (peek(x, 0)) {
    case '"':
        return take_literal(x, out);
    case '[':
        return take_class(x, out);
    case '(':
        return take_group(x, out);
    case '.':
        skip(x, 1);
        TRY(chars_invert(x->g, &s));
        *out = chars_gx(x->g, &s, SPELLING_UTF8);
        return *out != NULL ? 0 : ERR_NOMEM;
    case '<':
        return fail(x, "tokens by name or number are not supported",
                    "write the text that they stand for");
    default:
        TRY(grammar_rule(x->g, take_word(x), line, col, &rule));
        *out = gx_rule(x->g, rule);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
}

static int begins_item(int c)
{
    return c == '"' || c == '[' || c == '(' || c == '.' || c == '<' ||
           is_word(c);
}

/* NOLINTNEXTLINE(misc-no-recursion): take_group bounds it */
static int take_sequence(struct gbnf *x, struct gx **out)
{
    struct gx *seq = gx_new(x->g, GX_SEQ);

    if (seq == NULL) {
        return ERR_NOMEM;
    }
    while (begins_item(peek(x, 0))) {
        struct gx *item;
        uint32_t min;
        uint32_t max;
        int is;

        TRY(take_item(x, &item));
        skip_space(x, x->depth > 0);
        TRY(take_repeat(x, &min, &max, &is));
        TRY(gx_add(x->g, seq, is ? gx_repeat(x->g, item, min, max) : item));
        skip_space(x, x->depth > 0);
        if (is && peek(x, 0) > 0 && strchr("*+?{", peek(x, 0)) != NULL) {
            return fail(x, "a repetition of a repetition",
                        "put the inner one into a group");
        }
    }
    *out = seq;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): take_group bounds it */
static int take_alternatives(struct gbnf *x, struct gx **out)
{
    struct gx *alt = gx_new(x->g, GX_ALT);
    struct gx *seq;

    if (alt == NULL) {
        return ERR_NOMEM;
    }
    for (;;) {
        TRY(take_sequence(x, &seq));
        TRY(gx_add(x->g, alt, seq));
        if (peek(x, 0) != '|') {
            break;
        }
        skip(x, 1);
        skip_space(x, 1);
    }
    *out = alt;
    return 0;
}

/* NAME ::= ALTERNATIVES and the end of the line */
static int take_rule(struct gbnf *x)
{
    uint32_t line = x->line;
    uint32_t col = x->col;
    struct grammar_rule *r;
    struct gx *body;
    uint32_t rule;

    if (!is_word(peek(x, 0))) {
        return fail(x, "expected the name of a rule",
                    "a rule is NAME ::= what it is made of, to the end of the "
                    "line; it goes on behind | and inside of ( )");
    }
    TRY(grammar_rule(x->g, take_word(x), line, col, &rule));
    if (x->g->rules[rule].body != NULL) {
        (void)grammar_fail(x->g, line, col, "rule \"%.60s\" is there twice",
                           x->g->rules[rule].name);
        config_hint(x->g->c, "the first one begins at line %u",
                    x->g->rules[rule].line);
        return ERR_INPUT;
    }
    skip_space(x, 0);
    if (peek(x, 0) != ':' || peek(x, 1) != ':' || peek(x, 2) != '=') {
        return fail(x, "expected ::= behind the name of a rule", NULL);
    }
    skip(x, 3);
    skip_space(x, 1);
    TRY(take_alternatives(x, &body));
    if (peek(x, 0) == '\r') {
        skip(x, 1);
    }
    if (peek(x, 0) >= 0 && peek(x, 0) != '\n') {
        return fail(x, "nothing of a rule begins so", NULL);
    }
    r = &x->g->rules[rule]; /* the list may have moved */
    r->line = line;
    r->col = col;
    r->body = body;
    return 0;
}

int gbnf_rules(struct grammar *g, struct ubytes text)
{
    static const uint8_t root[] = "root";
    struct gbnf x = {g, text, 0, 1, 1, 0};
    uint32_t rule;

    if (!utf8_is_valid(text)) {
        return fail(&x, "the grammar is not UTF-8", NULL);
    }
    TRY(grammar_rule(g, (struct ubytes){root, sizeof(root) - 1}, 1, 1, &rule));
    for (skip_space(&x, 1); x.at < text.n; skip_space(&x, 1)) {
        TRY(take_rule(&x));
    }
    if (g->rules[rule].body == NULL) {
        (void)grammar_fail(g, 1, 1, "there is no rule \"root\"");
        config_hint(g->c, "the whole text is what root is made of");
        return ERR_INPUT;
    }
    return 0;
}
