/* JSON to canonical values, by type. Runs in the program worker, over the
 * output of untrusted programs. Must never accept two spellings that mean
 * different things to people, and never round twice. */
#include "workers/lib/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "proto/value.h"

#define NUMBER_MAX 512

/* An array that is being read. */
struct level {
    size_t next_off;  /* type of the next element */
    size_t count_off; /* list: where its count stands in out */
    uint32_t left;    /* tuple: elements still to come */
    uint32_t n;       /* list: elements so far */
    int is_list;
};

struct reader {
    const uint8_t *p;
    size_t n;
    size_t off;
    const struct type *t;
    struct buf *out;
    struct json_error *err;
    struct level level[TYPE_DEPTH_MAX + 1];
    size_t depth;
};

static int PRINTF_LIKE(2, 3) bad(struct reader *r, const char *fmt, ...)
{
    va_list ap;

    r->err->at = r->off;
    va_start(ap, fmt);
    (void)vsnprintf(r->err->what, sizeof(r->err->what), fmt, ap);
    va_end(ap);
    return JSON_E_MALFORMED;
}

static int nonfinite(struct reader *r)
{
    (void)bad(r, "a float that is not finite");
    return JSON_E_NONFINITE;
}

static int peek(const struct reader *r)
{
    return r->off < r->n ? r->p[r->off] : -1;
}

static void skip_space(struct reader *r)
{
    int c = peek(r);

    while (c == ' ' || c == '\t' || c == '\r') {
        r->off++;
        c = peek(r);
    }
}

static int is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Takes the word if it stands here. */
static int take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if (r->n - r->off < n || memcmp(r->p + r->off, word, n) != 0) {
        return 0;
    }
    r->off += n;
    return 1;
}

static int expected(struct reader *r, size_t type_off)
{
    struct type t = type_sub(r->t, type_off);
    char text[48];
    int c = peek(r);

    type_text(&t, text, sizeof(text));
    if (c < 0) {
        return bad(r, "expected %s, found the end of the line", text);
    }
    if (c < 0x20 || c > 0x7e) {
        return bad(r, "expected %s, found byte 0x%02x", text, (unsigned)c);
    }
    return bad(r, "expected %s, found '%c'", text, c);
}

static int read_bool(struct reader *r, size_t type_off)
{
    if (take_word(r, "true")) {
        return value_put_bool(r->out, 1);
    }
    if (take_word(r, "false")) {
        return value_put_bool(r->out, 0);
    }
    return expected(r, type_off);
}

/* Digits into *out; 0 when they do not fit 64 bits or one leads with 0. */
static int read_digits(struct reader *r, uint64_t *out)
{
    uint64_t v = 0;
    size_t start = r->off;

    while (is_digit(peek(r))) {
        uint64_t digit = (uint64_t)(r->p[r->off] - '0');

        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            return 0;
        }
        r->off++;
    }
    *out = v;
    return r->off - start == 1 || r->p[start] != '0';
}

static int read_int(struct reader *r, size_t type_off)
{
    struct type t = type_sub(r->t, type_off);
    unsigned code = t.b[1];
    unsigned bits = (code & 0x7fu) * 8;
    uint64_t max = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    uint64_t v = 0;
    int negative = peek(r) == '-';

    r->off += negative ? 1u : 0u;
    if (!is_digit(peek(r))) {
        return expected(r, type_off);
    }
    if (!read_digits(r, &v)) {
        return bad(r, "an integer over 64 bits or with a leading zero");
    }
    if (peek(r) == '.' || peek(r) == 'e' || peek(r) == 'E') {
        return bad(r, "a fraction where an integer belongs");
    }
    if (negative && v == 0) {
        return bad(r, "-0 is no integer");
    }
    if ((code & TYPE_UNSIGNED) == 0) {
        max = (max >> 1) + (negative ? 1u : 0u);
    } else if (negative) {
        max = 0;
    }
    if (v > max) {
        char text[16];

        type_text(&t, text, sizeof(text));
        return bad(r, "an integer outside %s", text);
    }
    return value_put_int(r->out, &t, negative ? 0u - v : v);
}

static void skip_digits(struct reader *r)
{
    while (is_digit(peek(r))) {
        r->off++;
    }
}

/* Moves behind one number of the JSON grammar; 0 if there is none. */
static int skip_number(struct reader *r)
{
    size_t start;

    if (peek(r) == '-') {
        r->off++;
    }
    start = r->off;
    skip_digits(r);
    if (r->off == start || (r->p[start] == '0' && r->off - start > 1)) {
        return 0;
    }
    if (peek(r) == '.') {
        start = ++r->off;
        skip_digits(r);
        if (r->off == start) {
            return 0;
        }
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->off++;
        if (peek(r) == '+' || peek(r) == '-') {
            r->off++;
        }
        start = r->off;
        skip_digits(r);
        if (r->off == start) {
            return 0;
        }
    }
    return 1;
}

