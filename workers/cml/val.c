/* Values of the interpreter. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/eval_int.h"

#define TIDY_BYTES ((size_t)4 << 20)

int eval_spend(struct eval *e, uint64_t fuel)
{
    if (e->fuel < fuel) {
        e->fuel = 0;
        return EVAL_E_FUEL;
    }
    e->fuel -= fuel;
    return 0;
}

struct val val_void(void)
{
    return (struct val){.kind = VAL_VOID};
}

struct val val_bool(int v)
{
    return (struct val){.kind = VAL_BOOL, .u.bits = v != 0};
}

struct val val_int(uint8_t code, uint64_t bits)
{
    unsigned n = (code & ~(unsigned)TYPE_UNSIGNED) * 8;
    struct val v = {.kind = VAL_INT, .code = code, .u.bits = bits};

    if (n < 64) {
        v.u.bits &= UINT64_MAX >> (64 - n);
        if ((code & TYPE_UNSIGNED) == 0 && v.u.bits >> (n - 1) != 0) {
            v.u.bits |= UINT64_MAX << n;
        }
    }
    return v;
}

struct val val_f32(float v)
{
    struct val out = {.kind = VAL_FLOAT, .code = 4};
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    out.u.bits = v != v ? UINT64_C(0x7fc00000) : bits;
    return out;
}

struct val val_f64(double v)
{
    struct val out = {.kind = VAL_FLOAT, .code = 8};

    memcpy(&out.u.bits, &v, sizeof(v));
    if (v != v) {
        out.u.bits = UINT64_C(0x7ff8000000000000);
    }
    return out;
}

double val_as_f64(const struct val *v)
{
    double out;

    memcpy(&out, &v->u.bits, sizeof(out));
    return out;
}

float val_as_f32(const struct val *v)
{
    uint32_t bits = (uint32_t)v->u.bits;
    float out;

    memcpy(&out, &bits, sizeof(out));
    return out;
}

unsigned val_width(const struct val *v)
{
    return (v->code & ~(unsigned)TYPE_UNSIGNED) * 8;
}

int val_is_signed(const struct val *v)
{
    return (v->code & TYPE_UNSIGNED) == 0;
}

struct ubytes val_bytes(const struct val *v)
{
    return (struct ubytes){v->u.p, v->n};
}

uint64_t val_length(const struct val *v)
{
    return v->kind == VAL_STRING || v->kind == VAL_BYTES ||
                   v->kind == VAL_ARRAY
               ? v->n
               : 0;
}

static int room(struct eval *e, uint64_t n)
{
    EVAL_TRY(eval_spend(e, n));
    return n <= EVAL_SEQUENCE_MAX ? 0 : EVAL_E_SIZE;
}

int val_new_bytes(struct eval *e, uint32_t kind, uint64_t n, uint8_t **out_p,
                  struct val *out)
{
    EVAL_TRY(room(e, n));
    *out_p = arena_array(&e->arena, n + 1, 1);
    *out = (struct val){.kind = kind, .n = (uint32_t)n, .u.p = *out_p};
    return *out_p != NULL ? 0 : EVAL_E_SIZE;
}

int val_new_array(struct eval *e, uint64_t n, struct val **out_items,
                  struct val *out)
{
    EVAL_TRY(room(e, n));
    *out_items = arena_array(&e->arena, n + 1, sizeof(struct val));
    *out = (struct val){
        .kind = VAL_ARRAY, .n = (uint32_t)n, .u.items = *out_items};
    return *out_items != NULL ? 0 : EVAL_E_SIZE;
}

static enum val_order order_of(int less, int more)
{
    return less ? VAL_LESS : more ? VAL_MORE : VAL_SAME;
}

static enum val_order compare_bytes(const struct val *a, const struct val *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n > 0 ? memcmp(a->u.p, b->u.p, n) : 0;

    return order != 0 ? order_of(order < 0, 1)
                      : order_of(a->n < b->n, a->n > b->n);
}

static enum val_order compare_floats(const struct val *a, const struct val *b)
{
    double x = a->code == 4 ? (double)val_as_f32(a) : val_as_f64(a);
    double y = b->code == 4 ? (double)val_as_f32(b) : val_as_f64(b);

    return x != x || y != y ? VAL_UNORDERED : order_of(x < y, x > y);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
enum val_order val_compare(const struct val *a, const struct val *b)
{
    switch (a->kind) {
    case VAL_VOID:
        return VAL_SAME;
    case VAL_BOOL:
        return order_of(a->u.bits < b->u.bits, a->u.bits > b->u.bits);
    case VAL_INT:
        return val_is_signed(a)
                   ? order_of((int64_t)a->u.bits < (int64_t)b->u.bits,
                              (int64_t)a->u.bits > (int64_t)b->u.bits)
                   : order_of(a->u.bits < b->u.bits, a->u.bits > b->u.bits);
    case VAL_FLOAT:
        return compare_floats(a, b);
    case VAL_STRING: /* UTF-8 sorts as its code points do */
    case VAL_BYTES:
    case VAL_CID:
        return compare_bytes(a, b);
    case VAL_ARRAY:
    case VAL_COMPOSITE:
        break;
    case VAL_FUNCTION:
        return order_of(a->node < b->node, a->node > b->node);
    }
    for (uint32_t i = 0; i < a->n && i < b->n; i++) {
        enum val_order o = val_compare(&a->u.items[i], &b->u.items[i]);

        if (o != VAL_SAME) {
            return o;
        }
    }
    return order_of(a->n < b->n, a->n > b->n);
}

/* Copies v and all that it holds out of the evaluation's memory into `to`.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int copy(struct arena *to, struct val *v)
{
    struct val *items;

    switch ((int)v->kind) {
    case VAL_STRING:
    case VAL_BYTES:
    case VAL_CID:
        v->u.p = (const uint8_t *)arena_text(to, v->u.p, v->n);
        return v->u.p != NULL ? 0 : EVAL_E_SIZE;
    case VAL_ARRAY:
    case VAL_COMPOSITE:
        break;
    default:
        return 0;
    }
    items = arena_array(to, (size_t)v->n + 1, sizeof(*items));
    if (items == NULL) {
        return EVAL_E_SIZE;
    }
    if (v->n > 0) {
        memcpy(items, v->u.items, v->n * sizeof(*items));
    }
    for (uint32_t i = 0; i < v->n; i++) {
        EVAL_TRY(copy(to, &items[i]));
    }
    v->u.items = items;
    return 0;
}

struct eval_mark eval_mark(const struct eval *e)
{
    return (struct eval_mark){arena_mark(&e->arena), e->arena.total_};
}

static int copy_all(struct arena *to, struct val *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        EVAL_TRY(copy(to, &v[i]));
    }
    return 0;
}

int eval_tidy(struct eval *e, const struct eval_mark *m, struct val *keep,
              uint32_t n)
{
    struct arena aside;
    int code;

    if (e->arena.total_ - m->total < TIDY_BYTES) {
        return 0;
    }
    arena_init(&aside, e->arena.max_);
    code = copy_all(&aside, keep, n);
    if (code == 0) {
        arena_rewind(&e->arena, m->mark);
        code = copy_all(&e->arena, keep, n);
    }
    arena_release(&aside);
    return code;
}
