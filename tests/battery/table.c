/* All batteries, those that take longest first. Tests only. */
#include "tests/battery/battery.h"

extern const struct battery battery_park, battery_rollback, battery_lanes,
    battery_interrupt, battery_trap_plane, battery_routes, battery_experts,
    battery_entropy;

const struct battery *const batteries[] = {
    &battery_park,      &battery_rollback,   &battery_lanes,
    &battery_interrupt, &battery_routes,     &battery_experts,
    &battery_entropy,   &battery_trap_plane, NULL,
};
