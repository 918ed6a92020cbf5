/* Stopped passes as bytes. Runs in workers. Must never bring back a pass that
 * was not saved whole, or over another model, other lanes or other caches.
 *
 * Little endian: "PASSSTOP", u32 site, lanes, rows, width; 32 bytes digest of
 * the model; 32 of the lanes (tokens, positions, logits asked for, masks); rows
 * x width f32 residual; 32 of all before. */
#include <string.h>

#include "proto/err.h"
#include "workers/nn/pass_impl.h"
#include "workers/nn/sabotage.h"

static const char magic[8] = {'P', 'A', 'S', 'S', 'S', 'T', 'O', 'P'};

enum {
    NUMBERS_N = 4,
    NUMBERS_BYTES = 16,
    MODEL_AT = sizeof(magic) + NUMBERS_BYTES,
    LANES_AT = MODEL_AT + BLAKE3_BYTES,
    ROWS_AT = LANES_AT + BLAKE3_BYTES
};

static size_t row_bytes(const struct pass *p)
{
    return p->m->shape.width * sizeof(float);
}

size_t pass_stop_bytes(const struct pass *p)
{
    ASSERT(p->stopped);
    return ROWS_AT + p->rows * row_bytes(p) + BLAKE3_BYTES;
}

static void lanes_digest(const struct pass *p, uint8_t *out)
{
    struct blake3 h;

    blake3_init(&h);
    for (size_t i = 0; i < p->lanes_n; i++) {
        const struct pass_lane *l = &p->lanes[i];
        uint64_t numbers[4] = {l->cache->n, l->n, l->logits_from,
                               l->experts != NULL};

        blake3_update(&h, numbers, sizeof(numbers));
        blake3_update(&h, l->tokens, l->n * sizeof(*l->tokens));
        for (uint32_t k = 0; l->experts != NULL && k < p->m->shape.experts;
             k++) {
            uint8_t may = l->experts[k] != 0;

            blake3_update(&h, &may, 1);
        }
    }
    blake3_final(&h, out);
}

static void put_head(const struct pass *p, uint8_t out[static ROWS_AT])
{
    const uint32_t numbers[NUMBERS_N] = {p->site, (uint32_t)p->lanes_n,
                                         (uint32_t)p->rows, p->m->shape.width};

    memcpy(out, magic, sizeof(magic));
    memcpy(out + sizeof(magic), numbers, sizeof(numbers));
    memcpy(out + MODEL_AT, p->m->digest, BLAKE3_BYTES);
    lanes_digest(p, out + LANES_AT);
}

void pass_stop_save(const struct pass *p, void *out)
{
    uint8_t *bytes = out;
    size_t at = ROWS_AT;

    ASSERT(p->stopped);
    put_head(p, bytes);
    for (size_t i = 0; i < p->rows; i++, at += row_bytes(p)) {
        memcpy(bytes + at, p->x + i * p->width_ld, row_bytes(p));
    }
    blake3(bytes, at, bytes + at);
}

/* Is it what p, with the lanes it was given and this site, would save? */
static int check(struct pass *p, const uint8_t *bytes, size_t n)
{
    uint8_t head[ROWS_AT], digest[BLAKE3_BYTES];

    if (n != ROWS_AT + p->rows * row_bytes(p) + BLAKE3_BYTES) {
        return ERR_TRACE(ERR_INPUT);
    }
    memcpy(&p->site, bytes + sizeof(magic), sizeof(p->site));
    if (p->site >= 2 * p->m->shape.layers) {
        return ERR_TRACE(ERR_INPUT);
    }
    put_head(p, head);
    blake3(bytes, n - BLAKE3_BYTES, digest);
    if (memcmp(head, bytes, ROWS_AT) != 0 ||
        memcmp(digest, bytes + n - BLAKE3_BYTES, BLAKE3_BYTES) != 0) {
        return ERR_TRACE(ERR_INPUT);
    }
    for (size_t i = 0; i < p->lanes_n; i++) {
        const struct cache *c = p->lanes[i].cache;

        if (cache_head(c)->high < c->n + p->lanes[i].n) {
            return ERR_TRACE(ERR_INPUT);
        }
    }
    return 0;
}

int pass_stop_load(struct pass *p, struct pass_lane *lanes, size_t lanes_n,
                   const void *bytes, size_t n)
{
    const uint8_t *from = bytes;

    if (pass_take(p, lanes, lanes_n) != 0) {
        return ERR_TRACE(ERR_INPUT);
    }
    TRY(check(p, from, n));
    for (size_t i = 0; i < p->rows; i++) {
        int lost = SABOTAGE(STOP_ROW) && i + 1 == p->rows;

        memcpy(p->x + i * p->width_ld, from + ROWS_AT + i * row_bytes(p),
               row_bytes(p) - (lost ? sizeof(float) : 0));
    }
    p->stopped = 1;
    return 0;
}
