/* Signed-note checkpoints (C2SP signed-note, tlog-checkpoint). Ed25519 by
 * libsodium. */
#ifndef PROTO_NOTE_H
#define PROTO_NOTE_H

#include "proto/buf.h"
#include "proto/merkle.h"

#define NOTE_ORIGIN_BYTES 128
#define NOTE_BYTES_MAX 65536
#define NOTE_SIGNATURES_MAX 64

struct checkpoint {
    char origin[NOTE_ORIGIN_BYTES];
    uint64_t size;
    struct merkle_hash root;
};

/* Body: origin, size, base64 root, a newline after each. */
int note_body(struct buf *out, const struct checkpoint *c) MUST_USE;
/* Body, empty line, one signature line. sig: Ed25519 over the body. */
int note_write(struct buf *out, const struct checkpoint *c,
               const uint8_t key[static 32],
               const uint8_t sig[static 64]) MUST_USE;
/* Parses and verifies. Unknown signatures are ignored, a known key whose
 * signature fails means refuse. 0, ERR_ENCODING, or NOTE_E_SIGNATURE. */
enum {
    NOTE_E_SIGNATURE = 1
};
int note_read(struct ubytes in, const char *origin,
              const uint8_t key[static 32], struct checkpoint *out,
              uint8_t out_sig[static 64]) MUST_USE;
/* The same of a checkpoint file; key NULL: no signature is looked at. 0, ERR_NOT_FOUND, ERR_STORE_DAMAGED (it is none
 * of this log), ERR_NOMEM, ERR_IO. */
int note_read_file(int dir_fd, const char *name, const char *origin,
                   const uint8_t *key, struct checkpoint *out) MUST_USE;
/* First bytes of each signature by that key. */
#define NOTE_KEY_ID_BYTES 4
void note_key_id(const char *name, const uint8_t key[static 32],
                 uint8_t out[static NOTE_KEY_ID_BYTES]);
/* What both keys sign when the log's key changes: five lines, no checkpoint body
 * of any log of ours, as the first is no origin. size: records that the old key
 * signed. */
int note_key_change(struct buf *out, const char *origin, uint64_t size,
                    const uint8_t old_key[static 32],
                    const uint8_t new_key[static 32]) MUST_USE;
/* What a note says and how long its body is, whoever signed it: no signature is
 * looked at. 0 or ERR_ENCODING. */
int note_peek(struct ubytes in, struct checkpoint *out,
              size_t *out_body_n) MUST_USE;
/* "name+hash+key" line for outside verifiers, without newline. */
int note_vkey(struct buf *out, const char *name,
              const uint8_t key[static 32]) MUST_USE;
int note_vkey_parse(const char *text, char out_name[static NOTE_ORIGIN_BYTES],
                    uint8_t out_key[static 32]) MUST_USE;

/* The same for keys that sign otherwise: type is the byte before the key. */
enum note_type {
    NOTE_ED25519 = 1,
    NOTE_COSIGNATURE = 4 /* cosign.h */
};
void note_typed_key_id(const char *name, enum note_type type,
                       const uint8_t key[static 32],
                       uint8_t out[static NOTE_KEY_ID_BYTES]);
int note_typed_vkey(struct buf *out, const char *name, enum note_type type,
                    const uint8_t key[static 32]) MUST_USE;
int note_typed_vkey_parse(const char *text, enum note_type type,
                          char out_name[static NOTE_ORIGIN_BYTES],
                          uint8_t out_key[static 32]) MUST_USE;

#endif
