/* Checkpoints as signed notes, verifier keys, and proof files. Any process;
 * holds no secret key: signatures come in from the signer.
 *
 * The parser is strict (one text form per checkpoint: no leading zeros, no
 * other base64 than the canonical one, no control bytes), because the root is
 * what everybody else trusts. Sources: c2sp.org/signed-note, tlog-checkpoint,
 * tlog-proof (2026-07-22). */
#include "proto/note.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "proto/disk.h"
#include "proto/err.h"
#include "proto/utf8.h"

#define KEY_ID_BYTES 4
#define KEY_BYTES 32
#define SIGNATURE_BYTES 64
#define ALGORITHM_ED25519 1
#define HASH_TEXT 44 /* base64 of 32 bytes */
#define PROOF_HEAD "c2sp.org/tlog-proof@v1\n"

static const uint8_t em_dash_space[4] = {0xe2, 0x80, 0x94, ' '};

/* A piece of text under the parser's hands. */
struct text {
    const char *p;
    size_t n;
};

static int text_is(struct text t, const char *s)
{
    return t.n == strlen(s) && memcmp(t.p, s, t.n) == 0;
}

/* Cuts the first line off *rest, without its newline. False when none ends. */
static int take_line(struct text *rest, struct text *out)
{
    const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);

    if (end == NULL) {
        return 0;
    }
    out->p = rest->p;
    out->n = (size_t)(end - rest->p);
    rest->p = end + 1;
    rest->n -= out->n + 1;
    return 1;
}

static int take_prefix(struct text *t, const void *prefix, size_t n)
{
    if (t->n < n || memcmp(t->p, prefix, n) != 0) {
        return 0;
    }
    t->p += n;
    t->n -= n;
    return 1;
}

/* Decimal without sign or leading zero. */
static int parse_size(struct text t, uint64_t *out)
{
    uint64_t v = 0;
    size_t i;

    if (t.n == 0 || (t.n > 1 && t.p[0] == '0')) {
        return 0;
    }
    for (i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9' ||
            __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (unsigned)(t.p[i] - '0'), &v)) {
            return 0;
        }
    }
    *out = v;
    return 1;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Standard alphabet, padded, no stray bits. Writes at most cap bytes; *out_n is
 * the whole length, which may be more. */
static int base64_decode(struct text t, uint8_t *out, size_t cap, size_t *out_n)
{
    size_t pad = 0;
    size_t n = 0;
    size_t i;
    uint32_t acc = 0;

    if (t.n == 0 || t.n % 4 != 0) {
        return 0;
    }
    pad = t.p[t.n - 1] != '=' ? 0 : t.p[t.n - 2] != '=' ? 1 : 2;
    for (i = 0; i < t.n - pad; i++) {
        int digit = base64_digit(t.p[i]);

        if (digit < 0) {
            return 0;
        }
        acc = acc << 6 | (uint32_t)digit;
        if (i % 4 == 0) {
            continue; /* six bits are no byte yet */
        }
        if (n < cap) {
            out[n] = (uint8_t)(acc >> (6 - 2 * (i % 4)));
        }
        n++;
    }
    *out_n = n;
    return (acc & ((1u << (2 * pad)) - 1)) == 0;
}

static int parse_hash(struct text t, struct merkle_hash *out)
{
    size_t n;

    return t.n == HASH_TEXT && base64_decode(t, out->b, sizeof(out->b), &n) &&
           n == sizeof(out->b);
}

static int put_base64(struct buf *b, const uint8_t *p, size_t n)
{
    char text[128];

    ASSERT(sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL) <=
           sizeof(text));
    sodium_bin2base64(text, sizeof(text), p, n, sodium_base64_VARIANT_ORIGINAL);
    return buf_put(b, text, strlen(text));
}

/* A key name: not empty, no space, no plus, no control byte. */
static int name_is_valid(struct text t)
{
    size_t i;

    for (i = 0; i < t.n; i++) {
        if ((unsigned char)t.p[i] <= ' ' || t.p[i] == '+' || t.p[i] == 0x7f) {
            return 0;
        }
    }
    return t.n > 0 && utf8_is_valid((struct ubytes){(const uint8_t *)t.p, t.n});
}

