/* The search for the smallest counterexample (shrink.h). Must never leave the
 * domain and never try an input twice. Runs in the confined `config` worker. */
#include "workers/config/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "workers/config/edit.h"
#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/limits.h"

#define TRIED_SLOTS 8192u            /* open addressing; at most 1/4 full */
#define EDITED_BYTES_MAX (64u << 20) /* bounds the work on huge inputs */
#define ROUND_BYTES_MAX LIMIT_BATCH_BYTES

_Static_assert(LIMIT_SHRINK_EVALUATIONS * 4 <= TRIED_SLOTS,
               "table stays sparse");

struct item {
    size_t at, n;         /* in round */
    size_t key_at, key_n; /* in keys */
};

struct shrink {
    const struct node_source *src;
    struct buf best, best_key;
    struct buf round, keys;
    struct buf key; /* of the variant under consideration */
    struct item items[LIMIT_SHRINK_ROUND];
    uint32_t items_n;
    uint64_t evaluations;
    uint64_t seen; /* variants of best looked at so far */
    uint64_t edited_bytes;
    int is_all_seen;
    uint64_t tried[TRIED_SLOTS]; /* hashes, 0 = free */
};

int shrink_new(const struct node_source *src, struct ubytes v,
               struct shrink **out)
{
    struct shrink *s = calloc(1, sizeof(*s));
    int code;

    *out = NULL;
    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->src = src;
    buf_init(&s->best, LIMIT_VALUE_BYTES);
    buf_init(&s->best_key, 16 * (size_t)LIMIT_VALUE_BYTES);
    buf_init(&s->round, ROUND_BYTES_MAX + LIMIT_VALUE_BYTES);
    buf_init(&s->keys, 16 * (size_t)(ROUND_BYTES_MAX + LIMIT_VALUE_BYTES));
    buf_init(&s->key, 16 * (size_t)LIMIT_VALUE_BYTES);
    code = buf_put(&s->best, v.p, v.n);
    if (code == 0) {
        code = edit_key(v, &s->best_key);
    }
    if (code < 0) {
        shrink_free(s);
        return ERR_TRACE(code);
    }
    *out = s;
    return 0;
}

void shrink_free(struct shrink *s)
{
    if (s == NULL) {
        return;
    }
    buf_release(&s->best);
    buf_release(&s->best_key);
    buf_release(&s->round);
    buf_release(&s->keys);
    buf_release(&s->key);
    free(s);
}

/* Length first, then key. */
static int compare(struct ubytes a, struct ubytes a_key, struct ubytes b,
                   struct ubytes b_key)
{
    size_t n = a_key.n < b_key.n ? a_key.n : b_key.n;
    int c;

    if (a.n != b.n) {
        return a.n < b.n ? -1 : 1;
    }
    c = memcmp(a_key.p, b_key.p, n);
    return c != 0 ? c : (a_key.n > b_key.n) - (a_key.n < b_key.n);
}

/* Remembers a hash; false if it was there, or is none. */
static int hash_add(struct shrink *s, uint64_t hash)
{
    uint32_t slot = (uint32_t)hash % TRIED_SLOTS;

    for (; s->tried[slot] != 0; slot = (slot + 1) % TRIED_SLOTS) {
        if (s->tried[slot] == hash) {
            return 0;
        }
    }
    s->tried[slot] = hash;
    return hash != 0;
}

/* Remembers v; false if it was there. */
static int try_once(struct shrink *s, struct ubytes v)
{
    uint8_t digest[BLAKE3_BYTES];
    uint64_t hash = 0;

    blake3(v.p, v.n, digest);
    for (unsigned i = 0; i < 8; i++) {
        hash = hash << 8 | digest[i];
    }
    return hash_add(s, hash == 0 ? 1 : hash);
}

static struct ubytes key_at(const struct shrink *s, const struct item *item)
{
    return (struct ubytes){buf_bytes(&s->keys).p + item->key_at, item->key_n};
}

static struct ubytes value_at(const struct shrink *s, const struct item *item)
{
    return (struct ubytes){buf_bytes(&s->round).p + item->at, item->n};
}

