/* Reads clocks. Runs in the kernel. */
#include "kernel/engine/clock.h"

#include <time.h>

#include "proto/base.h"

uint64_t clock_mono_ms(void)
{
    struct timespec t;

    ASSERT(clock_gettime(CLOCK_MONOTONIC, &t) == 0 && t.tv_sec >= 0);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}
