/* Functions of the core on single numbers. */
#include <math.h>
#include <string.h>

#include "workers/cml/eval_int.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

static uint64_t low(const struct val *v)
{
    return v->u.bits & (UINT64_MAX >> (64 - val_width(v)));
}

static struct val count(uint64_t n)
{
    return val_int(CML_INDEX_CODE, n);
}

static uint64_t turn(uint64_t v, unsigned width, unsigned step)
{
    uint64_t mask = step == 1 ? 1 : 0xff;
    uint64_t out = 0;

    for (unsigned i = 0; i < width; i += step) {
        out |= (v >> i & mask) << (width - step - i);
    }
    return out;
}

static struct val negate(const struct val *v)
{
    if (v->kind == VAL_INT) {
        return val_int(v->code, 0 - v->u.bits);
    }
    return v->code == 4 ? val_f32(-val_as_f32(v)) : val_f64(-val_as_f64(v));
}

static struct val magnitude(const struct val *v)
{
    if (v->kind == VAL_INT) {
        return val_is_signed(v) && (int64_t)v->u.bits < 0 ? negate(v) : *v;
    }
    return v->code == 4 ? val_f32(fabsf(val_as_f32(v)))
                        : val_f64(fabs(val_as_f64(v)));
}

static struct val mul_high(const struct val *a, const struct val *b)
{
    unsigned n = val_width(a);
    wide p;

    if (val_is_signed(a)) {
        p = (wide)(int64_t)a->u.bits * (int64_t)b->u.bits;
        return val_int(a->code, (uint64_t)(p >> n));
    }
    return val_int(
        a->code,
        (uint64_t)((uwide)a->u.bits * b->u.bits >> n));
}

static struct val float_of(enum core core, const struct val *v)
{
    static double (*const of[])(double) = {
        [CORE_sqrt] = sqrt,   [CORE_floor] = floor, [CORE_ceil] = ceil,
        [CORE_trunc] = trunc, [CORE_round] = rint,
    };

    /* exact in double, or rounded once more without harm: sqrt of an f32 in
     * double precision rounds to the same f32 (Figueroa 1995) */
    return v->code == 4 ? val_f32((float)of[core]((double)val_as_f32(v)))
                        : val_f64(of[core](val_as_f64(v)));
}

static int is_nan(const struct val *v)
{
    return v->code == 4 ? isnan(val_as_f32(v)) : isnan(val_as_f64(v));
}

int core_number(enum core core, const struct val *args, struct val *out)
{
    const struct val *a = &args[0];
    unsigned n = a->kind == VAL_INT ? val_width(a) : 0;

    switch ((int)core) { /* others: elsewhere */
    case CORE_not:
        *out = val_bool(a->u.bits == 0);
        return 0;
    case CORE_neg:
        *out = negate(a);
        return 0;
    case CORE_inv:
        *out = val_int(a->code, ~a->u.bits);
        return 0;
    case CORE_abs:
        *out = magnitude(a);
        return 0;
    case CORE_min:
        *out = val_compare(&args[1], a) == VAL_LESS ? args[1] : *a;
        return 0;
    case CORE_max:
        *out = val_compare(&args[1], a) == VAL_MORE ? args[1] : *a;
        return 0;
    case CORE_popcount:
        *out = count((unsigned)__builtin_popcountll(low(a)));
        return 0;
    case CORE_clz:
        *out = count(low(a) == 0
                         ? n
                         : (unsigned)__builtin_clzll(low(a)) - (64 - n));
        return 0;
    case CORE_ctz:
        *out = count(low(a) == 0 ? n : (unsigned)__builtin_ctzll(low(a)));
        return 0;
    case CORE_bits_reverse:
        *out = val_int(a->code, turn(low(a), n, 1));
        return 0;
    case CORE_bytes_reverse:
        *out = val_int(a->code, turn(low(a), n, 8));
        return 0;
    case CORE_mul_high:
        *out = mul_high(a, &args[1]);
        return 0;
    case CORE_sqrt:
    case CORE_floor:
    case CORE_ceil:
    case CORE_trunc:
    case CORE_round:
        *out = float_of(core, a);
        return 0;
    case CORE_is_nan:
        *out = val_bool(is_nan(a));
        return 0;
    case CORE_bits64:
        *out = val_int(8 | TYPE_UNSIGNED, a->u.bits);
        return 0;
    case CORE_from_bits64: {
        struct val raw = {.kind = VAL_FLOAT, .code = 8, .u.bits = a->u.bits};

        *out = val_f64(val_as_f64(&raw));
        return 0;
    }
    default:
        return CORE_NOT_HERE;
    }
}