static int take_nonfinite(struct reader *r)
{
    static const char *const words[] = {"NaN",          "Infinity",
                                        "-Infinity",    "\"NaN\"",
                                        "\"Infinity\"", "\"-Infinity\""};

    for (size_t i = 0; i < ARRAY_N(words); i++) {
        if (take_word(r, words[i])) {
            return 1;
        }
    }
    return 0;
}

static int read_float(struct reader *r, size_t type_off)
{
    unsigned width = r->t->b[type_off + 1];
    size_t start = r->off;
    char text[NUMBER_MAX + 1];
    size_t n;

    if (take_nonfinite(r)) {
        return nonfinite(r);
    }
    if (peek(r) != '-' && !is_digit(peek(r))) {
        return expected(r, type_off);
    }
    if (!skip_number(r)) {
        return bad(r, "not a number of JSON");
    }
    n = r->off - start;
    if (n > NUMBER_MAX) {
        return bad(r, "a number of more than %d characters", NUMBER_MAX);
    }
    memcpy(text, r->p + start, n);
    text[n] = '\0';
    if (width == 4) {
        float v = strtof(text, NULL);

        return isfinite(v) ? value_put_f32(r->out, v) : nonfinite(r);
    }
    double v = strtod(text, NULL);

    return isfinite(v) ? value_put_f64(r->out, v) : nonfinite(r);
}

