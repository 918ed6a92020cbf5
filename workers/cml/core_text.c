/* Functions of the core on strings and bytes. Places in strings are code points. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/cid.h"
#include "proto/utf8.h"
#include "proto/value.h"
#include "workers/cml/eval_int.h"

#define U64_CODE (8 | TYPE_UNSIGNED)
#define NUMBER_TEXT_MAX 400

static uint64_t points_in(const struct val *s)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        n += (s->u.p[i] & 0xc0) != 0x80;
    }
    return n;
}

/* Byte offset of the point-th code point; the length when there are fewer. */
static uint32_t offset_of(const struct val *s, uint64_t point)
{
    uint32_t i = 0;

    for (; i < s->n; i++) {
        if ((s->u.p[i] & 0xc0) != 0x80 && point-- == 0) {
            break;
        }
    }
    return i;
}

static int make(struct eval *e, unsigned kind, const void *p, size_t n,
                struct val *out)
{
    uint8_t *to;

    EVAL_TRY(val_new_bytes(e, kind, n, &to, out));
    if (n > 0) {
        memcpy(to, p, n);
    }
    return 0;
}

static int slice(struct eval *e, const struct val *args, struct val *out)
{
    uint32_t to = offset_of(&args[0], args[2].u.bits);
    uint32_t from = offset_of(&args[0], args[1].u.bits);

    from = from < to ? from : to;
    return make(e, VAL_STRING, args[0].u.p + from, to - from, out);
}

static int reverse(struct eval *e, const struct val *s, struct val *out)
{
    uint8_t *to;
    uint32_t left = s->n;

    EVAL_TRY(val_new_bytes(e, s->kind, s->n, &to, out));
    for (uint32_t i = 0; i < s->n;) {
        uint32_t n = 1;

        while (s->kind == VAL_STRING && i + n < s->n &&
               (s->u.p[i + n] & 0xc0) == 0x80) {
            n++;
        }
        left -= n;
        memcpy(to + left, s->u.p + i, n);
        i += n;
    }
    return 0;
}

/* Byte offset of the first t in s at or after from, or -1. */
static int64_t find_from(const struct val *s, const struct val *t,
                         uint32_t from)
{
    const uint8_t *hit;

    if (t->n == 0) {
        return from;
    }
    if (from >= s->n) {
        return -1;
    }
    hit = memmem(s->u.p + from, s->n - from, t->u.p, t->n);
    return hit != NULL ? hit - s->u.p : -1;
}

static int find(const struct val *args, struct val *out)
{
    int64_t at = find_from(&args[0], &args[1], 0);
    struct val before = args[0];

    if (at >= 0) {
        before.n = (uint32_t)at;
        at = (int64_t)points_in(&before);
    }
    *out = val_int(8, (uint64_t)at);
    return 0;
}

/* Every occurrence, from the left; an empty one is nowhere. */
static int replace(struct eval *e, const struct val *args, struct val *out)
{
    CLEANUP(buf_release) struct buf b;
    uint32_t from = 0;
    int64_t at;
    int code;

    buf_init(&b, EVAL_SEQUENCE_MAX + 1);
    while (args[1].n > 0 &&
           (at = find_from(&args[0], &args[1], from)) >= 0) {
        code = buf_put(&b, args[0].u.p + from, (uint32_t)at - from);
        code = code < 0 ? code : buf_put(&b, args[2].u.p, args[2].n);
        if (code < 0) {
            return code == ERR_LIMIT ? EVAL_E_SIZE : code;
        }
        from = (uint32_t)at + args[1].n;
    }
    code = buf_put(&b, args[0].u.p + from, args[0].n - from);
    if (code < 0) {
        return code == ERR_LIMIT ? EVAL_E_SIZE : code;
    }
    return make(e, VAL_STRING, buf_bytes(&b).p, buf_len(&b), out);
}

