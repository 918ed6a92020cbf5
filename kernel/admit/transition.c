/* Transitions of tasks. Kernel process; constant data. */
#include "kernel/admit/transition.h"

static const char *const event_names[EVENT_N_] = {
#define EVENT(id, name, what) name,
#define MOVE(state, event, next)
#include "proto/transition.def"
#undef EVENT
#undef MOVE
};

/* Next state plus one; 0 = refused. */
static const uint8_t moves[STATE_N_][EVENT_N_] = {
#define EVENT(id, name, what)
#define MOVE(state, event, next)                                               \
    [STATE_##state][EVENT_##event] = STATE_##next + 1,
#include "proto/transition.def"
#undef EVENT
#undef MOVE
};

_Static_assert(STATE_N_ < UINT8_MAX, "a state plus one fits the table");

const char *event_name(enum task_event e)
{
    return (unsigned)e < EVENT_N_ ? event_names[e] : "unknown";
}

int transition_next(unsigned state, unsigned event)
{
    if (state >= STATE_N_ || event >= EVENT_N_) {
        return TRANSITION_REFUSED;
    }
    return (int)moves[state][event] - 1;
}

int state_is_rest(unsigned state)
{
    return state == STATE_PASSED || state == STATE_FAILED ||
           state == STATE_ABORTED || state == STATE_COMMITTED;
}
