/* The witnesses of a store: who they are stands in STORE/witnesses, a
 * c2sp.org/tlog-policy file; their cosignatures stand in ledger/checkpoint, as
 * more signature lines of the note.
 *
 * Asking them is also how an old copy of the store is noticed: a witness says
 * which size it holds, and cosigns only what continues that. */
#ifndef CLI_COSIGNING_H
#define CLI_COSIGNING_H

#include "cli/witness_ask.h"
#include "proto/tlog_policy.h"

#define COSIGNING_FILE "witnesses"

enum cosigning_state {
    COSIGNING_NONE, /* no URL: not asked */
    COSIGNING_DONE, /* it holds this very tree */
    COSIGNING_AWAY, /* not reached, or it cannot work */
    COSIGNING_UNKNOWN, /* it does not know this log */
    COSIGNING_REFUSED, /* it does not cosign; `why` says more */
    COSIGNING_AHEAD, /* it holds more than is here */
    COSIGNING_FORK   /* it holds what this is no continuation of */
};

struct cosigning_row {
    enum cosigning_state state;
    uint64_t size; /* that it holds, where it said so */
    int lost;      /* it had cosigned more than it now knows of */
    char why[WITNESS_WHY_BYTES];
};

struct cosigning {
    struct tlog_policy policy;
    struct cosigning_row rows[TLOG_POLICY_MAX];
    uint64_t size;
};

/* The store's policy. ERR_NOT_FOUND (it has no witnesses), ERR_INPUT, ERR_IO,
 * ERR_NOMEM; d says. */
int cosigning_policy(const char *store, struct tlog_policy *out,
                     struct diag *d) MUST_USE;
int cosigning_policy_put(const char *store, const struct tlog_policy *p,
                         struct diag *d) MUST_USE;

/* Publishes the ledger's end, asks each witness to cosign it, keeps what they
 * answer. out may be looked at in any case but ERR_NOT_FOUND.
 * 0: the quorum holds this tree. ERR_NOT_FOUND: the store has no witnesses.
 * ERR_STORE_DAMAGED: some witness holds more, or another tree (or the ledger is
 * gone): nothing may be signed. ERR_REFUSED: too few of them answered. Else what
 * kept it from asking; d says. */
int cosigning_ask(const char *store, struct cosigning *out,
                  struct diag *d) MUST_USE;

#endif
