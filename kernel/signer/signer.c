/* The signer's answers. Signer process only: forks nothing, opens nothing,
 * parses nothing but fixed-width fields.
 *
 * Must never sign two roots for one size, nor a size below one it signed: it
 * appends to a frontier of its own, which starts from a claim that carries its
 * own signature, and there is no way back. */
#include "kernel/signer/signer.h"

#include <sodium.h>
#include <string.h>

#include "proto/err.h"

static int answer_public(const struct signer *s, struct ubytes body,
                         struct buf *reply)
{
    size_t n = strlen(s->last.origin);

    if (body.n != 0) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(buf_put_u8(reply, (uint8_t)n));
    TRY(buf_put(reply, s->last.origin, n));
    TRY(buf_put(reply, s->public_key, sizeof(s->public_key)));
    TRY(buf_put(reply, s->secret->chain[0], 32));
    return buf_put_u64(reply, LIMIT_SEED_CHAIN);
}

/* The text that a checkpoint's signature covers. Borrowed until the next. */
static int text_of(struct signer *s, const struct checkpoint *c,
                   struct ubytes *out)
{
    buf_reset(&s->text);
    TRY(note_body(&s->text, c));
    *out = buf_bytes(&s->text);
    return 0;
}

static int answer_start(struct signer *s, struct ubytes body)
{
    struct merkle_frontier f;
    struct checkpoint claim = s->last;
    struct ubytes text;
    uint8_t sig[64] = {0};
    struct rd r;
    unsigned level;

    merkle_frontier_init(&f);
    rd_init(&r, body);
    f.size = rd_u64(&r);
    for (level = 0; level < 64; level++) {
        if ((f.size >> level & 1) != 0) {
            rd_copy(&r, f.h[level].b, sizeof(f.h[level].b));
        }
    }
    if (f.size > 0) {
        rd_copy(&r, sig, sizeof(sig));
    }
    if (rd_end(&r) != 0) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (s->is_started || (f.size == 0) != s->is_new) {
        return SIGNER_E_ORDER;
    }
    claim.size = f.size;
    claim.root = merkle_frontier_root(&f);
    TRY(text_of(s, &claim, &text));
    if (f.size > 0 &&
        crypto_sign_verify_detached(sig, text.p, text.n, s->public_key) != 0) {
        return SIGNER_E_CLAIM;
    }
    s->last = claim;
    s->frontier = f;
    s->is_started = 1;
    return SIGNER_OK;
}

static int answer_sign(struct signer *s, struct ubytes body, struct buf *reply)
{
    struct ubytes text;
    uint8_t sig[64];
    struct merkle_hash leaf;
    struct rd r;
    size_t n;

    rd_init(&r, body);
    if (!s->is_started || rd_u64(&r) != s->frontier.size) {
        return SIGNER_E_ORDER;
    }
    n = rd_left(&r);
    if (rd_is_bad(&r) || n == 0 || n % sizeof(leaf.b) != 0 ||
        n / sizeof(leaf.b) > LIMIT_BATCH_RECORDS) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    while (rd_left(&r) > 0) {
        rd_copy(&r, leaf.b, sizeof(leaf.b));
        merkle_frontier_add(&s->frontier, &leaf);
    }
    s->last.size = s->frontier.size;
    s->last.root = merkle_frontier_root(&s->frontier);
    TRY(text_of(s, &s->last, &text));
    (void)crypto_sign_detached(sig, NULL, text.p, text.n, s->secret->key);
    TRY(buf_put_u64(reply, s->last.size));
    TRY(buf_put(reply, s->last.root.b, sizeof(s->last.root.b)));
    return buf_put(reply, sig, sizeof(sig));
}

static int answer_reveal(struct signer *s, struct ubytes body,
                         struct buf *reply)
{
    uint8_t x[32];
    struct rd r;
    uint64_t kept;
    uint64_t at;
    uint64_t i;

    rd_init(&r, body);
    i = rd_u64(&r);
    if (rd_end(&r) != 0) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (!s->is_started || i <= s->revealed || i > LIMIT_SEED_CHAIN) {
        return SIGNER_E_ORDER;
    }
    kept = (i + SIGNER_CHAIN_STRIDE - 1) / SIGNER_CHAIN_STRIDE;
    memcpy(x, s->secret->chain[kept], sizeof(x));
    for (at = kept * SIGNER_CHAIN_STRIDE; at > i; at--) {
        (void)crypto_generichash(x, sizeof(x), x, sizeof(x), NULL, 0);
    }
    s->revealed = i;
    return buf_put(reply, x, sizeof(x));
}

/* From the old key to the new one, at the size that was signed last. */
static int answer_turn(struct signer *s, struct ubytes body, struct buf *reply)
{
    struct ubytes text;
    uint8_t sig[2][64];

    if (body.n != 0) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (!s->is_started || s->next == NULL || s->frontier.size == 0) {
        return SIGNER_E_ORDER;
    }
    buf_reset(&s->text);
    TRY(note_key_change(&s->text, s->last.origin, s->frontier.size,
                        s->public_key, s->next_key));
    text = buf_bytes(&s->text);
    (void)crypto_sign_detached(sig[0], NULL, text.p, text.n, s->secret->key);
    (void)crypto_sign_detached(sig[1], NULL, text.p, text.n, s->next->key);
    memcpy(s->public_key, s->next_key, sizeof(s->public_key));
    *s->secret = *s->next;
    sodium_memzero(s->next, sizeof(*s->next));
    s->next = NULL; /* its memory stays: unmapping is filtered */
    TRY(buf_put(reply, s->public_key, sizeof(s->public_key)));
    return buf_put(reply, sig, sizeof(sig));
}

int signer_answer(struct signer *s, unsigned op, struct ubytes body,
                  struct buf *reply)
{
    switch (op) {
    case SIGNER_PUBLIC:
        return answer_public(s, body, reply);
    case SIGNER_START:
        return answer_start(s, body);
    case SIGNER_SIGN:
        return answer_sign(s, body, reply);
    case SIGNER_REVEAL:
        return answer_reveal(s, body, reply);
    case SIGNER_TURN:
        return answer_turn(s, body, reply);
    default:
        return ERR_TRACE(ERR_PROTOCOL);
    }
}
