/* The enumerator's operators over lists of i64. Runs in the `cml` worker. */
#include <string.h>

#include "proto/sort.h"
#include "workers/cml/synth_int.h"

/* A list that is worked on. */
struct list {
    uint32_t n;
    int64_t v[SYNTH_SEQUENCE_MAX / 4];
};
#define LIST_MAX (SYNTH_SEQUENCE_MAX / 4)

static int64_t at(const struct pool_item *s, uint64_t i)
{
    int64_t v = 0;

    if (i < s->n) {
        memcpy(&v, s->p + i * sizeof(v), sizeof(v));
    }
    return v;
}

static int64_t wrapped(uint64_t v)
{
    return (int64_t)v;
}

static int64_t map_one(enum synth_op op, int64_t x)
{
    uint64_t u = (uint64_t)x;

    switch ((int)op) {
    case SYNTH_OP_map_inc:
        return wrapped(u + 1);
    case SYNTH_OP_map_dec:
        return wrapped(u - 1);
    case SYNTH_OP_map_double:
        return wrapped(u * 2);
    case SYNTH_OP_map_half:
        return x / 2;
    case SYNTH_OP_map_neg:
        return wrapped(0 - u);
    case SYNTH_OP_map_square:
        return wrapped(u * u);
    case SYNTH_OP_map_times3:
        return wrapped(u * 3);
    case SYNTH_OP_map_third:
        return x / 3;
    case SYNTH_OP_map_times4:
        return wrapped(u * 4);
    default:
        return x / 4;
    }
}

static int keeps(enum synth_op op, int64_t x)
{
    switch ((int)op) {
    case SYNTH_OP_filter_positive:
    case SYNTH_OP_count_positive:
        return x > 0;
    case SYNTH_OP_filter_negative:
    case SYNTH_OP_count_negative:
        return x < 0;
    case SYNTH_OP_filter_even:
    case SYNTH_OP_count_even:
        return x % 2 == 0;
    default:
        return x % 2 != 0;
    }
}

static int64_t both(enum synth_op op, int64_t a, int64_t b)
{
    switch ((int)op) {
    case SYNTH_OP_zip_add:
    case SYNTH_OP_scan_add:
        return wrapped((uint64_t)a + (uint64_t)b);
    case SYNTH_OP_zip_sub:
    case SYNTH_OP_scan_sub:
        return wrapped((uint64_t)a - (uint64_t)b);
    case SYNTH_OP_zip_mul:
    case SYNTH_OP_scan_mul:
        return wrapped((uint64_t)a * (uint64_t)b);
    case SYNTH_OP_zip_min:
    case SYNTH_OP_scan_min:
        return a < b ? a : b;
    default:
        return a > b ? a : b;
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t x;
    int64_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* One number of a list. */
static uint64_t number_of(enum synth_op op, const struct pool_item *s, int64_t k)
{
    uint64_t sum = 0;
    int64_t least = at(s, 0);
    int64_t most = at(s, 0);
    uint64_t count = 0;

    switch ((int)op) {
    case SYNTH_OP_head:
        return (uint64_t)at(s, 0);
    case SYNTH_OP_last:
        return (uint64_t)at(s, (uint64_t)s->n - 1);
    case SYNTH_OP_access:
        return (uint64_t)at(s, (uint64_t)k);
    case SYNTH_OP_length:
        return s->n;
    default:
        break;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        int64_t x = at(s, i);

        sum += (uint64_t)x;
        least = x < least ? x : least;
        most = x > most ? x : most;
        count += op >= SYNTH_OP_filter_positive && keeps(op, x);
    }
    return op == SYNTH_OP_total     ? sum
           : op == SYNTH_OP_minimum ? (uint64_t)least
           : op == SYNTH_OP_maximum ? (uint64_t)most
                                    : count;
}

/* Where op takes one: from, to. */
static void bounds(enum synth_op op, const struct pool_item *s, int64_t k,
                   uint32_t *out_from, uint32_t *out_to)
{
    uint64_t n = k < 0 ? 0 : (uint64_t)k;
    uint32_t cut = n < s->n ? (uint32_t)n : s->n;

    *out_from = op == SYNTH_OP_drop ? cut : 0;
    *out_to = op == SYNTH_OP_take ? cut : s->n;
}

static void each_of(enum synth_op op, const struct pool_item *s, struct list *l)
{
    for (uint32_t i = 0; i < s->n; i++) {
        int64_t x = at(s, i);

        if (op >= SYNTH_OP_zip_add) {
            l->v[l->n] = l->n == 0 ? x : both(op, l->v[l->n - 1], x);
            l->n++;
        } else if (op < SYNTH_OP_filter_positive) {
            l->v[l->n++] = op == SYNTH_OP_reversed ? at(s, s->n - 1 - i)
                           : op == SYNTH_OP_sorted ? x
                                                   : map_one(op, x);
        } else if (keeps(op, x)) {
            l->v[l->n++] = x;
        }
    }
    if (op == SYNTH_OP_sorted) {
        sort_items(l->v, l->n, sizeof(l->v[0]), ascending);
    }
}

static void pairs(enum synth_op op, const struct pool_item *a,
                  const struct pool_item *b, struct list *l)
{
    if (op == SYNTH_OP_joined) {
        for (uint32_t i = 0; i < a->n + b->n && i < LIST_MAX; i++) {
            l->v[l->n++] = i < a->n ? at(a, i) : at(b, i - a->n);
        }
        return;
    }
    for (uint32_t i = 0; i < a->n && i < b->n; i++) {
        l->v[l->n++] = both(op, at(a, i), at(b, i));
    }
}

uint64_t synth_list_value(struct problem *p, enum synth_op op, const uint64_t *a)
{
    const char *s = synth_op_info(op)->signature;
    const struct pool_item *v = pool_at(&p->pool, a[s[0] == 'l' ? 0 : 1]);
    struct list l;
    uint32_t from = 0;
    uint32_t to = 0;

    if (s[synth_op_args(op) + 1] == 'i') {
        return number_of(op, v, (int64_t)a[0]);
    }
    if (v->n > LIST_MAX) {
        return SYNTH_NO_VALUE;
    }
    l.n = 0;
    if (op == SYNTH_OP_take || op == SYNTH_OP_drop) {
        bounds(op, v, (int64_t)a[0], &from, &to);
        for (uint32_t i = from; i < to; i++) {
            l.v[l.n++] = at(v, i);
        }
    } else if (s[1] == 'l') {
        const struct pool_item *other = pool_at(&p->pool, a[1]);

        if (op == SYNTH_OP_joined && v->n + other->n > LIST_MAX) {
            return SYNTH_NO_VALUE;
        }
        pairs(op, v, other, &l);
    } else {
        each_of(op, v, &l);
    }
    return pool_list(&p->pool, l.v, l.n);
}
