/* Units in SMT-LIB. Runs in the `cml` worker; recursion is bounded by
 * LIMIT_CML_HEIGHT. */
#include "workers/cml/smt_put.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/cml/shape.h"

struct writer {
    struct buf *out;
    const struct cml_dag *dag;
    const struct pbe *p;
    struct diag *d;
    uint32_t params_n;
};

static int put(struct writer *w, const struct term *t);

static const struct term *kid(const struct term *t, unsigned field)
{
    return t->fields[field].kids[0];
}

static int none(struct writer *w, const struct term *t, const char *what)
{
    return diag_set(w->d, ERR_INPUT, (struct loc){w->p->path, t->line, t->col},
                    "SMT-LIB has no %s", what);
}

/* The type of an expression; n = 0: it has none that crosses. */
static struct type type_of(const struct writer *w, const struct term *t)
{
    struct type out;

    if (shape_of_type(w->dag, t->type, &out) < 0) {
        out.n = 0;
    }
    return out;
}

static int is_unsigned(const struct type *t)
{
    return t->n == 2 && t->b[0] == TYPE_INT && (t->b[1] & TYPE_UNSIGNED) != 0;
}

static int is_integer(const struct type *t)
{
    return t->n == 2 && t->b[0] == TYPE_INT && t->b[1] == 8;
}

static unsigned width(const struct type *t)
{
    return 8u * (t->b[1] & ~(unsigned)TYPE_UNSIGNED);
}

static int put_sort(struct writer *w, const struct type *t)
{
    return is_unsigned(t) ? buf_putf(w->out, "(_ BitVec %u)", width(t))
           : is_integer(t) ? buf_putf(w->out, "Int")
           : t->b[0] == TYPE_STRING ? buf_putf(w->out, "String")
                                    : buf_putf(w->out, "Bool");
}

static int put_symbol(struct writer *w, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "~!@$%^&*_-+=<>.?/";
    int bare = s[0] != '\0' && s[strspn(s, plain)] == '\0' &&
               (s[0] < '0' || s[0] > '9');

    return buf_putf(w->out, bare ? "%s" : "|%s|", s);
}

/* Everything but printable ASCII as \u{...}, and the backslash, which could begin
 * such a thing. */
static int put_string(struct writer *w, struct ubytes s)
{
    TRY(buf_put_u8(w->out, '"'));
    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = utf8_next(s, &cp);

        ASSERT(n > 0);
        if (cp == '"') {
            TRY(buf_putf(w->out, "\"\""));
        } else if (cp < 0x20 || cp > 0x7e || cp == '\\') {
            TRY(buf_putf(w->out, "\\u{%" PRIx32 "}", cp));
        } else {
            TRY(buf_put_u8(w->out, (uint8_t)cp));
        }
        s = (struct ubytes){s.p + n, s.n - n};
    }
    return buf_put_u8(w->out, '"');
}

static int put_bits(struct writer *w, uint64_t bits, unsigned n)
{
    return buf_putf(w->out, "#x%0*" PRIx64, (int)n / 4,
                    n < 64 ? bits & ((UINT64_C(1) << n) - 1) : bits);
}

static int put_literal(struct writer *w, const struct term *t)
{
    const struct cml_value *v = &kid(t, 1)->fields[0].value;
    struct type type = type_of(w, t);

    if (v->tag == CML_STRING) {
        return put_string(w, v->u.text);
    }
    if (v->tag == CML_TRUE || v->tag == CML_FALSE) {
        return buf_putf(w->out, v->tag == CML_TRUE ? "true" : "false");
    }
    if (v->tag != CML_INT) {
        return none(w, t, "constant of this type");
    }
    if (is_unsigned(&type)) {
        return put_bits(w, v->u.bits, width(&type));
    }
    return v->u.bits >> 63 != 0
               ? buf_putf(w->out, "(- %" PRIu64 ")", 0 - v->u.bits)
               : buf_putf(w->out, "%" PRIu64, v->u.bits);
}

/* (symbol a b c) of n terms. */
static int put_form(struct writer *w, const char *symbol,
                    const struct term *const *args, uint32_t n)
{
    TRY(buf_putf(w->out, "(%s", symbol));
    for (uint32_t i = 0; i < n; i++) {
        TRY(buf_put_u8(w->out, ' '));
        TRY(put(w, args[i]));
    }
    return buf_put_u8(w->out, ')');
}

