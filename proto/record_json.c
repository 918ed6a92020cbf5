/* Records as JSON, for people and scripts. Any process; output is data only: a
 * string that holds control or direction characters is escaped, so that
 * printing it cannot steer a terminal. */
#include "proto/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"

#define NS_PER_S 1000000000ull

/* Decodes one code point of valid UTF-8; *i moves past it. */
static uint32_t next_code_point(struct ubytes s, size_t *i)
{
    uint32_t c = s.p[(*i)++];
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

    if (more > 0) {
        c &= 0x3fu >> more;
    }
    while (more-- > 0 && *i < s.n) {
        c = c << 6 | (s.p[(*i)++] & 0x3fu);
    }
    return c;
}

/* C0, DEL, C1, bidi controls, line separators. */
static int must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
           (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static int put_string(struct buf *b, struct ubytes s)
{
    size_t i = 0;

    TRY(buf_put_u8(b, '"'));
    while (i < s.n) {
        size_t start = i;
        uint32_t c = next_code_point(s, &i);

        if (c == '"' || c == '\\') {
            TRY(buf_put_u8(b, '\\'));
            TRY(buf_put_u8(b, (uint8_t)c));
        } else if (must_escape(c)) {
            TRY(buf_putf(b, "\\u%04x", (unsigned)c));
        } else {
            TRY(buf_put(b, s.p + start, i - start));
        }
    }
    return buf_put_u8(b, '"');
}

static int put_hex(struct buf *b, const uint8_t *p, size_t n)
{
    char text[2 * CID_BYTES + 1];

    ASSERT(n <= CID_BYTES);
    hex_text(p, n, text);
    return buf_putf(b, "\"%s\"", text);
}

static int put_hash(struct buf *b, const uint8_t h[static 32])
{
    static const uint8_t zero[32];

    if (memcmp(h, zero, sizeof(zero)) == 0) {
        return buf_put(b, "null", 4);
    }
    return put_hex(b, h, 32);
}

/* The fewest digits that read back to the same bits. JSON has no infinities and
 * no NaN: those become strings. */
static int put_f64(struct buf *b, double v)
{
    char text[40];
    int digits;

    if (!isfinite(v)) {
        return buf_putf(b, "\"%s\"", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    }
    for (digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    return buf_put(b, text, strlen(text));
}

static int put_bytes_hex(struct buf *b, struct ubytes s)
{
    size_t i;

    TRY(buf_put_u8(b, '"'));
    for (i = 0; i < s.n; i++) {
        TRY(buf_putf(b, "%02x", s.p[i]));
    }
    return buf_put_u8(b, '"');
}

static int put_cids(struct buf *b, struct ubytes s)
{
    size_t i;

    TRY(buf_put_u8(b, '['));
    for (i = 0; i + CID_BYTES <= s.n; i += CID_BYTES) {
        if (i > 0) {
            TRY(buf_put_u8(b, ','));
        }
        TRY(put_hex(b, s.p + i, CID_BYTES));
    }
    return buf_put_u8(b, ']');
}

static int put_field(struct buf *b, const struct record *r, enum record_field f)
{
    switch (record_field_info(f)->type) {
    case RT_U8:
    case RT_U32:
    case RT_U64:
        return buf_putf(b, "%llu", (unsigned long long)record_u(r, f));
    case RT_F64:
        return put_f64(b, record_f64(r, f));
    case RT_HASH:
        return put_hash(b, record_hash(r, f));
    case RT_STR:
        return put_string(b, record_bytes(r, f));
    case RT_BYTES:
        return put_bytes_hex(b, record_bytes(r, f));
    case RT_CIDS:
        return put_cids(b, record_bytes(r, f));
    }
    return ERR_TRACE(ERR_INTERNAL);
}

/* Coded numbers also get their word. */
static int put_word(struct buf *b, const char *name, uint64_t v)
{
    const char *word;

    if (strcmp(name, "verdict") == 0) {
        word = verdict_name((unsigned)v);
    } else if (strcmp(name, "level") == 0) {
        word = level_name((unsigned)v);
    } else if (strcmp(name, "metric") == 0) {
        word = metric_name((unsigned)v);
    } else if (strcmp(name, "state") == 0) {
        word = state_name((unsigned)v);
    } else {
        return 0;
    }
    return buf_putf(b, ",\"%s_name\":\"%s\"", name, word);
}

/* RFC 3339, UTC, nanoseconds. */
static int put_time(struct buf *b, uint64_t wall_ns)
{
    time_t s = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    char text[32];

    if (gmtime_r(&s, &tm) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        return ERR_TRACE(ERR_INTERNAL);
    }
    return buf_putf(b, "\"%s.%09lluZ\"", text,
                    (unsigned long long)(wall_ns % NS_PER_S));
}

int record_put_json(struct buf *b, const struct record *r,
                    const uint8_t leaf_hash[static 32])
{
    unsigned n = record_fields_n(r->kind);
    unsigned i;

    TRY(buf_putf(b, "{\"seq\":%llu,\"kind\":\"%s\",\"hash\":",
                 (unsigned long long)r->seq, record_kind_name(r->kind)));
    TRY(put_hex(b, leaf_hash, 32));
    TRY(buf_putf(b, ",\"prev\":"));
    TRY(put_hash(b, r->prev));
    TRY(buf_putf(
        b, ",\"wall_ns\":%llu,\"wall\":", (unsigned long long)r->wall_ns));
    TRY(put_time(b, r->wall_ns));
    TRY(buf_putf(b, ",\"mono_ns\":%llu", (unsigned long long)r->mono_ns));
    for (i = 0; i < n; i++) {
        enum record_field f =
            (enum record_field)((unsigned)record_first_field(r->kind) + i);
        const struct record_field_info *info = record_field_info(f);

        TRY(buf_putf(b, ",\"%s\":", info->name));
        TRY(put_field(b, r, f));
        if (info->type == RT_U8) {
            TRY(put_word(b, info->name, record_u(r, f)));
        }
    }
    return buf_put_u8(b, '}');
}