static void key_id(const char *name, const uint8_t key[static KEY_BYTES],
                   uint8_t out[static KEY_ID_BYTES])
{
    static const uint8_t kind[2] = {'\n', ALGORITHM_ED25519};
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&state, kind, sizeof(kind));
    crypto_hash_sha256_update(&state, key, KEY_BYTES);
    crypto_hash_sha256_final(&state, hash);
    memcpy(out, hash, KEY_ID_BYTES);
}

int note_body(struct buf *out, const struct checkpoint *c)
{
    TRY(buf_putf(out, "%s\n%llu\n", c->origin, (unsigned long long)c->size));
    TRY(put_base64(out, c->root.b, sizeof(c->root.b)));
    return buf_put_u8(out, '\n');
}

int note_write(struct buf *out, const struct checkpoint *c,
               const uint8_t key[static 32], const uint8_t sig[static 64])
{
    uint8_t blob[KEY_ID_BYTES + SIGNATURE_BYTES];

    key_id(c->origin, key, blob);
    memcpy(blob + KEY_ID_BYTES, sig, SIGNATURE_BYTES);
    TRY(note_body(out, c));
    TRY(buf_put_u8(out, '\n'));
    TRY(buf_put(out, em_dash_space, sizeof(em_dash_space)));
    TRY(buf_putf(out, "%s ", c->origin));
    TRY(put_base64(out, blob, sizeof(blob)));
    return buf_put_u8(out, '\n');
}

/* UTF-8, and no control byte but the newline. */
static int note_text_is_valid(struct ubytes in)
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
 * *body: what they sign. */
static int parse_body(struct text *rest, const char *origin,
                      struct checkpoint *out, struct text *body)
{
    struct text line;

