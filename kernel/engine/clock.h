/* The only reader of clocks in the kernel (STYLE 34). */
#ifndef KERNEL_ENGINE_CLOCK_H
#define KERNEL_ENGINE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void);

#endif
