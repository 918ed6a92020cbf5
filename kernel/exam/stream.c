/* The recomputable random stream (stream.h). Must never take entropy from
 * anywhere but the seed: a replay has to meet the same bytes. Kernel process. */
#include "kernel/exam/stream.h"

#include <sodium.h>
#include <string.h>

#define SUB_SHIFT 26u

static void put_be(uint8_t *out, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = (uint8_t)(v >> (8u * (n - 1u - i)));
    }
}

void stream_init(struct stream *s, const uint8_t seed[static 32], uint32_t lane,
                 uint64_t k)
{
    memcpy(s->key_, seed, sizeof(s->key_));
    put_be(s->nonce_, lane, 4);
    put_be(s->nonce_ + 4, k, 8);
    stream_sub(s, 0);
}

void stream_sub(struct stream *s, uint32_t i)
{
    ASSERT(i < STREAM_SUBS);
    s->block_ = i << SUB_SHIFT;
    s->at_ = 0;
    s->have_ = 0;
}

/* Writes whole blocks of key stream. */
static void generate(struct stream *s, uint8_t *out, size_t n)
{
    ASSERT(n % 64 == 0 && n / 64 < (1u << SUB_SHIFT));
    memset(out, 0, n);
    (void)crypto_stream_chacha20_ietf_xor_ic(out, out, n, s->nonce_, s->block_,
                                             s->key_);
    s->block_ += (uint32_t)(n / 64);
}

/* Most instances need a few bytes, some need thousands. */
static void refill(struct stream *s)
{
    uint32_t n = s->have_ == 0 ? 64 : sizeof(s->ready_);

    generate(s, s->ready_, n);
    s->have_ = n;
    s->at_ = 0;
}

void stream_fill(struct stream *s, uint8_t *out, size_t n)
{
    while (n > 0) {
        size_t left = s->have_ - s->at_;
        size_t take = left < n ? left : n;

        memcpy(out, s->ready_ + s->at_, take);
        s->at_ += (uint32_t)take;
        out += take;
        n -= take;
        if (n >= sizeof(s->ready_)) {
            size_t whole = n - n % 64;

            generate(s, out, whole);
            out += whole;
            n -= whole;
        }
        if (n > 0) {
            refill(s);
        }
    }
}

uint64_t stream_u64(struct stream *s)
{
    uint8_t b[8];
    uint64_t v = 0;

    stream_fill(s, b, sizeof(b));
    for (unsigned i = 0; i < sizeof(b); i++) {
        v = v << 8 | b[i];
    }
    return v;
}

uint64_t stream_below(struct stream *s, uint64_t n)
{
    uint64_t v = stream_u64(s);

    if (n != 0) {
        uint64_t skip = (0 - n) % n; /* 2^64 mod n: the uneven part */

        while (v < skip) {
            v = stream_u64(s);
        }
        v %= n;
    }
    return v;
}

uint64_t stream_magnitude(struct stream *s, uint64_t max)
{
    for (;;) {
        uint64_t bits = stream_below(s, bit_length(max) + 1u);
        uint64_t low = bits == 0 ? 0 : 1ull << (bits - 1);
        uint64_t v = bits <= 1 ? bits : low + stream_below(s, low);

        if (v <= max) { /* the last bit length may be cut */
            return v;
        }
    }
}

void stream_shuffle(struct stream *s, uint32_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)stream_below(s, (uint64_t)i + 1);

        out[i] = out[at];
        out[at] = i;
    }
}
