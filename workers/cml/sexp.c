/* S-expressions. Runs in the `cml` worker, on foreign bytes. */
#include "workers/cml/sexp.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"

/* Lists that are open, from the outside in; each knows its last part. */
struct open_list {
    struct sexp *list;
    struct sexp *last;
};

struct reader {
    struct ubytes in;
    size_t at;
    size_t line_start;
    uint32_t line;
    uint32_t nodes;
    const char *path;
    struct arena *arena;
    struct diag *d;
    struct open_list open[SEXP_DEPTH_MAX + 1];
    size_t open_n;
};

static struct loc here(const struct reader *r)
{
    return (struct loc){r->path, r->line, (uint32_t)(r->at - r->line_start + 1)};
}

static int is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int is_symbol_byte(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("~!@$%^&*_-+=<>.?/", c) != NULL);
}

static int is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void skip_space(struct reader *r)
{
    for (; r->at < r->in.n; r->at++) {
        uint8_t c = r->in.p[r->at];

        if (c == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (c == ';') {
            while (r->at + 1 < r->in.n && r->in.p[r->at + 1] != '\n') {
                r->at++;
            }
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static int fail(struct reader *r, const char *what, const char *hint)
{
    (void)diag_set(r->d, ERR_INPUT, here(r), "%s", what);
    diag_hint(r->d, "%s", hint);
    return ERR_INPUT;
}

static struct sexp *add(struct reader *r, enum sexp_kind kind)
{
    struct open_list *in = &r->open[r->open_n - 1];
    struct sexp *s;
    struct loc at = here(r);

    if (r->nodes++ == SEXP_NODES_MAX) {
        (void)diag_set(r->d, ERR_LIMIT, at, "more than %u words",
                       SEXP_NODES_MAX);
        return NULL;
    }
    s = arena_get(r->arena, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->kind = kind;
    s->line = at.line;
    s->col = at.col;
    if (in->last == NULL) {
        in->list->first = s;
    } else {
        in->last->next = s;
    }
    in->last = s;
    in->list->n++;
    return s;
}

/* Digits of \u{...} or \ud4...; the bytes read, or 0 when it is no escape. */
static size_t read_escape(struct ubytes s, uint32_t *out)
{
    size_t braced = s.n > 2 && s.p[2] == '{';
    size_t at = 2 + braced;
    size_t digits = 0;

    *out = 0;
    if (s.n < 3 || s.p[0] != '\\' || s.p[1] != 'u') {
        return 0;
    }
    while (at < s.n && digits < (braced ? 5u : 4u) && is_hex(s.p[at])) {
        uint32_t c = s.p[at++];

        *out = *out * 16 + (is_digit((uint8_t)c) ? c - '0' : (c | 32) - 'a' + 10);
        digits++;
    }
    if (digits == 0 || (braced ? at == s.n || s.p[at] != '}' : digits < 4)) {
        return 0;
    }
    return at + braced;
}

/* One character of a string at r->at, which is before its end. */
static int read_character(struct reader *r, uint8_t *out, size_t *out_n)
{
    struct ubytes rest = {r->in.p + r->at, r->in.n - r->at};
    uint32_t cp = 0;
    size_t used = read_escape(rest, &cp);

    if (used == 0) {
        used = rest.p[0] == '"' ? 2 : 1; /* "" is a quote */
        out[(*out_n)++] = rest.p[0];
        if (rest.p[0] == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        }
    } else if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
        return fail(r, "an escape that names no character of Unicode",
                    "not 0, no surrogate, at most 10ffff");
    } else {
        *out_n += utf8_put(cp, out + *out_n);
    }
    r->at += used;
    return 0;
}

static int read_string(struct reader *r)
{
    struct sexp *s = add(r, SEXP_STRING);
    uint32_t line = r->line;
    size_t start = r->line_start;
    size_t from = r->at + 1;
    size_t end = from;
    uint8_t *out;

    if (s == NULL) {
        return ERR_NOMEM;
    }
    for (;; end++) {
        if (end >= r->in.n) {
            r->line = line;
            r->line_start = start;
            return fail(r, "a string that does not end",
                        "close it with a quote; a quote inside is \"\"");
        }
        if (r->in.p[end] == '"') {
            if (end + 1 >= r->in.n || r->in.p[end + 1] != '"') {
                break;
            }
            end++;
        }
    }
    out = arena_array(r->arena, end - from + 1, 1);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    for (r->at = from; r->at < end;) {
        TRY(read_character(r, out, &s->text.n));
    }
    s->text.p = out;
    r->at = end + 1;
    return 0;
}

/* Bytes from r->at on that are of a word: up to what ends one. */
static size_t word_length(const struct reader *r)
{
    size_t n = 0;

    while (r->at + n < r->in.n && is_symbol_byte(r->in.p[r->at + n])) {
        n++;
    }
    return n;
}

static enum sexp_kind number_kind(struct ubytes w)
{
    size_t at = w.n > 1 && w.p[0] == '-' ? 1 : 0;
    size_t points = 0;

    for (size_t i = at; i < w.n; i++) {
        points += w.p[i] == '.';
        if (!is_digit(w.p[i]) && (w.p[i] != '.' || i == at || i + 1 == w.n)) {
            return SEXP_SYMBOL;
        }
    }
    return points == 0 ? SEXP_NUMERAL
           : points == 1 ? SEXP_DECIMAL
                         : SEXP_SYMBOL;
}

/* #x00ff or #b01 */
static int read_bits(struct reader *r)
{
    int hex = r->at + 1 < r->in.n && r->in.p[r->at + 1] == 'x';
    int binary = r->at + 1 < r->in.n && r->in.p[r->at + 1] == 'b';
    struct sexp *s;
    size_t n = 0;

    while (r->at + 2 + n < r->in.n &&
           (hex ? is_hex(r->in.p[r->at + 2 + n])
                : (r->in.p[r->at + 2 + n] | 1) == '1')) {
        n++;
    }
    if ((!hex && !binary) || n == 0 ||
        (r->at + 2 + n < r->in.n && is_symbol_byte(r->in.p[r->at + 2 + n]))) {
        return fail(r, "not a bit-vector", "#x and hex digits, or #b and bits");
    }
    s = add(r, hex ? SEXP_HEX : SEXP_BINARY);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->text = (struct ubytes){r->in.p + r->at + 2, n};
    r->at += 2 + n;
    return 0;
}

static int read_quoted(struct reader *r)
{
    struct sexp *s = add(r, SEXP_SYMBOL);
    size_t n = 0;

    if (s == NULL) {
        return ERR_NOMEM;
    }
    while (r->at + 1 + n < r->in.n && r->in.p[r->at + 1 + n] != '|' &&
           r->in.p[r->at + 1 + n] != '\n') {
        n++;
    }
    if (r->at + 1 + n >= r->in.n || r->in.p[r->at + 1 + n] != '|') {
        return fail(r, "a |symbol that does not end on its line",
                    "close it with |");
    }
    s->text = (struct ubytes){r->in.p + r->at + 1, n};
    r->at += n + 2;
    return 0;
}

static int read_word(struct reader *r)
{
    uint8_t c = r->in.p[r->at];
    struct sexp *s;
    struct ubytes w;

    if (c == '"') {
        return read_string(r);
    }
    if (c == '#') {
        return read_bits(r);
    }
    if (c == '|') {
        return read_quoted(r);
    }
    r->at += c == ':';
    w = (struct ubytes){r->in.p + r->at, word_length(r)};
    r->at -= c == ':';
    if (w.n == 0) {
        return fail(r, "a character that no word of SMT-LIB begins with",
                    "words, numbers, \"strings\", #x.., (lists)");
    }
    s = add(r, c == ':' ? SEXP_KEYWORD : number_kind(w));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->text = c == ':' ? (struct ubytes){w.p - 1, w.n + 1} : w;
    r->at += s->text.n;
    return 0;
}

static int read_one(struct reader *r)
{
    struct sexp *s;

    switch (r->in.p[r->at]) {
    case '(':
        if (r->open_n > SEXP_DEPTH_MAX) {
            return diag_set(r->d, ERR_LIMIT, here(r),
                            "nested more than %u deep", SEXP_DEPTH_MAX);
        }
        s = add(r, SEXP_LIST);
        if (s == NULL) {
            return ERR_NOMEM;
        }
        r->open[r->open_n++] = (struct open_list){s, NULL};
        r->at++;
        return 0;
    case ')':
        if (r->open_n == 1) {
            return fail(r, "a \")\" that closes nothing", "take it away");
        }
        r->open_n--;
        r->at++;
        return 0;
    default:
        return read_word(r);
    }
}

static int check_text(struct reader *r)
{
    for (r->at = 0; r->at < r->in.n;) {
        uint32_t cp = 0;
        size_t n =
            utf8_next((struct ubytes){r->in.p + r->at, r->in.n - r->at}, &cp);

        if (n == 0 || cp == 0) {
            return fail(r, n == 0 ? "not UTF-8" : "a NUL character",
                        "a SyGuS file is text");
        }
        if (cp == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        }
        r->at += n;
    }
    r->at = 0;
    r->line = 1;
    r->line_start = 0;
    return 0;
}

static int read_all(struct reader *r)
{
    TRY(check_text(r));
    for (skip_space(r); r->at < r->in.n; skip_space(r)) {
        int code = read_one(r);

        if (code < 0) {
            return r->d->code != 0 ? r->d->code : code;
        }
    }
    if (r->open_n > 1) {
        const struct sexp *s = r->open[r->open_n - 1].list;

        (void)diag_set(r->d, ERR_INPUT,
                       (struct loc){r->path, s->line, s->col},
                       "a \"(\" that is never closed");
        diag_hint(r->d, "the text ends inside of %zu lists", r->open_n - 1);
        return ERR_INPUT;
    }
    return 0;
}

int sexp_read(struct ubytes in, const char *path, struct arena *a,
              const struct sexp **out, struct diag *d)
{
    struct reader *r = arena_get(a, sizeof(*r));
    struct sexp *top = arena_get(a, sizeof(*top));

    if (r == NULL || top == NULL) {
        return ERR_NOMEM;
    }
    r->in = in;
    r->line = 1;
    r->path = path;
    r->arena = a;
    r->d = d;
    r->open[0].list = top;
    r->open_n = 1;
    *out = top;
    return read_all(r);
}

const struct sexp *sexp_at(const struct sexp *list, uint32_t i)
{
    const struct sexp *s = list->kind == SEXP_LIST ? list->first : NULL;

    while (s != NULL && i-- > 0) {
        s = s->next;
    }
    return s;
}

int sexp_is(const struct sexp *s, const char *symbol)
{
    return s != NULL && s->kind == SEXP_SYMBOL && strlen(symbol) == s->text.n &&
           memcmp(symbol, s->text.p, s->text.n) == 0;
}

int sexp_is_form(const struct sexp *s, const char *symbol)
{
    return s != NULL && s->kind == SEXP_LIST && sexp_is(s->first, symbol);
}

const char *sexp_show(const struct sexp *s, char *out, size_t n)
{
    static const char *const marks[] = {
        [SEXP_HEX] = "#x", [SEXP_BINARY] = "#b", [SEXP_STRING] = "\""};
    const char *mark = s->kind < ARRAY_N(marks) ? marks[s->kind] : NULL;
    int cut = s->text.n > 60 ? 60 : (int)s->text.n;

    if (s->kind == SEXP_LIST) {
        (void)snprintf(out, n, s->first == NULL ? "()" : "(%.*s ...)",
                       s->first != NULL && s->first->text.n < 60
                           ? (int)s->first->text.n
                           : 0,
                       s->first != NULL ? (const char *)s->first->text.p : "");
    } else {
        (void)snprintf(out, n, "%s%.*s%s", mark != NULL ? mark : "", cut,
                       (const char *)s->text.p,
                       s->kind == SEXP_STRING ? "\"" : "");
    }
    return out;
}
