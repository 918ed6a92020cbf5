/* The key stream of RFC 8439 as numbers (docs/exam.md section 4). Replayer. */
#include "replay/chance.h"

#include <sodium.h>
#include <string.h>

void chance_sub(struct chance *c, uint32_t i)
{
    c->block_ = i << 26;
    c->at_ = sizeof(c->ready_);
}

void chance_open(struct chance *c, const uint8_t seed[static 32], uint32_t lane,
                 uint64_t k)
{
    memcpy(c->key_, seed, sizeof(c->key_));
    for (unsigned i = 0; i < 4; i++) {
        c->nonce_[i] = (uint8_t)(lane >> (24 - 8 * i));
    }
    for (unsigned i = 0; i < 8; i++) {
        c->nonce_[4 + i] = (uint8_t)(k >> (56 - 8 * i));
    }
    chance_sub(c, 0);
}

void chance_bytes(struct chance *c, uint8_t *out, size_t n)
{
    while (n > 0) {
        size_t part = sizeof(c->ready_) - c->at_;

        if (part == 0) {
            memset(c->ready_, 0, sizeof(c->ready_));
            (void)crypto_stream_chacha20_ietf_xor_ic(
                c->ready_, c->ready_, sizeof(c->ready_), c->nonce_, c->block_,
                c->key_);
            c->block_ += sizeof(c->ready_) / 64;
            c->at_ = 0;
            continue;
        }
        part = part < n ? part : n;
        memcpy(out, c->ready_ + c->at_, part);
        c->at_ += part;
        out += part;
        n -= part;
    }
}

uint64_t chance_u64(struct chance *c)
{
    uint8_t b[8];
    uint64_t v = 0;

    chance_bytes(c, b, sizeof(b));
    for (unsigned i = 0; i < sizeof(b); i++) {
        v = v << 8 | b[i];
    }
    return v;
}

uint64_t chance_below(struct chance *c, uint64_t n)
{
    uint64_t uneven = n == 0 ? 0 : (0 - n) % n; /* 2^64 mod n */
    uint64_t v = chance_u64(c);

    while (v < uneven) {
        v = chance_u64(c);
    }
    return n == 0 ? v : v % n;
}

uint64_t chance_magnitude(struct chance *c, uint64_t max)
{
    uint64_t v;

    do {
        uint64_t digits = chance_below(c, chance_bits(max) + 1);

        v = digits;
        if (digits > 1) {
            uint64_t top = 1ull << (digits - 1);

            v = top + chance_below(c, top);
        }
    } while (v > max);
    return v;
}

void chance_shuffle(struct chance *c, uint32_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t a = (uint32_t)chance_below(c, (uint64_t)i + 1);

        out[i] = out[a];
        out[a] = i;
    }
}
