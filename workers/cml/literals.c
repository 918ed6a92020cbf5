#include "workers/cml/literals.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/canonical.h"
#include "workers/cml/eval_int.h"

static void add_number(uint64_t *list, uint32_t *n, uint64_t bits)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (list[i] == bits) {
            return;
        }
    }
    if (*n < LIMIT_LITERALS) {
        list[(*n)++] = bits;
    }
}

static void add_float(struct literals *l, double v)
{
    if (isfinite(v)) {
        add_number(l->floats, &l->floats_n, val_f64(v).u.bits);
    }
}

static int add_text(struct arena *a, struct literals *l, struct ubytes t)
{
    size_t n = t.n < LIMIT_LITERAL_BYTES ? t.n : LIMIT_LITERAL_BYTES;
    char *kept;

    for (uint32_t i = 0; i < l->texts_n; i++) {
        if (l->texts[i].n == n && memcmp(l->texts[i].p, t.p, n) == 0) {
            return 0;
        }
    }
    if (n == 0 || l->texts_n == LIMIT_LITERALS) {
        return 0;
    }
    kept = arena_text(a, t.p, n);
    if (kept == NULL) {
        return ERR_NOMEM;
    }
    l->texts[l->texts_n++] = (struct ubytes){(const uint8_t *)kept, n};
    return 0;
}

static int add(struct arena *a, struct literals *l, const struct val *v)
{
    double d;

    switch ((int)v->kind) {
    case VAL_INT:
        add_number(l->integers, &l->integers_n, v->u.bits);
        add_float(l, val_is_signed(v) ? (double)(int64_t)v->u.bits
                                      : (double)v->u.bits);
        return 0;
    case VAL_FLOAT:
        d = v->code == 4 ? (double)val_as_f32(v) : val_as_f64(v);
        add_float(l, d);
        if (d == trunc(d) && fabs(d) < 0x1p63) {
            add_number(l->integers, &l->integers_n, (uint64_t)(int64_t)d);
        }
        return 0;
    case VAL_STRING:
    case VAL_BYTES:
        return add_text(a, l, val_bytes(v));
    default:
        return 0;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int walk(struct arena *a, struct literals *l, const struct term *t)
{
    struct val v;

    if (tree_constant(t, &v)) {
        return add(a, l, &v);
    }
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k])) {
                TRY(walk(a, l, t->fields[i].kids[k]));
            }
        }
    }
    return 0;
}

static int add_unit(struct arena *a, struct cml_dag *dag, uint32_t unit,
                    struct literals *l)
{
    struct tree t;
    int code = tree_open(&t, dag, unit);

    for (uint32_t u = 0; code == 0 && u < t.units_n; u++) {
        code = walk(a, l, t.units[u].term);
    }
    tree_release(&t);
    return code;
}

int literals_of(struct arena *a, struct cml_dag *dag, uint32_t unit,
                struct literals *out)
{
    struct canonical c;
    uint32_t form = unit;
    int code;

    *out = (struct literals){
        .integers = arena_array(a, LIMIT_LITERALS, sizeof(*out->integers)),
        .floats = arena_array(a, LIMIT_LITERALS, sizeof(*out->floats)),
        .texts = arena_array(a, LIMIT_LITERALS, sizeof(*out->texts))};
    if (out->integers == NULL || out->floats == NULL || out->texts == NULL) {
        return ERR_NOMEM;
    }
    code = canonical_init(&c, dag);
    code = code == 0 ? canonical_of(&c, unit, &form) : code;
    canonical_release(&c);
    TRY(code);
    TRY(add_unit(a, dag, unit, out));
    return add_unit(a, dag, form, out);
}

static int put_numbers(struct buf *out, const uint64_t *list, uint32_t n)
{
    TRY(buf_put_u32(out, n));
    for (uint32_t i = 0; i < n; i++) {
        TRY(buf_put_u64(out, list[i]));
    }
    return 0;
}

int literals_put(const struct literals *l, struct buf *out)
{
    TRY(put_numbers(out, l->integers, l->integers_n));
    TRY(put_numbers(out, l->floats, l->floats_n));
    TRY(buf_put_u32(out, l->texts_n));
    for (uint32_t i = 0; i < l->texts_n; i++) {
        TRY(buf_put_u32(out, (uint32_t)l->texts[i].n));
        TRY(buf_put(out, l->texts[i].p, l->texts[i].n));
    }
    return 0;
}
