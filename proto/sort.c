/* Heap sort in place. Runs in the workers; makes no system call. */
#include "proto/sort.h"

#include <string.h>

struct heap {
    uint8_t *v;
    size_t item_bytes;
    int (*compare)(const void *a, const void *b);
};

static uint8_t *item(const struct heap *h, size_t i)
{
    return h->v + i * h->item_bytes;
}

static void swap(const struct heap *h, size_t i, size_t k)
{
    uint8_t held[SORT_ITEM_BYTES];

    memcpy(held, item(h, i), h->item_bytes);
    memcpy(item(h, i), item(h, k), h->item_bytes);
    memcpy(item(h, k), held, h->item_bytes);
}

/* Item i of the first n moves down until none below it is larger. */
static void sink(const struct heap *h, size_t i, size_t n)
{
    while (i < n / 2) {
        size_t child = 2 * i + 1;

        if (child + 1 < n &&
            h->compare(item(h, child), item(h, child + 1)) < 0) {
            child++;
        }
        if (h->compare(item(h, i), item(h, child)) >= 0) {
            return;
        }
        swap(h, i, child);
        i = child;
    }
}

void sort_items(void *v, size_t n, size_t item_bytes,
                int (*compare)(const void *a, const void *b))
{
    struct heap h = {v, item_bytes, compare};

    ASSERT(item_bytes > 0 && item_bytes <= SORT_ITEM_BYTES);
    for (size_t i = n / 2; i-- > 0;) {
        sink(&h, i, n);
    }
    for (size_t i = n; i-- > 1;) {
        swap(&h, 0, i);
        sink(&h, 0, i);
    }
}
