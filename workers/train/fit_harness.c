/* The life of a fit as the numpy harness does it: memory, order of rows, epochs,
 * state. Runs in worker train.
 *
 * State, big-endian: u64 steps made, u32 epoch, u64 batches of the epoch, f64 sum
 * of their losses, f64 loss of the last step, u8 an epoch's end is still to be
 * said, two f64 claims; then the parameters, f64, little-endian: of each layer
 * weights (in, out) and bias, just as the harness's .npy files hold them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/harness.h"
#include "workers/train/mt19937.h"

#define HEAD_BYTES (8 + 4 + 8 + 8 + 8 + 1 + 2 * 8)
#define SMALL_BYTES 8192u /* this struct, a generator */

static const struct loc nowhere = {NULL, 0, 0};

static struct harness *harness_of(struct fit *f)
{
    return (struct harness *)f;
}

static const struct harness *harness_of_const(const struct fit *f)
{
    return (const struct harness *)f;
}

static void harness_close(struct fit *f)
{
    struct harness *h = harness_of(f);

    if (h == NULL) {
        return;
    }
    free(h->all);
    free(h->order);
    free(h);
}

static int harness_open(const struct fit_task *t, struct fit **out,
                        struct diag *d)
{
    struct harness *h = calloc(1, sizeof(*h));
    int code;

