/* Batches of values through a network. Runs in the model worker. Sees inputs,
 * never labels. */
#include "workers/model/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static const struct loc nowhere = {NULL, 0, 0};

static int is_f32(const struct type *t, size_t off)
{
    return t->b[off] == TYPE_FLOAT && t->b[off + 1] == 4;
}

static int check_takes(struct answerer *a, struct diag *d)
{
    uint32_t inputs = mlp_inputs(a->mlp);
    const struct type *t = &a->takes;
    uint32_t n = t->b[1];
    size_t off = 2;

    a->takes_list = n == 1 && t->b[2] == TYPE_LIST && is_f32(t, 3);
    if (a->takes_list) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!is_f32(t, off)) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "takes: a network takes f32s, or one list of f32");
        }
        off = type_skip(t, off);
    }
    if (n != inputs) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "takes has %u values, the network has %u inputs", n,
                        inputs);
    }
    return 0;
}

/* Can an integer type hold 0 .. max? */
static int int_holds(const struct type *t, uint32_t max)
{
    unsigned bits = (t->b[1] & 0x7fu) * 8;

    bits -= (t->b[1] & TYPE_UNSIGNED) == 0 ? 1u : 0u;
    return bits >= 32 || max >> bits == 0;
}

static int check_gives(const struct answerer *a, struct diag *d)
{
    const struct type *t = &a->gives;
    uint32_t outputs = mlp_outputs(a->mlp);
    int fits;

    switch (a->decide) {
    case DECIDE_THRESHOLD:
        fits = t->b[0] == TYPE_INT && outputs == 1;
        break;
    case DECIDE_ARGMAX:
        fits = t->b[0] == TYPE_INT && int_holds(t, outputs - 1);
        break;
    case DECIDE_RAW:
        fits = (is_f32(t, 0) && outputs == 1) ||
               (t->b[0] == TYPE_LIST && is_f32(t, 1));
        break;
    default:
        fits = 0;
    }
    if (!fits) {
        char text[48];
        int code;

        type_text(t, text, sizeof(text));
        code = diag_set(d, ERR_INPUT, nowhere,
                        "gives %s does not fit %u outputs, decide %u", text,
                        outputs, (unsigned)a->decide);
        diag_hint(d, "raw: f32 or [f32]; threshold: an integer and one output; "
                     "argmax: an integer that holds every index");
        return code;
    }
    return 0;
}

int answerer_init(struct answerer *a, struct mlp *mlp,
                  const Proctor__ModelTask *task, struct diag *d)
{
    struct ubytes takes = {task->takes.data, task->takes.len};
    struct ubytes gives = {task->gives.data, task->gives.len};

    memset(a, 0, sizeof(*a));
    a->mlp = mlp;
    a->decide = (enum decide)task->decide;
    if (type_decode(takes, &a->takes) != 0 || a->takes.b[0] != TYPE_TUPLE ||
        type_decode(gives, &a->gives) != 0) {
        return diag_set(d, ERR_INPUT, nowhere, "takes or gives is no type");
    }
    TRY(check_takes(a, d));
    return check_gives(a, d);
}

/* One input's floats into x; 0, or -1 when there are not as many. */
static int read_row(const struct answerer *a, struct ubytes v, float *x)
{
    uint32_t n = mlp_inputs(a->mlp);
    struct rd r;

    rd_init(&r, v);
    (void)rd_u8(&r); /* tuple, 1 or n */
    if (a->takes_list) {
        (void)rd_u32(&r);
        (void)rd_u8(&r);
    }
    if (rd_u32(&r) != n) {
        return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;

        (void)rd_u16(&r); /* float, width 4: checked with the type */
        bits = rd_u32(&r);
        memcpy(&x[i], &bits, sizeof(bits));
    }
    return rd_end(&r) == 0 ? 0 : -1;
}