/* Where the part that starts at from ends, and where the next one starts. */
static uint32_t part_end(const struct val *s, const struct val *by,
                         uint32_t from, uint32_t *out_next)
{
    int64_t at;
    uint32_t end = from + 1;

    if (by->n == 0) {
        while (end < s->n && (s->u.p[end] & 0xc0) == 0x80) {
            end++;
        }
        *out_next = end < s->n ? end : UINT32_MAX;
        return end < s->n ? end : s->n;
    }
    at = find_from(s, by, from);
    *out_next = at >= 0 ? (uint32_t)at + by->n : UINT32_MAX;
    return at >= 0 ? (uint32_t)at : s->n;
}

static int split(struct eval *e, const struct val *args, struct val *out)
{
    struct val *items;
    uint32_t n = 0;

    for (uint32_t from = 0; from != UINT32_MAX; n++) { /* how many */
        (void)part_end(&args[0], &args[1], from, &from);
    }
    EVAL_TRY(val_new_array(e, n, &items, out));
    n = 0;
    for (uint32_t from = 0; from != UINT32_MAX; n++) {
        uint32_t start = from;
        uint32_t end = part_end(&args[0], &args[1], from, &from);

        EVAL_TRY(make(e, VAL_STRING, args[0].u.p + start, end - start,
                      &items[n]));
    }
    return 0;
}

static int join(struct eval *e, const struct val *args, struct val *out)
{
    const struct val *parts = &args[0];
    uint64_t n = 0;
    uint8_t *p;

    for (uint32_t i = 0; i < parts->n; i++) {
        n += parts->u.items[i].n + (i > 0 ? args[1].n : 0);
    }
    EVAL_TRY(val_new_bytes(e, VAL_STRING, n, &p, out));
    for (uint32_t i = 0; i < parts->n; i++) {
        const struct val *part = &parts->u.items[i];

        if (i > 0 && args[1].n > 0) {
            memcpy(p, args[1].u.p, args[1].n);
            p += args[1].n;
        }
        if (part->n > 0) {
            memcpy(p, part->u.p, part->n);
            p += part->n;
        }
    }
    return 0;
}

static int set_case(struct eval *e, const struct val *s, uint8_t from,
                    struct val *out)
{
    uint8_t *p;

    EVAL_TRY(val_new_bytes(e, VAL_STRING, s->n, &p, out));
    for (uint32_t i = 0; i < s->n; i++) {
        uint8_t c = s->u.p[i];

        p[i] = c >= from && c < from + 26 ? c ^ 0x20 : c;
    }
    return 0;
}

static int is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int trim(struct eval *e, const struct val *s, struct val *out)
{
    uint32_t from = 0;
    uint32_t to = s->n;

    while (from < to && is_space(s->u.p[from])) {
        from++;
    }
    while (to > from && is_space(s->u.p[to - 1])) {
        to--;
    }
    return make(e, VAL_STRING, s->u.p + from, to - from, out);
}

static int repeat(struct eval *e, const struct val *args, struct val *out)
{
    uint64_t n = args[0].n;
    uint8_t *p;

    if (n > 0 && args[1].u.bits > EVAL_SEQUENCE_MAX) {
        EVAL_TRY(eval_spend(e, args[1].u.bits));
        return EVAL_E_SIZE;
    }
    EVAL_TRY(val_new_bytes(e, VAL_STRING, n > 0 ? n * args[1].u.bits : 0, &p,
                           out));
    for (uint32_t i = 0; i < out->n; i++) {
        p[i] = args[0].u.p[i % n];
    }
    return 0;
}

