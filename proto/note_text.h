/* Lines, numbers and base64 of the text formats beside note.h: what their
 * parsers share. Predicates return true or false and judge one spelling per
 * value. */
#ifndef PROTO_NOTE_TEXT_H
#define PROTO_NOTE_TEXT_H

#include "proto/buf.h"
#include "proto/merkle.h"

/* A piece of text under the parser's hands; borrowed. */
struct note_text {
    const char *p;
    size_t n;
};

int note_text_is(struct note_text t, const char *s);
/* Cuts the first line off *rest, without its newline. False when none ends. */
int note_take_line(struct note_text *rest, struct note_text *out);
int note_take_prefix(struct note_text *t, const void *prefix, size_t n);
/* Decimal without sign or leading zero. */
int note_parse_u64(struct note_text t, uint64_t *out);
/* Base64 of exactly 32 bytes. */
int note_parse_hash(struct note_text t, struct merkle_hash *out);
/* Standard alphabet, padded, no stray bits. Writes at most cap bytes; *out_n is
 * the whole length, which may be more. */
int note_base64_decode(struct note_text t, uint8_t *out, size_t cap,
                       size_t *out_n);
/* Appends n bytes as base64. 0, ERR_NOMEM, ERR_LIMIT. */
int note_put_base64(struct buf *b, const uint8_t *p, size_t n) MUST_USE;

#endif
