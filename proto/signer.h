/* What the kernel and proctor-signer say to each other, on a stream socket.
 *
 * The signer is started with exactly two descriptors: SIGNER_SOCKET_FD and
 * SIGNER_KEY_FD, and one word: "new" (the key file is empty: make key, seed
 * chain and origin, write, sync), "old" (read it), or "turn" (read it, and with
 * a third, SIGNER_NEXT_FD, of an empty file: make another key, write it there with
 * the same chain and origin, sync). It answers one request at
 * a time and exits when the socket closes or a request breaks this protocol.
 *
 *   frame  u32 bytes of what follows | u8 op, or u8 status in a reply | body
 *   PUBLIC -> u8 origin length, origin | 32 log key | 32 x_0 | u64 chain length
 *   START  u64 size, hashes of its frontier (ascending), 64 signature -> none
 *          size 0 (no signature) only for a key made in this process: once
 *   SIGN   u64 old size, 1..LIMIT_BATCH_RECORDS leaf hashes
 *          -> u64 size | 32 root | 64 signature of the checkpoint body
 *   REVEAL u64 i -> 32 x_i; i strictly ascending, 1..chain length
 *   TURN   -> 32 new key | 64 old key's, 64 new key's signature over the change
 *          (note_key_change); from here on the new key signs. Once, in "turn"
 *
 * Key file: "PROCTKEY" | u32 1 | 16 origin digits | 32 Ed25519 seed | u32
 * chain length N | u32 stride | x_0, x_stride, ..., x_N | 32 BLAKE2b of all
 * before. */
#ifndef PROTO_SIGNER_H
#define PROTO_SIGNER_H

#include "proto/limits.h"

#define SIGNER_SOCKET_FD 3
#define SIGNER_KEY_FD 4
#define SIGNER_NEXT_FD 5

enum signer_op {
    SIGNER_PUBLIC = 1,
    SIGNER_START,
    SIGNER_SIGN,
    SIGNER_REVEAL,
    SIGNER_TURN = 6
};

enum signer_status {
    SIGNER_OK,
    SIGNER_E_KEY,   /* the key file is missing something or could not be made */
    SIGNER_E_ORDER, /* size, seed or state out of order: nothing was signed */
    SIGNER_E_CLAIM  /* the kernel's claim does not carry our signature */
};

#define SIGNER_CHAIN_STRIDE 1024u
#define SIGNER_CHAIN_KEPT (LIMIT_SEED_CHAIN / SIGNER_CHAIN_STRIDE + 1)
#define SIGNER_ORIGIN_PREFIX "proctor/"
#define SIGNER_ORIGIN_DIGITS 16
#define SIGNER_KEY_FILE_BYTES                                                  \
    (8 + 4 + SIGNER_ORIGIN_DIGITS + 32 + 4 + 4 + SIGNER_CHAIN_KEPT * 32 + 32)
/* The largest body either way: a SIGN request. */
#define SIGNER_BODY_MAX (8 + LIMIT_BATCH_RECORDS * 32u)

_Static_assert(LIMIT_SEED_CHAIN % SIGNER_CHAIN_STRIDE == 0, "whole strides");

#endif
