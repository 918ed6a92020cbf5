/* Simpler variants of a value: what shrinking tries. Runs in the
 * confined `config` worker.
 *
 * `Simpler` is a total order: shorter encoding first; then node by node in
 * reading order: false before true; integers by magnitude, positive first;
 * floats by significant mantissa bits, distance of the exponent from 1.0,
 * mantissa, positive first (0.0 before all); strings and bytes by their bytes. */
#ifndef WORKERS_CONFIG_EDIT_H
#define WORKERS_CONFIG_EDIT_H

#include "proto/node.h"

/* Appends the key by which values of equal length sort: memcmp. v was checked. */
int edit_key(struct ubytes v, struct buf *out) MUST_USE;

/* Called with each variant, borrowed for the call. Non-zero stops. */
typedef int (*edit_fn)(void *ctx, struct ubytes variant);

/* Makes variants of v, a member of the domain, boldest first, leaving out the
 * first `skip`: cuts, blocks set to the lowest symbol, numbers moved towards
 * zero. They may leave the domain or be no simpler: fn
 * judges. Returns 0 after the last, what fn returned, ERR_NOMEM, ERR_LIMIT. */
int edit_all(const struct node_source *src, struct ubytes v, uint64_t skip,
             edit_fn fn, void *ctx) MUST_USE;

#endif
