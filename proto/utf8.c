/* Strict UTF-8. Runs in every process, on hostile bytes; must never read past
 * the length it was given nor let a control character through to a terminal. */
#include "proto/utf8.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the well-formed sequence at the front of s, its scalar value in
 * *out_cp; 0 if there is none. Ranges: RFC 3629 section 4. */
static size_t sequence(struct ubytes s, uint32_t *out_cp)
{
    uint8_t first = s.n > 0 ? s.p[0] : 0xff;
    uint8_t lo = 0x80; /* bounds of the second byte */
    uint8_t hi = 0xbf;
    size_t n;

    if (first < 0x80) {
        *out_cp = first;
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (n > s.n) {
        return 0;
    }
    if (first == 0xe0) {
        lo = 0xa0;
    } else if (first == 0xed) {
        hi = 0x9f;
    } else if (first == 0xf0) {
        lo = 0x90;
    } else if (first == 0xf4) {
        hi = 0x8f;
    }
    *out_cp = first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (s.p[i] < lo || s.p[i] > hi) {
            return 0;
        }
        *out_cp = *out_cp << 6 | (s.p[i] & 0x3fu);
        lo = 0x80;
        hi = 0xbf;
    }
    return n;
}

/* How many bytes at the front are ASCII, in steps of eight: most text is, and
 * every record of a ledger comes through here. */
static size_t ascii(struct ubytes s)
{
    size_t i = 0;

    while (s.n - i >= sizeof(uint64_t)) {
        uint64_t eight;

        memcpy(&eight, s.p + i, sizeof(eight));
        if ((eight & 0x8080808080808080u) != 0) {
            break;
        }
        i += sizeof(eight);
    }
    return i;
}

int utf8_is_valid(struct ubytes s)
{
    while (s.n > 0) {
        size_t n = ascii(s);
        uint32_t cp;

        if (n == 0) {
            n = sequence(s, &cp);
        }
        if (n == 0) {
            return 0;
        }
        s.p += n;
        s.n -= n;
    }
    return 1;
}

size_t utf8_next(struct ubytes s, uint32_t *out_cp)
{
    return sequence(s, out_cp);
}

size_t utf8_put(uint32_t cp, uint8_t out[static 4])
{
    ASSERT(cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff));
    if (cp < 0x80) {
        out[0] = (uint8_t)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (uint8_t)(0xc0 | cp >> 6);
        out[1] = (uint8_t)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (uint8_t)(0xe0 | cp >> 12);
        out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | cp >> 18);
    out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (cp & 0x3f));
    return 4;
}

int utf8_is_unsafe(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c ||
           cp == 0x200e || cp == 0x200f || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

void utf8_escape(struct ubytes s, char *out, size_t out_n)
{
    size_t at = 0;

    ASSERT(out_n > 0);
    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = sequence(s, &cp);

        if (n > 0 && !utf8_is_unsafe(cp)) {
            if (n >= out_n - at) {
                break;
            }
            memcpy(out + at, s.p, n);
            at += n;
        } else {
            n = 1; /* byte by byte; what follows is judged anew */
            if (4 >= out_n - at) {
                break;
            }
            (void)snprintf(out + at, 5, "\\x%02x", s.p[0]);
            at += 4;
        }
        s.p += n;
        s.n -= n;
    }
    out[at] = '\0';
}
