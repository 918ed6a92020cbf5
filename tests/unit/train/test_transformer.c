/* learner_transformer: its logits are those of the file it writes, bit for bit; its
 * gradients are those that differences show; experts without tokens, numbers that
 * are none, weights of others. tests/unit/train/lm.py compares every gradient with an
 * independent one. */
#include "tests/unit/train/text_world.h"

#include "workers/nn/math.h"
#include "workers/nn/transformer.h"
#include "workers/train/predict.h"

/* Logits of one row by the inference pass. */
static void infer(const struct model *m, const uint32_t *tokens, size_t n,
                  float *out)
{
    size_t bytes = cache_bytes(m, (uint32_t)(n + 63) / 64 * 64, 0);
    struct pass *p;
    struct cache c;
    struct pass_lane lane = {
        .cache = &c, .tokens = tokens, .n = n, .logits = out};
    uint8_t *area;

    if (bytes == 0) {
        bytes = cache_bytes(m, (uint32_t)n, 0);
    }
    area = aligned_alloc(64, bytes);
    assert_true(bytes > 0 && area != NULL);
    memset(area, 0, bytes);
    cache_init(&c, m, area, (uint32_t)n, 0);
    assert_int_equal(pass_new(m, n, 1, &p), 0);
    assert_int_equal(pass_run(p, &lane, 1, NULL), PASS_DONE);
    pass_free(p);
    free(area);
}

/* predict.h, of the file alone: the same once more. */
static void check_predict(struct text_world *w, const struct model_file *file,
                          const float *expected)
{
    size_t bytes = w->rows.n * learner_transformer.outputs_n(w->l) * 4;
    float *got = malloc(bytes);
    struct rows other = w->rows;
    uint64_t n;

    assert_non_null(got);
    assert_int_equal(predict_run(&file->g, &w->rows, got, bytes, &n, &w->d), 0);
    assert_int_equal(n, bytes);
    assert_memory_equal(got, expected, bytes);
    assert_int_equal(predict_run(&file->g, &w->rows, got, bytes - 1, &n, &w->d),
                     ERR_LIMIT);
    other.classes++;
    assert_int_equal(predict_run(&file->g, &other, got, bytes, &n, &w->d),
                     ERR_INPUT);
    assert_non_null(strstr(w->d.what, "the rows are"));
    free(got);
}

static void check_bits(const struct text_form *f)
{
    struct text_world w;
    struct model_file file;
    struct model *m;
    struct text_learner *l;
    size_t each = (size_t)f->context * f->vocab;
    float *expected = malloc(each * sizeof(*expected));
    float *given = malloc(f->rows * each * sizeof(*given));

    assert_true(expected != NULL && given != NULL);
    world_make(&w, f);
    world_stir(&w);
    l = text_of(w.l);
    world_write(&w, &file);
    assert_int_equal(model_new(&file.g, &m, &w.d), 0);
    assert_int_equal(
        learner_transformer.predict(w.l, &w.rows, 0, f->rows, given), 0);
    for (uint32_t row = 0; row < f->rows; row++) {
        infer(m, rows_tokens(&w.rows, row), f->context, expected);
        for (size_t i = 0;
             row < l->rows && f->rows <= l->rows && i < f->context; i++) {
            text_logits(l, row * l->context + i, 1);
            assert_memory_equal(l->s.logits, expected + i * f->vocab,
                                f->vocab * sizeof(float));
        }
        for (size_t i = 0; i < f->context; i++) {
            (void)nn_softmax(expected + i * f->vocab, f->vocab);
        }
        assert_memory_equal(given + row * each, expected,
                            each * sizeof(*expected));
    }
    check_predict(&w, &file, given);
    model_free(m);
    model_file_release(&file);
    world_release(&w);
    free(expected);
    free(given);
}

static void test_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(text_forms); i++) {
        check_bits(&text_forms[i]);
    }
}

/* The loss that gradients are of: cross-entropy and balance. */
static double whole_loss(struct text_world *w)
{
    const struct text_learner *l = text_of(w->l);
    struct loss_sum s = world_gradient(w);
    double sum = s.loss;

    for (uint32_t layer = 0; layer < l->shape.layers && l->shape.experts > 0;
         layer++) {
        const struct text_layer *y = &l->layers[layer];

        for (size_t row = 0; row < w->rows.n; row++) {
            for (uint32_t e = 0; e < l->shape.experts; e++) {
                double share = 0, mean = 0;

                for (size_t i = row * l->context; i < (row + 1) * l->context;
                     i++) {
                    mean += (double)y->router[i * l->shape.experts + e];
                    for (size_t k = 0; k < l->router.used; k++) {
                        share += y->chosen[i * l->router.used + k] == e;
                    }
                }
                sum += (double)l->balance * l->shape.experts * share * mean /
                       (double)(l->context * l->router.used);
            }
        }
    }
    return sum;
}

