/* Battery park: a lane as bytes, elsewhere, later, piece by piece. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <string.h>

#include "tests/battery/resume.h"

#define SLACK 24u

/* What a store would hold: pieces that changed since the last park, laid over
 * those before. */
static void park(struct account *a, const struct plain *p,
                 const struct cache *from, uint64_t parked, struct cache *to)
{
    struct extents e CLEANUP(extents_release) = {0};
    uint64_t end = 0;

    MUST(cache_extents(from, p->little->model, parked, from->n, &e));
    for (size_t i = 0; i < e.n; i++) {
        hold(a, i == 0 || e.v[i].offset >= end, "extents are not ascending");
        end = e.v[i].offset + e.v[i].bytes;
        hold(a,
             end <= cache_bytes(p->little->model, from->context, from->slack),
             "an extent ends outside");
        memcpy(to->area + e.v[i].offset, from->area + e.v[i].offset,
               e.v[i].bytes);
    }
    to->n = from->n;
}

/* Decodes, parking after each step; from each park a copy goes on. */
static void every_position(struct account *a, const struct plain *p,
                           size_t step)
{
    const struct little *l = p->little;
    uint32_t context = (uint32_t)p->n;
    struct pass *pass = pass_make(l, SLACK, 1);
    const void *mark = keep_mark();
    struct cache c = cache_make(l, context, SLACK);
    struct cache stored = cache_make(l, context, SLACK);
    struct watch w;

    watch_init(&w, a, &p, "resumed from a chain of parks");
    while (c.n + step < p->n) {
        const void *inner = keep_mark();
        uint64_t parked = c.n;
        size_t to = (size_t)c.n + 1 + below(a, (uint32_t)step);
        struct cache copy;

        forward(a, pass, p, &c, to, NULL, "between parks");
        park(a, p, &c, parked, &stored);
        same(a, c.area, stored.area, cache_bytes(l->model, context, SLACK),
             "%s %s: the parts parked by position %zu", l->kind, l->type, to);
        copy = cache_copy(l, &stored);
        forward(a, pass, p, &copy, to + 1, &w.traps, w.schedule);
        same_cache(a, p, &copy, w.schedule);
        a->schedules++;
        keep_back(inner);
    }
    keep_back(mark);
}

/* Rollbacks between parks: what they wrote is parked, too. */
static void with_rollbacks(struct account *a, const struct plain *p)
{
    const struct little *l = p->little;
    uint32_t context = (uint32_t)p->n;
    struct pass *pass = pass_make(l, SLACK, 1);
    const void *mark = keep_mark();
    struct cache c = cache_make(l, context, SLACK);
    struct cache stored = cache_make(l, context, SLACK);
    uint64_t high = 0; /* ever written: the slack reaches back from there */

    while (c.n + 10 < p->n) {
        uint64_t before = c.n, most;
        uint32_t back;

        forward(a, pass, p, &c, (size_t)c.n + 1 + below(a, 8), NULL,
                "between parks");
        most = c.n;
        high = most > high ? most : high;
        back = below(a, (uint32_t)(c.n < 9 ? c.n : 9));
        back = c.n - back + SLACK / 2 < high ? 0 : back;
        MUST(cache_rollback(&c, l->model, c.n - back));
        if (c.n < before) {
            before = c.n;
        }
        {
            struct cache touched = c;

            touched.n = most; /* all that was touched since the last park */
            park(a, p, &touched, before, &stored);
        }
        stored.n = c.n;
        same(a, c.area, stored.area, cache_bytes(l->model, context, SLACK),
             "%s %s: the parts parked at position %llu behind a rollback",
             l->kind, l->type, (unsigned long long)c.n);
        if (below(a, 4) == 0) { /* the copy becomes the lane */
            c = cache_copy(l, &stored);
        }
        a->schedules++;
    }
    forward(a, pass, p, &c, p->n, NULL, "parks and rollbacks");
    same_cache(a, p, &c, "parks and rollbacks");
    keep_back(mark);
}

/* In another process: program, weights, memory and addresses are new. */
static void elsewhere(struct account *a, const struct plain *p)
{
    const struct little *l = p->little;
    size_t vocab = l->shape->vocab, from = 1 + below(a, (uint32_t)p->n - 2);
    struct pass *pass = pass_make(l, SLACK, 1);
    const void *mark = keep_mark();
    struct cache c = cache_make(l, (uint32_t)p->n, SLACK);
    float *logits = keep((p->n - from) * vocab * sizeof(float));

    while (c.n < from) {
        size_t to = (size_t)c.n + SLACK / 2;

        forward(a, pass, p, &c, to < from ? to : from, NULL, "before a park");
    }
    resume_elsewhere(p, &c, logits);
    same_logits(a, p, logits, from, p->n - from, "in another process");
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 16, 600 + kind);
    size_t n = a->full ? 200 : 72;
    const struct plain *p = plain_run(a, l, tokens_draw(a, l, n), n);

    every_position(a, p, 1);
    with_rollbacks(a, p);
    elsewhere(a, p);
}

static void run(struct account *a)
{
    size_t gpt;

    MUST(little_kind("gpt-oss", &gpt));
    every_model(a, 0, one_model);
    for (uint32_t window = 16; window <= 64; window += 16) {
        const struct little *l = little_make(a, gpt, 0, window, 610);
        size_t n = a->full ? 4400 : 500;
        const struct plain *p = plain_run(a, l, tokens_draw(a, l, n), n);

        every_position(a, p, 9);
        with_rollbacks(a, p);
        elsewhere(a, p);
    }
}

const struct battery battery_park = {
    .name = "park",
    .mechanism = "park and resume",
    .compares =
        "every byte of the lane against the chain of parked pieces; logits, "
        "residual rows and cache behind a resume against the plain run",
    .over =
        "all kinds and types, parked at every position and by random steps, "
        "with rollbacks between; windows of 16 to 64 past their ring's wrap; "
        "resumed from copies and in other processes",
    .saboteurs = {"park-dirty"},
    .run = run,
};
