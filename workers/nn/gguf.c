/* Reads GGUF. Runs in the model worker, over weights that anybody may have
 * made. Must never read outside the file and never trust a count before it has
 * seen that so many bytes are there. */
#include "workers/nn/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "proto/sort.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are used where they lie in the file");

static const struct loc nowhere = {NULL, 0, 0};

/* Bytes of one value of a fixed-size type; 0 for strings and arrays. */
static const uint8_t fixed_bytes[] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
    [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
    [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8};

struct reader {
    const uint8_t *p;
    size_t n;
    size_t off;
    int bad; /* something reached over the end */
};

static struct ubytes take(struct reader *r, uint64_t n)
{
    struct ubytes out = {r->p, (size_t)n};

    if (r->bad || n > r->n - r->off) {
        r->bad = 1;
        return (struct ubytes){NULL, 0};
    }
    if (r->off > 0) { /* an empty file has no first byte */
        out.p += r->off;
    }
    r->off += (size_t)n;
    return out;
}

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i > 0; i--) {
        v = v << 8 | p[i - 1];
    }
    return v;
}

static uint64_t take_number(struct reader *r, size_t n)
{
    struct ubytes b = take(r, n);

    return b.p == NULL ? 0 : little(b.p, n);
}

static struct ubytes take_string(struct reader *r, uint64_t max)
{
    uint64_t n = take_number(r, 8);

    if (n > max) {
        r->bad = 1;
    }
    return take(r, n);
}

static int cut_short(struct diag *d, const char *where)
{
    return diag_set(d, ERR_INPUT, nowhere,
                    "the weights end, or a length passes its limit, inside %s",
                    where);
}

static int text_is_plain(struct ubytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] == 0x7f) {
            return 0;
        }
    }
    return s.n > 0 && utf8_is_valid(s);
}

static int type_is_known(uint64_t type)
{
    return type <= GGUF_F64;
}

static int bools_are_plain(struct ubytes v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] > 1) {
            return 0;
        }
    }
    return 1;
}

/* n values of a type, as one run of bytes. */
static void take_values(struct reader *r, enum gguf_type type, uint64_t n,
                        struct ubytes *out)
{
    size_t start = r->off;
    uint64_t bytes;

    if (type == GGUF_STRING) {
        for (uint64_t i = 0; i < n && !r->bad; i++) {
            (void)take_string(r, GGUF_STRING_BYTES_MAX);
        }
    } else if (__builtin_mul_overflow(n, fixed_bytes[type], &bytes)) {
        r->bad = 1;
    } else {
        (void)take(r, bytes);
    }
    *out = (struct ubytes){r->p + start, r->off - start};
}

static int read_array(struct reader *r, struct gguf_pair *p, struct diag *d)
{
    uint64_t type = take_number(r, 4);

    p->n = take_number(r, 8);
    if (!type_is_known(type) || type == GGUF_ARRAY) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "key %.*s: an array of type %" PRIu64, (int)p->key.n,
                        (const char *)p->key.p, type);
    }
    if (p->n > GGUF_ARRAY_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "key %.*s: %" PRIu64 " elements, the limit is %u",
                        (int)p->key.n, (const char *)p->key.p, p->n,
                        GGUF_ARRAY_MAX);
    }
    p->element = (enum gguf_type)type;
    take_values(r, p->element, p->n, &p->value);
    return 0;
}

static int read_pair(struct reader *r, struct gguf_pair *p, struct diag *d)
{
    uint64_t type;

    p->key = take_string(r, GGUF_KEY_BYTES_MAX);
    type = take_number(r, 4);
    if (r->bad) {
        return cut_short(d, "the metadata");
    }
    if (!text_is_plain(p->key)) {
        return diag_set(d, ERR_INPUT, nowhere, "a metadata key is no text");
    }
    if (!type_is_known(type)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "key %.*s: unknown type %" PRIu64, (int)p->key.n,
                        (const char *)p->key.p, type);
    }
    p->type = (enum gguf_type)type;
    if (p->type == GGUF_ARRAY) {
        TRY(read_array(r, p, d));
    } else {
        p->element = p->type;
        p->n = 1;
        take_values(r, p->type, 1, &p->value);
    }
    if (r->bad) {
        return cut_short(d, "the metadata");
    }
    if (p->element == GGUF_BOOL && !bools_are_plain(p->value)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "key %.*s: a bool that is neither 0 nor 1",
                        (int)p->key.n, (const char *)p->key.p);
    }
    return 0;
}

