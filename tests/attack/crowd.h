/* Honest workers among hostile ones, through one engine: a small run is a test
 * (leaks.c), a large one a figure (tests/bench/bench_spawn.c). */
#ifndef TESTS_ATTACK_CROWD_H
#define TESTS_ATTACK_CROWD_H

#include <stddef.h>

#include "kernel/engine/engine.h"

#define CROWD_HOSTILE_AT_ONCE 4u

struct crowd {
    struct loop *loop; /* borrowed */
    struct engine *engine;
    unsigned hostiles; /* to run in all; 0 = the honest are alone */
    unsigned honest;   /* at least so many, and while hostile ones are left */
    double *us;        /* owned: of each honest one, asked for to answered */
    size_t us_max;
    /* Found. */
    size_t us_n;
    unsigned wrong; /* honest ones without their right answer */
    unsigned hostile_ended;
    unsigned hostile_left_; /* private */
    unsigned hostile_alive_;
    int honest_alive_;
    double started_us_;
};

/* Runs until both are through. 0 or -1 (loop or engine failed). */
int crowd_run(struct crowd *c);
/* The median of us; sorts it. */
double crowd_median(struct crowd *c);

#endif
