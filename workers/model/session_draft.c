/* Drafts of the lanes in a pass: from a smaller model's own passes over all of
 * them at once, or by looking up the text. The smaller model draws with the
 * lane's key at the token's index, as the large one will: so a good guess is
 * accepted at any temperature. */
#include <string.h>

#include "proto/err.h"
#include "workers/model/draft.h"
#include "workers/model/session_int.h"

/* May this lane's next pass hold drafts, and how many? */
static uint32_t room_of(const struct session *s, const struct lane *l)
{
    size_t left = l->history_n - (size_t)l->cache.n;

    if (l->spec.what != PROCTOR__LANE_WHAT__LANE_GENERATE ||
        l->spec.drafts == 0 || left > s->shared.layout.batch ||
        lane_will_stop(l)) {
        return 0;
    }
    return lane_room(l);
}

/* Cuts drafts where they leave the grammar, or where a text ends. */
static void cut(struct lane *l, const struct shared *s,
                struct automaton_at *place)
{
    uint32_t n = 0;

    if (l->spec.automaton != NULL) {
        automaton_copy(place, &l->place);
    }
    while (n < l->drafts_n) {
        uint32_t token = l->history[l->history_n + n];

        if (generate_step(l, s, place, token) != 0) {
            break;
        }
        n++;
        if (tokenizer_is_end(s->tokenizer, token)) {
            break;
        }
    }
    l->drafts_n = n;
}

static void look_up(struct session *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct lane *l = s->passing[i];
        uint32_t room = room_of(s, l);

        l->drafts_n = (uint32_t)draft_look_up(l->history, l->history_n,
                                              l->history + l->history_n, room);
        cut(l, &s->shared, &s->places[i]);
    }
}

/* The draft model's guess behind what it was fed. 0: there is none. */
static int guess(struct session *s, struct lane *l, struct automaton_at *place,
                 const float *logits)
{
    uint64_t index = l->history_n + l->drafts_n - l->spec.prompt.n;
    uint32_t token = 0;

    if (sample(s->shared.sampler, logits,
               generate_allowed(l, &s->shared, place), &l->spec.sampling,
               l->key, index, &token) != 0 ||
        tokenizer_is_end(s->tokenizer, token) ||
        generate_step(l, &s->shared, place, token) != 0) {
        return 0;
    }
    l->history[l->history_n + l->drafts_n++] = token;
    return 1;
}

/* One pass of the draft model for the lanes that still want a draft; room[i]
 * becomes 0 for one that has all. *out_n: how many took part. */
static int draft_pass(struct session *s, size_t n, uint32_t *room,
                      size_t *out_n)
{
    uint32_t vocab = model_shape(s->draft)->vocab;
    size_t batch = s->shared.layout.batch, fed = 0;
    uint32_t who[SESSION_LANES_MAX];
    struct pass_lane *feed = s->feed;

    *out_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct lane *l = s->passing[i];
        size_t left = l->history_n + l->drafts_n - (size_t)l->draft.n;
        size_t take = left < batch - fed ? left : batch - fed;

        if (room[i] == 0 || take == 0) {
            continue;
        }
        feed[*out_n] =
            (struct pass_lane){.cache = &l->draft,
                               .tokens = l->history + l->draft.n,
                               .n = take,
                               .logits_from = take == left ? take - 1 : take,
                               .logits = s->draft_logits + i * (size_t)vocab};
        l->draft_dirty.to = l->draft.n + take > l->draft_dirty.to
                                ? l->draft.n + take
                                : l->draft_dirty.to;
        fed += take;
        who[(*out_n)++] = (uint32_t)i;
    }
    if (*out_n == 0) {
        return 0;
    }
    TRY(pass_run(s->draft_pass, feed, *out_n, NULL));
    for (size_t k = 0; k < *out_n; k++) {
        uint32_t i = who[k];

        if (feed[k].logits_from < feed[k].n &&
            (!guess(s, s->passing[i], &s->places[i], feed[k].logits) ||
             s->passing[i]->drafts_n == room[i])) {
            room[i] = 0;
        }
    }
    return 0;
}

static int by_model(struct session *s, size_t n)
{
    uint32_t room[SESSION_LANES_MAX];
    size_t took = 1;

    for (size_t i = 0; i < n; i++) {
        struct lane *l = s->passing[i];

        l->drafts_n = 0;
        room[i] = room_of(s, l);
        if (room[i] > 0 && l->spec.automaton != NULL) {
            automaton_copy(&s->places[i], &l->place);
        }
    }
    while (took > 0) {
        TRY(draft_pass(s, n, room, &took));
    }
    return 0;
}

int session_draft(struct session *s, size_t n)
{
    if (s->draft != NULL) {
        return by_model(s, n);
    }
    look_up(s, n);
    return 0;
}
