/* A forward pass written down once more, the plain way: double precision, no
 * cache, no batch, straight from the tensors of the file. It must agree with
 * transformer.c to the precision of f32, for llama with experts and without, for
 * qwen3moe, olmoe and gpt-oss. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nn/transformer_world.h"

enum {
    T = 40, /* tokens */
    D = 32,
    H = 4, /* heads */
    K = 8, /* head */
    F = 32,
    WINDOW = 16,
    LAYERS = 3
};

struct plain {
    const struct gguf *g;
    size_t arch; /* of world_archs */
    size_t kv_heads, experts, used;
    double x[T][D];
};

static const float *tensor(const struct plain *p, int layer, const char *name)
{
    char full[64];
    const struct gguf_tensor *t;

    if (layer >= 0) {
        (void)snprintf(full, sizeof(full), "blk.%d.%s", layer, name);
    } else {
        (void)snprintf(full, sizeof(full), "%s", name);
    }
    t = gguf_tensor(p->g, full);
    if (t == NULL) {
        fail_msg("no %s", full);
    }
    return t->data;
}

/* y = W x + bias */
static void linear(const float *w, const float *bias, const double *x,
                   size_t in, size_t out, double *y)
{
    for (size_t j = 0; j < out; j++) {
        y[j] = bias == NULL ? 0 : (double)bias[j];
        for (size_t k = 0; k < in; k++) {
            y[j] += (double)w[j * in + k] * x[k];
        }
    }
}

static void norm(const float *w, const double *x, size_t n, double *y)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] / sqrt(sum / (double)n + (double)1e-5f) * (double)w[i];
    }
}

/* Frequency of pair i; gpt-oss is stretched by yarn (factor 32 over 4096). */
static double frequency(const struct plain *p, size_t i, double *out_scale)
{
    double base = p->arch == 3 ? 150000.0 : 10000.0;
    double f = pow(base, -2.0 * (double)i / K);
    double low, high, ramp;

    *out_scale = 1.0;
    if (p->arch != 3) {
        return f;
    }
    low = floor(K * log(4096 / (32.0 * 2 * M_PI)) / (2 * log(base)));
    high = ceil(K * log(4096 / (1.0 * 2 * M_PI)) / (2 * log(base)));
    low = low < 0 ? 0 : low;
    high = high > K - 1 ? K - 1 : high;
    ramp = ((double)i - low) / (high - low < 0.001 ? 0.001 : high - low);
    ramp = 1 - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp);
    *out_scale = 1.0 + 0.1 * log(32.0);
    return f / 32.0 * (1 - ramp) + f * ramp;
}

static void turn(const struct plain *p, size_t position, double *head)
{
    for (size_t i = 0; i < K / 2; i++) {
        size_t a = p->arch == 0 ? 2 * i : i;
        size_t b = p->arch == 0 ? 2 * i + 1 : i + K / 2;
        double scale, angle = (double)position * frequency(p, i, &scale);
        double c = cos(angle) * scale, s = sin(angle) * scale;
        double x = head[a], y = head[b];

        head[a] = x * c - y * s;
        head[b] = x * s + y * c;
    }
}

static void heads(const struct plain *p, int layer, const char *name, size_t n,
                  size_t position, double *x)
{
    if (p->arch == 2) {
        norm(tensor(p, layer, name), x, n * K, x);
    }
    for (size_t i = 0; i < n; i++) {
        if (p->arch == 1) {
            norm(tensor(p, layer, name), x + i * K, K, x + i * K);
        }
        turn(p, position, x + i * K);
    }
}

static const float *bias(const struct plain *p, int layer, const char *name)
{
    return p->arch == 3 ? tensor(p, layer, name) : NULL;
}

