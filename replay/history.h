/* One pass over a ledger: what each VERDICT and GENERATE claims, and everything that it was
 * made of, as the records before it say. Believes no derived field: j is counted,
 * seeds are derived again from the chain that genesis fixed. */
#ifndef REPLAY_HISTORY_H
#define REPLAY_HISTORY_H

#include "proto/cid.h"
#include "proto/diag.h"

struct claim {
    uint64_t seq;      /* the VERDICT record */
    struct cid policy; /* of its run: the limits of its workers */
    struct cid exam;
    struct cid candidate;
    struct cid evidence;
    struct cid identity; /* zero = none */
    struct cid burnt; /* the input that it disclosed; zero = none */
    uint8_t proof[32];
    uint32_t verdict;
    uint32_t level;
    char reason[512];

    int is_drawn;        /* it names a COMMIT, which had its DRAW */
    uint64_t j;          /* counted: COMMITs of this exam, this one included */
    uint64_t recorded_j; /* the rest as COMMIT says */
    double alpha_j;
    uint64_t draws;
    struct cid literals;   /* zero = none */
    struct cid directed;   /* likewise */
    uint8_t seed[32];      /* derived */
    struct cid *disclosed; /* owned; inputs burnt before, ascending */
    size_t disclosed_n;
    /* Of a GENERATE instead: a text, or scores, that left a worker. */
    struct cid generation; /* zero: it is a verdict */
    struct cid result, tokens;
    char wrong[96]; /* "", or what does not fit between the records */
};

struct history {
    struct claim *claims; /* owned */
    size_t n;
    size_t cap_;
};

/* All verdicts, or the one with number seq. 0, ERR_INPUT when seq is no verdict,
 * ERR_STORE_DAMAGED, ERR_*; with d. Release in any case. */
int history_read(const char *store, uint64_t seq, int all, struct history *out,
                 struct diag *d) MUST_USE;
void history_release(struct history *h);

#endif
