/* Draws: instance k of stratum s under a seed, from a domain. Counter mode: any
 * instance can be recomputed alone. PRF: ChaCha20 (IETF) under the seed, nonce =
 * u32 stratum, u64 k, so that replayers need only RFC 8439. */
#ifndef KERNEL_EXAM_DRAW_H
#define KERNEL_EXAM_DRAW_H

#include "proto/value.h"

enum stratum {
    STRATUM_UNIFORM,   /* uniform over the domain */
    STRATUM_MAGNITUDE, /* log-uniform magnitude or length */
    STRATUM_BITS,      /* sparse and dense bits; repeats, sorted, reversed */
    STRATUM_BOUNDARY,  /* 0, +-1, 2^k, 2^k+-1, min, max; lengths 0 1 2 max */
    STRATUM_SMALL,     /* small integers, short sequences */
    STRATA_N
};
const char *stratum_name(enum stratum s);

struct draw_source {
    struct ubytes domain;         /* checked; borrowed */
    const struct values *corpora; /* borrowed */
    size_t corpora_n;
    uint8_t seed[32];
};

/* Appends the canonical value of instance k. 0, ERR_NOMEM, ERR_LIMIT. */
int draw(const struct draw_source *src, enum stratum s, uint64_t k,
         struct buf *out) MUST_USE;
/* The k-th value of a finite domain in its fixed order, k < domain_size. */
int draw_enumerate(const struct draw_source *src, uint64_t k, struct buf *out)
    MUST_USE;

#endif
