/* Battery rollback: wrong tokens fed, then forgotten. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <string.h>

#define AFTER_N 2u /* true tokens behind each rollback, compared */

/* What a model's sweep is: every (park, k) of these, in caches of this slack. */
struct sweep {
    uint32_t slack;
    size_t park_from, park_to, park_step; /* positions held */
    uint32_t k_to;                        /* wrong tokens: 1 to k_to */
};

/* At c, which holds p's tokens: k wrong ones in one pass or one by one, back,
 * and the true ones again. */
static void undo(struct account *a, struct pass *pass, const struct plain *p,
                 struct cache *c, uint32_t k)
{
    const struct little *l = p->little;
    size_t park = (size_t)c->n, vocab = l->shape->vocab;
    uint32_t wrong[256], piece = below(a, 2) == 0 ? k : 1;
    float *logits = keep(k * vocab * sizeof(float));
    struct watch w;
    char text[80];

    for (uint32_t i = 0; i < k; i++) {
        wrong[i] = (p->tokens[park + i] + 1 + below(a, l->shape->vocab - 1)) %
                   l->shape->vocab;
    }
    for (uint32_t i = 0; i < k; i += piece) {
        struct pass_lane lane = {c, wrong + i, piece, 0, logits, NULL};

        MUST(pass_run(pass, &lane, 1, NULL));
    }
    MUST(cache_rollback(c, l->model, park));
    (void)snprintf(text, sizeof(text), "%u tokens undone at %zu", k, park);
    hold(a, c->n == park, "%s: stands elsewhere", text);
    same_cache(a, p, c, text);
    watch_init(&w, a, &p, text);
    forward(a, pass, p, c, park + AFTER_N, &w.traps, text);
    same_cache(a, p, c, text);
    a->schedules++;
}

static void sweep(struct account *a, const struct plain *p,
                  const struct sweep *s)
{
    const struct little *l = p->little;
    struct pass *pass = pass_make(l, 256, 1);

    for (uint32_t k = 1; k <= s->k_to; k++) {
        const void *mark = keep_mark();
        struct cache c = cache_make(l, (uint32_t)p->n, s->slack);

        for (size_t park = s->park_from; park < s->park_to;
             park += s->park_step) {
            while (c.n < park) {
                size_t to = (size_t)c.n + s->slack - s->k_to;

                forward(a, pass, p, &c, to < park ? to : park, NULL,
                        "on the way");
            }
            undo(a, pass, p, &c, k);
            /* The true tokens stood behind park, too: back once more. */
            MUST(cache_rollback(&c, l->model, park));
        }
        keep_back(mark);
    }
}

/* Any depth: done, and right; or refused, and nothing has changed. Those that the
 * slack promises are done; some others are refused. */
static void any_depth(struct account *a, const struct plain *p, uint32_t slack)
{
    const struct little *l = p->little;
    struct pass *pass = pass_make(l, 1, 1);
    const void *mark = keep_mark();
    struct cache c = cache_make(l, (uint32_t)p->n, slack);
    size_t refused = 0;

    while (c.n + AFTER_N < p->n) {
        forward(a, pass, p, &c, (size_t)c.n + 1, NULL, "on the way");
    }
    for (uint64_t n = 0; n < c.n; n++) {
        const void *inner = keep_mark();
        struct cache copy = cache_copy(l, &c);
        int code = cache_rollback(&copy, l->model, n);

        hold(a, code == 0 || n + slack < c.n,
             "%s: %llu positions undone with a slack of %u: refused", l->kind,
             (unsigned long long)(c.n - n), slack);
        refused += code != 0;
        same_cache(a, p, &copy, "any depth");
        forward(a, pass, p, &copy, (size_t)copy.n + 1, NULL, "any depth");
        a->schedules++;
        keep_back(inner);
    }
    hold(a, refused > 0, "%s: no depth was refused", l->kind);
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 16, 300 + kind);
    const struct plain *p = plain_run(a, l, tokens_draw(a, l, 80), 80);
    struct sweep s = {16, 1, 60, a->full ? 1 : 3, 8};

    sweep(a, p, &s);
}

static void run(struct account *a)
{
    size_t gpt;

    MUST(little_kind("gpt-oss", &gpt));
    every_model(a, 0, one_model);
    /* Windows that wrap: the ring at every phase. */
    for (uint32_t window = 16; window <= 64; window += a->full ? 8 : 24) {
        const struct little *l = little_make(a, gpt, 0, window, 310);
        size_t n = 700;
        const struct plain *p = plain_run(a, l, tokens_draw(a, l, n), n);
        struct sweep s = {64, 1, 640, a->full ? 1 : 7, a->full ? 48 : 8};

        sweep(a, p, &s);
        any_depth(a, p, 24);
    }
}

const struct battery battery_rollback = {
    .name = "rollback",
    .mechanism = "speculate, verify, roll back: over any distance",
    .compares =
        "logits, residual rows and cache behind a rollback against the plain "
        "run",
    .over =
        "all kinds and types, every (park, k) of a sweep, wrong tokens in one "
        "pass or one by one; windows of 16 to 64 at every phase of their ring; "
        "deeper than the ring remembers is refused and changes nothing",
    .saboteurs = {"ring-wrap", "rollback-wipe"},
    .run = run,
};
