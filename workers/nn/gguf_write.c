/* Writes GGUF. Runs in workers. Must never write a file that gguf_open would
 * refuse: lengths, names and sizes are checked when they are given. */
#include "workers/nn/gguf_write.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

enum {
    ALIGNMENT = 32
};

struct gguf_writer {
    struct buf pairs;
    struct buf entries; /* of the tensors */
    uint64_t *sizes;    /* owned; of each tensor, not padded */
    uint32_t pairs_n, tensors_n, sizes_cap;
    uint64_t data_bytes; /* of all tensors, padded */
    int code;            /* the first error */
    gguf_sink *sink;
    void *ctx;
    uint32_t tensor_i; /* under way */
    uint64_t done;     /* of it */
};

static void fail(struct gguf_writer *w, int code)
{
    if (w->code == 0 && code < 0) {
        w->code = ERR_TRACE(code);
    }
}

static uint64_t padded(uint64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int gguf_put_number(struct buf *b, uint64_t v, size_t n)
{
    uint8_t bytes[8];

    ASSERT(n <= sizeof(bytes));
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(v >> 8 * i);
    }
    return buf_put(b, bytes, n);
}

int gguf_put_string(struct buf *b, struct ubytes text)
{
    TRY(gguf_put_number(b, text.n, 8));
    return text.n == 0 ? 0 : buf_put(b, text.p, text.n);
}

