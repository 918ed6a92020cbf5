/* A lane's life between the passes: begun, rolled back, asked for more. */
#include "workers/model/lane.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static uint32_t layers_of(const struct shared *s)
{
    return model_shape(s->model)->layers;
}

/* Points into the area, and empty caches there. */
static void place(struct lane *l, const struct shared *s, uint8_t *area)
{
    const struct state_layout *at = &s->layout;

    l->area = area;
    l->history = (uint32_t *)(void *)(area + at->history);
    l->residuals = (uint8_t(*)[32])(area + at->residuals);
    l->entropies = (float *)(void *)(area + at->entropies);
    cache_init(&l->cache, s->model, area + at->cache, at->context, at->slack);
    l->draft = (struct cache){0};
    if (s->draft != NULL) {
        cache_init(&l->draft, s->draft, area + at->draft, at->context,
                   at->slack);
    }
}

static int make_buffers(struct lane *l, const struct shared *s,
                        const struct lane_spec *spec)
{
    uint32_t vocab = model_shape(s->model)->vocab;
    size_t entropies = (size_t)LANE_PROPOSED_MAX * layers_of(s);
    size_t rows = spec->all_positions ? spec->prompt.n : 1;

    if (spec->entropy) {
        l->out_entropies = calloc(entropies, sizeof(float));
        if (l->out_entropies == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
    }
    if (spec->what != PROCTOR__LANE_WHAT__LANE_GENERATE) {
        l->packed = calloc(1, answer_bytes_max(spec, vocab));
        if (l->packed == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
    }
    if (spec->what == PROCTOR__LANE_WHAT__LANE_LOGITS) {
        l->answer = calloc(rows * vocab, sizeof(float));
        if (l->answer == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
    }
    for (size_t i = 0; i < LANE_PROPOSED_MAX; i++) {
        proctor__lane_token__init(&l->out[i]);
        l->out_p[i] = &l->out[i];
    }
    return 0;
}

static void free_buffers(struct lane *l)
{
    free(l->out_entropies);
    free(l->packed);
    free(l->answer);
    l->out_entropies = l->answer = NULL;
    l->packed = NULL;
    l->packed_n = 0;
}

void lane_wipe(struct lane *l, const struct shared *s)
{
    if (l->area == NULL) {
        return; /* nobody was here */
    }
    if (l->is_foreign) {
        memset(l->area, 0, s->layout.bytes);
    } else {
        memset(l->area, 0, s->layout.cache); /* what lies before the caches */
        cache_reset(&l->cache, s->model);
        if (s->draft != NULL) {
            cache_reset(&l->draft, s->draft);
        }
    }
    l->area = NULL;
    l->is_foreign = 0;
}

void lane_close(struct lane *l)
{
    lane_spec_release(&l->spec);
    free_buffers(l);
    l->is_open = 0;
}

static void clear_counts(struct lane *l)
{
    l->history_n = l->drafts_n = l->choice = 0;
    l->passes = l->stop_n = 0;
    l->dirty = l->draft_dirty = (struct dirty){0, 0};
    memset(l->scores, 0, sizeof(l->scores));
    l->state = PROCTOR__LANE_STATE__LANE_GOES_ON;
    l->out_n = l->took = l->drafted = l->accepted = l->wanted = 0;
}

static void take_spec(struct lane *l, struct lane_spec *spec,
                      const uint8_t key[static 32])
{
    l->spec = *spec;
    memset(spec, 0, sizeof(*spec));
    memcpy(l->key, key, sizeof(l->key));
    if (l->spec.automaton != NULL) {
        automaton_start(l->spec.automaton, &l->place);
    }
    l->is_open = 1;
}

int lane_make(struct lane *l, const struct shared *s, uint8_t *area,
              struct lane_spec *spec, const uint8_t key[static 32])
{
    int code = make_buffers(l, s, spec);

    if (code != 0) {
        free_buffers(l);
        return ERR_TRACE(code);
    }
    place(l, s, area);
    clear_counts(l);
    take_spec(l, spec, key);
    return 0;
}

int lane_begin(struct lane *l, const struct shared *s, uint8_t *area,
               struct lane_spec *spec, const uint8_t key[static 32])
{
    lane_wipe(l, s);
    TRY(lane_make(l, s, area, spec, key));
    memcpy(l->history, l->spec.prompt.v,
           l->spec.prompt.n * sizeof(*l->history));
    l->history_n = (uint32_t)l->spec.prompt.n;
    l->draft_len = l->spec.drafts;
    return 0;
}

void lane_roll_back(const struct model *m, struct cache *c, struct dirty *dirty,
                    uint64_t n)
{
    if (c->area == NULL || n >= c->n) {
        return;
    }
    if (cache_rollback(c, m, n) != 0) {
        cache_reset(c, m);
    }
    dirty->from = c->n < dirty->from ? c->n : dirty->from;
}

static int is_generate(const struct lane *l)
{
    return l->spec.what == PROCTOR__LANE_WHAT__LANE_GENERATE;
}

static Proctor__LaneState state_now(const struct lane *l,
                                    const struct shared *s)
{
    if (l->stop_n > 0) {
        return PROCTOR__LANE_STATE__LANE_STOPPED;
    }
    if (!is_generate(l)) {
        return PROCTOR__LANE_STATE__LANE_GOES_ON;
    }
    if (l->history_n > l->spec.prompt.n &&
        tokenizer_is_end(s->tokenizer, l->history[l->history_n - 1])) {
        return PROCTOR__LANE_STATE__LANE_END;
    }
    return l->history_n >= l->spec.limit ? PROCTOR__LANE_STATE__LANE_FULL
                                         : PROCTOR__LANE_STATE__LANE_GOES_ON;
}

/* What a stopped pass wrote behind the positions held is as rolled back. */
static void drop_stopped(struct lane *l, const struct shared *s)
{
    struct pass_lane fed;
    uint64_t n = l->cache.n;

    if (l->stop_n > 0) {
        lane_feed(l, s, NULL, &fed);
        l->cache.n += fed.n;
        lane_roll_back(s->model, &l->cache, &l->dirty, n);
        l->stop_n = 0;
    }
}

/* Forgets proposals behind the first ${keep}, and a pass that was stopped. */
static int forget(struct lane *l, const struct shared *s, uint32_t keep)
{
    drop_stopped(l, s);
    l->history_n = (uint32_t)l->spec.prompt.n + keep;
    l->drafts_n = 0;
    lane_roll_back(s->model, &l->cache, &l->dirty, l->history_n - 1);
    lane_roll_back(s->draft, &l->draft, &l->draft_dirty, l->history_n - 1);
    return generate_walk(l, s, keep, &l->place);
}

int lane_start(struct lane *l, const struct shared *s, uint32_t keep,
               uint32_t wanted)
{
    uint32_t proposed = l->history_n - (uint32_t)l->spec.prompt.n;

    l->out_n = l->took = l->drafted = l->accepted = 0;
    l->wanted = wanted < LANE_PROPOSED_MAX ? wanted : LANE_PROPOSED_MAX;
    if (is_generate(l)) {
        if (keep > proposed) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        if (keep < proposed) {
            TRY(forget(l, s, keep));
        }
    }
    if (l->packed_n == 0) {
        l->state = state_now(l, s);
        score_finish(l);
    }
    return 0;
}

int lane_wants(const struct lane *l)
{
    int goes_on = l->state == PROCTOR__LANE_STATE__LANE_GOES_ON ||
                  (l->state == PROCTOR__LANE_STATE__LANE_STOPPED &&
                   l->took == 0 && l->stop_n > 0);

    return goes_on && (!is_generate(l) || l->out_n < l->wanted);
}

int lane_will_stop(const struct lane *l)
{
    for (size_t i = 0; i < l->spec.traps_n; i++) {
        if (l->spec.traps[i].act == PROCTOR__LAYER_ACT__LAYER_STOP &&
            l->spec.traps[i].pass == l->passes) {
            return 1;
        }
    }
    return 0;
}

uint32_t lane_room(const struct lane *l)
{
    uint32_t room = l->spec.limit - l->history_n;
    uint32_t wanted = l->wanted - l->out_n;

    room = wanted < room ? wanted : room;
    if (room == 0) {
        return 0;
    }
    return room - 1 < l->draft_len ? room - 1 : l->draft_len;
}

void lane_feed(struct lane *l, const struct shared *s, float *logits,
               struct pass_lane *out)
{
    memset(out, 0, sizeof(*out));
    out->cache = &l->cache;
    out->tokens = l->history + l->cache.n;
    out->logits = logits;
    out->experts = l->spec.experts;
    if (is_generate(l)) {
        generate_feed(l, out, s->layout.batch);
    } else if (l->spec.what == PROCTOR__LANE_WHAT__LANE_LOGITS) {
        logits_feed(l, out, s->layout.batch, model_shape(s->model)->vocab);
    } else {
        score_feed(l, out, s->layout.batch);
    }
}

void lane_written(struct lane *l, size_t tokens)
{
    uint64_t to = l->cache.n + tokens;

    l->dirty.from = l->cache.n < l->dirty.from ? l->cache.n : l->dirty.from;
    l->dirty.to = to > l->dirty.to ? to : l->dirty.to;
}

int lane_take(struct lane *l, const struct shared *s,
              const struct pass_lane *fed)
{
    if (is_generate(l)) {
        generate_take(l, s, fed);
        return 0;
    }
    if (l->spec.what == PROCTOR__LANE_WHAT__LANE_LOGITS) {
        return logits_take(l, s, fed);
    }
    return score_take(l, s, fed);
}
