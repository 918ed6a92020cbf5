/* The rate over time. Each part of a schedule gives a share of the optimizer's
 * rate at t, counted from the part's `from` in steps or (per_epoch) epochs, both
 * from 0; the last part whose `from` is not over t counts. The kinds:
 *
 *   constant     factor (0: 1)
 *   step         factor^floor(t / size)
 *   multi_step   factor^(how many of `at` are <= t)
 *   exponential  factor^t
 *   cosine       least + (1 - least) (1 + cos(pi t / size)) / 2; from t = size on
 *                least, or with a factor >= 1 it starts anew, each period by that
 *                factor longer (rounded up)
 *   linear       from start to factor (0: 1) over size, then constant: a warm-up
 *   polynomial   least + (1 - least) (1 - t / size)^power (0: 1), then least
 *   one_cycle    from start (0: 1/25) to 1 over the first 3/10 of size, then to
 *                least, both by half a cosine; then least
 *   plateau      times factor (0: 0.1) after more than `patience` measurements in
 *                a row that were not better than the best by the share
 *                `threshold` (0: 1e-4); then `cooldown` measurements do not
 *                count; never below least
 * Powers are products, cosines those of math_impl.h: no libm. Pure but for the
 * plateau's state. Worker train only. */
#ifndef WORKERS_TRAIN_SCHEDULE_H
#define WORKERS_TRAIN_SCHEDULE_H

#include "proto/buf.h"
#include "proto/diag.h"

#include "train.pb-c.h"

#define SCHEDULE_STATE_BYTES 33u

struct plateau {
    double best;
    double share; /* of the rate */
    uint64_t bad; /* measurements in a row */
    uint64_t cool;
    uint8_t has_best;
};

void plateau_init(struct plateau *p);

/* spec NULL: constant. 0, or ERR_INPUT with ${d} set. */
int schedule_check(const Proctor__ScheduleSpec *spec, struct diag *d) MUST_USE;
/* Of a spec that was checked. step and epoch from 0. */
double schedule_rate(const Proctor__ScheduleSpec *spec, double base,
                     uint64_t step, uint64_t epoch, const struct plateau *p);
/* A measurement at the end of an epoch; counts when a plateau rules there.
 * lower: a lower value is better. NaN is not better. */
void schedule_measured(const Proctor__ScheduleSpec *spec, uint64_t step,
                       uint64_t epoch, double value, int lower,
                       struct plateau *p);

/* SCHEDULE_STATE_BYTES. schedule_load: 0, or ERR_INPUT and p is as it was. */
int schedule_save(const struct plateau *p, struct buf *out) MUST_USE;
int schedule_load(struct plateau *p, struct ubytes state) MUST_USE;

#endif
