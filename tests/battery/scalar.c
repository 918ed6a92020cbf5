/* Scalar loops. Tests only. */
#include "tests/battery/scalar.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/battery/battery.h"
#include "workers/nn/math.h"

#define MOST 512u /* numbers of a row; experts */

static float f16(uint16_t b)
{
    int exponent = (b >> 10) & 31, sign = b >> 15;
    float m = (float)(b & 1023);
    float v = exponent == 0 ? ldexpf(m, -24) : ldexpf(m + 1024, exponent - 25);

    return sign ? -v : v;
}

static float f32_of(uint32_t bits)
{
    float v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static float canonical_zero(float v)
{
    return v + 0.0f;
}

/* Weight i of a row that starts at p. */
static float weight(enum gguf_tensor_type type, const uint8_t *p, size_t i)
{
    uint16_t half;
    uint32_t word;

    if (type == GGUF_TENSOR_F32) {
        memcpy(&word, p + 4 * i, sizeof(word));
        return f32_of(word);
    }
    memcpy(&half, p + 2 * i, sizeof(half));
    return type == GGUF_TENSOR_F16 ? f16(half) : f32_of((uint32_t)half << 16);
}

static float chain(enum gguf_tensor_type type, const uint8_t *row,
                   const float *x, size_t k)
{
    float y = 0;

    for (size_t from = 0; from < k; from += 256) {
        float acc = 0;

        for (size_t i = from; i < k && i < from + 256; i++) {
            acc = fmaf(x[i], weight(type, row, i), acc);
        }
        y = from == 0 ? acc : y + acc;
    }
    return canonical_zero(y);
}

/* Eight bits and a scale per block of 32. */
static void quantise(const float *x, size_t k, int8_t *q, float *d)
{
    for (size_t b = 0; b < k / 32; b++) {
        float most = 0;

        for (size_t i = 0; i < 32; i++) {
            float v = fabsf(x[32 * b + i]);

            most = v > most ? v : most;
        }
        d[b] = most < 0x1p-100f ? 0 : most / 127.0f;
        for (size_t i = 0; i < 32; i++) {
            float v =
                most < 0x1p-100f ? 0 : rintf(x[32 * b + i] * (127.0f / most));

            q[32 * b + i] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
        }
    }
}

static float blocks(const uint8_t *row, const int8_t *q, const float *d,
                    size_t k)
{
    float y = 0;

    for (size_t b = 0; b < k / 32; b++, row += 34) {
        int sum = 0;
        uint16_t scale;

        memcpy(&scale, row, sizeof(scale));
        for (size_t i = 0; i < 32; i++) {
            sum += q[32 * b + i] * (int8_t)row[2 + i];
        }
        y = fmaf(d[b] * f16(scale), (float)sum, y);
    }
    return canonical_zero(y);
}

void scalar_product(const struct gguf_tensor *w, size_t part, const float *x,
                    float *out)
{
    size_t k = w->dimensions[0], n = w->dimensions[1];
    size_t parts = w->dimensions[2];
    size_t row_bytes = w->bytes / (n * parts);
    const uint8_t *row = (const uint8_t *)w->data + part * n * row_bytes;
    int8_t q[MOST];
    float d[MOST / 32];

    must(k > MOST, "inputs of a product");
    if (w->type == GGUF_TENSOR_Q8_0) {
        quantise(x, k, q, d);
    }
    for (size_t i = 0; i < n; i++, row += row_bytes) {
        out[i] = w->type == GGUF_TENSOR_Q8_0 ? blocks(row, q, d, k)
                                             : chain(w->type, row, x, k);
    }
}

/* Sixteen lanes by index, and a tree. */
static float lanes_sum(float lane[static 16])
{
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            lane[i] += lane[i + half];
        }
    }
    return lane[0];
}

void scalar_rmsnorm(const float *x, const float *weights, float eps, size_t n,
                    float *out)
{
    float lane[16] = {0}, s;

    for (size_t i = 0; i < n; i++) {
        lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    }
    s = 1.0f / sqrtf(lanes_sum(lane) / (float)n + eps);
    for (size_t i = 0; i < n; i++) {
        out[i] = x[i] * s * weights[i];
    }
}

/* Over the entries that are not masked; 0 for the others. */
static void softmax(float *x, const uint8_t *mask, size_t n)
{
    float lane[16] = {0}, most = -INFINITY, inverse;

    for (size_t i = 0; i < n; i++) {
        if (mask[i] && x[i] > most) {
            most = x[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = mask[i] ? nn_exp(x[i] - most) : 0;
        lane[i % 16] += x[i];
    }
    inverse = 1.0f / lanes_sum(lane);
    for (size_t i = 0; i < n; i++) {
        x[i] *= inverse;
    }
}

static const struct gguf_tensor *tensor(const struct gguf *g, uint32_t layer,
                                        const char *name)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "blk.%u.%s", layer, name);
    return gguf_tensor(g, text);
}

