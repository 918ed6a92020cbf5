/* What the usual fit goes on from. Must never let a state change the sizes that
 * start allocated. Runs in worker-train.
 *
 * Bytes, big-endian: u32 length and the small state (steps made, epoch, loss and
 * rate of the last step and its gradient's norm as f64, whether an epoch ends, whether all does; loss, count
 * and right of the epoch so far; plateau; u32 length and engine; handlers, if there are some); then
 * f32, little-endian: weights, their average if there is one; then the optimizer's. */
#include <string.h>

#include "proto/err.h"
#include "workers/train/standard.h"
#include "workers/train/state.h"

#define SMALL_STATE_BYTES                                                      \
    (4 + 8 + 4 + 3 * 8 + 2 + 3 * 8 + SCHEDULE_STATE_BYTES + 4 +                \
     ENGINE_STATE_BYTES_MAX + HANDLERS_STATE_BYTES)

static uint64_t floats_bytes(const struct standard *s)
{
    return s->n * (s->t.recipe->ema > 0 ? 2 : 1) * sizeof(float);
}

uint64_t standard_state_bytes(const struct standard *s)
{
    return SMALL_STATE_BYTES + floats_bytes(s) +
           optimizer_state_bytes(s->t.recipe->optimizer, s->n);
}

/* u32 length before what follows start + 4. */
static void close_length(struct buf *out, size_t start)
{
    buf_patch_u32(out, start, (uint32_t)(buf_len(out) - start - 4));
}

static int put_place(const struct standard *s, struct buf *out)
{
    TRY(buf_put_u64(out, s->place.step));
    TRY(buf_put_u32(out, s->place.epoch));
    TRY(buf_put_f64(out, s->place.loss));
    TRY(buf_put_f64(out, s->place.rate));
    TRY(buf_put_f64(out, s->grad_norm));
    TRY(buf_put_u8(out, (uint8_t)s->at_epoch));
    TRY(buf_put_u8(out, s->over != 0));
    TRY(buf_put_f64(out, s->epoch.loss));
    TRY(buf_put_u64(out, s->epoch.count));
    TRY(buf_put_u64(out, s->epoch.right));
    return 0;
}

int standard_rest(const struct standard *s, struct buf *out)
{
    size_t start = buf_len(out);
    size_t engine;

    TRY(buf_put_u32(out, 0));
    TRY(put_place(s, out));
    TRY(schedule_save(&s->plateau, out));
    engine = buf_len(out);
    TRY(buf_put_u32(out, 0));
    TRY(engine_save(s->engine, out));
    close_length(out, engine);
    if (s->handlers != NULL) {
        TRY(handlers_save(s->handlers, out));
    }
    close_length(out, start);
    return 0;
}

int standard_save(struct fit *f, struct buf *out)
{
    const struct standard *s = standard_of_const(f);

    if (s->pending) { /* several workers: as before the step under way */
        TRY(buf_put(out, buf_bytes(&s->rest).p, buf_len(&s->rest)));
    } else {
        TRY(standard_rest(s, out));
    }
    TRY(buf_put(out, s->params, floats_bytes(s)));
    return optimizer_save(s->optimizer, out);
}

static int restore_small(struct standard *s, struct ubytes in, struct diag *d)
{
    struct ubytes plateau;
    struct ubytes engine;
    unsigned at;
    unsigned over;
    struct rd r;

    rd_init(&r, in);
    s->place.step = rd_u64(&r);
    s->place.epoch = rd_u32(&r);
    s->place.loss = rd_f64(&r);
    s->place.rate = rd_f64(&r);
    s->grad_norm = rd_f64(&r);
    at = rd_u8(&r);
    over = rd_u8(&r);
    s->epoch.loss = rd_f64(&r);
    s->epoch.count = rd_u64(&r);
    s->epoch.right = rd_u64(&r);
    plateau = rd_take(&r, SCHEDULE_STATE_BYTES);
    engine = rd_bytes32(&r);
    if (rd_is_bad(&r) || at >= EPOCH_N || over > 1 ||
        schedule_load(&s->plateau, plateau) != 0) {
        return state_is_damaged(d);
    }
    s->at_epoch = (enum standard_epoch)at;
    s->over = (int)over;
    if (engine_load(s->engine, engine, d) != 0 ||
        (s->handlers != NULL && handlers_load(s->handlers, &r) != 0) ||
        rd_end(&r) != 0) {
        return state_is_damaged(d);
    }
    return 0;
}

/* The engine counts what place says, within the plan. */
static int fits_plan(const struct standard *s)
{
    const struct engine_state *e = engine_state(s->engine);

    return e->iteration == s->place.step && e->iteration <= s->cut.steps_all &&
           e->epoch_iteration <= s->cut.steps &&
           (s->at_epoch == EPOCH_RUNS || s->epoch.count > 0);
}

int standard_restore(struct fit *f, struct ubytes state, struct diag *d)
{
    struct standard *s = standard_of(f);
    struct ubytes small;
    struct ubytes floats;
    struct rd r;

    rd_init(&r, state);
    small = rd_bytes32(&r);
    floats = rd_take(&r, floats_bytes(s));
    if (rd_is_bad(&r)) {
        return state_is_damaged(d);
    }
    TRY(restore_small(s, small, d));
    if (!fits_plan(s) ||
        optimizer_load(s->optimizer, rd_take(&r, rd_left(&r))) != 0) {
        return state_is_damaged(d);
    }
    memcpy(s->params, floats.p, floats.n);
    return s->ops->set(s->learner, s->params) == 0 ? 0 : state_is_damaged(d);
}
