/* metric.c, metric_sum.c, metric_attach.c: names, splits, shards, bytes, engines. */
#include "tests/unit/train/metric_play.h"

static void test_names(void **s)
{
    const char *text;
    size_t n = 0;
    struct diag d;

    (void)s;
    diag_init(&d);
    while (metric_at(n, &text) != NULL) {
        n++;
    }
    assert_true(n >= 30);
    refuse("acuracy", (struct metric_setup)BINARY, "accuracy");
    refuse("accuracy:5", (struct metric_setup)BINARY, "nothing");
    refuse("f1:mean", (struct metric_setup)BINARY, "macro");
    refuse("f_beta", (struct metric_setup)BINARY, "above 0");
    refuse("f_beta:0", (struct metric_setup)BINARY, "above 0");
    refuse("top_k:0", (struct metric_setup){.classes = 3, .width = 3}, "1..");
    refuse("top_k:1.5", (struct metric_setup){.classes = 3, .width = 3}, "1..");
    refuse("top_k:4", (struct metric_setup){.classes = 3, .width = 3}, "fewer");
    refuse("top_k:1", (struct metric_setup)BINARY, "score");
    refuse("precision", (struct metric_setup)NUMBERS, "classes");
    refuse("precision:samples", (struct metric_setup)BINARY, "several");
    refuse("precision:binary", (struct metric_setup){.classes = 3, .width = 3},
           "two classes");
    refuse("accuracy", (struct metric_setup){.classes = 3, .width = 2}, "more");
    refuse("confusion", (struct metric_setup){.classes = 513, .width = 1},
           "512");
    refuse("accuracy",
           (struct metric_setup){.classes = 3, .width = 1, .threshold_set = 1},
           "threshold");
    refuse("roc_auc", (struct metric_setup){.classes = 3, .width = 3}, "two");
    refuse("r2", (struct metric_setup){.width = 2}, "one column");
    refuse("log_loss", (struct metric_setup)NUMBERS, "probabilities");
    refuse("running_average:2", (struct metric_setup)NUMBERS, "0..1");
    assert_int_equal(metric_check("f1:macro", METRIC_CLASSIFICATION, &d), 0);
    assert_int_equal(metric_check("f1", METRIC_REGRESSION, &d), ERR_INPUT);
    assert_non_null(strstr(d.what, "regression"));
    assert_int_equal(metric_check("perplexity", METRIC_TEXT, &d), 0);
    assert_int_equal(metric_check("", METRIC_TEXT, &d), ERR_INPUT);
}

/* ---- Any cut of the samples gives the same value ---- */

static uint64_t seed = 9;

static uint32_t below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % n);
}

enum {
    N = 257,
    WIDTH = 4
};
static double scores[N * WIDTH], classes[N], single[N], yes[N], values[N],
    targets[N], labels[N * WIDTH], truth[N * WIDTH];

static void make(void)
{
    for (size_t i = 0; i < N; i++) {
        double sum = 0;

        for (size_t c = 0; c < WIDTH; c++) {
            scores[i * WIDTH + c] = 1 + below(50);
            sum += scores[i * WIDTH + c];
            labels[i * WIDTH + c] = below(2);
            truth[i * WIDTH + c] = below(3) == 0;
        }
        for (size_t c = 0; c < WIDTH; c++) {
            scores[i * WIDTH + c] /= sum;
        }
        classes[i] = below(WIDTH);
        yes[i] = below(2);
        single[i] = below(40) / 39.0;
        targets[i] = 1e6 + (below(1000) + 1) * 1e-3;
        values[i] = targets[i] + below(100) * 1e-2;
    }
}

static void cut(const char *text, const struct samples *s, uint64_t step,
                double want)
{
    struct metric_tally *t = opened(text, &s->setup);
    struct metric_tally *shard = opened(text, &s->setup);
    struct metric_tally *again = opened(text, &s->setup);
    struct buf bytes;
    struct rd r;
    struct diag d;

    diag_init(&d);
    buf_init(&bytes, 1u << 20);
    for (uint64_t from = 0; from < s->n; from += step) {
        uint64_t to = from + step < s->n ? from + step : s->n;

        feed(from / step % 2 == 0 ? t : shard, s, from, to);
        buf_reset(&bytes);
        assert_int_equal(metric_save(t, &bytes), 0);
        assert_true(buf_len(&bytes) <= metric_state_bytes(t, to));
        rd_init(&r, buf_bytes(&bytes));
        assert_int_equal(metric_load(again, &r), 0);
        assert_int_equal(rd_end(&r), 0);
    }
    assert_int_equal(metric_merge(again, shard, &d), 0);
    near_to(text, value_of(again), want);
    assert_int_equal(metric_merge(shard, t, &d), 0);
    near_to(text, value_of(shard), want);
    buf_release(&bytes);
    metric_close(t);
    metric_close(shard);
    metric_close(again);
}

