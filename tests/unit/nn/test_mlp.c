/* activation.c, mlp.c: bits equal for every batch size and route. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "tests/unit/nn/gguf_bytes.h"
#include "workers/nn/activation.h"
#include "workers/nn/mlp.h"
#include "workers/nn/panel.h"

static uint64_t state = 42;

static float random_float(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ldexpf((float)((int)(state >> 40 & 0xffff) - 0x8000) / 32768.0f,
                  (int)(state & 7) - 4);
}

static float *random_floats(size_t n)
{
    float *v = calloc(n, sizeof(*v));

    assert_non_null(v);
    for (size_t i = 0; i < n; i++) {
        v[i] = random_float();
    }
    return v;
}

/* Contract 1, as simply as it can be written. */
static float reference(const float *x, const float *w, size_t k)
{
    float y = 0;

    for (size_t k0 = 0; k0 < k; k0 += PANEL_SLICE) {
        float acc = 0;

        for (size_t i = k0; i < k && i < k0 + PANEL_SLICE; i++) {
            acc = fmaf(x[i], w[i], acc);
        }
        y = k0 == 0 ? acc : y + acc;
    }
    return y + 0.0f;
}

/* Against libm in double; the bound is far below half an f32 step. */
static void test_activations(void **s)
{
    (void)s;
    for (double x = -100.0; x <= 100.0; x += 0.00097) {
        float z = (float)x;
        double d = (double)z;
        double inner = 0.7978845608028654 * (d + 0.044715 * d * d * d);
        double sigmoid = 1.0 / (1.0 + exp(-d));
        double gelu = 0.5 * d * (1.0 + tanh(inner));

        assert_true(fabs((double)activation_of(ACTIVATION_TANH, z) - tanh(d)) <=
                    6.1e-8 * fabs(tanh(d)));
        assert_true(fabs((double)activation_of(ACTIVATION_SIGMOID, z) -
                         sigmoid) <= 6.1e-8 * sigmoid + 1e-45);
        assert_true(fabs((double)activation_of(ACTIVATION_GELU, z) - gelu) <=
                    6.1e-8 * fabs(gelu) + 1e-14);
    }
    assert_true(activation_of(ACTIVATION_SIGMOID, 3e38f) == 1.0f);
    assert_true(activation_of(ACTIVATION_SIGMOID, -3e38f) == 0.0f);
    assert_true(activation_of(ACTIVATION_TANH, -INFINITY) == -1.0f);
    assert_true(activation_of(ACTIVATION_TANH, 1e-30f) == 1e-30f);
    assert_true(activation_of(ACTIVATION_GELU, 3e38f) == 3e38f);
    assert_true(activation_of(ACTIVATION_RELU, -2.0f) == 0.0f);
    for (int a = ACTIVATION_IDENTITY; a <= ACTIVATION_GELU; a++) {
        assert_true(isnan(activation_of((enum activation)a, NAN)));
    }
}

static void put_floats(struct file *f, const float *v, size_t n)
{
    if (n > 0) {
        memcpy(f->bytes + f->n, v, n * sizeof(*v));
        f->n += n * sizeof(*v);
    }
    pad(f, 32);
}

#define LAYERS 3
static const uint32_t sizes[LAYERS + 1] = {5, 300, 70, 3};
static const char *const activations[LAYERS] = {"gelu", "tanh", "sigmoid"};

static void put_directory(struct file *f)
{
    uint64_t offset = 0;

    for (uint32_t i = 0; i < LAYERS; i++) {
        char name[] = "blk.0.weight";

        name[4] = (char)('0' + i);
        put_text(f, name);
        put(f, 2, 4);
        put(f, sizes[i], 8);
        put(f, sizes[i + 1], 8);
        put(f, 0, 4);
        put(f, offset, 8);
        offset += (sizes[i] * sizes[i + 1] * 4 + 31) / 32 * 32;
        memcpy(name + 6, "bias", 5);
        put_text(f, name);
        put(f, 1, 4);
        put(f, sizes[i + 1], 8);
        put(f, 0, 4);
        put(f, offset, 8);
        offset += (sizes[i + 1] * 4 + 31) / 32 * 32;
    }
}

static void make_file(struct file *f, float *w[LAYERS], float *b[LAYERS])
{
    f->bytes = aligned_alloc(64, 1 << 20);
    assert_non_null(f->bytes);
    put_head(f, 3, 2 * LAYERS, 3);
    put_text(f, "general.architecture");
    put(f, 8, 4);
    put_text(f, "proctor-mlp");
    put_text(f, "proctor.mlp.layer_sizes");
    put(f, 9, 4);
    put(f, 4, 4);
    put(f, LAYERS + 1, 8);
    for (size_t i = 0; i <= LAYERS; i++) {
        put(f, sizes[i], 4);
    }
    put_text(f, "proctor.mlp.activations");
    put(f, 9, 4);
    put(f, 8, 4);
    put(f, LAYERS, 8);
    for (size_t i = 0; i < LAYERS; i++) {
        put_text(f, activations[i]);
    }
    put_directory(f);
    put_floats(f, NULL, 0);
    for (size_t i = 0; i < LAYERS; i++) {
        w[i] = random_floats(sizes[i] * sizes[i + 1]);
        b[i] = random_floats(sizes[i + 1]);
        put_floats(f, w[i], sizes[i] * sizes[i + 1]);
        put_floats(f, b[i], sizes[i + 1]);
    }
}

