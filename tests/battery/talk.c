/* Drives sessions. Tests only. */
#include "tests/battery/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pb.h"
#include "workers/nn/gguf.h"

static void end_session(void *p)
{
    session_free(p);
}

struct talk talk_make(const struct little *l, const struct little *draft,
                      uint32_t context, uint32_t batch, size_t lanes)
{
    struct session_config c = {context, batch, (uint32_t)lanes};
    struct gguf g CLEANUP(gguf_release) = {0};
    struct gguf dg CLEANUP(gguf_release) = {0};
    Proctor__SessionReady ready = PROCTOR__SESSION_READY__INIT;
    struct talk t = {.little = l, .lanes = lanes, .shape = l->shape};
    struct diag d;

    diag_init(&d);
    must(gguf_open(l->file, &g, &d), d.what);
    if (draft != NULL) {
        must(gguf_open(draft->file, &dg, &d), d.what);
    }
    must(session_new(&g, draft == NULL ? NULL : &dg, &c, &t.session, &d),
         d.what);
    keep_until(t.session, end_session);
    session_ready(t.session, &ready);
    t.lane_bytes = ready.lane_bytes;
    t.area = keep(lanes * t.lane_bytes + 4096);
    t.area += 4096 - (uintptr_t)t.area % 4096;
    session_area(t.session, t.area);
    return t;
}

/* The message and all that it points to. */
struct opening {
    Proctor__LaneOpen open;
    Proctor__LaneSpec spec;
    Proctor__Sampling sampling;
    Proctor__GrammarSpec grammar;
    Proctor__LayerTrap traps[2 * WISH_SITES_MAX + 2];
    Proctor__LayerTrap *traps_p[2 * WISH_SITES_MAX + 2];
    Proctor__FactSpec *facts_p[8];
    ProtobufCBinaryData injector;
    float value[1];
    uint8_t key[32];
};

static Proctor__LayerTrap *add_trap(struct opening *o, uint32_t layer,
                                    int after, Proctor__LayerAct act)
{
    Proctor__LayerTrap *t = &o->traps[o->spec.n_traps];

    *t = (Proctor__LayerTrap)PROCTOR__LAYER_TRAP__INIT;
    t->layer = layer;
    t->after = after;
    t->act = act;
    o->traps_p[o->spec.n_traps++] = t;
    return t;
}

static void set_traps(struct opening *o, const struct wish *w, uint32_t layers)
{
    o->spec.traps = o->traps_p;
    must(layers > WISH_SITES_MAX, "layers of a wish");
    if (w->injector.n > 0) {
        Proctor__LayerTrap *t =
            add_trap(o, 1, 0, PROCTOR__LAYER_ACT__LAYER_INJECT);

        o->value[0] = w->value;
        t->value = o->value;
        t->n_value = 1;
        t->injector = pb_str("i");
        o->injector = (ProtobufCBinaryData){
            w->injector.n, (uint8_t *)(uintptr_t)w->injector.p};
        o->open.injectors = &o->injector;
        o->open.n_injectors = 1;
    }
    for (uint32_t i = 0; i < layers; i++) {
        (void)add_trap(o, i, 0, PROCTOR__LAYER_ACT__LAYER_DIGEST);
        (void)add_trap(o, i, 1, PROCTOR__LAYER_ACT__LAYER_DIGEST);
    }
    if (w->stops) {
        add_trap(o, 0, 1, PROCTOR__LAYER_ACT__LAYER_STOP)->pass = w->stop_at;
    }
}

static void set_texts(struct opening *o, const struct wish *w)
{
    o->spec.prompt = (char *)(uintptr_t)w->prompt;
    must(w->facts_n > ARRAY_N(o->facts_p), "facts of a wish");
    for (size_t i = 0; i < w->facts_n; i++) {
        o->facts_p[i] = (Proctor__FactSpec *)(uintptr_t)&w->facts[i];
    }
    o->spec.facts = o->facts_p;
    o->spec.n_facts = w->facts_n;
    if (w->automaton.n > 0) {
        o->grammar.automaton = (ProtobufCBinaryData){
            w->automaton.n, (uint8_t *)(uintptr_t)w->automaton.p};
        o->spec.grammar = &o->grammar;
    }
}

uint32_t talk_open(struct talk *t, uint32_t lane, const struct wish *w,
                   int resumes)
{
    struct opening *o = calloc(1, sizeof(*o));
    Proctor__LaneOpened opened = PROCTOR__LANE_OPENED__INIT;
    struct diag d;

    must(o == NULL, "calloc");
    diag_init(&d);
    o->open = (Proctor__LaneOpen)PROCTOR__LANE_OPEN__INIT;
    o->spec = (Proctor__LaneSpec)PROCTOR__LANE_SPEC__INIT;
    o->sampling = (Proctor__Sampling)PROCTOR__SAMPLING__INIT;
    o->grammar = (Proctor__GrammarSpec)PROCTOR__GRAMMAR_SPEC__INIT;
    o->open.lane = lane;
    o->open.spec = &o->spec;
    o->open.resumes = resumes;
    memcpy(o->key, &w->key, sizeof(w->key));
    o->open.key = (ProtobufCBinaryData){sizeof(o->key), o->key};
    o->sampling.temperature = w->sampling.temperature;
    o->sampling.top_k = w->sampling.top_k;
    o->sampling.top_p = w->sampling.top_p;
    o->sampling.min_p = w->sampling.min_p;
    o->spec.sampling = &o->sampling;
    o->spec.draft_tokens = w->drafts;
    o->spec.entropy = w->entropy;
    o->spec.experts = (uint32_t *)(uintptr_t)w->experts;
    o->spec.n_experts = w->experts_n;
    set_texts(o, w);
    set_traps(o, w, t->shape->layers);
    must(session_open(t->session, &o->open, &opened, &d), d.what);
    free(o);
    return opened.prompt_tokens;
}