    body->p = rest->p;
    memset(out, 0, sizeof(*out));
    if (!take_line(rest, &line) || !text_is(line, origin) ||
        line.n >= sizeof(out->origin)) {
        return 0;
    }
    memcpy(out->origin, line.p, line.n);
    if (!take_line(rest, &line) || !parse_size(line, &out->size) ||
        !take_line(rest, &line) || !parse_hash(line, &out->root)) {
        return 0;
    }
    do {
        body->n = (size_t)(rest->p - body->p);
        if (!take_line(rest, &line)) {
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
static int check_signature(struct text line, struct text body,
                           struct known_key *k)
{
    uint8_t blob[KEY_ID_BYTES + SIGNATURE_BYTES];
    struct text name;
    const char *space;
    size_t n;

    if (!take_prefix(&line, em_dash_space, sizeof(em_dash_space)) ||
        (space = memchr(line.p, ' ', line.n)) == NULL) {
        return ERR_TRACE(ERR_ENCODING);
    }
    name = (struct text){line.p, (size_t)(space - line.p)};
    line.p = space + 1;
    line.n -= name.n + 1;
    if (!name_is_valid(name) || !base64_decode(line, blob, sizeof(blob), &n) ||
        n <= KEY_ID_BYTES) {
        return ERR_TRACE(ERR_ENCODING);
    }
    if (!text_is(name, k->name) || memcmp(blob, k->id, KEY_ID_BYTES) != 0) {
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
    struct text rest = {(const char *)in.p, in.n};
    struct known_key known = {.name = origin, .key = key, .out_sig = out_sig};
    struct text body;
    struct text line;
    unsigned lines_n = 0;

    if (!note_text_is_valid(in) || !parse_body(&rest, origin, out, &body)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    key_id(origin, key, known.id);
    while (rest.n > 0) {
        int code;

        if (++lines_n > NOTE_SIGNATURES_MAX || !take_line(&rest, &line)) {
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

int note_vkey(struct buf *out, const char *name, const uint8_t key[static 32])
{
    uint8_t typed[1 + KEY_BYTES] = {ALGORITHM_ED25519};
    uint8_t id[KEY_ID_BYTES];

    key_id(name, key, id);
    memcpy(typed + 1, key, KEY_BYTES);
    TRY(buf_putf(out, "%s+%02x%02x%02x%02x+", name, id[0], id[1], id[2],
                 id[3]));
    return put_base64(out, typed, sizeof(typed));
}

/* Eight lower-case hex digits. */
static int parse_key_id(struct text t, uint8_t out[static KEY_ID_BYTES])
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
    const char *first = strchr(text, '+');
    const char *second = first == NULL ? NULL : strchr(first + 1, '+');
    uint8_t typed[1 + KEY_BYTES];
    uint8_t stated[KEY_ID_BYTES];
    uint8_t id[KEY_ID_BYTES];
    struct text name;
    size_t n;

    if (second == NULL) {
        return ERR_TRACE(ERR_ENCODING);
    }
    name = (struct text){text, (size_t)(first - text)};
    if (name.n >= NOTE_ORIGIN_BYTES || !name_is_valid(name) ||
        !parse_key_id((struct text){first + 1, (size_t)(second - first - 1)},
                      stated) ||
        !base64_decode((struct text){second + 1, strlen(second + 1)}, typed,
                       sizeof(typed), &n) ||
        n != sizeof(typed) || typed[0] != ALGORITHM_ED25519) {
        return ERR_TRACE(ERR_ENCODING);
    }
    memcpy(out_name, name.p, name.n);
    out_name[name.n] = '\0';
    memcpy(out_key, typed + 1, KEY_BYTES);
    key_id(out_name, out_key, id);
    return memcmp(id, stated, sizeof(id)) == 0 ? 0 : ERR_TRACE(ERR_ENCODING);
}

int note_proof_write(struct buf *out, uint64_t index,
                     const struct merkle_hash *proof, size_t proof_n,
                     struct ubytes checkpoint_note)
{
    size_t i;

    TRY(buf_putf(out, PROOF_HEAD "index %llu\n", (unsigned long long)index));
    for (i = 0; i < proof_n; i++) {
        TRY(put_base64(out, proof[i].b, sizeof(proof[i].b)));
        TRY(buf_put_u8(out, '\n'));
    }
    TRY(buf_put_u8(out, '\n'));
    return buf_put(out, checkpoint_note.p, checkpoint_note.n);
}

/* "extra" line if any, "index N", hashes, empty line. */
static int parse_proof(struct text *rest, uint64_t *out_index,
                       struct merkle_hash proof[static MERKLE_PROOF_MAX],
                       size_t *out_n)
{
    struct text line;
    size_t ignored;

    if (!take_prefix(rest, PROOF_HEAD, sizeof(PROOF_HEAD) - 1) ||
        !take_line(rest, &line)) {
        return 0;
    }
    if (take_prefix(&line, "extra ", 6) &&
        (!base64_decode(line, NULL, 0, &ignored) || !take_line(rest, &line))) {
        return 0;
    }
    if (!take_prefix(&line, "index ", 6) || !parse_size(line, out_index)) {
        return 0;
    }
    for (*out_n = 0; take_line(rest, &line); (*out_n)++) {
        if (line.n == 0) {
            return 1;
        }
        if (*out_n == MERKLE_PROOF_MAX || !parse_hash(line, &proof[*out_n])) {
            return 0;
        }
    }
    return 0;
}

int note_proof_check(struct ubytes in, const char *origin,
                     const uint8_t key[static 32],
                     const struct merkle_hash *leaf, uint64_t *out_index,
                     struct checkpoint *out)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct text rest = {(const char *)in.p, in.n};
    uint8_t sig[SIGNATURE_BYTES];
    size_t proof_n;
    int code;

    if (!parse_proof(&rest, out_index, proof, &proof_n)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    code = note_read((struct ubytes){(const uint8_t *)rest.p, rest.n}, origin,
                     key, out, sig);
    if (code != 0) {
        return code;
    }
    return merkle_check_inclusion(*out_index, out->size, leaf, proof, proof_n,
                                  &out->root)
               ? 0
               : NOTE_E_PROOF;
}

int note_read_file(int dir_fd, const char *name, const char *origin,
                   const uint8_t key[static 32], struct checkpoint *out)
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
    if (code == 0 &&
        note_read((struct ubytes){room, n}, origin, key, out, sig) != 0) {
        code = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    buf_release(&text);
    return code;
}
