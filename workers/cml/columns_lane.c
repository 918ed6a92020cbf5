/* The columnar engine's work lane by lane: values as the reference interpreter has
 * them, its operators and core on them. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/columns_int.h"

int columns_hold(struct columns *c, const struct val *v, uint64_t *out)
{
    struct val *kept = arena_get(&c->e.arena, sizeof(*kept));

    if (kept == NULL) {
        return COLUMNS_REDO;
    }
    *kept = *v;
    *out = (uint64_t)(uintptr_t)kept;
    return 0;
}

static struct val scalar(enum cml_primitive p, uint64_t bits)
{
    const struct cml_primitive_info *info = cml_primitive_info(p);

    return (struct val){.kind = info->tag == CML_INT     ? VAL_INT
                                : info->tag == CML_FLOAT ? VAL_FLOAT
                                                         : VAL_BOOL,
                        .code = p == CML_PRIMITIVE_BOOL ? 0 : info->code,
                        .u.bits = bits};
}

static const struct cml_node *composite(const struct columns *c, uint32_t type)
{
    const struct cml_node *n;

    if ((type & FLAT_SCALAR) != 0) {
        return NULL;
    }
    n = cml_dag_at(c->flat.dag, type);
    return n->kind == CML_COMPOSITE_TYPE ? n : NULL;
}

/* A value of the type from columns; *column is the next one then.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int box(struct columns *c, uint32_t type, const uint64_t **column,
               uint32_t lane, struct val *out)
{
    const struct cml_node *n = composite(c, type);
    uint64_t bits = (*column)[lane];
    struct val *items;

    if (n == NULL) {
        enum cml_primitive p = (enum cml_primitive)(type & ~FLAT_SCALAR);

        *out = (type & FLAT_SCALAR) == 0 || flat_is_object(p)
                   ? *(const struct val *)(uintptr_t)bits
                   : scalar(p, bits);
        *column += COLUMN_LANES;
        return 0;
    }
    items = arena_array(&c->e.arena, n->fields[1].u.list.n, sizeof(*items));
    if (items == NULL) {
        return COLUMNS_REDO;
    }
    for (uint32_t i = 0; i < n->fields[1].u.list.n; i++) {
        EVAL_TRY(box(c,
                     flat_type(c->flat.dag, cml_item(&n->fields[1], i)),
                     column, lane, &items[i]));
    }
    *out = (struct val){.kind = VAL_COMPOSITE,
                        .n = n->fields[1].u.list.n,
                        .node = type,
                        .u.items = items};
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int unbox(struct columns *c, uint32_t type, uint64_t **column,
                 uint32_t lane, const struct val *v)
{
    const struct cml_node *n = composite(c, type);

    if (n == NULL) {
        uint64_t *at = &(*column)[lane];

        *column += COLUMN_LANES;
        if ((type & FLAT_SCALAR) == 0 ||
            flat_is_object((enum cml_primitive)(type & ~FLAT_SCALAR))) {
            return columns_hold(c, v, at);
        }
        *at = v->u.bits;
        return 0;
    }
    for (uint32_t i = 0; i < n->fields[1].u.list.n; i++) {
        EVAL_TRY(unbox(c,
                       flat_type(c->flat.dag, cml_item(&n->fields[1], i)),
                       column, lane, &v->u.items[i]));
    }
    return 0;
}

int columns_box(struct columns *c, const struct flat_value *v, uint32_t base,
                uint32_t lane, struct val *out)
{
    const uint64_t *column = columns_at(c, base + v->first);

    return box(c, v->type, &column, lane, out);
}

int columns_unbox(struct columns *c, const struct flat_value *v, uint32_t base,
                  uint32_t lane, const struct val *from)
{
    uint64_t *column = columns_at(c, base + v->first);

    return unbox(c, v->type, &column, lane, from);
}

/* --- scalars without a kernel --- */

static struct val lane_value(struct columns *c, const struct flat_code *k,
                             const struct val *a, const struct val *b)
{
    struct val out = val_void();
    int code = 0;

    if (k->what == FLAT_CONVERT) {
        code = eval_convert(a, k->type, &out);
    } else if (k->what == FLAT_BINARY) {
        code = eval_op(&c->e, (enum cml_op)k->op, a, b, &out);
    } else {
        code = core_number((enum core)k->op, a, &out);
    }
    ASSERT(code == 0); /* what can fail is no scalar, or STEP_DIVIDE's */
    return out;
}