static int number_text(struct eval *e, const struct val *v, struct val *out)
{
    CLEANUP(buf_release) struct buf bytes;
    CLEANUP(buf_release) struct buf text;
    uint8_t type_bytes[2] = {v->kind == VAL_INT ? TYPE_INT : TYPE_FLOAT,
                             v->code};
    struct type t;

    buf_init(&bytes, 64);
    buf_init(&text, 64);
    if (type_decode((struct ubytes){type_bytes, 2}, &t) < 0 ||
        eval_put(&bytes, v) < 0 ||
        value_put_json(&text, buf_bytes(&bytes), &t) < 0) {
        return ERR_NOMEM; /* a number is short */
    }
    if (buf_len(&text) > 0 && buf_bytes(&text).p[0] == '"') { /* NaN */
        return make(e, VAL_STRING, buf_bytes(&text).p + 1, buf_len(&text) - 2,
                    out);
    }
    return make(e, VAL_STRING, buf_bytes(&text).p, buf_len(&text), out);
}

/* The text, NUL-terminated, if it may be a number at all. */
static int number_chars(const struct val *s, int is_float,
                        char out[static NUMBER_TEXT_MAX + 1])
{
    uint32_t i = 0;

    if (s->n == 0 || s->n > NUMBER_TEXT_MAX) {
        return EVAL_E_FORM;
    }
    for (; i < s->n; i++) {
        uint8_t c = s->u.p[i];

        if (!(c >= '0' && c <= '9') && !(c == '-' && i == 0) &&
            !(is_float && (c == '.' || c == 'e' || c == 'E' || c == '-' ||
                           c == '+'))) {
            return EVAL_E_FORM;
        }
        out[i] = (char)c;
    }
    out[i] = 0;
    return out[0] == '+' ? EVAL_E_FORM : 0;
}

static int parse(const struct val *s, int is_float, struct val *out)
{
    char text[NUMBER_TEXT_MAX + 1];
    char *end;

    EVAL_TRY(number_chars(s, is_float, text));
    errno = 0;
    if (is_float) {
        *out = val_f64(strtod(text, &end));
        errno = 0; /* over and underflow have their values */
    } else {
        *out = val_int(8, (uint64_t)strtoll(text, &end, 10));
    }
    return *end == 0 && end != text && errno == 0 ? 0 : EVAL_E_FORM;
}

static int chars(struct eval *e, const struct val *s, struct val *out)
{
    struct val *items;
    struct ubytes left = val_bytes(s);
    uint32_t cp = 0;

    EVAL_TRY(val_new_array(e, points_in(s), &items, out));
    for (uint32_t i = 0; i < out->n; i++) {
        size_t n = utf8_next(left, &cp);

        items[i] = val_int(CML_INDEX_CODE, cp);
        left = (struct ubytes){left.p + n, left.n - n};
    }
    return 0;
}

static int from_chars(struct eval *e, const struct val *a, struct val *out)
{
    uint64_t n = 0;
    uint8_t four[4];
    uint8_t *p;

    for (uint32_t i = 0; i < a->n; i++) {
        uint64_t cp = a->u.items[i].u.bits;

        if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
            return EVAL_E_FORM;
        }
        n += utf8_put((uint32_t)cp, four);
    }
    EVAL_TRY(val_new_bytes(e, VAL_STRING, n, &p, out));
    for (uint32_t i = 0; i < a->n; i++) {
        n = utf8_put((uint32_t)a->u.items[i].u.bits, four);
        memcpy(p, four, n);
        p += n;
    }
    return 0;
}

static int char_at(const struct val *args, struct val *out)
{
    uint32_t at = offset_of(&args[0], args[1].u.bits);
    uint32_t cp = 0;

    if (at >= args[0].n) {
        return EVAL_E_INDEX;
    }
    (void)utf8_next((struct ubytes){args[0].u.p + at, args[0].n - at}, &cp);
    *out = val_int(CML_INDEX_CODE, cp);
    return 0;
}

static int from_utf8(struct eval *e, const struct val *y, struct val *out)
{
    if (!utf8_is_valid(val_bytes(y)) ||
        (y->n > 0 && memchr(y->u.p, 0, y->n) != NULL)) {
        return EVAL_E_FORM;
    }
    return make(e, VAL_STRING, y->u.p, y->n, out);
}