static uint32_t decide_of(const struct answerer *a, const float *y)
{
    uint32_t best = 0;

    if (a->decide == DECIDE_THRESHOLD) {
        return y[0] >= 0.5f;
    }
    for (uint32_t i = 1; i < mlp_outputs(a->mlp); i++) {
        best = y[i] > y[best] ? i : best;
    }
    return best;
}

static int put_answer(const struct answerer *a, const float *y, struct buf *b)
{
    buf_reset(b);
    if (a->decide != DECIDE_RAW) {
        return value_put_int(b, &a->gives, decide_of(a, y));
    }
    if (a->gives.b[0] == TYPE_FLOAT) {
        return value_put_f32(b, y[0]);
    }
    TRY(value_put_list(b, mlp_outputs(a->mlp)));
    for (uint32_t i = 0; i < mlp_outputs(a->mlp); i++) {
        TRY(value_put_f32(b, y[i]));
    }
    return 0;
}

static void stop(struct answers *out, Proctor__Ending ending, uint32_t i,
                 const char *what)
{
    out->ending = ending;
    (void)snprintf(out->text, sizeof(out->text), "proctor: input %u: %s\n", i,
                   what);
}

/* Adds the answers of rows first .. first + rows - 1; stops at the first that
 * is not finite or does not fit. */
static int add_answers(const struct answerer *a, const float *y, uint32_t first,
                       uint32_t rows, struct buf *b, struct answers *out)
{
    uint32_t n = mlp_outputs(a->mlp);

    for (uint32_t i = 0; i < rows; i++) {
        int code;

        for (uint32_t j = 0; j < n; j++) {
            if (!isfinite(y[i * n + j])) {
                stop(out, PROCTOR__ENDING__ENDING_NONFINITE, first + i,
                     "an output is not finite");
                return 0;
            }
        }
        code = put_answer(a, y + (size_t)i * n, b);
        if (code == 0) {
            code = values_builder_add(&out->outputs, buf_bytes(b));
        }
        if (code == ERR_LIMIT) {
            stop(out, PROCTOR__ENDING__ENDING_FLOOD, first + i,
                 "the answers pass the limit of a batch");
            return 0;
        }
        TRY(code);
    }
    return 0;
}

static int answer_tiles(const struct answerer *a, const struct values *inputs,
                        float *x, float *y, struct buf *b, struct answers *out)
{
    uint32_t n = values_n(inputs);
    uint32_t done = 0;

    while (done < n && out->ending == PROCTOR__ENDING__ENDING_OK) {
        uint32_t rows = 0;
        int whole = 1;

        while (rows < MLP_TILE_ROWS && done + rows < n && whole) {
            whole = read_row(a, values_at(inputs, done + rows),
                             x + (size_t)rows * mlp_inputs(a->mlp)) == 0;
            rows += whole ? 1u : 0u;
        }
        mlp_forward(a->mlp, x, rows, y);
        TRY(add_answers(a, y, done, rows, b, out));
        done += rows;
        if (!whole && out->ending == PROCTOR__ENDING__ENDING_OK) {
            stop(out, PROCTOR__ENDING__ENDING_MALFORMED, done,
                 "another length than the network's input");
        }
    }
    return 0;
}

int answer_batch(const struct answerer *a, const struct values *inputs,
                 struct answers *out)
{
    float *x CLEANUP(mem_freep) = NULL;
    float *y CLEANUP(mem_freep) = NULL;
    struct buf b CLEANUP(buf_release);

    buf_init(&b, LIMIT_VALUE_BYTES);
    memset(out, 0, sizeof(*out));
    TRY(values_builder_init(&out->outputs, LIMIT_BATCH_BYTES));
    x = calloc((size_t)MLP_TILE_ROWS * mlp_inputs(a->mlp), sizeof(*x));
    y = calloc((size_t)MLP_TILE_ROWS * mlp_outputs(a->mlp), sizeof(*y));
    if (x == NULL || y == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return answer_tiles(a, inputs, x, y, &b, out);
}

void answers_release(struct answers *out)
{
    values_builder_release(&out->outputs);
}
