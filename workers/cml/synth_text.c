/* The enumerator's operators over strings. Places count code points; most strings
 * are ASCII, where they are bytes. Runs in the `cml` worker. */
#include <stdio.h>
#include <string.h>

#include "workers/cml/synth_int.h"

uint32_t synth_offset(const struct pool_item *s, uint64_t k)
{
    uint32_t at = 0;

    if (s->points == s->n || k >= s->points) {
        return k < s->points ? (uint32_t)k : s->n;
    }
    for (at = 0; at < s->n; at++) {
        if ((s->p[at] & 0xc0) != 0x80 && k-- == 0) {
            break;
        }
    }
    return at;
}

static uint32_t points_before(const struct pool_item *s, uint32_t byte)
{
    uint32_t points = 0;

    if (s->points == s->n) {
        return byte;
    }
    for (uint32_t i = 0; i < byte; i++) {
        points += (s->p[i] & 0xc0) != 0x80;
    }
    return points;
}

static uint64_t part_of(struct problem *p, const struct pool_item *s,
                        uint64_t from, uint64_t to)
{
    uint32_t a = synth_offset(s, from);
    uint32_t b = synth_offset(s, to);

    return pool_text(&p->pool, s->p + a, b > a ? b - a : 0);
}

/* Byte of the first occurrence of t in s from a byte on, or UINT32_MAX. */
static uint32_t find_from(const struct pool_item *s, uint32_t from,
                          const struct pool_item *t)
{
    for (uint32_t i = from; i + t->n <= s->n; i++) {
        const uint8_t *hit;

        if (t->n == 0) {
            return i;
        }
        hit = memchr(s->p + i, t->p[0], s->n - t->n - i + 1);
        if (hit == NULL) {
            return UINT32_MAX;
        }
        i = (uint32_t)(hit - s->p);
        if (memcmp(hit, t->p, t->n) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint64_t find(const struct pool_item *s, const struct pool_item *t,
                     uint64_t from)
{
    uint32_t at;

    if (from > s->points) {
        return ~(uint64_t)0;
    }
    at = find_from(s, synth_offset(s, from), t);
    return at == UINT32_MAX ? ~(uint64_t)0 : points_before(s, at);
}

static uint64_t join(struct problem *p, const struct pool_item *a,
                     const struct pool_item *b)
{
    uint8_t text[SYNTH_SEQUENCE_MAX];

    if (a->n + b->n > sizeof(text)) {
        return SYNTH_NO_VALUE;
    }
    memcpy(text, a->p, a->n);
    memcpy(text + a->n, b->p, b->n);
    return pool_text(&p->pool, text, a->n + b->n);
}

/* most: occurrences. An empty t: the first replacement goes before s; all of them
 * are none. */
static uint64_t replace(struct problem *p, const struct pool_item *s,
                        const struct pool_item *t, const struct pool_item *by,
                        uint32_t most)
{
    uint8_t text[SYNTH_SEQUENCE_MAX];
    uint32_t at = 0;
    uint32_t n = 0;

    for (; most > 0 && (t->n > 0 || most == 1); most--) {
        uint32_t hit = find_from(s, at, t);
        uint32_t before = hit - at;

        if (hit == UINT32_MAX) {
            break;
        }
        if (n + before + by->n > sizeof(text)) {
            return SYNTH_NO_VALUE;
        }
        memcpy(text + n, s->p + at, before);
        memcpy(text + n + before, by->p, by->n);
        n += before + by->n;
        at = hit + t->n;
    }
    if (n + s->n - at > sizeof(text)) {
        return SYNTH_NO_VALUE;
    }
    memcpy(text + n, s->p + at, s->n - at);
    return pool_text(&p->pool, text, n + s->n - at);
}

static uint64_t to_int(const struct pool_item *s)
{
    uint64_t v = 0;

    if (s->n == 0 || s->n > 18) {
        return ~(uint64_t)0;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') {
            return ~(uint64_t)0;
        }
        v = v * 10 + s->p[i] - '0';
    }
    return v;
}

static uint64_t decimal(struct problem *p, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)v);

    return pool_text(&p->pool, (const uint8_t *)text, (size_t)n);
}

static uint64_t with_case(struct problem *p, const struct pool_item *s,
                          uint8_t first, uint8_t flip)
{
    uint8_t text[SYNTH_SEQUENCE_MAX];

    for (uint32_t i = 0; i < s->n; i++) {
        int is = s->p[i] >= first && s->p[i] < first + 26;

        text[i] = is ? s->p[i] ^ flip : s->p[i];
    }
    return pool_text(&p->pool, text, s->n);
}