static int put_two(struct writer *w, const char *symbol, const struct term *a,
                   const struct term *b)
{
    const struct term *args[2] = {a, b};

    return put_form(w, symbol, args, 2);
}

/* --- operators --- */

/* What x is the signed reading of, or NULL. */
static const struct term *unsigned_of(const struct writer *w,
                                      const struct term *x)
{
    struct type inner;

    if (x->kind != CML_CALL || kid(x, 0)->kind != CML_PRIMITIVE_TYPE) {
        return NULL;
    }
    inner = type_of(w, kid(x, 1));
    return is_unsigned(&inner) ? kid(x, 1) : NULL;
}

static int put_comparison(struct writer *w, const struct term *t,
                          enum cml_op op)
{
    static const char *const names[][3] = {
        [CML_OP_LT] = {"<", "bvult", "bvslt"},
        [CML_OP_LE] = {"<=", "bvule", "bvsle"},
        [CML_OP_GT] = {">", "bvugt", "bvsgt"},
        [CML_OP_GE] = {">=", "bvuge", "bvsge"}};
    const struct term *a = unsigned_of(w, kid(t, 1));
    const struct term *b = unsigned_of(w, kid(t, 2));
    struct type type = type_of(w, kid(t, 1));

    if (a != NULL && b != NULL) {
        return put_two(w, names[op][2], a, b);
    }
    if (!is_integer(&type) && !is_unsigned(&type)) {
        return none(w, t, "comparison of these");
    }
    return put_two(w, names[op][is_unsigned(&type)], kid(t, 1), kid(t, 2));
}

/* By a constant below the width; others are calls (synth_op.def). */
static int put_shift(struct writer *w, const struct term *t, const char *symbol)
{
    const struct term *by = kid(t, 2);
    struct type type = type_of(w, kid(t, 1));

    if (!is_unsigned(&type) || by->kind != CML_LITERAL ||
        kid(by, 1)->fields[0].value.tag != CML_INT ||
        kid(by, 1)->fields[0].value.u.bits >= width(&type)) {
        return none(w, t, "such shift");
    }
    TRY(buf_putf(w->out, "(%s ", symbol));
    TRY(put(w, kid(t, 1)));
    TRY(buf_put_u8(w->out, ' '));
    TRY(put_bits(w, kid(by, 1)->fields[0].value.u.bits, width(&type)));
    return buf_put_u8(w->out, ')');
}

static int put_unequal(struct writer *w, const struct term *t)
{
    TRY(buf_putf(w->out, "(not "));
    TRY(put_two(w, "=", kid(t, 1), kid(t, 2)));
    return buf_put_u8(w->out, ')');
}

static int put_arithmetic(struct writer *w, const struct term *t, enum cml_op op)
{
    static const char *const vectors[CML_OPS] = {
        [CML_OP_ADD] = "bvadd", [CML_OP_SUB] = "bvsub", [CML_OP_MUL] = "bvmul",
        [CML_OP_BAND] = "bvand", [CML_OP_BOR] = "bvor", [CML_OP_BXOR] = "bvxor"};
    static const char *const integers[CML_OPS] = {
        [CML_OP_ADD] = "+", [CML_OP_SUB] = "-", [CML_OP_MUL] = "*"};
    static const char *const bools[CML_OPS] = {
        [CML_OP_AND] = "and", [CML_OP_OR] = "or", [CML_OP_BAND] = "and",
        [CML_OP_BOR] = "or", [CML_OP_BXOR] = "xor"};
    struct type type = type_of(w, kid(t, 1));
    const char *symbol = is_unsigned(&type)          ? vectors[op]
                         : is_integer(&type)         ? integers[op]
                         : type.b[0] == TYPE_BOOL    ? bools[op]
                                                     : NULL;

    return symbol != NULL ? put_two(w, symbol, kid(t, 1), kid(t, 2))
                          : none(w, t, "such operator");
}

