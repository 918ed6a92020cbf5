/* Which lanes of a worker take part in its next quantum. Weighted fair queueing:
 * a turn costs a lane 1/weight of virtual time, and who has the least goes first.
 * A lane that comes begins one turn behind those that wait, so that no stream of
 * arrivals can hold them up; none is ever further ahead of them than two turns.
 * Pure.
 *
 * Bound (tests/unit/run/test_fair.c): with at most N lanes present at once and
 * weights up to W, a lane of weight w that is ready has its turn after at most
 * 2 N (2 ceil(W/w) + 2) others, whatever arrives, leaves and claims deadlines. */
#ifndef KERNEL_RUN_FAIR_H
#define KERNEL_RUN_FAIR_H

#include "proto/base.h"

enum { FAIR_WEIGHT_MAX = 10, FAIR_UNIT = 2520 /* 1..10 divide it */ };

struct fair { /* of one worker */
    uint64_t now_;   /* least virtual time that was ready at the last pick */
    uint64_t order_; /* lanes that came so far */
    int was_urgent_; /* the last turn's one seat went by deadline */
};

struct fair_lane {
    uint64_t time_;
    uint64_t order_;
    unsigned weight_;
    /* The caller's, before each fair_pick. */
    int is_ready;
    uint64_t slack; /* passes it can still wait and be done by its deadline;
                       UINT64_MAX: it has none, or has missed it */
};

void fair_join(struct fair *f, struct fair_lane *l, unsigned priority);
/* At most `seats` of the ready ones into out, in the order of their claim; each is
 * charged a turn. A deadline with slack up to `near` goes before virtual time, but
 * not for the first of several seats, nor for an only seat twice in a row. Returns
 * how many. O(n seats). */
size_t fair_pick(struct fair *f, struct fair_lane *const *lanes, size_t n,
                 size_t seats, uint64_t near, struct fair_lane **out);

#endif
