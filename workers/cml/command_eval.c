/* Units of values that a person writes as JSON. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "workers/cml/command.h"
#include "workers/cml/run.h"
#include "workers/cml/shape.h"
#include "workers/lib/json.h"

struct evaluation {
    struct command *c;
    const struct cml_dag *dag;
    const Proctor__CmlTask *task;
    uint32_t unit;
    struct type takes;
    struct type gives;
    struct eval e;
    struct columns *columns;
    struct buf inputs; /* tuples, one behind the other */
    struct ubytes lanes[COLUMNS_LANES];
    size_t ends[COLUMNS_LANES];
    uint32_t lanes_n;
    uint32_t done; /* lines before those */
};

/* One value or tuple of JSON behind those that were read: 0, ERR_*. */
static int read_json(struct evaluation *v, struct ubytes text,
                     const struct type *t, const char *what, uint32_t number,
                     struct diag *d)
{
    CLEANUP(buf_release) struct buf bytes;
    struct json_error err;
    int code;

    buf_init(&bytes, LIMIT_VALUE_BYTES);
    code = json_read(text, t, &bytes, &err);
    if (code > 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "%s %u: %s", what,
                        number, err.what);
    }
    TRY(code);
    return buf_put(&v->inputs, buf_bytes(&bytes).p, buf_len(&bytes));
}

/* The arguments as one tuple. */
static int read_args(struct evaluation *v, struct diag *d)
{
    const struct cml_value *params =
        &cml_dag_at(v->dag, v->unit)->fields[1];

    TRY(value_put_tuple(&v->inputs, params->u.list.n));
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(v->dag, cml_item(params, i));
        struct ubytes text = {(const uint8_t *)v->task->args[i],
                              strlen(v->task->args[i])};
        struct type t;

        if (shape_of_type(v->dag, cml_item(&b->fields[0], 0), &t) < 0) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "parameter %u has a type that cannot be given here",
                            i + 1);
        }
        TRY(read_json(v, text, &t, "argument", i + 1, d));
    }
    v->ends[v->lanes_n++] = buf_len(&v->inputs);
    return 0;
}

static int put_error(struct evaluation *v, int error, uint32_t lane)
{
    const char *name = eval_error_name(error);
    int by_line = v->task->inputs.len > 0;

    if (v->c->reply.error[0] == '\0') {
        v->c->reply.error = arena_text(&v->c->arena, name, strlen(name));
        if (v->c->reply.error == NULL) {
            v->c->reply.error = v->c->problem.what;
            return ERR_NOMEM;
        }
        v->c->reply.error_line = by_line ? v->done + lane + 1 : 0;
    }
    return by_line ? buf_putf(&v->c->out, "{\"error\": \"%s\"}\n", name) : 0;
}

static int apply(struct evaluation *v, uint32_t lane, struct buf *bytes,
                 uint64_t *left)
{
    struct val out;
    int code;

    if (v->columns != NULL) {
        return columns_answer(v->columns, lane, bytes, left);
    }
    code = eval_tuple(&v->e, v->unit, v->lanes[lane], v->task->fuel, &out);
    *left = v->e.fuel;
    return code == 0 ? eval_put(bytes, &out) : code;
}

/* Answers what was read so far. */
static int flush(struct evaluation *v)
{
    CLEANUP(buf_release) struct buf bytes;
    size_t from = 0;

    buf_init(&bytes, LIMIT_FRAME_BYTES / 4);
    for (uint32_t i = 0; i < v->lanes_n; i++) {
        v->lanes[i] = (struct ubytes){buf_bytes(&v->inputs).p + from,
                                      v->ends[i] - from};
        from = v->ends[i];
    }
    if (v->columns != NULL) {
        TRY(columns_batch(v->columns, v->lanes, v->lanes_n, v->task->fuel));
    }
    for (uint32_t i = 0; i < v->lanes_n; i++) {
        uint64_t left = 0;
        int code;

        buf_reset(&bytes);
        code = apply(v, i, &bytes, &left);
        v->c->reply.fuel += v->task->fuel - left;
        if (code > 0) {
            TRY(put_error(v, code, i));
            continue;
        }
        TRY(code);
        TRY(value_put_json(&v->c->out, buf_bytes(&bytes), &v->gives));
        if (v->task->inputs.len > 0) {
            TRY(buf_putf(&v->c->out, "\n"));
        }
    }
    v->done += v->lanes_n;
    v->lanes_n = 0;
    buf_reset(&v->inputs);
    return 0;
}

