/* net*.c, learner_mlp.c, loss.c: gradients against differences of a plain
 * reference in double; forward passes bit for bit those of the file; nothing
 * hangs on how rows are cut or on the kernels; files; what is refused. */
#include "tests/unit/train/net_world.h"

#include "proto/buf.h"
#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/mlp.h"
#include "workers/nn/panel.h"

#define UNITS_MAX 200u
#define STEP 3u
#define MICRO 2u

static double act(const char *name, double z)
{
    if (strcmp(name, "tanh") == 0) {
        return tanh(z);
    }
    if (strcmp(name, "sigmoid") == 0) {
        return 1.0 / (1.0 + exp(-z));
    }
    if (strcmp(name, "gelu") == 0) {
        return 0.5 * z *
               (1.0 + tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)));
    }
    return strcmp(name, "relu") == 0 && z < 0 ? 0.0 : z;
}

/* Loss of outputs a, or for cross-entropy of sums z. */
static double loss_of(const struct world *w, const char *output, double *z,
                      size_t n, uint64_t row)
{
    int entropy = strcmp(w->loss.kind, "cross_entropy") == 0;
    double s = w->loss.smoothing, sum = 0, all = 0;
    int soft = strcmp(output, "softmax") == 0;
    int sigmoid = strcmp(output, "sigmoid") == 0;

    for (size_t j = 0; j < n; j++) {
        all += exp(z[j]);
    }
    for (size_t j = 0; j < n; j++) {
        double a = soft      ? exp(z[j]) / all
                   : sigmoid ? 1.0 / (1.0 + exp(-z[j]))
                             : z[j];
        double t = w->rows.kind == ROWS_REGRESSION ? w->targets[row]
                   : n == 1 ? (double)w->classes[row]
                            : (double)(w->classes[row] == j);
        double e = fabs(a - t), delta = w->loss.delta == 0 ? 1 : w->loss.delta;

        if (entropy && soft) {
            sum -= (t * (1 - s) + s / (double)n) * log(a);
        } else if (entropy) {
            double q = t * (1 - s) + s / 2;

            sum -= q * log(a) + (1 - q) * log(1 - a);
        } else if (strcmp(w->loss.kind, "absolute") == 0) {
            sum += e / (double)n;
        } else if (strcmp(w->loss.kind, "huber") == 0) {
            sum += (e <= delta ? e * e / 2 : delta * (e - delta / 2)) /
                   (double)n;
        } else {
            sum += e * e / (double)n;
        }
    }
    return sum;
}

/* One row, by params p in double. i: its place in the micro-batch. */
static double row_loss(const struct world *w, const double *p, uint64_t row,
                       size_t i)
{
    double a[UNITS_MAX], z[UNITS_MAX];
    const char *output = w->learner.output;

    for (size_t j = 0; j < WORLD_WIDTH; j++) {
        a[j] = w->x[row * WORLD_WIDTH + j];
        if (w->learner.standardize) {
            a[j] = (a[j] - p[j]) * p[WORLD_WIDTH + j];
        }
    }
    p += w->learner.standardize ? 2 * WORLD_WIDTH : 0;
    for (size_t l = 0; l < w->layers_n; l++) {
        size_t in = w->layers[l], out = w->layers[l + 1];
        struct draw d =
            stream_open(w->recipe.seed, STREAM_DROPOUT, STEP, MICRO << 16 | l);

        for (size_t o = 0; o < out; o++) {
            z[o] = p[in * out + o];
            for (size_t k = 0; k < in; k++) {
                z[o] += a[k] * p[k * out + o];
            }
        }
        for (size_t o = 0; l + 1 < w->layers_n && o < out; o++) {
            double u = (double)(draw_u64(&d, i * out + o) >> 11) * 0x1p-53;

            a[o] = act(w->learner.activation, z[o]);
            a[o] *= u < w->learner.dropout ? 0 : 1 / (1 - w->learner.dropout);
        }
        p += in * out + out;
    }
    return loss_of(w, output, z, w->layers[w->layers_n], row);
}

static double reference(const struct world *w, const double *p,
                        const uint32_t *order, size_t n)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++) {
        sum += row_loss(w, p, order[i], i);
    }
    if (w->learner.l2 > 0) { /* linear: one layer */
        p += w->learner.standardize ? 2 * WORLD_WIDTH : 0;
        for (size_t i = 0; i < w->layers[0] * w->layers[1]; i++) {
            squares += p[i] * p[i];
        }
    }
    return sum + w->learner.l2 * (double)n / WORLD_ROWS * squares;
}

