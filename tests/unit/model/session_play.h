/* A kernel's side of a session, in the test's own process: random models, lanes
 * opened by a few settings, quanta that collect what is proposed, and parked
 * lanes brought into other areas by their extents alone. */
#ifndef TESTS_UNIT_MODEL_SESSION_PLAY_H
#define TESTS_UNIT_MODEL_SESSION_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "tests/unit/nn/model_file.h"
#include "workers/model/lane.h"
#include "workers/model/session.h"

#define PLAY_TOKENS 256u

struct play {
    struct session *s;
    uint8_t *area;
    size_t lane_bytes, lanes;
};

/* What a lane is told, with the parts that a message points to. */
struct told {
    Proctor__LaneOpen open;
    Proctor__LaneSpec spec;
    Proctor__Sampling sampling;
    Proctor__GrammarSpec grammar;
    Proctor__LayerTrap trap[4], *trap_p[4];
    uint8_t key[32];
};

/* What it proposed. */
struct heard {
    uint32_t id[PLAY_TOKENS];
    uint32_t n;
    Proctor__LaneState state;
    uint32_t drafted, accepted, passes;
    uint8_t digest[32];
    float entropy[PLAY_TOKENS * 8];
    size_t entropy_n;
};

static inline void told_init(struct told *t, const char *prompt)
{
    memset(t, 0, sizeof(*t));
    proctor__lane_open__init(&t->open);
    proctor__lane_spec__init(&t->spec);
    proctor__sampling__init(&t->sampling);
    proctor__grammar_spec__init(&t->grammar);
    t->spec.prompt = pb_str(prompt);
    t->spec.sampling = &t->sampling;
    t->open.spec = &t->spec;
    t->open.key.data = t->key;
    t->open.key.len = sizeof(t->key);
}

static inline void told_trap(struct told *t, Proctor__LayerAct act,
                             uint32_t layer, int after, uint64_t pass)
{
    size_t i = t->spec.n_traps++;

    proctor__layer_trap__init(&t->trap[i]);
    t->trap[i].act = act;
    t->trap[i].layer = layer;
    t->trap[i].after = after;
    t->trap[i].pass = pass;
    t->trap_p[i] = &t->trap[i];
    t->spec.traps = t->trap_p;
}

static inline void play_new(struct play *p, const struct model_file *model,
                            const struct model_file *draft, uint32_t context,
                            uint32_t batch, uint32_t lanes)
{
    struct session_config c = {context, batch, lanes};
    Proctor__SessionReady ready = PROCTOR__SESSION_READY__INIT;
    struct diag d;

    diag_init(&d);
    assert_int_equal(
        session_new(&model->g, draft == NULL ? NULL : &draft->g, &c, &p->s, &d),
        0);
    session_ready(p->s, &ready);
    p->lane_bytes = ready.lane_bytes;
    p->lanes = lanes;
    p->area = aligned_alloc(4096, p->lane_bytes * lanes);
    assert_non_null(p->area);
    memset(p->area, 0, p->lane_bytes * lanes);
    session_area(p->s, p->area);
}

static inline void play_free(struct play *p)
{
    session_free(p->s);
    free(p->area);
    memset(p, 0, sizeof(*p));
}

/* The code of the diagnosis: 0 when it is open. */
static inline int play_open(struct play *p, uint32_t lane, struct told *t,
                            Proctor__LaneOpened *out)
{
    Proctor__LaneOpened opened = PROCTOR__LANE_OPENED__INIT;
    struct diag d;

    diag_init(&d);
    t->open.lane = lane;
    assert_int_equal(session_open(p->s, &t->open, &opened, &d), 0);
    assert_true(d.code == 0 || d.what[0] != '\0');
    if (out != NULL) {
        *out = opened;
    }
    return d.code;
}

static inline void heard_add(struct heard *h, const Proctor__LaneDone *d)
{
    for (size_t i = 0; i < d->n_tokens; i++) {
        assert_true(h->n < PLAY_TOKENS);
        h->id[h->n++] = d->tokens[i]->id;
    }
    h->state = d->state;
    h->drafted += d->drafted;
    h->accepted += d->accepted;
    h->passes += d->passes;
    if (d->digest.len == sizeof(h->digest)) {
        memcpy(h->digest, d->digest.data, sizeof(h->digest));
    }
    if (d->entropies.len > 0) {
        memcpy(h->entropy + h->entropy_n, d->entropies.data, d->entropies.len);
        h->entropy_n += d->entropies.len / sizeof(float);
    }
}

