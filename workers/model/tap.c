/* Traps and taps of the lanes in a pass. */
#include "workers/model/tap.h"

#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "workers/model/inject.h"
#include "workers/nn/math.h"

static int is_here(const struct lane_trap *t, const struct trap_rows *r)
{
    return t->layer == r->layer && t->when == r->when;
}

/* Is this the lane's first digest site of a pass? */
static int is_first_site(const struct lane *l, const struct trap_rows *r,
                         size_t trap)
{
    size_t here = 2 * (size_t)r->layer + r->when;

    for (size_t i = 0; i < l->spec.traps_n; i++) {
        const struct lane_trap *t = &l->spec.traps[i];
        size_t at = 2 * (size_t)t->layer + t->when;

        if (t->act == PROCTOR__LAYER_ACT__LAYER_DIGEST &&
            (at < here || (at == here && i < trap))) {
            return 0;
        }
    }
    return 1;
}

static void digest_rows(struct lane *l, const struct trap_rows *r, size_t from,
                        size_t n, size_t trap)
{
    size_t row_bytes = l->spec.width * sizeof(float);
    int is_first = is_first_site(l, r, trap);
    struct blake3 h;

    for (size_t i = from; i < from + n; i++) {
        uint8_t *digest = l->residuals[r->position[i]];

        if (is_first) {
            memset(digest, 0, BLAKE3_BYTES);
        }
        blake3_init(&h);
        blake3_update(&h, digest, BLAKE3_BYTES);
        blake3_update(&h, r->x + i * r->ldx, row_bytes);
        blake3_final(&h, digest);
    }
}

/* Rows [from, from + n) are lane l's. */
static int act(struct lane *l, const struct trap_rows *r, size_t from, size_t n)
{
    int answer = TRAP_GO;

    for (size_t i = 0; i < l->spec.traps_n; i++) {
        const struct lane_trap *t = &l->spec.traps[i];

        if (!is_here(t, r)) {
            continue;
        }
        if (t->act == PROCTOR__LAYER_ACT__LAYER_INJECT) {
            injector_add(t->injector, r->x + from * r->ldx, r->ldx, n);
        } else if (t->act == PROCTOR__LAYER_ACT__LAYER_DIGEST) {
            digest_rows(l, r, from, n, i);
        } else if (t->act == PROCTOR__LAYER_ACT__LAYER_STOP &&
                   t->pass + 1 == l->passes) { /* counted when it began */
            answer = TRAP_STOP;
        }
    }
    return answer;
}

static int on_trap(void *ctx, const struct trap_rows *r)
{
    struct tap *t = (struct tap *)ctx;
    int answer = TRAP_GO;

    for (size_t from = 0, n; from < r->rows; from += n) {
        for (n = 1; from + n < r->rows && r->lane[from + n] == r->lane[from];) {
            n++;
        }
        if (act(t->lanes[r->lane[from]], r, from, n) == TRAP_STOP) {
            answer = TRAP_STOP;
        }
    }
    return answer;
}

static float entropy(const float *p, size_t n, const uint8_t *experts)
{
    float sum = 0;
    size_t may = 0;

    for (size_t i = 0; i < n; i++) {
        may += experts == NULL || experts[i] != 0;
        if (p[i] > 0) {
            sum -= p[i] * nn_log(p[i]);
        }
    }
    return may > 1 ? sum / nn_log((float)may) : 0.0f;
}

static void on_router(void *ctx, uint32_t layer, size_t rows,
                      const uint32_t *lane, const float *probabilities,
                      size_t experts)
{
    struct tap *t = (struct tap *)ctx;

    if (layer != t->router_layer) {
        t->router_layer = layer;
        memset(t->router_rows, 0, t->lanes_n * sizeof(*t->router_rows));
    }
    for (size_t i = 0; i < rows; i++) {
        struct lane *l = t->lanes[lane[i]];
        uint64_t position = l->cache.n + t->router_rows[lane[i]]++;
        uint64_t row = position - (l->history_n - 1); /* huge when before it */

        if (l->spec.entropy && row < LANE_ROWS) {
            l->entropies[row * t->layers + layer] =
                entropy(probabilities + i * experts, experts, l->spec.experts);
        }
    }
}

int tap_init(struct tap *t, const struct model *m, size_t lanes_max)
{
    t->layers = model_shape(m)->layers;
    t->armed = calloc(2 * (size_t)t->layers, 1);
    t->router_rows = calloc(lanes_max, sizeof(*t->router_rows));
    if (t->armed == NULL || t->router_rows == NULL) {
        tap_release(t);
        return ERR_TRACE(ERR_NOMEM);
    }
    return 0;
}

void tap_release(struct tap *t)
{
    free(t->armed);
    free(t->router_rows);
    memset(t, 0, sizeof(*t));
}

void tap_arm(struct tap *t, struct lane **lanes, size_t n)
{
    int any = 0, entropies = 0;

    memset(t->armed, 0, 2 * (size_t)t->layers);
    for (size_t i = 0; i < n; i++) {
        const struct lane_spec *spec = &lanes[i]->spec;

        entropies |= spec->entropy;
        for (size_t j = 0; j < spec->traps_n; j++) {
            const struct lane_trap *trap = &spec->traps[j];

            if (trap->act != PROCTOR__LAYER_ACT__LAYER_NONE) {
                t->armed[2 * (size_t)trap->layer + trap->when] = 1;
                any = 1;
            }
        }
    }
    t->lanes = lanes;
    t->lanes_n = n;
    t->router_layer = UINT32_MAX;
    t->traps.armed = any ? t->armed : NULL;
    t->traps.fn = on_trap;
    t->traps.router = entropies ? on_router : NULL;
    t->traps.ctx = t;
}

void tap_digest(const struct lane *l, uint8_t out[static 32])
{
    blake3(l->residuals, (size_t)l->cache.n * BLAKE3_BYTES, out);
}
