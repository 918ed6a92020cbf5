/* Flat code as C. Registers are uint64_t, as in flat.h. Runs in the `cml`
 * worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cml.h"
#include "proto/err.h"
#include "proto/text.h"
#include "proto/type.h"
#include "workers/cml/eval.h"
#include "workers/cml/export_int.h"

#define EXPRESSION_BYTES 400

static unsigned width(enum cml_primitive p)
{
    return (cml_primitive_info(p)->code & ~(unsigned)TYPE_UNSIGNED) * 8;
}

static int is_signed(enum cml_primitive p)
{
    return p >= CML_PRIMITIVE_INT8 && p <= CML_PRIMITIVE_INT64;
}

static int is_float(enum cml_primitive p)
{
    return p == CML_PRIMITIVE_FLOAT32 || p == CML_PRIMITIVE_FLOAT64;
}

/* out = the expression, wrapped to the width of an integer type. */
static void wrapped(struct text *out, enum cml_primitive p, const char *e)
{
    unsigned n = width(p);

    if (p == CML_PRIMITIVE_BOOL || n == 64) {
        text_putf(out, "%s", e);
    } else if (is_signed(p)) {
        text_putf(out, "(uint64_t)(int64_t)(int%u_t)(%s)", n, e);
    } else {
        text_putf(out, "(uint%u_t)(%s)", n, e);
    }
}

static void float_binary(struct text *out, const struct flat_code *k)
{
    static const char *const names[] = {
        [CML_OP_EQ] = "eq", [CML_OP_NE] = "ne", [CML_OP_LT] = "lt",
        [CML_OP_LE] = "le", [CML_OP_GT] = "gt", [CML_OP_GE] = "ge"};
    unsigned n = width(k->type);

    if (k->op >= CML_OP_EQ && k->op <= CML_OP_GE) {
        text_putf(out, "@%sf(@f%u(r%u), @f%u(r%u))", names[k->op], n, k->a, n,
                  k->b);
    } else if (k->op == CML_OP_REM) {
        text_putf(out, "@b%u(fmod%s(@f%u(r%u), @f%u(r%u)))", n,
                  n == 32 ? "f" : "", n, k->a, n, k->b);
    } else {
        text_putf(out, "@b%u(@f%u(r%u) %s @f%u(r%u))", n, n, k->a,
                  cml_op_info((enum cml_op)k->op)->text, n, k->b);
    }
}

/* Shifts; r: the count. */
static void shift(struct text *out, const struct flat_code *k)
{
    unsigned n = width(k->type);
    char e[EXPRESSION_BYTES];

    if (k->op == CML_OP_SHR) {
        text_putf(out,
                  is_signed(k->type) ? "(uint64_t)((int64_t)r%u >> (r%u & %u))"
                                     : "r%u >> (r%u & %u)",
                  k->a, k->b, n - 1);
        return;
    }
    if (k->op == CML_OP_SHL) {
        snprintf(e, sizeof(e), "r%u << (r%u & %u)", k->a, k->b, n - 1);
    } else {
        snprintf(e, sizeof(e), "@rot%c(r%u, r%u, %u)",
                 k->op == CML_OP_ROTL ? 'l' : 'r', k->a, k->b, n);
    }
    wrapped(out, k->type, e);
}

static void whole_binary(struct text *out, const struct flat_code *k)
{
    static const char *const names[] = {
        [CML_OP_EQ] = "eq",   [CML_OP_NE] = "ne",  [CML_OP_LT] = "lt",
        [CML_OP_LE] = "le",   [CML_OP_GT] = "gt",  [CML_OP_GE] = "ge",
        [CML_OP_DIV] = "div", [CML_OP_REM] = "rem"};
    char e[EXPRESSION_BYTES];

    if (k->op == CML_OP_EQ || k->op == CML_OP_NE) {
        text_putf(out, "@%s(r%u, r%u)", names[k->op], k->a, k->b);
    } else if (k->op >= CML_OP_LT && k->op <= CML_OP_GE) {
        text_putf(out,
                  is_signed(k->type) ? "@%ss((int64_t)r%u, (int64_t)r%u)"
                                     : "@%su(r%u, r%u)",
                  names[k->op], k->a, k->b);
    } else if (k->op >= CML_OP_SHL && k->op <= CML_OP_ROTR) {
        shift(out, k);
    } else if ((k->op == CML_OP_DIV || k->op == CML_OP_REM) &&
               is_signed(k->type)) {
        snprintf(e, sizeof(e), "@%ss(r%u, r%u)", names[k->op], k->a, k->b);
        wrapped(out, k->type, e);
    } else {
        snprintf(e, sizeof(e), "r%u %s r%u", k->a,
                 cml_op_info((enum cml_op)k->op)->text, k->b);
        wrapped(out, k->type, e);
    }
}

static void binary(struct exporter *x, struct text *out,
                   const struct flat_code *k)
{
    if (is_float(k->type)) {
        float_binary(out, k);
        return;
    }
    if (k->op == CML_OP_DIV || k->op == CML_OP_REM) {
        PUT(x, body, "    if (r%u == 0) {\n        return %d;\n    }\n", k->b,
            EVAL_E_DIVISION);
    }
    whole_binary(out, k);
}