/* One quantum of the lanes [0, n) of lane[], to heard[] of each lane. */
static inline const Proctor__QuantumDone *
play_quantum(struct play *p, const uint32_t *lane, size_t n, uint32_t passes,
             uint32_t tokens, struct heard *heard)
{
    Proctor__Quantum q = PROCTOR__QUANTUM__INIT;
    Proctor__QuantumLane each[64], *each_p[64];
    const Proctor__QuantumDone *done;

    for (size_t i = 0; i < n; i++) {
        proctor__quantum_lane__init(&each[i]);
        each[i].lane = lane[i];
        each[i].keep = heard[i].n;
        each[i].tokens = tokens;
        each_p[i] = &each[i];
    }
    q.id = 7;
    q.lanes = each_p;
    q.n_lanes = n;
    q.passes = passes;
    assert_int_equal(session_quantum(p->s, &q, &done), 0);
    assert_int_equal(done->id, 7);
    assert_int_equal(done->n_lanes, n);
    assert_true(done->passes <= passes);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(done->lanes[i]->lane, lane[i]);
        assert_true(done->lanes[i]->n_tokens <= tokens);
        heard_add(&heard[i], done->lanes[i]);
    }
    return done;
}

static inline int is_over(const struct heard *h, uint32_t most)
{
    return h->n >= most || (h->state != PROCTOR__LANE_STATE__LANE_GOES_ON &&
                            h->state != PROCTOR__LANE_STATE__LANE_STOPPED);
}

/* Lane 0 to its end or ${most} tokens, by quanta of this size. */
static inline void play_all(struct play *p, uint32_t passes, uint32_t tokens,
                            uint32_t most, struct heard *out)
{
    uint32_t lane = 0;

    while (!is_over(out, most)) {
        uint32_t left = most - out->n;

        (void)play_quantum(p, &lane, 1, passes, tokens < left ? tokens : left,
                           out);
    }
}

/* A lane alone in a session of its own. */
static inline void play_alone(const struct model_file *model,
                              const struct model_file *draft, uint32_t context,
                              uint32_t batch, struct told *t, uint32_t most,
                              struct heard *out)
{
    struct play p;

    memset(out, 0, sizeof(*out));
    play_new(&p, model, draft, context, batch, 1);
    assert_int_equal(play_open(&p, 0, t, NULL), 0);
    play_all(&p, 1000, 1000, most, out);
    play_free(&p);
}

/* What the kernel stored of a parked lane: bytes by its extents. */
static inline void play_park(struct play *p, uint32_t lane, uint8_t *stored)
{
    const Proctor__LaneParked *parked;
    uint64_t end = 0;

    assert_int_equal(session_park(p->s, lane, &parked), 0);
    assert_int_equal(parked->lane, lane);
    for (size_t i = 0; i < parked->n_extents; i++) {
        const Proctor__AreaExtent *e = parked->extents[i];

        assert_true(e->bytes > 0 && e->offset + e->bytes <= p->lane_bytes);
        assert_true(i == 0 || e->offset > end);
        end = e->offset + e->bytes;
        memcpy(stored + e->offset, p->area + lane * p->lane_bytes + e->offset,
               e->bytes);
    }
}

/* Opens lane ${lane} of p from stored bytes. */
static inline int play_resume(struct play *p, uint32_t lane, struct told *t,
                              const uint8_t *stored, Proctor__LaneOpened *out)
{
    int code;

    memcpy(p->area + lane * p->lane_bytes, stored, p->lane_bytes);
    t->open.resumes = 1;
    code = play_open(p, lane, t, out);
    t->open.resumes = 0;
    return code;
}

static inline void assert_same(const struct heard *a, const struct heard *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->id, b->id, a->n * sizeof(a->id[0]));
    assert_int_equal(a->state, b->state);
}

#endif