static void take(const Proctor__LaneDone *done, struct said *said)
{
    for (size_t i = 0; i < done->n_tokens; i++) {
        const Proctor__LaneToken *token = done->tokens[i];

        must(said->n == WISH_TOKENS_MAX, "tokens of a wish");
        said->ids[said->n++] = token->id;
    }
    said->passes += done->passes;
    said->drafted += done->drafted;
    said->accepted += done->accepted;
    said->state = done->state;
    said->is_over = done->state == PROCTOR__LANE_STATE__LANE_END ||
                    done->state == PROCTOR__LANE_STATE__LANE_FULL ||
                    done->state == PROCTOR__LANE_STATE__LANE_STUCK;
}

uint32_t talk_quantum(struct talk *t, const struct turn *turns, size_t n,
                      uint32_t passes)
{
    Proctor__Quantum q = PROCTOR__QUANTUM__INIT;
    Proctor__QuantumLane lanes[TALK_LANES_MAX], *lanes_p[TALK_LANES_MAX];
    const Proctor__QuantumDone *done = NULL;

    must(n > TALK_LANES_MAX, "lanes of a quantum");
    for (size_t i = 0; i < n; i++) {
        lanes[i] = (Proctor__QuantumLane)PROCTOR__QUANTUM_LANE__INIT;
        lanes[i].lane = turns[i].lane;
        lanes[i].keep = (uint32_t)turns[i].said->n;
        lanes[i].tokens = turns[i].tokens;
        lanes_p[i] = &lanes[i];
    }
    q.id = 7;
    q.lanes = lanes_p;
    q.n_lanes = n;
    q.passes = passes;
    MUST(session_quantum(t->session, &q, &done));
    must(done->id != q.id || done->n_lanes != n, "what a quantum answers");
    for (size_t i = 0; i < n; i++) {
        must(done->lanes[i]->lane != turns[i].lane, "lane of an answer");
        take(done->lanes[i], turns[i].said);
    }
    return done->passes;
}

size_t talk_park(struct account *a, struct talk *t, uint32_t lane,
                 uint8_t *store)
{
    const Proctor__LaneParked *parked = NULL;
    const uint8_t *from = t->area + lane * t->lane_bytes;
    uint64_t end = 0, bytes = 0;

    MUST(session_park(t->session, lane, &parked));
    for (size_t i = 0; i < parked->n_extents; i++) {
        const Proctor__AreaExtent *e = parked->extents[i];

        hold(a, e->offset >= end, "extents of a lane are not ascending");
        end = e->offset + e->bytes;
        hold(a, end <= t->lane_bytes, "an extent ends outside of its lane");
        memcpy(store + e->offset, from + e->offset, e->bytes);
        bytes += e->bytes;
    }
    return bytes;
}

const struct plain_text *plain_text(struct account *a, const struct little *l,
                                    const struct wish *w, uint32_t context)
{
    struct plain_text *p = keep(sizeof(*p));
    struct wish plain = *w;
    struct turn turn = {0, &p->said, 1};

    plain.drafts = 0;
    plain.stops = 0;
    p->little = l;
    p->wish = w;
    /* A batch of 512 makes rings that hold every position. */
    p->talk = talk_make(l, NULL, context, 512, 1);
    (void)talk_open(&p->talk, 0, &plain, 0);
    while (!p->said.is_over && p->said.n < w->most) {
        (void)talk_quantum(&p->talk, &turn, 1, 1);
    }
    blake3_update(&a->truth, p->said.ids, p->said.n * sizeof(p->said.ids[0]));
    return p;
}

void same_said(struct account *a, const struct plain_text *p,
               const struct said *said, int over, const char *schedule)
{
    const struct little *l = p->little;
    size_t n = said->n < p->said.n ? said->n : p->said.n;

    same(a, p->said.ids, said->ids, n * sizeof(said->ids[0]),
         "%s %s, %s: tokens", l->kind, l->type, schedule);
    hold(a, said->n <= p->said.n, "%s %s, %s: %zu tokens, not %zu", l->kind,
         l->type, schedule, said->n, p->said.n);
    a->positions += n;
    if (over) {
        hold(a, said->n == p->said.n && said->state == p->said.state,
             "%s %s, %s: over after %zu tokens in state %d, not %zu and %d",
             l->kind, l->type, schedule, said->n, (int)said->state, p->said.n,
             (int)p->said.state);
    }
}

void same_lane(struct account *a, const struct plain_text *p,
               const struct talk *t, uint32_t lane, const char *schedule)
{
    const struct little *l = p->little;
    const struct lane *truth = session_lane(p->talk.session, 0);
    const struct lane *other = session_lane(t->session, lane);
    struct plain held = {
        .little = l, .n = truth->cache.n, .cache = truth->cache};
    uint64_t n = other->cache.n;

    hold(a, n <= truth->cache.n, "%s %s, %s: holds %llu positions", l->kind,
         l->type, schedule, (unsigned long long)n);
    same(a, truth->history, other->history, n * sizeof(uint32_t),
         "%s %s, %s: history", l->kind, l->type, schedule);
    same(a, truth->residuals, other->residuals, n * 32,
         "%s %s, %s: digests of residuals", l->kind, l->type, schedule);
    same_cache(a, &held, &other->cache, schedule);
}