static void mix_head(const struct plain *p, int layer, size_t t, size_t head,
                     const double *q, double k[T][H * K], double v[T][H * K],
                     double *out)
{
    size_t from =
        p->arch == 3 && layer % 2 == 0 && t + 1 > WINDOW ? t + 1 - WINDOW : 0;
    size_t kv = head / (H / p->kv_heads);
    double e[T], sum = 0, max = -INFINITY;

    if (p->arch == 3) {
        max = (double)tensor(p, layer, "attn_sinks.weight")[head];
        sum = 1;
    }
    for (size_t i = from; i <= t; i++) {
        e[i] = 0;
        for (size_t j = 0; j < K; j++) {
            e[i] += q[head * K + j] * k[i][kv * K + j];
        }
        e[i] /= sqrt(K);
        if (e[i] > max) {
            sum *= exp(max - e[i]);
            max = e[i];
        }
        sum += exp(e[i] - max);
    }
    for (size_t j = 0; j < K; j++) {
        out[head * K + j] = 0;
        for (size_t i = from; i <= t; i++) {
            out[head * K + j] += exp(e[i] - max) / sum * v[i][kv * K + j];
        }
    }
}

static void attention(struct plain *p, int layer)
{
    static double q[T][H * K], k[T][H * K], v[T][H * K];
    size_t kv = p->kv_heads * K;

    for (size_t t = 0; t < T; t++) {
        double h[D];

        norm(tensor(p, layer, "attn_norm.weight"), p->x[t], D, h);
        linear(tensor(p, layer, "attn_q.weight"), bias(p, layer, "attn_q.bias"),
               h, D, H * K, q[t]);
        linear(tensor(p, layer, "attn_k.weight"), bias(p, layer, "attn_k.bias"),
               h, D, kv, k[t]);
        linear(tensor(p, layer, "attn_v.weight"), bias(p, layer, "attn_v.bias"),
               h, D, kv, v[t]);
        heads(p, layer, "attn_q_norm.weight", H, t, q[t]);
        heads(p, layer, "attn_k_norm.weight", p->kv_heads, t, k[t]);
    }
    for (size_t t = 0; t < T; t++) {
        double o[H * K], y[D];

        for (size_t head = 0; head < H; head++) {
            mix_head(p, layer, t, head, q[t], k, v, o);
        }
        linear(tensor(p, layer, "attn_output.weight"),
               bias(p, layer, "attn_output.bias"), o, H * K, D, y);
        for (size_t j = 0; j < D; j++) {
            p->x[t][j] += y[j];
        }
    }
}

static double activation(const struct plain *p, double gate, double up)
{
    if (p->arch == 3) {
        gate = gate > 7 ? 7 : gate;
        up = up > 7 ? 7 : up < -7 ? -7 : up;
        return gate / (1 + exp(-1.702 * gate)) * (up + 1);
    }
    return gate / (1 + exp(-gate)) * up;
}

/* y += weight x network(h). */
static void network(const struct plain *p, int layer, size_t expert,
                    double weight, const double *h, double *y)
{
    const char *gate = p->experts ? "ffn_gate_exps.weight" : "ffn_gate.weight";
    const char *up = p->experts ? "ffn_up_exps.weight" : "ffn_up.weight";
    const char *down = p->experts ? "ffn_down_exps.weight" : "ffn_down.weight";
    const float *b[3] = {bias(p, layer, "ffn_gate_exps.bias"),
                         bias(p, layer, "ffn_up_exps.bias"),
                         bias(p, layer, "ffn_down_exps.bias")};
    double g[F], u[F], out[D];

    linear(tensor(p, layer, gate) + expert * D * F,
           b[0] == NULL ? NULL : b[0] + expert * F, h, D, F, g);
    linear(tensor(p, layer, up) + expert * D * F,
           b[1] == NULL ? NULL : b[1] + expert * F, h, D, F, u);
    for (size_t i = 0; i < F; i++) {
        g[i] = activation(p, g[i], u[i]);
    }
    linear(tensor(p, layer, down) + expert * D * F,
           b[2] == NULL ? NULL : b[2] + expert * D, g, F, D, out);
    for (size_t i = 0; i < D; i++) {
        y[i] += weight * out[i];
    }
}

