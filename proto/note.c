/* Checkpoints as signed notes, and verifier keys. Any process;
 * holds no secret key: signatures come in from the signer.
 *
 * The parser is strict (one text form per checkpoint: no leading zeros, no
 * other base64 than the canonical one, no control bytes), because the root is
 * what everybody else trusts. Sources: c2sp.org/signed-note, tlog-checkpoint
 * (2026-07-22). */
#include "proto/note.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "proto/disk.h"
#include "proto/err.h"
#include "proto/note_text.h"
#include "proto/utf8.h"

#define KEY_ID_BYTES NOTE_KEY_ID_BYTES
#define KEY_BYTES 32
#define SIGNATURE_BYTES 64

static const uint8_t em_dash_space[4] = {0xe2, 0x80, 0x94, ' '};

/* A key name: not empty, no space, no plus, no control byte. */
static int name_is_valid(struct note_text t)
{
    size_t i;

    for (i = 0; i < t.n; i++) {
        if ((unsigned char)t.p[i] <= ' ' || t.p[i] == '+' || t.p[i] == 0x7f) {
            return 0;
        }
    }
    return t.n > 0 && utf8_is_valid((struct ubytes){(const uint8_t *)t.p, t.n});
}

void note_typed_key_id(const char *name, enum note_type type,
                       const uint8_t key[static KEY_BYTES],
                       uint8_t out[static KEY_ID_BYTES])
{
    const uint8_t kind[2] = {'\n', (uint8_t)type};
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&state, kind, sizeof(kind));
    crypto_hash_sha256_update(&state, key, KEY_BYTES);
    crypto_hash_sha256_final(&state, hash);
    memcpy(out, hash, KEY_ID_BYTES);
}

void note_key_id(const char *name, const uint8_t key[static KEY_BYTES],
                 uint8_t out[static KEY_ID_BYTES])
{
    note_typed_key_id(name, NOTE_ED25519, key, out);
}

int note_body(struct buf *out, const struct checkpoint *c)
{
    TRY(buf_putf(out, "%s\n%llu\n", c->origin, (unsigned long long)c->size));
    TRY(note_put_base64(out, c->root.b, sizeof(c->root.b)));
    return buf_put_u8(out, '\n');
}

int note_write(struct buf *out, const struct checkpoint *c,
               const uint8_t key[static 32], const uint8_t sig[static 64])
{
    uint8_t blob[KEY_ID_BYTES + SIGNATURE_BYTES];

    note_key_id(c->origin, key, blob);
    memcpy(blob + KEY_ID_BYTES, sig, SIGNATURE_BYTES);
    TRY(note_body(out, c));
    TRY(buf_put_u8(out, '\n'));
    TRY(buf_put(out, em_dash_space, sizeof(em_dash_space)));
    TRY(buf_putf(out, "%s ", c->origin));
    TRY(note_put_base64(out, blob, sizeof(blob)));
    return buf_put_u8(out, '\n');
}

/* UTF-8, and no control byte but the newline. */
static int note_is_clean(struct ubytes in)
{
    size_t i;

    for (i = 0; i < in.n; i++) {
        if ((in.p[i] < 0x20 && in.p[i] != '\n') || in.p[i] == 0x7f) {
            return 0;
        }
    }
    return in.n > 0 && in.n <= NOTE_BYTES_MAX && utf8_is_valid(in);
}

/* The three lines, extension lines skipped, the empty line; *rest: signatures,
 * *body: what they sign. origin NULL: anybody's. */
static int parse_body(struct note_text *rest, const char *origin,
                      struct checkpoint *out, struct note_text *body)
{
    struct note_text line;