void columns_lane_op(struct columns *c, const struct flat_code *k,
                     uint32_t base)
{
    const uint64_t *mask = columns_mask(c);
    const uint64_t *a = columns_at(c, base + k->a);
    const uint64_t *b = columns_at(c, base + k->b);
    uint64_t *d = columns_at(c, base + k->d);
    int converts = k->what == FLAT_CONVERT;

    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        if (mask[i] != 0) {
            struct val x = scalar(converts ? k->from : k->type, a[i]);
            struct val y =
                converts ? val_void() : scalar(k->type, b[i]);

            d[i] = lane_value(c, k, &x, &y).u.bits;
        }
    }
}

/* --- objects --- */

#define ARGS_MAX 4

/* One lane's step. As the interpreter's functions. */
static int on_values(struct columns *c, const struct flat_code *k,
                     const struct val *v, struct val *out)
{
    switch ((int)k->what) {
    case FLAT_OP_OF:
        if (k->bits == 1) {
            *out = val_bool(val_compare(&v[0], &v[1]) == VAL_SAME);
            return 0;
        }
        return eval_op(&c->e, (enum cml_op)k->op, &v[0], &v[1], out);
    case FLAT_CORE_OF:
        return eval_core(&c->e, (enum core)k->op, v, k->c, out);
    case FLAT_LENGTH:
        *out = val_int(8 | TYPE_UNSIGNED, v[0].n);
        return 0;
    default: /* ITEM */
        *out = v[0].u.items[v[1].u.bits];
        return 0;
    }
}

static int array(struct columns *c, const struct flat_code *k, uint32_t base,
                 uint32_t lane, struct val *out)
{
    struct val *items;

    EVAL_TRY(val_new_array(&c->e, k->c, &items, out));
    for (uint32_t i = 0; i < k->c; i++) {
        EVAL_TRY(columns_box(c, &k->v[i], base, lane, &items[i]));
    }
    return 0;
}

static int on_lane(struct columns *c, const struct flat_code *k, uint32_t base,
                   uint32_t lane)
{
    struct val v[ARGS_MAX];
    struct val out;

    if (k->what == FLAT_ARRAY) {
        EVAL_TRY(array(c, k, base, lane, &out));
    } else {
        ASSERT(k->c <= ARGS_MAX);
        for (uint32_t i = 0; i < k->c; i++) {
            EVAL_TRY(columns_box(c, &k->v[i], base, lane, &v[i]));
        }
        EVAL_TRY(on_values(c, k, v, &out));
    }
    return columns_unbox(c, &k->v[k->c], base, lane, &out);
}

/* A constant: one value for all lanes. */
static int constant(struct columns *c, const struct flat_code *k, uint32_t base)
{
    struct val v = eval_literal(c->flat.dag, (uint32_t)k->bits);
    uint64_t *d = columns_at(c, base + k->d);

    EVAL_TRY(columns_hold(c, &v, &d[0]));
    for (uint32_t i = 1; i < COLUMN_LANES; i++) {
        d[i] = d[0];
    }
    return 0;
}

static int calls_functions(const struct flat_code *k)
{
    return k->what == FLAT_APPLY ||
           (k->what == FLAT_CORE_OF && k->op >= CORE_map && k->op <= CORE_all);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as units call each other */
int columns_object(struct columns *c, const struct flat_code *k, uint32_t base,
                   uint32_t next)
{
    const uint64_t *mask = columns_mask(c);

    if (k->what == FLAT_OBJECT) {
        return constant(c, k, base);
    }
    if (calls_functions(k)) {
        return columns_each(c, k, base, next);
    }
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        int code;

        if (mask[i] == 0) {
            continue;
        }
        c->e.fuel = columns_left(c, i);
        code = on_lane(c, k, base, i);
        if (code < 0 || code == COLUMNS_REDO) {
            return COLUMNS_REDO; /* memory: of all lanes together */
        }
        columns_spent(c, i, c->e.fuel);
        if (code > 0) {
            columns_end_lane(c, i, code, c->e.fuel);
        }
    }
    return 0;
}
