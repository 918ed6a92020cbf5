/* The only reader of clocks in the kernel (STYLE 34). */
#ifndef KERNEL_ENGINE_CLOCK_H
#define KERNEL_ENGINE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_ns(void);
/* Since 1970, UTC. */
uint64_t clock_wall_ns(void);

#endif
