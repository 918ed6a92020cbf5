/* Battery quanta: lanes of a session under random quanta. Tests only. */
#include "tests/battery/wishes.h"

#include <stdio.h>
#include <string.h>

#define LANES_N 5u
#define TOKENS_N 60u
#define CONTEXT 200u

struct seat {
    const struct plain_text *p;
    struct said said;
    int is_open;
};

/* Random open lanes, in random order. */
static size_t choose(struct account *a, struct seat *seats, struct turn *turns)
{
    size_t n = 0, first = below(a, LANES_N);

    for (size_t i = 0; i < LANES_N; i++) {
        uint32_t lane = (uint32_t)((first + i) % LANES_N);
        struct seat *s = &seats[lane];

        if (s->is_open && below(a, 3) != 0) {
            uint32_t left = s->p->wish->most - (uint32_t)s->said.n;
            uint32_t most = 1 + below(a, 12);

            turns[n++] =
                (struct turn){lane, &s->said, most < left ? most : left};
        }
    }
    return n;
}

static void finish(struct account *a, struct talk *t, struct seat *s,
                   uint32_t lane)
{
    static const char text[] = "lanes of a session together";

    same_said(a, s->p, &s->said, 0, text);
    if (s->said.is_over || s->said.n == s->p->wish->most) {
        same_said(a, s->p, &s->said, 1, text);
        same_lane(a, s->p, t, lane, text);
        MUST(session_close(t->session, lane));
        s->is_open = 0;
    }
}

/* Lanes come and go: each seat is taken until the texts have run out. */
static void schedule(struct account *a, const struct little *l,
                     const struct plain_text *const *plains, size_t n)
{
    const void *mark = keep_mark();
    struct talk t = talk_make(l, NULL, CONTEXT, 80, LANES_N);
    struct seat *seats = keep(LANES_N * sizeof(*seats));
    size_t next = 0, open;

    do {
        struct turn turns[LANES_N];
        size_t turns_n;

        open = 0;
        for (uint32_t i = 0; i < LANES_N; i++) {
            if (!seats[i].is_open && next < n && below(a, 3) == 0) {
                struct wish w = *plains[next]->wish;

                w.drafts = below(a, 2) == 0 ? 0 : below(a, 8);
                memset(&seats[i], 0, sizeof(seats[i]));
                seats[i].p = plains[next++];
                seats[i].is_open = 1;
                (void)talk_open(&t, i, &w, 0);
            }
            open += (size_t)seats[i].is_open;
        }
        turns_n = choose(a, seats, turns);
        if (turns_n > 0) {
            (void)talk_quantum(&t, turns, turns_n, 1 + below(a, 5));
        }
        for (size_t i = 0; i < turns_n; i++) {
            finish(a, &t, &seats[turns[i].lane], turns[i].lane);
        }
    } while (open > 0 || next < n);
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = talker_make(a, kind, type, 32, 1100 + kind);
    const struct plain_text *plains[8];

    for (size_t i = 0; i < ARRAY_N(plains); i++) {
        plains[i] =
            plain_text(a, l, wish_draw(a, 1 + below(a, TOKENS_N)), CONTEXT);
    }
    for (size_t i = 0; i < (a->full ? 60u : 3u); i++) {
        schedule(a, l, plains, ARRAY_N(plains));
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_quanta = {
    .name = "quanta",
    .mechanism = "quanta and lanes: whole sessions",
    .compares = "tokens, digests of all residual rows, keys and values of each "
                "lane among others against its plain text",
    .over = "all kinds and types; eight texts through five seats, opened and "
            "closed at random; random quanta, passes, drafts and samplings",
    .saboteurs = {"batch-slice"},
    .run = run,
};
