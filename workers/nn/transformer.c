/* Forward passes: memory, checks, the walk over layers with its traps, logits.
 * Runs in workers. Must never change anything before everything that was asked
 * is known to be possible. */
#include "workers/nn/transformer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/math.h"
#include "workers/nn/pass_impl.h"
#include "workers/nn/sabotage.h"

void pass_product(const struct panels *w, const struct operand *o, float *y,
                  size_t ldy)
{
    panels_product(w, o, y, ldy);
}

void pass_bias(const float *bias, size_t rows, size_t n, float *y, size_t ld)
{
    for (size_t i = 0; bias != NULL && i < rows; i++) {
        nn_add(bias, n, y + i * ld);
    }
}

int pass_wants_q8(const struct weights *w)
{
    return w->panels.type == WEIGHT_Q8_0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The next part of the area; in the first round, with none, sizes are summed. */
static void *carve(const struct pass *p, uint64_t *at, uint64_t n, size_t size)
{
    uint64_t from = *at;

    *at += (n * size + PANEL_ALIGN - 1) / PANEL_ALIGN * PANEL_ALIGN;
    return p->area == NULL ? NULL : p->area + from;
}

static void carve_rows(struct pass *p, uint64_t *at)
{
    const struct model_shape *s = &p->m->shape;
    size_t b = p->batch_max;

    p->row_lane = carve(p, at, b, sizeof(*p->row_lane));
    p->row_position = carve(p, at, b, sizeof(*p->row_position));
    p->x = carve(p, at, b * p->width_ld, sizeof(float));
    p->h = carve(p, at, b * p->width_ld, sizeof(float));
    p->y = carve(p, at, b * p->width_ld, sizeof(float));
    p->q = carve(p, at, b * p->query_ld, sizeof(float));
    p->k = carve(p, at, b * p->key_ld, sizeof(float));
    p->v = carve(p, at, b * p->value_ld, sizeof(float));
    p->o = carve(p, at, b * p->mixed_ld, sizeof(float));
    p->turns = carve(p, at, b * p->m->rope_spec.dims, sizeof(float));
    p->scratch = carve(p, at, p->scratch_n, sizeof(float));
    p->gate = carve(p, at, b * p->ffn_ld, sizeof(float));
    p->up = carve(p, at, b * p->ffn_ld, sizeof(float));
    p->logits =
        carve(p, at, LOGIT_ROWS * panels_padded(s->vocab), sizeof(float));
}

static void carve_experts(struct pass *p, uint64_t *at)
{
    const struct model_shape *s = &p->m->shape;
    size_t b = p->batch_max;
    size_t chosen = b * s->experts_used;

    p->router = carve(p, at, b * p->router_ld, sizeof(float));
    p->seen = carve(p, at, b * s->experts, sizeof(float));
    p->outputs = carve(p, at, chosen * p->width_ld, sizeof(float));
    p->chosen_w = carve(p, at, chosen, sizeof(*p->chosen_w));
    p->chosen = carve(p, at, chosen, sizeof(*p->chosen));
    p->place = carve(p, at, chosen, sizeof(*p->place));
    p->group = carve(p, at, b, sizeof(*p->group));
}

static void fill_sizes(struct pass *p)
{
    const struct model_shape *s = &p->m->shape;
    const struct attend a = {.head_k = s->head_k,
                             .head_v = s->head_v,
                             .group = s->heads / s->kv_heads};

    p->width_ld = panels_padded(s->width);
    p->query_ld = panels_padded((size_t)s->heads * s->head_k);
    p->key_ld = panels_padded((size_t)s->kv_heads * s->head_k);
    p->value_ld = panels_padded((size_t)s->kv_heads * s->head_v);
    p->mixed_ld = panels_padded((size_t)s->heads * s->head_v);
    p->ffn_ld = panels_padded(s->ffn);
    p->router_ld = panels_padded(s->experts);
    p->scratch_n = attend_scratch(&a, (uint64_t)s->context + p->batch_max);
}

static int make_memory(struct pass *p)
{
    const struct model_shape *s = &p->m->shape;
    uint64_t bytes = 0;

    fill_sizes(p);
    carve_rows(p, &bytes);
    carve_experts(p, &bytes);
    p->area =
        bytes > SIZE_MAX / 2 ? NULL : aligned_alloc(PANEL_ALIGN, (size_t)bytes);
    if (p->area == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(p->area, 0,
           (size_t)bytes); /* here, not later, it is found missing */
    bytes = 0;
    carve_rows(p, &bytes);
    carve_experts(p, &bytes);
    TRY(operand_new(p->batch_max,
                    larger(s->width, s->heads * (size_t)s->head_v), &p->wide));
    return operand_new(p->batch_max, larger(s->width, s->ffn), &p->part);
}

int pass_new(const struct model *m, size_t batch_max, size_t lanes_max,
             struct pass **out)
{
    struct pass *p;
    int code;

    *out = NULL;
    if (batch_max < 1 || batch_max > PASS_BATCH_MAX || lanes_max < 1 ||
        lanes_max > PASS_LANES_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    p->m = m;
    p->batch_max = batch_max;
    p->lanes_max = lanes_max;
    code = make_memory(p);
    if (code != 0) {
        pass_free(p);
        return code;
    }
    *out = p;
    return 0;
}

void pass_free(struct pass *p)
{
    if (p != NULL) {
        operand_free(p->wide);
        operand_free(p->part);
        free(p->area);
        free(p);
    }
}

static int check_mask(const struct model_shape *s, const uint8_t *experts)
{
    uint32_t n = 0;

    for (uint32_t i = 0; experts != NULL && i < s->experts; i++) {
        n += experts[i] != 0;
    }
    return experts == NULL || n >= s->experts_used ? 0 : ERR_INPUT;
}

static int check_lane(const struct pass *p, const struct pass_lane *lanes,
                      size_t lane_i)
{
    const struct pass_lane *l = &lanes[lane_i];

    if (l->n == 0 || l->logits_from > l->n ||
        check_mask(&p->m->shape, l->experts) != 0) {
        return ERR_TRACE(ERR_INPUT);
    }
    if (l->n > p->batch_max || cache_admits(l->cache, p->m, l->n) != 0) {
        return ERR_TRACE(ERR_LIMIT);
    }
    for (size_t i = 0; i < l->n; i++) {
        if (l->tokens[i] >= p->m->shape.vocab) {
            return ERR_TRACE(ERR_INPUT);
        }
    }
    for (size_t i = 0; i < lane_i; i++) {
        if (lanes[i].cache->area == l->cache->area) {
            return ERR_TRACE(ERR_INPUT);
        }
    }
    return 0;
}

/* Makes the lanes the pass's, rows and positions with them. */
static int take_lanes(struct pass *p, struct pass_lane *lanes, size_t lanes_n)
{
    size_t rows = 0;

    if (lanes_n == 0) {
        return ERR_TRACE(ERR_INPUT);
    }
    if (lanes_n > p->lanes_max) {
        return ERR_TRACE(ERR_LIMIT);
    }
    for (size_t i = 0; i < lanes_n; i++) {
        TRY(check_lane(p, lanes, i));
        rows += lanes[i].n;
        if (rows > p->batch_max) {
            return ERR_TRACE(ERR_LIMIT);
        }
    }
    p->lanes = lanes;
    p->lanes_n = lanes_n;
    p->rows = 0;
    for (size_t i = 0; i < lanes_n; i++) {
        for (size_t k = 0; k < lanes[i].n; k++) {
            p->row_lane[p->rows] = (uint32_t)i;
            p->row_position[p->rows] = lanes[i].cache->n + k;
            p->rows++;
        }
    }
    return 0;
}

/* Sines and cosines of every row: a function of positions only. */
static void make_turns(struct pass *p)
{
    for (size_t i = 0; i < p->rows; i++) {
        nn_rope_row(p->m->rope, p->row_position[i],
                    p->turns + i * p->m->rope_spec.dims);
    }
}

int pass_take(struct pass *p, struct pass_lane *lanes, size_t lanes_n)
{
    ASSERT(!p->stopped);
    TRY(take_lanes(p, lanes, lanes_n));
    make_turns(p);
    return 0;
}

static void embed(struct pass *p)
{
    size_t row = 0;

    for (size_t i = 0; i < p->lanes_n; i++) {
        struct cache *c = p->lanes[i].cache;
        struct cache_head *head = cache_head(c);
        uint64_t end = c->n + p->lanes[i].n;

        head->high = end > head->high ? end : head->high;
        for (size_t k = 0; k < p->lanes[i].n; k++, row++) {
            panels_rows(&p->m->embed, p->lanes[i].tokens[k], 1,
                        p->x + row * p->width_ld);
        }
    }
}

/* Where a row's logits go; NULL: nobody asked. */
static float *logits_of(const struct pass *p, size_t row)
{
    const struct pass_lane *l = &p->lanes[p->row_lane[row]];
    size_t at = (size_t)(p->row_position[row] - l->cache->n);

    return at < l->logits_from
               ? NULL
               : l->logits + (at - l->logits_from) * p->m->shape.vocab;
}

/* Does what a row sees hold something that was not finite? */
static int is_poisoned(const struct pass *p, size_t row)
{
    uint64_t from = cache_head(p->lanes[p->row_lane[row]].cache)->poisoned;

    return from != 0 && p->row_position[row] + 1 >= from;
}

/* Logits of the first n rows listed in `group`, all lanes' together. */
static void write_logits(struct pass *p, size_t n)
{
    const struct model *m = p->m;
    size_t vocab = m->shape.vocab;
    size_t ld = panels_padded(vocab);
    int q8 = m->output.type == WEIGHT_Q8_0;

    for (size_t i = 0; i < n; i++) {
        nn_rmsnorm(p->x + p->group[i] * p->width_ld, m->output_norm, m->eps,
                   m->shape.width, p->h + i * p->width_ld);
    }
    operand_set(p->wide, p->h, p->width_ld, n, m->shape.width, !q8, q8);
    pass_product(&m->output, p->wide, p->logits, ld);
    for (size_t i = 0; i < n; i++) {
        float *out = logits_of(p, p->group[i]);

        memcpy(out, p->logits + i * ld, vocab * sizeof(*out));
        for (size_t k = 0; is_poisoned(p, p->group[i]) && k < vocab; k++) {
            out[k] = NAN;
        }
    }
}

static void finish(struct pass *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->rows; i++) {
        if (logits_of(p, i) != NULL) {
            p->group[n++] = (uint32_t)i;
        }
        if (n == LOGIT_ROWS || (n > 0 && i + 1 == p->rows)) {
            write_logits(p, n);
            n = 0;
        }
    }
    for (size_t i = 0; i < p->lanes_n; i++) {
        p->lanes[i].cache->n += p->lanes[i].n;
    }
}

/* Does an armed trap stop the pass here? */
static int spring(struct pass *p, uint32_t site)
{
    const struct traps *t = p->traps;
    const struct trap_rows rows = {.layer = site / 2,
                                   .when = (enum trap_when)(site % 2),
                                   .rows = p->rows,
                                   .lane = p->row_lane,
                                   .position = p->row_position,
                                   .x = p->x,
                                   .ldx = p->width_ld};

    if (SABOTAGE(TRAP_ROUND) && t->armed[site]) {
        p->x[0] += p->x[0] * 0x1p-22f;
    }
    return t->armed[site] && t->fn(t->ctx, &rows) == TRAP_STOP;
}

static void run_layer(struct pass *p, uint32_t layer)
{
    layer_attention(p, layer);
    layer_ffn(p, layer);
}

static int stop(struct pass *p, uint32_t site)
{
    p->site = site;
    p->stopped = 1;
    return PASS_STOPPED;
}

/* From the trap before `layer` to the end. */
static int walk(struct pass *p, uint32_t layer)
{
    const uint8_t *armed = p->traps == NULL ? NULL : p->traps->armed;

    for (; layer < p->m->shape.layers; layer++) {
        if (armed != NULL && spring(p, 2 * layer + TRAP_BEFORE)) {
            return stop(p, 2 * layer + TRAP_BEFORE);
        }
        run_layer(p, layer);
        if (armed != NULL && spring(p, 2 * layer + TRAP_AFTER)) {
            return stop(p, 2 * layer + TRAP_AFTER);
        }
    }
    finish(p);
    return PASS_DONE;
}

int pass_run(struct pass *p, struct pass_lane *lanes, size_t lanes_n,
             const struct traps *t)
{
    TRY(pass_take(p, lanes, lanes_n));
    p->traps = t;
    embed(p);
    return walk(p, 0);
}

int pass_resume(struct pass *p, const struct traps *t)
{
    uint32_t layer = p->site / 2;

    ASSERT(p->stopped);
    p->stopped = 0;
    p->traps = t;
    if (p->site % 2 == TRAP_BEFORE) {
        run_layer(p, layer);
        if (t != NULL && t->armed != NULL &&
            spring(p, 2 * layer + TRAP_AFTER)) {
            return stop(p, 2 * layer + TRAP_AFTER);
        }
    }
    return walk(p, layer + 1);
}

int pass_is_stopped(const struct pass *p)
{
    return p->stopped;
}

void pass_abandon(struct pass *p)
{
    for (size_t i = 0; p->stopped && i < p->lanes_n; i++) {
        struct cache *c = p->lanes[i].cache;
        struct cache_head *head = cache_head(c);

        cache_wipe(c, p->m, c->n, c->n + p->lanes[i].n);
        head->poisoned = head->poisoned > c->n ? 0 : head->poisoned;
    }
    p->stopped = 0;
}

void pass_leave(struct pass *p)
{
    p->stopped = 0;
}
