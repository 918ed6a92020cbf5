/* predict.c over perceptrons: the bits of the learner that wrote the file; weights
 * of another width, an area too small. Texts: test_transformer.c. */
#include "tests/unit/train/net_world.h"

#include "proto/err.h"
#include "tests/unit/nn/model_file.h"
#include "workers/nn/panel.h"
#include "workers/train/predict.h"

static void test_perceptron(void **s)
{
    static const uint32_t layers[] = {5, 3};
    struct world w;
    struct model_file f = {0};
    struct rows narrow;
    uint64_t bytes;
    float expected[WORLD_ROWS * 3], got[WORLD_ROWS * 3];
    struct diag d;

    (void)s;
    diag_init(&d);
    world_init(&w, "mlp", ROWS_CLASSIFICATION, 3);
    world_layers(&w, 2, layers);
    w.learner.activation = text("tanh");
    world_open(&w, 8);
    assert_int_equal(w.l->ops->predict(w.l, &w.rows, 0, WORLD_ROWS, expected),
                     0);
    assert_int_equal(
        w.l->ops->write(w.l, w.params, UINT64_MAX, model_file_sink, &f, &bytes),
        0);
    assert_int_equal(model_file_open(&f, &d), 0);
    assert_int_equal(predict_run(&f.g, &w.rows, got, sizeof(got), &bytes, &d),
                     0);
    assert_int_equal(bytes, sizeof(got));
    assert_memory_equal(got, expected, sizeof(got));
    assert_int_equal(
        predict_run(&f.g, &w.rows, got, sizeof(got) - 1, &bytes, &d),
        ERR_LIMIT);
    assert_non_null(strstr(d.what, "40 rows of 3 outputs"));
    narrow = w.rows;
    narrow.width--;
    assert_int_equal(predict_run(&f.g, &narrow, got, sizeof(got), &bytes, &d),
                     ERR_INPUT);
    assert_non_null(strstr(d.what, "takes 6 numbers, the rows have 5"));
    narrow.kind = ROWS_TEXT;
    assert_int_equal(predict_run(&f.g, &narrow, got, sizeof(got), &bytes, &d),
                     ERR_INPUT);
    model_file_release(&f);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_perceptron)};

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
