/* Hash map from byte keys to 32-bit numbers: open addressing, grows by
 * doubling. Keys are borrowed and must stay where they are. The hash is keyed
 * at random, as task ids and names come from people and models. */
#ifndef KERNEL_STORE_MAP_H
#define KERNEL_STORE_MAP_H

#include "proto/base.h"

struct map_slot {
    struct ubytes key;
    uint32_t value;
    uint32_t used;
};

struct map {
    struct map_slot *slots_; /* owned; cap_ is 0 or a power of two */
    size_t cap_;
    size_t n_;
    uint8_t hash_key_[16];
};

void map_init(struct map *m);
void map_release(struct map *m);
/* True when key is there. */
int map_get(const struct map *m, struct ubytes key, uint32_t *out_value);
/* key must not be there. 0 or ERR_NOMEM. O(1) on average. */
int map_add(struct map *m, struct ubytes key, uint32_t value) MUST_USE;

#endif
