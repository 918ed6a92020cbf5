/* Regular expressions (docs/model/grammars.md says which) to expressions of bytes.
 * Runs in the confined `config` worker on foreign texts. Recursion is bounded by
 * GRAMMAR_DEPTH_MAX. What is not regular, or means other things in other places,
 * is refused where it stands. */
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"
#include "workers/config/grammar_forms.h"

struct regex {
    struct grammar *g;
    struct ubytes text;
    size_t at;
    uint32_t line, col; /* of its first byte */
    enum spelling how;
    enum regex_fit fit;
    unsigned depth;
};

/* A pattern in a schema is spelled with escapes there: its places are offsets. */
static int fail(struct regex *x, size_t at, const char *what, const char *hint)
{
    uint32_t line = x->line;
    uint32_t col = x->col;

    if (x->how == SPELLING_JSON) {
        (void)grammar_fail(x->g, line, col, "pattern, byte %zu: %s", at + 1,
                           what);
    } else {
        for (size_t i = 0; i < at; i++) {
            col = x->text.p[i] == '\n' ? 1 : col + 1;
            line += x->text.p[i] == '\n';
        }
        (void)grammar_fail(x->g, line, col, "%s", what);
    }
    if (hint != NULL) {
        config_hint(x->g->c, "%s", hint);
    }
    return ERR_INPUT;
}

static int peek(const struct regex *x, size_t ahead)
{
    return x->at + ahead < x->text.n ? x->text.p[x->at + ahead] : -1;
}

static int begins(const struct regex *x, const char *with)
{
    size_t n = strlen(with);

    return x->text.n - x->at >= n &&
           memcmp(x->text.p + x->at, with, n) == 0;
}

static int hex_value(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Exactly n digits. */
static int take_hex(struct regex *x, unsigned n, uint32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < n; i++) {
        int v = hex_value(peek(x, 0));

        if (v < 0) {
            return fail(x, x->at, "a hexadecimal digit is missing",
                        "\\xHH, \\uHHHH and \\x{H...} or \\u{H...} are there");
        }
        *out = *out << 4 | (uint32_t)v;
        x->at++;
    }
    return 0;
}

/* Behind \x or \u: {H...}, or n digits; two \u of a surrogate pair are one. */
static int take_code(struct regex *x, unsigned n, uint32_t *out)
{
    size_t from = x->at - 2;
    uint32_t low;

    if (peek(x, 0) == '{') {
        size_t digits = 0;

        x->at++;
        while (digits < 8 && hex_value(peek(x, digits)) >= 0) {
            digits++;
        }
        TRY(take_hex(x, digits > 0 ? (unsigned)digits : 1, out));
        if (peek(x, 0) != '}') {
            return fail(x, x->at, "expected \"}\" behind the code point", NULL);
        }
        x->at++;
    } else {
        TRY(take_hex(x, n, out));
        if (n == 4 && *out >= 0xd800 && *out < 0xdc00 && begins(x, "\\u")) {
            x->at += 2;
            TRY(take_hex(x, 4, &low));
            *out = low >= 0xdc00 && low < 0xe000
                       ? 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00)
                       : 0xd800;
        }
    }
    if (*out > 0x10ffff || (*out >= 0xd800 && *out < 0xe000)) {
        return fail(x, from, "no such code point", "U+0000 to U+10FFFF without "
                                                   "surrogates are there");
    }
    return 0;
}

/* The set of \d, \w, \s or its complement into `to`; 0 if c is none of them. */
static int add_named(struct regex *x, int c, struct chars *to, int *out_is)
{
    struct chars s = {0};
    int lower = c | 0x20;

    *out_is = lower == 'd' || lower == 'w' || lower == 's';
    if (!*out_is) {
        return 0;
    }
    if (lower == 's') {
        TRY(chars_add(x->g, &s, '\t', '\r'));
        TRY(chars_add(x->g, &s, ' ', ' '));
    } else {
        TRY(chars_add(x->g, &s, '0', '9'));
    }
    if (lower == 'w') {
        TRY(chars_add(x->g, &s, 'A', 'Z'));
        TRY(chars_add(x->g, &s, '_', '_'));
        TRY(chars_add(x->g, &s, 'a', 'z'));
    }
    chars_tidy(&s);
    if (c != lower) {
        TRY(chars_invert(x->g, &s));
    }
    for (uint32_t i = 0; i < s.n; i++) {
        TRY(chars_add(x->g, to, s.v[i].lo, s.v[i].hi));
    }
    return 0;
}

