/* Functions of the core on arrays, and on every kind of sequence. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/sort.h"
#include "workers/cml/eval_int.h"

#define U64_CODE (8 | TYPE_UNSIGNED)

static int get(const struct val *a, const struct val *i, struct val *out)
{
    if (i->u.bits >= a->n) {
        return EVAL_E_INDEX;
    }
    *out = a->kind == VAL_ARRAY ? a->u.items[i->u.bits]
                                : val_int(1 | TYPE_UNSIGNED, a->u.p[i->u.bits]);
    return 0;
}

/* a up to n items, with room for more more. */
static int copy_of(struct eval *e, const struct val *a, uint32_t more,
                   struct val **items, struct val *out)
{
    EVAL_TRY(val_new_array(e, (uint64_t)a->n + more, items, out));
    if (a->n > 0) {
        memcpy(*items, a->u.items, a->n * sizeof(**items));
    }
    return 0;
}

static int put(struct eval *e, const struct val *args, struct val *out)
{
    struct val *items;

    if (args[1].u.bits >= args[0].n) {
        return EVAL_E_INDEX;
    }
    EVAL_TRY(copy_of(e, &args[0], 0, &items, out));
    items[args[1].u.bits] = args[2];
    return 0;
}

static int append(struct eval *e, const struct val *args, struct val *out)
{
    struct val *items;

    EVAL_TRY(copy_of(e, &args[0], 1, &items, out));
    items[args[0].n] = args[1];
    return 0;
}

static int range(struct eval *e, uint64_t n, struct val *out)
{
    struct val *items;

    EVAL_TRY(val_new_array(e, n, &items, out));
    for (uint64_t i = 0; i < n; i++) {
        items[i] = val_int(U64_CODE, i);
    }
    return 0;
}

static int fill(struct eval *e, const struct val *args, struct val *out)
{
    struct val *items;

    EVAL_TRY(val_new_array(e, args[1].u.bits, &items, out));
    for (uint32_t i = 0; i < out->n; i++) {
        items[i] = args[0];
    }
    return 0;
}

static int map(struct eval *e, const struct val *args, struct val *out)
{
    struct val *items;
    struct val made;

    EVAL_TRY(val_new_array(e, args[1].n, &items, &made));
    for (uint32_t i = 0; i < args[1].n; i++) {
        EVAL_TRY(eval_apply(e, &args[0], &args[1].u.items[i], 1, &items[i]));
    }
    *out = made;
    return 0;
}

static int filter(struct eval *e, const struct val *args, struct val *out)
{
    struct val *items = arena_array(&e->arena, (size_t)args[1].n + 1,
                                    sizeof(*items));
    uint32_t n = 0;
    struct val keep;

    if (items == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < args[1].n; i++) {
        EVAL_TRY(eval_apply(e, &args[0], &args[1].u.items[i], 1, &keep));
        if (keep.u.bits != 0) {
            items[n++] = args[1].u.items[i];
        }
    }
    *out = (struct val){.kind = VAL_ARRAY, .n = n, .u.items = items};
    return eval_spend(e, n);
}

static int fold(struct eval *e, const struct val *args, struct val *out)
{
    struct eval_mark mark = eval_mark(e);
    struct val step[2] = {args[1]};

    for (uint32_t i = 0; i < args[2].n; i++) {
        step[1] = args[2].u.items[i];
        EVAL_TRY(eval_apply(e, &args[0], step, 2, &step[0]));
        EVAL_TRY(eval_tidy(e, &mark, &step[0], 1));
    }
    *out = step[0];
    return 0;
}

/* Is the function `stop` for one of them; looks no further then. */
static int some(struct eval *e, const struct val *args, uint64_t stop,
                struct val *out)
{
    struct val is;

    for (uint32_t i = 0; i < args[1].n; i++) {
        EVAL_TRY(eval_apply(e, &args[0], &args[1].u.items[i], 1, &is));
        if (is.u.bits == stop) {
            *out = val_bool(stop != 0);
            return 0;
        }
    }
    *out = val_bool(stop == 0);
    return 0;
}

static int zip(struct eval *e, const struct val *args, struct val *out)
{
    uint32_t n = args[0].n < args[1].n ? args[0].n : args[1].n;
    struct val *items;
    struct val *pairs;

    EVAL_TRY(val_new_array(e, n, &items, out));
    pairs = arena_array(&e->arena, (size_t)n * 2 + 1, sizeof(*pairs));
    if (pairs == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        pairs[i * 2] = args[0].u.items[i];
        pairs[i * 2 + 1] = args[1].u.items[i];
        items[i] = (struct val){.kind = VAL_COMPOSITE,
                                .n = 2,
                                .node = VAL_PAIR,
                                .u.items = &pairs[i * 2]};
    }
    return 0;
}

struct sorted {
    struct val v;
    uint32_t at;
};

