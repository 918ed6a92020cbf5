/* All batteries, those that take longest first. Tests only. */
#include "tests/battery/battery.h"

extern const struct battery battery_park, battery_rollback, battery_speculate,
    battery_lanes, battery_quanta, battery_resume, battery_interrupt,
    battery_trap_plane, battery_injector, battery_routes, battery_experts,
    battery_mask, battery_rng, battery_entropy, battery_facts;

const struct battery *const batteries[] = {
    &battery_park,      &battery_rollback,
    &battery_speculate, &battery_lanes,
    &battery_quanta,    &battery_resume,
    &battery_interrupt, &battery_trap_plane,
    &battery_injector,  &battery_routes,
    &battery_experts,   &battery_mask,
    &battery_rng,       &battery_entropy,
    &battery_facts,     NULL,
};
