/* Text of numbers to canonical scalars: decimal without locale, floats correctly
 * rounded, out of range refused. */
#include "workers/cml/number.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/type.h"

#define NUMBER_TEXT_MAX 400 /* digits of a number that means anything */

static double as_double(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static struct cml_value float_value(double v, uint8_t width)
{
    struct cml_value out = {.tag = CML_FLOAT, .code = width};
    uint32_t bits32;
    float narrow = (float)v;

    if (width == 4) {
        memcpy(&bits32, &narrow, sizeof(bits32));
        out.u.bits = v != v ? UINT64_C(0x7fc00000) : bits32;
    } else {
        memcpy(&out.u.bits, &v, sizeof(out.u.bits));
        out.u.bits = v != v ? UINT64_C(0x7ff8000000000000) : out.u.bits;
    }
    return out;
}

/* Literal(type, Leaf(value)) in t. */
static int set(struct arena *a, struct term *t, enum cml_primitive type,
               struct cml_value value)
{
    struct loc at = {NULL, t->line, t->col};
    struct term *ty = term_new(a, CML_PRIMITIVE_TYPE, at);
    struct term *leaf = term_new(a, CML_LEAF, at);

    if (ty == NULL || leaf == NULL) {
        return ERR_NOMEM;
    }
    term_word(ty, 0, cml_primitive_info(type)->name);
    leaf->fields[0].value = value;
    term_kid(t, 0, a, ty);
    term_kid(t, 1, a, leaf);
    return 0;
}

static int range(struct diag *diag, enum cml_primitive type)
{
    return diag_set(diag, ERR_INPUT, (struct loc){0},
                    "the number is out of the range of %s",
                    cml_primitive_info(type)->short_name);
}

/* bits: magnitude. Two's complement out, sign-extended. */
static int whole_of_type(uint64_t magnitude, int negative,
                         enum cml_primitive type, struct cml_value *out,
                         struct diag *diag)
{
    const struct cml_primitive_info *info = cml_primitive_info(type);
    unsigned n = (info->code & ~(unsigned)TYPE_UNSIGNED) * 8;
    int is_unsigned = (info->code & TYPE_UNSIGNED) != 0;
    uint64_t top = is_unsigned ? UINT64_MAX >> (64 - n)
                               : (UINT64_C(1) << (n - 1)) - (negative == 0);

    if (magnitude > top || (is_unsigned && negative && magnitude > 0)) {
        return range(diag, type);
    }
    *out = (struct cml_value){.tag = CML_INT, .code = info->code};
    out->u.bits = negative ? 0 - magnitude : magnitude;
    return 0;
}

/* Keeps the text of a number in hex or binary: people write it so for a reason.
 * ERR_NOMEM. */
static int keep_spelling(struct arena *a, struct term *t, struct ubytes s)
{
    if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'b')) {
        t->spelling = arena_text(a, s.p, s.n);
        return t->spelling != NULL ? 0 : ERR_NOMEM;
    }
    return 0;
}

/* Digits in base 10, 16 (0x) or 2 (0b), _ between them. */
static int read_whole(struct ubytes s, uint64_t *out)
{
    unsigned base = 10;
    size_t i = 0;
    uint64_t v = 0;
    int any = 0;

    if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'b')) {
        base = s.p[1] == 'x' ? 16 : 2;
        i = 2;
    }
    for (; i < s.n; i++) {
        uint8_t c = s.p[i];
        unsigned digit = c >= '0' && c <= '9'   ? c - (unsigned)'0'
                         : c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10
                         : c >= 'A' && c <= 'F' ? c - (unsigned)'A' + 10
                                                : 16;
        if (c == '_' && any) {
            continue;
        }
        if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            return ERR_INPUT;
        }
        any = 1;
    }
    *out = v;
    return any ? 0 : ERR_INPUT;
}

static int read_float(struct ubytes s, int negative, double *out)
{
    char text[NUMBER_TEXT_MAX + 2] = "-";
    char *end;

    if (s.n == 0 || s.n > NUMBER_TEXT_MAX || s.p[0] < '0' || s.p[0] > '9' ||
        (s.n > 1 && (s.p[1] == 'x' || s.p[1] == 'X'))) {
        return ERR_INPUT;
    }
    memcpy(text + 1, s.p, s.n);
    text[s.n + 1] = 0;
    *out = strtod(negative ? text : text + 1, &end);
    return *end == 0 ? 0 : ERR_INPUT;
}

/* The float of the text in the type's own precision: never rounded twice. */
static int float_of_type(struct ubytes s, int negative, uint8_t width,
                         struct cml_value *out)
{
    char text[NUMBER_TEXT_MAX + 2] = "-";
    double v = 0;

    if (read_float(s, negative, &v) < 0) {
        return ERR_INPUT;
    }
    if (width == 4) {
        memcpy(text + 1, s.p, s.n);
        text[s.n + 1] = 0;
        v = (double)strtof(negative ? text : text + 1, NULL);
    }
    *out = float_value(v, width);
    return 0;
}

static int is_same(struct ubytes s, const char *word)
{
    return strlen(word) == s.n && memcmp(s.p, word, s.n) == 0;
}

/* Splits a type off the end; CML_PRIMITIVES when there is none. */
static enum cml_primitive suffix(struct ubytes *s)
{
    int hex = s->n > 1 && s->p[0] == '0' && s->p[1] == 'x';

