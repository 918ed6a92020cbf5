/* Battery trap_plane: a trap before and after every layer. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <string.h>

#define TOKENS_N 40u

/* What a trap does in one run: it is armed at some sites only, and changes one
 * row of one lane, or writes each row back as it was. */
struct meddler {
    uint8_t armed[2 * MODEL_LAYERS_MAX];
    uint32_t layer;
    enum trap_when when;
    uint64_t position; /* that it changes; UINT64_MAX: none */
    uint32_t lane;
    size_t width;
    uint64_t called, rows;
};

static int meddle(void *ctx, const struct trap_rows *r)
{
    struct meddler *m = ctx;

    must(m->width > 1024, "width of a row");
    m->called++;
    m->rows += r->rows;
    for (size_t i = 0; i < r->rows; i++) {
        float *x = r->x + i * r->ldx, row[1024];

        memcpy(row, x, m->width * sizeof(float));
        if (r->layer == m->layer && r->when == m->when &&
            r->lane[i] == m->lane && r->position[i] == m->position) {
            row[m->width / 2] += 0.5f;
        }
        memcpy(x, row, m->width * sizeof(float));
    }
    return TRAP_GO;
}

/* Every site alone, its rows written back as they were; prefill and decode. */
static void each_site(struct account *a, const struct plain *p)
{
    const struct little *l = p->little;
    struct pass *pass = pass_make(l, TOKENS_N, 1);

    for (uint32_t site = 0; site < 2 * l->shape->layers; site++) {
        struct meddler m = {.position = UINT64_MAX, .width = l->shape->width};
        struct traps t = {m.armed, meddle, NULL, &m};
        const void *mark = keep_mark();
        struct cache c = cache_make(l, TOKENS_N, 0);
        size_t half = 1 + below(a, TOKENS_N - 1);

        m.armed[site] = 1;
        forward(a, pass, p, &c, half, &t, "one trap armed, prefill");
        while (c.n < TOKENS_N) {
            forward(a, pass, p, &c, (size_t)c.n + 1, &t,
                    "one trap armed, decode");
        }
        hold(a, m.called == 1 + TOKENS_N - half && m.rows == TOKENS_N,
             "%s: site %u was called %llu times", l->kind, site,
             (unsigned long long)m.called);
        same_cache(a, p, &c, "one trap armed");
        a->schedules++;
        keep_back(mark);
    }
}

/* A prompt at once, in two pieces and one by one, every trap armed: each row of
 * each layer is the plain run's. */
static void pieces(struct account *a, const struct plain *p)
{
    struct pass *pass = pass_make(p->little, TOKENS_N, 1);
    struct watch w;

    watch_init(&w, a, &p, "every trap armed, in pieces");
    for (size_t cut = 0; cut < TOKENS_N; cut++) {
        const void *mark = keep_mark();
        struct cache c = cache_make(p->little, TOKENS_N, 0);

        if (cut > 0) {
            forward(a, pass, p, &c, cut, &w.traps, w.schedule);
        }
        forward(a, pass, p, &c, TOKENS_N, &w.traps, w.schedule);
        same_cache(a, p, &c, w.schedule);
        a->schedules++;
        keep_back(mark);
    }
}

/* Two lanes of the same tokens; lane 0 is meddled with at one position. Up to
 * there, and in lane 1 throughout, nothing may move; behind it something must. */
static void injected(struct account *a, const struct plain *p)
{
    const struct little *l = p->little;
    size_t vocab = l->shape->vocab;
    uint32_t layer = below(a, l->shape->layers);
    size_t at = below(a, TOKENS_N);
    struct meddler m = {.layer = layer,
                        .when = (enum trap_when)below(a, 2),
                        .position = at,
                        .width = l->shape->width};
    struct traps t = {m.armed, meddle, NULL, &m};
    const void *mark = keep_mark();
    struct cache c[3];
    float *logits = keep(3 * TOKENS_N * vocab * sizeof(float));
    struct pass *pass = pass_make(l, 2 * TOKENS_N, 2);

    memset(m.armed, 1, sizeof(m.armed));
    for (size_t i = 0; i < 3; i++) {
        c[i] = cache_make(l, TOKENS_N, 0);
    }
    struct pass_lane lanes[3] = {
        {&c[0], p->tokens, TOKENS_N, 0, logits, NULL},
        {&c[1], p->tokens, TOKENS_N, 0, logits + TOKENS_N * vocab, NULL},
        {&c[2], p->tokens, TOKENS_N, 0, logits + 2 * TOKENS_N * vocab, NULL},
    };
    MUST(pass_run(pass, lanes, 2, &t));
    same_logits(a, p, logits, 0, at, "before an injection");
    same_logits(a, p, lanes[1].logits, 0, TOKENS_N, "beside an injection");
    same_cache(a, p, &c[1], "beside an injection");
    hold(a,
         memcmp(logits + at * vocab, p->logits + at * vocab,
                vocab * sizeof(float)) != 0,
         "%s: an injection at layer %u changed nothing", l->kind, layer);
    /* The same injection, one token at a time: the same bits again. */
    for (size_t i = 0; i < TOKENS_N; i++) {
        struct pass_lane one = {
            &c[2], p->tokens + i, 1, 0, lanes[2].logits + i * vocab, NULL};

        MUST(pass_run(pass, &one, 1, &t));
    }
    same(a, logits, lanes[2].logits, TOKENS_N * vocab * sizeof(float),
         "%s %s: an injection, prefill against decode", l->kind, l->type);
    a->positions += 2 * TOKENS_N;
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 16, 100 + kind);
    const struct plain *p =
        plain_run(a, l, tokens_draw(a, l, TOKENS_N), TOKENS_N);

    each_site(a, p);
    pieces(a, p);
    for (size_t i = 0; i < (a->full ? 100u : 8u); i++) {
        injected(a, p);
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_trap_plane = {
    .name = "trap_plane",
    .mechanism = "trap plane",
    .compares =
        "logits, residual rows and cache, with traps armed against none armed",
    .over =
        "all kinds and types; each trap alone and all together; prompts cut in "
        "two at every place; injections at random sites beside an untouched "
        "lane",
    .saboteurs = {"trap-round"},
    .run = run,
};
