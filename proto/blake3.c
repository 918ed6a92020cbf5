/* BLAKE3-256, unkeyed, streaming (sections of the BLAKE3 paper beside the
 * code). Runs in every process. Holds no secret: not constant time.
 *
 * Invariants of struct blake3: the last byte given always stays in block_ (a
 * chunk or tree node is closed only when more input follows, because the last
 * one gets other flags); stack_[0..stack_n_) are chaining values of complete
 * subtrees, largest first, one per set bit of chunk_i_. */
#include "proto/blake3.h"

#include <string.h>

#include "proto/blake3_rounds.h"
#include "proto/blake3_wide.h"

#define BLOCK_BYTES 64
#define CHUNK_BLOCKS 16

static const uint32_t iv[8] = BLAKE3_IV;

/* What one compression needs; the root repeats the last one with ROOT set. */
struct node {
    uint32_t cv[8];
    uint32_t m[16];
    uint64_t counter;
    uint32_t block_n;
    uint32_t flags;
};

/* Replaces cv by the chaining value of the block. Long once the rounds are
 * written out. NOLINTNEXTLINE(readability-function-size) */
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

    ROUNDS(v, m);
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

/* Adds the chaining value of the next complete subtree of 2^level chunks, and
 * merges what is complete with it: as many merges as the count of such subtrees
 * has trailing zero bits. */
static void subtree_add(struct blake3 *h, uint32_t cv[8], unsigned level)
{
    h->chunk_i_ += (uint64_t)1 << level;
    for (uint64_t bits = h->chunk_i_ >> level; (bits & 1) == 0; bits >>= 1) {
        uint32_t parent[8];
        uint32_t m[16];

        ASSERT(h->stack_n_ > 0);
        h->stack_n_--;
        parent_words(m, h->stack_[h->stack_n_], cv);
        memcpy(parent, h->key_, sizeof(parent));
        compress(parent, m, 0, BLOCK_BYTES, PARENT);
        memcpy(cv, parent, sizeof(parent));
    }
    ASSERT(h->stack_n_ < ARRAY_N(h->stack_));
    memcpy(h->stack_[h->stack_n_], cv, sizeof(h->stack_[0]));
    h->stack_n_++;
}

/* Closes the chunk under way: more input follows. */
static void chunk_close(struct blake3 *h)
{
    uint32_t m[16];
    uint32_t cv[8];

    load(m, h->block_);
    compress(h->cv_, m, h->chunk_i_, BLOCK_BYTES, start_flag(h) | CHUNK_END);
    memcpy(cv, h->cv_, sizeof(cv));
    subtree_add(h, cv, 0);
    memcpy(h->cv_, h->key_, sizeof(h->cv_));
    h->blocks_done_ = 0;
    h->block_n_ = 0;
}

/* Takes whole subtrees straight from the input, at the start of a chunk, while
 * more follows them. Returns the bytes taken. */
static size_t subtrees_absorb(struct blake3 *h, const uint8_t *in, size_t n)
{
    unsigned lanes =
        n > (size_t)8 * BLAKE3_CHUNK_BYTES ? blake3_wide_lanes() : 0;
    unsigned level = 6; /* BLAKE3_WIDE_CHUNKS */
    size_t taken = 0;

    while (lanes > 0 && (1u << level) >= lanes) {
        unsigned chunks = 1u << level;
        size_t bytes = (size_t)chunks * BLAKE3_CHUNK_BYTES;

        if (n - taken <= bytes || h->chunk_i_ % chunks != 0) {
            level--;
        } else {
            uint32_t cv[8];

            blake3_wide_subtree(lanes, in + taken, chunks, h->chunk_i_, cv);
            subtree_add(h, cv, level);
            taken += bytes;
        }
    }
    return taken;
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
        if (h->block_n_ == 0 && h->blocks_done_ == 0) {
            take = subtrees_absorb(h, in, n);
            in += take;
            n -= take;
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
