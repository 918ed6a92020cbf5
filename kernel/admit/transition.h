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

const char *event_name(enum task_event e); /* "unknown" if none */

enum {
    TRANSITION_REFUSED = -1
};
/* The next state, or TRANSITION_REFUSED (also for numbers that are no state or
 * no event). Every pair is defined. */
int transition_next(unsigned state, unsigned event);

/* A task at rest changes only by repair (FAILED) or commit (PASSED). */
int state_is_rest(unsigned state);

#endif
