/* What a witness keeps, and its one decision: whether to cosign a checkpoint
 * (C2SP tlog-witness). Beside files in its own folder it touches nothing.
 *
 *   vkey          who it is; public
 *   key           0600: the seed of its Ed25519 key
 *   lock          flock(2)ed by the one that serves
 *   logs/H        verifier keys of a log that it knows, one per line
 *   heads/H       the newest tree of that log that it cosigned, as a note under
 *                 its own key; H: of the origin
 *
 * Invariants: 1 a head is durable before a cosignature over it leaves; 2 a head is
 * replaced only by one that a proof shows to contain it; 3 a head that is missing
 * or is not its own note is damage, never an empty log; 4 one process serves a
 * folder at a time, one request after the other. */
#ifndef CLI_WITNESS_STATE_H
#define CLI_WITNESS_STATE_H

#include <sys/types.h>

#include "proto/cosign.h"
#include "proto/diag.h"

struct witness;

/* Makes the folder of a new witness; it and all in it belong to owner when that
 * is not (uid_t)-1. ERR_EXISTS when there is one, ERR_INPUT (no such name). */
int witness_create(const char *dir, const char *name, uid_t owner,
                   struct diag *d) MUST_USE;

enum witness_use {
    WITNESS_LOOK, /* list, add */
    WITNESS_SERVE /* takes the lock, loads the key */
};
/* ERR_NOT_FOUND, ERR_STORE_BUSY (somebody serves it), ERR_STORE_DAMAGED,
 * ERR_ACCESS, ERR_IO; d says. */
int witness_open(const char *dir, enum witness_use use, struct witness **out,
                 struct diag *d) MUST_USE;
void witness_close(struct witness *w); /* wipes the key; NULL is fine */
const struct cosigner *witness_self(const struct witness *w);
int witness_dir_fd(const struct witness *w);

/* Makes a log known, or one more key of a known one. ERR_INPUT (no verifier key),
 * ERR_EXISTS (known already), ERR_LIMIT. Works while another process serves. */
int witness_add(struct witness *w, const char *vkey, struct diag *d) MUST_USE;

/* Calls fn for each log it knows. damaged: its head cannot be used. */
typedef int (*witness_log_fn)(void *ctx, const struct checkpoint *head,
                              int damaged);
int witness_each(struct witness *w, witness_log_fn fn, void *ctx) MUST_USE;

/* The answer to one add-checkpoint request: an HTTP status (200 with cosignature
 * lines, 400, 403, 404, 409 with the size it holds, 422, 500) and its text,
 * appended to out. 0, or an ERR_* after which the witness must not go on: what is
 * on its disk is not known. */
int witness_answer(struct witness *w, struct ubytes request, uint64_t now_s,
                   unsigned *out_status, struct buf *out) MUST_USE;

#endif