static void check_gradient(struct world *w)
{
    enum {
        N = 17
    };
    size_t fixed = w->learner.standardize ? 2 * WORLD_WIDTH : 0;
    struct loss_sum s = {0};
    uint32_t order[N];
    double *p, largest = 0;

    world_open(w, N);
    p = malloc(w->n * sizeof(*p));
    assert_non_null(p);
    for (size_t i = 0; i < w->n; i++) {
        p[i] = (double)w->params[i];
    }
    for (size_t i = 0; i < N; i++) {
        order[i] = (uint32_t)below(WORLD_ROWS);
    }
    assert_int_equal(w->l->ops->gradient(w->l, &w->rows, order, N, STEP, MICRO,
                                         w->grad, &s),
                     0);
    assert_int_equal(s.count, N);
    assert_true(fabs(s.loss - reference(w, p, order, N)) <
                2e-6 * (1 + fabs(s.loss)));
    for (size_t i = 0; i < w->n; i++) {
        largest = fmax(largest, fabs((double)w->grad[i]));
    }
    assert_true(largest > 1e-3);
    for (size_t i = 0; i < w->n; i++) {
        double h = 1e-6, was = p[i], up, down, want;

        p[i] = was + h;
        up = reference(w, p, order, N);
        p[i] = was - h;
        down = reference(w, p, order, N);
        p[i] = was;
        want = i < fixed ? 0.0 : (up - down) / (2 * h);
        if (fabs((double)w->grad[i] - want) > 3e-6 * (largest + 1)) {
            fail_msg("%s, %s, %s: gradient %zu is %.9g, not %.9g",
                     w->loss.kind, w->learner.output, w->learner.activation, i,
                     (double)w->grad[i], want);
        }
    }
    free(p);
    world_close(w);
}

static const struct loss_case {
    enum rows_kind labels;
    const char *kind, *output;
    uint32_t classes, outputs;
    double delta, smoothing;
} losses[] = {
    {ROWS_REGRESSION, "squared", "identity", 0, 1, 0, 0},
    {ROWS_REGRESSION, "absolute", "identity", 0, 1, 0, 0},
    {ROWS_REGRESSION, "huber", "identity", 0, 1, 0.7, 0},
    {ROWS_REGRESSION, "squared", "sigmoid", 0, 1, 0, 0},
    {ROWS_CLASSIFICATION, "cross_entropy", "softmax", 3, 3, 0, 0},
    {ROWS_CLASSIFICATION, "cross_entropy", "softmax", 3, 19, 0, 0.2},
    {ROWS_CLASSIFICATION, "cross_entropy", "sigmoid", 2, 1, 0, 0},
    {ROWS_CLASSIFICATION, "cross_entropy", "sigmoid", 3, 3, 0, 0.1},
    {ROWS_CLASSIFICATION, "squared", "softmax", 4, 4, 0, 0},
    {ROWS_CLASSIFICATION, "squared", "identity", 4, 4, 0, 0},
    {ROWS_CLASSIFICATION, "huber", "sigmoid", 2, 1, 0.3, 0},
};

static const char *const hidden[] = {"relu", "tanh", "sigmoid", "gelu",
                                     "identity"};

static void take_loss(struct world *w, const struct loss_case *c)
{
    w->loss.kind = text(c->kind);
    w->loss.delta = c->delta;
    w->loss.smoothing = c->smoothing;
    w->learner.output = text(c->output);
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(losses); i++) {
        for (size_t a = 0; a < ARRAY_N(hidden); a++) {
            struct world w;

            world_init(&w, "mlp", losses[i].labels, losses[i].classes);
            take_loss(&w, &losses[i]);
            w.learner.activation = text(hidden[a]);
            w.learner.standardize = (i + a) % 2;
            w.learner.dropout = (i + a) % 3 == 0 ? 0.3 : 0;
            if (i % 2 == 0) {
                world_layers(&w, 3, (uint32_t[]){18, 7, losses[i].outputs});
            } else {
                world_layers(&w, 2, (uint32_t[]){5, losses[i].outputs});
            }
            check_gradient(&w);
        }
    }
}

