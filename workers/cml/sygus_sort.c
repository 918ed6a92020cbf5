/* Sorts, names and literals of SMT-LIB. Runs in the `cml` worker, on foreign
 * bytes. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/sygus_int.h"

struct loc sygus_loc(const struct sygus *g, const struct sexp *s)
{
    return (struct loc){g->p->path, s->line, s->col};
}

int sygus_fail(struct sygus *g, const struct sexp *s, const char *fmt,
               const char *hint)
{
    char shown[80];
    const char *mark = strstr(fmt, "%s");

    sexp_show(s, shown, sizeof(shown));
    (void)diag_set(g->p->d, ERR_INPUT, sygus_loc(g, s), "%.*s%s%s",
                   mark != NULL ? (int)(mark - fmt) : (int)strlen(fmt), fmt,
                   mark != NULL ? shown : "", mark != NULL ? mark + 2 : "");
    diag_hint(g->p->d, "%s", hint);
    return ERR_INPUT;
}

const struct sexp *sygus_part(struct sygus *g, const struct sexp *list,
                              uint32_t i, const char *what)
{
    const struct sexp *s = sexp_at(list, i);

    if (s == NULL) {
        (void)sygus_fail(g, list, "%s has too few parts", what);
    }
    return s;
}

int sygus_symbol(struct sygus *g, const struct sexp *s, const char *what,
                 struct ubytes *out)
{
    if (s->kind != SEXP_SYMBOL || s->text.n == 0) {
        return sygus_fail(g, s, "%s is no name", what);
    }
    *out = s->text;
    return 0;
}

int sygus_same(struct ubytes a, struct ubytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* A numeral of at most nine digits; -1 if it is none. */
static long small_number(const struct sexp *s)
{
    long v = 0;

    if (s == NULL || s->kind != SEXP_NUMERAL || s->text.n > 9) {
        return -1;
    }
    for (size_t i = 0; i < s->text.n; i++) {
        if (s->text.p[i] == '-') {
            return -1;
        }
        v = v * 10 + (s->text.p[i] - '0');
    }
    return v;
}

static int bits_sort(long width, struct type *out)
{
    return type_from_name(width == 8    ? "u8"
                          : width == 16 ? "u16"
                          : width == 32 ? "u32"
                          : width == 64 ? "u64"
                                        : "",
                          out);
}

static int bit_vector_sort(struct sygus *g, const struct sexp *s,
                           struct type *out)
{
    uint32_t at = sexp_is(s->first, "_") ? 1 : 0;
    const struct sexp *width = sexp_at(s, at + 1);

    if (s->n != at + 2 || !sexp_is(sexp_at(s, at), "BitVec")) {
        return sygus_fail(g, s, "the sort %s is not known here",
                          "(_ BitVec 64), Int, String, Bool");
    }
    return bits_sort(small_number(width), out) == 0
               ? 0
               : sygus_fail(g, width, "bit-vectors of %s bits are not read",
                            "their widths are 8, 16, 32 and 64");
}

int sygus_sort(struct sygus *g, const struct sexp *s, struct type *out)
{
    if (s->kind == SEXP_LIST) {
        return bit_vector_sort(g, s, out);
    }
    if (sexp_is(s, "Int")) {
        return type_from_name("i64", out);
    }
    if (sexp_is(s, "String")) {
        return type_from_name("string", out);
    }
    if (sexp_is(s, "Bool")) {
        return type_from_name("bool", out);
    }
    return sygus_fail(g, s, "the sort %s is not known here",
                      "(_ BitVec 64), Int, String, Bool");
}

int sygus_names(struct sygus *g, const struct sexp *list,
                struct sygus_name *out, uint32_t max, uint32_t *out_n)
{
    *out_n = 0;
    if (list->kind != SEXP_LIST) {
        return sygus_fail(g, list, "expected a list of names and sorts, found %s",
                          "((x Int) (y Int))");
    }
    for (const struct sexp *s = list->first; s != NULL; s = s->next) {
        if (s->kind != SEXP_LIST || s->n != 2) {
            return sygus_fail(g, s, "expected a name and its sort, found %s",
                              "(x Int)");
        }
        if (*out_n == max) {
            return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, s),
                            "more than %u names", max);
        }
        TRY(sygus_symbol(g, s->first, "a name and its sort: (x Int)",
                         &out[*out_n].symbol));
        for (uint32_t i = 0; i < *out_n; i++) {
            if (sygus_same(out[i].symbol, s->first->text)) {
                return sygus_fail(g, s->first, "%s is there already",
                                  "give each its own name");
            }
        }
        TRY(sygus_sort(g, s->first->next, &out[*out_n].type));
        (*out_n)++;
    }
    return 0;
}

