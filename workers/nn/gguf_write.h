/* Writer of GGUF files (version 3), front to back: pairs and tensors are named
 * first, then their numbers follow in the same order. What it writes, gguf_open
 * reads, and so do other programs: offsets leave no gap, every tensor is padded,
 * the last too. Data lie in memory only as far as the caller holds them.
 *
 * Errors stay: after the first one every call does nothing, and begin, data and
 * end return it. Workers only; the sink decides where the bytes go. */
#ifndef WORKERS_NN_GGUF_WRITE_H
#define WORKERS_NN_GGUF_WRITE_H

#include "proto/buf.h"
#include "workers/nn/gguf.h"

#define GGUF_HEAD_BYTES_MAX (1u << 30) /* pairs and names of one file */

/* Takes bytes, in order. 0, or an error, which ends the file. */
typedef int gguf_sink(void *ctx, struct ubytes bytes);

struct gguf_writer;

int gguf_writer_new(struct gguf_writer **out) MUST_USE;
void gguf_writer_free(struct gguf_writer *w); /* NULL is fine */

/* Pairs, in the order in which they shall stand. That keys and names differ is
 * the caller's affair: readers refuse the file. array: n elements as they stand
 * in a file (struct gguf_pair). */
void gguf_writer_string(struct gguf_writer *w, const char *key, const char *v);
void gguf_writer_u32(struct gguf_writer *w, const char *key, uint32_t v);
void gguf_writer_f32(struct gguf_writer *w, const char *key, float v);
void gguf_writer_bool(struct gguf_writer *w, const char *key, int v);
void gguf_writer_array(struct gguf_writer *w, const char *key,
                       enum gguf_type element, uint64_t n,
                       struct ubytes elements);
/* A pair of another file, as it is. */
void gguf_writer_pair(struct gguf_writer *w, const struct gguf_pair *p);

/* A tensor; dimensions fastest first, 1 to 4 of them. */
void gguf_writer_tensor(struct gguf_writer *w, const char *name,
                        enum gguf_tensor_type type, uint32_t dimensions_n,
                        const uint64_t *dimensions);

/* Bytes of the whole file; 0 after an error. */
uint64_t gguf_writer_bytes(const struct gguf_writer *w);

/* Writes the head. Then the bytes of all tensors in their order, in pieces of
 * any size that end where a tensor ends. Then end: ERR_INPUT when bytes are
 * missing. */
int gguf_writer_begin(struct gguf_writer *w, gguf_sink *sink,
                      void *ctx) MUST_USE;
int gguf_writer_data(struct gguf_writer *w, struct ubytes bytes) MUST_USE;
int gguf_writer_end(struct gguf_writer *w) MUST_USE;

/* One string as an array of strings holds it. */
int gguf_put_string(struct buf *b, struct ubytes text) MUST_USE;
/* v in n bytes, little endian. */
int gguf_put_number(struct buf *b, uint64_t v, size_t n) MUST_USE;

#endif
