#include "workers/cml/shape.h"

#include <string.h>

#include "proto/err.h"

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int tuple_of(const struct cml_dag *d, const struct cml_value *types,
                    struct type *out)
{
    struct type parts[TYPE_TUPLE_MAX];
    uint32_t n = types->u.list.n;

    if (n > TYPE_TUPLE_MAX) {
        return ERR_INPUT;
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(shape_of_type(d, cml_item(types, i), &parts[i]));
    }
    return type_tuple_of(parts, n, out) == 0 ? 0 : ERR_INPUT;
}

static int scalar_of(const struct cml_value *name, struct type *out)
{
    enum cml_primitive p = cml_primitive_from_name(name->u.text);

    return p != CML_PRIMITIVES &&
                   type_from_name(cml_primitive_info(p)->short_name, out) == 0
               ? 0
               : ERR_INPUT;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int shape_of_type(const struct cml_dag *d, uint32_t type, struct type *out)
{
    const struct cml_node *t = cml_dag_at(d, type);
    struct type element;

    switch ((int)t->kind) {
    case CML_PRIMITIVE_TYPE:
        return scalar_of(&t->fields[0], out);
    case CML_ARRAY_TYPE:
        TRY(shape_of_type(d, cml_item(&t->fields[0], 0), &element));
        *out = type_list_of(&element);
        return out->n > 0 ? 0 : ERR_INPUT;
    case CML_COMPOSITE_TYPE:
        return tuple_of(d, &t->fields[1], out);
    default:
        return ERR_INPUT;
    }
}

int shape_of_unit(const struct cml_dag *d, uint32_t unit, struct type *out_takes,
                  struct type *out_gives)
{
    const struct cml_node *u = cml_dag_at(d, unit);
    const struct cml_value *params = &u->fields[1];
    struct type parts[TYPE_TUPLE_MAX];

    if (params->u.list.n > TYPE_TUPLE_MAX) {
        return ERR_INPUT;
    }
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(d, cml_item(params, i));

        TRY(shape_of_type(d, cml_item(&b->fields[0], 0), &parts[i]));
    }
    TRY(type_tuple_of(parts, params->u.list.n, out_takes));
    return shape_of_type(d, cml_item(&u->fields[2], 0), out_gives);
}