/* Which experts all tokens chose, as one number. */
static uint64_t choices(const struct text_world *w)
{
    const struct text_learner *l = text_of(w->l);
    uint64_t hash = 0;

    for (uint32_t layer = 0; layer < l->shape.layers && l->shape.experts > 0;
         layer++) {
        for (size_t i = 0; i < w->rows.n * l->context * l->router.used; i++) {
            hash = (hash ^ l->layers[layer].chosen[i]) *
                   UINT64_C(0x9e3779b97f4a7c15);
        }
    }
    return hash;
}

/* What check_differences works with. */
struct differences {
    struct text_world w;
    float *from, *grad, *along; /* owned */
};

static double loss_at(struct differences *x, const struct text_tensor *t,
                      float by)
{
    struct text_world *w = &x->w;

    memcpy(w->params, x->from, w->n * sizeof(*x->from));
    for (size_t i = t->at; i < t->at + t->n; i++) {
        w->params[i] += by * x->along[i];
    }
    assert_int_equal(learner_transformer.set(w->l, w->params), 0);
    return whole_loss(w);
}

/* The slope of the loss along x->along. No token may change its experts on the
 * way: the loss jumps there. NAN: one does on the shortest way. */
static double slope(struct differences *x, const struct text_tensor *t,
                    uint64_t chosen)
{
    for (float step = 0x1p-9f; step >= 0x1p-14f; step /= 2) {
        double up = loss_at(x, t, step), down;
        int same = choices(&x->w) == chosen;

        down = loss_at(x, t, -step);
        if (same && choices(&x->w) == chosen) {
            return (up - down) / (2 * (double)step);
        }
    }
    return NAN;
}

/* Along the gradient of a tensor, and something random. Returns what it should
 * be. */
static double direction(struct differences *x, const struct text_tensor *t)
{
    double size = 0, expected = 0;

    for (size_t i = t->at; i < t->at + t->n; i++) {
        size += (double)x->grad[i] * (double)x->grad[i];
    }
    for (size_t i = t->at; i < t->at + t->n; i++) {
        x->along[i] =
            (float)((double)x->grad[i] / sqrt(size + 1e-30) +
                    ((double)below(2001) / 1000 - 1) / sqrt((double)t->n));
        expected += (double)x->grad[i] * (double)x->along[i];
    }
    return expected;
}

static size_t check_differences(const struct text_form *f)
{
    struct differences x;
    uint64_t chosen;
    size_t jumps = 0;

    world_make(&x.w, f);
    world_stir(&x.w);
    x.from = malloc(x.w.n * sizeof(float));
    x.grad = malloc(x.w.n * sizeof(float));
    x.along = malloc(x.w.n * sizeof(float));
    assert_true(x.from != NULL && x.grad != NULL && x.along != NULL);
    memcpy(x.from, x.w.params, x.w.n * sizeof(float));
    (void)whole_loss(&x.w);
    chosen = choices(&x.w);
    memcpy(x.grad, x.w.grad, x.w.n * sizeof(float));
    for (size_t i = 0; i < text_tensors_n(text_of(x.w.l)); i++) {
        const struct text_tensor t = text_tensor(text_of(x.w.l), i);
        double expected = direction(&x, &t), got = slope(&x, &t, chosen);

        if (isnan(got)) {
            jumps++;
        } else if (!(fabs(got - expected) <= 0.01 * fabs(expected) + 0.02)) {
            fail_msg("%s %s: differences give %g, the gradient %g", f->arch,
                     t.name, got, expected);
        }
    }
    free(x.from);
    free(x.grad);
    free(x.along);
    world_release(&x.w);
    return jumps;
}

static void test_differences(void **state)
{
    size_t jumps = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(text_forms); i++) {
        jumps += check_differences(&text_forms[i]);
    }
    assert_true(jumps <= 5);
}

