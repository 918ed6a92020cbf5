/* Values of the enumerator's operators, a column at a time. What they give must be
 * what their CML texts give (synth_op.def; tests/unit/cml/test_synth_op.c compares
 * them). Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

/* Four words at once; columns need no alignment. */
typedef uint64_t four __attribute__((vector_size(32), aligned(8), may_alias));

#define BLOCK 16u /* columns of a rule's own function at once */

static uint64_t wrap(uint8_t code, uint64_t v)
{
    unsigned bits = 8u * (code & 0x7fu);

    if (bits == 64) {
        return v;
    }
    v &= ((uint64_t)1 << bits) - 1;
    if ((code & TYPE_UNSIGNED) == 0 && (v >> (bits - 1)) != 0) {
        v |= ~(uint64_t)0 << bits;
    }
    return v;
}

static int64_t as_signed(uint8_t code, uint64_t v)
{
    return (int64_t)wrap(code & 0x7fu, v);
}

static uint64_t as_unsigned(uint8_t code, uint64_t v)
{
    return wrap(code | TYPE_UNSIGNED, v);
}

static uint64_t shift(enum synth_op op, uint8_t code, uint64_t x, uint64_t n)
{
    unsigned bits = 8u * (code & 0x7fu);
    uint64_t count = as_unsigned(code, n);

    if (op == SYNTH_OP_ashr) {
        return (uint64_t)(as_signed(code, x) >>
                          (count < bits ? count : bits - 1));
    }
    if (count >= bits) {
        return 0;
    }
    return op == SYNTH_OP_shl ? x << count : as_unsigned(code, x) >> count;
}

/* As the core's operator: the least number over -1 wraps. */
static uint64_t divide(uint8_t code, uint64_t x, uint64_t y, int rest)
{
    if ((code & TYPE_UNSIGNED) != 0) {
        return rest ? x % y : x / y;
    }
    if ((int64_t)y == -1) {
        return rest ? 0 : 0 - x;
    }
    return (uint64_t)(rest ? (int64_t)x % (int64_t)y : (int64_t)x / (int64_t)y);
}

static uint64_t euclid(uint64_t x, uint64_t y, int rest)
{
    int64_t r;

    if (y == 0) {
        return rest ? x : 0;
    }
    r = (int64_t)divide(8, x, y, 1);
    if (rest) {
        return r >= 0 ? (uint64_t)r
                      : (uint64_t)r + ((int64_t)y < 0 ? 0 - y : y);
    }
    return divide(8, x, y, 0) - (r >= 0 ? 0 : (int64_t)y > 0 ? 1u : ~(uint64_t)0);
}

static uint64_t quotient(enum synth_op op, uint8_t code, uint64_t x, uint64_t y)
{
    uint8_t other = op == SYNTH_OP_sdiv || op == SYNTH_OP_srem
                        ? code & 0x7fu
                        : code | TYPE_UNSIGNED;

    switch ((int)op) {
    case SYNTH_OP_div:
    case SYNTH_OP_rem:
        return y == 0 ? 0 : divide(code, x, y, op == SYNTH_OP_rem);
    case SYNTH_OP_int_div:
    case SYNTH_OP_int_mod:
        return euclid(x, y, op == SYNTH_OP_int_mod);
    default:
        break;
    }
    if (y == 0) {
        return op == SYNTH_OP_udiv   ? ~(uint64_t)0
               : op == SYNTH_OP_sdiv ? (as_signed(code, x) < 0 ? 1 : ~(uint64_t)0)
                                     : x;
    }
    return divide(other, wrap(other, x), wrap(other, y),
                  op == SYNTH_OP_urem || op == SYNTH_OP_srem);
}

static uint64_t is_less(uint8_t code, uint64_t x, uint64_t y)
{
    return (code & TYPE_UNSIGNED) != 0 ? x < y : (int64_t)x < (int64_t)y;
}

static uint64_t compare(enum synth_op op, uint8_t code, uint64_t x, uint64_t y)
{
    uint8_t s = code & 0x7fu;

    switch ((int)op) {
    case SYNTH_OP_lt:
        return is_less(code, x, y);
    case SYNTH_OP_le:
        return !is_less(code, y, x);
    case SYNTH_OP_gt:
        return is_less(code, y, x);
    case SYNTH_OP_ge:
        return !is_less(code, x, y);
    case SYNTH_OP_slt:
        return is_less(s, wrap(s, x), wrap(s, y));
    case SYNTH_OP_sle:
        return !is_less(s, wrap(s, y), wrap(s, x));
    case SYNTH_OP_sgt:
        return is_less(s, wrap(s, y), wrap(s, x));
    default:
        return !is_less(s, wrap(s, x), wrap(s, y));
    }
}