static void add_bias(const struct gguf *g, uint32_t layer, const char *name,
                     size_t part, float *y, size_t n)
{
    const struct gguf_tensor *t = tensor(g, layer, name);
    const float *bias = t == NULL ? NULL : t->data;

    for (size_t i = 0; bias != NULL && i < n; i++) {
        y[i] += bias[part * n + i];
    }
}

static void expert(const struct gguf *g, const struct model_shape *s,
                   uint32_t layer, uint32_t e, const float *x, float *out)
{
    float gate[MOST], up[MOST];

    must(s->ffn > MOST, "width of an expert");
    scalar_product(tensor(g, layer, "ffn_gate_exps.weight"), e, x, gate);
    scalar_product(tensor(g, layer, "ffn_up_exps.weight"), e, x, up);
    add_bias(g, layer, "ffn_gate_exps.bias", e, gate, s->ffn);
    add_bias(g, layer, "ffn_up_exps.bias", e, up, s->ffn);
    for (size_t i = 0; i < s->ffn; i++) {
        float v = gate[i], u = up[i];

        if (s->arch == ARCH_GPT_OSS) {
            v = v < 7 ? v : 7;
            u = u < -7 ? -7 : u > 7 ? 7 : u;
            gate[i] = v / (1.0f + nn_exp(-1.702f * v)) * (u + 1.0f);
        } else {
            gate[i] = nn_silu(v) * u;
        }
    }
    scalar_product(tensor(g, layer, "ffn_down_exps.weight"), e, gate, out);
    add_bias(g, layer, "ffn_down_exps.bias", e, out, s->width);
}

/* The largest first, the lower index of equals; what is chosen is taken. */
static uint32_t next_best(const float *p, uint8_t *left, size_t n)
{
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        if (left[i] && (best == n || p[i] > p[best])) {
            best = i;
        }
    }
    must(best == n, "an expert that is left");
    left[best] = 0;
    return (uint32_t)best;
}

/* Chosen experts and their weights, by what the architecture says. */
static void route(const struct model_shape *s, const uint8_t *mask,
                  const float *logits, uint32_t *chosen, float *weights)
{
    uint8_t left[MOST], all[MOST];
    float p[MOST], sum = 0;

    memset(all, 1, sizeof(all));
    memcpy(p, logits, s->experts * sizeof(*p));
    memcpy(left, mask, s->experts);
    if (s->arch != ARCH_GPT_OSS) {
        softmax(p, mask, s->experts);
    }
    for (size_t r = 0; r < s->experts_used; r++) {
        chosen[r] = next_best(p, left, s->experts);
        weights[r] = p[chosen[r]];
        sum += weights[r];
    }
    if (s->arch == ARCH_GPT_OSS) {
        softmax(weights, all, s->experts_used);
    } else if (s->arch != ARCH_OLMOE) {
        sum = sum > 0x1p-14f ? sum : 0x1p-14f;
        for (size_t r = 0; r < s->experts_used; r++) {
            weights[r] /= sum;
        }
    }
}

void scalar_experts(const struct gguf *g, const struct model_shape *s,
                    uint32_t layer, const uint8_t *mask, const float *x,
                    float *out)
{
    const struct gguf_tensor *norm =
        tensor(g, layer,
               s->arch == ARCH_GPT_OSS ? "post_attention_norm.weight"
                                       : "ffn_norm.weight");
    float normed[MOST], logits[MOST], y[MOST];
    float weights[MOST];
    uint32_t chosen[MOST];

    must(s->width > MOST || s->experts > MOST || norm == NULL,
         "a layer with experts");
    scalar_rmsnorm(x, norm->data, 1e-5f, s->width, normed);
    scalar_product(tensor(g, layer, "ffn_gate_inp.weight"), 0, normed, logits);
    add_bias(g, layer, "ffn_gate_inp.bias", 0, logits, s->experts);
    route(s, mask, logits, chosen, weights);
    for (size_t r = 0; r < s->experts_used; r++) {
        expert(g, s, layer, chosen[r], normed, y);
        for (size_t i = 0; i < s->width; i++) {
            out[i] =
                r == 0 ? weights[r] * y[i] : fmaf(weights[r], y[i], out[i]);
        }
    }
    for (size_t i = 0; i < s->width; i++) {
        out[i] = x[i] + out[i];
    }
}
