/* Reader of GGUF files (versions 2 and 3, little endian) over read-only bytes.
 * Strict: what a file may leave open, this refuses by name: another version,
 * duplicate keys or names, gaps or overlaps between tensors, trailing bytes,
 * nested arrays, tensor types but f32, f16, bf16 and q8_0 (others are named).
 * Nothing is copied but the directory; the numbers in tensors are not looked
 * at: whoever uses them refuses those that are not finite.
 *
 * Layout: "GGUF", u32 version, u64 tensors, u64 pairs; pair: string key, u32
 * type, value; tensor: string name, u32 dimensions, u64 each (fastest first),
 * u32 type, u64 offset from the data's start. A string is u64 length and bytes.
 * Data and every tensor are aligned to general.alignment (power of two, default
 * 32) and padded to it, the last tensor too.
 * Source: the ggml project's description of the format. Workers only. */
#ifndef WORKERS_NN_GGUF_H
#define WORKERS_NN_GGUF_H

#include "proto/diag.h"

#define GGUF_PAIRS_MAX 4096u
#define GGUF_TENSORS_MAX 65536u
#define GGUF_NAME_BYTES_MAX 63u /* of a tensor */
#define GGUF_KEY_BYTES_MAX 255u
#define GGUF_ARRAY_MAX (1u << 24)
#define GGUF_STRING_BYTES_MAX (1u << 30)
#define GGUF_DIMENSIONS_MAX 4u

enum gguf_type {
    GGUF_U8 = 0,
    GGUF_I8 = 1,
    GGUF_U16 = 2,
    GGUF_I16 = 3,
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9,
    GGUF_U64 = 10,
    GGUF_I64 = 11,
    GGUF_F64 = 12
};

/* Of a tensor: the ggml project's numbers. */
enum gguf_tensor_type {
    GGUF_TENSOR_F32 = 0,
    GGUF_TENSOR_F16 = 1,
    GGUF_TENSOR_Q8_0 = 8, /* blocks of 32: f16 scale, 32 x i8 */
    GGUF_TENSOR_BF16 = 30
};

struct gguf_pair {
    struct ubytes key;
    enum gguf_type type;
    enum gguf_type element; /* of an array */
    uint64_t n;             /* elements of an array */
    struct ubytes value;    /* as in the file; an array's elements */
};

struct gguf_tensor {
    struct ubytes name;
    uint32_t dimensions_n;
    uint64_t dimensions[GGUF_DIMENSIONS_MAX]; /* fastest first; unused are 1 */
    enum gguf_tensor_type type;
    const void *data; /* aligned to 4 at least; borrows the file */
    uint64_t bytes;   /* of data, without what pads it */
};

struct gguf {
    struct gguf_pair *pairs;     /* owned; sorted by key */
    struct gguf_tensor *tensors; /* owned; sorted by name */
    uint32_t pairs_n;
    uint32_t tensors_n;
    uint64_t alignment;
};

/* Reads the directory of file, which is borrowed until gguf_release and must be
 * aligned to 64 bytes. 0, ERR_NOMEM, or ERR_INPUT or ERR_LIMIT with ${d} set.
 * O(n log n) in pairs and tensors. */
int gguf_open(struct ubytes file, struct gguf *out, struct diag *d) MUST_USE;
void gguf_release(struct gguf *g);

/* "f32", ... of any number the format gives a type; NULL when none has it. */
const char *gguf_tensor_type_name(uint64_t type);
/* Bytes of n numbers of a type, n a multiple of a block (32 for q8_0, else 1);
 * 0 when n is none, or more than 2^60. */
uint64_t gguf_tensor_type_bytes(enum gguf_tensor_type type, uint64_t n);

/* NULL when there is none. */
const struct gguf_pair *gguf_pair(const struct gguf *g, const char *key);
const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name);
/* Bytes of a string pair; {NULL, 0} when it is missing or no string. */
struct ubytes gguf_string(const struct gguf *g, const char *key);
/* Number pairs. 0, GGUF_E_ABSENT (*out is left alone), or GGUF_E_TYPE: of
 * another kind, or negative (uint), or not finite (real). */
enum {
    GGUF_E_ABSENT = 1,
    GGUF_E_TYPE = 2
};
int gguf_uint(const struct gguf *g, const char *key, uint64_t *out) MUST_USE;
int gguf_real(const struct gguf *g, const char *key, double *out) MUST_USE;
int gguf_bool(const struct gguf *g, const char *key, int *out) MUST_USE;
/* Element i of an array. i < p->n, p->element fits: for uint any whole-number
 * type or bool (then *out_ok is 0 when it is negative). The string form is
 * O(i). */
uint32_t gguf_array_u32(const struct gguf_pair *p, uint64_t i);
uint64_t gguf_array_uint(const struct gguf_pair *p, uint64_t i, int *out_ok);
float gguf_array_f32(const struct gguf_pair *p, uint64_t i);
struct ubytes gguf_array_string(const struct gguf_pair *p, uint64_t i);

/* All strings of an array in order, O(1) each: off starts at 0; {NULL, 0}
 * behind the last. p->element is GGUF_STRING. */
struct ubytes gguf_next_string(const struct gguf_pair *p, uint64_t *off);

#endif
