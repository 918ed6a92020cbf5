/* BLAKE3-256, unkeyed, streaming (sections of the BLAKE3 paper beside the
 * code). Runs in every process. Holds no secret: not constant time.
 *
 * Invariants of struct blake3: the last byte given always stays in block_ (a
 * chunk or tree node is closed only when more input follows, because the last
 * one gets other flags); stack_[0..stack_n_) are chaining values of complete
 * subtrees, largest first, one per set bit of chunk_i_. */
#include "proto/blake3.h"

#include <string.h>

#define BLOCK_BYTES 64
#define CHUNK_BLOCKS 16

enum flag { /* table 3 */
    CHUNK_START = 1,
    CHUNK_END = 2,
    PARENT = 4,
    ROOT = 8
};

static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Order of message words per round: table 2 applied repeatedly. */
static const uint8_t order[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* What one compression needs; the root repeats the last one with ROOT set. */
struct node {
    uint32_t cv[8];
    uint32_t m[16];
    uint64_t counter;
    uint32_t block_n;
    uint32_t flags;
};

#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* The quarter round, section 2.2. NOLINTNEXTLINE(readability-function-size) */
INLINE void mix(uint32_t v[16], unsigned a, unsigned b, unsigned c, unsigned d,
                uint32_t x, uint32_t y)
{
    v[a] = v[a] + v[b] + x;
    v[d] = rotr(v[d] ^ v[a], 16);
    v[c] = v[c] + v[d];
    v[b] = rotr(v[b] ^ v[c], 12);
    v[a] = v[a] + v[b] + y;
    v[d] = rotr(v[d] ^ v[a], 8);
    v[c] = v[c] + v[d];
    v[b] = rotr(v[b] ^ v[c], 7);
}

INLINE void mix_all(uint32_t v[16], const uint32_t m[16], unsigned round)
{
    const uint8_t *o = order[round];

    mix(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);
    mix(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);
    mix(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);
    mix(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);
    mix(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);
    mix(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);
    mix(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);
    mix(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);
}

/* Replaces cv by the chaining value of the block. Rounds are written out so
 * that the word order folds into the code and v stays in registers. */
static void compress(uint32_t cv[8], const uint32_t m[16], uint64_t counter,
                     uint32_t block_n, uint32_t flags)
{
    uint32_t v[16] = {cv[0],
                      cv[1],
                      cv[2],
                      cv[3],
                      cv[4],
                      cv[5],
                      cv[6],
                      cv[7],
                      iv[0],
                      iv[1],
                      iv[2],
                      iv[3],
                      (uint32_t)counter,
                      (uint32_t)(counter >> 32),
                      block_n,
                      flags};

    mix_all(v, m, 0);
    mix_all(v, m, 1);
    mix_all(v, m, 2);
    mix_all(v, m, 3);
    mix_all(v, m, 4);
    mix_all(v, m, 5);
    mix_all(v, m, 6);
    for (unsigned i = 0; i < 8; i++) {
        cv[i] = v[i] ^ v[i + 8];
    }
}

/* Words are little-endian. */
static void load(uint32_t m[16], const uint8_t p[static BLOCK_BYTES])
{
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *q = p + (size_t)4 * i;

        m[i] = (uint32_t)q[0] | (uint32_t)q[1] << 8 | (uint32_t)q[2] << 16 |
               (uint32_t)q[3] << 24;
    }
}

static uint32_t start_flag(const struct blake3 *h)
{
    return h->blocks_done_ == 0 ? CHUNK_START : 0;
}

static void parent_words(uint32_t m[16], const uint32_t left[8],
                         const uint32_t right[8])
{
    memcpy(m, left, 32);
    memcpy(m + 8, right, 32);
}

/* Closes the chunk under way (more input follows) and merges what is complete:
 * as many merges as chunk_i_ + 1 has trailing zero bits. */