static void test_linear(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(losses); i++) {
        struct world w;

        if (losses[i].outputs == 19) {
            continue; /* its outputs follow from the data */
        }
        world_init(&w, "linear", losses[i].labels, losses[i].classes);
        take_loss(&w, &losses[i]);
        w.learner.activation = text("identity");
        w.learner.standardize = i % 2;
        w.learner.l2 = i % 3 == 0 ? 0.5 : 0;
        check_gradient(&w);
    }
}

static int into_buf(void *ctx, struct ubytes bytes)
{
    return buf_put(ctx, bytes.p, bytes.n);
}

/* The weights as a file, read again; free *out_file. */
static void write_file(struct world *w, uint8_t **out_file, struct gguf *out)
{
    uint64_t bytes = 0;
    struct buf b;
    struct diag d;

    buf_init(&b, 1 << 20);
    assert_int_equal(w->l->ops->write(w->l, w->params, 1 << 20, into_buf, &b,
                                      &bytes),
                     0);
    assert_int_equal(bytes, buf_len(&b));
    assert_int_equal(w->l->ops->write(w->l, w->params, bytes - 1, into_buf, &b,
                                      &bytes),
                     ERR_LIMIT);
    *out_file = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(*out_file);
    memcpy(*out_file, buf_bytes(&b).p, (size_t)bytes);
    buf_release(&b);
    diag_init(&d);
    assert_int_equal(
        gguf_open((struct ubytes){*out_file, (size_t)bytes}, out, &d), 0);
}

/* predict against mlp_forward of the file: the same bits, or with
 * standardization nearly the same numbers. And the file read back. */
static void check_file(struct world *w)
{
    size_t outputs;
    float y[WORLD_ROWS * 20], want[WORLD_ROWS * 20];
    float x[WORLD_ROWS * WORLD_WIDTH], *back;
    struct mlp *m;
    struct gguf g;
    struct diag d;
    uint8_t *file;

    diag_init(&d);
    world_open(w, 7);
    outputs = w->l->ops->outputs_n(w->l);
    write_file(w, &file, &g);
    assert_int_equal(mlp_new(&g, &m, &d), 0);
    assert_int_equal(mlp_outputs(m), outputs);
    rows_inputs(&w->rows, NULL, WORLD_ROWS, x);
    mlp_forward(m, x, WORLD_ROWS, want);
    assert_int_equal(w->l->ops->predict(w->l, &w->rows, 0, 11, y), 0);
    assert_int_equal(w->l->ops->predict(w->l, &w->rows, 11, WORLD_ROWS - 11,
                                        y + 11 * outputs),
                     0);
    for (size_t i = 0; i < WORLD_ROWS * outputs; i++) {
        if (w->learner.standardize) {
            assert_true(fabs((double)(y[i] - want[i])) < 1e-4);
        } else {
            assert_int_equal(bits_of(y[i]), bits_of(want[i]));
        }
    }
    back = malloc(w->n * sizeof(*back));
    assert_non_null(back);
    memcpy(back, w->params, w->n * sizeof(*back));
    for (size_t i = w->learner.standardize ? 2 * WORLD_WIDTH : 0; i < w->n;
         i++) {
        back[i] = 99;
    }
    assert_int_equal(w->l->ops->load(w->l, &g, back, &d), 0);
    for (size_t i = 0; i < w->n; i++) {
        assert_true(w->learner.standardize
                        ? fabs((double)(back[i] - w->params[i])) < 1e-4
                        : bits_of(back[i]) == bits_of(w->params[i]));
    }
    mlp_free(m);
    gguf_release(&g);
    free(file);
    free(back);
    world_close(w);
}

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(losses); i++) {
        for (size_t a = 0; a < ARRAY_N(hidden); a++) {
            struct world w;

            world_init(&w, "mlp", losses[i].labels, losses[i].classes);
            take_loss(&w, &losses[i]);
            w.learner.activation = text(hidden[a]);
            w.learner.standardize = i % 4 == 3;
            w.learner.dropout = 0.4; /* not in predictions */
            world_layers(&w, 3, (uint32_t[]){70, 33, losses[i].outputs});
            check_file(&w);
        }
    }
}

/* The same gradient whatever rows_max, the kernels and what came before; an other
 * step, micro-batch or seed drops other units. */
