/* Hash tables of a tokenizer. Run in the model worker, over tables that anybody
 * may have made: a look-up is bounded, and a table whose keys fall together is
 * refused. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/tokenizer_int.h"

#define PROBES_MAX 64u

/* Eight bytes at a time, multiply and fold. Not against a determined author:
 * that is what PROBES_MAX is for. */
uint64_t index_hash(uint64_t seed, struct ubytes key)
{
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t h = seed ^ (uint64_t)key.n * k;

    for (size_t i = 0; i < key.n; i += 8) {
        uint64_t word = 0;

        memcpy(&word, key.p + i, key.n - i < 8 ? key.n - i : 8);
        h = (h ^ word) * k;
        h ^= h >> 29;
    }
    h *= 0xbf58476d1ce4e5b9u;
    return h ^ h >> 32;
}

int index_init(struct index *x, size_t n)
{
    size_t slots = 64;

    while (slots < 4 * n) {
        slots *= 2;
    }
    x->slots = malloc(slots * sizeof(*x->slots));
    if (x->slots == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(x->slots, 0xff, slots * sizeof(*x->slots));
    x->mask = slots - 1;
    x->seed = 0x243f6a8885a308d3u;
    return 0;
}

void index_release(struct index *x)
{
    free(x->slots);
    memset(x, 0, sizeof(*x));
}

static int entry_is(const struct tokenizer *t, uint32_t id, struct ubytes text)
{
    struct ubytes have = entry_text(t, id);

    return have.n == text.n && memcmp(have.p, text.p, text.n) == 0;
}

uint32_t index_find(const struct index *x, const struct tokenizer *t,
                    struct ubytes text)
{
    uint64_t h = index_hash(x->seed, text);

    for (size_t i = 0; i < PROBES_MAX; i++) {
        uint32_t id = x->slots[(h + i) & x->mask];

        if (id == TOKENIZER_NONE || entry_is(t, id, text)) {
            return id;
        }
    }
    return TOKENIZER_NONE;
}

static uint64_t pair_hash(const struct index *x, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 32 | right;

    return index_hash(x->seed, (struct ubytes){(const uint8_t *)&key, 8});
}

uint32_t index_pair(const struct index *x, const struct tokenizer *t,
                    uint32_t left, uint32_t right)
{
    uint64_t h = pair_hash(x, left, right);

    for (size_t i = 0; i < PROBES_MAX; i++) {
        uint32_t rank = x->slots[(h + i) & x->mask];

        if (rank == TOKENIZER_NONE || (t->merges[rank].left == left &&
                                       t->merges[rank].right == right)) {
            return rank;
        }
    }
    return TOKENIZER_NONE;
}

static int put(struct index *x, uint64_t h, uint32_t what)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        uint32_t *slot = &x->slots[(h + i) & x->mask];

        if (*slot == TOKENIZER_NONE) {
            *slot = what;
            return 0;
        }
    }
    return INDEX_E_FULL;
}

int index_add(struct index *x, const struct tokenizer *t, uint32_t id)
{
    struct ubytes text = entry_text(t, id);

    if (index_find(x, t, text) != TOKENIZER_NONE) {
        return INDEX_E_TWICE;
    }
    return put(x, index_hash(x->seed, text), id);
}

int index_add_pair(struct index *x, const struct tokenizer *t, uint32_t rank)
{
    const struct merge *m = &t->merges[rank];

    if (index_pair(x, t, m->left, m->right) != TOKENIZER_NONE) {
        return INDEX_E_TWICE;
    }
    return put(x, pair_hash(x, m->left, m->right), rank);
}
