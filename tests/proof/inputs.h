/* The questions that are put to a filter: every call number, with arguments at
 * and around every value that the written table names. For tests. */
#ifndef TESTS_PROOF_INPUTS_H
#define TESTS_PROOF_INPUTS_H

#include "tests/proof/table.h"

/* Numbers asked about: 0..INPUTS_CALLS-1, each also as x32 and with the sign bit,
 * -1..-INPUTS_CALLS, and the ends of the range; each with four architectures. */
#define INPUTS_CALLS 2048

typedef void inputs_fn(void *ctx, const struct seccomp_data *d);

/* Calls fn with each. zygote: rules of its own count as well. */
void inputs_each(const struct table *t, int zygote, inputs_fn *fn, void *ctx);

/* The arguments for one number, native architecture. */
void inputs_of_call(const struct table *t, int zygote, int nr, inputs_fn *fn,
                    void *ctx);

#endif
