/* Operators and conversions. Integers wrap, floats are IEEE 754 without
 * contraction. */
#include <math.h>
#include <string.h>

#include "workers/cml/eval_int.h"

static int whole(enum cml_op op, const struct val *l, const struct val *r,
                 struct val *out)
{
    uint64_t a = l->u.bits;
    uint64_t b = r->u.bits;
    int is_signed = val_is_signed(l);
    uint64_t v = 0;

    switch ((int)op) {
    case CML_OP_ADD:
        v = a + b;
        break;
    case CML_OP_SUB:
        v = a - b;
        break;
    case CML_OP_MUL:
        v = a * b;
        break;
    case CML_OP_DIV:
    case CML_OP_REM:
        if (b == 0) {
            return EVAL_E_DIVISION;
        }
        if (is_signed && b == UINT64_MAX) { /* -1: the one overflow */
            v = op == CML_OP_DIV ? 0 - a : 0;
        } else if (is_signed) {
            v = (uint64_t)(op == CML_OP_DIV ? (int64_t)a / (int64_t)b
                                            : (int64_t)a % (int64_t)b);
        } else {
            v = op == CML_OP_DIV ? a / b : a % b;
        }
        break;
    case CML_OP_BAND:
        v = a & b;
        break;
    case CML_OP_BOR:
        v = a | b;
        break;
    default:
        v = a ^ b;
        break;
    }
    *out = val_int(l->code, v);
    return 0;
}

static struct val shift(enum cml_op op, const struct val *l,
                        const struct val *r)
{
    unsigned n = val_width(l);
    unsigned by = (unsigned)(r->u.bits & (n - 1));
    uint64_t mask = UINT64_MAX >> (64 - n);
    uint64_t v = l->u.bits & mask;

    if (op == CML_OP_ROTR) {
        by = (n - by) & (n - 1);
    }
    if (op == CML_OP_SHL) {
        v <<= by;
    } else if (op == CML_OP_SHR && val_is_signed(l)) {
        v = (uint64_t)((int64_t)l->u.bits >> by);
    } else if (op == CML_OP_SHR) {
        v >>= by;
    } else if (by > 0) {
        v = v << by | v >> (n - by);
    }
    return val_int(l->code, v);
}

static struct val double_op(enum cml_op op, double a, double b)
{
    return val_f64(op == CML_OP_ADD   ? a + b
                   : op == CML_OP_SUB ? a - b
                   : op == CML_OP_MUL ? a * b
                   : op == CML_OP_DIV ? a / b
                                      : fmod(a, b));
}

static struct val float_op(enum cml_op op, float a, float b)
{
    return val_f32(op == CML_OP_ADD   ? a + b
                   : op == CML_OP_SUB ? a - b
                   : op == CML_OP_MUL ? a * b
                   : op == CML_OP_DIV ? a / b
                                      : fmodf(a, b));
}

static int cat(struct eval *e, const struct val *l, const struct val *r,
               struct val *out)
{
    struct val *items;
    uint8_t *p;

    if (l->kind == VAL_ARRAY) {
        EVAL_TRY(val_new_array(e, (uint64_t)l->n + r->n, &items, out));
        memcpy(items, l->u.items, l->n * sizeof(*items));
        memcpy(items + l->n, r->u.items, r->n * sizeof(*items));
        return 0;
    }
    EVAL_TRY(val_new_bytes(e, l->kind, (uint64_t)l->n + r->n, &p, out));
    memcpy(p, l->u.p, l->n);
    memcpy(p + l->n, r->u.p, r->n);
    return 0;
}

static int compare(struct eval *e, enum cml_op op, const struct val *l,
                   const struct val *r, struct val *out)
{
    enum val_order o;

    EVAL_TRY(eval_compare(e, l, r, &o));
    *out = val_bool(op == CML_OP_EQ   ? o == VAL_SAME
                    : op == CML_OP_NE ? o != VAL_SAME
                    : op == CML_OP_LT ? o == VAL_LESS
                    : op == CML_OP_LE ? o == VAL_LESS || o == VAL_SAME
                    : op == CML_OP_GT ? o == VAL_MORE
                                      : o == VAL_MORE || o == VAL_SAME);
    return 0;
}

int eval_op(struct eval *e, enum cml_op op, const struct val *l,
            const struct val *r, struct val *out)
{
    if (op == CML_OP_CAT) {
        return cat(e, l, r, out);
    }
    if (op >= CML_OP_EQ && op <= CML_OP_GE) {
        return compare(e, op, l, r, out);
    }
    if (op == CML_OP_SHL || op == CML_OP_SHR || op == CML_OP_ROTL ||
        op == CML_OP_ROTR) {
        *out = shift(op, l, r);
        return 0;
    }
    if (l->kind == VAL_BOOL) {
        *out = val_bool((int)(op == CML_OP_BAND  ? l->u.bits & r->u.bits
                              : op == CML_OP_BOR ? l->u.bits | r->u.bits
                                                 : l->u.bits ^ r->u.bits));
        return 0;
    }
    if (l->kind == VAL_FLOAT) {
        *out = l->code == 4 ? float_op(op, val_as_f32(l), val_as_f32(r))
                            : double_op(op, val_as_f64(l), val_as_f64(r));
        return 0;
    }
    return whole(op, l, r, out);
}

/* Towards zero, cut to the range, NaN is 0. */
static uint64_t whole_of(double v, uint8_t code)
{
    unsigned n = (code & ~(unsigned)TYPE_UNSIGNED) * 8;
    int is_signed = (code & TYPE_UNSIGNED) == 0;
    double top = ldexp(1.0, (int)(is_signed ? n - 1 : n));

    if (v != v) {
        return 0;
    }
    if (v >= top) {
        return is_signed ? UINT64_MAX >> (65 - n) : UINT64_MAX >> (64 - n);
    }
    if (is_signed) {
        return v <= -top ? UINT64_MAX << (n - 1) : (uint64_t)(int64_t)v;
    }
    return v <= 0 ? 0 : (uint64_t)v;
}

int eval_convert(const struct val *v, enum cml_primitive to, struct val *out)
{
    const struct cml_primitive_info *t = cml_primitive_info(to);
    double wide;

    if (v->kind == VAL_FLOAT) {
        wide = v->code == 4 ? (double)val_as_f32(v) : val_as_f64(v);
        *out = t->tag == CML_INT ? val_int(t->code, whole_of(wide, t->code))
               : t->code == 4    ? val_f32((float)wide)
                                 : val_f64(wide);
        return 0;
    }
    if ((v->kind != VAL_INT && v->kind != VAL_BOOL) ||
        (t->tag != CML_INT && t->tag != CML_FLOAT)) {
        *out = *v; /* the same type: the checker allows no other */
        return 0;
    }
    if (t->tag == CML_INT) {
        *out = val_int(t->code, v->u.bits);
    } else if (v->kind == VAL_INT && val_is_signed(v)) {
        *out = t->code == 4 ? val_f32((float)(int64_t)v->u.bits)
                            : val_f64((double)(int64_t)v->u.bits);
    } else {
        *out = t->code == 4 ? val_f32((float)v->u.bits)
                            : val_f64((double)v->u.bits);
    }
    return 0;
}
