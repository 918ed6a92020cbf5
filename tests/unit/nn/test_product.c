/* product.c: the bits of contract 1 in every shape, order and route; nothing
 * beside the columns is written; transposition. */
#include <math.h>

#include "tests/unit/nn/numbers.h"
#include "workers/nn/operand.h"
#include "workers/nn/panel.h"
#include "workers/nn/product.h"

static const enum panel_route routes[] = {PANEL_SCALAR, PANEL_AVX2,
                                          PANEL_AVX512, PANEL_OPENBLAS};

/* Contract 1, as simply as it can be written. */
static float expected(const struct product *p, size_t i, size_t j)
{
    float y = 77.0f;

    for (size_t k0 = 0; k0 < p->k; k0 += PANEL_SLICE) {
        float acc = 0;

        for (size_t k = k0; k < p->k && k < k0 + PANEL_SLICE; k++) {
            acc = fmaf(p->x[i * p->x_row + k * p->x_step], p->w[k * p->ldw + j],
                       acc);
        }
        y = k0 == 0 && !p->adds ? acc : y + acc;
    }
    return y + 0.0f;
}

static void check(size_t m, size_t n, size_t k, int turned)
{
    size_t gap = below(3);
    struct product p = {.x_row = turned ? 1 : k + gap,
                        .x_step = turned ? m + gap : 1,
                        .ldw = n + below(3),
                        .ldy = n + 1 + below(3),
                        .m = m,
                        .n = n,
                        .k = k,
                        .adds = (int)below(2)};
    float *x = draw_numbers((m + gap) * (k + gap));
    float *w = draw_numbers(p.ldw * k);
    float *y = malloc(p.ldy * m * sizeof(*y));

    assert_non_null(y);
    for (size_t i = 0; i < p.ldy * m; i++) {
        y[i] = 77.0f;
    }
    p.x = x;
    p.w = w;
    p.y = y;
    nn_product(&p);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < p.ldy; j++) {
            float want = j < n ? expected(&p, i, j) : 77.0f;

            if (bits_of(y[i * p.ldy + j]) != bits_of(want)) {
                fail_msg("m %zu n %zu k %zu turned %d: (%zu, %zu) is %a, not "
                         "%a",
                         m, n, k, turned, i, j, (double)y[i * p.ldy + j],
                         (double)want);
            }
        }
    }
    free(x);
    free(w);
    free(y);
}

static void test_shapes(void **s)
{
    static const size_t edges[] = {1, 2, 5, 15, 16, 17, 33, 64, 65, 121, 130};

    (void)s;
    for (size_t r = 0; r < ARRAY_N(routes); r++) {
        if (panels_force(WEIGHT_F32, routes[r]) != 0) {
            continue;
        }
        for (size_t i = 0; i < ARRAY_N(edges); i++) {
            for (size_t j = 0; j < ARRAY_N(edges); j++) {
                check(edges[i], edges[j], 1 + below(40), (int)below(2));
            }
        }
        for (size_t i = 0; i < 12; i++) {
            check(1 + below(140), 1 + below(140), 200 + below(400),
                  (int)below(2));
        }
    }
}

/* The forward product of a packed matrix is the same. */
static void test_panels(void **s)
{
    enum {
        M = 37,
        N = 90,
        K = 300
    };
    float *x = draw_numbers(M * K), *w = draw_numbers(N * K);
    float *turned = draw_numbers(N * K), *y = draw_numbers(M * N);
    float *wide = draw_numbers(M * panels_padded(N));
    struct panels packed = {WEIGHT_F32, N, K, NULL};
    void *bytes = aligned_alloc(PANEL_ALIGN, panels_bytes(WEIGHT_F32, N, K));
    struct operand *o;

    (void)s;
    assert_non_null(bytes);
    packed.packed = bytes;
    assert_int_equal(panels_pack(WEIGHT_F32, w, N, K, bytes), 0);
    assert_int_equal(operand_new(M, K, &o), 0);
    operand_set(o, x, K, M, K, 1, 0);
    panels_product(&packed, o, wide, panels_padded(N));
    nn_turn(w, N, K, turned);
    nn_product(&(struct product){x, K, 1, turned, N, y, N, M, N, K, 0});
    for (size_t i = 0; i < M; i++) {
        assert_memory_equal(wide + i * panels_padded(N), y + i * N,
                            N * sizeof(float));
    }
    operand_free(o);
    free(bytes);
    free(x);
    free(w);
    free(turned);
    free(y);
    free(wide);
}

static void test_turn(void **s)
{
    (void)s;
    for (size_t rows = 1; rows < 40; rows += 1 + below(4)) {
        for (size_t columns = 1; columns < 70; columns += 1 + below(4)) {
            float *x = draw_numbers(rows * columns);
            float *out = draw_numbers(rows * columns);

            nn_turn(x, rows, columns, out);
            for (size_t i = 0; i < rows * columns; i++) {
                assert_true(x[i] == out[i % columns * rows + i / columns]);
            }
            free(x);
            free(out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_panels),
        cmocka_unit_test(test_turn),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