/* The experts of a row and their weights. */
static void route(const struct plain *p, int layer, const double *h,
                  size_t *chosen, double *weights)
{
    double v[8], sum = 0, kept = 0;

    linear(tensor(p, layer, "ffn_gate_inp.weight"),
           bias(p, layer, "ffn_gate_inp.bias"), h, D, p->experts, v);
    for (size_t i = 0; i < p->experts; i++) {
        v[i] = exp(v[i]);
        sum += v[i];
    }
    for (size_t k = 0; k < p->used; k++) {
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < p->experts; i++) {
            best = v[i] > (best == SIZE_MAX ? -1 : v[best]) ? i : best;
        }
        chosen[k] = best;
        weights[k] = v[best] / sum;
        kept += weights[k];
        v[best] = -2;
    }
    for (size_t k = 0; p->arch != 2 && k < p->used; k++) {
        weights[k] /= kept; /* olmoe does not */
    }
}

static void feed_forward(struct plain *p, int layer)
{
    const char *name =
        p->arch == 3 ? "post_attention_norm.weight" : "ffn_norm.weight";

    for (size_t t = 0; t < T; t++) {
        size_t chosen[8] = {0};
        double h[D], y[D] = {0}, weights[8] = {1};

        norm(tensor(p, layer, name), p->x[t], D, h);
        if (p->experts > 0) {
            route(p, layer, h, chosen, weights);
        }
        for (size_t k = 0; k < (p->experts > 0 ? p->used : 1); k++) {
            network(p, layer, chosen[k], weights[k], h, y);
        }
        for (size_t j = 0; j < D; j++) {
            p->x[t][j] += y[j];
        }
    }
}

static void compare(struct plain *p, const struct lane *l, const char *what)
{
    const char *head = gguf_tensor(p->g, "output.weight") == NULL
                           ? "token_embd.weight"
                           : "output.weight";

    for (size_t t = 0; t < T; t++) {
        double h[D], y[WORLD_VOCAB];

        norm(tensor(p, -1, "output_norm.weight"), p->x[t], D, h);
        linear(tensor(p, -1, head), NULL, h, D, WORLD_VOCAB, y);
        for (size_t j = 0; j < WORLD_VOCAB; j++) {
            double got = (double)l->s.logits[t * WORLD_VOCAB + j];

            if (!(fabs(got - y[j]) < 2e-4)) {
                fail_msg("%s: token %zu, logit %zu: %g, expected %g", what, t,
                         j, got, y[j]);
            }
        }
    }
}

static void check(struct model_init spec, size_t arch)
{
    const size_t all = T;
    struct model_file f;
    struct model *m;
    struct plain p = {.arch = arch};
    struct lane l, *one = &l;
    struct pass *pass;
    struct diag d;

    assert_int_equal(model_file_make(&spec, &f, &d), 0);
    assert_int_equal(model_new(&f.g, &m, &d), 0);
    p.g = &f.g;
    p.kv_heads = model_shape(m)->kv_heads;
    p.experts = model_shape(m)->experts;
    p.used = model_shape(m)->experts_used;
    lane_init(&l, m, 64, 3);
    assert_int_equal(pass_new(m, T, 1, &pass), 0);
    world_feed(pass, m, &one, &all, 1);
    for (size_t t = 0; t < T; t++) {
        const float *row =
            tensor(&p, -1, "token_embd.weight") + l.s.tokens[t] * (size_t)D;

        for (size_t j = 0; j < D; j++) {
            p.x[t][j] = (double)row[j];
        }
    }
    for (int layer = 0; layer < LAYERS; layer++) {
        attention(&p, layer);
        feed_forward(&p, layer);
    }
    compare(&p, &l, spec.arch);
    pass_free(pass);
    lane_release(&l);
    model_free(m);
    model_file_release(&f);
}

static void test_plain(void **state)
{
    (void)state;
    for (size_t arch = 0; arch < 4; arch++) {
        struct model_init spec = world_spec(arch, 0);

        for (uint64_t seed = 0; seed < 4; seed++) {
            spec.seed = seed;
            check(spec, arch);
        }
        spec.experts_used = 1;
        spec.tied = arch < 2;
        check(spec, arch);
    }
}

static void test_dense(void **state)
{
    struct model_init spec = world_spec(0, 0);

    (void)state;
    spec.experts = spec.experts_used = 0;
    check(spec, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain),
                                       cmocka_unit_test(test_dense)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
