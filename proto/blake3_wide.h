/* BLAKE3 over many chunks at once, where the processor has wide vectors: the same
 * result as proto/blake3.c alone, several times as fast. Any process; only
 * blake3.c includes this. */
#ifndef PROTO_BLAKE3_WIDE_H
#define PROTO_BLAKE3_WIDE_H

#include "proto/base.h"

#define BLAKE3_CHUNK_BYTES 1024u
/* Chunks of the largest subtree hashed in one call: 64 KiB of input, so that
 * the tree above the chunks keeps most lanes busy too. */
#define BLAKE3_WIDE_CHUNKS 64u

/* Chunks hashed side by side on this processor: 16 (AVX-512), 8 (AVX2), or 0:
 * use the portable code. */
unsigned blake3_wide_lanes(void);
/* Chaining value of the subtree of `chunks` whole chunks at in, none of them
 * the last of the input. chunks: a power of two, lanes <= chunks <=
 * BLAKE3_WIDE_CHUNKS; first: index of the first chunk, a multiple of chunks. */
void blake3_wide_subtree(unsigned lanes, const uint8_t *in, unsigned chunks,
                         uint64_t first, uint32_t out[static 8]);

#endif
