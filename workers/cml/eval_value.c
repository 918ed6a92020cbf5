/* Values of the interpreter as canonical bytes (proto/value.h), and back. */
#include <string.h>

#include "proto/err.h"
#include "proto/value.h"
#include "workers/cml/eval_int.h"

static uint64_t read_bits(struct rd *r, unsigned width)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < width; i++) {
        bits = bits << 8 | rd_u8(r);
    }
    return bits;
}

static int read_text(struct eval *e, struct rd *r, unsigned kind,
                     struct val *out)
{
    struct ubytes s = rd_bytes32(r);
    char *kept = arena_text(&e->arena, s.p, s.n);

    if (kept == NULL) {
        return ERR_NOMEM;
    }
    *out = (struct val){.kind = kind,
                        .n = (uint32_t)s.n,
                        .u.p = (const uint8_t *)kept};
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int read_items(struct eval *e, uint32_t type, struct rd *r,
                      struct val *out)
{
    const struct cml_node *t = cml_dag_at(e->dag, type);
    int is_array = t->kind == CML_ARRAY_TYPE;
    uint32_t n = rd_u32(r);
    struct val *items;

    if (n > rd_left(r) || (!is_array && n != t->fields[1].u.list.n)) {
        rd_fail(r);
        return ERR_ENCODING;
    }
    items = arena_array(&e->arena, (size_t)n + 1, sizeof(*items));
    if (items == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(eval_read(e,
                      is_array ? cml_item(&t->fields[0], 0)
                               : cml_item(&t->fields[1], i),
                      r, &items[i]));
    }
    *out = (struct val){.kind = is_array ? VAL_ARRAY : VAL_COMPOSITE,
                        .n = n,
                        .node = type,
                        .u.items = items};
    return 0;
}

static int read_scalar(struct eval *e, enum cml_primitive p, uint8_t tag,
                       struct rd *r, struct val *out)
{
    const struct cml_primitive_info *info = cml_primitive_info(p);
    unsigned width = info->code & ~(unsigned)TYPE_UNSIGNED;

    if (p == CML_PRIMITIVE_BOOL &&
        (tag == VALUE_FALSE || tag == VALUE_TRUE)) {
        *out = val_bool(tag == VALUE_TRUE);
        return 0;
    }
    if (tag != info->tag ||
        (width > 0 && rd_u8(r) != info->code)) {
        return ERR_ENCODING;
    }
    switch (info->tag) {
    case CML_INT:
        *out = val_int(info->code, read_bits(r, width));
        return 0;
    case CML_FLOAT:
        *out = (struct val){.kind = VAL_FLOAT,
                            .code = info->code,
                            .u.bits = read_bits(r, width)};
        return 0;
    case CML_STRING:
        return read_text(e, r, VAL_STRING, out);
    case CML_BYTES:
        return read_text(e, r, VAL_BYTES, out);
    default:
        return ERR_ENCODING;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int eval_read(struct eval *e, uint32_t type, struct rd *r, struct val *out)
{
    const struct cml_node *t = cml_dag_at(e->dag, type);
    uint8_t tag = rd_u8(r);
    int code = ERR_ENCODING;

    *out = val_void();
    if (t->kind == CML_PRIMITIVE_TYPE) {
        code = read_scalar(e, (enum cml_primitive)t->word, tag, r, out);
    } else if ((t->kind == CML_ARRAY_TYPE && tag == TYPE_LIST) ||
               (t->kind == CML_COMPOSITE_TYPE && tag == TYPE_TUPLE)) {
        code = read_items(e, type, r, out);
    }
    return code == 0 && rd_is_bad(r) ? ERR_ENCODING : code;
}

static int put_number(struct buf *b, const struct val *v)
{
    unsigned width = v->code & ~(unsigned)TYPE_UNSIGNED;
    uint8_t bytes[10] = {v->kind == VAL_INT ? TYPE_INT : TYPE_FLOAT, v->code};

    for (unsigned i = 0; i < width; i++) {
        bytes[2 + i] = (uint8_t)(v->u.bits >> (width - 1 - i) * 8);
    }
    return buf_put(b, bytes, 2 + width);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int eval_put(struct buf *b, const struct val *v)
{
    switch ((int)v->kind) {
    case VAL_BOOL:
        return value_put_bool(b, v->u.bits != 0);
    case VAL_INT:
    case VAL_FLOAT:
        return put_number(b, v);
    case VAL_STRING:
        return value_put_string(b, val_bytes(v));
    case VAL_BYTES:
        return value_put_bytes(b, val_bytes(v));
    case VAL_ARRAY:
        TRY(value_put_list(b, v->n));
        break;
    case VAL_COMPOSITE:
        TRY(value_put_tuple(b, v->n));
        break;
    case VAL_VOID:
    case VAL_FUNCTION:
    case VAL_CID:
        return ERR_ENCODING; /* no value that crosses to the kernel */
    }
    for (uint32_t i = 0; i < v->n; i++) {
        TRY(eval_put(b, &v->u.items[i]));
    }
    return 0;
}

int eval_read_args(struct eval *e, uint32_t unit, struct ubytes tuple,
                   struct val *args)
{
    const struct cml_value *params = &cml_dag_at(e->dag, unit)->fields[1];
    struct rd rd;

    rd_init(&rd, tuple);
    (void)rd_u8(&rd); /* a tuple, of as many: decoded by its type */
    if (rd_u32(&rd) != params->u.list.n || params->u.list.n > TYPE_TUPLE_MAX) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(e->dag, cml_item(params, i));

        TRY(eval_read(e, cml_item(&b->fields[0], 0), &rd, &args[i]));
    }
    return 0;
}

int eval_tuple(struct eval *e, uint32_t unit, struct ubytes tuple,
               uint64_t fuel, struct val *out)
{
    struct val args[TYPE_TUPLE_MAX];

    eval_reset(e, fuel);
    TRY(eval_read_args(e, unit, tuple, args));
    return eval_unit(e, unit, args,
                     cml_dag_at(e->dag, unit)->fields[1].u.list.n, out);
}
