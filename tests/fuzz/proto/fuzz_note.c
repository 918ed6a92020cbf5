/* Notes and verifier keys. The signature of a note is put in by the harness (a
 * line "@" stands for it), so that inputs get past it; what is accepted without
 * extension lines and other signatures writes back to the same bytes. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/note.h"

#define ORIGIN "proctor/0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t public_key[32];
static uint8_t secret_key[64];

/* Copies the input up to "@", then the signature line over the body so far. */
static void put_signed(struct buf *out, const uint8_t *data, size_t n)
{
    struct checkpoint c = {.origin = ORIGIN};
    const uint8_t *at = memchr(data, '@', n);
    size_t head = at == NULL ? n : (size_t)(at - data);
    uint8_t sig[64];
    struct buf whole;
    const uint8_t *line;

    if (buf_put(out, data, head) != 0 || at == NULL || head < 2) {
        return;
    }
    /* The body ends one newline before the signatures. */
    (void)crypto_sign_detached(sig, NULL, data, head - 1, secret_key);
    buf_init(&whole, 10000);
    if (note_write(&whole, &c, public_key, sig) != 0) {
        abort();
    }
    line = memmem(buf_bytes(&whole).p, buf_len(&whole), "\n\n", 2);
    if (buf_put(out, line + 2,
                buf_len(&whole) - (size_t)(line + 2 - buf_bytes(&whole).p)) !=
            0 ||
        buf_put(out, at + 1, n - head - 1) != 0) {
        abort();
    }
    buf_release(&whole);
}

static void check_note(struct ubytes in)
{
    struct checkpoint c;
    uint8_t sig[64];
    struct buf again;
    size_t lines = 0;
    size_t i;

    if (note_read(in, ORIGIN, public_key, &c, sig) != 0) {
        return;
    }
    for (i = 0; i < in.n; i++) {
        lines += in.p[i] == '\n';
    }
    buf_init(&again, NOTE_BYTES_MAX);
    if (strcmp(c.origin, ORIGIN) != 0 ||
        note_write(&again, &c, public_key, sig) != 0) {
        abort();
    }
    if (lines == 5 && (buf_len(&again) != in.n ||
                       memcmp(buf_bytes(&again).p, in.p, in.n) != 0)) {
        abort();
    }
    buf_release(&again);
}

static void check_vkey(const uint8_t *data, size_t n)
{
    char *text = calloc(1, n + 1);
    char name[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    struct buf again;

    if (text == NULL) {
        return;
    }
    memcpy(text, data, n);
    if (note_vkey_parse(text, name, key) == 0) {
        buf_init(&again, 1000);
        if (note_vkey(&again, name, key) != 0 ||
            buf_len(&again) != strlen(text) ||
            memcmp(buf_bytes(&again).p, text, buf_len(&again)) != 0) {
            abort();
        }
        buf_release(&again);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t seed[32] = {1};
    struct buf note;

    if (n == 0 || n > 60000) {
        return 0;
    }
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    check_vkey(data, n);
    buf_init(&note, 2 * NOTE_BYTES_MAX);
    put_signed(&note, data, n);
    check_note(buf_bytes(&note));
    buf_release(&note);
    return 0;
}
