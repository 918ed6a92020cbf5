/* Rules for operators. Each gives an equal term that is not larger. Floats are left
 * alone but for the order of operands: IEEE 754 addition and multiplication commute,
 * with one NaN. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/canonical_int.h"

#define FOLD_FUEL 4096

/* A binary operation under way: its operands, as constants where they are. */
struct pair {
    struct term *t;
    struct term *l;
    struct term *r;
    enum cml_op op;
    struct val lv;
    struct val rv;
    int has_l; /* constants of integers or bools */
    int has_r;
};

static int number_of(const struct term *t, struct val *out)
{
    return tree_constant(t, out) &&
           (out->kind == VAL_INT || out->kind == VAL_BOOL);
}

static struct pair pair_of(struct term *t)
{
    struct pair p = {.t = t,
                     .l = t->fields[1].kids[0],
                     .r = t->fields[2].kids[0],
                     .op = tree_op_of(t)};

    p.has_l = number_of(p.l, &p.lv);
    p.has_r = number_of(p.r, &p.rv);
    return p;
}

static struct term *fold(struct canonical *c, const struct pair *p)
{
    struct val l;
    struct val r;
    struct val out;

    if (!tree_constant(p->l, &l) || !tree_constant(p->r, &r)) {
        return NULL;
    }
    if (p->op == CML_OP_AND || p->op == CML_OP_OR) {
        return (p->op == CML_OP_AND) == (l.u.bits != 0) ? p->r : p->l;
    }
    eval_reset(&c->eval, FOLD_FUEL);
    return eval_op(&c->eval, p->op, &l, &r, &out) == 0
               ? canonical_constant(c, p->t, &out)
               : NULL;
}

static struct term *again(struct canonical *c, const struct pair *p,
                          enum cml_op op, struct term *l, struct term *r)
{
    return canonical_seal(c, tree_binop(c->tree, op, p->t->type, l, r));
}

static int commutes(const struct canonical *c, const struct pair *p)
{
    switch ((int)p->op) {
    case CML_OP_AND:
    case CML_OP_OR: /* one of them may not be evaluated */
        return p->l->mark == 0 && p->r->mark == 0;
    case CML_OP_ADD:
    case CML_OP_MUL:
        return canonical_primitive(c, p->t->type) != CML_PRIMITIVES &&
               canonical_may_turn(p->l, p->r);
    case CML_OP_BAND:
    case CML_OP_BOR:
    case CML_OP_BXOR:
    case CML_OP_EQ:
    case CML_OP_NE:
        return canonical_may_turn(p->l, p->r);
    default:
        return 0;
    }
}

static struct term *order(struct canonical *c, const struct pair *p)
{
    if ((p->op == CML_OP_GT || p->op == CML_OP_GE) &&
        canonical_may_turn(p->l, p->r)) {
        return again(c, p, p->op == CML_OP_GT ? CML_OP_LT : CML_OP_LE, p->r,
                     p->l);
    }
    if (commutes(c, p) && memcmp(cml_dag_at(c->dag, p->r->id)->cid.b,
                                 cml_dag_at(c->dag, p->l->id)->cid.b,
                                 CID_BYTES) < 0) {
        return again(c, p, p->op, p->r, p->l);
    }
    return NULL;
}

/* Is v this number of its type? */
static int is(const struct val *v, int has, uint64_t bits)
{
    return has && v->kind == VAL_INT && v->u.bits == val_int(v->code, bits).u.bits;
}

/* x op constant, and constant op x where op commutes: neutral elements give x,
 * absorbing ones themselves when x cannot fail. */
static struct term *with_constant(const struct pair *p, struct term *x,
                                  struct term *constant, const struct val *v,
                                  int is_right)
{
    int zero = is(v, 1, 0);
    int one = is(v, 1, 1);
    int ones = is(v, 1, UINT64_MAX);
    int total = x->mark == 0;

    switch ((int)p->op) {
    case CML_OP_ADD:
    case CML_OP_BXOR:
        return zero ? x : NULL;
    case CML_OP_SUB:
        return zero && is_right ? x : NULL;
    case CML_OP_MUL:
        return one ? x : zero && total ? constant : NULL;
    case CML_OP_DIV:
        return one && is_right ? x : NULL;
    case CML_OP_BAND:
        return ones ? x : zero && total ? constant : NULL;
    case CML_OP_BOR:
        return zero ? x : ones && total ? constant : NULL;
    default:
        return NULL;
    }
}

