/* A store as an actor (CML's M5): did:key of the Ed25519 key that its GENESIS
 * names, which a change of the key leaves as it is. Source: W3C did:key, multicodec
 * ed25519-pub (ed 01), multibase base58btc. */
#ifndef CLI_DID_H
#define CLI_DID_H

#include "proto/base.h"

#define DID_TEXT_BYTES 64 /* "did:key:z6Mk...", 56 letters and the NUL */

void did_key(const uint8_t key[static 32], char out[static DID_TEXT_BYTES]);

#endif