static int put_op(struct writer *w, const struct term *t)
{
    enum cml_op op = cml_op_from_name(t->fields[0].value.u.text);

    switch ((int)op) {
    case CML_OP_EQ:
        return put_two(w, "=", kid(t, 1), kid(t, 2));
    case CML_OP_NE:
        return put_unequal(w, t);
    case CML_OP_LT:
    case CML_OP_LE:
    case CML_OP_GT:
    case CML_OP_GE:
        return put_comparison(w, t, op);
    case CML_OP_SHL:
        return put_shift(w, t, "bvshl");
    case CML_OP_SHR:
        return put_shift(w, t, "bvlshr");
    case CML_OP_CAT:
        return put_two(w, "str.++", kid(t, 1), kid(t, 2));
    default:
        return put_arithmetic(w, t, op);
    }
}

/* --- calls --- */

/* int_div and int_mod, which SMT-LIB leaves open by 0. */
static int put_division(struct writer *w, const struct term *t,
                        const char *symbol)
{
    const struct term_field *args = &t->fields[1];

    TRY(buf_putf(w->out, "(ite (= "));
    TRY(put(w, args->kids[1]));
    TRY(buf_putf(w->out, " 0) "));
    TRY(strcmp(symbol, "mod") == 0 ? put(w, args->kids[0])
                                   : buf_putf(w->out, "0"));
    TRY(buf_put_u8(w->out, ' '));
    TRY(put_two(w, symbol, args->kids[0], args->kids[1]));
    return buf_put_u8(w->out, ')');
}

static int put_unit_call(struct writer *w, const struct term *t)
{
    static const struct {
        const char *name; /* of synth_op.def; those ending in _ have a type behind */
        const char *symbol;
    } units[] = {{"shl_", "bvshl"},
                 {"shr_", "bvlshr"},
                 {"ashr_", "bvashr"},
                 {"udiv_", "bvudiv"},
                 {"urem_", "bvurem"},
                 {"sdiv_", "bvsdiv"},
                 {"srem_", "bvsrem"},
                 {"int_div", "div"},
                 {"int_mod", "mod"},
                 {"text_at", "str.at"},
                 {"text_substr", "str.substr"},
                 {"text_indexof", "str.indexof"},
                 {"text_replace", "str.replace"},
                 {"text_to_int", "str.to_int"},
                 {"text_from_int", "str.from_int"}};
    const char *name = kid(t, 0)->name;
    const struct term_field *args = &t->fields[1];

    for (size_t i = 0; i < ARRAY_N(units); i++) {
        size_t n = strlen(units[i].name);

        if (strncmp(units[i].name, name, n) != 0 ||
            (units[i].name[n - 1] != '_' && name[n] != '\0')) {
            continue;
        }
        return strncmp(units[i].name, "int_", 4) == 0
                   ? put_division(w, t, units[i].symbol)
                   : put_form(w, units[i].symbol,
                              (const struct term *const *)args->kids, args->n);
    }
    return none(w, t, "such function");
}

static int put_core(struct writer *w, const struct term *t, struct ubytes name)
{
    static const struct {
        const char *name;
        const char *symbol;
        int swapped;
    } cores[] = {{"not", "not", 0},
                 {"inv", "bvnot", 0},
                 {"neg", "bvneg", 0},
                 {"abs", "abs", 0},
                 {"upper", "str.to_upper", 0},
                 {"lower", "str.to_lower", 0},
                 {"replace", "str.replace_all", 0},
                 {"starts_with", "str.prefixof", 1},
                 {"ends_with", "str.suffixof", 1}};
    const struct term_field *args = &t->fields[1];
    struct type type = type_of(w, t);

    if (sizeof("find") - 1 == name.n && memcmp(name.p, "find", name.n) == 0) {
        TRY(buf_putf(w->out, "(str.indexof "));
        TRY(put(w, args->kids[0]));
        TRY(buf_put_u8(w->out, ' '));
        TRY(put(w, args->kids[1]));
        return buf_putf(w->out, " 0)");
    }
    for (size_t i = 0; i < ARRAY_N(cores); i++) {
        if (strlen(cores[i].name) != name.n ||
            memcmp(cores[i].name, name.p, name.n) != 0) {
            continue;
        }
        if (cores[i].swapped) {
            return put_two(w, cores[i].symbol, args->kids[1], args->kids[0]);
        }
        return put_form(w,
                        strcmp(cores[i].name, "neg") == 0 && !is_unsigned(&type)
                            ? "-"
                            : cores[i].symbol,
                        (const struct term *const *)args->kids, args->n);
    }
    return none(w, t, "such function");
}

