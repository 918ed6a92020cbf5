/* A lane at rest: its header written, and believed again. What is read may be
 * anything: nothing of it is used before it was checked, and what cannot be
 * checked (keys, values) can only make this lane's numbers wrong. */
#include <string.h>

#include "proto/err.h"
#include "workers/model/lane.h"

static const struct loc nowhere = {NULL, 0, 0};

/* Do the tokens of history belong to this prompt, vocabulary and choice? */
static const char *check_history(const struct lane *l, const struct state *st,
                                 const struct lane_spec *spec, uint32_t vocab)
{
    size_t n = (size_t)st->history_n + st->drafts_n;

    if (st->prompt_n != spec->prompt.n || st->history_n > spec->limit ||
        n > (size_t)spec->limit + LANE_ROWS ||
        memcmp(l->history, spec->prompt.v, st->prompt_n * sizeof(uint32_t)) !=
            0) {
        return "its prompt is another";
    }
    for (size_t i = st->prompt_n; i < n; i++) {
        if (l->history[i] >= vocab) {
            return "it holds tokens that the model does not have";
        }
    }
    return NULL;
}

/* score, classify: the tokens behind the prompt are those of the choice. */
static const char *check_choice(const struct lane *l, const struct state *st,
                                const struct lane_spec *spec)
{
    static const char why[] = "its choice under way is another";
    size_t n = st->history_n - st->prompt_n;
    const struct tokens *c;

    if (spec->what == PROCTOR__LANE_WHAT__LANE_GENERATE) {
        return st->choice == 0 ? NULL : why;
    }
    if (st->choice == 0 || st->choice > spec->choices_n) {
        return n == 0 && st->choice <= spec->choices_n + 1 &&
                       (spec->choices_n > 0 || st->choice == 0)
                   ? NULL
                   : why;
    }
    c = &spec->choices[st->choice - 1];
    return n == c->n - 1 && memcmp(l->history + st->prompt_n, c->v,
                                   n * sizeof(uint32_t)) == 0
               ? NULL
               : why;
}

static void take_state(struct lane *l, const struct state *st)
{
    l->history_n = st->history_n;
    l->drafts_n = st->drafts_n;
    l->draft_len =
        st->draft_len < l->spec.drafts ? st->draft_len : l->spec.drafts;
    l->choice = st->choice;
    l->passes = st->passes;
    l->stop_n = st->stop_n;
    memcpy(l->scores, st->scores, sizeof(l->scores));
    l->cache.n = st->cache_n;
    l->draft.n = st->draft_n;
    l->dirty = (struct dirty){st->cache_n, st->cache_n};
    l->draft_dirty = (struct dirty){st->draft_n, st->draft_n};
    if (l->stop_n > 0) {
        l->state = PROCTOR__LANE_STATE__LANE_STOPPED;
    }
}

/* Prompts' logits lie in no area: a lane that has some begins again. Counted
 * passes stay, so a trap does not stop it twice. */
static void restart_logits(struct lane *l, const struct shared *s)
{
    if (l->spec.what == PROCTOR__LANE_WHAT__LANE_LOGITS && l->cache.n > 0) {
        l->stop_n = 0;
        l->state = PROCTOR__LANE_STATE__LANE_GOES_ON;
        lane_roll_back(s->model, &l->cache, &l->dirty, 0);
    }
}

/* At rest a lane has something left to feed (lane.h, 3.), or its answer. */
static int is_held_too_far(const struct state *st, const struct lane_spec *spec)
{
    switch (spec->what) {
    case PROCTOR__LANE_WHAT__LANE_GENERATE:
        return st->cache_n >= st->history_n || st->draft_n >= st->history_n;
    case PROCTOR__LANE_WHAT__LANE_SCORE:
    case PROCTOR__LANE_WHAT__LANE_CLASSIFY:
        return st->cache_n >= st->history_n && st->choice <= spec->choices_n;
    case PROCTOR__LANE_WHAT__LANE_LOGITS: /* begins again */
    case _PROCTOR__LANE_WHAT_IS_INT_SIZE:
    default:
        return 0;
    }
}

/* May the next pass follow? A cache says how far it was ever written. */
static int is_cache(const struct model *m, struct cache c, uint64_t n,
                    uint64_t next)
{
    c.n = n;
    next = next < c.context - n ? next : c.context - n;
    return cache_admits(&c, m, next) == 0;
}

static int are_caches(const struct lane *l, const struct shared *s,
                      const struct state *st)
{
    uint64_t next = (uint64_t)s->layout.batch + LANE_ROWS;

    return is_cache(s->model, l->cache, st->cache_n, next) &&
           (s->draft == NULL ||
            is_cache(s->draft, l->draft, st->draft_n, next));
}

static const char *check(const struct lane *l, const struct shared *s,
                         struct state *st)
{
    const struct lane_spec *spec = &l->spec;
    const char *why = NULL;

    if (state_read(l->area, &s->layout, st, &why) != 0) {
        return why;
    }
    if (memcmp(st->spec, spec->digest, sizeof(st->spec)) != 0) {
        return "it was parked doing something else";
    }
    if (is_held_too_far(st, spec)) {
        return "it holds more positions than it may";
    }
    if (!are_caches(l, s, st)) {
        return "its keys and values are of another text";
    }
    why = check_history(l, st, spec, model_shape(s->model)->vocab);
    return why != NULL ? why : check_choice(l, st, spec);
}

int lane_resume(struct lane *l, const struct shared *s, uint8_t *area,
                struct lane_spec *spec, const uint8_t key[static 32],
                struct diag *d)
{
    struct state st;
    const char *why;

    TRY(lane_make(l, s, area, spec, key));
    l->is_foreign = 1;
    why = check(l, s, &st);
    if (why == NULL) {
        take_state(l, &st);
        if (generate_walk(l, s, l->history_n - st.prompt_n, &l->place) != 0) {
            why = "what it proposed does not keep to the grammar";
        }
    }
    if (why != NULL) {
        lane_close(l);
        return diag_set(d, ERR_INPUT, nowhere,
                        "the parked lane cannot go on: %s", why);
    }
    restart_logits(l, s);
    return 0;
}

void lane_rest(const struct lane *l, const struct shared *s)
{
    struct state st = {.prompt_n = (uint32_t)l->spec.prompt.n,
                       .history_n = l->history_n,
                       .drafts_n = l->drafts_n,
                       .cache_n = (uint32_t)l->cache.n,
                       .draft_n = (uint32_t)l->draft.n,
                       .draft_len = l->draft_len,
                       .passes = l->passes,
                       .stop_n = l->stop_n,
                       .choice = l->choice};

    memcpy(st.spec, l->spec.digest, sizeof(st.spec));
    memcpy(st.scores, l->scores, sizeof(st.scores));
    state_write(&st, &s->layout, l->area);
}
