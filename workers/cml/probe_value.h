/* Members of a domain: made at random or from constants, and changed a little.
 * Runs in the `cml` worker. */
#ifndef WORKERS_CML_PROBE_VALUE_H
#define WORKERS_CML_PROBE_VALUE_H

#include "proto/node.h"
#include "workers/cml/literals.h"

enum probe_change {
    PROBE_MOVE,    /* by `by`: a number's key, a symbol's index, a length */
    PROBE_FLIP,    /* bit `by` of a number's key */
    PROBE_LITERAL, /* constant `by` of its kind in place of it */
    PROBE_RANDOM,  /* drawn again */
    PROBE_CHANGES
};

struct probe_values {
    struct ubytes domain; /* checked */
    struct type type;     /* of its values */
    const struct literals *literals;
    uint64_t state; /* of random numbers: splitmix64 */
};

uint64_t probe_random(struct probe_values *p);
uint32_t probe_below(struct probe_values *p, uint32_t n);
/* A member. round < 0: anything; else constants from the round-th on, where they
 * fit. 0, ERR_NOT_FOUND (the domain has none that can be made), ERR_NOMEM,
 * ERR_LIMIT. */
int probe_make(struct probe_values *p, int64_t round, struct buf *out) MUST_USE;
/* Places of a value that can be changed: numbers, bools, choices; of texts and
 * lists the length and each of the first symbols. */
uint32_t probe_places(const struct probe_values *p, struct ubytes value);
/* The value with one place changed. ERR_NOT_FOUND: that is no member, or no
 * change. */
int probe_change(struct probe_values *p, struct ubytes value, uint32_t place,
                 enum probe_change how, int64_t by, struct buf *out) MUST_USE;

#endif
