/* The only reader of clocks in the store: records carry times, nothing decides
 * by them. */
#ifndef KERNEL_STORE_STORE_CLOCK_H
#define KERNEL_STORE_STORE_CLOCK_H

#include <stdint.h>

uint64_t store_clock_wall_ns(void); /* since 1970, UTC */
uint64_t store_clock_mono_ns(void); /* from some start, never backwards */

#endif
