/* Tiny models and lanes over them, for tests of forward passes. Everything that
 * a token can be compared by is kept per position: logits, the residual before
 * and after every layer, keys and values of every layer and head. */
#ifndef TESTS_UNIT_NN_TRANSFORMER_WORLD_H
#define TESTS_UNIT_NN_TRANSFORMER_WORLD_H

#include "tests/unit/nn/model_file.h"
#include "workers/nn/panel.h"
#include "workers/nn/transformer.h"

enum {
    WORLD_TOKENS = 150,
    WORLD_VOCAB = 40,
    WORLD_LANES = 4
};

static const char *const world_archs[] = {"llama", "qwen3moe", "olmoe",
                                          "gpt-oss"};
static const enum gguf_tensor_type world_types[] = {
    GGUF_TENSOR_F32, GGUF_TENSOR_F16, GGUF_TENSOR_BF16, GGUF_TENSOR_Q8_0};

static inline uint64_t world_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static inline size_t world_below(uint64_t *state, size_t n)
{
    return (size_t)(world_random(state) % n);
}

static inline struct model_init world_spec(size_t arch, size_t type)
{
    struct model_init s = {.arch = world_archs[arch],
                           .layers = 3,
                           .width = 32,
                           .heads = 4,
                           .head = 8,
                           .ffn = 32,
                           .experts = 5,
                           .experts_used = 2,
                           .vocab = WORLD_VOCAB,
                           .context = 256,
                           .type = world_types[type],
                           .seed = 100 + arch};

    s.window = arch == 3 ? 16 : 0;
    return s;
}

static inline struct model *world_model(const struct model_init *spec)
{
    struct model_file f;
    struct model *m = NULL;
    struct diag d;

    if (model_file_make(spec, &f, &d) != 0 || model_new(&f.g, &m, &d) != 0) {
        fail_msg("%s: %s", spec->arch, d.what);
    }
    model_file_release(&f); /* the model needs nothing of it */
    return m;
}

static inline void *world_calloc(size_t n, size_t size)
{
    void *p = calloc(n, size);

    assert_non_null(p);
    return p;
}

/* What is known of every position of one lane. */
struct story {
    uint32_t tokens[WORLD_TOKENS];
    float *logits;   /* (tokens, vocab) */
    float *residual; /* (2 layers, tokens, width) */
    float *kv;       /* (layers, kv_heads, tokens, head_k + head_v) */
};

struct lane {
    struct cache c;
    void *area;
    struct story s;
};

static inline size_t story_kv(const struct model_shape *s)
{
    return s->head_k + s->head_v;
}

static inline float *story_kv_at(const struct model *m, const struct story *s,
                                 size_t layer, size_t head, size_t position)
{
    const struct model_shape *shape = model_shape(m);

    return s->kv +
           ((layer * shape->kv_heads + head) * WORLD_TOKENS + position) *
               story_kv(shape);
}

static inline void story_init(struct story *s, const struct model *m,
                              uint64_t seed)
{
    const struct model_shape *shape = model_shape(m);

    for (size_t i = 0; i < WORLD_TOKENS; i++) {
        s->tokens[i] = (uint32_t)world_below(&seed, WORLD_VOCAB);
    }
    s->logits = world_calloc(WORLD_TOKENS * WORLD_VOCAB, sizeof(float));
    s->residual = world_calloc(
        2 * (size_t)shape->layers * WORLD_TOKENS * shape->width, sizeof(float));
    s->kv = world_calloc((size_t)shape->layers * shape->kv_heads *
                             WORLD_TOKENS * story_kv(shape),
                         sizeof(float));
}

static inline void story_release(struct story *s)
{
    free(s->logits);
    free(s->residual);
    free(s->kv);
}

static inline void lane_init(struct lane *l, const struct model *m,
                             uint32_t slack, uint64_t seed)
{
    size_t bytes = cache_bytes(m, 256, slack);

    assert_true(bytes > 0 && bytes % 64 == 0);
    l->area = aligned_alloc(64, bytes);
    assert_non_null(l->area);
    memset(l->area, 0, bytes);
    cache_init(&l->c, m, l->area, 256, slack);
    story_init(&l->s, m, seed);
}