/* --- literals --- */

/* (_ bv5 64) */
static int is_indexed_bits(const struct sexp *s)
{
    const struct sexp *b = sexp_at(s, 1);

    return sexp_is_form(s, "_") && s->n == 3 && b->kind == SEXP_SYMBOL &&
           b->text.n > 2 && memcmp(b->text.p, "bv", 2) == 0;
}

int sygus_is_literal(const struct sexp *s)
{
    return s->kind == SEXP_NUMERAL || s->kind == SEXP_HEX ||
           s->kind == SEXP_BINARY || s->kind == SEXP_STRING ||
           sexp_is(s, "true") || sexp_is(s, "false") || is_indexed_bits(s) ||
           (sexp_is_form(s, "-") && s->n == 2 &&
            sexp_at(s, 1)->kind == SEXP_NUMERAL);
}

/* Decimal digits below 2^64; 0 or ERR_LIMIT. */
static int decimal(struct ubytes digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9' ||
            __builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(digits.p[i] - '0'), out)) {
            return ERR_LIMIT;
        }
    }
    return digits.n > 0 ? 0 : ERR_LIMIT;
}

static int integer(struct sygus *g, const struct sexp *s, int negative,
                   struct buf *out, struct type *out_type)
{
    struct ubytes digits = s->text;
    uint64_t bits;

    if (digits.p[0] == '-') {
        negative = !negative;
        digits = (struct ubytes){digits.p + 1, digits.n - 1};
    }
    if (decimal(digits, &bits) < 0 ||
        bits > (uint64_t)INT64_MAX + (uint64_t)negative) {
        return sygus_fail(g, s, "%s is out of the range of Int here",
                          "Int has 64 bits with a sign");
    }
    TRY(type_from_name("i64", out_type));
    return value_put_int(out, out_type, negative ? 0 - bits : bits);
}

static int bit_vector(struct sygus *g, const struct sexp *s, struct buf *out,
                      struct type *out_type)
{
    unsigned each = s->kind == SEXP_HEX ? 4 : 1;
    uint64_t bits = 0;

    if (s->text.n > 64 || bits_sort((long)s->text.n * each, out_type) != 0) {
        return sygus_fail(g, s, "a bit-vector of another width: %s",
                          "#x and 2, 4, 8 or 16 hex digits, or as many bits");
    }
    for (size_t i = 0; i < s->text.n; i++) {
        uint8_t c = s->text.p[i];

        bits = bits << each |
               (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value_put_int(out, out_type, bits);
}

static int indexed_bits(struct sygus *g, const struct sexp *s, struct buf *out,
                        struct type *out_type)
{
    struct ubytes digits = sexp_at(s, 1)->text;
    long width = small_number(sexp_at(s, 2));
    uint64_t bits;

    digits = (struct ubytes){digits.p + 2, digits.n - 2};
    if (bits_sort(width, out_type) != 0 || decimal(digits, &bits) < 0 ||
        (width < 64 && bits >> width != 0)) {
        return sygus_fail(g, sexp_at(s, 1), "%s is no bit-vector of that width",
                          "(_ bv255 8): widths are 8, 16, 32 and 64");
    }
    return value_put_int(out, out_type, bits);
}

int sygus_literal(struct sygus *g, const struct sexp *s, struct buf *out,
                  struct type *out_type)
{
    switch (s->kind) {
    case SEXP_NUMERAL:
        return integer(g, s, 0, out, out_type);
    case SEXP_HEX:
    case SEXP_BINARY:
        return bit_vector(g, s, out, out_type);
    case SEXP_STRING:
        TRY(type_from_name("string", out_type));
        return value_put_string(out, s->text);
    case SEXP_SYMBOL:
        TRY(type_from_name("bool", out_type));
        return value_put_bool(out, sexp_is(s, "true"));
    case SEXP_LIST:
        return is_indexed_bits(s)
                   ? indexed_bits(g, s, out, out_type)
                   : integer(g, sexp_at(s, 1), 1, out, out_type);
    case SEXP_DECIMAL:
    case SEXP_KEYWORD:
        break;
    }
    return sygus_fail(g, s, "%s is no constant that is read here",
                      "numbers, #x.., #b.., \"strings\", true, false");
}
