/* First half of a layer: keys and values into the caches, attention, and back
 * into the residual. Runs in workers. Must never write a number into a cache
 * that is not finite. */
#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/pass_impl.h"
#include "workers/nn/sabotage.h"

/* Norms of queries and keys: of each head, or of all of them (olmoe). */
static void norm_heads(const struct weights *w, const struct model *m,
                       uint32_t heads, float *row)
{
    size_t size = m->shape.head_k;

    if (w->v == NULL) {
        return;
    }
    if (m->shape.arch == ARCH_OLMOE) {
        nn_rmsnorm(row, w->v, m->eps, heads * size, row);
        return;
    }
    for (uint32_t i = 0; i < heads; i++) {
        nn_rmsnorm(row + i * size, w->v, m->eps, size, row + i * size);
    }
}

static void turn_heads(const struct pass *p, size_t row, uint32_t heads,
                       float *x)
{
    const struct model *m = p->m;

    for (uint32_t i = 0; i < heads; i++) {
        nn_rope_apply(m->rope, p->turns + row * m->rope_spec.dims,
                      x + (size_t)i * m->shape.head_k);
    }
}

/* Queries, keys and values of all rows, biased, normed and turned. */
static void make_rows(struct pass *p, const struct layer *l)
{
    const struct model *m = p->m;
    const struct model_shape *s = &m->shape;
    const struct weights *w = l->parts;

    pass_product(&w[PART_Q].panels, p->wide, p->q, p->query_ld);
    pass_product(&w[PART_K].panels, p->wide, p->k, p->key_ld);
    pass_product(&w[PART_V].panels, p->wide, p->v, p->value_ld);
    pass_bias(w[PART_Q_BIAS].v, p->rows, w[PART_Q].panels.n, p->q, p->query_ld);
    pass_bias(w[PART_K_BIAS].v, p->rows, w[PART_K].panels.n, p->k, p->key_ld);
    pass_bias(w[PART_V_BIAS].v, p->rows, w[PART_V].panels.n, p->v, p->value_ld);
    for (size_t i = 0; i < p->rows; i++) {
        norm_heads(&w[PART_Q_NORM], m, s->heads, p->q + i * p->query_ld);
        norm_heads(&w[PART_K_NORM], m, s->kv_heads, p->k + i * p->key_ld);
        turn_heads(p, i, s->heads, p->q + i * p->query_ld);
        turn_heads(p, i, s->kv_heads, p->k + i * p->key_ld);
    }
}

/* What is not finite is written as zeros, and the lane remembers where: from
 * there on its logits are no numbers, however far away. */
static void check_row(struct pass *p, size_t row)
{
    const struct model_shape *s = &p->m->shape;
    struct cache_head *head = cache_head(p->lanes[p->row_lane[row]].cache);
    float *k = p->k + row * p->key_ld;
    float *v = p->v + row * p->value_ld;
    size_t k_n = (size_t)s->kv_heads * s->head_k;
    size_t v_n = (size_t)s->kv_heads * s->head_v;
    uint64_t at = p->row_position[row] + 1;

    if (nn_is_finite(k, k_n) && nn_is_finite(v, v_n)) {
        return;
    }
    memset(k, 0, k_n * sizeof(*k));
    memset(v, 0, v_n * sizeof(*v));
    if (head->poisoned == 0 || head->poisoned > at) {
        head->poisoned = at;
    }
}

static struct attend attend_of(const struct pass *p, const struct layer *l,
                               uint32_t kv_head)
{
    const struct model_shape *s = &p->m->shape;
    struct attend a = {.head_k = s->head_k,
                       .head_v = s->head_v,
                       .group = s->heads / s->kv_heads,
                       .scale = p->m->scale,
                       .window = l->windowed ? s->window : 0};

    if (l->parts[PART_SINKS].v != NULL) {
        a.sinks = l->parts[PART_SINKS].v + kv_head * a.group;
    }
    return a;
}

/* One lane's rows from `first` on: writes, then attends. */
static void attend_lane(struct pass *p, const struct layer *l, uint32_t layer,
                        const struct pass_lane *lane, size_t first)
{
    const struct model_shape *s = &p->m->shape;
    const struct cache *c = lane->cache;
    struct ring r = cache_ring(c, p->m, layer);

    for (size_t i = 0; i < lane->n; i++) {
        check_row(p, first + i);
    }
    for (uint32_t head = 0; head < s->kv_heads; head++) {
        struct attend a = attend_of(p, l, head);
        float *keys = ring_keys(c, &r, head);
        float *values = ring_values(c, &r, head);

        a.keys = keys;
        a.values = values;
        a.blocks = r.blocks;
        for (size_t i = 0; i < lane->n; i++) {
            size_t row = first + i;
            uint64_t to = c->n + i;

            to += SABOTAGE(RING_WRAP) && to == r.blocks * ATTEND_BLOCK;
            attend_put_key(&a, to,
                           p->k + row * p->key_ld + (size_t)head * s->head_k,
                           keys);
            attend_put_value(
                &a, to, p->v + row * p->value_ld + (size_t)head * s->head_v,
                values);
        }
        attend(&a, c->n, lane->n,
               p->q + first * p->query_ld + head * a.group * s->head_k,
               p->query_ld,
               p->o + first * p->mixed_ld + head * a.group * s->head_v,
               p->mixed_ld, p->scratch, p->scratch_n);
    }
}

void layer_attention(struct pass *p, uint32_t layer)
{
    const struct model *m = p->m;
    const struct layer *l = &m->layers[layer];
    const struct weights *w = l->parts;
    size_t width = m->shape.width;
    size_t first = 0;
    int q8 = pass_wants_q8(&w[PART_Q]) || pass_wants_q8(&w[PART_K]) ||
             pass_wants_q8(&w[PART_V]);
    int f32 = !pass_wants_q8(&w[PART_Q]) || !pass_wants_q8(&w[PART_K]) ||
              !pass_wants_q8(&w[PART_V]);

    for (size_t i = 0; i < p->rows; i++) {
        nn_rmsnorm(p->x + i * p->width_ld, w[PART_ATTN_NORM].v, m->eps, width,
                   p->h + i * p->width_ld);
    }
    operand_set(p->wide, p->h, p->width_ld, p->rows, width, f32, q8);
    make_rows(p, l);
    for (size_t i = 0; i < p->lanes_n; i++) {
        attend_lane(p, l, layer, &p->lanes[i], first);
        first += p->lanes[i].n;
    }
    q8 = pass_wants_q8(&w[PART_OUT]);
    operand_set(p->wide, p->o, p->mixed_ld, p->rows,
                (size_t)m->shape.heads * m->shape.head_v, !q8, q8);
    pass_product(&w[PART_OUT].panels, p->wide, p->y, p->width_ld);
    pass_bias(w[PART_OUT_BIAS].v, p->rows, width, p->y, p->width_ld);
    for (size_t i = 0; i < p->rows; i++) {
        nn_add(p->y + i * p->width_ld, width, p->x + i * p->width_ld);
    }
}
