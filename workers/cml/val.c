/* Values of the interpreter. */
#include <stdlib.h>
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

/* Of sequences of length 0, which cost no fuel and so must need no memory; never
 * written. */
static struct val none[1];
static uint8_t nothing[1];

int val_new_bytes(struct eval *e, uint32_t kind, uint64_t n, uint8_t **out_p,
                  struct val *out)
{
    EVAL_TRY(room(e, n));
    *out_p = n > 0 ? arena_array(&e->arena, n, 1) : nothing;
    *out = (struct val){.kind = kind, .n = (uint32_t)n, .u.p = *out_p};
    return *out_p != NULL ? 0 : ERR_NOMEM;
}

int val_new_array(struct eval *e, uint64_t n, struct val **out_items,
                  struct val *out)
{
    EVAL_TRY(room(e, n));
    *out_items = n > 0 ? arena_array(&e->arena, n, sizeof(struct val)) : none;
    *out = (struct val){
        .kind = VAL_ARRAY, .n = (uint32_t)n, .u.items = *out_items};
    return *out_items != NULL ? 0 : ERR_NOMEM;
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

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int eval_compare(struct eval *e, const struct val *a, const struct val *b,
                 enum val_order *out)
{
    uint32_t n = a->n < b->n ? a->n : b->n;

    if (val_length(a) > 0 && val_length(b) > 0) {
        EVAL_TRY(eval_spend(e, n));
    }
    if (a->kind != VAL_ARRAY && a->kind != VAL_COMPOSITE) {
        *out = val_compare(a, b);
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        EVAL_TRY(eval_compare(e, &a->u.items[i], &b->u.items[i], out));
        if (*out != VAL_SAME) {
            return 0;
        }
    }
    *out = order_of(a->n < b->n, a->n > b->n);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int eval_spend_inside(struct eval *e, const struct val *v, uint64_t times)
{
    EVAL_TRY(eval_spend(e, val_length(v) * times));
    if (v->kind != VAL_ARRAY && v->kind != VAL_COMPOSITE) {
        return 0;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        const struct val *part = &v->u.items[i];

        if (part->kind == VAL_ARRAY || part->kind == VAL_COMPOSITE ||
            val_length(part) > 0) {
            EVAL_TRY(eval_spend_inside(e, part, times));
        }
    }
    return 0;
}

/* What was copied from where, so that parts which several values share stay
 * shared: what is copied is never larger than what was made, and that was paid
 * for in fuel. An open hash table. */
struct moved {
    const void *from;
    uint32_t n;
    const void *to;
};

struct mover {
    struct arena *to;
    struct moved *slots; /* owned */
    size_t cap;          /* a power of 2 */
    size_t n;
};

static size_t slot_of(const struct mover *m, const void *from, uint32_t n)
{
    size_t i = ((uintptr_t)from >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

    for (i &= m->cap - 1; m->slots[i].from != NULL; i = (i + 1) & (m->cap - 1)) {
        if (m->slots[i].from == from && m->slots[i].n == n) {
            break;
        }
    }
    return i;
}

static int remember(struct mover *m, struct moved one)
{
    if (m->n * 2 >= m->cap) {
        struct mover more = {.cap = m->cap > 0 ? m->cap * 2 : 256};

        more.slots = calloc(more.cap, sizeof(*more.slots));
        if (more.slots == NULL) {
            return ERR_NOMEM;
        }
        for (size_t i = 0; i < m->cap; i++) {
            const struct moved *old = &m->slots[i];

            if (old->from != NULL) {
                more.slots[slot_of(&more, old->from, old->n)] = *old;
            }
        }
        free(m->slots);
        m->slots = more.slots;
        m->cap = more.cap;
    }
    m->slots[slot_of(m, one.from, one.n)] = one;
    m->n++;
    return 0;
}

static const void *moved_to(const struct mover *m, const void *from, uint32_t n)
{
    return m->cap > 0 ? m->slots[slot_of(m, from, n)].to : NULL;
}

/* Copies v and all that it holds out of the evaluation's memory.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int copy(struct mover *m, struct val *v)
{
    int is_text = v->kind == VAL_STRING || v->kind == VAL_BYTES ||
                  v->kind == VAL_CID;
    size_t size = is_text ? 1 : sizeof(struct val);
    const void *from = is_text ? (const void *)v->u.p : v->u.items;
    const void *to;
    struct val *items;

    if (v->n == 0 ||
        (!is_text && v->kind != VAL_ARRAY && v->kind != VAL_COMPOSITE)) {
        return 0;
    }
    to = moved_to(m, from, v->n);
    if (to == NULL) {
        items = arena_array(m->to, v->n, size);
        if (items == NULL) {
            return ERR_NOMEM;
        }
        memcpy(items, from, v->n * size);
        for (uint32_t i = 0; !is_text && i < v->n; i++) {
            EVAL_TRY(copy(m, &items[i]));
        }
        EVAL_TRY(remember(m, (struct moved){from, v->n, items}));
        to = items;
    }
    if (is_text) {
        v->u.p = to;
    } else {
        v->u.items = to;
    }
    return 0;
}

struct eval_mark eval_mark(const struct eval *e)
{
    return (struct eval_mark){arena_mark(&e->arena), e->arena.total_};
}

static int copy_all(struct arena *to, struct val *v, uint32_t n)
{
    struct mover m = {.to = to};
    int code = 0;

    for (uint32_t i = 0; code == 0 && i < n; i++) {
        code = copy(&m, &v[i]);
    }
    free(m.slots);
    return code;
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
