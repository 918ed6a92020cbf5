/* Lexer of CML's text form. Runs in the confined `cml` worker, on foreign
 * bytes. */
#include "workers/cml/lex.h"

#include <string.h>

#include "proto/cid.h"
#include "proto/err.h"
#include "proto/utf8.h"

/* Longest first. */
static const char *const signs[] = {
    "<<<", ">>>", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "++", "->",
    "=>",  "<",   ">",  "=",  "|",  "^",  "&",  "+",  "-",  "*",  "/",  "%",
    "!",   "~",   "(",  ")",  "[",  "]",  "{",  "}",  ",",  ":",  ";",  ".",
};

static int is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_name(uint8_t c)
{
    return is_name_start(c) || is_digit(c);
}

static uint8_t peek(const struct lexer *x, size_t ahead)
{
    return x->at_ + ahead < x->in_.n ? x->in_.p[x->at_ + ahead] : 0;
}

static void skip(struct lexer *x, size_t n)
{
    for (; n > 0; n--) {
        if (x->in_.p[x->at_++] == '\n') {
            x->loc_.line++;
            x->loc_.col = 1;
        } else {
            x->loc_.col++;
        }
    }
}

static void take(struct lexer *x, enum token_kind kind, size_t n)
{
    x->now.kind = kind;
    x->now.text = (struct ubytes){x->in_.p + x->at_, n};
    skip(x, n);
}

/* One escape behind a backslash; bytes used, 0 if it is none. */
static size_t escape(const uint8_t *p, size_t n, struct buf *out)
{
    static const char plain[] = "\\\"nrt";
    static const char means[] = "\\\"\n\r\t";
    const char *hit = n > 0 && p[0] != 0 ? strchr(plain, p[0]) : NULL;
    uint8_t utf8[4];
    uint32_t cp = 0;
    size_t i = 2;

    if (hit != NULL) {
        return buf_put_u8(out, (uint8_t)means[hit - plain]) < 0 ? 0 : 1;
    }
    if (n < 4 || p[0] != 'u' || p[1] != '{') {
        return 0;
    }
    for (; i < n && i < 9 && p[i] != '}'; i++) {
        uint8_t digit;

        if (hex_parse((const char[]){'0', (char)p[i], 0}, 2, &digit) < 0) {
            return 0;
        }
        cp = cp << 4 | digit;
    }
    if (i == 2 || i >= n || p[i] != '}' || cp == 0 || cp > 0x10ffff ||
        (cp >= 0xd800 && cp < 0xe000)) {
        return 0;
    }
    return buf_put(out, utf8, utf8_put(cp, utf8)) < 0 ? 0 : i + 1;
}

static int keep_text(struct lexer *x, const struct buf *b)
{
    char *copy = arena_text(x->arena_, buf_bytes(b).p, buf_len(b));

    if (copy == NULL) {
        return ERR_NOMEM;
    }
    x->now.text = (struct ubytes){(const uint8_t *)copy, buf_len(b)};
    return 0;
}

static int string_token(struct lexer *x, struct diag *d)
{
    CLEANUP(buf_release) struct buf out;

    buf_init(&out, x->in_.n);
    skip(x, 1);
    while (x->at_ < x->in_.n && peek(x, 0) != '"' && peek(x, 0) != '\n') {
        struct loc at = x->loc_;
        size_t used = 1;

        if (peek(x, 0) == '\\') {
            used = escape(x->in_.p + x->at_ + 1, x->in_.n - x->at_ - 1, &out);
            if (used == 0) {
                diag_set(d, ERR_INPUT, at, "no such escape in a string");
                diag_hint(d, "\\\\ \\\" \\n \\r \\t and \\u{HEX} are there");
                return ERR_INPUT;
            }
            used++;
        } else {
            TRY(buf_put_u8(&out, peek(x, 0)));
        }
        skip(x, used);
    }
    if (peek(x, 0) != '"') {
        return diag_set(d, ERR_INPUT, x->now.at,
                        "the string does not end on its line");
    }
    skip(x, 1);
    x->now.kind = TOKEN_STRING;
    return keep_text(x, &out);
}