static int compare_bytes(struct ubytes a, struct ubytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_pairs(const void *a, const void *b)
{
    return compare_bytes(((const struct gguf_pair *)a)->key,
                         ((const struct gguf_pair *)b)->key);
}

static int compare_tensors(const void *a, const void *b)
{
    return compare_bytes(((const struct gguf_tensor *)a)->name,
                         ((const struct gguf_tensor *)b)->name);
}

static int read_pairs(struct reader *r, struct gguf *g, struct diag *d)
{
    for (uint32_t i = 0; i < g->pairs_n; i++) {
        TRY(read_pair(r, &g->pairs[i], d));
    }
    sort_items(g->pairs, g->pairs_n, sizeof(*g->pairs), compare_pairs);
    for (uint32_t i = 1; i < g->pairs_n; i++) {
        if (compare_pairs(&g->pairs[i - 1], &g->pairs[i]) == 0) {
            return diag_set(d, ERR_INPUT, nowhere, "key %.*s stands twice",
                            (int)g->pairs[i].key.n,
                            (const char *)g->pairs[i].key.p);
        }
    }
    return 0;
}

static int read_alignment(struct gguf *g, struct diag *d)
{
    const struct gguf_pair *p = gguf_pair(g, "general.alignment");

    g->alignment = 32;
    if (p == NULL) {
        return 0;
    }
    if (p->type == GGUF_U32) {
        g->alignment = little(p->value.p, 4);
    }
    if (p->type != GGUF_U32 || g->alignment < 4 || g->alignment > 1u << 20 ||
        (g->alignment & (g->alignment - 1)) != 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "general.alignment: expected a u32 power of two, 4 to "
                        "1048576");
    }
    return 0;
}

/* Sets t->bytes; the bytes with what pads them, or 0 when they do not fit. */
static uint64_t padded_bytes(struct gguf_tensor *t, uint64_t alignment)
{
    uint64_t n = 1;

    for (size_t i = 0; i < GGUF_DIMENSIONS_MAX; i++) {
        if (t->dimensions[i] == 0 ||
            __builtin_mul_overflow(n, t->dimensions[i], &n)) {
            return 0;
        }
    }
    if (t->type == GGUF_TENSOR_Q8_0 && t->dimensions[0] % 32 != 0) {
        return 0; /* a block does not reach over rows */
    }
    t->bytes = gguf_tensor_type_bytes(t->type, n);
    if (t->bytes == 0 || __builtin_add_overflow(t->bytes, alignment - 1, &n)) {
        return 0;
    }
    return n & ~(alignment - 1);
}

static int read_type(uint64_t type, struct gguf_tensor *t, struct diag *d)
{
    const char *name = gguf_tensor_type_name(type);

    if (type == GGUF_TENSOR_F32 || type == GGUF_TENSOR_F16 ||
        type == GGUF_TENSOR_Q8_0 || type == GGUF_TENSOR_BF16) {
        t->type = (enum gguf_tensor_type)type;
        return 0;
    }
    (void)diag_set(d, ERR_INPUT, nowhere,
                   "tensor %.*s: type %s (%" PRIu64 ") is not read",
                   (int)t->name.n, (const char *)t->name.p,
                   name == NULL ? "unknown" : name, type);
    diag_hint(d, "f32, f16, bf16 and q8_0 are");
    return ERR_INPUT;
}

static int read_shape(struct reader *r, struct gguf_tensor *t, struct diag *d)
{
    t->name = take_string(r, GGUF_NAME_BYTES_MAX);
    t->dimensions_n = (uint32_t)take_number(r, 4);
    if (r->bad) {
        return cut_short(d, "the list of tensors");
    }
    if (!text_is_plain(t->name)) {
        return diag_set(d, ERR_INPUT, nowhere, "a tensor's name is no text");
    }
    if (t->dimensions_n == 0 || t->dimensions_n > GGUF_DIMENSIONS_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "tensor %.*s: %u dimensions, expected 1 to %u",
                        (int)t->name.n, (const char *)t->name.p,
                        t->dimensions_n, GGUF_DIMENSIONS_MAX);
    }
    for (uint32_t i = 0; i < GGUF_DIMENSIONS_MAX; i++) {
        t->dimensions[i] = i < t->dimensions_n ? take_number(r, 8) : 1;
    }
    return 0;
}

/* Reads one tensor's entry; *running: where its data must start, then end. */
static int read_tensor(struct reader *r, struct gguf *g, struct gguf_tensor *t,
                       uint64_t *offset, uint64_t *running, struct diag *d)
{
    uint64_t type;
    uint64_t bytes;

    TRY(read_shape(r, t, d));
    type = take_number(r, 4);
    *offset = take_number(r, 8);
    if (r->bad) {
        return cut_short(d, "the list of tensors");
    }
    TRY(read_type(type, t, d));
    bytes = padded_bytes(t, g->alignment);
    if (bytes == 0 || *offset != *running ||
        __builtin_add_overflow(*running, bytes, running)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "tensor %.*s: offset %" PRIu64 " leaves a gap or an "
                        "overlap, or its size is none",
                        (int)t->name.n, (const char *)t->name.p, *offset);
    }
    return 0;
}