    body->p = rest->p;
    memset(out, 0, sizeof(*out));
    if (!note_take_line(rest, &line) ||
        (origin != NULL && !note_text_is(line, origin)) || line.n == 0 ||
        line.n >= sizeof(out->origin)) {
        return 0;
    }
    memcpy(out->origin, line.p, line.n);
    if (!note_take_line(rest, &line) || !note_parse_u64(line, &out->size) ||
        !note_take_line(rest, &line) || !note_parse_hash(line, &out->root)) {
        return 0;
    }
    do {
        body->n = (size_t)(rest->p - body->p);
        if (!note_take_line(rest, &line)) {
            return 0;
        }
    } while (line.n > 0);
    return 1;
}

struct known_key {
    const char *name;
    const uint8_t *key;
    uint8_t id[KEY_ID_BYTES];
    uint8_t *out_sig;
    int verified;
};

/* One signature line: 0, ERR_ENCODING, NOTE_E_SIGNATURE (known and bad). */
static int check_signature(struct note_text line, struct note_text body,
                           struct known_key *k)
{
    uint8_t blob[KEY_ID_BYTES + SIGNATURE_BYTES];
    struct note_text name;
    const char *space;
    size_t n;

    if (!note_take_prefix(&line, em_dash_space, sizeof(em_dash_space)) ||
        (space = memchr(line.p, ' ', line.n)) == NULL) {
        return ERR_TRACE(ERR_ENCODING);
    }
    name = (struct note_text){line.p, (size_t)(space - line.p)};
    line.p = space + 1;
    line.n -= name.n + 1;
    if (!name_is_valid(name) ||
        !note_base64_decode(line, blob, sizeof(blob), &n) ||
        n <= KEY_ID_BYTES) {
        return ERR_TRACE(ERR_ENCODING);
    }
    if (!note_text_is(name, k->name) ||
        memcmp(blob, k->id, KEY_ID_BYTES) != 0) {
        return 0; /* somebody else's: not ours to judge */
    }
    if (n != sizeof(blob) || crypto_sign_verify_detached(
                                 blob + KEY_ID_BYTES, (const uint8_t *)body.p,
                                 body.n, k->key) != 0) {
        return NOTE_E_SIGNATURE;
    }
    memcpy(k->out_sig, blob + KEY_ID_BYTES, SIGNATURE_BYTES);
    k->verified = 1;
    return 0;
}

