/* Heads and batches of write-ahead segments: bytes to structs and back. Any
 * process; opens nothing.
 *
 * A batch counts only when its digest fits: then it was written whole. What is
 * inside a whole batch is still checked field by field. */
#include "proto/wal.h"

#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/limits.h"

#define DIGEST_BYTES BLAKE3_BYTES
#define HEAD_MAGIC "PROCTWAL"
#define BATCH_MAGIC "PBAT"
#define BATCH_TAIL_BYTES (8 + MERKLE_BYTES + 64) /* size, root, signature */

static int put_digest(struct buf *out, size_t from)
{
    uint8_t digest[DIGEST_BYTES];
    struct ubytes all = buf_bytes(out);

    blake3(all.p + from, all.n - from, digest);
    return buf_put(out, digest, sizeof(digest));
}

static int digest_fits(struct ubytes in, size_t n)
{
    uint8_t digest[DIGEST_BYTES];

    blake3(in.p, n, digest);
    return memcmp(digest, in.p + n, sizeof(digest)) == 0;
}

int wal_head_encode(struct buf *out, const struct wal_head *h)
{
    size_t from = buf_len(out);
    unsigned level;

    ASSERT(h->first == h->frontier.size);
    TRY(buf_put(out, HEAD_MAGIC, 8));
    TRY(buf_put_u32(out, 1));
    TRY(buf_put_u64(out, h->first));
    TRY(buf_put(out, h->prev.b, sizeof(h->prev.b)));
    TRY(buf_put_u8(out, (uint8_t)__builtin_popcountll(h->first)));
    for (level = 0; level < 64; level++) {
        if ((h->first >> level & 1) != 0) {
            TRY(buf_put_u8(out, (uint8_t)level));
            TRY(buf_put(out, h->frontier.h[level].b, MERKLE_BYTES));
        }
    }
    return put_digest(out, from);
}

int wal_head_decode(struct ubytes in, struct wal_head *out, size_t *out_used)
{
    static const uint8_t zero[MERKLE_BYTES];
    uint8_t magic[8];
    struct rd r;
    unsigned level;

    memset(out, 0, sizeof(*out));
    rd_init(&r, in);
    rd_copy(&r, magic, sizeof(magic));
    if (memcmp(magic, HEAD_MAGIC, sizeof(magic)) != 0 || rd_u32(&r) != 1) {
        return ERR_TRACE(ERR_ENCODING);
    }
    out->first = rd_u64(&r);
    out->frontier.size = out->first;
    rd_copy(&r, out->prev.b, sizeof(out->prev.b));
    if (rd_u8(&r) != __builtin_popcountll(out->first)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (level = 0; level < 64; level++) {
        if ((out->first >> level & 1) != 0) {
            if (rd_u8(&r) != level) {
                return ERR_TRACE(ERR_ENCODING);
            }
            rd_copy(&r, out->frontier.h[level].b, MERKLE_BYTES);
        }
    }
    *out_used = rd_off(&r) + DIGEST_BYTES;
    if (rd_is_bad(&r) || rd_left(&r) < DIGEST_BYTES ||
        !digest_fits(in, rd_off(&r)) ||
        (out->first == 0 && memcmp(out->prev.b, zero, sizeof(zero)) != 0)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    return 0;
}

int wal_batch_encode(struct buf *out, const struct wal_batch *b)
{
    size_t from = buf_len(out);

    ASSERT(b->n > 0 && b->n <= LIMIT_BATCH_RECORDS);
    ASSERT(b->entries.n <= LIMIT_WAL_BATCH_BYTES);
    TRY(buf_put(out, BATCH_MAGIC, 4));
    TRY(buf_put_u32(out, (uint32_t)(12 + b->entries.n + BATCH_TAIL_BYTES)));
    TRY(buf_put_u64(out, b->first));
    TRY(buf_put_u32(out, b->n));
    TRY(buf_put(out, b->entries.p, b->entries.n));
    TRY(buf_put_u64(out, b->size));
    TRY(buf_put(out, b->root.b, sizeof(b->root.b)));
    TRY(buf_put(out, b->sig, sizeof(b->sig)));
    return put_digest(out, from);
}

/* The entries of a whole batch fill their space exactly. */
static int entries_fit(const struct wal_batch *b)
{
    struct ubytes entry;
    size_t off = 0;
    uint32_t i;

    for (i = 0; i < b->n; i++) {
        if (wal_entry_next(b, &off, &entry) != 0) {
            return 0;
        }
    }
    return off == b->entries.n;
}

int wal_batch_decode(struct ubytes in, struct wal_batch *out, size_t *out_used)
{
    uint8_t magic[4];
    struct rd r;
    uint32_t n;

    memset(out, 0, sizeof(*out));
    rd_init(&r, in);
    rd_copy(&r, magic, sizeof(magic));
    n = rd_u32(&r);
    if (memcmp(magic, BATCH_MAGIC, sizeof(magic)) != 0 ||
        n < 12 + BATCH_TAIL_BYTES ||
        n - 12 - BATCH_TAIL_BYTES > LIMIT_WAL_BATCH_BYTES ||
        rd_left(&r) < (size_t)n + DIGEST_BYTES ||
        !digest_fits(in, rd_off(&r) + n)) {
        return WAL_E_TORN;
    }
    *out_used = rd_off(&r) + n + DIGEST_BYTES;
    out->first = rd_u64(&r);
    out->n = rd_u32(&r);
    out->entries = rd_take(&r, n - 12 - BATCH_TAIL_BYTES);
    out->size = rd_u64(&r);
    rd_copy(&r, out->root.b, sizeof(out->root.b));
    rd_copy(&r, out->sig, sizeof(out->sig));
    if (rd_is_bad(&r) || out->n == 0 || out->n > LIMIT_BATCH_RECORDS ||
        out->first > UINT64_MAX - out->n || out->size != out->first + out->n ||
        !entries_fit(out)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    return 0;
}

int wal_entry_next(const struct wal_batch *b, size_t *off, struct ubytes *out)
{
    struct rd r;

    if (*off > b->entries.n) {
        return ERR_TRACE(ERR_ENCODING);
    }
    rd_init(&r, (struct ubytes){b->entries.p + *off, b->entries.n - *off});
    *out = rd_bytes16(&r);
    if (rd_is_bad(&r)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    *off += rd_off(&r);
    return 0;
}