static int to_hex(struct eval *e, const struct val *y, struct val *out)
{
    uint8_t *p;

    EVAL_TRY(val_new_bytes(e, VAL_STRING, (uint64_t)y->n * 2, &p, out));
    hex_text(y->u.p, y->n, (char *)p); /* val_new_bytes has the NUL's byte */
    return 0;
}

static int from_hex(struct eval *e, const struct val *s, struct val *out)
{
    uint8_t *p;

    if (s->n % 2 != 0) {
        return EVAL_E_FORM;
    }
    EVAL_TRY(val_new_bytes(e, VAL_BYTES, s->n / 2, &p, out));
    return s->n == 0 || hex_parse((const char *)s->u.p, s->n, p) == 0
               ? 0
               : EVAL_E_FORM;
}

static int byte_list(struct eval *e, const struct val *y, struct val *out)
{
    struct val *items;

    EVAL_TRY(val_new_array(e, y->n, &items, out));
    for (uint32_t i = 0; i < y->n; i++) {
        items[i] = val_int(1 | TYPE_UNSIGNED, y->u.p[i]);
    }
    return 0;
}

static int from_bytes(struct eval *e, const struct val *a, struct val *out)
{
    uint8_t *p;

    EVAL_TRY(val_new_bytes(e, VAL_BYTES, a->n, &p, out));
    for (uint32_t i = 0; i < a->n; i++) {
        p[i] = (uint8_t)a->u.items[i].u.bits;
    }
    return 0;
}

static int is_at(const struct val *s, const struct val *t, uint32_t at)
{
    return t->n <= s->n && (t->n == 0 || memcmp(s->u.p + at, t->u.p, t->n) == 0);
}

/* Between numbers, characters, bytes and text. */
static int conversions(struct eval *e, enum core core, const struct val *a,
                       struct val *out)
{
    switch ((int)core) {
    case CORE_text:
        return number_text(e, a, out);
    case CORE_parse_int:
        return parse(a, 0, out);
    case CORE_parse_float:
        return parse(a, 1, out);
    case CORE_chars:
        return chars(e, a, out);
    case CORE_from_chars:
        return from_chars(e, a, out);
    case CORE_utf8:
        return make(e, VAL_BYTES, a->u.p, a->n, out);
    case CORE_from_utf8:
        return from_utf8(e, a, out);
    case CORE_hex:
        return to_hex(e, a, out);
    case CORE_from_hex:
        return from_hex(e, a, out);
    case CORE_byte_list:
        return byte_list(e, a, out);
    case CORE_from_bytes:
        return from_bytes(e, a, out);
    default:
        return CORE_NOT_HERE;
    }
}

int core_text(struct eval *e, enum core core, const struct val *args,
              struct val *out)
{
    const struct val *a = &args[0];

    switch ((int)core) { /* others: conversions */
    case CORE_len:
        EVAL_TRY(eval_spend(e, a->n));
        *out = val_int(U64_CODE, points_in(a));
        return 0;
    case CORE_char_at:
        return char_at(args, out);
    case CORE_slice:
        return slice(e, args, out);
    case CORE_reverse:
        return reverse(e, a, out);
    case CORE_find:
        return find(args, out);
    case CORE_replace:
        return replace(e, args, out);
    case CORE_split:
        return split(e, args, out);
    case CORE_join:
        return join(e, args, out);
    case CORE_upper:
        return set_case(e, a, 'a', out);
    case CORE_lower:
        return set_case(e, a, 'A', out);
    case CORE_trim:
        return trim(e, a, out);
    case CORE_starts_with:
        *out = val_bool(is_at(a, &args[1], 0));
        return 0;
    case CORE_ends_with:
        *out = val_bool(args[1].n <= a->n &&
                        is_at(a, &args[1], a->n - args[1].n));
        return 0;
    case CORE_repeat_text:
        return repeat(e, args, out);
    default:
        return conversions(e, core, a, out);
    }
}