    *out = NULL;
    if (h == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    h->base.ops = &fit_harness;
    h->t = *t;
    code = harness_take_task(h, d);
    if (code != 0) {
        harness_close(&h->base);
        return ERR_TRACE(code);
    }
    *out = &h->base;
    return 0;
}

/* ---- Sizes and buffers ---- */

size_t harness_layer(const struct harness *h, uint32_t layer)
{
    size_t at = 0;

    for (uint32_t i = 0; i < layer; i++) {
        at += ((size_t)h->shape.sizes[i] + 1) * h->shape.sizes[i + 1];
    }
    return at;
}

uint32_t harness_outputs(const struct harness *h)
{
    return h->shape.sizes[h->shape.layers_n];
}

/* Room for n doubles at a line's start. */
static double *take(double *all, uint64_t *at, uint64_t n)
{
    double *p = all == NULL ? NULL : all + *at;

    *at += (n + 7) / 8 * 8;
    return p;
}

uint64_t harness_buffers(struct harness *h, double *all)
{
    const uint32_t *sizes = h->shape.sizes;
    uint64_t at = 0, widest = 0, largest = 0, longest = h->cap;

    for (uint32_t i = 0; i <= h->shape.layers_n; i++) {
        widest = sizes[i] > widest ? sizes[i] : widest;
    }
    for (uint32_t i = 0; i < h->shape.layers_n; i++) {
        uint64_t n = (uint64_t)sizes[i] * sizes[i + 1];

        largest = n > largest ? n : largest;
    }
    longest = widest > longest ? widest : longest;
    h->params = take(all, &at, h->n);
    h->grad = take(all, &at, largest);
    h->sums = take(all, &at, widest);
    h->targets = take(all, &at, h->cap * (uint64_t)harness_outputs(h));
    for (uint32_t i = 0; i <= h->shape.layers_n; i++) {
        h->a[i] = take(all, &at, h->cap * (uint64_t)sizes[i]);
    }
    h->d[0] = take(all, &at, h->cap * widest);
    if (h->kind == HARNESS_NET) {
        h->d[1] = take(all, &at, h->cap * widest);
        h->turned = take(all, &at, largest);
        h->panel = take(all, &at, longest * F64_ACROSS);
    } else if (h->kind == HARNESS_CLOSED) {
        h->gram = take(all, &at, harness_closed_doubles(sizes[0]));
    }
    return at;
}

static void harness_plan(const struct fit *f, struct fit_plan *out)
{
    struct harness h = *harness_of_const(f);

    memset(out, 0, sizeof(*out));
    out->parameters = h.n;
    out->outputs = harness_outputs(&h);
    out->steps = h.steps;
    out->steps_all = h.steps * h.t.recipe->epochs;
    out->memory_bytes = harness_buffers(&h, NULL) * sizeof(double) +
                        h.t.rows->n * sizeof(uint32_t) + SMALL_BYTES;
    out->state_bytes = HEAD_BYTES + h.n * sizeof(double);
    out->weights_bytes = h.n * sizeof(float) + h.shape.layers_n * 256 + 4096;
}

static int harness_start(struct fit *f, uint8_t *exchange, struct diag *d)
{
    struct harness *h = harness_of(f);
    uint64_t n = harness_buffers(h, NULL);

    (void)exchange;
    (void)d;
    h->all = aligned_alloc(64, n * sizeof(double));
    h->order = calloc(h->t.rows->n, sizeof(*h->order));
    if (h->all == NULL || h->order == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(h->all, 0, n * sizeof(double));
    (void)harness_buffers(h, h->all);
    if (h->kind == HARNESS_NET) {
        harness_net_first(h);
    } else {
        harness_linear_first(h);
    }
    return 0;
}

/* ---- Steps ---- */

/* Of an epoch, from 1: a fresh generator each. */
static void make_order(struct harness *h, uint64_t epoch)
{
    struct mt19937 m;

    for (uint64_t i = 0; i < h->t.rows->n; i++) {
        h->order[i] = (uint32_t)i;
    }
    mt19937_init(&m, (uint32_t)(((uint64_t)h->order_of + epoch) & INT32_MAX));
    mt19937_shuffle(&m, h->order, (size_t)h->t.rows->n);
}

void harness_take(struct harness *h, const uint32_t *order, size_t n)
{
    const struct rows *r = h->t.rows;
    uint32_t outputs = harness_outputs(h);
    int one_hot =
        h->shape.activations[h->shape.layers_n - 1] == ACTIVATION_SOFTMAX;

    rows_inputs_f64(r, order, n, h->a[0]);
    if (one_hot) {
        memset(h->targets, 0, n * outputs * sizeof(double));
    }
    for (size_t i = 0; i < n; i++) {
        if (one_hot) {
            h->targets[i * outputs + rows_class(r, order[i])] = 1;
        } else {
            h->targets[i] = r->kind == ROWS_CLASSIFICATION
                                ? (double)rows_class(r, order[i])
                                : rows_target(r, order[i]);
        }
    }
}

static const double *forward_rows(struct harness *h, const struct rows *r,
                                  uint64_t from, size_t n)
{
    struct rows part = rows_part(r, from, n);

    rows_inputs_f64(&part, NULL, n, h->a[0]);
    return harness_forward(h, n);
}

/* The harness's class of a row: the first greatest of the outputs, so 0 of one
 * (trap T4); the linear model's above a half. */
static uint32_t class_of(const struct harness *h, const double *p)
{
    uint32_t best = 0;

    if (h->kind != HARNESS_NET) {
        return p[0] > 0.5;
    }
    for (uint32_t c = 1; c < harness_outputs(h); c++) {
        best = p[c] > p[best] ? c : best;
    }
    return best;
}

static double accuracy(struct harness *h)
{
    const struct rows *r = h->t.rows;
    uint64_t right = 0;

    for (uint64_t from = 0; from < r->n; from += HARNESS_TILE) {
        size_t n =
            (size_t)(r->n - from < HARNESS_TILE ? r->n - from : HARNESS_TILE);
        const double *p = forward_rows(h, r, from, n);

        for (size_t i = 0; i < n; i++) {
            right += class_of(h, p + i * harness_outputs(h)) ==
                     rows_class(r, from + i);
        }
    }
    return (double)right / (double)r->n;
}

static double batch_step(struct harness *h, const uint32_t *order, size_t n)
{
    if (h->kind == HARNESS_CLOSED) {
        return harness_closed_step(h, order, n);
    }
    harness_take(h, order, n);
    return h->kind == HARNESS_NET ? harness_net_step(h, n)
                                  : harness_descent_step(h, n);
}

static void end_epoch(struct harness *h)
{
    h->claims[0] = h->loss / (double)h->steps;
    if (h->t.rows->kind == ROWS_CLASSIFICATION) {
        h->claims[1] = accuracy(h);
    }
    h->loss = 0;
    h->at = 0;
    h->has_ended = 1;
}

static int one_step(struct harness *h, struct diag *d)
{
    uint64_t from = h->at * h->t.recipe->batch, left = h->t.rows->n - from;
    size_t n = (size_t)(left < h->rows ? left : h->rows);
    uint32_t epoch = h->place.epoch + (h->at == 0);
    double loss;

    if (h->order_epoch != epoch) {
        make_order(h, epoch);
        h->order_epoch = epoch;
    }
    loss = batch_step(h, h->order + from, n);
    h->place.step++;
    h->place.epoch = epoch;
    h->place.loss = loss;
    h->place.rate = h->rate;
    if (!isfinite(loss)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "diverged at step %llu (epoch %u): the loss is %g, the "
                       "rate was %g",
                       (unsigned long long)h->place.step, epoch, loss, h->rate);
        diag_hint(d, "compat: harness descends at its own rate; leave compat "
                     "out for yours");
        return ERR_INPUT;
    }
    h->loss += loss;
    if (++h->at == h->steps) {
        end_epoch(h);
    }
    return 0;
}

static int harness_step(struct fit *f, enum fit_at *out, struct diag *d)
{
    struct harness *h = harness_of(f);

    if (h->has_ended) {
        h->has_ended = 0;
        *out = FIT_EPOCH;
        return 0;
    }
    if (h->at == 0 && h->place.epoch >= h->t.recipe->epochs) {
        *out = FIT_END;
        return 0;
    }
    *out = FIT_STEP;
    return one_step(h, d);
}

static void harness_place(const struct fit *f, struct fit_place *out)
{
    *out = harness_of_const(f)->place;
}

/* ---- What comes of it ---- */

static int harness_claims(struct fit *f, struct fit_claims *out)
{
    static const char *const names[] = {"loss", "accuracy"};
    const struct harness *h = harness_of_const(f);

    memset(out, 0, sizeof(*out));
    out->n = h->t.rows->kind == ROWS_CLASSIFICATION ? 2 : 1;
    for (size_t i = 0; i < out->n; i++) {
        memcpy(out->v[i].name, names[i], strlen(names[i]) + 1);
        out->v[i].value = h->claims[i];
    }
    return 0;
}

/* Nothing in the harness looks at it. */
static int harness_measured(struct fit *f, double value)
{
    (void)f;
    (void)value;
    return 0;
}

static int harness_save(struct fit *f, struct buf *out)
{
    const struct harness *h = harness_of_const(f);

    TRY(buf_put_u64(out, h->place.step));
    TRY(buf_put_u32(out, h->place.epoch));
    TRY(buf_put_u64(out, h->at));
    TRY(buf_put_f64(out, h->loss));
    TRY(buf_put_f64(out, h->place.loss));
    TRY(buf_put_u8(out, (uint8_t)h->has_ended));
    TRY(buf_put_f64(out, h->claims[0]));
    TRY(buf_put_f64(out, h->claims[1]));
    return buf_put(out, h->params, h->n * sizeof(double));
}

/* A place that a run of this recipe comes by. */
static int is_possible(const struct harness *h, const struct harness *s)
{
    uint64_t epochs = s->place.epoch - (s->at != 0);

    return s->at < h->steps && (s->at == 0 || s->place.epoch != 0) &&
           s->place.epoch <= h->t.recipe->epochs &&
           s->place.step == epochs * h->steps + s->at && isfinite(s->loss) &&
           (!s->has_ended || (s->at == 0 && s->place.epoch != 0));
}

static int harness_restore(struct fit *f, struct ubytes state, struct diag *d)
{
    struct harness *h = harness_of(f);
    struct harness s = {0};
    struct ubytes params;
    struct rd r;

    rd_init(&r, state);
    s.place.step = rd_u64(&r);
    s.place.epoch = rd_u32(&r);
    s.at = rd_u64(&r);
    s.loss = rd_f64(&r);
    s.place.loss = rd_f64(&r);
    s.has_ended = rd_u8(&r);
    s.claims[0] = rd_f64(&r);
    s.claims[1] = rd_f64(&r);
    params = rd_take(&r, h->n * sizeof(double));
    if (rd_end(&r) != 0 || s.has_ended > 1 || !is_possible(h, &s)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the checkpoint's state is damaged");
    }
    memcpy(h->params, params.p, params.n);
    for (size_t i = 0; i < h->n; i++) {
        if (!isfinite(h->params[i])) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "the checkpoint holds a weight that is %g",
                            h->params[i]);
        }
    }
    h->place = s.place;
    h->place.rate = s.place.step == 0 ? 0 : h->rate;
    h->at = s.at;
    h->loss = s.loss;
    h->has_ended = s.has_ended;
    memcpy(h->claims, s.claims, sizeof(h->claims));
    h->order_epoch = 0;
    return 0;
}