/* Puts the newest item where it belongs among the sorted ones. */
static void sort_in(struct shrink *s)
{
    struct item item = s->items[s->items_n];
    uint32_t i = s->items_n++;

    for (; i > 0 && compare(value_at(s, &item), key_at(s, &item),
                            value_at(s, &s->items[i - 1]),
                            key_at(s, &s->items[i - 1])) < 0;
         i--) {
        s->items[i] = s->items[i - 1];
    }
    s->items[i] = item;
}

enum consider {
    CONSIDER_FULL = 1
};

static int consider(void *ctx, struct ubytes v)
{
    struct shrink *s = ctx;
    struct item item = {buf_len(&s->round), v.n, buf_len(&s->keys), 0};

    if (s->edited_bytes + v.n > EDITED_BYTES_MAX) {
        s->is_all_seen = 1;
        return CONSIDER_FULL;
    }
    s->edited_bytes += v.n;
    s->seen++;
    if (v.n > buf_len(&s->best) || !node_has(s->src, v)) {
        return 0;
    }
    buf_reset(&s->key);
    TRY(edit_key(v, &s->key));
    if (compare(v, buf_bytes(&s->key), buf_bytes(&s->best),
                buf_bytes(&s->best_key)) >= 0 ||
        !try_once(s, v)) {
        return 0;
    }
    item.key_n = buf_len(&s->key);
    TRY(buf_put(&s->keys, buf_bytes(&s->key).p, item.key_n));
    TRY(buf_put(&s->round, v.p, v.n));
    s->items[s->items_n] = item;
    sort_in(s);
    s->evaluations++;
    return s->items_n == LIMIT_SHRINK_ROUND ||
                   s->evaluations == LIMIT_SHRINK_EVALUATIONS ||
                   buf_len(&s->round) >= ROUND_BYTES_MAX
               ? CONSIDER_FULL
               : 0;
}

int shrink_round(struct shrink *s)
{
    int code;

    buf_reset(&s->round);
    buf_reset(&s->keys);
    s->items_n = 0;
    if (s->is_all_seen || s->evaluations >= LIMIT_SHRINK_EVALUATIONS) {
        return SHRINK_E_DONE;
    }
    code = edit_all(s->src, buf_bytes(&s->best), s->seen, consider, s);
    if (code < 0) {
        return ERR_TRACE(code);
    }
    s->is_all_seen |= code == 0;
    return s->items_n == 0 ? SHRINK_E_DONE : 0;
}

uint32_t shrink_n(const struct shrink *s)
{
    return s->items_n;
}

struct ubytes shrink_at(const struct shrink *s, uint32_t i)
{
    ASSERT(i < s->items_n);
    return value_at(s, &s->items[i]);
}

int shrink_save(const struct shrink *s, struct buf *out)
{
    TRY(buf_put_u64(out, s->seen));
    TRY(buf_put_u64(out, s->edited_bytes));
    TRY(buf_put_u8(out, s->is_all_seen != 0));
    for (uint32_t slot = 0; slot < TRIED_SLOTS; slot++) {
        if (s->tried[slot] != 0) {
            TRY(buf_put_u64(out, s->tried[slot]));
        }
    }
    return 0;
}

int shrink_resume(struct shrink *s, struct ubytes state, int is_new)
{
    struct rd r;

    rd_init(&r, state);
    s->seen = rd_u64(&r);
    s->edited_bytes = rd_u64(&r);
    s->is_all_seen = rd_u8(&r);
    while (rd_left(&r) > 0) {
        uint64_t hash = rd_u64(&r);

        if (rd_is_bad(&r) || s->evaluations == LIMIT_SHRINK_EVALUATIONS ||
            !hash_add(s, hash)) {
            return ERR_TRACE(ERR_ENCODING);
        }
        s->evaluations++;
    }
    if (is_new) {
        s->seen = 0;
        s->is_all_seen = 0;
    }
    return rd_end(&r);
}

uint64_t shrink_evaluations(const struct shrink *s)
{
    return s->evaluations;
}
