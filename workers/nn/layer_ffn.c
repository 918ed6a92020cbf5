/* Second half of a layer: one network, or a router and the experts that it
 * chooses. Runs in workers. A token's outputs are kept per rank and added in
 * the order of ranks, so that how tokens are grouped cannot move a bit. */
#include <math.h>
#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/pass_impl.h"
#include "workers/nn/sabotage.h"

/* gpt-oss's activation. */
static const float alpha = 1.702f, limit = 7.0f;

static void activate(const struct model *m, const float *gate, const float *up,
                     float *y)
{
    if (m->shape.arch == ARCH_GPT_OSS) {
        nn_swiglu_clamped(gate, up, m->shape.ffn, alpha, limit, y);
    } else {
        nn_swiglu(gate, up, m->shape.ffn, y);
    }
}

static const float *expert_bias(const struct layer *l, enum model_part part,
                                size_t n, uint32_t expert)
{
    const float *v = l->parts[part].v;

    return v == NULL ? NULL : v + n * expert;
}

/* One network over the rows of `in`, which was set for gate and up. */
static void run_expert(struct pass *p, const struct layer *l, uint32_t expert,
                       const struct operand *in, size_t rows, float *y)
{
    const struct model_shape *s = &p->m->shape;
    struct panels gate = expert_panels(&l->parts[PART_GATE], expert);
    struct panels up = expert_panels(&l->parts[PART_UP], expert);
    struct panels down = expert_panels(&l->parts[PART_DOWN], expert);
    int q8 = pass_wants_q8(&l->parts[PART_DOWN]);

    pass_product(&gate, in, p->gate, p->ffn_ld);
    pass_product(&up, in, p->up, p->ffn_ld);
    pass_bias(expert_bias(l, PART_GATE_BIAS, s->ffn, expert), rows, s->ffn,
              p->gate, p->ffn_ld);
    pass_bias(expert_bias(l, PART_UP_BIAS, s->ffn, expert), rows, s->ffn, p->up,
              p->ffn_ld);
    for (size_t i = 0; i < rows; i++) {
        activate(p->m, p->gate + i * p->ffn_ld, p->up + i * p->ffn_ld,
                 p->gate + i * p->ffn_ld);
    }
    operand_set(p->part, p->gate, p->ffn_ld, rows, s->ffn, !q8, q8);
    pass_product(&down, p->part, y, p->width_ld);
    pass_bias(expert_bias(l, PART_DOWN_BIAS, s->width, expert), rows, s->width,
              y, p->width_ld);
}

static void mask(const uint8_t *allowed, uint32_t n, float *v)
{
    for (uint32_t i = 0; allowed != NULL && i < n; i++) {
        v[i] = allowed[i] || SABOTAGE(MASK_LEAK) ? v[i] : -INFINITY;
    }
}

/* Chooses and weighs the experts of one row from its router's numbers. */
static void route_row(struct pass *p, size_t row)
{
    const struct model *m = p->m;
    const struct model_shape *s = &m->shape;
    const uint8_t *allowed = p->lanes[p->row_lane[row]].experts;
    float *v = p->router + row * p->router_ld;
    const struct router r = {.experts = s->experts,
                             .used = s->experts_used,
                             .gating = m->gating,
                             .norm_chosen = m->norm_chosen,
                             .scale = m->experts_scale};

    mask(allowed, s->experts, v);
    if (p->traps != NULL && p->traps->router != NULL) {
        float *seen = p->seen + row * s->experts;

        memcpy(seen, v, s->experts * sizeof(*v));
        (void)nn_softmax(seen, s->experts);
        if (SABOTAGE(TAP_WRITES)) {
            memcpy(v, seen, s->experts * sizeof(*v));
        }
    }
    router_route(&r, v, allowed, p->chosen + row * s->experts_used,
                 p->chosen_w + row * s->experts_used);
}

