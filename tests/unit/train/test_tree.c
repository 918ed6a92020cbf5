/* tree.c: the tree that the header draws, whole or in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/nn/draw.h"
#include "workers/train/tree.h"

enum {
    WIDTH = 37,
    LEAVES = 40
};

static float leaves[LEAVES][WIDTH];

/* Pairs of neighbours on each level; one that is left over is handed up. */
static void by_hand(size_t n, float *out)
{
    static float level[LEAVES][WIDTH];

    memcpy(level, leaves, sizeof(level));
    while (n > 1) {
        size_t pairs = n / 2;

        for (size_t i = 0; i < pairs; i++) {
            for (size_t j = 0; j < WIDTH; j++) {
                level[i][j] = level[2 * i][j] + level[2 * i + 1][j];
            }
        }
        if (n % 2 != 0) {
            memcpy(level[pairs], level[n - 1], sizeof(level[0]));
        }
        n = pairs + n % 2;
    }
    memcpy(out, level[0], sizeof(level[0]));
}

static void test_shape(void **s)
{
    const struct draw d = draw_init(7, 1);
    struct tree whole;
    struct tree piece;

    (void)s;
    for (size_t i = 0; i < LEAVES * WIDTH; i++) {
        leaves[i / WIDTH][i % WIDTH] = draw_f32(&d, i);
    }
    assert_int_equal(tree_init(&piece, LEAVES, 1), 0);
    for (size_t n = 1; n <= LEAVES; n++) {
        float want[WIDTH];

        by_hand(n, want);
        assert_int_equal(tree_init(&whole, n, WIDTH), 0);
        for (size_t again = 0; again < 2; again++) {
            tree_reset(&whole);
            for (size_t i = 0; i < n; i++) {
                memcpy(tree_leaf(&whole), leaves[i], sizeof(leaves[i]));
                tree_add(&whole);
            }
            assert_memory_equal(tree_sum(&whole), want, sizeof(want));
        }
        tree_release(&whole);
        for (size_t j = 0; j < WIDTH; j++) {
            tree_reset(&piece);
            for (size_t i = 0; i < n; i++) {
                *tree_leaf(&piece) = leaves[i][j];
                tree_add(&piece);
            }
            assert_memory_equal(tree_sum(&piece), &want[j], sizeof(float));
        }
    }
    tree_release(&piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