static int hex_digit(int c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static int read_bytes(struct reader *r, size_t type_off)
{
    const uint8_t *digits;
    const uint8_t *end;
    uint8_t *to;
    size_t n;

    if (peek(r) != '"') {
        return expected(r, type_off);
    }
    digits = r->p + ++r->off;
    end = memchr(digits, '"', r->n - r->off);
    if (end == NULL) {
        return bad(r, "a string without its end");
    }
    n = (size_t)(end - digits);
    if (n % 2 != 0) {
        return bad(r, "bytes with an odd number of hex digits");
    }
    TRY(buf_put_u8(r->out, TYPE_BYTES));
    TRY(buf_put_u32(r->out, (uint32_t)(n / 2)));
    if (n == 0) {
        r->off++;
        return 0;
    }
    TRY(buf_extend(r->out, n / 2, &to));
    for (size_t i = 0; i < n; i += 2) {
        int hi = hex_digit(digits[i]);
        int lo = hex_digit(digits[i + 1]);

        if (hi < 0 || lo < 0) {
            r->off += i;
            return bad(r, "bytes with a character that is no hex digit");
        }
        to[i / 2] = (uint8_t)(hi * 16 + lo);
    }
    r->off += n + 1;
    return 0;
}

/* The four digits of \uXXXX at off + 2; -1 if they are not there. */
static int32_t hex4(const struct reader *r, size_t off)
{
    int32_t v = 0;

    if (r->n - off < 6 || r->p[off] != '\\' || r->p[off + 1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < 6; i++) {
        int d = hex_digit(r->p[off + i]);

        if (d < 0) {
            return -1;
        }
        v = v * 16 + d;
    }
    return v;
}

static int read_unicode_escape(struct reader *r)
{
    int32_t cp = hex4(r, r->off);
    uint8_t utf8[4];
    size_t used = 6;

    if (cp >= 0xd800 && cp <= 0xdbff) {
        int32_t low = hex4(r, r->off + 6);

        if (low < 0xdc00 || low > 0xdfff) {
            return bad(r, "half a surrogate pair");
        }
        cp = 0x10000 + (cp - 0xd800) * 0x400 + (low - 0xdc00);
        used = 12;
    }
    if (cp <= 0 || (cp >= 0xdc00 && cp <= 0xdfff)) {
        return bad(r, "an escape that is no character");
    }
    r->off += used;
    return buf_put(r->out, utf8, utf8_put((uint32_t)cp, utf8));
}

static int read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *at;
    int c = r->off + 1 < r->n ? r->p[r->off + 1] : 0;

    if (c == 'u') {
        return read_unicode_escape(r);
    }
    at = c == 0 ? NULL : strchr(from, c);
    if (at == NULL) {
        return bad(r, "an unknown escape");
    }
    r->off += 2;
    return buf_put_u8(r->out, (uint8_t)to[at - from]);
}

/* Characters up to the closing quote, escapes resolved. */
static int read_characters(struct reader *r)
{
    for (;;) {
        size_t start = r->off;
        int c = peek(r);

        while (c >= 0x20 && c != '"' && c != '\\') {
            r->off++;
            c = peek(r);
        }
        if (r->off > start) {
            TRY(buf_put(r->out, r->p + start, r->off - start));
        }
        if (c == '"') {
            r->off++;
            return 0;
        }
        if (c != '\\') {
            return bad(r, c < 0 ? "a string without its end"
                                : "a raw control character in a string");
        }
        int code = read_escape(r);

        if (code != 0) {
            return code;
        }
    }
}

static int read_string(struct reader *r, size_t type_off)
{
    size_t at = buf_len(r->out);
    struct ubytes text;
    int code;

    if (peek(r) != '"') {
        return expected(r, type_off);
    }
    r->off++;
    TRY(buf_put_u8(r->out, TYPE_STRING));
    TRY(buf_put_u32(r->out, 0));
    code = read_characters(r);
    if (code != 0) {
        return code;
    }
    text = buf_bytes(r->out);
    text.p += at + 5;
    text.n -= at + 5;
    if (!utf8_is_valid(text)) {
        return bad(r, "a string that is not UTF-8");
    }
    if (text.n > UINT32_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    buf_patch_u32(r->out, at + 1, (uint32_t)text.n);
    return 0;
}

/* Opens the array of the list or tuple at type_off. */
static int open_array(struct reader *r, size_t type_off)
{
    struct level *l;

    if (peek(r) != '[') {
        return expected(r, type_off);
    }
    if (r->depth == ARRAY_N(r->level)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    r->off++;
    l = &r->level[r->depth++];
    memset(l, 0, sizeof(*l));
    if (type_tag_at(r->t, type_off) == TYPE_LIST) {
        l->is_list = 1;
        l->next_off = type_off + 1;
        l->count_off = buf_len(r->out) + 1;
        return value_put_list(r->out, 0);
    }
    l->left = r->t->b[type_off + 1];
    l->next_off = type_off + 2;
    return value_put_tuple(r->out, l->left);
}

static int read_scalar(struct reader *r, size_t type_off)
{
    switch (type_tag_at(r->t, type_off)) {
    case TYPE_BOOL:
        return read_bool(r, type_off);
    case TYPE_INT:
        return read_int(r, type_off);
    case TYPE_FLOAT:
        return read_float(r, type_off);
    case TYPE_STRING:
        return read_string(r, type_off);
    case TYPE_BYTES:
        return read_bytes(r, type_off);
    case TYPE_LIST:
    case TYPE_TUPLE:
    default:
        return ERR_TRACE(ERR_ENCODING);
    }
}

/* At the start of an array or behind an element: is it at its end? 1 or 0, or
 * the outcome + 1 when neither a comma nor the end fits. */
static int array_ends(struct reader *r, struct level *l, int behind_element)
{
    skip_space(r);
    if (l->is_list ? peek(r) == ']' : l->left == 0) {
        if (peek(r) != ']') {
            return 1 + bad(r, "more elements than the tuple has");
        }
        r->off++;
        return 1;
    }
    if (!behind_element) {
        return 0;
    }
    if (peek(r) != ',') {
        return 1 + bad(r, "an array without a comma, an element or its end");
    }
    r->off++;
    return 0;
}

/* Closes all arrays that end here. Sets *out_off to the type of the next value.
 * JSON_OK, or JSON_E_MALFORMED; r->depth is 0 when the whole value was read. */
static int close_arrays(struct reader *r, int behind_element, size_t *out_off)
{
    while (r->depth > 0) {
        struct level *l = &r->level[r->depth - 1];
        int ends = array_ends(r, l, behind_element);

        if (ends > 1) {
            return ends - 1;
        }
        if (ends == 0) {
            *out_off = l->next_off;
            if (l->is_list) {
                l->n++;
            } else {
                l->left--;
                l->next_off = type_skip(r->t, l->next_off);
            }
            return JSON_OK;
        }
        if (l->is_list) {
            buf_patch_u32(r->out, l->count_off, l->n);
        }
        r->depth--;
        behind_element = 1;
    }
    return JSON_OK;
}

static int read_value(struct reader *r)
{
    size_t type_off = 0;
    int code;

    do {
        enum type_tag tag = type_tag_at(r->t, type_off);
        int is_array = tag == TYPE_LIST || tag == TYPE_TUPLE;

        skip_space(r);
        code = is_array ? open_array(r, type_off) : read_scalar(r, type_off);
        if (code == 0) {
            code = close_arrays(r, !is_array, &type_off);
        }
    } while (code == 0 && r->depth > 0);
    return code;
}

int json_read(struct ubytes line, const struct type *t, struct buf *out,
              struct json_error *err)
{
    struct reader r = {
        .p = line.p, .n = line.n, .t = t, .out = out, .err = err};
    int code;

    buf_reset(out);
    code = read_value(&r);
    if (code == 0) {
        skip_space(&r);
        if (r.off != r.n) {
            code = bad(&r, "something behind the value");
        }
    }
    if (code != 0) {
        buf_reset(out);
    }
    return code;
}