/* ---- Weights ---- */

static void writer_freep(struct gguf_writer **w)
{
    gguf_writer_free(*w);
}

static int write_floats(struct gguf_writer *w, const float *v, size_t n)
{
    return gguf_writer_data(
        w, (struct ubytes){(const uint8_t *)v, n * sizeof(*v)});
}

/* Weights (in, out) as a file has them: (out, in), in f32; then the bias. */
static int write_layer(const struct harness *h, uint32_t layer,
                       struct gguf_writer *w, float *row)
{
    size_t in = h->shape.sizes[layer], out = h->shape.sizes[layer + 1];
    const double *v = h->params + harness_layer(h, layer);

    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            row[i] = (float)v[i * out + o];
        }
        TRY(write_floats(w, row, in));
    }
    for (size_t o = 0; o < out; o++) {
        row[o] = (float)v[in * out + o];
    }
    return write_floats(w, row, out);
}

static int harness_weights(struct fit *f, uint64_t max_bytes, gguf_sink *sink,
                           void *ctx, uint64_t *out_bytes)
{
    const struct harness *h = harness_of_const(f);
    struct gguf_writer *w CLEANUP(writer_freep) = NULL;
    float *row CLEANUP(mem_freep) = NULL;

    row = calloc(MLP_WIDTH_MAX, sizeof(*row));
    if (row == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(gguf_writer_new(&w));
    mlp_file_pairs(w);
    mlp_shape_pairs(w, MLP_ALONE, &h->shape);
    mlp_shape_tensors(w, MLP_ALONE, &h->shape);
    *out_bytes = gguf_writer_bytes(w);
    if (*out_bytes > max_bytes) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(gguf_writer_begin(w, sink, ctx));
    for (uint32_t i = 0; i < h->shape.layers_n; i++) {
        TRY(write_layer(h, i, w, row));
    }
    return gguf_writer_end(w);
}

static int harness_predict(struct fit *f, const struct rows *r, uint64_t from,
                           size_t n, float *out)
{
    struct harness *h = harness_of(f);
    uint32_t outputs = harness_outputs(h);

    for (size_t i = 0; i < n; i += HARNESS_TILE) {
        size_t m = n - i < HARNESS_TILE ? n - i : HARNESS_TILE;
        const double *p = forward_rows(h, r, from + i, m);

        for (size_t k = 0; k < m * outputs; k++) {
            out[i * outputs + k] = (float)p[k];
        }
    }
    return 0;
}

const struct fit_ops fit_harness = {.name = "harness",
                                    .open = harness_open,
                                    .close = harness_close,
                                    .plan = harness_plan,
                                    .start = harness_start,
                                    .step = harness_step,
                                    .place = harness_place,
                                    .claims = harness_claims,
                                    .measured = harness_measured,
                                    .save = harness_save,
                                    .restore = harness_restore,
                                    .weights = harness_weights,
                                    .predict = harness_predict};
