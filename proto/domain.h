/* Input domains: what an exam draws from. Data, not code.
 *
 * Canonical bytes, one form per domain:
 *   01 bool
 *   03 code, u64 lo, u64 hi    integers lo..hi inclusive (two's complement bits
 *                              sign-extended to 64; lo <= hi in that type)
 *   04 width, u64 lo, u64 hi   floats, finite, lo <= hi (IEEE bits, f32 in the
 *                              low 32)
 *   05 u32 lo, u32 hi, u32 k, u32 code point * k   strings of lo..hi code points
 *                              over an alphabet (ascending, no repeats; k = 0:
 *                              any scalar value but NUL)
 *   06 u32 lo, u32 hi          byte strings of lo..hi bytes
 *   08 u32 lo, u32 hi, domain  lists of lo..hi elements
 *   09 u8 n, domain*n          tuples
 *   0c type, u32 n, values     a choice among n >= 1 values (u32 length, value)
 *   0f type, u16 file          a corpus: values of the file with that index in
 *                              ExamSpec.corpora
 * Depth of the type drawn <= TYPE_DEPTH_MAX, bytes <= DOMAIN_BYTES_MAX, and the
 * longest value it can make <= LIMIT_VALUE_BYTES. -0.0 stands before 0.0. */
#ifndef PROTO_DOMAIN_H
#define PROTO_DOMAIN_H

#include "proto/type.h"

#define DOMAIN_BYTES_MAX (1u << 20)

enum domain_tag {
    DOMAIN_BOOL = 0x01,
    DOMAIN_INT = 0x03,
    DOMAIN_FLOAT = 0x04,
    DOMAIN_STRING = 0x05,
    DOMAIN_BYTES = 0x06,
    DOMAIN_LIST = 0x08,
    DOMAIN_TUPLE = 0x09,
    DOMAIN_CHOICE = 0x0c,
    DOMAIN_CORPUS = 0x0f
};

/* Checks that in is exactly one domain in canonical form and gives the type of
 * what it draws. 0, ERR_ENCODING, ERR_LIMIT. */
int domain_check(struct ubytes in, struct type *out_type) MUST_USE;

/* How many values it can make: *out_n, or UINT64_MAX when 2^64 or more. A
 * corpus counts corpus_n[file]; pass NULL for none (then 0). */
int domain_size(struct ubytes in, const uint32_t *corpus_n, size_t corpora_n,
                uint64_t *out_n) MUST_USE;

/* One line for people, e.g. "bytes of length 0..4096". Cut, terminated. */
void domain_text(struct ubytes in, char *out, size_t n);

#endif