static uint64_t scalar(enum synth_op op, uint8_t code, const uint64_t *a)
{
    switch ((int)op) {
    case SYNTH_OP_shl:
    case SYNTH_OP_shr:
    case SYNTH_OP_ashr:
        return shift(op, code, a[0], a[1]);
    case SYNTH_OP_udiv:
    case SYNTH_OP_urem:
    case SYNTH_OP_sdiv:
    case SYNTH_OP_srem:
    case SYNTH_OP_div:
    case SYNTH_OP_rem:
    case SYNTH_OP_int_div:
    case SYNTH_OP_int_mod:
        return quotient(op, code, a[0], a[1]);
    case SYNTH_OP_abs:
        return is_less(code, a[0], 0) ? 0 - a[0] : a[0];
    case SYNTH_OP_min:
        return is_less(code, a[1], a[0]) ? a[1] : a[0];
    case SYNTH_OP_max:
        return is_less(code, a[0], a[1]) ? a[1] : a[0];
    case SYNTH_OP_popcount:
        return (uint64_t)__builtin_popcountll(as_unsigned(code, a[0]));
    case SYNTH_OP_bnot:
        return !a[0];
    case SYNTH_OP_band:
        return a[0] & a[1];
    case SYNTH_OP_bor:
        return a[0] | a[1];
    case SYNTH_OP_bxor:
        return a[0] ^ a[1];
    case SYNTH_OP_implies:
        return (a[0] ^ 1) | a[1];
    default:
        return compare(op, code, a[0], a[1]);
    }
}

/* One expression over all columns, four at a time; f is of vectors and words. */
#define EACH(f)                                                                \
    do {                                                                       \
        uint32_t i = 0;                                                        \
                                                                               \
        for (; i + 4 <= w; i += 4) {                                           \
            four a = *(const four *)&x[i];                                     \
            four b = *(const four *)&y[i];                                     \
                                                                               \
            (void)b;                                                           \
            *(four *)&out[i] = (f);                                            \
        }                                                                      \
        for (; i < w; i++) {                                                   \
            uint64_t a = x[i];                                                 \
            uint64_t b = y[i];                                                 \
                                                                               \
            (void)b;                                                           \
            out[i] = (f);                                                      \
        }                                                                      \
    } while (0)

/* The dense ones, for 64 bits: 1 when op is none of them. Shifts are of words
 * without a sign. A flat switch. */
static int dense(enum synth_op op, const uint64_t *x, const uint64_t *y,
                 uint32_t w, uint64_t *out)
{
    switch ((int)op) {
    case SYNTH_OP_not:
        EACH(~a);
        return 0;
    case SYNTH_OP_neg:
        EACH(0 - a);
        return 0;
    case SYNTH_OP_and:
        EACH(a & b);
        return 0;
    case SYNTH_OP_or:
        EACH(a | b);
        return 0;
    case SYNTH_OP_xor:
        EACH(a ^ b);
        return 0;
    case SYNTH_OP_add:
        EACH(a + b);
        return 0;
    case SYNTH_OP_sub:
        EACH(a - b);
        return 0;
    case SYNTH_OP_mul:
        EACH(a * b);
        return 0;
    case SYNTH_OP_shl1:
        EACH(a << 1);
        return 0;
    case SYNTH_OP_shr1:
        EACH(a >> 1);
        return 0;
    case SYNTH_OP_shr4:
        EACH(a >> 4);
        return 0;
    case SYNTH_OP_shr16:
        EACH(a >> 16);
        return 0;
    default:
        return 1;
    }
}

static void choose(enum synth_op op, const uint64_t *const *a, uint32_t w,
                   uint64_t *out)
{
    uint64_t wanted = op == SYNTH_OP_if_zero ? 0 : 1;

    for (uint32_t i = 0; i < w; i++) {
        out[i] = a[0][i] == wanted ? a[1][i] : a[2][i];
    }
}

/* Sign-keeping shifts by a constant, counts modulo the width. */
static uint64_t shift_down(enum synth_op op, uint8_t code, uint64_t v)
{
    unsigned n = op == SYNTH_OP_shr1 ? 1 : op == SYNTH_OP_shr4 ? 4 : 16;

    n &= 8u * (code & 0x7fu) - 1;
    return (code & TYPE_UNSIGNED) != 0 ? v >> n : (uint64_t)((int64_t)v >> n);
}

