/* The transition table of tasks as data (transition.def). Whoever changes a
 * task's state asks here first; a refused event changes nothing. */
#ifndef KERNEL_ADMIT_TRANSITION_H
#define KERNEL_ADMIT_TRANSITION_H

#include "proto/record.h"

enum task_event {
#define EVENT(id, name, what) EVENT_##id,
#define MOVE(state, event, next)
#include "proto/transition.def"
#undef EVENT
#undef MOVE
    EVENT_N_
};

enum {
    TRANSITION_REFUSED = -1
};
/* The next state, or TRANSITION_REFUSED (also for numbers that are no state or
 * no event). Every pair is defined. */
int transition_next(unsigned state, unsigned event);

#endif
