/* Text to input domains. Runs in the confined `config` worker; the kernel
 * checks the bytes again. */
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/domain.h"
#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/config/schema.h"
#include "workers/config/types.h"
#include "proto/sort.h"

#define ALPHABET_MAX 4096u
#define CHOICES_MAX 65536u

static int fail_domain(struct config *c, const struct yaml_node *n)
{
    schema_expected(c, n, "a domain");
    config_hint(c, "e.g. u32, {u8: {range: [1, 6]}}, {bytes: {length: [0, "
                   "4096]}}, {list: {of: bool, length: [0, 8]}}");
    return ERR_INPUT;
}

/* [low, high]: two entries; the caller reads and compares them. */
static int read_pair(struct config *c, const struct yaml_node *n,
                     const struct yaml_node **out_lo,
                     const struct yaml_node **out_hi)
{
    if (n->kind != YAML_LIST || n->n != 2) {
        return schema_expected(c, n, "[low, high]");
    }
    *out_lo = n->first;
    *out_hi = n->last;
    return 0;
}

static int read_length(struct config *c, const struct yaml_node *n,
                       uint32_t *out_lo, uint32_t *out_hi)
{
    const struct yaml_node *low;
    const struct yaml_node *high;
    uint64_t lo = 0;
    uint64_t hi = 0;

    config_enter(c, "length");
    TRY(read_pair(c, n, &low, &high));
    TRY(schema_uint(c, low, 0, LIMIT_VALUE_BYTES, &lo));
    TRY(schema_uint(c, high, 0, LIMIT_VALUE_BYTES, &hi));
    if (lo > hi) {
        return config_fail(c, n, "low %" PRIu64 " is above high %" PRIu64, lo,
                           hi);
    }
    config_leave(c);
    *out_lo = (uint32_t)lo;
    *out_hi = (uint32_t)hi;
    return 0;
}

