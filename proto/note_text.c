/* Pieces of the texts that C2SP defines. Any process. Strict: each value has one
 * spelling. */
#include "proto/note_text.h"

#include <sodium.h>
#include <string.h>

#include "proto/err.h"

#define HASH_TEXT 44 /* base64 of 32 bytes */

int note_text_is(struct note_text t, const char *s)
{
    return t.n == strlen(s) && memcmp(t.p, s, t.n) == 0;
}

int note_take_line(struct note_text *rest, struct note_text *out)
{
    const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);

    if (end == NULL) {
        return 0;
    }
    out->p = rest->p;
    out->n = (size_t)(end - rest->p);
    rest->p = end + 1;
    rest->n -= out->n + 1;
    return 1;
}

int note_take_prefix(struct note_text *t, const void *prefix, size_t n)
{
    if (t->n < n || memcmp(t->p, prefix, n) != 0) {
        return 0;
    }
    t->p += n;
    t->n -= n;
    return 1;
}

int note_parse_u64(struct note_text t, uint64_t *out)
{
    uint64_t v = 0;
    size_t i;

    if (t.n == 0 || (t.n > 1 && t.p[0] == '0')) {
        return 0;
    }
    for (i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9' ||
            __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (unsigned)(t.p[i] - '0'), &v)) {
            return 0;
        }
    }
    *out = v;
    return 1;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int note_base64_decode(struct note_text t, uint8_t *out, size_t cap,
                       size_t *out_n)
{
    size_t pad = 0;
    size_t n = 0;
    size_t i;
    uint32_t acc = 0;

    if (t.n == 0 || t.n % 4 != 0) {
        return 0;
    }
    pad = t.p[t.n - 1] != '=' ? 0 : t.p[t.n - 2] != '=' ? 1 : 2;
    for (i = 0; i < t.n - pad; i++) {
        int digit = base64_digit(t.p[i]);

        if (digit < 0) {
            return 0;
        }
        acc = acc << 6 | (uint32_t)digit;
        if (i % 4 == 0) {
            continue; /* six bits are no byte yet */
        }
        if (n < cap) {
            out[n] = (uint8_t)(acc >> (6 - 2 * (i % 4)));
        }
        n++;
    }
    *out_n = n;
    return (acc & ((1u << (2 * pad)) - 1)) == 0;
}

int note_parse_hash(struct note_text t, struct merkle_hash *out)
{
    size_t n;

    return t.n == HASH_TEXT &&
           note_base64_decode(t, out->b, sizeof(out->b), &n) &&
           n == sizeof(out->b);
}

int note_put_base64(struct buf *b, const uint8_t *p, size_t n)
{
    size_t room = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *text;

    TRY(buf_extend(b, room, &text));
    sodium_bin2base64((char *)text, room, p, n, sodium_base64_VARIANT_ORIGINAL);
    buf_truncate(b, buf_len(b) - 1); /* its NUL */
    return 0;
}
