/* Batches through an engine. Runs in the `cml` worker. Sees inputs,
 * never expected answers. */
#include "workers/cml/run.h"

#include <stdlib.h>
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
    return task->variants != VARIANTS_NONE
               ? 0 /* what is answered is a u64 */
               : differ(&gives, &task->gives, "gives", unit, at, d);
}

int run_engine(const struct cml_dag *dag, const struct term *unit,
               const char *path, uint32_t engine, struct columns **out,
               struct diag *why, struct diag *d)
{
    int code = 0;

    *out = NULL;
    diag_init(why);
    if (engine > PROCTOR__CML_ENGINE__CML_ENGINE_COLUMNS) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "no such engine: %u",
                        engine);
    }
    if (engine != PROCTOR__CML_ENGINE__CML_ENGINE_REFERENCE) {
        code = columns_new(dag, unit, path, out, why);
    }
    if (code == ERR_NOMEM ||
        engine != PROCTOR__CML_ENGINE__CML_ENGINE_COLUMNS || code == 0) {
        return code == ERR_NOMEM ? code : 0;
    }
    (void)diag_set(d, ERR_INPUT, why->at, "not for the columnar engine: %s",
                   why->what);
    diag_hint(d, "the reference interpreter takes every unit");
    return ERR_INPUT;
}

int run_open(struct run *r, const Proctor__CmlTask *task, struct diag *d)
{
    const Proctor__CmlText *text = task->texts[0];
    const struct term *unit;
    struct diag why;

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
    if (task->variants != VARIANTS_NONE) {
        r->variants = calloc(1, sizeof(*r->variants));
        return r->variants != NULL
                   ? variants_open(r->variants, &r->dag, r->unit, task, d)
                   : ERR_NOMEM;
    }
    TRY(run_engine(&r->dag, unit, NULL, task->engine, &r->columns, &why, d));
    return eval_init(&r->eval, &r->dag, r->fuel);
}

void run_release(struct run *r)
{
    columns_free(r->columns);
    if (r->eval.dag != NULL) {
        eval_release(&r->eval);
    }
    if (r->variants != NULL) {
        variants_release(r->variants);
        free(r->variants);
    }
    document_release(&r->doc);
    cml_dag_release(&r->dag);
}

/* Answers of so many inputs at once: 0, EVAL_E_* of the first that has none, ERR_*. */
static int answer_columns(struct run *r, const struct ubytes *in, uint32_t n,
                          struct buf *b, struct values_builder *out)
{
    uint64_t left;

    TRY(columns_batch(r->columns, in, n, r->fuel));
    for (uint32_t i = 0; i < n; i++) {
        int code;

        buf_reset(b);
        code = columns_answer(r->columns, i, b, &left);
        if (code != 0) {
            return code;
        }
        TRY(values_builder_add(out, buf_bytes(b)));
    }
    return 0;
}

static int answer_reference(struct run *r, const struct ubytes *in, uint32_t n,
                            struct buf *b, struct values_builder *out)
{
    for (uint32_t i = 0; i < n; i++) {
        struct val v;
        int code = eval_tuple(&r->eval, r->unit, in[i], r->fuel, &v);

        if (code != 0) {
            return code;
        }
        buf_reset(b);
        TRY(eval_put(b, &v));
        TRY(values_builder_add(out, buf_bytes(b)));
    }
    return 0;
}

int run_batch(struct run *r, const struct values *inputs,
              struct run_answers *out)
{
    struct buf b CLEANUP(buf_release);
    struct ubytes in[COLUMNS_LANES];
    uint32_t n = 0;
    int code = 0;

    buf_init(&b, LIMIT_VALUE_BYTES);
    memset(out, 0, sizeof(*out));
    TRY(values_builder_init(&out->outputs, LIMIT_BATCH_BYTES));
    if (r->variants != NULL) {
        return variants_batch(r->variants, inputs, &out->outputs);
    }
    for (uint32_t first = 0; code == 0 && first < values_n(inputs);
         first += n) {
        for (n = 0; n < COLUMNS_LANES && first + n < values_n(inputs); n++) {
            in[n] = values_at(inputs, first + n);
        }
        code = r->columns != NULL
                   ? answer_columns(r, in, n, &b, &out->outputs)
                   : answer_reference(r, in, n, &b, &out->outputs);
    }
    if (code > 0) {
        out->ending = PROCTOR__ENDING__ENDING_ERROR;
        out->detail = (uint32_t)code;
        return 0;
    }
    if (code == ERR_LIMIT) {
        out->ending = PROCTOR__ENDING__ENDING_FLOOD;
        return 0;
    }
    return code;
}
