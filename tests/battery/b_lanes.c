/* Battery lanes: lanes that share passes, in random schedules. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANES_N 5u
#define TOKENS_N 96u
#define BATCH_N 150u /* over two tiles of 61 */

/* One pass: a random set of lanes in random order, each some tokens on. */
static void one_pass(struct account *a, struct pass *pass,
                     const struct plain *const *plains, struct cache *c,
                     struct watch *w)
{
    uint32_t order[LANES_N], room = BATCH_N;
    struct pass_lane lanes[LANES_N];
    const struct plain *in[LANES_N];
    size_t n = 0, vocab = plains[0]->little->shape->vocab;
    uint32_t most = below(a, 3) == 0 ? TOKENS_N : 1 + below(a, 6);
    float *logits = malloc(BATCH_N * vocab * sizeof(float));

    must(logits == NULL, "malloc");
    for (uint32_t i = 0; i < LANES_N; i++) {
        uint32_t j = below(a, i + 1);

        order[i] = order[j];
        order[j] = i;
    }
    for (uint32_t i = 0; i < LANES_N; i++) {
        const struct plain *p = plains[order[i]];
        struct cache *cache = &c[order[i]];
        uint32_t left = (uint32_t)(p->n - cache->n), take;

        if (left == 0 || room == 0 || (n > 0 && below(a, 4) == 0)) {
            continue;
        }
        take = 1 + below(a, left < most ? left : most);
        take = take < room ? take : room;
        lanes[n] = (struct pass_lane){cache,
                                      p->tokens + cache->n,
                                      take,
                                      0,
                                      logits + (BATCH_N - room) * vocab,
                                      NULL};
        in[n++] = p;
        room -= take;
    }
    w->plains = in;
    MUST(pass_run(pass, lanes, n, &w->traps));
    for (size_t i = 0; i < n; i++) {
        same_logits(a, in[i], lanes[i].logits,
                    (size_t)lanes[i].cache->n - lanes[i].n, lanes[i].n,
                    w->schedule);
    }
    free(logits);
}

static int is_done(const struct plain *const *plains, const struct cache *c)
{
    for (size_t i = 0; i < LANES_N; i++) {
        if (c[i].n < plains[i]->n) {
            return 0;
        }
    }
    return 1;
}

static void schedule(struct account *a, struct pass *pass,
                     const struct plain *const *plains)
{
    struct watch w;
    struct cache c[LANES_N];
    const void *mark = keep_mark();

    watch_init(&w, a, NULL, "lanes together");
    for (size_t i = 0; i < LANES_N; i++) {
        c[i] = cache_make(plains[i]->little, TOKENS_N, BATCH_N);
    }
    while (!is_done(plains, c)) {
        one_pass(a, pass, plains, c, &w);
    }
    for (size_t i = 0; i < LANES_N; i++) {
        same_cache(a, plains[i], &c[i], w.schedule);
    }
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l =
        little_make(a, kind, type, 16 + 16 * (uint32_t)type, 200 + kind);
    struct pass *pass = pass_make(l, BATCH_N, LANES_N);
    const struct plain *plains[LANES_N];

    for (uint32_t i = 0; i < LANES_N; i++) {
        size_t n = 1 + below(a, TOKENS_N);

        plains[i] = plain_run(a, l, tokens_draw(a, l, n), n);
    }
    for (size_t i = 0; i < (a->full ? 300u : 12u); i++) {
        schedule(a, pass, plains);
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_lanes = {
    .name = "lanes",
    .mechanism = "quanta and lanes",
    .compares =
        "logits, residual rows and cache of each lane, together against alone",
    .over =
        "all kinds and types; five lanes of 1 to 96 tokens in random "
        "schedules: who takes part, in which order, how many tokens each, up "
        "to 150 in a pass",
    .saboteurs = {"batch-slice", "expert-order"},
    .run = run,
};
