/* The signer's state and what it answers. One per process; the key lives here
 * and nowhere else. See proto/signer.h for the protocol. */
#ifndef KERNEL_SIGNER_SIGNER_H
#define KERNEL_SIGNER_SIGNER_H

#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/signer.h"

/* Secrets, in one piece, so that one wipe ends them. */
struct signer_secret {
    uint8_t seed[32];
    uint8_t key[64];
    uint8_t chain[SIGNER_CHAIN_KEPT][32]; /* x_0, x_stride, ..., x_N */
};

struct signer {
    struct signer_secret *secret; /* sodium_malloc */
    struct signer_secret *next;   /* key to turn to, or NULL */
    uint8_t public_key[32];
    uint8_t next_key[32]; /* public */
    struct checkpoint last; /* what was signed last; origin is set at load */
    struct merkle_frontier frontier;
    int is_new;     /* made by this process: may start at size 0 */
    int is_started;
    uint64_t revealed; /* highest i given out */
    struct buf text; /* scratch for checkpoints, taken before the filter */
};

/* Fresh key, chain and origin into the empty file / from the file. 0 or
 * ERR_SIGNER. About 0.3 s for a new chain. */
int signer_make(struct signer *s, int key_fd) MUST_USE;
int signer_load(struct signer *s, int key_fd) MUST_USE;
/* After a load: another key beside it, into the empty file. 0 or ERR_SIGNER. */
int signer_make_next(struct signer *s, int next_fd) MUST_USE;
/* All n bytes. 0 or ERR_SIGNER. */
int signer_write(int fd, const uint8_t *p, size_t n);
void signer_wipe(struct signer *s); /* memory stays: unmapping is filtered */

/* Answers one request. reply starts empty; what is appended is the body.
 * Returns an enum signer_status, or ERR_PROTOCOL when the request is
 * malformed. */
int signer_answer(struct signer *s, unsigned op, struct ubytes body,
                  struct buf *reply) MUST_USE;

/* After it: no new privileges, no capability, no dump, own session, and no call
 * but read and write on the socket, and exit. 0 or ERR_SIGNER. */
int signer_confine(void) MUST_USE;

#endif
