/* See map.h. Kernel process. Invariant: at most 3/4 of the slots are used. */
#include "kernel/store/map.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

void map_init(struct map *m)
{
    memset(m, 0, sizeof(*m));
    randombytes_buf(m->hash_key_, sizeof(m->hash_key_));
}

void map_release(struct map *m)
{
    free(m->slots_);
    memset(m, 0, sizeof(*m));
}

/* The slot of key, or the free one where it belongs. cap_ > 0. */
static struct map_slot *find(const struct map *m, struct map_slot *slots,
                             size_t cap, struct ubytes key)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t h;
    size_t i;

    crypto_shorthash(hash, key.p, key.n, m->hash_key_);
    memcpy(&h, hash, sizeof(h));
    for (i = (size_t)h & (cap - 1);; i = (i + 1) & (cap - 1)) {
        struct map_slot *s = &slots[i];

        if (!s->used || (s->key.n == key.n &&
                         (key.n == 0 || memcmp(s->key.p, key.p, key.n) == 0))) {
            return s;
        }
    }
}

int map_get(const struct map *m, struct ubytes key, uint32_t *out_value)
{
    const struct map_slot *s;

    if (m->cap_ == 0) {
        return 0;
    }
    s = find(m, m->slots_, m->cap_, key);
    if (s->used) {
        *out_value = s->value;
    }
    return s->used != 0;
}

static int grow(struct map *m)
{
    size_t cap = m->cap_ == 0 ? 16 : m->cap_ * 2;
    struct map_slot *slots = calloc(cap, sizeof(*slots));
    size_t i;

    if (slots == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (i = 0; i < m->cap_; i++) {
        if (m->slots_[i].used) {
            *find(m, slots, cap, m->slots_[i].key) = m->slots_[i];
        }
    }
    free(m->slots_);
    m->slots_ = slots;
    m->cap_ = cap;
    return 0;
}

int map_add(struct map *m, struct ubytes key, uint32_t value)
{
    struct map_slot *s;

    if (m->n_ + 1 > m->cap_ / 4 * 3) {
        TRY(grow(m));
    }
    s = find(m, m->slots_, m->cap_, key);
    ASSERT(!s->used);
    *s = (struct map_slot){.key = key, .value = value, .used = 1};
    m->n_++;
    return 0;
}