static int is_shift(enum cml_op op)
{
    return op == CML_OP_SHL || op == CML_OP_SHR || op == CML_OP_ROTL ||
           op == CML_OP_ROTR;
}

static struct term *shift(struct canonical *c, const struct pair *p)
{
    unsigned width;
    uint64_t by;
    enum cml_primitive type = canonical_primitive(c, p->t->type);

    if (is(&p->lv, p->has_l, 0) && p->r->mark == 0) {
        return p->l;
    }
    if (!p->has_r || type == CML_PRIMITIVES) {
        return NULL;
    }
    width = (cml_primitive_info(type)->code & 0x7fu) * 8;
    by = p->rv.u.bits & (width - 1);
    if (by == 0) {
        return p->l;
    }
    if (p->op == CML_OP_SHL) {
        return again(c, p, CML_OP_MUL, p->l,
                     canonical_int(c, p->t->type, UINT64_C(1) << by));
    }
    if (p->op == CML_OP_ROTR) {
        struct term *left = canonical_int(c, p->r->type, width - by);

        return again(c, p, CML_OP_ROTL, p->l, left);
    }
    return by != p->rv.u.bits
               ? again(c, p, p->op, p->l, canonical_int(c, p->r->type, by))
               : NULL;
}

static struct term *whole(struct canonical *c, const struct pair *p)
{
    struct term *next = NULL;

    if (p->has_r) {
        next = with_constant(p, p->l, p->r, &p->rv, 1);
    }
    if (next == NULL && p->has_l) {
        next = with_constant(p, p->r, p->l, &p->lv, 0);
    }
    if (next != NULL) {
        return next;
    }
    if (p->op == CML_OP_SUB && p->has_r) {
        return again(c, p, CML_OP_ADD, p->l,
                     canonical_int(c, p->t->type, 0 - p->rv.u.bits));
    }
    if (p->op == CML_OP_SUB && is(&p->lv, p->has_l, 0)) {
        return canonical_seal(
            c, tree_core(c->tree, CORE_neg, p->t->type, p->r, NULL));
    }
    if (p->op == CML_OP_REM && is(&p->rv, p->has_r, 1) && p->l->mark == 0) {
        return canonical_int(c, p->t->type, 0);
    }
    if (p->op == CML_OP_BXOR &&
        (is(&p->rv, p->has_r, UINT64_MAX) || is(&p->lv, p->has_l, UINT64_MAX))) {
        return canonical_seal(
            c, tree_core(c->tree, CORE_inv, p->t->type,
                         is(&p->rv, p->has_r, UINT64_MAX) ? p->l : p->r, NULL));
    }
    return NULL;
}

/* Both operands are the same expression. */
static struct term *same(struct canonical *c, const struct pair *p)
{
    int total = p->l->mark == 0;
    int exact = canonical_is_exact(c, p->l->type);

    switch ((int)p->op) {
    case CML_OP_BAND:
    case CML_OP_BOR:
    case CML_OP_AND:
    case CML_OP_OR:
        return p->l;
    case CML_OP_SUB:
    case CML_OP_BXOR:
        if (!total) {
            return NULL;
        }
        return canonical_is_bool(c, p->t->type) ? canonical_bool(c, 0)
               : canonical_is_int(c, p->t->type)
                   ? canonical_int(c, p->t->type, 0)
                   : NULL;
    case CML_OP_EQ:
    case CML_OP_LE:
    case CML_OP_GE:
        return total && exact ? canonical_bool(c, 1) : NULL;
    case CML_OP_NE:
    case CML_OP_LT:
    case CML_OP_GT:
        return total && exact ? canonical_bool(c, 0) : NULL;
    default:
        return NULL;
    }
}

/* x op a bool constant. is_right: the constant stands on the right. */
static struct term *with_bool(struct canonical *c, const struct pair *p,
                              struct term *x, int v, int is_right)
{
    switch ((int)p->op) {
    case CML_OP_AND:
    case CML_OP_BAND:
        return v ? x
               : x->mark == 0 || (p->op == CML_OP_AND && !is_right)
                   ? canonical_bool(c, 0)
                   : NULL;
    case CML_OP_OR:
    case CML_OP_BOR:
        return !v ? x
               : x->mark == 0 || (p->op == CML_OP_OR && !is_right)
                   ? canonical_bool(c, 1)
                   : NULL;
    case CML_OP_EQ:
        return v ? x : canonical_not(c, x);
    case CML_OP_NE:
    case CML_OP_BXOR:
        return v ? canonical_not(c, x) : x;
    default:
        return NULL;
    }
}

