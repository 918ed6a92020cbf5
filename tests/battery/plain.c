/* The plain run, and what is held against it. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

struct cache cache_make(const struct little *l, uint32_t context,
                        uint32_t slack)
{
    struct cache c;
    size_t bytes = cache_bytes(l->model, context, slack);

    must(bytes == 0, "cache_bytes");
    cache_init(&c, l->model, keep(bytes), context, slack);
    return c;
}

struct cache cache_copy(const struct little *l, const struct cache *c)
{
    struct cache copy = cache_make(l, c->context, c->slack);

    memcpy(copy.area, c->area, cache_bytes(l->model, c->context, c->slack));
    copy.n = c->n;
    return copy;
}

static void end_pass(void *p)
{
    pass_free(p);
}

struct pass *pass_make(const struct little *l, size_t batch, size_t lanes)
{
    struct pass *p = NULL;

    MUST(pass_new(l->model, batch, lanes, &p));
    keep_until(p, end_pass);
    return p;
}

const uint32_t *tokens_draw(struct account *a, const struct little *l, size_t n)
{
    uint32_t *tokens = keep(n * sizeof(*tokens));

    for (size_t i = 0; i < n; i++) {
        tokens[i] = below(a, l->shape->vocab);
    }
    return tokens;
}

/* Copies the rows of every trap into a plain run. */
struct recorder {
    const struct plain *plain;
    float *residual;
    uint8_t armed[2 * MODEL_LAYERS_MAX];
};

static int record(void *ctx, const struct trap_rows *r)
{
    struct recorder *to = ctx;
    size_t width = to->plain->little->shape->width;
    size_t site = 2 * (size_t)r->layer + (size_t)r->when;

    for (size_t i = 0; i < r->rows; i++) {
        memcpy(to->residual + (site * to->plain->n + r->position[i]) * width,
               r->x + i * r->ldx, width * sizeof(float));
    }
    return TRAP_GO;
}

static void one_by_one(const struct plain *p, struct cache *c, float *logits,
                       const struct traps *t)
{
    struct pass *pass = pass_make(p->little, 1, 1);

    for (size_t i = 0; i < p->n; i++) {
        struct pass_lane lane = {
            c, p->tokens + i, 1, 0, logits + i * p->little->shape->vocab, NULL};

        MUST(pass_run(pass, &lane, 1, t));
    }
}

const struct plain *plain_run(struct account *a, const struct little *l,
                              const uint32_t *tokens, size_t n)
{
    size_t sites = 2 * (size_t)l->shape->layers;
    size_t residual_n = sites * n * l->shape->width;
    size_t logits_n = n * l->shape->vocab;
    struct plain *p = keep(sizeof(*p));
    float *logits = keep(logits_n * sizeof(float));
    struct recorder *r = keep(sizeof(*r));
    struct traps traps = {r->armed, record, NULL, r};
    struct cache second;

    *p = (struct plain){l, tokens, n, logits, NULL, {0}};
    p->cache = cache_make(l, (uint32_t)n, (uint32_t)n);
    one_by_one(p, &p->cache, logits, NULL);
    /* Once more with every trap armed: the residuals, and the same again. */
    r->plain = p;
    p->residual = r->residual = keep(residual_n * sizeof(float));
    memset(r->armed, 1, sizeof(r->armed));
    second = cache_make(l, (uint32_t)n, (uint32_t)n);
    logits = keep(logits_n * sizeof(float));
    one_by_one(p, &second, logits, &traps);
    same_logits(a, p, logits, 0, n, "every trap armed, one at a time");
    same_cache(a, p, &second, "every trap armed, one at a time");
    blake3_update(&a->truth, p->logits, logits_n * sizeof(float));
    blake3_update(&a->truth, p->residual, residual_n * sizeof(float));
    return p;
}

static int watch_rows(void *ctx, const struct trap_rows *r)
{
    struct watch *w = ctx;
    size_t site = 2 * (size_t)r->layer + (size_t)r->when;

    for (size_t i = 0; i < r->rows; i++) {
        const struct plain *p = w->plains[r->lane[i]];
        size_t width = p->little->shape->width;

        hold(w->account, r->position[i] < p->n, "%s: a row beyond the end",
             w->schedule);
        same(w->account, p->residual + (site * p->n + r->position[i]) * width,
             r->x + i * r->ldx, width * sizeof(float),
             "%s %s, %s: residual %s layer %u at position %llu",
             p->little->kind, p->little->type, w->schedule,
             r->when == TRAP_BEFORE ? "before" : "after", r->layer,
             (unsigned long long)r->position[i]);
    }
    return TRAP_GO;
}

void watch_init(struct watch *w, struct account *a,
                const struct plain *const *plains, const char *schedule)
{
    w->account = a;
    w->plains = plains;
    w->schedule = schedule;
    memset(w->armed, 1, sizeof(w->armed));
    w->traps = (struct traps){w->armed, watch_rows, NULL, w};
}

void same_logits(struct account *a, const struct plain *p, const float *logits,
                 size_t from, size_t n, const char *schedule)
{
    size_t vocab = p->little->shape->vocab;

    for (size_t i = 0; i < n; i++) {
        same(a, p->logits + (from + i) * vocab, logits + i * vocab,
             vocab * sizeof(float), "%s %s, %s: logits at position %zu",
             p->little->kind, p->little->type, schedule, from + i);
    }
    a->positions += n;
}

static void same_layer(struct account *a, const struct plain *p,
                       const struct cache *c, uint32_t layer,
                       const char *schedule)
{
    const struct little *l = p->little;
    uint64_t from = 0;
    float truth[2][MODEL_HEAD_MAX], other[2][MODEL_HEAD_MAX];

    if (model_is_windowed(l->model, layer) && c->n >= l->shape->window) {
        from = c->n + 1 - l->shape->window; /* what the next one sees */
    }
    for (uint32_t h = 0; h < l->shape->kv_heads; h++) {
        for (uint64_t i = from; i < c->n; i++) {
            cache_read(&p->cache, l->model, layer, h, i, truth[0], truth[1]);
            cache_read(c, l->model, layer, h, i, other[0], other[1]);
            same(a, truth[0], other[0], l->shape->head_k * sizeof(float),
                 "%s %s, %s: keys of layer %u at position %llu", l->kind,
                 l->type, schedule, layer, (unsigned long long)i);
            same(a, truth[1], other[1], l->shape->head_v * sizeof(float),
                 "%s %s, %s: values of layer %u at position %llu", l->kind,
                 l->type, schedule, layer, (unsigned long long)i);
        }
    }
}

void same_cache(struct account *a, const struct plain *p, const struct cache *c,
                const char *schedule)
{
    hold(a, c->n <= p->n, "%s: more positions than there are", schedule);
    for (uint32_t layer = 0; layer < p->little->shape->layers; layer++) {
        same_layer(a, p, c, layer, schedule);
    }
}

void forward(struct account *a, struct pass *pass, const struct plain *p,
             struct cache *c, size_t to, const struct traps *traps,
             const char *schedule)
{
    size_t from = (size_t)c->n, n = to - from;
    float *logits = malloc(n * p->little->shape->vocab * sizeof(float));
    struct pass_lane lane = {c, p->tokens + from, n, 0, logits, NULL};

    must(logits == NULL, "malloc");
    MUST(pass_run(pass, &lane, 1, traps));
    same_logits(a, p, logits, from, n, schedule);
    free(logits);
    hold(a, c->n == to, "%s: %llu positions are held, not %zu", schedule,
         (unsigned long long)c->n, to);
}