static int is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint64_t trim(struct problem *p, const struct pool_item *s)
{
    uint32_t from = 0;
    uint32_t to = s->n;

    while (from < to && is_space(s->p[from])) {
        from++;
    }
    while (to > from && is_space(s->p[to - 1])) {
        to--;
    }
    return pool_text(&p->pool, s->p + from, to - from);
}

/* Between separators; an empty one: code points. */
static uint64_t part(struct problem *p, const struct pool_item *s,
                     const struct pool_item *t, int64_t k)
{
    uint32_t at = 0;
    int64_t parts = 1;

    if (t->n == 0) {
        k += k < 0 ? (int64_t)s->points : 0;
        return part_of(p, s, k < 0 ? s->points : (uint64_t)k,
                       k < 0 ? s->points : (uint64_t)k + 1);
    }
    if (k < 0) {
        for (uint32_t hit; (hit = find_from(s, at, t)) != UINT32_MAX;) {
            parts++;
            at = hit + t->n;
        }
        k += parts;
        at = 0;
    }
    for (int64_t i = 0; k >= 0; i++) {
        uint32_t hit = find_from(s, at, t);
        uint32_t end = hit == UINT32_MAX ? s->n : hit;

        if (i == k) {
            return pool_text(&p->pool, s->p + at, end - at);
        }
        if (hit == UINT32_MAX) {
            break;
        }
        at = hit + t->n;
    }
    return pool_text(&p->pool, s->p, 0);
}

static uint64_t substr(struct problem *p, const struct pool_item *s, int64_t i,
                       int64_t n)
{
    if (i < 0 || n <= 0 || (uint64_t)i >= s->points) {
        return pool_text(&p->pool, s->p, 0);
    }
    return part_of(p, s, (uint64_t)i, (uint64_t)i + (uint64_t)n);
}

static int begins(const struct pool_item *s, const struct pool_item *t)
{
    return t->n <= s->n && memcmp(s->p, t->p, t->n) == 0;
}

static int ends(const struct pool_item *s, const struct pool_item *t)
{
    return t->n <= s->n && memcmp(s->p + s->n - t->n, t->p, t->n) == 0;
}

/* A flat switch. Items move when the pool grows, and so are copied. */
uint64_t synth_text_value(struct problem *p, enum synth_op op,
                          const uint64_t *a)
{
    const char *signature = synth_op_info(op)->signature;
    struct pool_item v[SYNTH_ARGS_MAX] = {{.n = 0}};

    for (unsigned i = 0; i < synth_op_args(op); i++) {
        if (signature[i] == 's') {
            v[i] = *pool_at(&p->pool, a[i]);
        }
    }
    switch ((int)op) {
    case SYNTH_OP_concat:
        return join(p, &v[0], &v[1]);
    case SYNTH_OP_len:
        return v[0].points;
    case SYNTH_OP_at:
        return substr(p, &v[0], (int64_t)a[1], 1);
    case SYNTH_OP_substr:
        return substr(p, &v[0], (int64_t)a[1], (int64_t)a[2]);
    case SYNTH_OP_find:
        return find(&v[0], &v[1], 0);
    case SYNTH_OP_indexof:
        return find(&v[0], &v[1], (int64_t)a[2] < 0 ? ~(uint64_t)0 : a[2]);
    case SYNTH_OP_replace:
        return replace(p, &v[0], &v[1], &v[2], 1);
    case SYNTH_OP_replace_all:
        return replace(p, &v[0], &v[1], &v[2], UINT32_MAX);
    case SYNTH_OP_to_int:
        return to_int(&v[0]);
    case SYNTH_OP_from_int:
        return (int64_t)a[0] < 0 ? pool_text(&p->pool, (const uint8_t *)"", 0)
                                 : decimal(p, (int64_t)a[0]);
    case SYNTH_OP_text:
        return decimal(p, (int64_t)a[0]);
    case SYNTH_OP_prefixof:
        return (uint64_t)begins(&v[1], &v[0]);
    case SYNTH_OP_suffixof:
        return (uint64_t)ends(&v[1], &v[0]);
    case SYNTH_OP_contains:
        return find_from(&v[0], 0, &v[1]) != UINT32_MAX;
    case SYNTH_OP_upper:
        return with_case(p, &v[0], 'a', 0x20);
    case SYNTH_OP_lower:
        return with_case(p, &v[0], 'A', 0x20);
    case SYNTH_OP_trim:
        return trim(p, &v[0]);
    default:
        return part(p, &v[0], &v[1], (int64_t)a[2]);
    }
}