static void float_core(struct text *out, const struct flat_code *k)
{
    static const char *const names[] = {
        [CORE_sqrt] = "sqrt",   [CORE_floor] = "floor", [CORE_ceil] = "ceil",
        [CORE_trunc] = "trunc", [CORE_round] = "rint",
    };
    unsigned n = width(k->type);

    switch (k->op) {
    case CORE_neg:
        text_putf(out, "@b%u(-@f%u(r%u))", n, n, k->a);
        return;
    case CORE_abs:
        text_putf(out, "r%u & (UINT64_MAX >> %u)", k->a, 65 - n);
        return;
    case CORE_is_nan:
        text_putf(out, "@nef(@f%u(r%u), @f%u(r%u))", n, k->a, n, k->a);
        return;
    case CORE_bits64:
        text_putf(out, "r%u", k->a);
        return;
    default:
        text_putf(out,
                  n == 32 ? "@b%u((float)%s((double)@f%u(r%u)))"
                          : "@b%u(%s(@f%u(r%u)))",
                  n, names[k->op], n, k->a);
    }
}

static void mul_high(char *e, size_t size, const struct flat_code *k)
{
    unsigned n = width(k->type);

    if (n == 64) {
        snprintf(e, size, "@mulh%c(r%u, r%u)", is_signed(k->type) ? 's' : 'u',
                 k->a, k->b);
    } else {
        snprintf(e, size,
                 is_signed(k->type)
                     ? "(uint64_t)((int64_t)r%u * (int64_t)r%u >> %u)"
                     : "r%u * r%u >> %u",
                 k->a, k->b, n);
    }
}

/* Also of bools: not. */
static void whole_core(struct text *out, const struct flat_code *k)
{
    unsigned n = width(k->type);
    unsigned gap = n > 0 ? 64 - n : 0;
    char e[EXPRESSION_BYTES];

    switch (k->op) {
    case CORE_not:
        snprintf(e, sizeof(e), "r%u ^ 1", k->a);
        break;
    case CORE_neg:
        snprintf(e, sizeof(e), "0 - r%u", k->a);
        break;
    case CORE_inv:
        snprintf(e, sizeof(e), "~r%u", k->a);
        break;
    case CORE_abs:
        snprintf(e, sizeof(e),
                 is_signed(k->type) ? "(int64_t)r%u < 0 ? 0 - r%u : r%u"
                                    : "r%u",
                 k->a, k->a, k->a);
        break;
    case CORE_popcount:
        text_putf(out, "@ones(r%u & (UINT64_MAX >> %u))", k->a, gap);
        return;
    case CORE_clz:
    case CORE_ctz:
        text_putf(out, "@%s(r%u & (UINT64_MAX >> %u), %u)",
                  k->op == CORE_clz ? "clz" : "ctz", k->a, gap, n);
        return;
    case CORE_bits_reverse:
    case CORE_bytes_reverse:
        snprintf(e, sizeof(e), "@turn(r%u & (UINT64_MAX >> %u), %u, %u)", k->a,
                 gap, n, k->op == CORE_bits_reverse ? 1 : 8);
        break;
    case CORE_mul_high:
        mul_high(e, sizeof(e), k);
        break;
    default: /* from_bits64 */
        text_putf(out, "@b64(@f64(r%u))", k->a);
        return;
    }
    wrapped(out, k->type, e);
}

static void convert(struct text *out, const struct flat_code *k)
{
    unsigned n = width(k->type);
    unsigned from = width(k->from);
    char e[EXPRESSION_BYTES];

    if (is_float(k->type)) {
        const char *c = n == 32 ? "float" : "double";

        if (is_float(k->from)) {
            text_putf(out, "@b%u((%s)@f%u(r%u))", n, c, from, k->a);
        } else {
            text_putf(out, "@b%u((%s)%sr%u)", n, c,
                      is_signed(k->from) ? "(int64_t)" : "", k->a);
        }
        return;
    }
    if (!is_float(k->from)) {
        snprintf(e, sizeof(e), "r%u", k->a);
    } else if (is_signed(k->type)) {
        snprintf(e, sizeof(e), "@ints(@f%u(r%u), 0x1p%u, UINT64_MAX >> %u)",
                 from, k->a, n - 1, 65 - n);
    } else {
        snprintf(e, sizeof(e), "@intu(@f%u(r%u), 0x1p%u, UINT64_MAX >> %u)",
                 from, k->a, n, 64 - n);
    }
    wrapped(out, k->type, e);
}

static void call(struct exporter *x, const struct flat_code *k)
{
    const struct flat_function *to = x->flat.functions[k->bits];

    PUT(x, body, "    {\n        uint64_t o[%u];\n        int e = @u%u(fuel",
        to->results_n, (unsigned)k->bits);
    for (uint32_t i = 0; i < to->args_n; i++) {
        PUT(x, body, ", r%u", k->d + i);
    }
    PUT(x, body,
        ", o);\n\n        if (e != 0) {\n            return e;\n"
        "        }\n");
    for (uint32_t i = 0; i < to->results_n; i++) {
        PUT(x, body, "        r%u = o[%u];\n", k->d + i, i);
    }
    PUT(x, body, "    }\n");
}

