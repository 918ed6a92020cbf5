/* RFC 6962 trees over SHA-256: leaf and node hashes, an append-only frontier,
 * inclusion and consistency proofs and their checks (RFC 9162 sections 2.1.3,
 * 2.1.4; hashes must be 32 bytes; consistency from size 0 is refused). */
#ifndef PROTO_MERKLE_H
#define PROTO_MERKLE_H

#include "proto/base.h"

#define MERKLE_BYTES 32
#define MERKLE_PROOF_MAX 64

struct merkle_hash {
    uint8_t b[MERKLE_BYTES];
};

struct merkle_hash merkle_leaf(struct ubytes entry); /* SHA-256(00 || entry) */
struct merkle_hash merkle_node(const struct merkle_hash *l,
                               const struct merkle_hash *r);
struct merkle_hash merkle_empty(void);

/* Right edge of a tree: enough to append and to give the root. */
struct merkle_frontier {
    uint64_t size;
    struct merkle_hash h[64]; /* h[i] valid where bit i of size is set */
};
void merkle_frontier_init(struct merkle_frontier *f);
void merkle_frontier_add(struct merkle_frontier *f,
                         const struct merkle_hash *l);
struct merkle_hash merkle_frontier_root(const struct merkle_frontier *f);

/* Root of n leaf hashes by the recursive definition of the RFC, iteratively, by
 * other code than the frontier's: the two are compared before signing. */
struct merkle_hash merkle_root(const struct merkle_hash *leaves, uint64_t n);

/* Hash of the complete subtree of leaves [i << level, (i + 1) << level). */
typedef int (*merkle_subtree_fn)(void *ctx, unsigned level, uint64_t i,
                                 struct merkle_hash *out);
/* Proofs leaf to root; out_n <= MERKLE_PROOF_MAX. Returns 0, what fn returned,
 * or ERR_INPUT when the arguments do not fit. */
int merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_subtree_fn fn,
                           void *ctx, struct merkle_hash *out, size_t *out_n)
    MUST_USE;
int merkle_prove_consistency(uint64_t old_size, uint64_t size,
                             merkle_subtree_fn fn, void *ctx,
                             struct merkle_hash *out, size_t *out_n) MUST_USE;
/* True or false. */
int merkle_check_inclusion(uint64_t index, uint64_t size,
                           const struct merkle_hash *leaf,
                           const struct merkle_hash *proof, size_t proof_n,
                           const struct merkle_hash *root);
int merkle_check_consistency(uint64_t old_size, uint64_t size,
                             const struct merkle_hash *proof, size_t proof_n,
                             const struct merkle_hash *old_root,
                             const struct merkle_hash *root);

#endif
