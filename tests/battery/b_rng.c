/* Battery rng: rolling back the position rolls back the randomness. Tests
 * only. */
#include "tests/battery/wishes.h"

#include <stdio.h>
#include <string.h>

#define TOKENS_N 40u
#define CONTEXT 160u

/* Every cut: back to k tokens from all of them, and on again. */
static void every_cut(struct account *a, const struct plain_text *p)
{
    const void *mark = keep_mark();
    struct talk t = talk_make(p->little, NULL, CONTEXT, 64, 1);
    struct wish w = *p->wish;
    struct said said = {0};
    struct turn turn = {0, &said, TOKENS_N};

    w.drafts = 3;
    (void)talk_open(&t, 0, &w, 0);
    for (size_t k = 0; k < p->said.n; k++) {
        said.n = said.n < k ? said.n : k;
        said.is_over = 0;
        while (!said.is_over && said.n < p->said.n) {
            turn.tokens = (uint32_t)(p->said.n - said.n);
            (void)talk_quantum(&t, &turn, 1, TOKENS_N);
        }
        same_said(a, p, &said, 1, "drawn again behind a cut");
        a->schedules++;
    }
    same_lane(a, p, &t, 0, "drawn again behind a cut");
    keep_back(mark);
}

static void run(struct account *a)
{
    size_t other_texts = 0, texts = 0;

    for (size_t kind = 0; kind < KINDS_N; kind++) {
        const struct little *l = talker_make(a, kind, 0, 16, 1300 + kind);

        for (size_t i = 0; i < (a->full ? 60u : 4u); i++) {
            const void *mark = keep_mark();
            struct wish *w = wish_draw(a, TOKENS_N);
            struct wish twin;
            const struct plain_text *p, *q;

            w->sampling.temperature = 1.2; /* nothing is random without */
            p = plain_text(a, l, w, CONTEXT);
            every_cut(a, p);
            twin = *w;
            twin.key++;
            q = plain_text(a, l, &twin, CONTEXT);
            texts++;
            other_texts += p->said.n != q->said.n ||
                           memcmp(p->said.ids, q->said.ids, p->said.n * 4) != 0;
            keep_back(mark);
        }
    }
    hold(a, other_texts == texts, "%zu of %zu keys gave another text",
         other_texts, texts);
}

const struct battery battery_rng = {
    .name = "rng",
    .mechanism = "sampling: rolled back with the position",
    .compares =
        "tokens drawn again behind a cut, and residuals, keys and values, "
        "against the first time; another key gives another text",
    .over = "all kinds; every cut of each text; hot, top-k, top-p, min-p",
    .saboteurs = {"rng-call"},
    .run = run,
};
