/* A value laid beside its domain: one site per node, in reading order, so that
 * code that changes values needs no recursion. Runs in the
 * confined `config` worker. */
#ifndef WORKERS_CONFIG_SITE_H
#define WORKERS_CONFIG_SITE_H

#include "proto/node.h"

#define SITE_NO_LIST UINT32_MAX
#define SITE_HEAD_BYTES 5u /* tag and u32 of sequences, lists and tuples */

struct site {
    struct node node;
    size_t at, end;   /* in the value; end 0: its later part has no sites */
    uint32_t units_n; /* LIST, TUPLE: elements */
    uint32_t list;    /* the list that this is an element of, or none */
};

struct sites {
    struct site *all; /* owned */
    uint32_t n;
    uint32_t cap_;
};

/* v is a member of the source's domain; its corpora are not looked at. Of a value
 * with more than max nodes the first ones. 0, ERR_NOMEM; release in any case. */
#define SITES_MAX (1u << 18)
int sites_read(const struct node_source *src, struct ubytes v, uint32_t max,
               struct sites *out) MUST_USE;
void sites_release(struct sites *s);

#endif
