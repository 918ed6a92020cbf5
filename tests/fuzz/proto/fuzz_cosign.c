/* Cosignature lines after a note's body: no bytes but the witness's own count, and
 * taking its lines out leaves none of it. A line "@" stands for a good one. */
#include "fuzz.h"

#include <sodium.h>

#include "proto/cosign.h"

static const char BODY[] =
    "log.example\n5\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";

static void put_lines(struct buf *out, const uint8_t *data, size_t n,
                      const struct cosigner *c, const uint8_t *secret,
                      unsigned *good)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (data[i] == '@' && (i == 0 || data[i - 1] == '\n') && *good < 8) {
            (*good)++;
            REQUIRE(cosign_line(out, c, secret, i,
                                (struct ubytes){(const uint8_t *)BODY,
                                                sizeof(BODY) - 1}) == 0);
        } else {
            REQUIRE(buf_put_u8(out, data[i]) == 0);
        }
    }
}

static void check(struct ubytes note, const struct cosigner *c, unsigned good)
{
    struct buf bare;
    struct buf picked;
    struct ubytes body = {note.p, sizeof(BODY) - 1};
    struct ubytes lines = {note.p + sizeof(BODY), note.n - sizeof(BODY)};
    uint64_t time_s;
    unsigned n;
    int code = cosign_check(note, c, &time_s);

    REQUIRE(code != 0 || good > 0); /* nobody else can make one */
    buf_init(&bare, 2 * NOTE_BYTES_MAX);
    buf_init(&picked, 2 * NOTE_BYTES_MAX);
    if (cosign_strip(note, c, &bare) == 0) {
        REQUIRE(cosign_check(buf_bytes(&bare), c, &time_s) == COSIGN_E_NONE);
    }
    if (code == 0) {
        REQUIRE(cosign_pick(lines, body, c, &picked, &n) == 0);
        REQUIRE(n > 0 && n <= good);
    }
    buf_release(&bare);
    buf_release(&picked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t seed[32] = {9};
    struct cosigner c = {.name = "w.example"};
    uint8_t secret[64];
    struct buf note;
    unsigned good = 0;

    if (n > 20000) {
        return 0;
    }
    (void)crypto_sign_seed_keypair(c.key, secret, seed);
    buf_init(&note, NOTE_BYTES_MAX);
    REQUIRE(buf_put(&note, BODY, sizeof(BODY) - 1) == 0);
    REQUIRE(buf_put_u8(&note, '\n') == 0);
    put_lines(&note, data, n, &c, secret, &good);
    check(buf_bytes(&note), &c, good);
    buf_release(&note);
    return 0;
}
