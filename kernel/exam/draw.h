/* Draws: instance k of stratum s under a seed, from a domain. Counter mode: any
 * instance can be recomputed alone. PRF: ChaCha20 (IETF) under the seed, nonce =
 * u32 stratum, u64 k, so that replayers need only RFC 8439 (stream.h). Element
 * i of the outermost tuple has sub-stream i. Integer arithmetic, and for floats
 * exact bits and IEEE + and *: the same bytes on every host.
 *
 * What a stratum means; to the last bit: docs/exam.md. `origin` is the member nearest to zero.
 *             uniform     magnitude      bits            boundary       small
 * int         uniform     origin +- log- 1-4 bits set    min, max,      origin
 *                         uniform        or clear, runs, origin, 2^k,   +- 0..8,
 *                         distance       repeated byte   +-1; 2^a+2^b   0..100
 * float       uniform on  uniform over   1-4 mantissa    min, max, 0,   n/1 to
 *             the real    representable  bits set or     1, 2^k, 2^53,  n/8,
 *             interval    values         clear           subnormal;     |n| <= 64
 *                                                        neighbours
 * bytes,      length and  log-uniform    log-uniform     length 0 1 2   <= 8
 * string:     symbols     length; half   length <= 256;  max max-1 2^k  symbols
 *             uniform     log-uniform    one symbol, 1-3 2^k+-1; edge   of 1-4
 *                         symbols        odd ones out,   symbols, one   kinds,
 *                                        periodic,       symbol,        or text
 *                                        sorted,         uniform
 *                                        reversed, text
 * list        length and  lengths as above; elements     lengths and    <= 8
 *             elements    of the same    one of 1-8      elements at    small
 *             uniform     stratum        elements,       the boundary   elements
 *                                        periodic, few
 *                                        odd, sorted,
 *                                        reversed
 * bool, choice, corpus: uniform in every stratum. Tuples draw each element; in
 * one instance of four of a stratum but `uniform`, each argument of the outermost
 * tuple picks its own stratum, so that pairs of kinds meet. `Edge` symbols are
 * first, last, and the code points where encoders and parsers go wrong; without
 * an alphabet `text` is printable ASCII. Sorted lists: of integers or floats
 * only, by value; other elements are drawn from few. Literals: literal.h. */
#ifndef KERNEL_EXAM_DRAW_H
#define KERNEL_EXAM_DRAW_H

#include "proto/node.h"

struct literals;

#define DRAW_VERSION 2 /* Exam.version; a change of any rule here is another */

enum stratum {
    STRATUM_UNIFORM,   /* uniform over the domain */
    STRATUM_MAGNITUDE, /* log-uniform magnitude or length */
    STRATUM_BITS,      /* sparse and dense bits; repeats, sorted, reversed */
    STRATUM_BOUNDARY,  /* 0, +-1, 2^k, 2^k+-1, min, max; lengths 0 1 2 max */
    STRATUM_SMALL,     /* small integers, short sequences */
    STRATUM_LITERALS,  /* what stands in the candidate's own files */
    STRATA_N
};
#define STRATA_BASE_N STRATUM_LITERALS /* that every exam draws from */

const char *stratum_name(enum stratum s);

struct draw_source {
    struct node_source of;
    const struct literals *literals; /* borrowed; NULL: no such stratum */
    uint8_t seed[32];
};

/* Appends the canonical value of instance k. 0, ERR_NOMEM, ERR_LIMIT (longer
 * than LIMIT_VALUE_BYTES), ERR_INPUT (an empty corpus). */
int draw(const struct draw_source *src, enum stratum s, uint64_t k,
         struct buf *out) MUST_USE;
/* Members of the domain: domain_size with the corpora's counts. 0, ERR_ENCODING,
 * ERR_LIMIT (over 256 corpora). */
int draw_size(const struct draw_source *src, uint64_t *out) MUST_USE;
/* The k-th value of a finite domain in its fixed order, k < draw_size: bool
 * false, true; numbers ascending; sequences by length, then the first symbol
 * or element fastest; tuples the first element fastest. Same codes. */
int draw_enumerate(const struct draw_source *src, uint64_t k, struct buf *out)
    MUST_USE;

#endif