static int refuse_escape(struct regex *x, size_t at, int c)
{
    if ((c >= '1' && c <= '9') || c == 'k') {
        return fail(x, at, "a back-reference is not regular",
                    "write out the texts that may stand there");
    }
    if (c == 'b' || c == 'B') {
        return fail(x, at, "a word boundary is not supported",
                    "write out what may stand on both sides");
    }
    if (c == 'p' || c == 'P') {
        return fail(x, at, "classes by property are not supported",
                    "write ranges: [\\u{430}-\\u{44f}]");
    }
    return fail(x, at, "no such escape",
                "\\d \\w \\s \\n \\r \\t \\f \\v \\0 \\xHH \\uHHHH \\u{H...}, and "
                "\\ before any sign are there");
}

/* Behind a backslash: one code point. */
static int take_escape(struct regex *x, uint32_t *out)
{
    static const char letters[] = "nrtfv0";
    static const char means[] = "\n\r\t\f\v\0";
    size_t from = x->at - 1;
    int c = peek(x, 0);
    const char *hit = c > 0 ? strchr(letters, c) : NULL;

    if (c < 0) {
        return fail(x, from, "nothing follows the backslash", NULL);
    }
    x->at++;
    if (c == 'x' || c == 'u') {
        return take_code(x, c == 'x' ? 2 : 4, out);
    }
    if (hit != NULL && !(c == '0' && peek(x, 0) >= '0' && peek(x, 0) <= '9')) {
        *out = (uint8_t)means[hit - letters];
        return 0;
    }
    if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' &&
                                                (c | 0x20) <= 'z')) {
        return refuse_escape(x, from, c);
    }
    *out = (uint32_t)c;
    return 0;
}

static int take_point(struct regex *x, uint32_t *out)
{
    size_t n = utf8_next(
        (struct ubytes){x->text.p + x->at, x->text.n - x->at}, out);

    ASSERT(n > 0); /* regex_gx looked at all of it */
    x->at += n;
    return 0;
}

/* One member of a class; *out_is_set: it was \d or the like. */
static int class_member(struct regex *x, struct chars *to, uint32_t *out,
                        int *out_is_set)
{
    *out_is_set = 0;
    if (peek(x, 0) != '\\') {
        return take_point(x, out);
    }
    x->at++;
    TRY(add_named(x, peek(x, 0), to, out_is_set));
    if (*out_is_set) {
        x->at++;
        return 0;
    }
    return take_escape(x, out);
}

