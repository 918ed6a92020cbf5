/* The columnar engine: from inputs to columns and back. Runs in the `cml` worker. */
#include "workers/cml/columns.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/value.h"
#include "workers/cml/columns_int.h"

#define ALIGNMENT 64

static uint64_t *take_columns(uint64_t **memory, size_t n)
{
    uint64_t *at = *memory;

    *memory += n * COLUMN_LANES;
    return at;
}

static int make_columns(struct columns *c)
{
    size_t args = c->flat.functions[c->main]->args_n;
    size_t n = COLUMNS_REGISTERS_MAX + COLUMNS_MASKS_MAX + 2 + args;
    uint64_t *at;

    c->memory = calloc(n * COLUMN_LANES + ALIGNMENT, sizeof(uint64_t));
    if (c->memory == NULL) {
        return ERR_NOMEM;
    }
    at = (uint64_t *)(((uintptr_t)c->memory + ALIGNMENT - 1) &
                      ~(uintptr_t)(ALIGNMENT - 1));
    c->registers = take_columns(&at, COLUMNS_REGISTERS_MAX);
    c->masks = take_columns(&at, COLUMNS_MASKS_MAX);
    c->alive = take_columns(&at, 1);
    c->fuel = take_columns(&at, 1);
    c->args = take_columns(&at, args);
    return 0;
}

static int make(struct columns *c, const struct cml_dag *dag,
                const struct term *unit, const char *path, struct diag *d)
{
    flat_init(&c->flat, dag);
    c->flat.objects = 1;
    c->unit = unit->id;
    c->kernels = column_kernels(COLUMN_AVX512);
    TRY(flat_unit(&c->flat, unit, path, d));
    c->flat.diag = &c->diag; /* functions made later, in no one's hearing */
    c->main = c->flat.functions_n - 1;
    TRY(columns_compile(c, c->main));
    TRY(eval_init(&c->e, dag, 0));
    TRY(eval_init(&c->ref, dag, 0));
    return make_columns(c);
}

int columns_new(const struct cml_dag *dag, const struct term *unit,
                const char *path, struct columns **out, struct diag *d)
{
    struct columns *c = calloc(1, sizeof(*c));
    int code;

    if (c == NULL) {
        return ERR_NOMEM;
    }
    diag_init(&c->diag);
    code = make(c, dag, unit, path, d);
    if (code < 0) {
        columns_free(c);
        return code;
    }
    *out = c;
    return 0;
}

void columns_free(struct columns *c)
{
    if (c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->flat.functions_n; i++) {
        free(c->functions[i].steps);
    }
    flat_release(&c->flat);
    if (c->e.dag != NULL) {
        eval_release(&c->e);
    }
    if (c->ref.dag != NULL) {
        eval_release(&c->ref);
    }
    free(c->memory);
    free(c);
}

void columns_freep(struct columns **c)
{
    columns_free(*c);
}

void columns_limit(struct columns *c, enum column_level most)
{
    c->kernels = column_kernels(most);
}

uint64_t columns_redone(const struct columns *c)
{
    return c->redone;
}

static uint64_t big_endian(const uint8_t *p, unsigned n)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
    }
    return bits;
}

static int skip(struct ubytes *in, size_t n)
{
    if (in->n < n) {
        return ERR_TRACE(ERR_ENCODING);
    }
    *in = (struct ubytes){in->p + n, in->n - n};
    return 0;
}

/* A tag and a count or length. */
static int read_head(struct ubytes *in, uint8_t tag, uint32_t *out_n)
{
    if (in->n < 5 || in->p[0] != tag) {
        return ERR_TRACE(ERR_ENCODING);
    }
    *out_n = (uint32_t)big_endian(in->p + 1, 4);
    return skip(in, 5);
}

static int read_number(enum cml_primitive p, struct ubytes *in, uint64_t *out)
{
    const struct cml_primitive_info *info = cml_primitive_info(p);
    unsigned width = info->code & ~(unsigned)TYPE_UNSIGNED;

    if (p == CML_PRIMITIVE_BOOL) {
        *out = in->n > 0 && in->p[0] == VALUE_TRUE;
        return skip(in, 1);
    }
    if (in->n < 2 + width || in->p[0] != info->tag ||
        in->p[1] != info->code) {
        return ERR_TRACE(ERR_ENCODING);
    }
    *out = big_endian(in->p + 2, width);
    if (info->tag == CML_INT) {
        *out = val_int(info->code, *out).u.bits;
    }
    return skip(in, 2 + width);
}

