/* Keys and values of lanes. Runs in workers. Invariants, per cache:
 *   1  every float in the area is finite;
 *   2  a ring's slot p mod (64 blocks) holds position p, the highest of those
 *      that map there and are below header.high, or zeros where it was wiped;
 *   3  what a token at n, n + 1, ... may see is in the ring: header.high
 *      minus the ring's length is not above n - window + 1. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/cache_impl.h"
#include "workers/nn/sabotage.h"

/* Blocks of one head's ring, of a windowed layer or another. */
static uint64_t ring_blocks(const struct model *m, uint32_t context,
                            uint32_t slack, int windowed)
{
    uint64_t whole = ((uint64_t)context + ATTEND_BLOCK - 1) / ATTEND_BLOCK;
    uint64_t ring =
        ((uint64_t)m->shape.window + slack + ATTEND_BLOCK - 1) / ATTEND_BLOCK;

    return windowed && ring < whole ? ring : whole;
}

static void fill_ring(struct ring *r, const struct model *m, uint64_t blocks)
{
    r->blocks = blocks;
    r->keys_bytes =
        (size_t)blocks * sizeof(float) * attend_keys_floats(m->shape.head_k);
    r->values_bytes =
        (size_t)blocks * sizeof(float) * attend_values_floats(m->shape.head_v);
}

static size_t layer_bytes(const struct ring *r, const struct model *m)
{
    return m->shape.kv_heads * (r->keys_bytes + r->values_bytes);
}

/* The ring of `layer`; with layer = layers, where the area ends. */
static struct ring place(const struct model *m, uint32_t context,
                         uint32_t slack, uint32_t layer)
{
    const struct model_shape *s = &m->shape;
    struct ring whole, window;
    const struct layer *last =
        &m->layers[layer < s->layers ? layer : s->layers - 1];
    uint32_t windowed = last->windowed_before;
    int is_windowed = last->windowed;

    if (layer == s->layers) {
        windowed += is_windowed != 0;
    }
    fill_ring(&whole, m, ring_blocks(m, context, slack, 0));
    fill_ring(&window, m, ring_blocks(m, context, slack, 1));
    whole.offset = window.offset = sizeof(struct cache_head) +
                                   (layer - windowed) * layer_bytes(&whole, m) +
                                   windowed * layer_bytes(&window, m);
    return is_windowed ? window : whole;
}

struct ring cache_ring(const struct cache *c, const struct model *m,
                       uint32_t layer)
{
    return place(m, c->context, c->slack, layer);
}

size_t cache_bytes(const struct model *m, uint32_t context, uint32_t slack)
{
    if (context == 0 || context > m->shape.context ||
        slack > MODEL_CONTEXT_MAX) {
        return 0;
    }
    /* Below 2^60: 2^20 positions of 2^15 floats in 2^8 layers at most. */
    return place(m, context, slack, m->shape.layers).offset;
}

void cache_init(struct cache *c, const struct model *m, void *area,
                uint32_t context, uint32_t slack)
{
    ASSERT(cache_bytes(m, context, slack) > 0);
    ASSERT(((uintptr_t)area & 63u) == 0);
    *c = (struct cache){area, context, slack, 0};
}

/* Invariant 3 after n positions are held and high were written. */
static int is_held(const struct cache *c, const struct model *m, uint64_t n,
                   uint64_t high)
{
    uint64_t ring = ring_blocks(m, c->context, c->slack, 1) * ATTEND_BLOCK;
    uint64_t behind = n + 1 > m->shape.window ? n + 1 - m->shape.window : 0;

    return m->shape.window == 0 || ring >= c->context || high <= ring + behind;
}

int cache_admits(const struct cache *c, const struct model *m, uint64_t n)
{
    uint64_t high = cache_head(c)->high;
    uint64_t end;

    if (__builtin_add_overflow(c->n, n, &end) || end > c->context) {
        return ERR_LIMIT;
    }
    return is_held(c, m, c->n, end > high ? end : high) ? 0 : ERR_LIMIT;
}

static void wipe_head(const struct model *m, const struct ring *r, float *keys,
                      float *values, uint64_t position)
{
    size_t head_k = m->shape.head_k;
    size_t row = attend_padded(m->shape.head_v);
    uint64_t block = position / ATTEND_BLOCK % r->blocks;
    size_t at = position % ATTEND_BLOCK;

    keys += block * attend_keys_floats(head_k) + at;
    for (size_t i = 0; i < head_k; i++) {
        keys[i * ATTEND_BLOCK] = 0.0f;
    }
    memset(values + block * attend_values_floats(m->shape.head_v) + at * row, 0,
           row * sizeof(float));
}