static void test_invariance(void **state)
{
    static const enum panel_route routes[] = {PANEL_SCALAR, PANEL_AVX2,
                                              PANEL_AVX512, PANEL_OPENBLAS};
    static const uint32_t order[] = {3, 1, 4, 1, 5, 39, 2, 6};
    float *first = NULL;
    struct loss_sum one = {0};
    struct world w;

    (void)state;
    world_init(&w, "mlp", ROWS_CLASSIFICATION, 3);
    take_loss(&w, &losses[4]);
    w.learner.activation = text("gelu");
    w.learner.dropout = 0.5;
    w.learner.standardize = 1;
    world_layers(&w, 3, (uint32_t[]){40, 21, 3});
    for (size_t i = 0; i < 2 * ARRAY_N(routes); i++) {
        struct loss_sum s = {0};
        uint64_t seed = numbers_state;

        if (panels_force(WEIGHT_F32, routes[i / 2]) != 0) {
            continue;
        }
        numbers_state = 1;
        world_open(&w, i % 2 == 0 ? 8 : 64);
        numbers_state = seed;
        for (int j = 0; j < 2; j++) {
            s = (struct loss_sum){0};
            assert_int_equal(w.l->ops->gradient(w.l, &w.rows, order, 8, 5, 1,
                                                w.grad, &s),
                             0);
        }
        if (first == NULL) {
            first = malloc(w.n * sizeof(*first));
            assert_non_null(first);
            memcpy(first, w.grad, w.n * sizeof(*first));
            one = s;
        }
        assert_memory_equal(first, w.grad, w.n * sizeof(*first));
        assert_true(s.loss == one.loss && s.right == one.right);
        for (uint32_t j = 0; j < 2; j++) {
            assert_int_equal(w.l->ops->gradient(w.l, &w.rows, order, 8, 5 + j,
                                                2 - j, w.grad, &s),
                             0);
            assert_true(memcmp(first, w.grad, w.n * sizeof(*first)) != 0);
        }
        world_close(&w);
    }
    free(first);
}

static void check_refused(struct world *w, const char *part)
{
    struct learner *l;
    struct diag d;
    int code;

    diag_init(&d);
    code = learner_find(w->learner.kind)
               ->open(&w->recipe, &w->rows, NULL, &l, &d);
    if (code >= 0 || strstr(d.what, part) == NULL) {
        fail_msg("expected a refusal with \"%s\", got %d: %s", part, code,
                 d.what);
    }
    assert_null(l);
}

static void test_refused(void **state)
{
    struct world w;

    (void)state;
#define REFUSED(change, part)                                                  \
    world_init(&w, "mlp", ROWS_CLASSIFICATION, 3);                             \
    world_layers(&w, 2, (uint32_t[]){5, 3});                                   \
    change;                                                                    \
    check_refused(&w, part)
    REFUSED(w.layers[0] = 9, "takes 9 inputs");
    REFUSED(w.layers[2] = 2, "3 classes, but the last layer has 2");
    REFUSED(w.rows.classes = 1, "know one class");
    REFUSED(w.layers[1] = 70000, "has 70000 units");
    REFUSED(w.learner.n_layers = 1, "1 layers of units");
    REFUSED(w.learner.dropout = 1, "dropout is 1");
    REFUSED(w.learner.dropout = NAN, "dropout");
    REFUSED(w.learner.activation = text("swish"), "swish");
    REFUSED(w.learner.output = text("tanh"), "output \"tanh\"");
    REFUSED(w.loss.kind = text("hinge"), "hinge");
    REFUSED(w.loss.smoothing = -1, "smoothing");
    REFUSED((w.loss.kind = text("huber"), w.loss.delta = -1), "delta");
    REFUSED(w.learner.output = text("identity"), "no probabilities");
    REFUSED(w.rows.kind = ROWS_TEXT, "not texts");
    REFUSED((w.rows.classes = 2, w.layers[2] = 1,
             w.learner.output = text("identity"), w.loss.kind = text("squared")),
            "no sigmoid");
    REFUSED((w.layers[1] = 65536, w.layers[2] = 65536), "parameters");
    world_init(&w, "mlp", ROWS_REGRESSION, 0);
    world_layers(&w, 1, (uint32_t[]){2});
    check_refused(&w, "2 outputs");
    w.loss.kind = text("cross_entropy");
    w.layers[1] = 1;
    check_refused(&w, "labels are numbers");
    assert_null(learner_find("forest"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),  cmocka_unit_test(test_linear),
        cmocka_unit_test(test_files),      cmocka_unit_test(test_invariance),
        cmocka_unit_test(test_refused),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
