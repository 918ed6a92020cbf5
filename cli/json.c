/* JSON text, member by member. Runs in the person's process; writes memory
 * only. */
#include "cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"

#define JSON_BYTES_MAX ((size_t)1 << 30)

void json_init(struct json *j)
{
    memset(j, 0, sizeof(*j));
    buf_init(&j->b_, JSON_BYTES_MAX);
}

void json_release(struct json *j)
{
    buf_release(&j->b_);
}

static void put(struct json *j, const void *p, size_t n)
{
    if (j->rc_ == 0) {
        j->rc_ = buf_put(&j->b_, p, n);
    }
}

static void put_s(struct json *j, const char *s)
{
    put(j, s, strlen(s));
}

static void newline(struct json *j)
{
    static const char spaces[] = "                                ";

    put_s(j, "\n");
    put(j, spaces, j->depth_ < 16 ? j->depth_ * 2u : 32u);
}

/* Length of the UTF-8 sequence at s, 0 if it is none. */
static size_t sequence(struct ubytes s)
{
    size_t n;

    for (n = 1; n <= 4 && n <= s.n; n++) {
        if (utf8_is_valid((struct ubytes){s.p, n})) {
            return n;
        }
    }
    return 0;
}

static void put_escaped(struct json *j, uint8_t c)
{
    char text[8];

    switch (c) {
    case '"':
        put_s(j, "\\\"");
        break;
    case '\\':
        put_s(j, "\\\\");
        break;
    case '\n':
        put_s(j, "\\n");
        break;
    case '\t':
        put_s(j, "\\t");
        break;
    default:
        (void)snprintf(text, sizeof(text), "\\u%04x", c);
        put_s(j, text);
        break;
    }
}

static int is_plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
}

static void put_string(struct json *j, struct ubytes s)
{
    size_t i = 0;

    put_s(j, "\"");
    while (i < s.n) {
        size_t run = i;

        while (run < s.n && is_plain(s.p[run])) {
            run++;
        }
        put(j, s.p + i, run - i);
        i = run;
        if (i == s.n) {
            break;
        }
        if (s.p[i] < 0x80) {
            put_escaped(j, s.p[i]);
            i++;
            continue;
        }
        run = sequence((struct ubytes){s.p + i, s.n - i});
        if (run == 0) {
            put_s(j, "\xef\xbf\xbd");
            i++;
        } else {
            put(j, s.p + i, run);
            i += run;
        }
    }
    put_s(j, "\"");
}

/* Comma, line break, key: what stands before every value. */
static void member(struct json *j, const char *key)
{
    uint32_t bit = 1u << j->depth_;

    if (j->depth_ > 0) {
        int in_array = (j->array_ & bit) != 0;

        ASSERT(in_array == (key == NULL));
        if ((j->filled_ & bit) != 0) {
            put_s(j, ",");
        }
        newline(j);
        if (key != NULL) {
            put_string(j, (struct ubytes){(const uint8_t *)key, strlen(key)});
            put_s(j, ": ");
        }
    } else {
        ASSERT(key == NULL && (j->filled_ & bit) == 0);
    }
    j->filled_ |= bit;
}

static void open_level(struct json *j, const char *key, int is_array)
{
    uint32_t bit;

    member(j, key);
    ASSERT(j->depth_ + 1 < JSON_DEPTH_MAX);
    put_s(j, is_array ? "[" : "{");
    j->depth_++;
    bit = 1u << j->depth_;
    j->filled_ &= ~bit;
    j->array_ = is_array ? j->array_ | bit : j->array_ & ~bit;
}

void json_object(struct json *j, const char *key)
{
    open_level(j, key, 0);
}

void json_array(struct json *j, const char *key)
{
    open_level(j, key, 1);
}

void json_close(struct json *j)
{
    uint32_t bit = 1u << j->depth_;

    ASSERT(j->depth_ > 0);
    j->depth_--;
    if ((j->filled_ & bit) != 0) {
        newline(j);
    }
    put_s(j, (j->array_ & bit) != 0 ? "]" : "}");
}

void json_text(struct json *j, const char *key, struct ubytes s)
{
    member(j, key);
    put_string(j, s);
}

void json_str(struct json *j, const char *key, const char *s)
{
    json_text(j, key, (struct ubytes){(const uint8_t *)s, strlen(s)});
}

void json_hex(struct json *j, const char *key, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = p;
    size_t i;

    member(j, key);
    put_s(j, "\"");
    for (i = 0; i < n; i++) {
        put(j, &digits[b[i] >> 4], 1);
        put(j, &digits[b[i] & 15], 1);
    }
    put_s(j, "\"");
}

void json_base64(struct json *j, const char *key, struct ubytes bytes)
{
    size_t at;

    member(j, key);
    put_s(j, "\"");
    for (at = 0; at < bytes.n; at += 48) {
        size_t n = bytes.n - at < 48 ? bytes.n - at : 48;
        char text[65]; /* 48 bytes are 64 digits, none of them padding */

        put_s(j, sodium_bin2base64(text, sizeof(text), bytes.p + at, n,
                                   sodium_base64_VARIANT_ORIGINAL));
    }
    put_s(j, "\"");
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
    char text[24];

    member(j, key);
    (void)snprintf(text, sizeof(text), "%" PRIu64, v);
    put_s(j, text);
}

void json_i64(struct json *j, const char *key, int64_t v)
{
    char text[24];

    member(j, key);
    (void)snprintf(text, sizeof(text), "%" PRId64, v);
    put_s(j, text);
}

void json_f64(struct json *j, const char *key, double v)
{
    char text[40];

    if (isnan(v)) {
        json_str(j, key, "NaN");
        return;
    }
    if (isinf(v)) {
        json_str(j, key, v > 0 ? "Infinity" : "-Infinity");
        return;
    }
    member(j, key);
    (void)snprintf(text, sizeof(text), "%.17g", v);
    put_s(j, text);
}

void json_ms(struct json *j, const char *key, double seconds)
{
    char text[40];

    member(j, key);
    (void)snprintf(text, sizeof(text), "%.3f", seconds);
    put_s(j, text);
}

void json_bool(struct json *j, const char *key, int v)
{
    member(j, key);
    put_s(j, v ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    member(j, key);
    put_s(j, "null");
}

void json_raw(struct json *j, const char *key, struct ubytes json)
{
    member(j, key);
    put(j, json.p, json.n);
}

int json_end(struct json *j, struct ubytes *out)
{
    ASSERT(j->depth_ == 0);
    if (j->rc_ == 0 && (j->filled_ & 1u) != 0) {
        put_s(j, "\n");
    }
    TRY(j->rc_);
    *out = buf_bytes(&j->b_);
    return 0;
}