static void route(struct pass *p, const struct layer *l, uint32_t layer)
{
    const struct model_shape *s = &p->m->shape;

    pass_product(&l->parts[PART_ROUTER].panels, p->wide, p->router,
                 p->router_ld);
    pass_bias(l->parts[PART_ROUTER_BIAS].v, p->rows, s->experts, p->router,
              p->router_ld);
    for (size_t i = 0; i < p->rows; i++) {
        route_row(p, i);
    }
    if (p->traps != NULL && p->traps->router != NULL) {
        p->traps->router(p->traps->ctx, layer, p->rows, p->row_lane, p->seen,
                         s->experts);
    }
}

/* The rows that chose an expert; where each of their outputs will stand. */
static size_t gather_rows(struct pass *p, uint32_t expert, size_t first)
{
    uint32_t used = p->m->shape.experts_used;
    size_t n = 0;

    for (size_t i = 0; i < p->rows * used; i++) {
        if (p->chosen[i] == expert) {
            p->place[i] = (uint32_t)(first + n);
            p->group[n++] = (uint32_t)(i / used);
        }
    }
    return n;
}

/* y = the sum over ranks of weight x output. */
static void sum_ranks(struct pass *p, size_t row)
{
    uint32_t used = p->m->shape.experts_used;
    size_t width = p->m->shape.width;
    float *y = p->y + row * p->width_ld;

    for (uint32_t k = 0; k < used; k++) {
        int backwards = SABOTAGE(EXPERT_ORDER) && p->rows > 1;
        size_t i = row * used + (backwards ? used - 1 - k : k);
        const float *from = p->outputs + p->place[i] * p->width_ld;
        float weight = p->chosen_w[i];

        if (k == 0) {
            nn_scale(weight, from, width, y);
        } else {
            nn_add_scaled(weight, from, width, y);
        }
    }
}

/* Which preparations of its input gate and up want. */
static void wants(const struct layer *l, int *out_f32, int *out_q8)
{
    int gate = pass_wants_q8(&l->parts[PART_GATE]);
    int up = pass_wants_q8(&l->parts[PART_UP]);

    *out_f32 = !gate || !up;
    *out_q8 = gate || up;
}

static void run_experts(struct pass *p, const struct layer *l)
{
    const struct model_shape *s = &p->m->shape;
    size_t first = 0;
    int f32, q8;

    wants(l, &f32, &q8);
    for (uint32_t e = 0; e < s->experts; e++) {
        size_t n = gather_rows(p, e, first);

        if (n == 0) {
            continue;
        }
        if (p->rows > 1) {
            operand_gather(p->part, p->h, p->width_ld, p->group, n, s->width,
                           f32, q8);
        }
        run_expert(p, l, e, p->rows > 1 ? p->part : p->wide, n,
                   p->outputs + first * p->width_ld);
        first += n;
    }
    for (size_t i = 0; i < p->rows; i++) {
        sum_ranks(p, i);
    }
}

void layer_ffn(struct pass *p, uint32_t layer)
{
    const struct model *m = p->m;
    const struct layer *l = &m->layers[layer];
    const struct weights *w = l->parts;
    size_t width = m->shape.width;
    int experts = m->shape.experts > 0;
    int f32 = 0, q8 = 0;

    for (size_t i = 0; i < p->rows; i++) {
        nn_rmsnorm(p->x + i * p->width_ld, w[PART_FFN_NORM].v, m->eps, width,
                   p->h + i * p->width_ld);
    }
    if (!experts || p->rows == 1) { /* else experts gather their own */
        wants(l, &f32, &q8);
    }
    if (experts) {
        f32 = f32 || !pass_wants_q8(&w[PART_ROUTER]);
        q8 = q8 || pass_wants_q8(&w[PART_ROUTER]);
    }
    operand_set(p->wide, p->h, p->width_ld, p->rows, width, f32, q8);
    if (experts) {
        route(p, l, layer);
        run_experts(p, l);
    } else {
        run_expert(p, l, 0, p->wide, p->rows, p->y);
    }
    for (size_t i = 0; i < p->rows; i++) {
        nn_add(p->y + i * p->width_ld, width, p->x + i * p->width_ld);
    }
}