/* For tests/unit/train/lm.py: everything it needs to compute the same. */
static void test_dump(void **state)
{
    const char *path = getenv("PROCTOR_LM_DUMP");
    FILE *f = path == NULL ? NULL : fopen(path, "w");

    (void)state;
    if (f == NULL) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_N(text_forms); i++) {
        const struct text_form *form = &text_forms[i];
        struct text_world w;
        struct loss_sum s;

        world_make(&w, form);
        world_stir(&w);
        s = world_gradient(&w);
        (void)fprintf(f,
                      "form %s %u %u %u %u %u %u %u %u %u %u %.17g %.17g %d\n",
                      form->arch, form->blocks, form->width, form->heads,
                      form->kv_heads, form->ffn, form->experts,
                      form->experts_used, form->vocab, form->context,
                      form->rows, form->balance, form->smoothing, form->tied);
        (void)fprintf(f, "loss %.17g\n", s.loss);
        for (size_t k = 0; k < form->rows * (form->context + 1u); k++) {
            (void)fprintf(f, "%u ", w.tokens[k]);
        }
        for (size_t t = 0; t < text_tensors_n(text_of(w.l)); t++) {
            const struct text_tensor x = text_tensor(text_of(w.l), t);

            (void)fprintf(f, "\ntensor %s %u %u %u\n", x.name, x.shape.experts,
                          x.shape.out, x.shape.in);
            for (size_t k = x.at; k < x.at + x.n; k++) {
                (void)fprintf(f, "%a %a ", (double)w.params[k],
                              (double)w.grad[k]);
            }
        }
        (void)fprintf(f, "\nend\n");
        world_release(&w);
    }
    assert_int_equal(fclose(f), 0);
}

/* The same rows by any rows_max, and twice: the same bits. */
static void test_memory(void **state)
{
    const struct text_form *f = &text_forms[6];
    struct text_world w;
    struct loss_sum s, more = {0};
    struct learner *l;
    const uint32_t order[] = {0, 1, 2, 3, 4};
    float *grad;

    (void)state;
    world_make(&w, f);
    grad = malloc(w.n * sizeof(*grad));
    assert_non_null(grad);
    assert_true(text_of(w.l)->rows < f->rows);
    s = world_gradient(&w);
    assert_int_equal(learner_transformer.open(&w.recipe, &w.rows,
                                              &w.tokenizer_bytes, &l, &w.d),
                     0);
    assert_true(learner_transformer.memory(l, 1) <
                learner_transformer.memory(l, 3));
    assert_int_equal(learner_transformer.memory(l, 300),
                     learner_transformer.memory(l, 3));
    assert_int_equal(learner_transformer.start(l, 300), 0);
    assert_int_equal(learner_transformer.set(l, w.params), 0);
    for (int turn = 0; turn < 2; turn++) {
        more = (struct loss_sum){0};
        assert_int_equal(learner_transformer.gradient(l, &w.rows, order, 5, 9,
                                                      9, grad, &more),
                         0);
        assert_memory_equal(grad, w.grad, w.n * sizeof(*grad));
        assert_memory_equal(&s, &more, sizeof(s));
    }
    assert_int_equal(s.count, 5 * 300);
    learner_transformer.close(l);
    free(grad);
    world_release(&w);
}

/* Every instruction set: the same bits. */
static void test_routes(void **state)
{
    struct text_world w;
    float *grad;

    (void)state;
    world_make(&w, &text_forms[4]);
    grad = malloc(w.n * sizeof(*grad));
    assert_non_null(grad);
    (void)world_gradient(&w);
    memcpy(grad, w.grad, w.n * sizeof(*grad));
    for (int route = 0; route < PANEL_ROUTES_N; route++) {
        if (panels_force(WEIGHT_F32, (enum panel_route)route) != 0) {
            continue;
        }
        assert_int_equal(learner_transformer.set(w.l, w.params), 0);
        (void)world_gradient(&w);
        assert_memory_equal(grad, w.grad, w.n * sizeof(*grad));
    }
    free(grad);
    world_release(&w);
}

static void test_falls(void **state)
{
    struct text_world w;
    double first, last = 0;

    (void)state;
    world_make(&w, &text_forms[3]);
    first = world_gradient(&w).loss;
    assert_true(fabs(first / (4 * 33) - log(41)) < 0.3);
    for (int step = 0; step < 60; step++) {
        last = world_gradient(&w).loss;
        for (size_t i = 0; i < w.n; i++) {
            w.params[i] -= 0.3f * w.grad[i] / (4 * 33);
        }
        assert_int_equal(learner_transformer.set(w.l, w.params), 0);
    }
    assert_true(last < 0.6 * first);
    world_release(&w);
}