    for (unsigned p = 0; p < CML_PRIMITIVES; p++) {
        const struct cml_primitive_info *info =
            cml_primitive_info((enum cml_primitive)p);
        size_t n = strlen(info->short_name);

        if ((info->tag == CML_INT || (info->tag == CML_FLOAT && !hex)) &&
            s->n > n && is_same((struct ubytes){s->p + s->n - n, n},
                                info->short_name)) {
            s->n -= n;
            return (enum cml_primitive)p;
        }
    }
    return CML_PRIMITIVES;
}

static int looks_float(struct ubytes s)
{
    int hex = s.n > 1 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'b');

    for (size_t i = 0; i < s.n && !hex; i++) {
        if (s.p[i] == '.' || s.p[i] == 'e' || s.p[i] == 'E') {
            return 1;
        }
    }
    return 0;
}

int number_read(struct arena *a, struct term *t, struct ubytes text, int negative,
                struct diag *diag)
{
    enum cml_primitive type = suffix(&text);
    struct cml_value value = {0};
    uint64_t v = 0;
    int is_float = type == CML_PRIMITIVES
                       ? looks_float(text)
                       : cml_primitive_info(type)->tag == CML_FLOAT;
    int code = is_float
                   ? float_of_type(text, negative,
                                   type == CML_PRIMITIVES
                                       ? 8
                                       : cml_primitive_info(type)->code,
                                   &value)
                   : read_whole(text, &v);

    if (code < 0) {
        return diag_set(diag, ERR_INPUT, (struct loc){0},
                        "not a number: 12, 0xff, 1.5, 2e-3, with a type behind "
                        "it if wanted (12u8), at most 64 bits");
    }
    if (is_float) {
        t->is_plain = type == CML_PRIMITIVES ? PLAIN_FLOAT : PLAIN_NO;
        return set(a, t, type == CML_PRIMITIVES ? CML_PRIMITIVE_FLOAT64 : type,
                   value);
    }
    TRY(keep_spelling(a, t, text));
    if (type == CML_PRIMITIVES) {
        t->is_plain = negative ? PLAIN_NEGATIVE : PLAIN_WHOLE;
        value = (struct cml_value){.tag = CML_INT, .code = 8, .u.bits = v};
        return set(a, t, CML_PRIMITIVE_INT64, value); /* magnitude, for now */
    }
    TRY(whole_of_type(v, negative, type, &value, diag));
    return set(a, t, type, value);
}

int number_of_type(struct arena *a, struct term *t, enum cml_primitive type,
                   struct ubytes text, struct diag *diag)
{
    const struct cml_primitive_info *info = cml_primitive_info(type);
    struct cml_value value = {0};
    int negative = text.n > 0 && text.p[0] == '-';
    uint64_t v = 0;
    int code;

    if (text.n > 0 && (negative || text.p[0] == '+')) {
        text = (struct ubytes){text.p + 1, text.n - 1};
    }
    if (info->tag == CML_FLOAT && is_same(text, "NaN")) {
        return set(a, t, type, float_value(__builtin_nan(""), info->code));
    }
    if (info->tag == CML_FLOAT && is_same(text, "Infinity")) {
        return set(a, t, type,
                   float_value(negative ? -__builtin_inf() : __builtin_inf(),
                               info->code));
    }
    code = info->tag == CML_FLOAT
               ? float_of_type(text, negative, info->code, &value)
               : read_whole(text, &v);
    if (code < 0) {
        return diag_set(diag, ERR_INPUT, (struct loc){0}, "not a number of %s",
                        info->name);
    }
    if (info->tag == CML_INT) {
        TRY(whole_of_type(v, negative, type, &value, diag));
        TRY(keep_spelling(a, t, text));
    }
    return set(a, t, type, value);
}

int number_give_type(struct arena *a, struct term *t, enum cml_primitive type,
                     struct diag *diag)
{
    const struct cml_primitive_info *info = cml_primitive_info(type);
    struct cml_value now = t->fields[1].kids[0]->fields[0].value;
    struct cml_value value = now;
    double v;

    if (t->is_plain == PLAIN_FLOAT) {
        if (info->tag != CML_FLOAT) {
            return diag_set(diag, ERR_INPUT, (struct loc){0},
                            "a number with a fraction where %s is needed",
                            info->short_name);
        }
        v = as_double(now.u.bits);
        if (info->code == 4 && (double)(float)v != v) {
            /* the text is gone: what is between two floats needs its type */
            return diag_set(diag, ERR_INPUT, (struct loc){0},
                            "not a value of f32 as it stands; write its type "
                            "behind it: 0.1f32");
        }
        value = float_value(v, info->code);
    } else if (info->tag == CML_FLOAT) {
        v = (double)now.u.bits;
        if ((uint64_t)v != now.u.bits || v > 9007199254740992.0) {
            return range(diag, type);
        }
        value = float_value(t->is_plain == PLAIN_NEGATIVE ? -v : v, info->code);
    } else if (info->tag == CML_INT) {
        TRY(whole_of_type(now.u.bits, t->is_plain == PLAIN_NEGATIVE, type,
                          &value, diag));
    } else {
        return diag_set(diag, ERR_INPUT, (struct loc){0},
                        "a number where %s is needed", info->short_name);
    }
    t->is_plain = PLAIN_NO;
    return set(a, t, type, value);
}
