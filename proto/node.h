/* One node of a checked domain (domain.h), read where it stands, and what can be
 * said of a domain without drawing from it. domain_check let it pass; nothing here
 * recurses, nor looks again at what was checked (domain_node.h does). */
#ifndef PROTO_NODE_H
#define PROTO_NODE_H

#include "proto/domain.h"
#include "proto/value.h"

#define NODE_DEPTH_MAX (TYPE_DEPTH_MAX + 2)

/* A domain and the values of the corpora that it names. */
struct node_source {
    struct ubytes domain;         /* checked; borrowed */
    const struct values *corpora; /* borrowed */
    size_t corpora_n;
};

struct node {
    enum domain_tag tag;
    uint8_t code;    /* INT: width and sign; FLOAT: width */
    uint64_t lo, hi; /* INT bits, FLOAT bits, else lengths */
    uint32_t n;      /* STRING alphabet, TUPLE and CHOICE count, CORPUS file */
    size_t body;     /* first code point, child or value */
};

struct node node_at(struct ubytes domain, size_t off);
/* Offset behind the domain that starts at off. */
size_t node_skip(struct ubytes domain, size_t off);
/* Code point i of a STRING's alphabet (all scalar values but NUL if empty), and
 * how many there are. */
uint32_t node_symbol(struct ubytes domain, const struct node *n, uint32_t i);
uint32_t node_symbols_n(const struct node *n);
/* How many values a CHOICE or CORPUS has, and the i-th; borrowed. */
uint32_t node_values_n(const struct node_source *src, const struct node *n);
struct ubytes node_value(const struct node_source *src, const struct node *n,
                         uint32_t i);

/* Order-preserving map between an INT's or FLOAT's bits and unsigned keys;
 * floats in total order, -0.0 just below 0.0. */
uint64_t node_key(const struct node *n, uint64_t bits);
uint64_t node_unkey(const struct node *n, uint64_t key);

/* True if v is a value of the node n: no list, no tuple. */
int node_leaf_has(const struct node_source *src, const struct node *n,
                  struct ubytes v);
/* True if the checked value v is a member of the source's domain. */
int node_has(const struct node_source *src, struct ubytes v);

#endif