int gguf_writer_new(struct gguf_writer **out)
{
    struct gguf_writer *w = calloc(1, sizeof(*w));

    *out = w;
    if (w == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    buf_init(&w->pairs, GGUF_HEAD_BYTES_MAX);
    buf_init(&w->entries, GGUF_HEAD_BYTES_MAX);
    return 0;
}

void gguf_writer_free(struct gguf_writer *w)
{
    if (w != NULL) {
        buf_release(&w->pairs);
        buf_release(&w->entries);
        free(w->sizes);
        free(w);
    }
}

/* Key and type. Returns whether the value may follow. */
static int start_pair(struct gguf_writer *w, struct ubytes key,
                      enum gguf_type type)
{
    if (w->code == 0 && (key.n == 0 || key.n > GGUF_KEY_BYTES_MAX)) {
        fail(w, ERR_INPUT);
    }
    if (w->code == 0 && w->pairs_n == GGUF_PAIRS_MAX) {
        fail(w, ERR_LIMIT);
    }
    if (w->code != 0) {
        return 0;
    }
    w->pairs_n++;
    fail(w, gguf_put_string(&w->pairs, key));
    fail(w, gguf_put_number(&w->pairs, (uint64_t)type, 4));
    return w->code == 0;
}

static struct ubytes text_of(const char *text)
{
    return (struct ubytes){(const uint8_t *)text, strlen(text)};
}

static void number_pair(struct gguf_writer *w, const char *key,
                        enum gguf_type type, uint64_t v, size_t n)
{
    if (start_pair(w, text_of(key), type)) {
        fail(w, gguf_put_number(&w->pairs, v, n));
    }
}

void gguf_writer_string(struct gguf_writer *w, const char *key, const char *v)
{
    if (start_pair(w, text_of(key), GGUF_STRING)) {
        fail(w, gguf_put_string(&w->pairs, text_of(v)));
    }
}

void gguf_writer_u32(struct gguf_writer *w, const char *key, uint32_t v)
{
    number_pair(w, key, GGUF_U32, v, 4);
}

void gguf_writer_f32(struct gguf_writer *w, const char *key, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    number_pair(w, key, GGUF_F32, bits, 4);
}

void gguf_writer_bool(struct gguf_writer *w, const char *key, int v)
{
    number_pair(w, key, GGUF_BOOL, v != 0, 1);
}

static void array_pair(struct gguf_writer *w, struct ubytes key,
                       enum gguf_type element, uint64_t n,
                       struct ubytes elements)
{
    if (n > GGUF_ARRAY_MAX || element == GGUF_ARRAY) {
        fail(w, ERR_LIMIT);
    }
    if (start_pair(w, key, GGUF_ARRAY)) {
        fail(w, gguf_put_number(&w->pairs, (uint64_t)element, 4));
        fail(w, gguf_put_number(&w->pairs, n, 8));
        if (elements.n > 0) {
            fail(w, buf_put(&w->pairs, elements.p, elements.n));
        }
    }
}

void gguf_writer_array(struct gguf_writer *w, const char *key,
                       enum gguf_type element, uint64_t n,
                       struct ubytes elements)
{
    array_pair(w, text_of(key), element, n, elements);
}

void gguf_writer_pair(struct gguf_writer *w, const struct gguf_pair *p)
{
    if (p->type == GGUF_ARRAY) {
        array_pair(w, p->key, p->element, p->n, p->value);
    } else if (start_pair(w, p->key, p->type)) {
        fail(w, buf_put(&w->pairs, p->value.p, p->value.n));
    }
}

static int add_size(struct gguf_writer *w, uint64_t bytes)
{
    if (w->tensors_n == w->sizes_cap) {
        uint32_t cap = w->sizes_cap == 0 ? 64 : 2 * w->sizes_cap;
        uint64_t *grown = realloc(w->sizes, cap * sizeof(*grown));

        if (grown == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        w->sizes = grown;
        w->sizes_cap = cap;
    }
    w->sizes[w->tensors_n++] = bytes;
    return 0;
}

static int add_tensor(struct gguf_writer *w, const char *name,
                      enum gguf_tensor_type type, uint32_t dimensions_n,
                      const uint64_t *dimensions)
{
    uint64_t n = 1, bytes;

    if (strlen(name) == 0 || strlen(name) > GGUF_NAME_BYTES_MAX ||
        dimensions_n == 0 || dimensions_n > GGUF_DIMENSIONS_MAX ||
        (type == GGUF_TENSOR_Q8_0 && dimensions[0] % 32 != 0)) {
        return ERR_TRACE(ERR_INPUT);
    }
    for (uint32_t i = 0; i < dimensions_n; i++) {
        if (__builtin_mul_overflow(n, dimensions[i], &n)) {
            return ERR_TRACE(ERR_INPUT);
        }
    }
    bytes = gguf_tensor_type_bytes(type, n);
    if (bytes == 0 || bytes > UINT64_C(1) << 60 ||
        w->data_bytes > UINT64_C(1) << 60 || w->tensors_n == GGUF_TENSORS_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(gguf_put_string(&w->entries, text_of(name)));
    TRY(gguf_put_number(&w->entries, dimensions_n, 4));
    for (uint32_t i = 0; i < dimensions_n; i++) {
        TRY(gguf_put_number(&w->entries, dimensions[i], 8));
    }
    TRY(gguf_put_number(&w->entries, (uint64_t)type, 4));
    TRY(gguf_put_number(&w->entries, w->data_bytes, 8));
    w->data_bytes += padded(bytes);
    return add_size(w, bytes);
}

void gguf_writer_tensor(struct gguf_writer *w, const char *name,
                        enum gguf_tensor_type type, uint32_t dimensions_n,
                        const uint64_t *dimensions)
{
    if (w->code == 0) {
        fail(w, add_tensor(w, name, type, dimensions_n, dimensions));
    }
}

static uint64_t head_bytes(const struct gguf_writer *w)
{
    return 24 + (uint64_t)buf_len(&w->pairs) + buf_len(&w->entries);
}

uint64_t gguf_writer_bytes(const struct gguf_writer *w)
{
    return w->code != 0 ? 0 : padded(head_bytes(w)) + w->data_bytes;
}

static int give(struct gguf_writer *w, const void *p, uint64_t n)
{
    if (w->code == 0 && n > 0) {
        fail(w, w->sink(w->ctx, (struct ubytes){p, (size_t)n}));
    }
    return w->code;
}

static int pad(struct gguf_writer *w, uint64_t n)
{
    static const uint8_t zeros[ALIGNMENT];

    return give(w, zeros, padded(n) - n);
}

int gguf_writer_begin(struct gguf_writer *w, gguf_sink *sink, void *ctx)
{
    uint8_t head[24] = "GGUF";
    uint64_t tensors_n = w->tensors_n;
    uint64_t pairs_n = w->pairs_n;

    head[4] = 3; /* the version, little endian as all that follows */
    for (size_t i = 0; i < 8; i++) {
        head[8 + i] = (uint8_t)(tensors_n >> 8 * i);
        head[16 + i] = (uint8_t)(pairs_n >> 8 * i);
    }
    w->sink = sink;
    w->ctx = ctx;
    (void)give(w, head, sizeof(head));
    (void)give(w, buf_bytes(&w->pairs).p, buf_len(&w->pairs));
    (void)give(w, buf_bytes(&w->entries).p, buf_len(&w->entries));
    return pad(w, head_bytes(w));
}

int gguf_writer_data(struct gguf_writer *w, struct ubytes bytes)
{
    if (w->code != 0) {
        return w->code;
    }
    if (w->tensor_i == w->tensors_n ||
        bytes.n > w->sizes[w->tensor_i] - w->done) {
        fail(w, ERR_INPUT);
        return w->code;
    }
    (void)give(w, bytes.p, bytes.n);
    w->done += bytes.n;
    if (w->done == w->sizes[w->tensor_i]) {
        (void)pad(w, w->done);
        w->tensor_i++;
        w->done = 0;
    }
    return w->code;
}

int gguf_writer_end(struct gguf_writer *w)
{
    if (w->tensor_i != w->tensors_n) {
        fail(w, ERR_INPUT);
    }
    return w->code;
}
