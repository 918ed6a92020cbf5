/* Strict UTF-8 (RFC 3629): no surrogates, no overlong forms, <= U+10FFFF. */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include "proto/base.h"

int utf8_is_valid(struct ubytes s);
/* Bytes of the well-formed sequence at the front of s and its scalar value; 0
 * (and *out_cp undefined) if there is none. */
size_t utf8_next(struct ubytes s, uint32_t *out_cp);
/* C0, C1, DEL, bidi controls, line and paragraph separator: never shown raw. */
int utf8_is_unsafe(uint32_t cp);
/* Bytes of one code point, 1..4, into out. cp is a scalar value. */
size_t utf8_put(uint32_t cp, uint8_t out[static 4]);
/* Hostile text for a terminal: valid UTF-8 kept, C0, C1, DEL, bidi controls and
 * bad bytes written as \xNN; at most out_n - 1 bytes, always terminated. */
void utf8_escape(struct ubytes s, char *out, size_t out_n);

#endif