/* More experts than choices: some have no token, and no gradient. */
static void test_idle_experts(void **state)
{
    const struct text_form f = {"olmoe", 1,  16, 2, 2, 16, 64,
                                1,       20, 5,  2, 0, 0,  0};
    struct text_world w;
    const struct text_learner *l;
    size_t each = 16 * 16, idle = 0;

    (void)state;
    world_make(&w, &f);
    l = text_of(w.l);
    (void)world_gradient(&w);
    assert_true(nn_is_finite(w.grad, w.n));
    for (size_t e = 0; e < 64; e++) {
        size_t at = text_at(l, 0, PART_UP) + e * each;
        int any = 0;

        for (size_t i = 0; i < each; i++) {
            any |= w.grad[at + i] > 0 || w.grad[at + i] < 0;
        }
        assert_int_equal(any,
                         l->layers[0].first[e] < l->layers[0].first[e + 1]);
        idle += !any;
    }
    assert_true(idle >= 54);
    world_release(&w);
}

static void test_not_finite(void **state)
{
    struct text_world w;
    struct loss_sum s;

    (void)state;
    world_make(&w, &text_forms[2]);
    w.params[5] = INFINITY;
    assert_int_equal(learner_transformer.set(w.l, w.params), ERR_INPUT);
    w.params[5] = 0;
    for (size_t i = text_of(w.l)->output_at; i < w.n; i++) {
        w.params[i] = i % 2 == 0 ? 3e38f : -3e38f;
    }
    assert_int_equal(learner_transformer.set(w.l, w.params), 0);
    s = world_gradient(&w);
    assert_true(!isfinite(s.loss));
    world_release(&w);
}

static void test_load(void **state)
{
    struct text_form other = text_forms[2];
    struct text_world w, x;
    struct model_file file;
    uint64_t bytes;

    (void)state;
    world_make(&w, &text_forms[2]);
    world_stir(&w);
    world_write(&w, &file);
    world_make(&x, &text_forms[2]);
    assert_int_equal(learner_transformer.load(x.l, &file.g, x.params, &x.d), 0);
    assert_memory_equal(x.params, w.params, w.n * sizeof(float));
    world_release(&x);
    other.ffn = 25;
    world_make(&x, &other);
    assert_int_equal(learner_transformer.load(x.l, &file.g, x.params, &x.d),
                     ERR_INPUT);
    assert_non_null(strstr(x.d.what, "weights of another model"));
    world_release(&x);
    assert_int_equal(learner_transformer.write(w.l, w.params, file.n - 1,
                                               model_file_sink, &x, &bytes),
                     ERR_LIMIT);
    assert_int_equal(bytes, file.n);
    assert_int_equal(
        learner_transformer.write(w.l, NULL, 0, NULL, NULL, &bytes), ERR_LIMIT);
    assert_int_equal(bytes, file.n);
    model_file_release(&file);
    world_release(&w);
}

static void refused(struct text_form f, int code, const char *what)
{
    struct text_world w;

    assert_int_equal(world_open(&w, &f), code);
    if (strstr(w.d.what, what) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", what, w.d.what);
    }
    world_release(&w);
}

static void test_refused(void **state)
{
    struct text_form f = text_forms[0];

    (void)state;
    f.arch = "gpt-oss";
    refused(f, ERR_INPUT, "not trained here");
    f.arch = "olmoe";
    refused(f, ERR_INPUT, "olmoe without experts");
    f = text_forms[3];
    f.kv_heads = 1;
    refused(f, ERR_INPUT, "as many kv_heads");
    f.kv_heads = 2;
    f.experts_used = 6;
    refused(f, ERR_LIMIT, "experts_used is 6");
    f = text_forms[0];
    f.heads = 5;
    refused(f, ERR_INPUT, "in 5 heads");
    f.heads = 0;
    refused(f, ERR_LIMIT, "heads is 0");
    f = text_forms[0];
    f.smoothing = 1;
    refused(f, ERR_INPUT, "smoothing");
    f = text_forms[2];
    f.balance = -1;
    refused(f, ERR_INPUT, "balance");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),         cmocka_unit_test(test_differences),
        cmocka_unit_test(test_dump),         cmocka_unit_test(test_memory),
        cmocka_unit_test(test_routes),       cmocka_unit_test(test_falls),
        cmocka_unit_test(test_idle_experts), cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_load),         cmocka_unit_test(test_refused)};

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
