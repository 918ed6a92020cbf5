/* How epochs are cut into steps and steps into micro-batches, and how their
 * gradients come together. Must never let the number of workers decide a bit. Runs
 * in worker-train. */
#include <string.h>

#include "proto/err.h"
#include "workers/train/standard.h"

static const struct loc nowhere = {NULL, 0, 0};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t at_least_1(uint64_t v)
{
    return v == 0 ? 1 : v;
}

static int check_cut(const Proctor__Recipe *r, struct diag *d)
{
    if (r->batch == 0) {
        (void)diag_set(d, ERR_INPUT, nowhere, "batch is 0 rows");
        diag_hint(d, "batch: 64, or as many as there are rows");
        return ERR_INPUT;
    }
    if (r->epochs == 0 && r->steps == 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "neither epochs nor steps say how long to train");
    }
    if (at_least_1(r->micro_batches) * at_least_1(r->accumulate) > MICRO_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "%u micro-batches of %u batches: at most %u a step",
                        r->micro_batches, r->accumulate, MICRO_MAX);
    }
    return 0;
}

int cut_open(const Proctor__Recipe *r, uint64_t rows, struct cut *out,
             struct diag *d)
{
    struct cut *c = out;
    uint64_t of_step;

    TRY(check_cut(r, d));
    c->rows = rows;
    c->batch = least(r->batch, rows);
    c->micro = (uint32_t)least(at_least_1(r->micro_batches), c->batch);
    c->accumulate = (uint32_t)at_least_1(r->accumulate);
    c->rows_max = (size_t)((c->batch + c->micro - 1) / c->micro);
    of_step = c->batch * c->accumulate; /* < 2^32 * 2^16 */
    c->steps = (rows + of_step - 1) / of_step;
    c->steps_all = r->epochs == 0 ? r->steps : r->epochs * c->steps;
    if (r->steps != 0) {
        c->steps_all = least(c->steps_all, r->steps);
    }
    c->epochs = (c->steps_all + c->steps - 1) / c->steps;
    if (c->epochs > UINT32_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere, "%llu epochs: at most %u",
                        (unsigned long long)c->epochs, UINT32_MAX);
    }
    return 0;
}

/* Rows and pieces of batch b of a step; 0 rows: there is none. */
static uint64_t batch_rows(const struct cut *c, uint64_t step, uint32_t b)
{
    uint64_t from = (step * c->accumulate + b) * c->batch;

    return from >= c->rows ? 0 : least(c->batch, c->rows - from);
}

uint32_t cut_micro_n(const struct cut *c, uint64_t step)
{
    uint32_t n = 0;

    for (uint32_t b = 0; b < c->accumulate; b++) {
        uint64_t rows = batch_rows(c, step, b);

        if (rows == 0) {
            break;
        }
        n += (uint32_t)least(c->micro, rows);
    }
    return n;
}

/* Only the last batch may be cut into fewer pieces. */
struct micro cut_micro(const struct cut *c, uint64_t step, uint32_t i)
{
    uint32_t b = i / c->micro;
    uint64_t rows = batch_rows(c, step, b);
    uint64_t pieces = least(c->micro, rows);
    uint64_t from = i % c->micro * rows / pieces;
    uint64_t to = (i % c->micro + 1) * rows / pieces;

    return (struct micro){(step * c->accumulate + b) * c->batch + from,
                          (size_t)(to - from)};
}

/* ---- The exchange ---- */

struct slot {
    uint64_t step; /* from 1 */
    uint64_t now_ns;
    struct loss_sum sum;
};
_Static_assert(sizeof(struct slot) <= SLOT_HEAD_BYTES, "fits its place");

static uint64_t slot_bytes(const struct standard *s)
{
    return SLOT_HEAD_BYTES + (s->n * sizeof(float) + 63) / 64 * 64;
}

static uint64_t set_bytes(const struct standard *s)
{
    return slot_bytes(s) * s->cut.micro * s->cut.accumulate;
}

uint64_t exchange_bytes(const struct standard *s)
{
    return s->t.workers == 1 ? 0 : 2 * set_bytes(s);
}

static uint8_t *slot_at(const struct standard *s, uint32_t i)
{
    return s->exchange + s->place.step % 2 * set_bytes(s) + i * slot_bytes(s);
}

static uint64_t step_of_epoch(const struct standard *s)
{
    return engine_state(s->engine)->epoch_iteration - 1;
}

static int gradient(struct standard *s, uint32_t i, float *grad,
                    struct loss_sum *sum)
{
    struct micro m = cut_micro(&s->cut, step_of_epoch(s), i);

    return s->ops->gradient(s->learner, s->t.rows, s->order + m.from, m.n,
                            s->place.step, i, grad, sum);
}

/* One worker: straight into the tree. */
static int gradients_alone(struct standard *s)
{
    uint32_t n = cut_micro_n(&s->cut, step_of_epoch(s));

    tree_reset(&s->tree);
    for (uint32_t i = 0; i < n; i++) {
        struct loss_sum sum = {0};

        TRY(gradient(s, i, tree_leaf(&s->tree), &sum));
        tree_add(&s->tree);
        s->step.loss += sum.loss;
        s->step.count += sum.count;
        s->step.right += sum.right;
    }
    s->grad = tree_sum(&s->tree);
    return 0;
}

int micro_gradients(struct standard *s)
{
    uint32_t n = cut_micro_n(&s->cut, step_of_epoch(s));

    s->step = (struct loss_sum){0};
    if (s->t.workers == 1) {
        return gradients_alone(s);
    }
    for (uint32_t i = s->t.worker; i < n; i += s->t.workers) {
        struct slot head = {.step = s->place.step + 1, .now_ns = s->clock_ns};
        uint8_t *slot = slot_at(s, i);

        TRY(gradient(s, i, (float *)(void *)(slot + SLOT_HEAD_BYTES),
                     &head.sum));
        memcpy(slot, &head, sizeof(head));
    }
    return 0;
}

/* All sums, and the first worker's clock, which all keep. */
static int reduce_heads(struct standard *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct slot head;

        memcpy(&head, slot_at(s, i), sizeof(head));
        if (head.step != s->place.step + 1) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        s->step.loss += head.sum.loss;
        s->step.count += head.sum.count;
        s->step.right += head.sum.right;
        s->now_ns = i == 0 ? head.now_ns : s->now_ns;
    }
    return 0;
}

int micro_reduce(struct standard *s)
{
    uint32_t n = cut_micro_n(&s->cut, step_of_epoch(s));

    if (s->t.workers == 1) {
        return 0;
    }
    TRY(reduce_heads(s, n));
    for (size_t from = 0; from < s->n; from += s->tree.width) {
        size_t width = least(s->tree.width, s->n - from);

        tree_reset(&s->tree);
        for (uint32_t i = 0; i < n; i++) {
            const uint8_t *g =
                slot_at(s, i) + SLOT_HEAD_BYTES + from * sizeof(float);

            memcpy(tree_leaf(&s->tree), g, width * sizeof(float));
            tree_add(&s->tree);
        }
        memcpy(s->grad + from, tree_sum(&s->tree), width * sizeof(float));
    }
    return 0;
}
