/* Rounds weights. Runs in workers. Must never depend on the processor's
 * conversion instructions. */
#include "workers/nn/narrow.h"

#include <math.h>
#include <string.h>

#include "workers/nn/float_bits.h"

enum {
    BLOCK = 32,
    BLOCK_BYTES = 34
};

/* x >> n, rounded to the nearest, ties to even. 1 <= n <= 31. */
static uint32_t shift_even(uint32_t x, unsigned n)
{
    uint32_t kept = x >> n;
    uint32_t rest = x & ((UINT32_C(1) << n) - 1);
    uint32_t half = UINT32_C(1) << (n - 1);

    return kept + (rest > half || (rest == half && (kept & 1) != 0));
}

static uint16_t half_of(float v)
{
    uint32_t bits = bits_of(v);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t size = bits & 0x7fffffffu;
    uint32_t out;

    if (size > 0x7f800000u) {
        out = 0x7e00u;
    } else if (size >= 0x47800000u) { /* 65536 and more */
        out = 0x7c00u;
    } else if (size >= 0x38800000u) { /* normal: 2^-14 and more */
        out = shift_even(size, 13) - (112u << 10);
    } else if (size < 0x33000000u) { /* below half of the smallest */
        out = 0;
    } else { /* a multiple of 2^-24 */
        out = shift_even((size & 0x7fffffu) | 0x800000u, 126u - (size >> 23));
    }
    return (uint16_t)(sign | out);
}

static float float_of_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = h >> 10 & 0x1fu;
    uint32_t fraction = h & 0x3ffu;

    if (exponent == 0) {
        float v = (float)fraction * 0x1p-24f;

        return float_of(bits_of(v) | sign);
    }
    exponent = exponent == 31 ? 255 : exponent + 112;
    return float_of(sign | exponent << 23 | fraction << 13);
}

static uint16_t brain_of(float v)
{
    uint32_t bits = bits_of(v);

    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(bits >> 16 | 0x40u);
    }
    return (uint16_t)shift_even(bits, 16);
}

static void put_u16(uint8_t *out, uint16_t v)
{
    memcpy(out, &v, sizeof(v));
}

static uint16_t get_u16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static void narrow_block(const float *x, uint8_t *out)
{
    float largest = 0.0f, scale, inverse;

    for (size_t i = 0; i < BLOCK; i++) {
        largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    }
    scale = largest / 127.0f;
    inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    put_u16(out, half_of(scale));
    for (size_t i = 0; i < BLOCK; i++) {
        float q = roundf(x[i] * inverse);

        /* 1 / scale may be infinite for subnormal scales. */
        q = q >= -127.0f ? (q <= 127.0f ? q : 127.0f) : -127.0f;
        out[2 + i] = (uint8_t)(int8_t)q;
    }
}

void narrow_floats(enum gguf_tensor_type type, const float *src, size_t n,
                   void *out)
{
    uint8_t *to = out;

    switch (type) {
    case GGUF_TENSOR_F16:
        for (size_t i = 0; i < n; i++) {
            put_u16(to + 2 * i, half_of(src[i]));
        }
        break;
    case GGUF_TENSOR_BF16:
        for (size_t i = 0; i < n; i++) {
            put_u16(to + 2 * i, brain_of(src[i]));
        }
        break;
    case GGUF_TENSOR_Q8_0:
        ASSERT(n % BLOCK == 0);
        for (size_t i = 0; i < n / BLOCK; i++) {
            narrow_block(src + i * BLOCK, to + i * BLOCK_BYTES);
        }
        break;
    case GGUF_TENSOR_F32:
    default:
        memcpy(out, src, n * sizeof(float));
    }
}

static void widen_block(const uint8_t *block, float *out)
{
    float scale = float_of_half(get_u16(block));

    for (size_t i = 0; i < BLOCK; i++) {
        out[i] = (float)(int8_t)block[2 + i] * scale;
    }
}

void widen_floats(enum gguf_tensor_type type, const void *src, size_t n,
                  float *out)
{
    const uint8_t *from = src;

    switch (type) {
    case GGUF_TENSOR_F16:
        for (size_t i = 0; i < n; i++) {
            out[i] = float_of_half(get_u16(from + 2 * i));
        }
        break;
    case GGUF_TENSOR_BF16:
        for (size_t i = 0; i < n; i++) {
            out[i] = float_of((uint32_t)get_u16(from + 2 * i) << 16);
        }
        break;
    case GGUF_TENSOR_Q8_0:
        ASSERT(n % BLOCK == 0);
        for (size_t i = 0; i < n / BLOCK; i++) {
            widen_block(from + i * BLOCK_BYTES, out + i * BLOCK);
        }
        break;
    case GGUF_TENSOR_F32:
    default:
        memcpy(out, src, n * sizeof(float));
    }
}