/* Strings and bytes are borrowed from the input. */
static int read_object(struct columns *c, uint32_t type, struct ubytes *in,
                       uint64_t *out)
{
    int is_string = type == (FLAT_SCALAR | CML_PRIMITIVE_STRING);
    struct val v;
    struct rd rd;

    if ((type & FLAT_SCALAR) == 0) {
        rd_init(&rd, *in);
        TRY(eval_read(&c->e, type, &rd, &v));
        TRY(skip(in, in->n - rd_left(&rd)));
    } else {
        v = (struct val){.kind = is_string ? VAL_STRING : VAL_BYTES};
        TRY(read_head(in, is_string ? CML_STRING : CML_BYTES, &v.n));
        v.u.p = in->p;
        TRY(skip(in, v.n));
    }
    return columns_hold(c, &v, out) == 0 ? 0 : ERR_NOMEM;
}

/* A value of the type into columns; *column is the next one then.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int read_value(struct columns *c, uint32_t type, struct ubytes *in,
                      uint64_t **column, uint32_t lane)
{
    const struct cml_node *n;
    uint64_t *at = &(*column)[lane];
    uint32_t fields;

    if ((type & FLAT_SCALAR) == 0 &&
        cml_dag_at(c->flat.dag, type)->kind == CML_COMPOSITE_TYPE) {
        n = cml_dag_at(c->flat.dag, type);
        TRY(read_head(in, TYPE_TUPLE, &fields));
        for (uint32_t i = 0; i < n->fields[1].u.list.n; i++) {
            TRY(read_value(c,
                           flat_type(c->flat.dag, cml_item(&n->fields[1], i)),
                           in, column, lane));
        }
        return fields == n->fields[1].u.list.n ? 0 : ERR_TRACE(ERR_ENCODING);
    }
    *column += COLUMN_LANES;
    if ((type & FLAT_SCALAR) == 0 ||
        flat_is_object((enum cml_primitive)(type & ~FLAT_SCALAR))) {
        return read_object(c, type, in, at);
    }
    return read_number((enum cml_primitive)(type & ~FLAT_SCALAR), in, at);
}

static int read_lane(struct columns *c, uint32_t lane)
{
    const struct flat_function *f = c->flat.functions[c->main];
    struct ubytes in = c->inputs[lane];
    uint64_t *column = c->registers;
    uint32_t n = 0;

    TRY(read_head(&in, TYPE_TUPLE, &n));
    if (n + 1 != f->types_n) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(read_value(c, f->types[i], &in, &column, lane));
    }
    return 0;
}

static size_t args_bytes(const struct columns *c)
{
    return c->flat.functions[c->main]->args_n * COLUMN_LANES *
           sizeof(uint64_t);
}

int columns_again(struct columns *c, uint64_t fuel)
{
    int code;

    memcpy(c->registers, c->args, args_bytes(c));
    c->masks_n = 1;
    c->active_n = c->lanes_n;
    c->alive_n = c->lanes_n;
    c->given = fuel;
    c->pending = 0;
    c->least = fuel;
    c->env = 0;
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        c->masks[i] = i < c->lanes_n ? UINT64_MAX : 0;
        c->alive[i] = c->masks[i];
        c->fuel[i] = fuel;
        c->error[i] = 0;
    }
    code = columns_run(c, c->main, 0);
    for (uint32_t i = 0; code == COLUMNS_REDO && i < COLUMN_LANES; i++) {
        c->error[i] = c->alive[i] != 0 ? COLUMNS_REDO : c->error[i];
    }
    return code < 0 ? code : 0;
}

int columns_batch(struct columns *c, const struct ubytes *inputs, uint32_t n,
                  uint64_t fuel)
{
    ASSERT(n <= COLUMNS_LANES);
    eval_reset(&c->e, 0);
    c->inputs = inputs;
    c->lanes_n = n;
    for (uint32_t i = 0; i < n; i++) {
        TRY(read_lane(c, i));
    }
    memcpy(c->args, c->registers, args_bytes(c));
    return columns_again(c, fuel);
}

static int redo(struct columns *c, uint32_t lane, struct buf *out,
                uint64_t *out_left)
{
    struct val v;
    int code = eval_tuple(&c->ref, c->unit, c->inputs[lane], c->given, &v);

    c->redone++;
    *out_left = c->ref.fuel;
    return code == 0 && out != NULL ? eval_put(out, &v) : code;
}

int columns_answer(struct columns *c, uint32_t lane, struct buf *out,
                   uint64_t *out_left)
{
    const struct flat_function *f = c->flat.functions[c->main];
    struct flat_value v = {f->types[f->types_n - 1], 0, f->results_n};
    struct val value;

    ASSERT(lane < c->lanes_n);
    if (c->error[lane] == COLUMNS_REDO ||
        (c->error[lane] == 0 && columns_box(c, &v, 0, lane, &value) != 0)) {
        return redo(c, lane, out, out_left);
    }
    *out_left = c->error[lane] != 0 ? c->left[lane] : columns_left(c, lane);
    return c->error[lane] == 0 && out != NULL ? eval_put(out, &value)
                                              : c->error[lane];
}
