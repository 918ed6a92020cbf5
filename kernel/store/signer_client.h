/* The kernel's side of proctor-signer: start it, ask it, stop it. Blocking; a
 * signer that dies or breaks the protocol is ERR_SIGNER for good. */
#ifndef KERNEL_STORE_SIGNER_CLIENT_H
#define KERNEL_STORE_SIGNER_CLIENT_H

#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/diag.h"

struct signer_client {
    int fd;   /* owned; -1 = none */
    int pid;  /* 0 = none */
    struct buf request_;
    struct buf reply_;
};

struct signer_public {
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    uint8_t anchor[32];
    uint64_t chain_n;
};

/* Forks and executes path (NULL: proctor-signer beside this binary) with its
 * descriptors and nothing else; borrows key_fd and next_fd (-1; else an empty
 * file, for the key to turn to). Asks for its public part.
 * 0, ERR_SIGNER (d says why). signer_client_stop is fine after any outcome. */
int signer_client_start(struct signer_client *c, const char *path, int key_fd,
                        int next_fd, int is_new, struct signer_public *out, struct diag *d)
    MUST_USE;
/* Claims where the tree stands; sig is NULL at size 0. */
int signer_client_begin(struct signer_client *c,
                        const struct merkle_frontier *f,
                        const uint8_t *sig) MUST_USE;
/* Sends leaf hashes; the answer is fetched apart, so that the kernel hashes at
 * the same time. leaves: n * 32 bytes, 1 <= n <= LIMIT_BATCH_RECORDS. */
int signer_client_sign_send(struct signer_client *c, uint64_t old_size,
                            const struct merkle_hash *leaves, uint32_t n)
    MUST_USE;
int signer_client_sign_receive(struct signer_client *c, uint64_t *out_size,
                               struct merkle_hash *out_root,
                               uint8_t out_sig[static 64]) MUST_USE;
int signer_client_reveal(struct signer_client *c, uint64_t i,
                         uint8_t out[static 32]) MUST_USE;
/* The key that signs from here on, and the signatures of the old key and of this
 * one over the change at the size that was signed last. */
int signer_client_turn(struct signer_client *c, uint8_t out_key[static 32],
                       uint8_t out_sigs[static 128]) MUST_USE;
/* Closes the socket and waits for the signer's end. */
void signer_client_stop(struct signer_client *c);

#endif
