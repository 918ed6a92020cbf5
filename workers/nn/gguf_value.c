/* What the pairs of a GGUF file hold, and what its tensor types are. Runs in
 * workers, over directories that gguf_open has accepted: every length was seen
 * to be there. */
#include "workers/nn/gguf.h"

#include <math.h>
#include <string.h>

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i > 0; i--) {
        v = v << 8 | p[i - 1];
    }
    return v;
}

const char *gguf_tensor_type_name(uint64_t type)
{
    static const char *const names[] = {
        "f32",   "f16",   "q4_0",    "q4_1",   NULL,      NULL,    "q5_0",
        "q5_1",  "q8_0",  "q8_1",    "q2_k",   "q3_k",    "q4_k",  "q5_k",
        "q6_k",  "q8_k",  "iq2_xxs", "iq2_xs", "iq3_xxs", "iq1_s", "iq4_nl",
        "iq3_s", "iq2_s", "iq4_xs",  "i8",     "i16",     "i32",   "i64",
        "f64",   "iq1_m", "bf16",    NULL,     NULL,      NULL,    "tq1_0",
        "tq2_0", NULL,    NULL,      NULL,     "mxfp4",   "nvfp4"};

    return type < ARRAY_N(names) ? names[type] : NULL;
}

uint64_t gguf_tensor_type_bytes(enum gguf_tensor_type type, uint64_t n)
{
    if (n == 0 || n > UINT64_C(1) << 60) {
        return 0;
    }
    switch (type) {
    case GGUF_TENSOR_F32:
        return n * 4;
    case GGUF_TENSOR_Q8_0:
        return n % 32 == 0 ? n / 32 * 34 : 0;
    case GGUF_TENSOR_F16:
    case GGUF_TENSOR_BF16:
        return n * 2;
    default:
        return 0;
    }
}

struct ubytes gguf_string(const struct gguf *g, const char *key)
{
    const struct gguf_pair *p = gguf_pair(g, key);

    if (p == NULL || p->type != GGUF_STRING) {
        return (struct ubytes){NULL, 0};
    }
    return (struct ubytes){p->value.p + 8, p->value.n - 8};
}

/* Bytes of a whole number, its sign in *out_signed; 0: it is none. */
static size_t whole_bytes(enum gguf_type type, int *out_signed)
{
    *out_signed = type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32 ||
                  type == GGUF_I64;
    switch (type) {
    case GGUF_U8:
    case GGUF_I8:
    case GGUF_BOOL:
        return 1;
    case GGUF_U16:
    case GGUF_I16:
        return 2;
    case GGUF_U32:
    case GGUF_I32:
        return 4;
    case GGUF_U64:
    case GGUF_I64:
        return 8;
    case GGUF_F32:
    case GGUF_F64:
    case GGUF_STRING:
    case GGUF_ARRAY:
    default:
        return 0;
    }
}

int gguf_uint(const struct gguf *g, const char *key, uint64_t *out)
{
    const struct gguf_pair *p = gguf_pair(g, key);
    size_t n;
    int is_signed;

    if (p == NULL) {
        return GGUF_E_ABSENT;
    }
    n = whole_bytes(p->type, &is_signed);
    if (n == 0 || p->type == GGUF_BOOL ||
        (is_signed && p->value.p[n - 1] >= 0x80)) {
        return GGUF_E_TYPE;
    }
    *out = little(p->value.p, n);
    return 0;
}

int gguf_real(const struct gguf *g, const char *key, double *out)
{
    const struct gguf_pair *p = gguf_pair(g, key);
    float narrow;
    double v;

    if (p == NULL) {
        return GGUF_E_ABSENT;
    }
    if (p->type == GGUF_F32) {
        memcpy(&narrow, p->value.p, sizeof(narrow));
        v = (double)narrow;
    } else if (p->type == GGUF_F64) {
        memcpy(&v, p->value.p, sizeof(v));
    } else {
        return GGUF_E_TYPE;
    }
    if (!isfinite(v)) {
        return GGUF_E_TYPE;
    }
    *out = v;
    return 0;
}

int gguf_bool(const struct gguf *g, const char *key, int *out)
{
    const struct gguf_pair *p = gguf_pair(g, key);

    if (p == NULL) {
        return GGUF_E_ABSENT;
    }
    if (p->type != GGUF_BOOL) {
        return GGUF_E_TYPE;
    }
    *out = p->value.p[0];
    return 0;
}

uint32_t gguf_array_u32(const struct gguf_pair *p, uint64_t i)
{
    ASSERT(p->element == GGUF_U32 && i < p->n);
    return (uint32_t)little(p->value.p + 4 * i, 4);
}

uint64_t gguf_array_uint(const struct gguf_pair *p, uint64_t i, int *out_ok)
{
    int is_signed;
    size_t n = whole_bytes(p->element, &is_signed);
    const uint8_t *at = p->value.p + n * i;

    ASSERT(n > 0 && i < p->n);
    *out_ok = !is_signed || at[n - 1] < 0x80;
    return little(at, n);
}

float gguf_array_f32(const struct gguf_pair *p, uint64_t i)
{
    float v;

    ASSERT(p->element == GGUF_F32 && i < p->n);
    memcpy(&v, p->value.p + 4 * i, sizeof(v));
    return v;
}

struct ubytes gguf_next_string(const struct gguf_pair *p, uint64_t *off)
{
    struct ubytes s;

    ASSERT(p->element == GGUF_STRING && *off <= p->value.n);
    if (*off == p->value.n) {
        return (struct ubytes){NULL, 0};
    }
    s.n = (size_t)little(p->value.p + *off, 8);
    s.p = p->value.p + *off + 8;
    *off += 8 + s.n;
    return s;
}

struct ubytes gguf_array_string(const struct gguf_pair *p, uint64_t i)
{
    struct ubytes s = {NULL, 0};
    uint64_t off = 0;

    ASSERT(p->element == GGUF_STRING && i < p->n);
    for (uint64_t k = 0; k <= i; k++) {
        s = gguf_next_string(p, &off);
    }
    return s;
}