int note_read(struct ubytes in, const char *origin,
              const uint8_t key[static 32], struct checkpoint *out,
              uint8_t out_sig[static 64])
{
    struct note_text rest = {(const char *)in.p, in.n};
    struct known_key known = {.name = origin, .key = key, .out_sig = out_sig};
    struct note_text body;
    struct note_text line;
    unsigned lines_n = 0;

    if (!note_is_clean(in) || !parse_body(&rest, origin, out, &body)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    note_key_id(origin, key, known.id);
    while (rest.n > 0) {
        int code;

        if (++lines_n > NOTE_SIGNATURES_MAX || !note_take_line(&rest, &line)) {
            return ERR_TRACE(ERR_ENCODING);
        }
        code = check_signature(line, body, &known);
        if (code != 0) {
            return code;
        }
    }
    if (lines_n == 0) {
        return ERR_TRACE(ERR_ENCODING);
    }
    return known.verified ? 0 : NOTE_E_SIGNATURE;
}

int note_peek(struct ubytes in, struct checkpoint *out, size_t *out_body_n)
{
    struct note_text rest = {(const char *)in.p, in.n};
    struct note_text body;

    if (!note_is_clean(in) || !parse_body(&rest, NULL, out, &body)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    *out_body_n = body.n;
    return 0;
}

int note_key_change(struct buf *out, const char *origin, uint64_t size,
                    const uint8_t old_key[static 32],
                    const uint8_t new_key[static 32])
{
    TRY(buf_putf(out, "proctor key change v1\n%s\n%llu\n", origin,
                 (unsigned long long)size));
    TRY(note_vkey(out, origin, old_key));
    TRY(buf_put_u8(out, '\n'));
    TRY(note_vkey(out, origin, new_key));
    return buf_put_u8(out, '\n');
}

int note_vkey(struct buf *out, const char *name, const uint8_t key[static 32])
{
    return note_typed_vkey(out, name, NOTE_ED25519, key);
}

int note_typed_vkey(struct buf *out, const char *name, enum note_type type,
                    const uint8_t key[static 32])
{
    uint8_t typed[1 + KEY_BYTES] = {(uint8_t)type};
    uint8_t id[KEY_ID_BYTES];

    note_typed_key_id(name, type, key, id);
    memcpy(typed + 1, key, KEY_BYTES);
    TRY(buf_putf(out, "%s+%02x%02x%02x%02x+", name, id[0], id[1], id[2],
                 id[3]));
    return note_put_base64(out, typed, sizeof(typed));
}

/* Eight lower-case hex digits. */
static int parse_key_id(struct note_text t, uint8_t out[static KEY_ID_BYTES])
{
    size_t i;

    memset(out, 0, KEY_ID_BYTES);
    if (t.n != (size_t)2 * KEY_ID_BYTES) {
        return 0;
    }
    for (i = 0; i < t.n; i++) {
        char c = t.p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;

        if (digit < 0) {
            return 0;
        }
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | digit);
    }
    return 1;
}

int note_vkey_parse(const char *text, char out_name[static NOTE_ORIGIN_BYTES],
                    uint8_t out_key[static 32])
{
    return note_typed_vkey_parse(text, NOTE_ED25519, out_name, out_key);
}

int note_typed_vkey_parse(const char *text, enum note_type type,
                          char out_name[static NOTE_ORIGIN_BYTES],
                          uint8_t out_key[static 32])
{
    const char *first = strchr(text, '+');
    const char *second = first == NULL ? NULL : strchr(first + 1, '+');
    uint8_t typed[1 + KEY_BYTES];
    uint8_t stated[KEY_ID_BYTES];
    uint8_t id[KEY_ID_BYTES];
    struct note_text name;
    size_t n;

    if (second == NULL) {
        return ERR_TRACE(ERR_ENCODING);
    }
    name = (struct note_text){text, (size_t)(first - text)};
    if (name.n >= NOTE_ORIGIN_BYTES || !name_is_valid(name) ||
        !parse_key_id(
            (struct note_text){first + 1, (size_t)(second - first - 1)},
            stated) ||
        !note_base64_decode((struct note_text){second + 1, strlen(second + 1)},
                            typed, sizeof(typed), &n) ||
        n != sizeof(typed) || typed[0] != type) {
        return ERR_TRACE(ERR_ENCODING);
    }
    memcpy(out_name, name.p, name.n);
    out_name[name.n] = '\0';
    memcpy(out_key, typed + 1, KEY_BYTES);
    note_typed_key_id(out_name, type, out_key, id);
    return memcmp(id, stated, sizeof(id)) == 0 ? 0 : ERR_TRACE(ERR_ENCODING);
}

static int peek_of(struct ubytes in, const char *origin,
                   struct checkpoint *out)
{
    size_t body_n;

    TRY(note_peek(in, out, &body_n));
    return strcmp(out->origin, origin) == 0 ? 0 : ERR_TRACE(ERR_ENCODING);
}

int note_read_file(int dir_fd, const char *name, const char *origin,
                   const uint8_t *key, struct checkpoint *out)
{
    int fd CLEANUP(fd_closep) = -1;
    struct buf text;
    uint8_t sig[64];
    uint8_t *room;
    size_t n = 0;
    int code;

    TRY(disk_open(dir_fd, name, O_RDONLY, &fd));
    buf_init(&text, NOTE_BYTES_MAX);
    code = buf_extend(&text, NOTE_BYTES_MAX, &room);
    if (code == 0) {
        code = disk_read(fd, 0, room, NOTE_BYTES_MAX, &n);
    }
    if (code == 0 && (key != NULL ? note_read((struct ubytes){room, n}, origin,
                                              key, out, sig)
                                  : peek_of((struct ubytes){room, n}, origin,
                                            out)) != 0) {
        code = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    buf_release(&text);
    return code;
}