static void chunk_close(struct blake3 *h)
{
    uint32_t m[16];
    uint32_t cv[8];

    load(m, h->block_);
    compress(h->cv_, m, h->chunk_i_, BLOCK_BYTES, start_flag(h) | CHUNK_END);
    memcpy(cv, h->cv_, sizeof(cv));
    h->chunk_i_++;
    for (uint64_t bits = h->chunk_i_; (bits & 1) == 0; bits >>= 1) {
        uint32_t parent[8];

        ASSERT(h->stack_n_ > 0);
        h->stack_n_--;
        parent_words(m, h->stack_[h->stack_n_], cv);
        memcpy(parent, h->key_, sizeof(parent));
        compress(parent, m, 0, BLOCK_BYTES, PARENT);
        memcpy(cv, parent, sizeof(cv));
    }
    ASSERT(h->stack_n_ < ARRAY_N(h->stack_));
    memcpy(h->stack_[h->stack_n_], cv, sizeof(cv));
    h->stack_n_++;
    memcpy(h->cv_, h->key_, sizeof(h->cv_));
    h->blocks_done_ = 0;
    h->block_n_ = 0;
}

/* Absorbs one full block that is not the last of its chunk. */
static void block_absorb(struct blake3 *h, const uint8_t p[static BLOCK_BYTES])
{
    uint32_t m[16];

    load(m, p);
    compress(h->cv_, m, h->chunk_i_, BLOCK_BYTES, start_flag(h));
    h->blocks_done_++;
}

void blake3_init(struct blake3 *h)
{
    memcpy(h->key_, iv, sizeof(h->key_));
    memcpy(h->cv_, iv, sizeof(h->cv_));
    h->chunk_i_ = 0;
    h->block_n_ = 0;
    h->blocks_done_ = 0;
    h->stack_n_ = 0;
}

void blake3_update(struct blake3 *h, const void *p, size_t n)
{
    const uint8_t *in = p;

    while (n > 0) {
        size_t take;

        if (h->block_n_ == BLOCK_BYTES) {
            if (h->blocks_done_ == CHUNK_BLOCKS - 1) {
                chunk_close(h);
            } else {
                block_absorb(h, h->block_);
                h->block_n_ = 0;
            }
        }
        while (h->block_n_ == 0 && n > BLOCK_BYTES &&
               h->blocks_done_ < CHUNK_BLOCKS - 1) {
            block_absorb(h, in); /* straight from the input */
            in += BLOCK_BYTES;
            n -= BLOCK_BYTES;
        }
        take = (size_t)BLOCK_BYTES - h->block_n_;
        if (take > n) {
            take = n;
        }
        memcpy(h->block_ + h->block_n_, in, take);
        h->block_n_ = (uint8_t)(h->block_n_ + take);
        in += take;
        n -= take;
    }
}

void blake3_final(const struct blake3 *h, uint8_t out[static BLAKE3_BYTES])
{
    struct node node = {.counter = h->chunk_i_,
                        .block_n = h->block_n_,
                        .flags = start_flag(h) | CHUNK_END};
    uint8_t block[BLOCK_BYTES] = {0};

    memcpy(node.cv, h->cv_, sizeof(node.cv));
    memcpy(block, h->block_, h->block_n_);
    load(node.m, block);
    for (unsigned i = h->stack_n_; i > 0; i--) {
        compress(node.cv, node.m, node.counter, node.block_n, node.flags);
        parent_words(node.m, h->stack_[i - 1], node.cv);
        memcpy(node.cv, h->key_, sizeof(node.cv));
        node.counter = 0;
        node.block_n = BLOCK_BYTES;
        node.flags = PARENT;
    }
    compress(node.cv, node.m, 0, node.block_n, node.flags | ROOT);
    for (unsigned i = 0; i < BLAKE3_BYTES; i++) {
        out[i] = (uint8_t)(node.cv[i / 4] >> 8 * (i % 4));
    }
}

void blake3(const void *p, size_t n, uint8_t out[static BLAKE3_BYTES])
{
    struct blake3 h;

    blake3_init(&h);
    blake3_update(&h, p, n);
    blake3_final(&h, out);
}
