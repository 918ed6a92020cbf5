/* BLAKE3-256, unkeyed, streaming. Source: the BLAKE3 paper (O'Connor, Aumasson,
 * Neves, Wilcox-O'Hearn 2020), sections 2.1 to 2.6. Checked against the official
 * vectors and b3sum. Same result on every host; vectors where it has them. */
#ifndef PROTO_BLAKE3_H
#define PROTO_BLAKE3_H

#include "proto/base.h"

#define BLAKE3_BYTES 32

struct blake3 {
    uint32_t key_[8]; /* chaining value the chunks start from */
    uint32_t cv_[8];  /* of the chunk under way */
    uint64_t chunk_i_;
    uint8_t block_[64];
    uint8_t block_n_;
    uint8_t blocks_done_;
    uint8_t stack_n_;
    uint32_t stack_[54][8];
};

void blake3_init(struct blake3 *h);
void blake3_update(struct blake3 *h, const void *p, size_t n);
/* Does not change h: a digest may be taken in the middle of a stream. */
void blake3_final(const struct blake3 *h, uint8_t out[static BLAKE3_BYTES]);
void blake3(const void *p, size_t n, uint8_t out[static BLAKE3_BYTES]);

#endif
