/* See store_clock.h. Kernel process. */
#include "kernel/store/store_clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts = {0, 0};

    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t store_clock_wall_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

uint64_t store_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}
