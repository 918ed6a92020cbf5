/* One pass over the ledger: what each verdict to be replayed was made of, as the
 * records say, and whether its seed belongs to the chain fixed at genesis. */
#ifndef KERNEL_RUN_REPLAY_SCAN_H
#define KERNEL_RUN_REPLAY_SCAN_H

#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/merkle.h"

/* A COMMIT and its DRAW. */
struct replay_draw {
    uint64_t commit_seq;
    struct merkle_hash commit_hash;
    uint64_t j;
    double alpha_j;
    uint64_t draws;
    uint64_t seed_i;
    struct cid literals;
    int is_drawn;
    uint8_t seed[32];
    char wrong[96]; /* "", or what does not fit */
};

struct replay_item {
    uint64_t seq;
    struct cid policy; /* of its run */
    struct cid exam;
    struct cid candidate;
    struct cid evidence;
    struct cid burnt;
    uint8_t proof[32];
    uint32_t verdict;
    uint32_t level;
    char reason[512];
    int has_draw;
    struct replay_draw draw;
    uint64_t committed;     /* candidates before it */
    struct cid *disclosed;  /* owned; inputs disclosed before it */
    size_t disclosed_n;
};

struct replay_items {
    struct replay_item *v; /* owned */
    size_t n;
    size_t cap_;
};

/* All verdicts, or the one with number seq. 0, ERR_INPUT with d when seq is no
 * verdict, ERR_STORE_DAMAGED, ERR_*. */
int replay_scan(const char *store_dir, uint64_t seq, int all,
                struct replay_items *out, struct diag *d) MUST_USE;
void replay_items_release(struct replay_items *v);

#endif