/* Comparisons with a constant: the strict one, and those that cannot be. */
static struct term *bound(struct canonical *c, const struct pair *p)
{
    uint32_t type = p->l->type;
    const struct val *v = p->has_r ? &p->rv : &p->lv;
    struct term *x = p->has_r ? p->l : p->r;
    unsigned n = val_width(v);
    int is_signed = val_is_signed(v);
    uint64_t top = is_signed ? UINT64_MAX >> (65 - n) : UINT64_MAX >> (64 - n);
    uint64_t low = is_signed ? UINT64_MAX << (n - 1) : 0;
    uint64_t end = p->has_r ? top : low;
    int is_strict = p->op == CML_OP_LT;

    if (!is_strict && v->u.bits != end) { /* x <= k: x < k + 1; k <= x */
        return p->has_r ? again(c, p, CML_OP_LT, x,
                                canonical_int(c, type, v->u.bits + 1))
                        : again(c, p, CML_OP_LT,
                                canonical_int(c, type, v->u.bits - 1), x);
    }
    if (x->mark != 0) {
        return NULL;
    }
    if (!is_strict) {
        return canonical_bool(c, 1);
    }
    return v->u.bits == (p->has_r ? low : top) ? canonical_bool(c, 0) : NULL;
}

struct term *canonical_binop(struct canonical *c, struct term *t)
{
    struct pair p = pair_of(t);
    struct term *next = fold(c, &p);

    if (next != NULL || c->code != 0) {
        return next;
    }
    if (p.l->id == p.r->id && (next = same(c, &p)) != NULL) {
        return next;
    }
    if (canonical_is_bool(c, p.l->type)) {
        if (p.has_r) {
            next = with_bool(c, &p, p.l, p.rv.u.bits != 0, 1);
        } else if (p.has_l) {
            next = with_bool(c, &p, p.r, p.lv.u.bits != 0, 0);
        }
    } else if (is_shift(p.op)) {
        next = shift(c, &p);
    } else if ((p.op == CML_OP_LT || p.op == CML_OP_LE) &&
               (p.has_l || p.has_r)) {
        next = bound(c, &p);
    } else if (canonical_is_int(c, t->type)) {
        next = whole(c, &p);
    }
    return next != NULL || c->code != 0 ? next : order(c, &p);
}

struct term *canonical_negation(struct canonical *c, struct term *e)
{
    enum cml_op op = tree_op_of(e);
    struct term *l;
    struct term *r;

    if (op < CML_OP_EQ || op > CML_OP_GE) {
        return NULL;
    }
    l = e->fields[1].kids[0];
    r = e->fields[2].kids[0];
    if (op == CML_OP_EQ || op == CML_OP_NE) {
        return canonical_seal(
            c, tree_binop(c->tree, op == CML_OP_EQ ? CML_OP_NE : CML_OP_EQ,
                          e->type, l, r));
    }
    if (!canonical_is_exact(c, l->type)) {
        return NULL;
    }
    return canonical_seal(c, tree_binop(c->tree,
                                        op == CML_OP_LT   ? CML_OP_GE
                                        : op == CML_OP_LE ? CML_OP_GT
                                        : op == CML_OP_GT ? CML_OP_LE
                                                          : CML_OP_LT,
                                        e->type, l, r));
}

/* Is it `most < x`, which cannot be? */
static int is_over(const struct pair *p)
{
    unsigned n = val_width(&p->lv);

    return p->lv.u.bits ==
           (val_is_signed(&p->lv) ? UINT64_MAX >> (65 - n)
                                  : UINT64_MAX >> (64 - n));
}

struct term *canonical_opposite(struct canonical *c, struct term *e)
{
    struct pair p;
    struct term *next;

    if (e->kind != CML_BINOP) {
        return NULL;
    }
    p = pair_of(e);
    if (p.op != CML_OP_NE && p.op != CML_OP_LE && p.op != CML_OP_GE &&
        (p.op != CML_OP_LT || !p.has_l || p.lv.kind != VAL_INT ||
         is_over(&p))) {
        return NULL;
    }
    e = canonical_negation(c, e);
    while (e != NULL && e->kind == CML_BINOP &&
           (next = canonical_binop(c, e)) != NULL) {
        e = next;
    }
    return e;
}
