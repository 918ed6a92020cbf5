/* Sorting for workers. The C library's qsort asks the system for its memory size
 * when an array has more than 1,024 bytes, and the filter ends the worker. */
#ifndef PROTO_SORT_H
#define PROTO_SORT_H

#include "proto/base.h"

#define SORT_ITEM_BYTES 512 /* the largest item */

/* As qsort: n items of item_bytes each, ascending by compare. Not stable; no
 * memory, O(n log n) always. item_bytes <= SORT_ITEM_BYTES. */
void sort_items(void *v, size_t n, size_t item_bytes,
                int (*compare)(const void *a, const void *b));

#endif
