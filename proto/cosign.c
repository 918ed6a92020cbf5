/* See cosign.h. Source: c2sp.org/tlog-cosignature. */
#include "proto/cosign.h"

#include <sodium.h>
#include <string.h>

#include "proto/err.h"
#include "proto/note_text.h"

#define SIGNATURE_BYTES 64
#define TIME_BYTES 8
#define BLOB_BYTES (NOTE_KEY_ID_BYTES + TIME_BYTES + SIGNATURE_BYTES)

static const uint8_t em_dash_space[4] = {0xe2, 0x80, 0x94, ' '};

int cosigner_vkey(struct buf *out, const struct cosigner *c)
{
    return note_typed_vkey(out, c->name, NOTE_COSIGNATURE, c->key);
}

int cosigner_parse(const char *vkey, struct cosigner *out)
{
    return note_typed_vkey_parse(vkey, NOTE_COSIGNATURE, out->name, out->key);
}

/* What is signed. */
static int put_message(struct buf *out, uint64_t time_s, struct ubytes body)
{
    TRY(buf_putf(out, "cosignature/v1\ntime %llu\n",
                 (unsigned long long)time_s));
    return buf_put(out, body.p, body.n);
}

int cosign_line(struct buf *out, const struct cosigner *c,
                const uint8_t secret[static 64], uint64_t time_s,
                struct ubytes body)
{
    uint8_t blob[BLOB_BYTES];
    struct buf message;
    unsigned i;
    int code;

    note_typed_key_id(c->name, NOTE_COSIGNATURE, c->key, blob);
    for (i = 0; i < TIME_BYTES; i++) {
        blob[NOTE_KEY_ID_BYTES + i] = (uint8_t)(time_s >> (56 - 8 * i));
    }
    buf_init(&message, (size_t)2 * NOTE_BYTES_MAX);
    code = put_message(&message, time_s, body);
    if (code == 0) {
        (void)crypto_sign_detached(blob + NOTE_KEY_ID_BYTES + TIME_BYTES, NULL,
                                   buf_bytes(&message).p, buf_len(&message),
                                   secret);
    }
    buf_release(&message);
    TRY(code);
    TRY(buf_put(out, em_dash_space, sizeof(em_dash_space)));
    TRY(buf_putf(out, "%s ", c->name));
    TRY(note_put_base64(out, blob, sizeof(blob)));
    return buf_put_u8(out, '\n');
}

static int signature_is_good(const struct cosigner *c, uint64_t time_s,
                             struct ubytes body,
                             const uint8_t sig[static SIGNATURE_BYTES],
                             int *out_good)
{
    struct buf message;
    int code;

    buf_init(&message, (size_t)2 * NOTE_BYTES_MAX);
    code = put_message(&message, time_s, body);
    *out_good = code == 0 && time_s <= INT64_MAX &&
                crypto_sign_verify_detached(sig, buf_bytes(&message).p,
                                            buf_len(&message), c->key) == 0;
    buf_release(&message);
    return code;
}

/* One signature line. COSIGN_E_NONE: well formed, of another key. */
static int check_line(struct note_text line, struct ubytes body,
                      const struct cosigner *c, uint64_t *out_time_s)
{
    uint8_t blob[BLOB_BYTES] = {0};
    uint8_t id[NOTE_KEY_ID_BYTES];
    const char *space;
    struct note_text name;
    uint64_t time_s = 0;
    size_t n;
    int good;
    unsigned i;

    if (!note_take_prefix(&line, em_dash_space, sizeof(em_dash_space)) ||
        (space = memchr(line.p, ' ', line.n)) == NULL) {
        return ERR_TRACE(ERR_ENCODING);
    }
    name = (struct note_text){line.p, (size_t)(space - line.p)};
    line.p = space + 1;
    line.n -= name.n + 1;
    if (name.n == 0 || !note_base64_decode(line, blob, sizeof(blob), &n) ||
        n <= NOTE_KEY_ID_BYTES) {
        return ERR_TRACE(ERR_ENCODING);
    }
    note_typed_key_id(c->name, NOTE_COSIGNATURE, c->key, id);
    if (!note_text_is(name, c->name) || memcmp(blob, id, sizeof(id)) != 0) {
        return COSIGN_E_NONE;
    }
    for (i = 0; i < TIME_BYTES; i++) {
        time_s = time_s << 8 | blob[NOTE_KEY_ID_BYTES + i];
    }
    if (n != sizeof(blob)) {
        return COSIGN_E_BAD;
    }
    TRY(signature_is_good(c, time_s, body,
                          blob + NOTE_KEY_ID_BYTES + TIME_BYTES, &good));
    *out_time_s = time_s;
    return good ? 0 : COSIGN_E_BAD;
}

/* Body and signature lines of a note. */
static int split(struct ubytes note, struct ubytes *out_body,
                 struct note_text *out_lines)
{
    struct checkpoint ignored;
    size_t body_n;

    TRY(note_peek(note, &ignored, &body_n));
    *out_body = (struct ubytes){note.p, body_n};
    /* body, empty line, signatures */
    *out_lines = (struct note_text){(const char *)note.p + body_n + 1,
                                    note.n - body_n - 1};
    return 0;
}

int cosign_check(struct ubytes note, const struct cosigner *c,
                 uint64_t *out_time_s)
{
    struct note_text rest;
    struct note_text line;
    struct ubytes body;
    int found = 0;

    TRY(split(note, &body, &rest));
    *out_time_s = 0;
    while (rest.n > 0) {
        uint64_t time_s = 0;
        int code;

        if (!note_take_line(&rest, &line)) {
            return ERR_TRACE(ERR_ENCODING);
        }
        code = check_line(line, body, c, &time_s);
        if (code == COSIGN_E_NONE) {
            continue;
        }
        if (code != 0) {
            return code;
        }
        found = 1;
        *out_time_s = time_s > *out_time_s ? time_s : *out_time_s;
    }
    return found ? 0 : COSIGN_E_NONE;
}

int cosign_pick(struct ubytes lines, struct ubytes body,
                const struct cosigner *c, struct buf *out, unsigned *out_n)
{
    struct note_text rest = {(const char *)lines.p, lines.n};
    struct note_text line;

    *out_n = 0;
    while (rest.n > 0) {
        uint64_t time_s;
        int code;

        if (!note_take_line(&rest, &line)) {
            return ERR_TRACE(ERR_ENCODING);
        }
        code = check_line(line, body, c, &time_s);
        if (code == 0) {
            TRY(buf_put(out, line.p, line.n + 1)); /* and its newline */
            (*out_n)++;
        } else if (code != COSIGN_E_NONE) {
            return code;
        }
    }
    return 0;
}

int cosign_strip(struct ubytes note, const struct cosigner *c, struct buf *out)
{
    struct note_text rest;
    struct note_text line;
    struct ubytes body;

    TRY(split(note, &body, &rest));
    TRY(buf_put(out, note.p, note.n - rest.n));
    while (rest.n > 0) {
        uint64_t time_s;
        int code;

        if (!note_take_line(&rest, &line)) {
            return ERR_TRACE(ERR_ENCODING);
        }
        code = check_line(line, body, c, &time_s);
        if (code < 0) {
            return code;
        }
        if (code == COSIGN_E_NONE) {
            TRY(buf_put(out, line.p, line.n + 1));
        }
    }
    return 0;
}
