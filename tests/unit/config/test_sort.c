/* sort_items against the C library, on all sizes up to some hundreds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sort.h"

#define ITEMS 600

struct row {
    uint32_t key;
    char text[41];
};

static int by_key(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

static void fill(struct row *v, size_t n, uint32_t spread)
{
    uint32_t x = 12345;

    memset(v, 0, n * sizeof(*v));
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        v[i].key = (x >> 8) % spread;
        v[i].text[v[i].key % 41] = (char)(v[i].key & 0x7f);
    }
}

static void as_the_library(void **state)
{
    static struct row ours[ITEMS];
    static struct row theirs[ITEMS];

    (void)state;
    for (size_t n = 0; n <= ITEMS; n += n < 40 ? 1 : 37) {
        for (uint32_t spread = 1; spread <= 1u << 20; spread *= 32) {
            fill(ours, n, spread);
            memcpy(theirs, ours, sizeof(ours));
            sort_items(ours, n, sizeof(ours[0]), by_key);
            if (n > 0) {
                qsort(theirs, n, sizeof(theirs[0]), by_key);
            }
            assert_memory_equal(ours, theirs, sizeof(ours));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_library)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