static void cuts(const char *text, const struct samples *s)
{
    static const uint64_t steps[] = {1, 7, 100, N};
    struct metric_tally *t = opened(text, &s->setup);

    feed(t, s, 0, s->n);
    for (size_t i = 0; i < ARRAY_N(steps); i++) {
        cut(text, s, steps[i], value_of(t));
    }
    metric_close(t);
}

static void test_cuts(void **s)
{
    const struct samples many = {
        {.classes = WIDTH, .width = WIDTH}, N, scores, classes};
    const struct samples two = {BINARY, N, single, yes};
    const struct samples numbers = {NUMBERS, N, values, targets};
    const struct samples several = {
        {.width = WIDTH, .several = 1}, N, labels, truth};
    static const char *const of_many[] = {"accuracy",
                                          "precision",
                                          "recall:weighted",
                                          "f1",
                                          "f_beta:2",
                                          "f1:micro",
                                          "iou",
                                          "dice",
                                          "cohen_kappa",
                                          "cohen_kappa:quadratic",
                                          "mcc",
                                          "top_k:2",
                                          "mean_reciprocal_rank",
                                          "ndcg:3",
                                          "log_loss",
                                          "entropy"};
    static const char *const of_numbers[] = {"mean_squared_error",
                                             "root_mean_squared_error",
                                             "mean_absolute_error",
                                             "max_error",
                                             "mean_absolute_percentage_error",
                                             "canberra",
                                             "r2",
                                             "pearson",
                                             "psnr:255",
                                             "spearman",
                                             "kendall",
                                             "median_absolute_error",
                                             "average"};

    (void)s;
    make();
    for (size_t i = 0; i < ARRAY_N(of_many); i++) {
        cuts(of_many[i], &many);
    }
    for (size_t i = 0; i < ARRAY_N(of_numbers); i++) {
        cuts(of_numbers[i], &numbers);
    }
    cuts("roc_auc", &two);
    cuts("average_precision", &two);
    cuts("log_loss", &two);
    cuts("f1:samples", &several);
    cuts("accuracy", &several);
}

static void test_bytes(void **s)
{
    const struct samples two = {BINARY, 100, single, yes};
    struct metric_tally *t = opened("roc_auc", &two.setup);
    struct metric_tally *other = opened("average_precision", &two.setup);
    struct metric_tally *again = opened("roc_auc", &two.setup);
    struct buf bytes;
    struct rd r;
    double before;

    (void)s;
    make();
    buf_init(&bytes, 1u << 20);
    feed(t, &two, 0, 100);
    feed(again, &two, 0, 50);
    before = value_of(again);
    assert_int_equal(metric_save(t, &bytes), 0);
    rd_init(&r, buf_bytes(&bytes));
    assert_int_equal(metric_load(other, &r), ERR_ENCODING);
    for (size_t n = 0; n < buf_len(&bytes); n += 5) {
        rd_init(&r, (struct ubytes){buf_bytes(&bytes).p, n});
        assert_int_equal(metric_load(again, &r), ERR_ENCODING);
    }
    assert_true(value_of(again) == before);
    buf_release(&bytes);
    metric_close(t);
    metric_close(other);
    metric_close(again);
}

static void test_merge_refused(void **s)
{
    const struct metric_setup two = BINARY, three = {.classes = 3, .width = 1};
    struct metric_tally *a = opened("f1", &two), *b = opened("f1", &three);
    struct metric_tally *r = opened("running_average", &two);
    struct diag d;

    (void)s;
    diag_init(&d);
    assert_int_equal(metric_merge(a, b, &d), ERR_INPUT);
    assert_int_equal(metric_merge(r, r, &d), ERR_INPUT);
    metric_close(a);
    metric_close(b);
    metric_close(r);
}

/* ---- In an engine ---- */

static double seen[16];
static size_t seen_n;

static int process(struct engine *e, void *ctx, void *batch, void **out,
                   struct diag *d)
{
    static double p[2], y[2];
    static struct metric_batch b;
    uint64_t i = engine_state(e)->iteration;

    (void)ctx;
    (void)batch;
    (void)d;
    p[0] = i % 2 == 0;
    p[1] = y[0] = y[1] = 1;
    b = (struct metric_batch){
        .n = 2, .pred = p, .target = y, .loss = (double)i};
    *out = &b;
    return 0;
}

