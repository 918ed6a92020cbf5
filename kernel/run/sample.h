/* A few small values of any type: what a candidate is first asked, to see that it
 * answers at all. They prove nothing. Pure. */
#ifndef KERNEL_RUN_SAMPLE_H
#define KERNEL_RUN_SAMPLE_H

#include "proto/value.h"

#define SAMPLE_VARIANTS 3

/* Appends the value: variant 0 zero or empty, 1 one or of one element, 2 two or,
 * of lists, one element of variant 2. */
int sample_value(const struct type *t, unsigned variant, struct buf *out)
    MUST_USE;

#endif
