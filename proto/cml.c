/* Tables of CML: kinds, primitive types, operators. Runs in workers and in the
 * command line; the kernel does not link it. */
#include "proto/cml.h"

#include <string.h>

#define K(kind) CML_K(CML_##kind)
#define TYPES CML_TYPES
#define EXPRESSIONS CML_EXPRESSIONS
#define FIELD(name, shape, kinds, what) {#name, CML_##shape, (kinds)}
#define FIELDS(...) ((const struct cml_field[]){__VA_ARGS__})
#define KIND(kind, fqn, what, ...)                                             \
    [CML_##kind] = {"cml." fqn, ARRAY_N(FIELDS(__VA_ARGS__)), {__VA_ARGS__}},

static const struct cml_kind_info kinds[] = {
#include "proto/cml.def"
};
_Static_assert(ARRAY_N(kinds) == CML_KINDS, "every kind has its row");

static const struct cml_primitive_info primitives[] = {
#define PRIMITIVE(name, text, short_text, tag, code)                           \
    {text, short_text, tag, code},
#include "proto/cml_primitive.def"
};

static const struct cml_op_info ops[] = {
#define OP(name, text, strength, what) {#name, text, strength},
#include "proto/cml_op.def"
};

/* Other spellings that input may use; the canonical one is in the table. */
static const struct {
    const char *alias;
    const char *name;
} aliases[] = {
    {"Int", "Int64"},     {"Float", "Float64"},    {"MULTIPLY", "MUL"},
    {"DIVIDE", "DIV"},    {"SUBTRACT", "SUB"},     {"MODULO", "REM"},
    {"CONCAT", "CAT"},    {"PLUS", "ADD"},         {"MINUS", "SUB"},
};

static int is_same(struct ubytes name, const char *text)
{
    size_t i = 0;

    /* most differ in their first byte */
    while (i < name.n && text[i] != '\0' && (uint8_t)text[i] == name.p[i]) {
        i++;
    }
    return i == name.n && text[i] == '\0';
}

/* What a name that is in no table stands for; false: nothing. */
static int unalias(struct ubytes *name)
{
    for (size_t i = 0; i < ARRAY_N(aliases); i++) {
        if (is_same(*name, aliases[i].alias)) {
            *name = (struct ubytes){(const uint8_t *)aliases[i].name,
                                    strlen(aliases[i].name)};
            return 1;
        }
    }
    return 0;
}

const struct cml_kind_info *cml_kind_info(enum cml_kind kind)
{
    ASSERT(kind < CML_KINDS);
    return &kinds[kind];
}

enum cml_kind cml_kind_from_name(struct ubytes name)
{
    for (unsigned k = 0; k < CML_KINDS; k++) {
        if (is_same(name, kinds[k].fqn) || is_same(name, kinds[k].fqn + 4)) {
            return (enum cml_kind)k;
        }
    }
    return CML_KINDS;
}

const struct cml_primitive_info *cml_primitive_info(enum cml_primitive p)
{
    ASSERT(p < CML_PRIMITIVES);
    return &primitives[p];
}

enum cml_primitive cml_primitive_from_name(struct ubytes name)
{
    do {
        for (unsigned p = 0; p < CML_PRIMITIVES; p++) {
            if (is_same(name, primitives[p].name) ||
                is_same(name, primitives[p].short_name)) {
                return (enum cml_primitive)p;
            }
        }
    } while (unalias(&name));
    return CML_PRIMITIVES;
}

const struct cml_op_info *cml_op_info(enum cml_op op)
{
    ASSERT(op < CML_OPS);
    return &ops[op];
}

enum cml_op cml_op_from_name(struct ubytes name)
{
    do {
        for (unsigned o = 0; o < CML_OPS; o++) {
            if (is_same(name, ops[o].name) || is_same(name, ops[o].text)) {
                return (enum cml_op)o;
            }
        }
    } while (unalias(&name));
    return CML_OPS;
}

struct cml_value cml_absent(void)
{
    return (struct cml_value){.tag = CML_ABSENT};
}

struct cml_value cml_text(struct ubytes utf8)
{
    return (struct cml_value){.tag = CML_STRING, .u.text = utf8};
}

struct cml_value cml_word(const char *text)
{
    return cml_text((struct ubytes){(const uint8_t *)text, strlen(text)});
}

struct cml_value cml_child(uint32_t id)
{
    return (struct cml_value){.tag = CML_CHILD, .u.node = id};
}

struct cml_value cml_index(uint32_t i)
{
    return (struct cml_value){
        .tag = CML_INT, .code = CML_INDEX_CODE, .u.bits = i};
}

struct cml_value cml_list(const struct cml_value *p, uint32_t n)
{
    return (struct cml_value){.tag = CML_LIST, .u.list = {p, n}};
}

int cml_scalar_is_same(const struct cml_value *a, const struct cml_value *b)
{
    if (a->tag != b->tag) {
        return 0;
    }
    switch (a->tag) {
    case CML_INT:
    case CML_FLOAT:
        return a->code == b->code && a->u.bits == b->u.bits;
    case CML_STRING:
    case CML_BYTES:
    case CML_CHILD:
        return a->u.text.n == b->u.text.n &&
               (a->u.text.n == 0 ||
                memcmp(a->u.text.p, b->u.text.p, a->u.text.n) == 0);
    case CML_ABSENT:
    case CML_FALSE:
    case CML_TRUE:
    case CML_LIST:
        break;
    }
    return 1;
}

int cml_is_word(const struct cml_value *v, const char *word)
{
    return v->tag == CML_STRING && is_same(v->u.text, word);
}

uint32_t cml_item(const struct cml_value *v, uint32_t i)
{
    if (v->tag == CML_CHILD && i == 0) {
        return v->u.node;
    }
    ASSERT(v->tag == CML_LIST && i < v->u.list.n);
    return v->u.list.p[i].u.node;
}