static int place_tensors(struct reader *r, struct gguf *g,
                         const uint64_t *offsets, uint64_t data_bytes,
                         struct diag *d)
{
    uint64_t start = (r->off + g->alignment - 1) & ~(g->alignment - 1);

    /* A file without tensors may end unpadded. */
    if (g->tensors_n == 0 && r->off == r->n) {
        return 0;
    }
    if (start > r->n || data_bytes != r->n - start) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the tensors need %" PRIu64 " bytes, the file has %zu",
                        data_bytes, start > r->n ? 0 : r->n - (size_t)start);
    }
    for (uint32_t i = 0; i < g->tensors_n; i++) {
        /* Aligned: file to 64, start and offsets to 4 or more. */
        g->tensors[i].data = r->p + start + offsets[i];
    }
    return 0;
}

static int read_tensors(struct reader *r, struct gguf *g, struct diag *d)
{
    uint64_t *offsets CLEANUP(mem_freep) = NULL;
    uint64_t running = 0;

    offsets = calloc(g->tensors_n + 1u, sizeof(*offsets));
    if (offsets == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < g->tensors_n; i++) {
        TRY(read_tensor(r, g, &g->tensors[i], &offsets[i], &running, d));
    }
    TRY(place_tensors(r, g, offsets, running, d));
    sort_items(g->tensors, g->tensors_n, sizeof(*g->tensors), compare_tensors);
    for (uint32_t i = 1; i < g->tensors_n; i++) {
        if (compare_tensors(&g->tensors[i - 1], &g->tensors[i]) == 0) {
            return diag_set(d, ERR_INPUT, nowhere, "tensor %.*s stands twice",
                            (int)g->tensors[i].name.n,
                            (const char *)g->tensors[i].name.p);
        }
    }
    return 0;
}

static int read_head(struct reader *r, struct gguf *g, struct diag *d)
{
    struct ubytes magic = take(r, 4);
    uint64_t version = take_number(r, 4);
    uint64_t tensors = take_number(r, 8);
    uint64_t pairs = take_number(r, 8);

    if (magic.p == NULL || memcmp(magic.p, "GGUF", 4) != 0) {
        return diag_set(d, ERR_INPUT, nowhere, "this is no GGUF file");
    }
    if (r->bad) {
        return cut_short(d, "the head");
    }
    if (version != 2 && version != 3) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "GGUF version %" PRIu64 ", expected 2 or 3", version);
    }
    if (tensors > GGUF_TENSORS_MAX || pairs > GGUF_PAIRS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "%" PRIu64 " tensors and %" PRIu64
                        " keys, the limits are %u and %u",
                        tensors, pairs, GGUF_TENSORS_MAX, GGUF_PAIRS_MAX);
    }
    g->tensors_n = (uint32_t)tensors;
    g->pairs_n = (uint32_t)pairs;
    return 0;
}

static int read_all(struct reader *r, struct gguf *g, struct diag *d)
{
    TRY(read_head(r, g, d));
    g->pairs = calloc(g->pairs_n + 1u, sizeof(*g->pairs));
    g->tensors = calloc(g->tensors_n + 1u, sizeof(*g->tensors));
    if (g->pairs == NULL || g->tensors == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(read_pairs(r, g, d));
    TRY(read_alignment(g, d));
    return read_tensors(r, g, d);
}

int gguf_open(struct ubytes file, struct gguf *out, struct diag *d)
{
    struct reader r = {file.p, file.n, 0, 0};
    int code;

    memset(out, 0, sizeof(*out));
    ASSERT(((uintptr_t)file.p & 63u) == 0);
    code = read_all(&r, out, d);
    if (code != 0) {
        gguf_release(out);
    }
    return code;
}

void gguf_release(struct gguf *g)
{
    free(g->pairs);
    free(g->tensors);
    memset(g, 0, sizeof(*g));
}

const struct gguf_pair *gguf_pair(const struct gguf *g, const char *key)
{
    struct gguf_pair wanted = {.key = {(const uint8_t *)key, strlen(key)}};

    return bsearch(&wanted, g->pairs, g->pairs_n, sizeof(*g->pairs),
                   compare_pairs);
}

const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name)
{
    struct gguf_tensor wanted = {.name = {(const uint8_t *)name, strlen(name)}};

    return bsearch(&wanted, g->tensors, g->tensors_n, sizeof(*g->tensors),
                   compare_tensors);
}