/* The name of the core's function that is called, or no bytes. */
static struct ubytes core_name(const struct term *call)
{
    const struct term *target = kid(call, 0);

    return target->kind == CML_REFERENCE && target->fields[1].n == 1
               ? target->fields[1].words[0].u.text
               : (struct ubytes){NULL, 0};
}

static int put_call(struct writer *w, const struct term *t)
{
    const struct term *target = kid(t, 0);
    struct ubytes core = core_name(t);
    struct type inner;

    if (target->kind == CML_UNIT) {
        return put_unit_call(w, t);
    }
    if (core.n > 0) {
        return put_core(w, t, core);
    }
    if (target->kind == CML_PRIMITIVE_TYPE && kid(t, 1)->kind == CML_CALL) {
        const struct term *len = kid(t, 1);

        core = core_name(len);
        inner = core.n == 3 && memcmp(core.p, "len", 3) == 0
                    ? type_of(w, kid(len, 1))
                    : (struct type){0};
        if (inner.n > 0 && inner.b[0] == TYPE_STRING) {
            return put_form(w, "str.len",
                            (const struct term *const *)len->fields[1].kids, 1);
        }
    }
    return none(w, t, "such conversion");
}

/* A Block with nothing but its value. */
static const struct term *value_of(const struct term *block)
{
    const struct term *last = block->fields[0].kids[block->fields[0].n - 1];

    return block->fields[0].n == 1 ? kid(last, 0) : NULL;
}

/* if: true, else anything. */
static int put_choice(struct writer *w, const struct term *t)
{
    const struct term_field *arms = &t->fields[1];
    const struct term *args[3] = {kid(t, 0)};
    const struct term *first;

    if (arms->n != 2 || type_of(w, args[0]).b[0] != TYPE_BOOL) {
        return none(w, t, "such choice");
    }
    first = kid(arms->kids[0], 0);
    args[1] = value_of(kid(arms->kids[0], 1));
    args[2] = value_of(kid(arms->kids[1], 1));
    if (!cml_is_word(&first->fields[0].value, "Literal") ||
        kid(kid(first, 1), 1)->fields[0].value.tag != CML_TRUE ||
        !cml_is_word(&kid(arms->kids[1], 0)->fields[0].value, "Wildcard") ||
        args[1] == NULL || args[2] == NULL) {
        return none(w, t, "such choice");
    }
    return put_form(w, "ite", args, 3);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int put(struct writer *w, const struct term *t)
{
    uint64_t i;

    switch ((int)t->kind) {
    case CML_LITERAL:
        return put_literal(w, t);
    case CML_BINOP:
        return put_op(w, t);
    case CML_CALL:
        return put_call(w, t);
    case CML_MATCH:
        return put_choice(w, t);
    case CML_VAR:
        i = t->fields[0].value.u.bits;
        return i < w->params_n
                   ? put_symbol(w, w->p->symbols[w->params_n - 1 - i])
                   : none(w, t, "such variable");
    default:
        return none(w, t, "such expression");
    }
}

int smt_put(struct buf *out, const struct cml_dag *dag, const struct term *unit,
            const struct pbe *p, struct diag *d)
{
    struct writer w = {out, dag, p, d, p->params_n};
    const struct term *value = value_of(kid(unit, 3));

    if (p->symbol == NULL || value == NULL ||
        unit->fields[1].n != p->params_n) {
        return none(&w, unit, "form of this unit");
    }
    TRY(buf_putf(out, "(define-fun "));
    TRY(put_symbol(&w, p->symbol));
    TRY(buf_putf(out, " ("));
    for (uint32_t i = 0; i < p->params_n; i++) {
        TRY(buf_putf(out, i > 0 ? " (" : "("));
        TRY(put_symbol(&w, p->symbols[i]));
        TRY(buf_put_u8(out, ' '));
        TRY(put_sort(&w, &p->types[i]));
        TRY(buf_put_u8(out, ')'));
    }
    TRY(buf_putf(out, ") "));
    TRY(put_sort(&w, &p->gives));
    TRY(buf_put_u8(out, ' '));
    TRY(put(&w, value));
    return buf_putf(out, ")\n");
}
