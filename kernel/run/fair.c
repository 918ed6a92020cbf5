/* Weighted turns by virtual time, and deadlines between them. Compares and adds;
 * no clock, no memory. Kernel process. */
#include "kernel/run/fair.h"

void fair_join(struct fair *f, struct fair_lane *l, unsigned priority)
{
    l->weight_ = priority >= FAIR_WEIGHT_MAX ? FAIR_WEIGHT_MAX : priority + 1;
    l->time_ = f->now_ + FAIR_UNIT / l->weight_;
    l->order_ = f->order_++;
}

/* near 0: by virtual time alone. Equal ones go as they came. */
static int goes_before(const struct fair_lane *a, const struct fair_lane *b,
                       uint64_t near)
{
    int urgent = near > 0 && a->slack <= near;

    if (urgent != (near > 0 && b->slack <= near)) {
        return urgent;
    }
    if (urgent && a->slack != b->slack) {
        return a->slack < b->slack;
    }
    return a->time_ != b->time_ ? a->time_ < b->time_ : a->order_ < b->order_;
}

/* The first of the ready ones that are not among taken. */
static struct fair_lane *find_next(struct fair_lane *const *lanes, size_t n,
                                   uint64_t near, struct fair_lane *const *taken,
                                   size_t taken_n)
{
    struct fair_lane *best = NULL;

    for (size_t i = 0; i < n; i++) {
        int is_free = lanes[i]->is_ready;

        for (size_t k = 0; k < taken_n; k++) {
            is_free &= taken[k] != lanes[i];
        }
        if (is_free && (best == NULL || goes_before(lanes[i], best, near))) {
            best = lanes[i];
        }
    }
    return best;
}

size_t fair_pick(struct fair *f, struct fair_lane *const *lanes, size_t n,
                 size_t seats, uint64_t near, struct fair_lane **out)
{
    const struct fair_lane *least = find_next(lanes, n, 0, NULL, 0);
    size_t taken = 0;
    int may_hurry = seats == 1 && !f->was_urgent_;

    if (least != NULL && least->time_ > f->now_) {
        f->now_ = least->time_;
    }
    while (taken < seats) {
        out[taken] = find_next(lanes, n, taken > 0 || may_hurry ? near : 0, out,
                               taken);
        if (out[taken] == NULL) {
            break;
        }
        taken++;
    }
    f->was_urgent_ = may_hurry && taken > 0 && out[0] != least;
    for (size_t i = 0; i < taken; i++) {
        uint64_t turn = FAIR_UNIT / out[i]->weight_;
        uint64_t most = f->now_ + 2 * turn;

        out[i]->time_ = out[i]->time_ + turn < most ? out[i]->time_ + turn : most;
    }
    return taken;
}