void cache_wipe(const struct cache *c, const struct model *m, uint64_t from,
                uint64_t to)
{
    for (uint32_t layer = 0; layer < m->shape.layers; layer++) {
        struct ring r = cache_ring(c, m, layer);
        uint64_t length = r.blocks * ATTEND_BLOCK;
        uint64_t first = to - from > length ? to - length : from;

        for (uint32_t head = 0; head < m->shape.kv_heads; head++) {
            for (uint64_t p = first; p < to; p++) {
                wipe_head(m, &r, ring_keys(c, &r, head),
                          ring_values(c, &r, head), p);
            }
        }
    }
}

int cache_rollback(struct cache *c, const struct model *m, uint64_t n)
{
    struct cache_head *head = cache_head(c);

    ASSERT(n <= c->n);
    if (n == c->n) {
        return 0;
    }
    if (!is_held(c, m, n, head->high)) {
        return ERR_LIMIT;
    }
    cache_wipe(c, m, n - (SABOTAGE(ROLLBACK_WIPE) && n > 0), c->n);
    if (head->poisoned > n) {
        head->poisoned = 0;
    }
    c->n = n;
    return 0;
}

void cache_reset(struct cache *c, const struct model *m)
{
    struct cache_head *head = cache_head(c);

    cache_wipe(c, m, 0, head->high < c->context ? head->high : c->context);
    *head = (struct cache_head){0};
    c->n = 0;
}

void extents_release(struct extents *e)
{
    free(e->v);
    *e = (struct extents){0};
}

static int add_extent(struct extents *e, uint64_t offset, uint64_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    if (e->n > 0 && e->v[e->n - 1].offset + e->v[e->n - 1].bytes == offset) {
        e->v[e->n - 1].bytes += bytes;
        return 0;
    }
    if (e->n == e->cap) {
        size_t cap = e->cap == 0 ? 64 : 2 * e->cap;
        struct extent *grown = realloc(e->v, cap * sizeof(*grown));

        if (grown == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        e->v = grown;
        e->cap = cap;
    }
    e->v[e->n++] = (struct extent){offset, bytes};
    return 0;
}

/* Items [from, to) of a ring of `length` items of `bytes` each, at offset. */
static int add_arc(struct extents *e, uint64_t offset, uint64_t from,
                   uint64_t to, uint64_t length, uint64_t bytes)
{
    uint64_t a = from % length, b = (to - 1) % length + 1;

    if (to - from >= length) {
        return add_extent(e, offset, length * bytes);
    }
    if (a < b) {
        return add_extent(e, offset + a * bytes, (b - a) * bytes);
    }
    TRY(add_extent(e, offset, b * bytes));
    return add_extent(e, offset + a * bytes, (length - a) * bytes);
}

int cache_extents(const struct cache *c, const struct model *m, uint64_t from,
                  uint64_t to, struct extents *out)
{
    uint64_t key = attend_keys_floats(m->shape.head_k) * sizeof(float);
    uint64_t value = attend_padded(m->shape.head_v) * sizeof(float);
    uint32_t heads = m->shape.layers * m->shape.kv_heads - SABOTAGE(PARK_DIRTY);

    TRY(add_extent(out, 0, sizeof(struct cache_head)));
    for (uint32_t i = 0; from < to && i < heads; i++) {
        struct ring r = cache_ring(c, m, i / m->shape.kv_heads);
        uint64_t at = r.offset + (i % m->shape.kv_heads) *
                                     (uint64_t)(r.keys_bytes + r.values_bytes);

        TRY(add_arc(out, at, from / ATTEND_BLOCK, (to - 1) / ATTEND_BLOCK + 1,
                    r.blocks, key));
        TRY(add_arc(out, at + r.keys_bytes, from, to, r.blocks * ATTEND_BLOCK,
                    value));
    }
    return 0;
}

/* A place has its coordinates. NOLINTNEXTLINE(readability-function-size) */
void cache_read(const struct cache *c, const struct model *m, uint32_t layer,
                uint32_t kv_head, uint64_t position, float *out_k, float *out_v)
{
    struct ring r = cache_ring(c, m, layer);
    uint64_t block = position / ATTEND_BLOCK % r.blocks;
    size_t at = position % ATTEND_BLOCK;
    size_t head_k = m->shape.head_k;
    const float *keys =
        ring_keys(c, &r, kv_head) + block * attend_keys_floats(head_k) + at;
    const float *values = ring_values(c, &r, kv_head) +
                          block * attend_values_floats(m->shape.head_v) +
                          at * attend_padded(m->shape.head_v);

    for (size_t i = 0; i < head_k; i++) {
        out_k[i] = keys[i * ATTEND_BLOCK];
    }
    memcpy(out_v, values, m->shape.head_v * sizeof(float));
}
