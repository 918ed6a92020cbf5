/* Where a lane's keys and values lie: shared by the cache and the pass. The
 * area: a header of 64 bytes, then per layer, per key-value head, the ring of
 * keys and the ring of values, as attend.h has blocks. Workers only. */
#ifndef WORKERS_NN_CACHE_IMPL_H
#define WORKERS_NN_CACHE_IMPL_H

#include "workers/nn/attend.h"
#include "workers/nn/model_impl.h"

struct cache_head {
    uint64_t high;     /* one behind the highest position ever written */
    uint64_t poisoned; /* 0, or one behind the first position whose keys or
                          values were not finite in some layer */
    uint64_t zero[6];
};
_Static_assert(sizeof(struct cache_head) == 64, "rings stay aligned");

struct ring {
    size_t offset;     /* of the layer, in the area */
    uint64_t blocks;   /* of one head */
    size_t keys_bytes; /* of one head: blocks of keys, then of values */
    size_t values_bytes;
};

struct ring cache_ring(const struct cache *c, const struct model *m,
                       uint32_t layer);

static inline struct cache_head *cache_head(const struct cache *c)
{
    return (struct cache_head *)(void *)c->area;
}

static inline float *ring_keys(const struct cache *c, const struct ring *r,
                               uint32_t kv_head)
{
    return (float *)(void *)(c->area + r->offset +
                             kv_head * (r->keys_bytes + r->values_bytes));
}

static inline float *ring_values(const struct cache *c, const struct ring *r,
                                 uint32_t kv_head)
{
    return (float *)(void *)(c->area + r->offset +
                             kv_head * (r->keys_bytes + r->values_bytes) +
                             r->keys_bytes);
}

/* Zeros over positions [from, to), as if they had never been written. */
void cache_wipe(const struct cache *c, const struct model *m, uint64_t from,
                uint64_t to);

#endif
