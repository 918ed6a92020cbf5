/* Flat code: loops. Runs in the `cml` worker; recursion is bounded by the height of
 * terms. */
#include "proto/err.h"
#include "workers/cml/flat_int.h"

/* The elements of an array are the count. */
static int counted_array(struct flattener *l, const struct term *t,
                         const struct flat_value *over,
                         struct flat_value *count, struct flat_value *i)
{
    uint32_t u64 = FLAT_SCALAR | CML_PRIMITIVE_UINT64;

    TRY(flat_operate(l, t, (struct flat_code){.what = FLAT_LENGTH}, over, 1,
                     u64, l->top, count));
    TRY(flat_new(l, t, u64, i));
    return flat_emit(l,
                     (struct flat_code){.what = FLAT_CONST, .d = i->first});
}

/* A count, and the rounds that were: two registers, then one for the test. */
static int counted(struct flattener *l, const struct term *t,
                   struct flat_value *over, struct flat_value *count,
                   struct flat_value *i)
{
    uint32_t u64 = FLAT_SCALAR | CML_PRIMITIVE_UINT64;
    struct flat_value copy;
    struct flat_value zero;

    TRY(flat_expression(l, t->fields[2].kids[0], over));
    if (flat_has_objects(l, over)) {
        return counted_array(l, t, over, count, i);
    }
    TRY(flat_new(l, t, over->type, &copy)); /* never below zero */
    TRY(flat_new(l, t, u64, i));
    TRY(flat_new(l, t, over->type, &zero));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_CONST, .d = i->first}));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_CONST, .d = zero.first}));
    TRY(flat_emit(
        l, (struct flat_code){.what = FLAT_BINARY,
                              .op = CML_OP_LT,
                              .type = (enum cml_primitive)(over->type & 0xff),
                              .d = copy.first,
                              .a = over->first,
                              .b = zero.first}));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_SELECT,
                                        .d = copy.first,
                                        .a = zero.first,
                                        .b = over->first,
                                        .c = copy.first}));
    *count = copy;
    return 0;
}

/* Element i, or i itself. */
static int element(struct flattener *l, const struct term *t,
                   const struct flat_value *over, const struct flat_value *i,
                   struct flat_value *out)
{
    const struct flat_value item[2] = {*over, *i};
    const struct cml_node *n;

    if (flat_has_objects(l, over)) {
        n = cml_dag_at(l->f->dag, over->type);
        return flat_operate(l, t, (struct flat_code){.what = FLAT_ITEM}, item,
                            2,
                            flat_type(l->f->dag, cml_item(&n->fields[0], 0)),
                            l->top, out);
    }
    TRY(flat_new(l, t, over->type, out));
    return flat_move(l, out, i);
}

/* Is there another round; spends for it, binds the element, counts.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int head(struct flattener *l, const struct term *t,
                const struct flat_value *over, const struct flat_value *count,
                const struct flat_value *i)
{
    int is_while = cml_is_word(&t->fields[0].value, "while");
    uint32_t mark = l->top;
    struct flat_value go;
    struct flat_value one;

    if (is_while) {
        TRY(flat_expression(l, t->fields[2].kids[0], &go));
    } else {
        TRY(flat_new(l, t, FLAT_SCALAR | CML_PRIMITIVE_BOOL, &go));
        TRY(flat_emit(l, (struct flat_code){.what = FLAT_BINARY,
                                            .op = CML_OP_LT,
                                            .type = CML_PRIMITIVE_UINT64,
                                            .d = go.first,
                                            .a = i->first,
                                            .b = count->first}));
    }
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_UNLESS, .a = go.first}));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_SPEND, .bits = 1}));
    l->top = mark;
    if (is_while) {
        return 0;
    }
    if (cml_is_word(&t->fields[0].value, "for")) {
        TRY(element(l, t, over, i, &go));
        TRY(flat_bind(l, t, go));
    }
    mark = l->top;
    TRY(flat_new(l, t, FLAT_SCALAR | CML_PRIMITIVE_UINT64, &one));
    TRY(flat_emit(
        l, (struct flat_code){.what = FLAT_CONST, .d = one.first, .bits = 1}));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_BINARY,
                                        .op = CML_OP_ADD,
                                        .type = CML_PRIMITIVE_UINT64,
                                        .d = i->first,
                                        .a = i->first,
                                        .b = one.first}));
    l->top = mark;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int flat_loop(struct flattener *l, const struct term *t,
                struct flat_value *out)
{
    const struct term *state = t->fields[1].kids[0];
    uint32_t env_n = l->env_n;
    struct flat_value *carried;
    struct flat_value over = {0};
    struct flat_value count = {0};
    struct flat_value i = {0};
    struct flat_value v;

    TRY(flat_new(l, t, flat_type(l->f->dag, t->type), out));
    TRY(flat_expression(l, state->fields[1].kids[0], &v));
    TRY(flat_move(l, out, &v));
    l->top = out->first + out->n;
    if (!cml_is_word(&t->fields[0].value, "while")) {
        TRY(counted(l, t, &over, &count, &i));
    }
    TRY(flat_bind(l, state, *out));
    carried = arena_get(&l->f->arena, sizeof(*carried));
    if (carried == NULL) {
        return ERR_NOMEM;
    }
    *carried = *out;
    TRY(flat_mark_in(l, t,
                (struct flat_code){.what = FLAT_LOOP, .v = carried}));
    TRY(head(l, t, &over, &count, &i));
    TRY(flat_block(l, t->fields[3].kids[0], &v));
    TRY(flat_move(l, out, &v));
    TRY(flat_emit(l, (struct flat_code){.what = FLAT_AGAIN}));
    l->nest--;
    l->env_n = env_n;
    l->top = out->first + out->n;
    return 0;
}
