/* New terms for trees, and what can be read off old ones. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/check_int.h"
#include "workers/cml/eval_int.h"
#include "workers/cml/tree.h"

static struct term *make(struct tree *t, enum cml_kind kind, uint32_t type)
{
    struct term *made = term_new(&t->arena, kind, (struct loc){0});

    if (made != NULL) {
        made->type = type;
    }
    return made;
}

/* Sets a field's children; NULL if one is. */
static struct term *with(struct tree *t, struct term *made, unsigned field,
                         struct term *const *kids, uint32_t n)
{
    struct term **kept = arena_array(&t->arena, n + 1, sizeof(struct term *));

    if (made == NULL || kept == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        kept[i] = kids[i];
        if (kids[i] == NULL) {
            return NULL;
        }
    }
    term_kids(made, field, kept, n);
    return made;
}

struct term *tree_type(struct tree *t, uint32_t type)
{
    uint32_t max = 4096;
    struct term *made = NULL;

    return term_from_node(t->dag, type, &t->arena, &max, &made) == 0 ? made
                                                                     : NULL;
}

static int leaf_value(const struct val *v, struct cml_value *out)
{
    switch ((int)v->kind) {
    case VAL_BOOL:
        *out = (struct cml_value){.tag = v->u.bits ? CML_TRUE : CML_FALSE};
        return 1;
    case VAL_INT:
    case VAL_FLOAT:
        *out = (struct cml_value){
            .tag = v->kind == VAL_INT ? CML_INT : CML_FLOAT,
            .code = v->code,
            .u.bits = v->u.bits};
        return 1;
    case VAL_STRING:
    case VAL_BYTES:
        *out = (struct cml_value){
            .tag = v->kind == VAL_STRING ? CML_STRING : CML_BYTES,
            .u.text = {v->u.p, v->n}};
        return 1;
    default:
        return 0;
    }
}

struct term *tree_literal(struct tree *t, uint32_t type, const struct val *v)
{
    struct term *made = make(t, CML_LITERAL, type);
    struct term *leaf = make(t, CML_LEAF, 0);
    struct term *of = tree_type(t, type);

    if (leaf == NULL || !leaf_value(v, &leaf->fields[0].value)) {
        return NULL;
    }
    if (v->kind == VAL_STRING || v->kind == VAL_BYTES) {
        leaf->fields[0].value.u.text.p =
            (const uint8_t *)arena_text(&t->arena, v->u.p, v->n);
    }
    made = with(t, made, 0, &of, 1);
    return with(t, made, 1, &leaf, 1);
}

struct term *tree_integer(struct tree *t, uint32_t type, uint64_t bits)
{
    enum cml_primitive p = check_as_primitive(t->dag, type);
    struct val v;

    if (p == CML_PRIMITIVES || cml_primitive_info(p)->tag != CML_INT) {
        return NULL;
    }
    v = val_int(cml_primitive_info(p)->code, bits);
    return tree_literal(t, type, &v);
}

static uint32_t bool_type(struct tree *t)
{
    struct cml_value name = cml_word(cml_primitive_info(CML_PRIMITIVE_BOOL)->name);
    struct diag d;
    uint32_t id = 0;

    diag_init(&d);
    return cml_add(t->dag, CML_PRIMITIVE_TYPE, &name, &id, &d) == 0
               ? id
               : TYPE_NONE;
}

struct term *tree_bool(struct tree *t, int v)
{
    struct val b = val_bool(v);
    uint32_t type = bool_type(t);

    return type != TYPE_NONE ? tree_literal(t, type, &b) : NULL;
}

struct term *tree_binop(struct tree *t, enum cml_op op, uint32_t type,
                        struct term *l, struct term *r)
{
    struct term *made = make(t, CML_BINOP, type);

    if (made != NULL) {
        term_word(made, 0, cml_op_info(op)->name);
    }
    made = with(t, made, 1, &l, 1);
    return with(t, made, 2, &r, 1);
}

struct term *tree_core(struct tree *t, enum core core, uint32_t type,
                       struct term *l, struct term *r)
{
    struct term *made = make(t, CML_CALL, type);
    struct term *name = make(t, CML_REFERENCE, 0);
    struct cml_value *path = arena_array(&t->arena, 1, sizeof(*path));
    struct term *args[2] = {l, r};

    if (name == NULL || path == NULL) {
        return NULL;
    }
    *path = cml_word(core_info(core)->name);
    term_word(name, 0, CORE_SUBJECT);
    name->fields[1].words = path;
    name->fields[1].n = 1;
    made = with(t, made, 0, &name, 1);
    return with(t, made, 1, args, r != NULL ? 2 : 1);
}

struct term *tree_block(struct tree *t, struct term *value)
{
    struct term *made = make(t, CML_BLOCK, value != NULL ? value->type : 0);
    struct term *last = make(t, CML_RETURN, 0);

    last = with(t, last, 0, &value, 1);
    return with(t, made, 0, &last, 1);
}

