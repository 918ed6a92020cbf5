/* Battery interrupt: a pass stopped at any trap, and gone on with. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <string.h>

#define TOKENS_N 24u
#define LANES_N 2u

/* Stops at one site; before, watches. */
struct stopper {
    struct watch watch;
    uint32_t layer;
    enum trap_when when;
    int every; /* stops at each trap, not at one */
    uint64_t stops;
};

static int stop_there(void *ctx, const struct trap_rows *r)
{
    struct stopper *s = ctx;

    (void)s->watch.traps.fn(&s->watch, r);
    if (s->every || (r->layer == s->layer && r->when == s->when)) {
        s->stops++;
        return TRAP_STOP;
    }
    return TRAP_GO;
}

/* A stopped pass goes on: here, or as bytes in another pass, with caches whose
 * bytes are elsewhere. */
struct stopped {
    struct pass *pass, *other;
    struct pass_lane lanes[LANES_N];
    struct cache caches[LANES_N];
};

static void move(const struct little *l, struct stopped *s)
{
    size_t n = pass_stop_bytes(s->pass);
    uint8_t *bytes = keep(n);
    struct pass *other = s->other;
    struct cache copies[LANES_N];

    pass_stop_save(s->pass, bytes);
    for (size_t i = 0; i < LANES_N; i++) {
        copies[i] = cache_copy(l, &s->caches[i]);
    }
    pass_abandon(s->pass); /* which wipes what the pass had written here */
    memcpy(s->caches, copies, sizeof(copies));
    MUST(pass_stop_load(other, s->lanes, LANES_N, bytes, n));
    s->other = s->pass;
    s->pass = other;
}

/* One pass of both lanes, stopped as st says. */
static void one_pass(struct account *a, const struct plain *const *plains,
                     struct stopped *s, struct stopper *st, const size_t *take,
                     int moves)
{
    const struct little *l = plains[0]->little;
    struct traps t = {st->watch.armed, stop_there, NULL, st};
    int code;

    for (size_t i = 0; i < LANES_N; i++) {
        float *logits = keep(take[i] * l->shape->vocab * sizeof(float));

        s->lanes[i] = (struct pass_lane){
            &s->caches[i], plains[i]->tokens + s->caches[i].n,
            take[i],       0,
            logits,        NULL};
    }
    st->stops = 0;
    code = pass_run(s->pass, s->lanes, LANES_N, &t);
    while (code == PASS_STOPPED) {
        if (moves) {
            move(l, s);
        }
        code = pass_resume(s->pass, &t);
    }
    must(code, "pass_resume");
    hold(a, st->stops == (st->every ? 2u * l->shape->layers : 1u),
         "%s: stopped %llu times", st->watch.schedule,
         (unsigned long long)st->stops);
    for (size_t i = 0; i < LANES_N; i++) {
        same_logits(a, plains[i], s->lanes[i].logits,
                    (size_t)s->caches[i].n - take[i], take[i],
                    st->watch.schedule);
    }
}

/* Prefill of a random length, then decode to the end; every pass is stopped. */
static void stop_all(struct account *a, const struct plain *const *plains,
                     struct stopped *s, uint32_t site, int moves)
{
    const void *mark = keep_mark();
    struct stopper st = {.layer = site / 2,
                         .when = (enum trap_when)(site % 2),
                         .every = site == UINT32_MAX};
    size_t take[LANES_N];

    watch_init(&st.watch, a, plains,
               moves ? "stopped, gone on as bytes" : "stopped, gone on");
    for (size_t i = 0; i < LANES_N; i++) {
        s->caches[i] = cache_make(plains[i]->little, TOKENS_N, TOKENS_N);
        take[i] = 1 + below(a, TOKENS_N - 4);
    }
    while (s->caches[0].n < TOKENS_N || s->caches[1].n < TOKENS_N) {
        for (size_t i = 0; i < LANES_N; i++) {
            if (s->caches[i].n == TOKENS_N) { /* back, to keep it company */
                MUST(cache_rollback(&s->caches[i], plains[i]->little->model,
                                    TOKENS_N - 1));
            }
        }
        one_pass(a, plains, s, &st, take, moves);
        take[0] = take[1] = 1;
    }
    for (size_t i = 0; i < LANES_N; i++) {
        same_cache(a, plains[i], &s->caches[i], st.watch.schedule);
    }
    a->schedules++;
    keep_back(mark);
}

static int stop_at_once(void *ctx, const struct trap_rows *r)
{
    (void)ctx;
    (void)r;
    return TRAP_STOP;
}

/* Stopped in tokens that then turn out to be wrong: nothing of them stays. */
static void abandoned(struct account *a, const struct plain *const *plains,
                      struct pass *pass, uint32_t site)
{
    static const char text[] = "stopped and abandoned";
    const void *mark = keep_mark();
    const struct little *l = plains[0]->little;
    struct cache c = cache_make(l, TOKENS_N, TOKENS_N);
    uint8_t armed[2 * MODEL_LAYERS_MAX] = {0};
    struct traps t = {armed, stop_at_once, NULL, NULL};
    size_t half = 1 + below(a, TOKENS_N - 1);
    float *logits = keep(TOKENS_N * l->shape->vocab * sizeof(float));
    struct pass_lane lane = {&c,  plains[1]->tokens, TOKENS_N - half, 0, logits,
                             NULL};

    armed[site] = 1;
    forward(a, pass, plains[0], &c, half, NULL, text);
    hold(a, pass_run(pass, &lane, 1, &t) == PASS_STOPPED, "%s: not stopped",
         text);
    pass_abandon(pass);
    hold(a, c.n == half, "%s: the cache has moved", text);
    forward(a, pass, plains[0], &c, TOKENS_N, NULL, text);
    same_cache(a, plains[0], &c, text);
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 16, 400 + kind);
    struct stopped s = {.pass = pass_make(l, 2 * TOKENS_N, LANES_N),
                        .other = pass_make(l, 2 * TOKENS_N, LANES_N)};
    const struct plain *plains[LANES_N];

    for (size_t i = 0; i < LANES_N; i++) {
        plains[i] = plain_run(a, l, tokens_draw(a, l, TOKENS_N), TOKENS_N);
    }
    for (uint32_t site = 0; site < 2 * l->shape->layers; site++) {
        stop_all(a, plains, &s, site, 0);
        stop_all(a, plains, &s, site, 1);
        abandoned(a, plains, s.pass, site);
    }
    for (size_t i = 0; i < (a->full ? 50u : 2u); i++) {
        stop_all(a, plains, &s, UINT32_MAX, 0);
        stop_all(a, plains, &s, UINT32_MAX, 1);
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_interrupt = {
    .name = "interrupt",
    .mechanism = "deterministic interrupt",
    .compares =
        "logits, residual rows and cache of passes that were stopped at a trap "
        "and went on, in place or as bytes in another pass with moved caches",
    .over =
        "all kinds and types; two lanes; every pass of prefill and decode "
        "stopped at each trap in turn, and at all of them; passes abandoned "
        "where they stopped",
    .saboteurs = {"stop-row"},
    .run = run,
};