static int put_bytes_domain(struct config *c, const struct yaml_node *body,
                            struct buf *out)
{
    static const struct schema_key keys[] = {{"length", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    uint32_t lo = 0;
    uint32_t hi = 0;

    TRY(schema_map(c, body, keys, ARRAY_N(keys), v));
    TRY(read_length(c, v[0], &lo, &hi));
    TRY(buf_put_u8(out, DOMAIN_BYTES));
    TRY(buf_put_u32(out, lo));
    return buf_put_u32(out, hi);
}

struct named_alphabet {
    const char *name;
    const char *spans; /* pairs of first and last character */
};

static const struct named_alphabet alphabets[] = {{"ascii", "\x01\x7f"},
                                                  {"printable", " ~"},
                                                  {"digits", "09"},
                                                  {"lower", "az"},
                                                  {"upper", "AZ"},
                                                  {"letters", "AZaz"},
                                                  {"alphanumeric", "09AZaz"},
                                                  {"hex", "09af"},
                                                  {"unicode", ""}};

static int compare_points(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The characters of the text itself, sorted, each once. */
static int put_letters(struct config *c, const struct yaml_node *n,
                       struct buf *out)
{
    struct ubytes rest = {(const uint8_t *)n->text, n->n};
    uint32_t *points = arena_array(&c->scratch, n->n, sizeof(*points));
    size_t points_n = 0;
    size_t kept = 0;

    if (!points) {
        return ERR_NOMEM;
    }
    while (rest.n > 0) {
        size_t used = utf8_next(rest, &points[points_n]);

        if (used == 0 || points[points_n] == 0) {
            return config_fail(c, n, "an alphabet holds no NUL");
        }
        points_n++;
        rest.p += used;
        rest.n -= used;
    }
    sort_items(points, points_n, sizeof(*points), compare_points);
    for (size_t i = 0; i < points_n; i++) {
        if (kept == 0 || points[kept - 1] != points[i]) {
            points[kept++] = points[i];
        }
    }
    if (kept > ALPHABET_MAX) {
        return config_limit(c, n, "at most %u characters, got %zu",
                            ALPHABET_MAX, kept);
    }
    TRY(buf_put_u32(out, (uint32_t)kept));
    for (size_t i = 0; i < kept; i++) {
        TRY(buf_put_u32(out, points[i]));
    }
    return 0;
}

/* Each character from first to last. */
static int put_span(char first, char last, struct buf *out)
{
    for (uint32_t ch = (uint8_t)first; ch <= (uint8_t)last; ch++) {
        TRY(buf_put_u32(out, ch));
    }
    return 0;
}

/* A word that is nearly the name of an alphabet was meant as one: taken for its
 * letters, an exam would admit over inputs that nobody asked for. */
static int check_is_no_name(struct config *c, const struct yaml_node *n)
{
    const char *names[ARRAY_N(alphabets)];
    const char *nearest;
    int code;

    for (size_t i = 0; i < ARRAY_N(alphabets); i++) {
        names[i] = alphabets[i].name;
    }
    nearest = n->n < 3 ? NULL : diag_nearest(n->text, names, ARRAY_N(names));
    if (nearest == NULL) {
        return 0;
    }
    code = config_fail(c, n, "no alphabet \"%s\"; did you mean \"%s\"?",
                       n->text, nearest);
    config_hint(c, "to mean these characters, write them in another order");
    return code;
}

static int put_alphabet(struct config *c, const struct yaml_node *n,
                        struct buf *out)
{
    uint32_t count = 0;

    if (n->kind != YAML_SCALAR || n->n == 0) {
        return schema_expected(c, n, "characters or a named alphabet");
    }
    for (size_t i = 0; i < ARRAY_N(alphabets); i++) {
        const char *s = alphabets[i].spans;

        if (strcmp(n->text, alphabets[i].name) != 0) {
            continue;
        }
        for (size_t k = 0; s[k] != '\0'; k += 2) {
            count += (uint32_t)(s[k + 1] - s[k]) + 1;
        }
        TRY(buf_put_u32(out, count));
        for (size_t k = 0; s[k] != '\0'; k += 2) {
            TRY(put_span(s[k], s[k + 1], out));
        }
        return 0;
    }
    TRY(check_is_no_name(c, n));
    return put_letters(c, n, out);
}

static int put_string_domain(struct config *c, const struct yaml_node *body,
                             struct buf *out)
{
    static const struct schema_key keys[] = {{"length", 1, NULL},
                                             {"alphabet", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    uint32_t lo = 0;
    uint32_t hi = 0;

    TRY(schema_map(c, body, keys, ARRAY_N(keys), v));
    TRY(read_length(c, v[0], &lo, &hi));
    TRY(buf_put_u8(out, DOMAIN_STRING));
    TRY(buf_put_u32(out, lo));
    TRY(buf_put_u32(out, hi));
    if (!v[1]) {
        return buf_put_u32(out, 0);
    }
    config_enter(c, "alphabet");
    TRY(put_alphabet(c, v[1], out));
    config_leave(c);
    return 0;
}

/* body NULL: the whole range of the type. */
static int put_int_domain(struct config *c, const struct yaml_node *range,
                          uint8_t code, struct buf *out)
{
    unsigned shift = 64 - 8 * (code & 0x7fu);
    const struct yaml_node *low = NULL;
    const struct yaml_node *high = NULL;
    int64_t ilo = INT64_MIN >> shift;
    int64_t ihi = INT64_MAX >> shift;
    uint64_t lo = 0;
    uint64_t hi = UINT64_MAX >> shift;

    if (range) {
        TRY(read_pair(c, range, &low, &high));
    }
    if (code & TYPE_UNSIGNED) {
        if (range) {
            uint64_t max = hi;

            TRY(schema_uint(c, low, 0, max, &lo));
            TRY(schema_uint(c, high, 0, max, &hi));
        }
        if (lo > hi) {
            return config_fail(
                c, range, "low %" PRIu64 " is above high %" PRIu64, lo, hi);
        }
    } else {
        if (range) {
            int64_t min = ilo;
            int64_t max = ihi;

            TRY(schema_int(c, low, min, max, &ilo));
            TRY(schema_int(c, high, min, max, &ihi));
        }
        if (ilo > ihi) {
            return config_fail(
                c, range, "low %" PRId64 " is above high %" PRId64, ilo, ihi);
        }
        lo = (uint64_t)ilo;
        hi = (uint64_t)ihi;
    }
    TRY(buf_put_u8(out, DOMAIN_INT));
    TRY(buf_put_u8(out, code));
    TRY(buf_put_u64(out, lo));
    return buf_put_u64(out, hi);
}

static uint64_t float_bits(double v, uint8_t width)
{
    float f = (float)v;
    uint32_t bits32;
    uint64_t bits64;

    if (width == 4) {
        memcpy(&bits32, &f, sizeof(bits32));
        return bits32;
    }
    memcpy(&bits64, &v, sizeof(bits64));
    return bits64;
}

static int put_float_domain(struct config *c, const struct yaml_node *range,
                            uint8_t width, struct buf *out)
{
    double lo = width == 4 ? -(double)FLT_MAX : -DBL_MAX;
    double hi = -lo;

    if (range) {
        const struct yaml_node *low = NULL;
        const struct yaml_node *high = NULL;
        float flo = 0;
        float fhi = 0;

        TRY(read_pair(c, range, &low, &high));
        if (width == 4) {
            TRY(schema_float(c, low, &flo));
            TRY(schema_float(c, high, &fhi));
            lo = (double)flo;
            hi = (double)fhi;
        } else {
            TRY(schema_double(c, low, &lo));
            TRY(schema_double(c, high, &hi));
        }
        if (lo > hi) {
            return config_fail(c, range, "low %g is above high %g", lo, hi);
        }
        /* One form per range: -0.0 is 0.0 here. */
        lo += 0.0;
        hi += 0.0;
    }
    TRY(buf_put_u8(out, DOMAIN_FLOAT));
    TRY(buf_put_u8(out, width));
    TRY(buf_put_u64(out, float_bits(lo, width)));
    return buf_put_u64(out, float_bits(hi, width));
}

static int put_range_domain(struct config *c, const struct yaml_node *body,
                            const struct type *t, struct buf *out)
{
    static const struct schema_key keys[] = {{"range", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)] = {NULL};
    int is_float = t->b[0] == TYPE_FLOAT;

    if (body) {
        TRY(schema_map(c, body, keys, ARRAY_N(keys), v));
        config_enter(c, "range");
    }
    TRY(is_float ? put_float_domain(c, v[0], t->b[1], out)
                 : put_int_domain(c, v[0], t->b[1], out));
    if (body) {
        config_leave(c);
    }
    return 0;
}

/* A scalar type's name alone (body NULL) or with its bounds. */
static int put_scalar_domain(struct config *c, const struct yaml_node *n,
                             const char *name, const struct yaml_node *body,
                             struct buf *out)
{
    struct type t;

    if (type_from_name(name, &t) != 0) {
        return fail_domain(c, n);
    }
    switch (type_tag_at(&t, 0)) {
    case TYPE_BOOL:
        if (body) {
            break;
        }
        return buf_put_u8(out, DOMAIN_BOOL);
    case TYPE_INT:
    case TYPE_FLOAT:
        return put_range_domain(c, body, &t, out);
    case TYPE_BYTES:
        if (body) {
            return put_bytes_domain(c, body, out);
        }
        break;
    case TYPE_STRING:
        if (body) {
            return put_string_domain(c, body, out);
        }
        break;
    case TYPE_LIST:
    case TYPE_TUPLE:
        break;
    }
    if (body) {
        config_fail(c, n, "%s has no bounds", name);
        config_hint(c, "write %s alone", name);
        return ERR_INPUT;
    }
    config_fail(c, n, "%s needs a length", name);
    config_hint(c, "write {%s: {length: [0, 64]}}", name);
    return ERR_INPUT;
}

static int put_choice(struct config *c, const struct yaml_node *body,
                      struct buf *out)
{
    static const struct schema_key keys[] = {{"of", 1, NULL},
                                             {"values", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    struct type t;
    size_t i = 0;

    TRY(schema_map(c, body, keys, ARRAY_N(keys), v));
    config_enter(c, "of");
    TRY(types_read(c, v[0], &t));
    config_leave(c);
    config_enter(c, "values");
    TRY(schema_list(c, v[1], CHOICES_MAX));
    if (v[1]->n == 0) {
        return config_fail(c, v[1], "expected at least one value");
    }
    TRY(buf_put_u8(out, DOMAIN_CHOICE));
    TRY(buf_put(out, t.b, t.n));
    TRY(buf_put_u32(out, v[1]->n));
    for (const struct yaml_node *e = v[1]->first; e; e = e->next, i++) {
        size_t at = buf_len(out);

        config_enter_at(c, i);
        TRY(buf_put_u32(out, 0));
        TRY(types_value(c, e, &t, out));
        buf_patch_u32(out, at, (uint32_t)(buf_len(out) - at - 4));
        config_leave(c);
    }
    config_leave(c);
    return 0;
}

static int corpus_index(struct config *c, const struct yaml_node *n,
                        struct corpora *k, uint16_t *out)
{
    const char *name = NULL;

    TRY(schema_text(c, n, LIMIT_PATH_BYTES, &name));
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->files[i], name) == 0) {
            *out = (uint16_t)i;
            return 0;
        }
    }
    if (k->n == LIMIT_FILES) {
        return config_limit(c, n, "at most %d corpora", LIMIT_FILES);
    }
    if (!k->files) {
        k->files = arena_array(&c->reply, LIMIT_FILES, sizeof(*k->files));
    }
    if (!k->files || !(k->files[k->n] = arena_text(&c->reply, name, n->n))) {
        return ERR_NOMEM;
    }
    *out = (uint16_t)k->n++;
    return 0;
}

static int put_corpus(struct config *c, const struct yaml_node *body,
                      struct corpora *k, struct buf *out)
{
    static const struct schema_key keys[] = {{"of", 1, NULL},
                                             {"file", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    struct type t;
    uint16_t file = 0;

    TRY(schema_map(c, body, keys, ARRAY_N(keys), v));
    config_enter(c, "of");
    TRY(types_read(c, v[0], &t));
    config_leave(c);
    config_enter(c, "file");
    TRY(corpus_index(c, v[1], k, &file));
    config_leave(c);
    TRY(buf_put_u8(out, DOMAIN_CORPUS));
    TRY(buf_put(out, t.b, t.n));
    return buf_put_u16(out, file);
}

// NOLINTBEGIN(misc-no-recursion): depth <= LIMIT_TEXT_DEPTH, checked by yaml.c

static int put_list_domain(struct config *c, const struct yaml_node *body,
                           struct corpora *k, struct buf *out)
{
    static const struct schema_key keys[] = {{"of", 1, NULL},
                                             {"length", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    uint32_t lo = 0;
    uint32_t hi = 0;

    TRY(schema_map(c, body, keys, ARRAY_N(keys), v));
    TRY(read_length(c, v[1], &lo, &hi));
    TRY(buf_put_u8(out, DOMAIN_LIST));
    TRY(buf_put_u32(out, lo));
    TRY(buf_put_u32(out, hi));
    config_enter(c, "of");
    TRY(types_domain(c, v[0], k, out));
    config_leave(c);
    return 0;
}

static int put_tuple_domain(struct config *c, const struct yaml_node *n,
                            struct corpora *k, struct buf *out)
{
    size_t i = 0;

    TRY(schema_list(c, n, TYPE_TUPLE_MAX));
    TRY(buf_put_u8(out, DOMAIN_TUPLE));
    TRY(buf_put_u8(out, (uint8_t)n->n));
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(types_domain(c, e, k, out));
        config_leave(c);
    }
    return 0;
}

int types_domain(struct config *c, const struct yaml_node *n, struct corpora *k,
                 struct buf *out)
{
    const struct yaml_node *body = n->first;
    const char *name;

    if (n->kind == YAML_SCALAR) {
        return put_scalar_domain(c, n, n->text, NULL, out);
    }
    if (n->kind != YAML_MAP || n->n != 1) {
        return fail_domain(c, n);
    }
    name = body->key->text;
    config_enter(c, name);
    if (strcmp(name, "list") == 0) {
        TRY(put_list_domain(c, body, k, out));
    } else if (strcmp(name, "tuple") == 0) {
        TRY(put_tuple_domain(c, body, k, out));
    } else if (strcmp(name, "choice") == 0) {
        TRY(put_choice(c, body, out));
    } else if (strcmp(name, "corpus") == 0) {
        TRY(put_corpus(c, body, k, out));
    } else {
        TRY(put_scalar_domain(c, body->key, name, body, out));
    }
    config_leave(c);
    return 0;
}

// NOLINTEND(misc-no-recursion)

int types_domains(struct config *c, const struct yaml_node *n,
                  struct corpora *k, struct buf *out, struct type *out_takes)
{
    TRY(put_tuple_domain(c, n, k, out));
    if (domain_check(buf_bytes(out), out_takes) != 0) {
        return config_limit(c, n,
                            "the domain is too large: at most %d levels, its "
                            "type at most %d bytes",
                            TYPE_DEPTH_MAX, TYPE_BYTES_MAX);
    }
    return 0;
}