static int bytes_token(struct lexer *x, struct diag *d)
{
    const uint8_t *p = x->in_.p + x->at_ + 2;
    size_t n = 0;
    uint8_t *out;

    while (x->at_ + 2 + n < x->in_.n && p[n] != '"') {
        n++;
    }
    out = arena_array(x->arena_, n / 2 + 1, 1);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    if (x->at_ + 2 + n >= x->in_.n ||
        hex_parse((const char *)p, n, out) < 0) {
        return diag_set(d, ERR_INPUT, x->now.at,
                        "bytes are written x\"00ff\": pairs of hex digits, "
                        "lower case");
    }
    skip(x, n + 3);
    x->now.kind = TOKEN_BYTES;
    x->now.text = (struct ubytes){out, n / 2};
    return 0;
}

static int cid_token(struct lexer *x, struct diag *d)
{
    size_t n = 0;

    skip(x, 1);
    while (is_name(peek(x, n))) {
        n++;
    }
    if (n != CID_TEXT_BYTES - 1) {
        return diag_set(d, ERR_INPUT, x->now.at,
                        "a CID is @ and 64 hex digits");
    }
    take(x, TOKEN_CID, n);
    return 0;
}

static void number_token(struct lexer *x)
{
    int hex = peek(x, 0) == '0' && (peek(x, 1) == 'x' || peek(x, 1) == 'b');
    size_t n = 0;

    while (is_name(peek(x, n)) ||
           (!hex && peek(x, n) == '.' && is_digit(peek(x, n + 1))) ||
           (!hex && (peek(x, n) == '-' || peek(x, n) == '+') && n > 0 &&
            (peek(x, n - 1) == 'e' || peek(x, n - 1) == 'E') &&
            is_digit(peek(x, n + 1)))) {
        n++;
    }
    take(x, TOKEN_NUMBER, n);
}

static int sign_token(struct lexer *x, struct diag *d)
{
    for (size_t i = 0; i < ARRAY_N(signs); i++) {
        size_t n = strlen(signs[i]);

        if (n <= x->in_.n - x->at_ &&
            memcmp(signs[i], x->in_.p + x->at_, n) == 0) {
            take(x, TOKEN_SIGN, n);
            return 0;
        }
    }
    return diag_set(d, ERR_INPUT, x->loc_,
                    "a byte that begins nothing here: 0x%02x", peek(x, 0));
}

int lex_next(struct lexer *x, struct diag *d)
{
    uint8_t c;
    size_t n = 0;

    while (x->at_ < x->in_.n && strchr(" \t\r\n", peek(x, 0)) != NULL &&
           peek(x, 0) != 0) {
        skip(x, 1);
    }
    x->now = (struct token){.at = x->loc_};
    if (x->at_ == x->in_.n) {
        return 0; /* TOKEN_END */
    }
    c = peek(x, 0);
    if (c == '#') {
        skip(x, 1);
        while (x->at_ + n < x->in_.n && peek(x, n) != '\n') {
            n++;
        }
        take(x, TOKEN_COMMENT, n);
        return 0;
    }
    if (c == '"') {
        return string_token(x, d);
    }
    if (c == 'x' && peek(x, 1) == '"') {
        return bytes_token(x, d);
    }
    if (c == '@') {
        return cid_token(x, d);
    }
    if (is_digit(c)) {
        number_token(x);
        return 0;
    }
    if (is_name_start(c)) {
        while (is_name(peek(x, n))) {
            n++;
        }
        take(x, TOKEN_NAME, n);
        return 0;
    }
    return sign_token(x, d);
}

int lex_init(struct lexer *x, struct ubytes in, const char *path,
             struct arena *a, struct diag *d)
{
    *x = (struct lexer){.in_ = in, .loc_ = {path, 1, 1}, .arena_ = a};
    return lex_next(x, d);
}

int lex_is(const struct lexer *x, const char *text)
{
    return (x->now.kind == TOKEN_SIGN || x->now.kind == TOKEN_NAME) &&
           strlen(text) == x->now.text.n &&
           memcmp(text, x->now.text.p, x->now.text.n) == 0;
}