static int take_class(struct regex *x, struct gx **out)
{
    struct chars s = {0};
    size_t from = x->at++;
    int invert = peek(x, 0) == '^';

    x->at += (size_t)invert;
    if (peek(x, 0) == ']') {
        return fail(x, x->at, "an empty class", "write \\] for the bracket");
    }
    while (peek(x, 0) != ']') {
        size_t at = x->at;
        uint32_t lo;
        uint32_t hi;
        int is_set;

        if (peek(x, 0) < 0) {
            return fail(x, from, "the class is not closed", NULL);
        }
        if (begins(x, "[:")) {
            return fail(x, at, "classes by name are not supported",
                        "write \\d, \\w, \\s or ranges; \\[ for the bracket");
        }
        TRY(class_member(x, &s, &lo, &is_set));
        if (is_set) {
            if (peek(x, 0) == '-' && peek(x, 1) != ']') {
                return fail(x, at, "a set cannot begin a range", NULL);
            }
            continue;
        }
        hi = lo;
        if (peek(x, 0) == '-' && peek(x, 1) != ']' && peek(x, 1) >= 0) {
            x->at++;
            TRY(class_member(x, &s, &hi, &is_set));
            if (is_set || hi < lo) {
                return fail(x, at, "a range that ends before it begins", NULL);
            }
        }
        TRY(chars_add(x->g, &s, lo, hi));
    }
    x->at++;
    chars_tidy(&s);
    if (invert) {
        TRY(chars_invert(x->g, &s));
    }
    *out = chars_gx(x->g, &s, x->how);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int one_of(struct regex *x, uint32_t lo, uint32_t hi, int invert,
                  struct gx **out)
{
    struct chars s = {0};

    TRY(chars_add(x->g, &s, lo, hi));
    if (invert) {
        TRY(chars_invert(x->g, &s));
    }
    *out = chars_gx(x->g, &s, x->how);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int take_alternation(struct regex *x, struct gx **out);

/* Behind "(": over ?: or a name; what else begins with ? is refused. */
static int take_group_head(struct regex *x)
{
    size_t from = x->at - 1;

    if (peek(x, 0) != '?') {
        return 0;
    }
    if (begins(x, "?=") || begins(x, "?!") || begins(x, "?<=") ||
        begins(x, "?<!")) {
        return fail(x, from, "look-around is not supported",
                    "write what may stand there into the expression");
    }
    if (begins(x, "?:")) {
        x->at += 2;
        return 0;
    }
    if (begins(x, "?<") || begins(x, "?P<")) {
        while (peek(x, 0) >= 0 && peek(x, 0) != '>') {
            x->at++;
        }
        if (peek(x, 0) < 0) {
            return fail(x, from, "the group's name does not end", NULL);
        }
        x->at++;
        return 0;
    }
    return fail(x, from, "this kind of group is not supported",
                "( ), (?: ) and (?<name> ) are there; flags are not");
}

/* NOLINTNEXTLINE(misc-no-recursion): take_alternation bounds it */
static int take_group(struct regex *x, struct gx **out)
{
    size_t from = x->at++;

    TRY(take_group_head(x));
    if (x->depth == GRAMMAR_DEPTH_MAX) {
        return fail(x, from, "groups nested more than 64 deep", NULL);
    }
    x->depth++;
    TRY(take_alternation(x, out));
    x->depth--;
    if (peek(x, 0) != ')') {
        return fail(x, from, "the group is not closed", NULL);
    }
    x->at++;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): take_alternation bounds it */
static int take_atom(struct regex *x, struct gx **out)
{
    struct chars s = {0};
    uint32_t cp;
    int is_set;

    switch (peek(x, 0)) {
    case '(':
        return take_group(x, out);
    case '[':
        return take_class(x, out);
    case '.':
        x->at++;
        return one_of(x, '\n', '\n', 1, out);
    case '*':
    case '+':
    case '?':
        return fail(x, x->at, "nothing stands before this repetition", NULL);
    case '{':
        return fail(x, x->at, "a \"{\" that counts nothing",
                    "write \\{ for the brace");
    case '^':
    case '$':
        return fail(x, x->at, "an anchor inside of the expression",
                    "^ may begin and $ may end an alternative of the whole");
    case '\\':
        x->at++;
        TRY(add_named(x, peek(x, 0), &s, &is_set));
        if (is_set) {
            x->at++;
            *out = chars_gx(x->g, &s, x->how);
            return *out != NULL ? 0 : ERR_NOMEM;
        }
        TRY(take_escape(x, &cp));
        return one_of(x, cp, cp, 0, out);
    default:
        TRY(take_point(x, &cp));
        return one_of(x, cp, cp, 0, out);
    }
}

/* A count of {m,n}; GRAMMAR_FOREVER if no digit stands there. */
static int take_count(struct regex *x, uint32_t *out)
{
    size_t from = x->at;
    uint32_t v = 0;

    while (peek(x, 0) >= '0' && peek(x, 0) <= '9') {
        v = v * 10 + (uint32_t)(peek(x, 0) - '0');
        if (v > GRAMMAR_REPEAT_MAX) {
            (void)fail(x, from, "a repetition of more than 65536", NULL);
            x->g->c->problem.code = ERR_LIMIT;
            return ERR_LIMIT;
        }
        x->at++;
    }
    *out = x->at > from ? v : GRAMMAR_FOREVER;
    return 0;
}

static int take_quantifier(struct regex *x, uint32_t *min, uint32_t *max,
                           int *out_is)
{
    size_t from = x->at;
    int c = peek(x, 0);

    *out_is = c == '*' || c == '+' || c == '?' || c == '{';
    *min = c == '+';
    *max = c == '?' ? 1 : GRAMMAR_FOREVER;
    if (!*out_is) {
        return 0;
    }
    x->at++;
    if (c == '{') {
        TRY(take_count(x, min));
        *max = *min;
        if (peek(x, 0) == ',') {
            x->at++;
            TRY(take_count(x, max));
        }
        if (*min == GRAMMAR_FOREVER || peek(x, 0) != '}') {
            return fail(x, from, "a \"{\" that counts nothing",
                        "{m}, {m,} and {m,n} count; write \\{ for the brace");
        }
        if (*max < *min) {
            return fail(x, from, "a repetition whose end is below its beginning",
                        NULL);
        }
        x->at++;
    }
    if (peek(x, 0) == '?') {
        x->at++; /* lazy: the same texts */
    }
    c = peek(x, 0);
    if (c == '*' || c == '+' || c == '?' || c == '{') {
        return fail(x, x->at, "a repetition of a repetition",
                    "put the inner one into a group");
    }
    return 0;
}

/* Up to | or ) or the end.
 * NOLINTNEXTLINE(misc-no-recursion): take_alternation bounds it */
static int take_branch(struct regex *x, struct gx **out)
{
    struct gx *seq = gx_new(x->g, GX_SEQ);
    int is_top = x->depth == 0;
    int starts = is_top && peek(x, 0) == '^';
    int ends = 0;
    struct gx *any = NULL;

    if (is_top && x->fit == REGEX_SEARCH) {
        struct chars s = {0};

        TRY(chars_invert(x->g, &s));
        any = gx_repeat(x->g, chars_gx(x->g, &s, x->how), 0, GRAMMAR_FOREVER);
        TRY(any == NULL ? ERR_NOMEM : 0);
    }
    x->at += (size_t)starts;
    if (any != NULL && !starts) {
        TRY(gx_add(x->g, seq, any));
    }
    while (peek(x, 0) >= 0 && peek(x, 0) != '|' && peek(x, 0) != ')') {
        uint32_t min;
        uint32_t max;
        struct gx *atom;
        int is;

        if (is_top && peek(x, 0) == '$' &&
            (peek(x, 1) < 0 || peek(x, 1) == '|')) {
            x->at++;
            ends = 1;
            break;
        }
        TRY(take_atom(x, &atom));
        TRY(take_quantifier(x, &min, &max, &is));
        TRY(gx_add(x->g, seq, is ? gx_repeat(x->g, atom, min, max) : atom));
    }
    if (any != NULL && !ends) {
        TRY(gx_add(x->g, seq, any));
    }
    *out = seq;
    return seq != NULL ? 0 : ERR_NOMEM;
}

/* NOLINTNEXTLINE(misc-no-recursion): take_group bounds it */
static int take_alternation(struct regex *x, struct gx **out)
{
    struct gx *alt = gx_new(x->g, GX_ALT);
    struct gx *branch;

    if (alt == NULL) {
        return ERR_NOMEM;
    }
    for (;;) {
        TRY(take_branch(x, &branch));
        TRY(gx_add(x->g, alt, branch));
        if (peek(x, 0) != '|') {
            break;
        }
        x->at++;
    }
    *out = alt;
    return 0;
}

int regex_gx(struct grammar *g, struct ubytes text, uint32_t line, uint32_t col,
             enum spelling how, enum regex_fit fit, struct gx **out)
{
    struct regex x = {g, text, 0, line, col, how, fit, 0};

    if (!utf8_is_valid(text)) {
        return fail(&x, 0, "the expression is not UTF-8", NULL);
    }
    TRY(take_alternation(&x, out));
    if (x.at < text.n) {
        return fail(&x, x.at, "a \")\" that closes nothing",
                    "write \\) for the bracket");
    }
    return 0;
}

int regex_rule(struct grammar *g, struct ubytes text)
{
    static const uint8_t name[] = "the expression";
    struct gx *x;
    uint32_t rule;

    if (text.n > 0 && text.p[text.n - 1] == '\n') {
        text.n--;
    }
    TRY(grammar_rule(g, (struct ubytes){name, sizeof(name) - 1}, 1, 1, &rule));
    TRY(regex_gx(g, text, 1, 1, SPELLING_UTF8, REGEX_WHOLE, &x));
    g->rules[rule].body = x;
    return 0;
}
