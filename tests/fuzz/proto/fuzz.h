/* What the harnesses share: a failed property stops the fuzzer. */
#ifndef TESTS_FUZZ_PROTO_FUZZ_H
#define TESTS_FUZZ_PROTO_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ASSERT(condition)

static inline int same_bytes(struct ubytes a, struct ubytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
