/* Types and constants as text. */
#include <string.h>

#include "proto/err.h"
#include "proto/type.h"
#include "proto/utf8.h"
#include "proto/value.h"
#include "workers/cml/print_int.h"

int print_put(struct printer *p, const char *text)
{
    return buf_put(p->out, text, strlen(text));
}

int print_word(struct printer *p, const struct cml_value *v)
{
    return buf_put(p->out, v->u.text.p, v->u.text.n);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int types(struct printer *p, const struct term_field *f,
                 const struct cml_value *names)
{
    for (uint32_t i = 0; i < f->n; i++) {
        TRY(print_put(p, i > 0 ? ", " : ""));
        if (names != NULL) {
            TRY(print_word(p, &names[i]));
            TRY(print_put(p, ": "));
        }
        TRY(print_type(p, f->kids[i]));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int print_type(struct printer *p, const struct term *t)
{
    enum cml_primitive known;

    switch ((int)t->kind) {
    case CML_PRIMITIVE_TYPE:
        known = cml_primitive_from_name(t->fields[0].value.u.text);
        return known != CML_PRIMITIVES
                   ? print_put(p, cml_primitive_info(known)->short_name)
                   : print_word(p, &t->fields[0].value);
    case CML_ARRAY_TYPE:
        TRY(print_put(p, "["));
        TRY(print_type(p, kid(t, 0)));
        return print_put(p, "]");
    case CML_COMPOSITE_TYPE:
        TRY(print_put(p, "{"));
        TRY(types(p, &t->fields[1], t->fields[0].words));
        return print_put(p, "}");
    case CML_FUNCTION_TYPE:
        TRY(print_put(p, "fn("));
        TRY(types(p, &t->fields[0], NULL));
        TRY(print_put(p, ") -> "));
        return print_type(p, kid(t, 1));
    case CML_CONSTRAINT:
        return print_word(p, &t->fields[1].value);
    default:
        return ERR_TRACE(ERR_INPUT); /* a ReferenceType has no text form */
    }
}

/* --- constants --- */

static int quoted(struct printer *p, struct ubytes s)
{
    TRY(print_put(p, "\""));
    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = utf8_next(s, &cp);
        const char *escape = cp == '"'    ? "\\\""
                             : cp == '\\' ? "\\\\"
                             : cp == '\n' ? "\\n"
                             : cp == '\r' ? "\\r"
                             : cp == '\t' ? "\\t"
                                          : NULL;

        if (escape != NULL) {
            TRY(print_put(p, escape));
        } else if (utf8_is_unsafe(cp)) {
            TRY(buf_putf(p->out, "\\u{%x}", cp));
        } else {
            TRY(buf_put(p->out, s.p, n));
        }
        s = (struct ubytes){s.p + n, s.n - n};
    }
    return print_put(p, "\"");
}

int print_hex(struct printer *p, struct ubytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        TRY(buf_putf(p->out, "%02x", s.p[i]));
    }
    return 0;
}

static int is_negative(const struct cml_value *v)
{
    return (v->code & TYPE_UNSIGNED) == 0 && v->u.bits >> 63 != 0;
}

/* The digits; *out_type is the number's. */
static int digits(struct printer *p, const struct term *literal,
                  struct type *out_type)
{
    CLEANUP(buf_release) struct buf bytes;
    const struct cml_value *v = &kid(literal, 1)->fields[0].value;
    uint8_t type_bytes[2] = {v->tag == CML_INT ? TYPE_INT : TYPE_FLOAT,
                             v->code};

    buf_init(&bytes, 16);
    TRY(type_decode((struct ubytes){type_bytes, 2}, out_type));
    if (literal->spelling != NULL && v->tag == CML_INT) {
        return buf_putf(p->out, "%s%s", is_negative(v) ? "-" : "",
                        literal->spelling);
    }
    TRY(buf_put(&bytes, type_bytes, 2));
    for (unsigned i = v->code & ~(unsigned)TYPE_UNSIGNED; i > 0; i--) {
        TRY(buf_put_u8(&bytes, (uint8_t)(v->u.bits >> (i - 1) * 8)));
    }
    return value_put_json(p->out, buf_bytes(&bytes), out_type);
}

/* The number, with its type behind it. An f32 always has it: its digits are
 * those of no f64. */
static int number(struct printer *p, const struct term *literal, int plain)
{
    const struct cml_value *v = &kid(literal, 1)->fields[0].value;
    struct type t;
    char name[8];

    TRY(digits(p, literal, &t));
    type_text(&t, name, sizeof(name));
    return plain && (v->tag == CML_INT || v->code == 8) ? 0 : print_put(p, name);
}

/* NaN and infinities have words. */
static const char *special(const struct cml_value *v)
{
    uint64_t exponent = v->code == 4 ? UINT64_C(0x7f800000)
                                     : UINT64_C(0x7ff0000000000000);
    uint64_t sign = v->code == 4 ? UINT64_C(0x80000000)
                                 : UINT64_C(0x8000000000000000);

    if (v->tag != CML_FLOAT || (v->u.bits & exponent) != exponent) {
        return NULL;
    }
    if ((v->u.bits & ~sign) != exponent) {
        return v->code == 4 ? "nan32" : "nan";
    }
    if ((v->u.bits & sign) != 0) {
        return v->code == 4 ? "-inf32" : "-inf";
    }
    return v->code == 4 ? "inf32" : "inf";
}

int print_literal(struct printer *p, const struct term *t, int plain)
{
    const struct term *leaf = kid(t, 1);
    const struct cml_value *v = &leaf->fields[0].value;

    if (leaf->kind == CML_UNIT) {
        return print_put(p, leaf->name);
    }
    if (special(v) != NULL) {
        return print_put(p, special(v));
    }
    switch (v->tag) {
    case CML_FALSE:
    case CML_TRUE:
        return print_put(p, v->tag == CML_TRUE ? "true" : "false");
    case CML_INT:
    case CML_FLOAT:
        return number(p, t, plain);
    case CML_STRING:
        return quoted(p, v->u.text);
    case CML_BYTES:
        TRY(print_put(p, "x\""));
        TRY(print_hex(p, v->u.text));
        return print_put(p, "\"");
    case CML_ABSENT:
        return print_put(p, "void");
    case CML_CHILD:
    case CML_LIST:
        break;
    }
    return ERR_TRACE(ERR_INPUT);
}

int print_digits(struct printer *p, const struct term *literal)
{
    const char *word = special(&kid(literal, 1)->fields[0].value);
    struct type t;

    if (word == NULL) {
        return digits(p, literal, &t);
    }
    return print_put(p, word[0] == 'n'   ? "NaN"
                        : word[0] == '-' ? "-Infinity"
                                         : "Infinity");
}