/* A value without branches, or NULL: functions and constrained types have none.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static struct term *plain_value(struct tree *t, uint32_t type)
{
    const struct cml_node *n = cml_dag_at(t->dag, type);
    enum cml_primitive p = check_as_primitive(t->dag, type);
    struct val v = {.kind = VAL_BOOL, .u.p = (const uint8_t *)""};
    struct term *made = make(t, CML_CALL, type);
    struct term *of = tree_type(t, type);
    struct term *parts[CML_COMPOSITE_MAX];
    uint32_t parts_n = 0;

    if (p != CML_PRIMITIVES) {
        uint8_t tag = cml_primitive_info(p)->tag;

        v.code = cml_primitive_info(p)->code;
        v.kind = tag == CML_TRUE || tag == CML_FALSE ? VAL_BOOL
                 : tag == CML_INT    ? VAL_INT
                 : tag == CML_FLOAT  ? VAL_FLOAT
                 : tag == CML_STRING ? VAL_STRING
                 : tag == CML_BYTES  ? VAL_BYTES
                                     : VAL_VOID;
        if (v.kind != VAL_STRING && v.kind != VAL_BYTES) {
            v.u.bits = 0;
        }
        return tree_literal(t, type, &v);
    }
    if (n->kind == CML_COMPOSITE_TYPE) {
        parts_n = n->fields[1].u.list.n;
        for (uint32_t i = 0; i < parts_n; i++) {
            n = cml_dag_at(t->dag, type);
            parts[i] = plain_value(t, cml_item(&n->fields[1], i));
        }
    } else if (n->kind != CML_ARRAY_TYPE) {
        return NULL;
    }
    made = with(t, made, 0, &of, 1);
    return with(t, made, 1, parts, parts_n);
}

struct term *tree_trap(struct tree *t, uint32_t type, const struct term *or)
{
    struct term *made = make(t, CML_MATCH, type);
    struct term *arm = make(t, CML_ARM, 0);
    struct term *pattern = make(t, CML_PATTERN, 0);
    struct term *yes = tree_bool(t, 1);
    struct term *no = tree_bool(t, 0);
    struct term *value = plain_value(t, type);
    struct term *body;

    if (pattern != NULL) {
        term_word(pattern, 0, "Literal");
    }
    body = value != NULL          ? tree_block(t, value)
           : or->kind == CML_BLOCK ? tree_copy(&t->arena, or)
                                   : tree_block(t, tree_copy(&t->arena, or));
    pattern = with(t, pattern, 1, &no, 1);
    pattern = with(t, pattern, 2, NULL, 0);
    arm = with(t, arm, 0, &pattern, 1);
    arm = with(t, arm, 1, &body, 1);
    made = with(t, made, 0, &yes, 1);
    return with(t, made, 1, &arm, 1);
}

int tree_is_trap(const struct term *t)
{
    const struct term *p;

    if (t->kind != CML_MATCH || t->fields[1].n != 1 ||
        t->fields[0].kids[0]->kind != CML_LITERAL ||
        !tree_is_bits(t->fields[0].kids[0], 1)) {
        return 0;
    }
    p = t->fields[1].kids[0]->fields[0].kids[0];
    return cml_is_word(&p->fields[0].value, "Literal") &&
           tree_is_bits(p->fields[1].kids[0], 0);
}

int tree_constant(const struct term *t, struct val *out)
{
    const struct cml_value *v;

    if (t->kind != CML_LITERAL || t->fields[1].kids[0]->kind != CML_LEAF) {
        return 0;
    }
    v = &t->fields[1].kids[0]->fields[0].value;
    switch (v->tag) {
    case CML_FALSE:
    case CML_TRUE:
        *out = val_bool(v->tag == CML_TRUE);
        return 1;
    case CML_INT:
    case CML_FLOAT:
        *out = (struct val){.kind = v->tag == CML_INT ? VAL_INT : VAL_FLOAT,
                            .code = v->code,
                            .u.bits = v->u.bits};
        return 1;
    case CML_STRING:
    case CML_BYTES:
        *out = (struct val){.kind = v->tag == CML_STRING ? VAL_STRING
                                                         : VAL_BYTES,
                            .n = (uint32_t)v->u.text.n,
                            .u.p = v->u.text.p};
        return 1;
    case CML_ABSENT:
    case CML_CHILD:
    case CML_LIST:
        break;
    }
    return 0;
}

int tree_is_bits(const struct term *t, uint64_t bits)
{
    struct val v;

    return tree_constant(t, &v) &&
           (v.kind == VAL_INT || v.kind == VAL_BOOL) &&
           v.u.bits == (v.kind == VAL_INT ? val_int(v.code, bits).u.bits : bits);
}

enum core tree_core_of(const struct term *t)
{
    const struct term *target =
        t->kind == CML_CALL ? t->fields[0].kids[0] : NULL;

    return target != NULL && target->kind == CML_REFERENCE &&
                   cml_is_word(&target->fields[0].value, CORE_SUBJECT) &&
                   target->fields[1].n == 1
               ? core_from_name(target->fields[1].words[0].u.text)
               : CORES;
}

enum cml_op tree_op_of(const struct term *t)
{
    return t->kind == CML_BINOP ? cml_op_from_name(t->fields[0].value.u.text)
                                : CML_OPS;
}
