/* How the driver tells the hostile image in which way to be weak: by bits 12 to 24
 * of its memory limit, which are zero for ordinary workers. 0 = be strong; below
 * WEAKEN_SHIM a number of weaken.def; above it a call to fail or to leave out. */
#ifndef TESTS_ATTACK_WEAKEN_H
#define TESTS_ATTACK_WEAKEN_H

#include <errno.h>
#include <stdint.h>

#define WEAKEN_BASE_BYTES (1ull << 30)
#define WEAKEN_SHIM 64u
#define WEAKEN_CALLS 1024u /* more than a worker makes */

/* The n-th call (1 = first) of a worker's narrowing fails with error number i of
 * weaken_errors; 0 = is left out. n = 0: all are made, and counted. */
#define WEAKEN_CALL(i, n) (WEAKEN_SHIM + (i)*WEAKEN_CALLS + (n))

static const int weaken_errors[] = {0, EPERM, ENOSYS, EINVAL, ENOMEM, EINTR};
#define WEAKEN_ERRORS_N 6u

static inline uint64_t weaken_bytes(unsigned code)
{
    return WEAKEN_BASE_BYTES + code * 4096ull;
}

static inline unsigned weaken_code(uint64_t bytes)
{
    return (unsigned)(bytes >> 12 & 0x1fffu);
}

/* A zygote of the hostile image leaves out call number n of its own start when it
 * inherits this soft RLIMIT_RTTIME. */
#define WEAKEN_ZYGOTE_RTTIME 7654000u

#endif
