/* Types as nodes. */
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"
#include "proto/type.h"
#include "workers/cml/check_int.h"

static int add(struct checker *c, enum cml_kind kind,
               const struct cml_value *fields, uint32_t *out)
{
    return cml_add(c->dag, kind, fields, out, c->diag);
}

int check_primitive(struct checker *c, enum cml_primitive p, uint32_t *out)
{
    struct cml_value name = cml_word(cml_primitive_info(p)->name);

    return add(c, CML_PRIMITIVE_TYPE, &name, out);
}

int check_array_of(struct checker *c, uint32_t element, uint32_t *out)
{
    struct cml_value kid = cml_child(element);

    return add(c, CML_ARRAY_TYPE, &kid, out);
}

int check_composite(struct checker *c, const struct cml_value *names,
                    const uint32_t *types, uint32_t n, uint32_t *out)
{
    struct cml_value kids[CML_COMPOSITE_MAX];
    struct cml_value fields[2] = {cml_list(names, n), cml_list(kids, n)};

    ASSERT(n <= CML_COMPOSITE_MAX);
    for (uint32_t i = 0; i < n; i++) {
        kids[i] = cml_child(types[i]);
    }
    return add(c, CML_COMPOSITE_TYPE, fields, out);
}

int check_function(struct checker *c, const uint32_t *params, uint32_t n,
                   uint32_t returns, uint32_t *out)
{
    struct cml_value *kids = arena_array(c->a, n + 1, sizeof(*kids));
    struct cml_value fields[2] = {cml_list(kids, n), cml_child(returns)};

    if (kids == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        kids[i] = cml_child(params[i]);
    }
    return add(c, CML_FUNCTION_TYPE, fields, out);
}

int check_unit_type(struct checker *c, uint32_t unit, uint32_t *out)
{
    const struct cml_node *u = cml_dag_at(c->dag, unit);
    uint32_t n = u->fields[1].u.list.n;
    uint32_t returns = cml_item(&u->fields[2], 0);
    uint32_t *params = arena_array(c->a, n + 1, sizeof(*params));

    if (params == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct cml_node *b =
            cml_dag_at(c->dag, cml_item(&u->fields[1], i));

        params[i] = cml_item(&b->fields[0], 0);
    }
    return check_function(c, params, n, returns, out);
}

int check_type(struct checker *c, struct term *t, uint32_t *out)
{
    const struct cml_node *n;
    uint32_t target;

    if (t->kind == CML_PRIMITIVE_TYPE) {
        enum cml_primitive p =
            cml_primitive_from_name(t->fields[0].value.u.text);

        if (p == CML_PRIMITIVES ||
            !cml_is_word(&t->fields[0].value, cml_primitive_info(p)->name)) {
            return check_fail(c, t, "no primitive type of this name");
        }
    }
    if (t->kind == CML_COMPOSITE_TYPE &&
        (t->fields[0].n != t->fields[1].n || t->fields[0].n == 0 ||
         t->fields[0].n > CML_COMPOSITE_MAX)) {
        return check_fail(c, t, "a composite has 1 to %d fields, each with a "
                                "name and a type",
                          CML_COMPOSITE_MAX);
    }
    TRY(term_intern(t, c->dag, c->diag));
    *out = t->id;
    n = cml_dag_at(c->dag, t->id);
    if (n->height > TYPE_DEPTH_MAX) {
        return check_fail(c, t, "a type nests at most %d deep", TYPE_DEPTH_MAX);
    }
    if (n->kind == CML_REFERENCE_TYPE) {
        target = cml_item(&n->fields[0], 0);
        if (cml_dag_at(c->dag, target)->kind == CML_UNIT) {
            return check_unit_type(c, target, out);
        }
        *out = target;
    }
    return 0;
}

enum cml_primitive check_as_primitive(const struct cml_dag *d, uint32_t type)
{
    const struct cml_node *n = cml_dag_at(d, type);

    return n->kind == CML_PRIMITIVE_TYPE
               ? cml_primitive_from_name(n->fields[0].u.text)
               : CML_PRIMITIVES;
}

enum trait check_trait_of(const struct cml_node *n)
{
    static const char *const names[] = {"Any", "Comparable", "Numeric",
                                        "Integer", "Float"};

