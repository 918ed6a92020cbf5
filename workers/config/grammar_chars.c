/* Sets of code points as sequences of byte ranges. Runs in the confined `config`
 * worker. */
#include <stdio.h>
#include <string.h>

#include "proto/sort.h"
#include "proto/utf8.h"
#include "workers/config/grammar_forms.h"

#define POINT_MAX 0x10ffffu

int chars_add(struct grammar *g, struct chars *s, uint32_t lo, uint32_t hi)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap > 0 ? s->cap * 2 : 8;
        struct chars_range *v =
            arena_array(&g->c->scratch, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_NOMEM;
        }
        if (s->n > 0) {
            memcpy(v, s->v, s->n * sizeof(*v));
        }
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = (struct chars_range){lo, hi};
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct chars_range *x = a;
    const struct chars_range *y = b;

    return (x->lo > y->lo) - (x->lo < y->lo);
}

void chars_tidy(struct chars *s)
{
    uint32_t n = 0;

    if (s->n > 1) {
        sort_items(s->v, s->n, sizeof(*s->v), compare);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        if (n > 0 && s->v[i].lo <= s->v[n - 1].hi + 1) {
            if (s->v[i].hi > s->v[n - 1].hi) {
                s->v[n - 1].hi = s->v[i].hi;
            }
        } else {
            s->v[n++] = s->v[i];
        }
    }
    s->n = n;
}

int chars_invert(struct grammar *g, struct chars *s)
{
    struct chars out = {0};
    uint32_t from = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        if (s->v[i].lo > from) {
            TRY(chars_add(g, &out, from, s->v[i].lo - 1));
        }
        from = s->v[i].hi + 1;
    }
    if (from <= POINT_MAX) {
        TRY(chars_add(g, &out, from, POINT_MAX));
    }
    *s = out;
    return 0;
}

/* Code points of one length whose bytes, from the first that differs on, run
 * through whole ranges: one sequence of ranges. */
static int add_sequence(struct grammar *g, struct gx *out, uint32_t lo,
                        uint32_t hi)
{
    uint8_t first[4];
    uint8_t last[4];
    size_t n = utf8_put(lo, first);
    struct gx *x = gx_new(g, GX_SEQ);

    (void)utf8_put(hi, last);
    for (size_t i = 0; x != NULL && i < n; i++) {
        TRY(gx_add(g, x, gx_range(g, first[i], last[i])));
    }
    return gx_add(g, out, x);
}

/* [lo, hi] cut where the number of bytes changes, around surrogates, and until
 * each piece is one sequence. */
static int add_points(struct grammar *g, struct gx *out, uint32_t lo,
                      uint32_t hi)
{
    static const uint32_t ends[] = {0x7f,   0x7ff,  0xd7ff,
                                    0xdfff, 0xffff, POINT_MAX};

    while (lo <= hi) {
        uint32_t end = hi;

        for (size_t i = ARRAY_N(ends); i > 0; i--) {
            if (lo <= ends[i - 1] && ends[i - 1] < end) {
                end = ends[i - 1];
            }
        }
        /* From the last byte on: either all of its values or one cut. */
        for (unsigned shift = 6; lo > 0x7f && shift <= 18; shift += 6) {
            uint32_t low = (1u << shift) - 1;

            if ((lo & ~low) == (end & ~low)) {
                break;
            }
            if ((lo & low) != 0) {
                end = lo | low;
                break;
            }
            if ((end & low) != low) {
                end = (end & ~low) - 1;
            }
        }
        if (lo < 0xd800 || lo > 0xdfff) {
            TRY(add_sequence(g, out, lo, end));
        }
        lo = end + 1;
    }
    return 0;
}

/* Code points below 0x20, the quote and the backslash, as JSON has to escape
 * them, in its one shortest way. */
static int add_escape(struct grammar *g, struct gx *out, uint32_t cp)
{
    static const char named[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    const char *hit = cp != 0 ? strchr(named, (int)cp) : NULL;
    char text[8];

    if (hit != NULL) {
        (void)snprintf(text, sizeof(text), "\\%c", letters[hit - named]);
    } else {
        (void)snprintf(text, sizeof(text), "\\u%04x", cp & 0xff);
    }
    return gx_add(g, out, gx_text(g, text));
}

static int add_json(struct grammar *g, struct gx *out, uint32_t lo, uint32_t hi)
{
    static const uint32_t escaped[] = {'"', '\\'};

    for (; lo < 0x20 && lo <= hi; lo++) {
        TRY(add_escape(g, out, lo));
    }
    for (size_t i = 0; i < ARRAY_N(escaped); i++) {
        uint32_t cp = escaped[i];

        if (lo <= cp && cp <= hi) {
            TRY(add_escape(g, out, cp));
            if (lo < cp) {
                TRY(add_points(g, out, lo, cp - 1));
            }
            lo = cp + 1;
        }
    }
    return lo <= hi ? add_points(g, out, lo, hi) : 0;
}

struct gx *chars_gx(struct grammar *g, struct chars *s, enum spelling how)
{
    struct gx *out = gx_new(g, GX_ALT);

    chars_tidy(s);
    for (uint32_t i = 0; out != NULL && i < s->n; i++) {
        int code = how == SPELLING_JSON
                       ? add_json(g, out, s->v[i].lo, s->v[i].hi)
                       : add_points(g, out, s->v[i].lo, s->v[i].hi);

        if (code < 0) {
            return NULL;
        }
    }
    return out;
}
