/* Battery resume: lanes of a session that are parked and go on in another one.
 * Tests only. */
#include "tests/battery/wishes.h"

#include <stdio.h>
#include <string.h>

#define TOKENS_N 48u
#define CONTEXT 160u
#define BATCH 64u

/* Every byte that a lane is made of: in its area and as it was stored. What lies
 * between them (drafts that were refused, say) is nothing of it. */
static void same_stored(struct account *a, const struct talk *t, uint32_t lane,
                        const uint8_t *store)
{
    const struct lane *l = session_lane(t->session, lane);
    const uint8_t *area = t->area + lane * t->lane_bytes;
    struct state_layout at;

    MUST(state_layout(t->little->model, NULL, CONTEXT, BATCH, &at));
    {
        const struct {
            const char *name;
            size_t offset, n;
        } parts[] = {
            {"header", 0, STATE_HEADER_BYTES},
            {"history", at.history,
             (l->history_n + l->drafts_n) * sizeof(uint32_t)},
            {"digests", at.residuals, l->cache.n * 32},
            {"stopped pass", at.stop, l->stop_n},
            {"keys and values", at.cache, at.cache_bytes},
        };

        for (size_t i = 0; i < ARRAY_N(parts); i++) {
            same(a, area + parts[i].offset, store + parts[i].offset, parts[i].n,
                 "%s %s: %s of a lane as parked", t->little->kind,
                 t->little->type, parts[i].name);
        }
    }
}

/* A text goes on in session after session; what a lane is travels as the pieces
 * that parking names, laid over those before. */
static void travel(struct account *a, const struct plain_text *p,
                   const struct wish *w, uint32_t step)
{
    const void *mark = keep_mark();
    const struct little *l = p->little;
    struct talk t[2] = {talk_make(l, NULL, CONTEXT, BATCH, 2),
                        talk_make(l, NULL, CONTEXT, BATCH, 2)};
    uint8_t *store = keep(t[0].lane_bytes);
    struct said said = {0};
    uint32_t lane = 0;
    size_t at = 0;
    static const char text[] = "parked and resumed";

    (void)talk_open(&t[0], 0, w, 0);
    while (!said.is_over && said.n < w->most) {
        uint32_t left = w->most - (uint32_t)said.n;
        struct turn turn = {lane, &said, step < left ? step : left};

        (void)talk_quantum(&t[at], &turn, 1, 1 + below(a, 3));
        same_said(a, p, &said, 0, text);
        (void)talk_park(a, &t[at], lane, store);
        same_stored(a, &t[at], lane, store);
        if (below(a, 2) == 0) { /* on in the other session, another seat */
            MUST(session_close(t[at].session, lane));
            at = 1 - at;
            lane = below(a, 2);
            memcpy(t[at].area + lane * t[at].lane_bytes, store,
                   t[at].lane_bytes);
            (void)talk_open(&t[at], lane, w, 1);
        }
    }
    same_said(a, p, &said, 1, text);
    same_lane(a, p, &t[at], lane, text);
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = talker_make(a, kind, type, 16, 1200 + kind);

    for (size_t i = 0; i < (a->full ? 20u : 1u); i++) {
        const void *mark = keep_mark();
        struct wish *w = wish_draw(a, TOKENS_N);
        const struct plain_text *p = plain_text(a, l, w, CONTEXT);
        struct wish other = *w;

        travel(a, p, w, 1);
        other.drafts = 1 + below(a, 8);
        travel(a, p, &other, 1 + below(a, 9));
        other.stops = 1;
        other.stop_at = below(a, 20);
        travel(a, p, &other, 1 + below(a, 4));
        keep_back(mark);
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_resume = {
    .name = "resume",
    .mechanism = "park and resume: whole lanes",
    .compares =
        "every byte of a lane against the pieces that parking named; tokens, "
        "digests of all residual rows, keys and values against the plain text",
    .over =
        "all kinds and types; parked after every quantum, resumed in another "
        "session and seat; with drafts; stopped by a trap within a pass",
    .saboteurs = {"park-history"},
    .run = run,
};
