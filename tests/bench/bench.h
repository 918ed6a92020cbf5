/* What benchmarks share: clocks, and giving up. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double clock_ns(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline double now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static inline double now_ms(void)
{
    return now_ns() / 1e6;
}

/* Of this process. */
static inline double cpu_ms(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e6;
}

/* Ends the program with what failed, unless is. */
static inline void need(int is, const char *what)
{
    if (!is) {
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
        exit(1);
    }
}

#endif