    for (unsigned i = 0; i < ARRAY_N(names); i++) {
        if (cml_is_word(&n->fields[1], names[i])) {
            return (enum trait)i;
        }
    }
    return TRAIT_SEQUENCE; /* no such trait */
}

static int primitive_has(enum cml_primitive p, enum trait trait)
{
    uint8_t tag = cml_primitive_info(p)->tag;

    switch (trait) {
    case TRAIT_ANY:
    case TRAIT_COMPARABLE:
        return 1;
    case TRAIT_NUMERIC:
        return tag == CML_INT || tag == CML_FLOAT;
    case TRAIT_INTEGER:
        return tag == CML_INT;
    case TRAIT_FLOAT:
        return tag == CML_FLOAT;
    case TRAIT_SEQUENCE:
        return tag == CML_STRING || tag == CML_BYTES;
    }
    return 0;
}

static int implies(enum trait has, enum trait trait)
{
    return has == trait || trait == TRAIT_ANY ||
           (trait == TRAIT_COMPARABLE && has != TRAIT_ANY) ||
           (trait == TRAIT_NUMERIC &&
            (has == TRAIT_INTEGER || has == TRAIT_FLOAT));
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int check_has_trait(const struct cml_dag *d, uint32_t type, enum trait trait)
{
    const struct cml_node *n = cml_dag_at(d, type);

    switch ((int)n->kind) {
    case CML_PRIMITIVE_TYPE:
        return primitive_has(check_as_primitive(d, type), trait);
    case CML_CONSTRAINT:
        return implies(check_trait_of(n), trait);
    case CML_ARRAY_TYPE:
        return trait == TRAIT_ANY || trait == TRAIT_SEQUENCE ||
               (trait == TRAIT_COMPARABLE &&
                check_has_trait(d, cml_item(&n->fields[0], 0), trait));
    case CML_COMPOSITE_TYPE:
        for (uint32_t i = 0; i < n->fields[1].u.list.n; i++) {
            if (trait == TRAIT_COMPARABLE &&
                !check_has_trait(d, cml_item(&n->fields[1], i), trait)) {
                return 0;
            }
        }
        return trait == TRAIT_ANY || trait == TRAIT_COMPARABLE;
    default:
        return trait == TRAIT_ANY;
    }
}

static void put_type(const struct cml_dag *d, uint32_t type, struct text *out);

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void put_types(const struct cml_dag *d, const struct cml_value *names,
                      const struct cml_value *types, struct text *out)
{
    for (uint32_t i = 0; i < types->u.list.n; i++) {
        text_putf(out, "%s", i > 0 ? ", " : "");
        if (names != NULL) {
            const struct ubytes *name = &names->u.list.p[i].u.text;

            text_putf(out, "%.*s: ", (int)name->n, (const char *)name->p);
        }
        put_type(d, cml_item(types, i), out);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void put_type(const struct cml_dag *d, uint32_t type, struct text *out)
{
    const struct cml_node *n = cml_dag_at(d, type);
    enum cml_primitive p = check_as_primitive(d, type);

    switch ((int)n->kind) {
    case CML_PRIMITIVE_TYPE:
        text_putf(out, "%s",
                  p < CML_PRIMITIVES ? cml_primitive_info(p)->short_name : "?");
        return;
    case CML_ARRAY_TYPE:
        text_putf(out, "[");
        put_type(d, cml_item(&n->fields[0], 0), out);
        text_putf(out, "]");
        return;
    case CML_COMPOSITE_TYPE:
        text_putf(out, "{");
        put_types(d, &n->fields[0], &n->fields[1], out);
        text_putf(out, "}");
        return;
    case CML_FUNCTION_TYPE:
        text_putf(out, "fn(");
        put_types(d, NULL, &n->fields[0], out);
        text_putf(out, ") -> ");
        put_type(d, cml_item(&n->fields[1], 0), out);
        return;
    case CML_CONSTRAINT:
        text_putf(out, "%.*s", (int)n->fields[1].u.text.n,
                  (const char *)n->fields[1].u.text.p);
        return;
    default:
        text_putf(out, "%s", cml_kind_info(n->kind)->fqn);
    }
}

void check_type_text(const struct cml_dag *dag, uint32_t type, char *out,
                     size_t n)
{
    struct text t;

    text_init(&t, out, n);
    put_type(dag, type, &t);
}