/* What is no expression; 1 when it was. */
static int control(struct exporter *x, const struct flat_code *k)
{
    unsigned long long bits = k->bits;

    switch ((int)k->what) {
    case FLAT_SPEND:
        PUT(x, body,
            "    if (*fuel < %llu) {\n        *fuel = 0;\n"
            "        return %d;\n    }\n    *fuel -= %llu;\n",
            bits, EVAL_E_FUEL, bits);
        return 0;
    case FLAT_FAIL:
        PUT(x, body, "    return %llu;\n", bits);
        return 0;
    case FLAT_IF:
        PUT(x, body, "    if (r%u == %llu) {\n", k->a, bits);
        return 0;
    case FLAT_ELSE:
        PUT(x, body, "    } else {\n");
        return 0;
    case FLAT_END:
    case FLAT_AGAIN:
        PUT(x, body, "    }\n");
        return 0;
    case FLAT_LOOP:
        PUT(x, body, "    for (;;) {\n");
        return 0;
    case FLAT_UNLESS:
        PUT(x, body, "    if (r%u == 0) {\n        break;\n    }\n", k->a);
        return 0;
    case FLAT_CALL:
        call(x, k);
        return 0;
    default:
        return 1;
    }
}

static void step(struct exporter *x, const struct flat_code *k)
{
    char text[2 * EXPRESSION_BYTES];
    struct text out;

    if (!control(x, k)) {
        return;
    }
    text_init(&out, text, sizeof(text));
    switch ((int)k->what) {
    case FLAT_CONST:
        text_putf(&out, "UINT64_C(0x%llx)", (unsigned long long)k->bits);
        break;
    case FLAT_MOVE:
        text_putf(&out, "r%u", k->a);
        break;
    case FLAT_BINARY:
        binary(x, &out, k);
        break;
    case FLAT_CORE:
        if (is_float(k->type)) {
            float_core(&out, k);
        } else {
            whole_core(&out, k);
        }
        break;
    case FLAT_CONVERT:
        convert(&out, k);
        break;
    default: /* FLAT_SELECT */
        text_putf(&out, "r%u != 0 ? r%u : r%u", k->c, k->a, k->b);
    }
    PUT(x, body, "    r%u = %s;\n", k->d, text);
}

/* Which registers are looked at: compilers warn of others. */
static void mark_read(const struct exporter *x, const struct flat_code *k,
                      uint8_t *read)
{
    static const uint8_t reads[] = {
        [FLAT_MOVE] = 1,    [FLAT_BINARY] = 3, [FLAT_CORE] = 1,
        [FLAT_CONVERT] = 1, [FLAT_SELECT] = 7, [FLAT_IF] = 1,
        [FLAT_UNLESS] = 1,  [FLAT_CALL] = 0};
    unsigned set =
        k->what == FLAT_CORE && k->op == CORE_mul_high ? 3 : reads[k->what];

    if (set & 1) {
        read[k->a] = 1;
    }
    if (set & 2) {
        read[k->b] = 1;
    }
    if (set & 4) {
        read[k->c] = 1;
    }
    for (uint32_t i = 0;
         k->what == FLAT_CALL && i < x->flat.functions[k->bits]->args_n; i++) {
        read[k->d + i] = 1;
    }
}

static void declare(struct exporter *x, const struct flat_function *f,
                    const uint8_t *read)
{
    for (uint32_t r = f->args_n; r < f->registers; r++) {
        PUT(x, body, "    uint64_t r%u = 0;\n", r);
    }
    for (uint32_t r = 0; r < f->registers; r++) {
        if (!read[r]) {
            PUT(x, body, "    (void)r%u;\n", r);
        }
    }
}

void export_function(struct exporter *x, uint32_t i)
{
    const struct flat_function *f = x->flat.functions[i];
    uint8_t *read = calloc((size_t)f->registers + 1, 1);

    if (read == NULL) {
        x->code = x->code < 0 ? x->code : ERR_NOMEM;
        return;
    }
    for (uint32_t k = 0; k < f->code_n; k++) {
        mark_read(x, &f->code[k], read);
    }
    memset(read + f->result, 1, f->results_n);
    PUT(x, body, "static int @u%u(uint64_t *fuel", i);
    for (uint32_t a = 0; a < f->args_n; a++) {
        PUT(x, body, ", uint64_t r%u", a);
    }
    PUT(x, body, ", uint64_t *out)\n{\n");
    declare(x, f, read);
    free(read);
    for (uint32_t k = 0; k < f->code_n; k++) {
        step(x, &f->code[k]);
    }
    for (uint32_t r = 0; r < f->results_n; r++) {
        PUT(x, body, "    out[%u] = r%u;\n", r, f->result + r);
    }
    PUT(x, body, "    return 0;\n}\n\n");
}