/* Unordered ones (NaN in them) last; equal ones as they stood. */
static int by_order(const void *a, const void *b)
{
    const struct sorted *x = a;
    const struct sorted *y = b;
    enum val_order o = val_compare(&x->v, &y->v);

    if (o == VAL_UNORDERED) {
        int xs = val_compare(&x->v, &x->v) != VAL_SAME;
        int ys = val_compare(&y->v, &y->v) != VAL_SAME;

        o = xs < ys ? VAL_LESS : xs > ys ? VAL_MORE : VAL_SAME;
    }
    return o != VAL_SAME ? (int)o : x->at < y->at ? -1 : 1;
}

/* What is compared is paid for beforehand, so that fuel does not depend on the way
 * of sorting: what the elements hold, for each binary digit of their number. */
static int sort(struct eval *e, const struct val *a, struct val *out)
{
    CLEANUP(mem_freep) struct sorted *s = calloc((size_t)a->n + 1, sizeof(*s));
    unsigned digits = a->n > 0 ? 32 - (unsigned)__builtin_clz(a->n) : 0;
    struct val *items;

    if (s == NULL) {
        return ERR_NOMEM;
    }
    EVAL_TRY(val_new_array(e, a->n, &items, out));
    for (uint32_t i = 0; i < a->n; i++) {
        EVAL_TRY(eval_spend_inside(e, &a->u.items[i], digits));
    }
    for (uint32_t i = 0; i < a->n; i++) {
        s[i] = (struct sorted){a->u.items[i], i};
    }
    sort_items(s, a->n, sizeof(*s), by_order);
    for (uint32_t i = 0; i < a->n; i++) {
        items[i] = s[i].v;
    }
    return 0;
}

static int sum(struct eval *e, const struct val *args, struct val *out)
{
    struct val total = args[1];

    for (uint32_t i = 0; i < args[0].n; i++) {
        EVAL_TRY(eval_op(e, CML_OP_ADD, &total, &args[0].u.items[i], &total));
    }
    *out = total;
    return 0;
}

static int index_of(struct eval *e, const struct val *args, int64_t *out)
{
    enum val_order o;

    for (uint32_t i = 0; i < args[0].n; i++) {
        EVAL_TRY(eval_compare(e, &args[0].u.items[i], &args[1], &o));
        if (o == VAL_SAME) {
            *out = i;
            return 0;
        }
    }
    *out = -1;
    return 0;
}

static int reverse(struct eval *e, const struct val *a, struct val *out)
{
    struct val *items;

    EVAL_TRY(val_new_array(e, a->n, &items, out));
    for (uint32_t i = 0; i < a->n; i++) {
        items[i] = a->u.items[a->n - 1 - i];
    }
    return 0;
}

static int slice(struct eval *e, const struct val *args, struct val *out)
{
    uint64_t n = args[0].n;
    uint64_t to = args[2].u.bits < n ? args[2].u.bits : n;
    uint64_t from = args[1].u.bits < to ? args[1].u.bits : to;
    struct val *items;
    uint8_t *p;

    if (args[0].kind == VAL_ARRAY) {
        EVAL_TRY(val_new_array(e, to - from, &items, out));
        memcpy(items, args[0].u.items + from, (to - from) * sizeof(*items));
        return 0;
    }
    EVAL_TRY(val_new_bytes(e, VAL_BYTES, to - from, &p, out));
    memcpy(p, args[0].u.p + from, to - from);
    return 0;
}

static int on_functions(struct eval *e, enum core core, const struct val *args,
                        struct val *out)
{
    switch ((int)core) {
    case CORE_map:
        return map(e, args, out);
    case CORE_filter:
        return filter(e, args, out);
    case CORE_fold:
        return fold(e, args, out);
    case CORE_any:
        return some(e, args, 1, out);
    case CORE_all:
        return some(e, args, 0, out);
    default:
        return CORE_NOT_HERE;
    }
}

int core_array(struct eval *e, enum core core, const struct val *args,
               struct val *out)
{
    const struct val *a = &args[0];
    int64_t at;

    switch ((int)core) { /* others: elsewhere */
    case CORE_len:
        if (a->kind == VAL_STRING) {
            return CORE_NOT_HERE;
        }
        *out = val_int(U64_CODE, a->n);
        return 0;
    case CORE_get:
    case CORE_byte_at:
        return get(a, &args[1], out);
    case CORE_put:
        return put(e, args, out);
    case CORE_append:
        return append(e, args, out);
    case CORE_range:
        return range(e, a->u.bits, out);
    case CORE_fill:
        return fill(e, args, out);
    case CORE_zip:
        return zip(e, args, out);
    case CORE_sort:
        return sort(e, a, out);
    case CORE_sum:
        return sum(e, args, out);
    case CORE_contains:
        EVAL_TRY(index_of(e, args, &at));
        *out = val_bool(at >= 0);
        return 0;
    case CORE_index_of:
        EVAL_TRY(index_of(e, args, &at));
        *out = val_int(8, (uint64_t)at);
        return 0;
    case CORE_slice:
        return a->kind == VAL_STRING ? CORE_NOT_HERE : slice(e, args, out);
    case CORE_reverse:
        return a->kind == VAL_ARRAY ? reverse(e, a, out) : CORE_NOT_HERE;
    default:
        return on_functions(e, core, args, out);
    }
}
