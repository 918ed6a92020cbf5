/* What a session answers: quanta, and lanes that were parked. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/model/session_int.h"
#include "workers/nn/sabotage.h"

static void answer_lane(struct session *s, const struct lane *l, size_t i)
{
    Proctor__LaneDone *d = &s->lane_done[i];
    size_t layers = model_shape(s->model)->layers;

    proctor__lane_done__init(d);
    d->lane = (uint32_t)(l - s->lanes);
    d->tokens = (Proctor__LaneToken **)(uintptr_t)l->out_p;
    d->n_tokens = l->out_n;
    d->state = l->state;
    d->passes = l->took;
    d->drafted = l->drafted;
    d->accepted = l->accepted;
    d->position = (uint32_t)l->cache.n;
    if (l->state == PROCTOR__LANE_STATE__LANE_ANSWERED) {
        d->answer.data = l->packed;
        d->answer.len = l->packed_n;
    }
    if (l->out_entropies != NULL) {
        d->entropies.data = (uint8_t *)(void *)l->out_entropies;
        d->entropies.len = l->out_n * layers * sizeof(float);
    }
    if (l->spec.digests) {
        tap_digest(l, s->digests[i]);
        d->digest.data = s->digests[i];
        d->digest.len = sizeof(s->digests[i]);
    }
    s->lane_done_p[i] = d;
}

static int start(struct session *s, const Proctor__Quantum *q)
{
    if (s->area == NULL || q->n_lanes > s->lanes_n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    for (size_t i = 0; i < q->n_lanes; i++) {
        const Proctor__QuantumLane *m = q->lanes[i];

        if (m->lane >= s->lanes_n || !s->lanes[m->lane].is_open) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        for (size_t j = 0; j < i; j++) {
            if (s->members[j] == &s->lanes[m->lane]) {
                return ERR_TRACE(ERR_PROTOCOL);
            }
        }
        s->members[i] = &s->lanes[m->lane];
        TRY(lane_start(s->members[i], &s->shared, m->keep, m->tokens));
    }
    return 0;
}

int session_quantum(struct session *s, const Proctor__Quantum *q,
                    const Proctor__QuantumDone **out)
{
    uint32_t passes = 0;

    *out = NULL;
    TRY(start(s, q));
    TRY(session_run(s, q->n_lanes, q->passes, &passes));
    proctor__quantum_done__init(&s->done);
    for (size_t i = 0; i < q->n_lanes; i++) {
        answer_lane(s, s->members[i], i);
    }
    s->done.id = q->id;
    s->done.passes = passes;
    s->done.lanes = s->lane_done_p;
    s->done.n_lanes = q->n_lanes;
    *out = &s->done;
    return 0;
}

static int grow(struct session *s)
{
    size_t cap = s->extents_cap == 0 ? 256 : 2 * s->extents_cap;
    Proctor__AreaExtent *e = realloc(s->extents, cap * sizeof(*e));
    Proctor__AreaExtent **p;

    if (e == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->extents = e;
    p = realloc(s->extents_p, cap * sizeof(*p));
    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->extents_p = p;
    s->extents_cap = cap;
    return 0;
}

/* Appends bytes [offset, offset + n); they lie behind all before. */
static int add(struct session *s, uint64_t offset, uint64_t n)
{
    size_t i = s->parked.n_extents;

    if (n == 0) {
        return 0;
    }
    if (i > 0 && s->extents[i - 1].offset + s->extents[i - 1].bytes == offset) {
        s->extents[i - 1].bytes += n;
        return 0;
    }
    if (i == s->extents_cap) {
        TRY(grow(s));
    }
    proctor__area_extent__init(&s->extents[i]);
    s->extents[i].offset = offset;
    s->extents[i].bytes = n;
    s->parked.n_extents++;
    return 0;
}

static int add_cache(struct session *s, const struct model *m,
                     const struct cache *c, size_t offset, struct dirty *dirty)
{
    s->changed.n = 0;
    TRY(cache_extents(c, m, dirty->from, dirty->to, &s->changed));
    for (size_t i = 0; i < s->changed.n; i++) {
        TRY(add(s, offset + s->changed.v[i].offset, s->changed.v[i].bytes));
    }
    *dirty = (struct dirty){c->n, c->n};
    return 0;
}

/* Sections in their order in the area. */
static int add_all(struct session *s, struct lane *l)
{
    const struct state_layout *at = &s->shared.layout;
    uint64_t from = l->dirty.from, to = l->dirty.to;
    uint64_t tokens = (uint64_t)l->history_n + l->drafts_n;

    TRY(add(s, 0, STATE_HEADER_BYTES));
    from += SABOTAGE(PARK_HISTORY) && from > 0 && from < tokens;
    TRY(add(s, at->history + from * sizeof(uint32_t),
            (tokens - from) * sizeof(uint32_t)));
    if (l->spec.digests && to > from) {
        TRY(add(s, at->residuals + from * 32, (to - from) * 32));
    }
    if (l->stop_n > 0) {
        TRY(add(s, at->entropies, l->spec.entropy ? at->entropy_bytes : 0));
        TRY(add(s, at->stop, l->stop_n));
    }
    TRY(add_cache(s, s->model, &l->cache, at->cache, &l->dirty));
    if (s->draft != NULL) {
        TRY(add_cache(s, s->draft, &l->draft, at->draft, &l->draft_dirty));
    }
    return 0;
}

int session_park(struct session *s, uint32_t lane,
                 const Proctor__LaneParked **out)
{
    struct lane *l;

    *out = NULL;
    if (lane >= s->lanes_n || !s->lanes[lane].is_open) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    l = &s->lanes[lane];
    lane_rest(l, &s->shared);
    proctor__lane_parked__init(&s->parked);
    s->parked.lane = lane;
    if (l->spec.what == PROCTOR__LANE_WHAT__LANE_GENERATE) {
        s->parked.tokens = l->history_n - (uint32_t)l->spec.prompt.n;
    }
    TRY(add_all(s, l));
    for (size_t i = 0; i < s->parked.n_extents; i++) {
        s->extents_p[i] = &s->extents[i];
    }
    s->parked.extents = s->extents_p;
    *out = &s->parked;
    return 0;
}