static inline void lane_release(struct lane *l)
{
    free(l->area);
    story_release(&l->s);
}

/* The trap that writes residuals down. ctx: struct watch. */
struct watch {
    const struct model *m;
    struct lane **lanes; /* by index in the pass */
};

static inline int world_watch(void *ctx, const struct trap_rows *r)
{
    const struct watch *w = ctx;
    size_t width = model_shape(w->m)->width;

    for (size_t i = 0; i < r->rows; i++) {
        struct story *s = &w->lanes[r->lane[i]]->s;
        size_t site = 2 * (size_t)r->layer + (size_t)r->when;

        memcpy(s->residual + (site * WORLD_TOKENS + r->position[i]) * width,
               r->x + i * r->ldx, width * sizeof(float));
    }
    return TRAP_GO;
}

/* Keys and values of [from, to), as the cache has them now. */
static inline void lane_note_kv(struct lane *l, const struct model *m,
                                uint64_t from, uint64_t to)
{
    const struct model_shape *s = model_shape(m);

    for (uint32_t layer = 0; layer < s->layers; layer++) {
        for (uint32_t head = 0; head < s->kv_heads; head++) {
            for (uint64_t p = from; p < to; p++) {
                float *out = story_kv_at(m, &l->s, layer, head, p);

                cache_read(&l->c, m, layer, head, p, out, out + s->head_k);
            }
        }
    }
}

/* Feeds lanes[i] n[i] further tokens of its story in one pass, all watched. */
static inline void world_feed(struct pass *p, const struct model *m,
                              struct lane **lanes, const size_t *n,
                              size_t lanes_n)
{
    static const uint8_t armed[64] = {1, 1, 1, 1, 1, 1, 1, 1,
                                      1, 1, 1, 1, 1, 1, 1, 1};
    struct pass_lane in[WORLD_LANES] = {0};
    struct watch w = {m, lanes};
    struct traps t = {armed, world_watch, NULL, &w};

    for (size_t i = 0; i < lanes_n; i++) {
        struct lane *l = lanes[i];

        in[i] = (struct pass_lane){&l->c,
                                   l->s.tokens + l->c.n,
                                   n[i],
                                   0,
                                   l->s.logits + l->c.n * WORLD_VOCAB,
                                   NULL};
    }
    assert_int_equal(pass_run(p, in, lanes_n, &t), PASS_DONE);
    for (size_t i = 0; i < lanes_n; i++) {
        lane_note_kv(lanes[i], m, lanes[i]->c.n - n[i], lanes[i]->c.n);
    }
}

/* One token at a time, alone: what all else is compared with. */
static inline void world_tell(const struct model *m, struct lane *l,
                              uint64_t seed)
{
    const size_t one = 1;
    struct pass *p;

    lane_init(l, m, 1, seed);
    assert_int_equal(pass_new(m, 1, 1, &p), 0);
    while (l->c.n < WORLD_TOKENS) {
        world_feed(p, m, &l, &one, 1);
    }
    pass_free(p);
}

/* Bits of [0, n) are the same. */
static inline int story_is_same(const struct model *m, const struct story *a,
                                const struct story *b, size_t n)
{
    const struct model_shape *s = model_shape(m);
    int same = memcmp(a->tokens, b->tokens, n * 4) == 0 &&
               memcmp(a->logits, b->logits, n * WORLD_VOCAB * 4) == 0;

    for (size_t site = 0; site < 2 * (size_t)s->layers; site++) {
        size_t at = site * WORLD_TOKENS * s->width;

        same = same && memcmp(a->residual + at, b->residual + at,
                              n * s->width * 4) == 0;
    }
    for (size_t i = 0; i < (size_t)s->layers * s->kv_heads; i++) {
        size_t at = i * WORLD_TOKENS * story_kv(s);

        same = same && memcmp(a->kv + at, b->kv + at, n * story_kv(s) * 4) == 0;
    }
    return same;
}

#endif
