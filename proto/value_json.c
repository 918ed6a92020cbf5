/* Values as JSON, for programs and people. Runs in workers and the command line
 * (the kernel prints no text of values but in diagnoses). Values describe
 * themselves, so this is one flat pass over the nodes; no recursion. */
#include "proto/value.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cid.h"
#include "proto/err.h"
#include "proto/utf8.h"

#define FLOAT_TEXT_BYTES 40

/* Reads the text back in the width it came from. */
static uint64_t bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static int reads_back(const char *text, double v, int is_f32)
{
    if (is_f32) {
        return bits_of((double)strtof(text, NULL)) == bits_of((double)(float)v);
    }
    return bits_of(strtod(text, NULL)) == bits_of(v);
}

/* Fewest digits that read back. Any decimal of 15 (f32: 6) digits survives the
 * way through a normal number, so the first length that can fail is the first
 * worth trying; %g drops the zeros of shorter ones. Subnormals keep fewer. */
static void float_text(double v, int is_f32, char out[static FLOAT_TEXT_BYTES])
{
    int from = is_f32 ? FLT_DIG : DBL_DIG;
    int to = is_f32 ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    double least = is_f32 ? (double)FLT_MIN : DBL_MIN;

    if (fabs(v) < least) {
        from = 1;
    }
    for (int digits = from; digits <= to; digits++) {
        (void)snprintf(out, FLOAT_TEXT_BYTES - 2, "%.*g", digits, v);
        if (reads_back(out, v, is_f32)) {
            break;
        }
    }
    /* So that a reader that knows integers still sees a float, and -0.0. */
    if (strpbrk(out, ".e") == NULL) {
        memcpy(out + strlen(out), ".0", 3);
    }
}

static int put_float(struct buf *b, double v, int is_f32)
{
    char text[FLOAT_TEXT_BYTES];

    if (isnan(v)) {
        return buf_putf(b, "\"NaN\"");
    }
    if (isinf(v)) {
        return buf_putf(b, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    }
    float_text(v, is_f32, text);
    return buf_put(b, text, strlen(text));
}

int value_put_json_f64(struct buf *b, double v)
{
    return put_float(b, v, 0);
}

static int put_float_node(struct buf *b, struct rd *r)
{
    if (rd_u8(r) == 4) {
        uint32_t bits = rd_u32(r);
        float v;

        memcpy(&v, &bits, sizeof(v));
        return put_float(b, (double)v, 1);
    } else {
        uint64_t bits = rd_u64(r);
        double v;

        memcpy(&v, &bits, sizeof(v));
        return put_float(b, v, 0);
    }
}

static int put_int_node(struct buf *b, struct rd *r)
{
    uint8_t code = rd_u8(r);
    struct ubytes in = rd_take(r, code & ~(unsigned)TYPE_UNSIGNED);
    int is_signed = (code & TYPE_UNSIGNED) == 0;
    uint64_t bits = 0;

    if (in.n == 0 || in.n > 8) {
        return ERR_ENCODING;
    }
    if (is_signed && in.p[0] >= 0x80) {
        bits = UINT64_MAX; /* sign-extends */
    }
    for (size_t i = 0; i < in.n; i++) {
        bits = bits << 8 | in.p[i];
    }
    if (is_signed) {
        return buf_putf(b, "%" PRId64, (int64_t)bits);
    }
    return buf_putf(b, "%" PRIu64, bits);
}

/* Short escape of a character, or 0. */
static char short_escape(uint32_t cp)
{
    switch (cp) {
    case '"':
    case '\\':
        return (char)cp;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static int put_string(struct buf *b, struct ubytes s)
{
    TRY(buf_put_u8(b, '"'));
    while (s.n > 0) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);

        if (n == 0) {
            return ERR_ENCODING;
        }
        if (short_escape(cp) != 0) {
            TRY(buf_putf(b, "\\%c", short_escape(cp)));
        } else if (utf8_is_unsafe(cp)) {
            TRY(buf_putf(b, "\\u%04" PRIx32, cp)); /* all below 10000h */
        } else {
            TRY(buf_put(b, s.p, n));
        }
        s.p += n;
        s.n -= n;
    }
    return buf_put_u8(b, '"');
}

int value_put_json_string(struct buf *b, struct ubytes s)
{
    return put_string(b, s);
}

static int put_hex(struct buf *b, struct ubytes s)
{
    TRY(buf_put_u8(b, '"'));
    while (s.n > 0) {
        char text[2 * 64 + 1];
        size_t n = s.n < 64 ? s.n : 64;

        hex_text(s.p, n, text);
        TRY(buf_put(b, text, 2 * n));
        s.p += n;
        s.n -= n;
    }
    return buf_put_u8(b, '"');
}

/* A node that is not a list or tuple. */
static int put_scalar(struct buf *b, struct rd *r, uint8_t tag)
{
    switch (tag) {
    case VALUE_FALSE:
        return buf_putf(b, "false");
    case VALUE_TRUE:
        return buf_putf(b, "true");
    case TYPE_INT:
        return put_int_node(b, r);
    case TYPE_FLOAT:
        return put_float_node(b, r);
    case TYPE_STRING:
        return put_string(b, rd_bytes32(r));
    case TYPE_BYTES:
        return put_hex(b, rd_bytes32(r));
    default:
        return ERR_ENCODING;
    }
}

/* Closes what is complete after a node. */
static int close_arrays(struct buf *b, uint32_t *left, unsigned *depth)
{
    while (*depth > 0) {
        if (left[*depth - 1] > 0) {
            left[*depth - 1]--;
        }
        if (left[*depth - 1] > 0) {
            return buf_put_u8(b, ',');
        }
        TRY(buf_put_u8(b, ']'));
        (*depth)--;
    }
    return 0;
}

int value_put_json(struct buf *b, struct ubytes v, const struct type *t)
{
    uint32_t left[TYPE_DEPTH_MAX];
    unsigned depth = 0;
    struct rd r;

    ASSERT(t->n > 0);
    rd_init(&r, v);
    do {
        uint8_t tag = rd_u8(&r);

        if (tag == TYPE_LIST || tag == TYPE_TUPLE) {
            uint32_t n = rd_u32(&r);

            if (depth == TYPE_DEPTH_MAX || rd_is_bad(&r)) {
                return ERR_TRACE(ERR_ENCODING);
            }
            TRY(buf_put_u8(b, '['));
            left[depth] = n;
            depth++;
            if (n > 0) {
                continue;
            }
        } else {
            TRY(put_scalar(b, &r, tag));
        }
        TRY(close_arrays(b, left, &depth));
    } while (depth > 0 && !rd_is_bad(&r));
    return rd_end(&r);
}
