/* Batches through the reference interpreter. Runs in the `cml` worker. Sees inputs,
 * never expected answers. */
#include "workers/cml/run.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "workers/cml/format.h"
#include "workers/cml/shape.h"

static int differ(const struct type *have, const ProtobufCBinaryData *want,
                  const char *verb, const struct term *unit, struct loc at,
                  struct diag *d)
{
    struct type stated;
    char own[64];
    char other[64];

    if (type_decode((struct ubytes){want->data, want->len}, &stated) != 0) {
        return diag_set(d, ERR_INPUT, at, "the task's types are none");
    }
    if (type_is_equal(have, &stated)) {
        return 0;
    }
    type_text(have, own, sizeof(own));
    type_text(&stated, other, sizeof(other));
    (void)diag_set(d, ERR_INPUT, at, "%.32s %s %s, the task says %s", unit->name,
                   verb, own, other);
    diag_hint(d, "%s is part of the task: write the types of the unit there",
              strcmp(verb, "takes") == 0 ? "takes:" : "gives:");
    return ERR_INPUT;
}

int run_check_types(const struct cml_dag *dag, const struct term *unit,
                    const char *path, const Proctor__CmlTask *task,
                    struct diag *d)
{
    struct loc at = {path, unit->line, unit->col};
    struct type takes;
    struct type gives;

    if (shape_of_unit(dag, unit->id, &takes, &gives) != 0) {
        (void)diag_set(d, ERR_INPUT, at,
                       "%.32s has a parameter or a result that cannot cross",
                       unit->name);
        diag_hint(d, "a candidate takes and gives booleans, numbers, strings, "
                     "bytes, arrays and composites of them");
        return ERR_INPUT;
    }
    TRY(differ(&takes, &task->takes, "takes", unit, at, d));
    return differ(&gives, &task->gives, "gives", unit, at, d);
}

int run_open(struct run *r, const Proctor__CmlTask *task, struct diag *d)
{
    const Proctor__CmlText *text = task->texts[0];
    const struct term *unit;

    memset(r, 0, sizeof(*r));
    cml_dag_init(&r->dag);
    document_init(&r->doc, &r->dag, text->name);
    r->fuel = task->fuel;
    TRY(form_read(&r->doc, FORM_BUNDLE,
                  (struct ubytes){text->content.data, text->content.len}, d));
    unit = r->doc.units[r->doc.units_n - 1].term;
    r->unit = unit->id;
    TRY(run_check_types(&r->dag, unit, NULL, task, d));
    TRY(shape_of_unit(&r->dag, r->unit, &r->takes, &r->gives));
    return eval_init(&r->eval, &r->dag, r->fuel);
}

void run_release(struct run *r)
{
    if (r->eval.dag != NULL) {
        eval_release(&r->eval);
    }
    document_release(&r->doc);
    cml_dag_release(&r->dag);
}

/* 0, EVAL_E_*, ERR_*. */
static int apply(struct run *r, struct ubytes input, struct val *out)
{
    const struct cml_node *u = cml_dag_at(&r->dag, r->unit);
    const struct cml_value *params = &u->fields[1];
    struct val args[TYPE_TUPLE_MAX];
    struct rd rd;

    eval_reset(&r->eval, r->fuel);
    rd_init(&rd, input);
    (void)rd_u8(&rd); /* a tuple, of as many: decoded by its type */
    if (rd_u32(&rd) != params->u.list.n) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(&r->dag, cml_item(params, i));

        TRY(eval_read(&r->eval, cml_item(&b->fields[0], 0), &rd, &args[i]));
    }
    return eval_unit(&r->eval, r->unit, args, params->u.list.n, out);
}

int run_batch(struct run *r, const struct values *inputs,
              struct run_answers *out)
{
    struct buf b CLEANUP(buf_release);
    int code = 0;

    buf_init(&b, LIMIT_VALUE_BYTES);
    memset(out, 0, sizeof(*out));
    TRY(values_builder_init(&out->outputs, LIMIT_BATCH_BYTES));
    for (uint32_t i = 0; code == 0 && i < values_n(inputs); i++) {
        struct val v;

        code = apply(r, values_at(inputs, i), &v);
        if (code > 0) {
            out->ending = PROCTOR__ENDING__ENDING_ERROR;
            out->detail = (uint32_t)code;
            return 0;
        }
        buf_reset(&b);
        code = code ? code : eval_put(&b, &v);
        code = code ? code : values_builder_add(&out->outputs, buf_bytes(&b));
    }
    if (code == ERR_LIMIT) {
        out->ending = PROCTOR__ENDING__ENDING_FLOOD;
        return 0;
    }
    return code;
}