/* A metric of metrics, as its user writes it: 2 P R / (P + R). */
static int derives(struct engine *e, void *ctx, struct diag *d)
{
    double p, r;

    (void)ctx;
    TRY(engine_value(e, "p", &p, d));
    TRY(engine_value(e, "r", &r, d));
    return engine_value_set(e, "mine", 2 * p * r / (p + r), d);
}

static int looks(struct engine *e, void *ctx, struct diag *d)
{
    double v = 0;

    TRY(engine_value(e, ctx, &v, d));
    seen[seen_n++] = v;
    return 0;
}

static void run(struct engine *e, int want)
{
    struct diag d;

    diag_init(&d);
    assert_int_equal(engine_run(e,
                                &(struct engine_plan){.max_epochs = 2,
                                                      .epoch_length = 2,
                                                      .no_data = 1},
                                NULL, process, NULL, &d),
                     want);
}

static void listen(struct engine *e, unsigned event, engine_handler *h,
                   const char *name)
{
    const struct engine_when w = {.event = event};
    struct diag d;

    diag_init(&d);
    assert_int_equal(
        engine_on(e, &w, 1, 0, h, (void *)(uintptr_t)name, NULL, &d), 0);
}

static struct engine *trainer(void)
{
    struct engine *e = NULL;

    assert_int_equal(engine_new("trainer", NULL, NULL, &e), 0);
    seen_n = 0;
    return e;
}

static void test_attached(void **s)
{
    const struct metric_setup two = BINARY;
    struct metric_tally *t[5] = {
        opened("accuracy", &two), opened("precision", &two),
        opened("recall", &two), opened("running_average:0.5", &two),
        opened("accuracy", &two)};
    static const char *const names[] = {"accuracy", "p", "r", "run", "batch"};
    const struct metric_usage *const usages[] = {
        &metric_of_epoch, &metric_of_epoch, &metric_of_epoch, &metric_of_run,
        &metric_of_batch};
    struct engine *e = trainer();
    struct diag d;
    double v = 0;

    (void)s;
    diag_init(&d);
    /* Listeners first: metrics come before them all the same. */
    listen(e, ENGINE_EPOCH_COMPLETED, looks, "accuracy");
    listen(e, ENGINE_EPOCH_COMPLETED, derives, NULL);
    listen(e, ENGINE_EPOCH_COMPLETED, looks, "mine");
    listen(e, ENGINE_ITERATION_COMPLETED, looks, "run");
    listen(e, ENGINE_ITERATION_COMPLETED, looks, "batch");
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        assert_int_equal(
            metric_attach(t[i], e, names[i], usages[i], NULL, NULL, &d), 0);
    }
    run(e, 0);
    assert_int_equal(seen_n, 12);
    near_to("run", seen[0], 1);
    near_to("batch", seen[1], 0.5);
    near_to("run", seen[2], 1.5);
    near_to("batch", seen[3], 1);
    near_to("accuracy", seen[4], 0.75);
    near_to("mine", seen[5], 2 * 1 * 0.75 / 1.75);
    near_to("run", seen[6], 2.25);
    near_to("accuracy", seen[10], 0.75);
    assert_int_equal(engine_value(e, "p", &v, &d), 0);
    near_to("p", v, 1);
    assert_int_equal(
        metric_attach(t[0], e, "", &metric_of_epoch, NULL, NULL, &d),
        ERR_INPUT);
    engine_free(e);
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        metric_close(t[i]);
    }
}

static int empty(struct engine *e, void *ctx, struct metric_batch *out,
                 struct diag *d)
{
    (void)e;
    (void)ctx;
    (void)d;
    out->n = 0;
    return 0;
}

static void test_attached_many(void **s)
{
    const struct metric_setup two = BINARY;
    struct metric_tally *t = opened("precision:none", &two);
    struct metric_tally *none = opened("accuracy", &two);
    struct engine *e = trainer();
    struct diag d;
    double v = 0;

    (void)s;
    diag_init(&d);
    assert_int_equal(metric_attach(t, e, "p", &metric_of_epoch, NULL, NULL, &d),
                     0);
    run(e, 0);
    assert_int_equal(engine_value(e, "p_0", &v, &d), 0);
    near_to("p_0", v, 0);
    assert_int_equal(engine_value(e, "p_1", &v, &d), 0);
    near_to("p_1", v, 1);
    assert_int_equal(
        metric_attach(none, e, "a", &metric_of_epoch, empty, NULL, &d), 0);
    run(e, ERR_INPUT); /* not computable: said, not NaN */
    engine_free(e);
    metric_close(t);
    metric_close(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_merge_refused),
        cmocka_unit_test(test_attached), cmocka_unit_test(test_attached_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
