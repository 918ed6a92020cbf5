/* Battery speculate: drafts that are verified in one pass. Tests only. */
#include "tests/battery/wishes.h"

#include <stdio.h>

#define TOKENS_N 90u
#define CONTEXT 256u

/* How often drafts were kept and refused: both must happen. */
static uint64_t drafted, accepted;

/* One schedule: random quanta, and now and then the kernel cuts what was
 * proposed. */
static void schedule(struct account *a, const struct plain_text *p,
                     const struct little *draft, uint32_t drafts, int cuts)
{
    const void *mark = keep_mark();
    struct talk t = talk_make(p->little, draft, CONTEXT, 64, 1);
    struct wish w = *p->wish;
    struct said said = {0};
    struct turn turn = {0, &said, 1};
    char text[60];

    (void)snprintf(text, sizeof(text), "%u drafts %s%s", drafts,
                   draft == NULL ? "by look-up" : "of a model",
                   cuts ? ", some cut" : "");
    w.drafts = drafts;
    (void)talk_open(&t, 0, &w, 0);
    while (!said.is_over && said.n < w.most) {
        uint32_t left = w.most - (uint32_t)said.n, most = 1 + below(a, 24);

        turn.tokens = most < left ? most : left;
        (void)talk_quantum(&t, &turn, 1, 1 + below(a, 6));
        same_said(a, p, &said, 0, text);
        if (below(a, 8) == 0) {
            same_lane(a, p, &t, 0, text);
        }
        if (cuts && said.n > 0 && below(a, 5) == 0) {
            said.n -= below(a, said.n < 9 ? (uint32_t)said.n : 9);
            said.is_over = 0;
        }
    }
    same_said(a, p, &said, 1, text);
    same_lane(a, p, &t, 0, text);
    drafted += said.drafted;
    accepted += said.accepted;
    a->schedules++;
    keep_back(mark);
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    static const uint32_t lengths[] = {1, 2, 6, 15};
    const struct little *l = talker_make(a, kind, type, 16, 1000 + 2 * kind);
    const struct little *other = talker_make(a, 0, 3, 0, 1000 + 2 * kind);

    for (size_t i = 0; i < (a->full ? 20u : 2u); i++) {
        const void *mark = keep_mark();
        const struct plain_text *p =
            plain_text(a, l, wish_draw(a, TOKENS_N), CONTEXT);
        uint32_t n = lengths[below(a, ARRAY_N(lengths))];

        same_loop(a, p, NULL, NULL);
        schedule(a, p, NULL, n, 0);
        schedule(a, p, NULL, n, 1);
        schedule(a, p, l, n, (int)below(a, 2));
        schedule(a, p, other, n, (int)below(a, 2));
        keep_back(mark);
    }
}

static void run(struct account *a)
{
    drafted = accepted = 0;
    every_model(a, 0, one_model);
    hold(a, accepted > 0 && accepted < drafted,
         "%llu of %llu drafts were kept: nothing was tried",
         (unsigned long long)accepted, (unsigned long long)drafted);
    (void)snprintf(a->report, sizeof(a->report),
                   "{\"drafted\": %llu, \"accepted\": %llu}",
                   (unsigned long long)drafted, (unsigned long long)accepted);
}

const struct battery battery_speculate = {
    .name = "speculate",
    .mechanism = "speculate, verify, roll back: the stream",
    .compares =
        "tokens, digests of all residual rows, keys and values of lanes with "
        "drafts against the plain text; that against a loop of its own",
    .over =
        "all kinds and types; drafts by look-up, of the model itself and of "
        "another; 1 to 15 a pass; greedy, hot, top-k, top-p, min-p; random "
        "quanta, some proposals cut",
    .saboteurs = {"accept-more"},
    .run = run,
};