static void reference_forward(float *const w[LAYERS], float *const b[LAYERS],
                              const float *x, float *y)
{
    static const enum activation kinds[LAYERS] = {
        ACTIVATION_GELU, ACTIVATION_TANH, ACTIVATION_SIGMOID};
    float now[300], next[300];

    memcpy(now, x, sizes[0] * sizeof(*x));
    for (size_t l = 0; l < LAYERS; l++) {
        for (size_t j = 0; j < sizes[l + 1]; j++) {
            float z = reference(now, w[l] + j * sizes[l], sizes[l]) + b[l][j];

            next[j] = activation_of(kinds[l], z) + 0.0f;
        }
        memcpy(now, next, sizes[l + 1] * sizeof(*x));
    }
    memcpy(y, now, sizes[LAYERS] * sizeof(*y));
}

static struct mlp *load(const struct file *f)
{
    struct gguf g;
    struct mlp *m = NULL;
    struct diag d;

    diag_init(&d);
    if (gguf_open((struct ubytes){f->bytes, f->n}, &g, &d) != 0 ||
        mlp_new(&g, &m, &d) != 0) {
        fail_msg("%s", d.what);
    }
    gguf_release(&g);
    return m;
}

/* Every row, whatever the batch it is in, equals the reference to the bit. */
static void test_batch_invariance(void **s)
{
    struct file f;
    float *w[LAYERS], *b[LAYERS];
    float *x, *y, *expected;
    enum {
        ROWS = 130
    };

    (void)s;
    make_file(&f, w, b);
    x = random_floats(ROWS * sizes[0]);
    y = random_floats(ROWS * sizes[LAYERS]);
    expected = random_floats(ROWS * sizes[LAYERS]);
    x[7 * sizes[0]] = NAN; /* one rotten row must not touch the others */
    x[9 * sizes[0]] = INFINITY;
    for (size_t i = 0; i < ROWS; i++) {
        reference_forward(w, b, x + i * sizes[0], expected + i * sizes[LAYERS]);
    }
    for (int route = 0; route < PANEL_ROUTES_N; route++) {
        struct mlp *m;

        if (panels_force(WEIGHT_F32, (enum panel_route)route) != 0) {
            continue;
        }
        m = load(&f);

        assert_int_equal(mlp_inputs(m), sizes[0]);
        assert_int_equal(mlp_outputs(m), sizes[LAYERS]);
        for (size_t batch = 1; batch <= ROWS; batch += batch < 64 ? 1 : 33) {
            memset(y, 0, ROWS * sizes[LAYERS] * sizeof(*y));
            for (size_t i = 0; i < ROWS; i += batch) {
                mlp_forward(m, x + i * sizes[0],
                            ROWS - i < batch ? ROWS - i : batch,
                            y + i * sizes[LAYERS]);
            }
            for (size_t i = 0; i < ROWS * sizes[LAYERS]; i++) {
                if (isnan(expected[i])) {
                    assert_true(isnan(y[i]));
                } else {
                    assert_memory_equal(&y[i], &expected[i], sizeof(*y));
                }
            }
        }
        mlp_free(m);
    }
    for (size_t i = 0; i < LAYERS; i++) {
        free(w[i]);
        free(b[i]);
    }
    free(x);
    free(y);
    free(expected);
    free(f.bytes);
}

/* Changes one metadata byte or size; must be refused with a reason. */
static void test_refused(void **s)
{
    static const struct {
        const char *find;
        size_t off;
        uint8_t value;
    } cases[] = {{"proctor-mlp", 0, 'q'},
                 {"proctor.mlp.layer_sizes", 23 + 4 + 4 + 8, 6},
                 {"proctor.mlp.layer_sizes", 23 + 4 + 4 + 8 + 4, 0},
                 {"proctor.mlp.layer_sizes", 0, 'q'},
                 {"proctor.mlp.activations", 0, 'q'},
                 {"gelu", 0, 'q'},
                 {"blk.0.weight", 4, '9'},
                 {"blk.1.bias", 4, '9'}};
    struct file f;
    float *w[LAYERS], *b[LAYERS];

    (void)s;
    make_file(&f, w, b);
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        struct gguf g;
        struct mlp *m = NULL;
        struct diag d;
        uint8_t *at =
            memmem(f.bytes, f.n, cases[i].find, strlen(cases[i].find));
        uint8_t kept;

        assert_non_null(at);
        at += cases[i].off;
        kept = *at;
        *at = cases[i].value;
        diag_init(&d);
        assert_int_equal(gguf_open((struct ubytes){f.bytes, f.n}, &g, &d), 0);
        assert_true(mlp_new(&g, &m, &d) < 0);
        assert_null(m);
        assert_true(d.what[0] != '\0');
        gguf_release(&g);
        *at = kept;
    }
    for (size_t i = 0; i < LAYERS; i++) {
        free(w[i]);
        free(b[i]);
    }
    free(f.bytes);
}

/* The shipped network decides XOR, far from its threshold. */
static void test_xor(void **s)
{
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1};
    static const int wanted[] = {0, 1, 1, 0};
    struct file f = {aligned_alloc(64, 4096), 0};
    FILE *in = fopen(TEST_SOURCE_DIR "/examples/xor/xor.gguf", "rb");
    float y[4];

    (void)s;
    assert_non_null(in);
    assert_non_null(f.bytes);
    f.n = fread(f.bytes, 1, 4096, in);
    (void)fclose(in);
    for (int route = 0; route < PANEL_ROUTES_N; route++) {
        struct mlp *m;

        if (panels_force(WEIGHT_F32, (enum panel_route)route) != 0) {
            continue;
        }
        m = load(&f);

        mlp_forward(m, x, 4, y);
        for (size_t i = 0; i < 4; i++) {
            assert_true(wanted[i] ? y[i] > 0.95f : y[i] < 0.05f);
        }
        mlp_free(m);
    }
    free(f.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_activations),
                                       cmocka_unit_test(test_batch_invariance),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_xor)};

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