static int read_lines(struct evaluation *v, struct diag *d)
{
    struct ubytes left = {v->task->inputs.data, v->task->inputs.len};

    if (v->takes.n == 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "a parameter has a type that cannot be given here");
    }
    while (left.n > 0) {
        const uint8_t *end = memchr(left.p, '\n', left.n);
        size_t n = end != NULL ? (size_t)(end - left.p) : left.n;
        struct ubytes line = {left.p, n};

        TRY(read_json(v, line, &v->takes, "inputs: line",
                      v->done + v->lanes_n + 1, d));
        v->ends[v->lanes_n++] = buf_len(&v->inputs);
        n += end != NULL;
        left = (struct ubytes){left.p + n, left.n - n};
        if (v->lanes_n == COLUMNS_LANES) {
            TRY(flush(v));
        }
    }
    return 0;
}

static int choose_engine(struct evaluation *v, const struct document *doc,
                         const struct term *unit, struct diag *d)
{
    struct diag why;

    TRY(run_engine(v->dag, unit, doc->path, v->task->engine, &v->columns, &why,
                   d));
    v->c->reply.engine = v->columns != NULL
                             ? PROCTOR__CML_ENGINE__CML_ENGINE_COLUMNS
                             : PROCTOR__CML_ENGINE__CML_ENGINE_REFERENCE;
    if (why.code != 0) {
        v->c->reply.fallback =
            arena_text(&v->c->arena, why.what, strlen(why.what));
        return v->c->reply.fallback != NULL ? 0 : ERR_NOMEM;
    }
    return 0;
}

static int evaluate(struct evaluation *v, const struct document *doc,
                    const struct term *unit, struct diag *d)
{
    const struct cml_node *u = cml_dag_at(v->dag, v->unit);

    if (v->task->inputs.len == 0 &&
        u->fields[1].u.list.n != v->task->n_args) {
        return diag_set(
            d, ERR_INPUT, (struct loc){doc->path, unit->line, unit->col},
            "%s takes %u arguments, here are %zu", unit->name,
            u->fields[1].u.list.n, v->task->n_args);
    }
    if (shape_of_type(v->dag, cml_item(&u->fields[2], 0), &v->gives) < 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "a value of the unit's type cannot be shown");
    }
    if (shape_of_unit(v->dag, v->unit, &v->takes, &v->gives) < 0) {
        v->takes.n = 0;
    }
    TRY(choose_engine(v, doc, unit, d));
    TRY(v->task->inputs.len > 0 ? read_lines(v, d) : read_args(v, d));
    return flush(v);
}

int command_evaluate(struct command *c, const struct document *doc,
                     const struct term *unit, const Proctor__CmlTask *task,
                     struct diag *d)
{
    struct evaluation *v = calloc(1, sizeof(*v));
    int code;

    if (v == NULL) {
        return ERR_NOMEM;
    }
    v->c = c;
    v->dag = doc->dag;
    v->task = task;
    v->unit = unit->id;
    buf_init(&v->inputs, LIMIT_FRAME_BYTES);
    code = eval_init(&v->e, doc->dag, task->fuel);
    if (code == 0) {
        code = evaluate(v, doc, unit, d);
        eval_release(&v->e);
    }
    if (code == ERR_LIMIT && d->code == 0) {
        (void)diag_set(d, ERR_LIMIT,
                       (struct loc){doc->path, unit->line, unit->col},
                       "a value of %.40s is too large to be shown",
                       unit->name);
    }
    if (code == ERR_NOMEM) {
        (void)diag_set(d, ERR_LIMIT,
                       (struct loc){doc->path, unit->line, unit->col},
                       "%.40s needs more memory than a worker has: no answer",
                       unit->name);
    }
    columns_free(v->columns);
    buf_release(&v->inputs);
    free(v);
    return code;
}
