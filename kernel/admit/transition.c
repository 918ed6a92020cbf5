/* Transitions of tasks. Kernel process; constant data. */
#include "kernel/admit/transition.h"

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

int transition_next(unsigned state, unsigned event)
{
    if (state >= STATE_N_ || event >= EVENT_N_) {
        return TRANSITION_REFUSED;
    }
    return (int)moves[state][event] - 1;
}
