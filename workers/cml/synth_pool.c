/* Strings and lists of the search, each held once. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/cml/synth_int.h"

#define POOL_BYTES ((size_t)128 << 20)
#define POOL_ITEMS (1u << 21)

int pool_init(struct pool *p)
{
    *p = (struct pool){.slots_n = 1024};
    arena_init(&p->arena, POOL_BYTES);
    p->slots = calloc(p->slots_n, sizeof(*p->slots));
    return p->slots != NULL ? 0 : ERR_NOMEM;
}

void pool_release(struct pool *p)
{
    arena_release(&p->arena);
    free(p->items);
    free(p->slots);
    *p = (struct pool){.items = NULL};
}

static uint32_t hash_of(const uint8_t *s, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ s[i]) * 0x100000001b3u;
    }
    return (uint32_t)(h ^ h >> 32);
}

static int grow(struct pool *p)
{
    uint32_t cap = p->cap == 0 ? 256 : p->cap * 2;
    struct pool_item *items = realloc(p->items, cap * sizeof(*items));
    uint32_t slots_n = p->slots_n;
    uint32_t *slots;

    if (items == NULL) {
        return ERR_NOMEM;
    }
    p->items = items;
    p->cap = cap;
    while (slots_n < cap * 2) {
        slots_n *= 2;
    }
    slots = calloc(slots_n, sizeof(*slots));
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t k = items[i].hash & (slots_n - 1);

        while (slots[k] != 0) {
            k = (k + 1) & (slots_n - 1);
        }
        slots[k] = i + 1;
    }
    free(p->slots);
    p->slots = slots;
    p->slots_n = slots_n;
    return 0;
}

static uint32_t points_of(const uint8_t *s, size_t n)
{
    uint32_t points = 0;

    for (size_t i = 0; i < n; i++) {
        points += (s[i] & 0xc0) != 0x80;
    }
    return points;
}

static uint64_t put(struct pool *p, const uint8_t *s, size_t bytes,
                    uint32_t is_list)
{
    uint32_t h = hash_of(s, bytes) ^ is_list;
    struct pool_item *e;
    uint8_t *copy;
    uint32_t k;

    if (p->n == p->cap && (p->n >= POOL_ITEMS || grow(p) != 0)) {
        return SYNTH_NO_VALUE;
    }
    for (k = h & (p->slots_n - 1); p->slots[k] != 0;
         k = (k + 1) & (p->slots_n - 1)) {
        const struct pool_item *o = &p->items[p->slots[k] - 1];
        size_t have = is_list ? (size_t)o->n * sizeof(int64_t) : o->n;

        if (o->hash == h && o->is_list == is_list && have == bytes &&
            (bytes == 0 || memcmp(o->p, s, bytes) == 0)) {
            return p->slots[k] - 1;
        }
    }
    copy = arena_get(&p->arena, bytes + 1);
    if (copy == NULL) {
        return SYNTH_NO_VALUE;
    }
    if (bytes > 0) {
        memcpy(copy, s, bytes);
    }
    e = &p->items[p->n];
    *e = (struct pool_item){.p = copy, .hash = h, .is_list = is_list};
    e->n = (uint32_t)(is_list ? bytes / sizeof(int64_t) : bytes);
    e->points = is_list ? e->n : points_of(copy, bytes);
    p->slots[k] = ++p->n;
    return p->n - 1;
}

uint64_t pool_text(struct pool *p, const uint8_t *s, size_t n)
{
    return n > SYNTH_SEQUENCE_MAX ? SYNTH_NO_VALUE : put(p, s, n, 0);
}

uint64_t pool_list(struct pool *p, const int64_t *v, size_t n)
{
    return n > SYNTH_SEQUENCE_MAX
               ? SYNTH_NO_VALUE
               : put(p, (const uint8_t *)v, n * sizeof(*v), 1);
}
