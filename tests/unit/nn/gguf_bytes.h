/* GGUF files written by hand, little endian, for tests. */
#ifndef TESTS_UNIT_NN_GGUF_BYTES_H
#define TESTS_UNIT_NN_GGUF_BYTES_H

#include <stdint.h>
#include <string.h>

struct file {
    uint8_t *bytes; /* room for all that is put, the caller's */
    size_t n;
};

/* The low n bytes of v. */
static inline void put(struct file *f, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f->bytes[f->n++] = (uint8_t)(v >> 8 * i);
    }
}

static inline void put_text(struct file *f, const char *text)
{
    put(f, strlen(text), 8);
    memcpy(f->bytes + f->n, text, strlen(text));
    f->n += strlen(text);
}

static inline void pad(struct file *f, size_t alignment)
{
    while (f->n % alignment != 0) {
        put(f, 0, 1);
    }
}

/* Begins the file again. */
static inline void put_head(struct file *f, uint64_t version, uint64_t tensors,
                            uint64_t pairs)
{
    memcpy(f->bytes, "GGUF", 4);
    f->n = 4;
    put(f, version, 4);
    put(f, tensors, 8);
    put(f, pairs, 8);
}

#endif