static int words(enum synth_op op, uint8_t code, const uint64_t *const *args,
                 uint32_t w, uint64_t *out)
{
    const uint64_t *y = args[synth_op_args(op) > 1 ? 1 : 0];
    int is_shift = op == SYNTH_OP_shr1 || op == SYNTH_OP_shr4 ||
                   op == SYNTH_OP_shr16;

    if (is_shift && code != 0x88) {
        for (uint32_t i = 0; i < w; i++) {
            out[i] = shift_down(op, code, args[0][i]);
        }
        return 0;
    }
    if (dense(op, args[0], y, w, out) != 0) {
        for (uint32_t i = 0; i < w; i++) {
            uint64_t a[2] = {args[0][i], y[i]};

            out[i] = scalar(op, code, a);
        }
        if (synth_op_info(op)->signature[synth_op_args(op) + 1] == 'b') {
            return 0;
        }
    }
    if ((code & 0x7fu) < 8) {
        for (uint32_t i = 0; i < w; i++) {
            out[i] = wrap(code, out[i]);
        }
    }
    return 0;
}

static int pooled(struct problem *p, enum synth_op op,
                  const uint64_t *const *args, uint32_t w, uint64_t *out)
{
    unsigned n = synth_op_args(op);
    char gives = synth_op_info(op)->signature[n + 1];

    for (uint32_t i = 0; i < w; i++) {
        uint64_t a[SYNTH_ARGS_MAX] = {0};

        for (unsigned k = 0; k < n; k++) {
            a[k] = args[k][i];
        }
        out[i] = op < SYNTH_OP_head ? synth_text_value(p, op, a)
                                    : synth_list_value(p, op, a);
        if (out[i] == SYNTH_NO_VALUE && (gives == 's' || gives == 'l')) {
            return 1;
        }
    }
    return 0;
}

int synth_columns(struct problem *p, enum synth_op op, uint8_t code,
                  const uint64_t *const *args, uint32_t w, uint64_t *out)
{
    if (op == SYNTH_OP_ite || op == SYNTH_OP_if_one || op == SYNTH_OP_if_zero) {
        choose(op, args, w, out);
        return 0;
    }
    if (op == SYNTH_OP_eq || op == SYNTH_OP_ne) {
        for (uint32_t i = 0; i < w; i++) {
            out[i] = (args[0][i] == args[1][i]) == (op == SYNTH_OP_eq);
        }
        return 0;
    }
    return op >= SYNTH_OP_concat ? pooled(p, op, args, w, out)
                                 : words(op, code, args, w, out);
}

/* Columns from..from+w of node `last` and those before it. */
static int own_block(struct problem *p, const struct rule *r, uint32_t last,
                     const uint64_t *const *args, uint32_t w, uint64_t *out)
{
    uint64_t v[SYNTH_NODES_MAX][BLOCK];

    for (uint32_t i = 0; i <= last; i++) {
        const struct rule_node *n = &r->nodes[i];
        const uint64_t *a[SYNTH_ARGS_MAX];

        if (n->kind == NODE_ARGUMENT && args[n->args[0]] == NULL) {
            memset(v[i], 0, sizeof(v[i]));
        } else if (n->kind == NODE_ARGUMENT) {
            memcpy(v[i], args[n->args[0]], w * sizeof(v[i][0]));
        } else if (n->kind == NODE_CONSTANT) {
            for (uint32_t k = 0; k < w; k++) {
                v[i][k] = n->value;
            }
        } else {
            for (unsigned k = 0; k < synth_op_args(n->op); k++) {
                a[k] = v[n->args[k]];
            }
            if (synth_columns(p, n->op, n->code, a, w, v[i]) != 0) {
                return 1;
            }
        }
    }
    memcpy(out, v[last], w * sizeof(*out));
    return 0;
}

int synth_own_columns(struct problem *p, const struct rule *r, uint32_t last,
                      const uint64_t *const *args, uint32_t w, uint64_t *out)
{
    for (uint32_t from = 0; from < w; from += BLOCK) {
        const uint64_t *a[SYNTH_ARGS_MAX];

        for (uint32_t k = 0; k < r->args_n; k++) {
            a[k] = args[k] != NULL ? args[k] + from : NULL;
        }
        if (own_block(p, r, last, a, w - from < BLOCK ? w - from : BLOCK,
                      out + from) != 0) {
            return 1;
        }
    }
    return 0;
}

int synth_rule_columns(struct problem *p, const struct rule *r,
                       const uint64_t *const *args, uint32_t w, uint64_t *out)
{
    return r->kind == RULE_OWN
               ? synth_own_columns(p, r, r->nodes_n - 1, args, w, out)
               : synth_columns(p, r->op, r->code, args, w, out);
}
