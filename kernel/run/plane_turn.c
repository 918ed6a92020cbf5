/* What a model's worker is asked: which lanes are in its area, which advance next,
 * which are parked first, and when it is relieved. Kernel process. */
#include "kernel/run/plane_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "proto/err.h"

void plane_turn_later(struct plane *p)
{
    if (p->later == NULL &&
        loop_timer(p->core->loop, 0, plane_turn, p, &p->later) < 0) {
        core_fatal(p->core, ERR_NOMEM);
    }
}

static int is_picked(const struct plane *p, const struct lane *l)
{
    for (size_t i = 0; i < p->picked_n; i++) {
        if (p->picked[i] == l) {
            return 1;
        }
    }
    return 0;
}

static void unlink_lane(struct lane *l)
{
    struct lane **at = &l->plane->lanes;

    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    if (is_picked(l->plane, l)) {
        l->plane->picked_n = 0; /* not under way: then it has a place */
    }
    l->plane->lanes_n--;
    l->plane = NULL;
}

/* Tells about one lane that was decided. */
static int settle(struct plane *p)
{
    struct lane *l = p->lanes;

    while (l != NULL && !l->over) {
        l = l->next;
    }
    if (l == NULL) {
        return 0;
    }
    ASSERT(p->waits_for == 0 || l->slot < 0);
    plane_close_lane(p, l);
    plane_turn_later(p);
    if (l->decision == LANE_REPAIR) {
        l->ask.on_decision(l->ask.ctx, l);
        lane_again(l);
    } else {
        unlink_lane(l);
        l->ask.on_decision(l->ask.ctx, l); /* may free it */
    }
    return 1;
}

static void start_worker(struct plane *p)
{
    struct guard_ask wanted = {.class = WORKER_MODEL,
                               .limits = &p->limits,
                               .task = p->lanes->ask.task,
                               .handler = &plane_handler,
                               .ctx = p};
    int code;

    if (p->slots_most == 0) {
        p->session.lane_bytes = 4096; /* one page, until it says more */
        p->slots_most = plane_count_slots(p);
    }
    if (p->slots_most == 0) {
        plane_refuse_memory(p);
        return;
    }
    code = guard_start(p->core, &wanted, &p->guard);
    if (code < 0) {
        plane_end_all(p, code, err_text(code));
    }
}

/* More lanes came than it has places, others wait for its own, or a limit is near. */
static int is_tired(const struct plane *p)
{
    uint64_t wall = loop_now_ms(p->core->loop) - p->since_ms;

    return p->served > 0 &&
           ((p->served >= PLANE_GROWS && p->lanes_n > p->slots_n &&
             p->slots_n < p->slots_most) ||
            (p->served >= PLANE_TERM && guards_wait(p->core->guards)) ||
            guard_is_tired(p->guard) ||
            (p->limits.wall_ms != 0 && 4 * wall >= 3 * p->limits.wall_ms));
}

/* Takes it out of its place: 1 when it is out, 0 when it is parked first. */
static int put_out(struct plane *p, struct lane *l)
{
    Proctor__LanePark m = PROCTOR__LANE_PARK__INIT;

    if (l->since_park == 0 && !l->wants_park) { /* nothing to keep */
        l->off_why = l->wants_slot ? "it has its turn" : "its worker was relieved";
        l->wants_slot = 0;
        plane_close_lane(p, l);
        return 1;
    }
    m.lane = (uint32_t)l->slot;
    p->asked = l;
    plane_ask(p, MSG_LANE_PARK, &m.base, NULL, 0, MSG_LANE_PARKED);
    return 0;
}

/* Parks what is to be parked, one lane a turn. 1: nothing is left to park. */
static int park_due(struct plane *p)
{
    for (size_t i = 0; i < p->slots_n; i++) {
        struct lane *l = p->slots[i];

        if (l != NULL && (l->wants_park || p->is_relieved) && !put_out(p, l)) {
            return 0;
        }
    }
    return 1;
}

static uint64_t slack_of(const struct plane *p, const struct lane *l)
{
    uint64_t elapsed = p->passes - l->began;
    uint64_t need = l->emit.spec->max_tokens - l->emit.n;
    uint64_t left = l->ask.deadline > elapsed ? l->ask.deadline - elapsed : 0;

    return left == 0 ? UINT64_MAX : left > need ? left - need : 0;
}

static void pick(struct plane *p)
{
    struct fair_lane *ready[LIMIT_LANES], *out[LIMIT_LANES_TOGETHER];
    size_t n = 0;

    for (struct lane *l = p->lanes; l != NULL && n < LIMIT_LANES; l = l->next) {
        l->fair.is_ready = 1;
        l->fair.slack = slack_of(p, l);
        ready[n++] = &l->fair;
    }
    p->picked_n = fair_pick(&p->fair, ready, n, p->slots_n, PLANE_NEAR, out);
    for (size_t i = 0; i < p->picked_n; i++) {
        p->picked[i] =
            (struct lane *)((char *)out[i] - offsetof(struct lane, fair));
    }
}

/* A free place, or one that is made free; SIZE_MAX: it is being. */
static size_t find_slot(struct plane *p)
{
    for (size_t i = 0; i < p->slots_n; i++) {
        if (p->slots[i] == NULL) {
            return i;
        }
    }
    for (size_t i = 0; i < p->slots_n; i++) {
        if (!is_picked(p, p->slots[i])) {
            p->slots[i]->wants_slot = 1;
            return put_out(p, p->slots[i]) ? i : SIZE_MAX;
        }
    }
    ASSERT(p->picked_n <= p->slots_n);
    return SIZE_MAX;
}

/* Pages of one lane, all zero, there from now on. */
static int area_clear(const struct plane *p, size_t slot)
{
    off_t at = (off_t)(slot * p->session.lane_bytes);
    off_t n = (off_t)p->session.lane_bytes;

    if (fallocate(p->area, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n) <
            0 ||
        fallocate(p->area, 0, at, n) < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return 0;
}

static void open_lane(struct plane *p, struct lane *l, size_t slot)
{
    Proctor__LaneOpen m = PROCTOR__LANE_OPEN__INIT;
    int code = area_clear(p, slot);

    if (code == 0 && l->parked != NULL) {
        code = l->parked->lane_bytes != p->session.lane_bytes
                   ? ERR_STORE_DAMAGED
                   : park_restore(p->core, l->parked, p->area,
                                  slot * p->session.lane_bytes);
    }
    if (code < 0) {
        lane_end(l, LANE_DECISION_NONE, code, "it cannot be brought back: %s",
                 err_text(code));
        plane_turn_later(p);
        return;
    }
    l->slot = (int)slot;
    p->slots[slot] = l;
    m.lane = (uint32_t)slot;
    m.spec = l->ask.m->spec;
    m.what = l->ask.m->what;
    m.key = (ProtobufCBinaryData){sizeof(l->key), l->key};
    m.resumes = l->parked != NULL;
    m.injectors = l->injectors;
    m.n_injectors = l->injectors_n;
    p->asked = l;
    plane_ask(p, MSG_LANE_OPEN, &m.base, NULL, 0, MSG_LANE_OPENED);
}

static void send_quantum(struct plane *p)
{
    Proctor__Quantum m = PROCTOR__QUANTUM__INIT;
    Proctor__QuantumLane lanes[LIMIT_LANES_TOGETHER];
    Proctor__QuantumLane *v[LIMIT_LANES_TOGETHER];
    uint64_t left = budget_left(&p->core->budget, BUDGET_TOKENS);

    m.passes = LIMIT_QUANTUM;
    for (size_t i = 0; i < p->picked_n; i++) {
        uint32_t q = p->picked[i]->ask.quantum;

        q = q == 0 ? LANE_QUANTUM : q;
        m.passes = q < m.passes ? q : m.passes;
    }
    for (size_t i = 0; i < p->picked_n; i++) {
        struct lane *l = p->picked[i];
        const Proctor__LaneSpec *s = l->emit.spec;
        uint64_t want = (uint64_t)m.passes * (1 + s->draft_tokens);

        want = want < s->max_tokens - l->emit.n ? want
                                                : s->max_tokens - l->emit.n;
        l->asked = (uint32_t)(want < left ? want : left);
        left -= l->asked;
        if (want > 0 && l->asked == 0 && i > 0) {
            p->picked_n = i; /* those may leave some */
            break;
        }
        if (want > 0 && l->asked == 0) {
            lane_end(l, LANE_BAIL, 0, "budgets.tokens is used up (%llu)",
                     (unsigned long long)budget_limit(&p->core->budget,
                                                      BUDGET_TOKENS));
            plane_turn_later(p);
            return;
        }
        proctor__quantum_lane__init(&lanes[i]);
        lanes[i].lane = (uint32_t)l->slot;
        lanes[i].keep = l->emit.n;
        lanes[i].tokens = l->asked;
        v[i] = &lanes[i];
    }
    m.id = ++p->quantum_id;
    m.lanes = v;
    m.n_lanes = p->picked_n;
    p->quantum_passes = m.passes;
    plane_ask(p, MSG_QUANTUM, &m.base, NULL, 0, MSG_QUANTUM_DONE);
}

/* The next quantum, or what has to be done before it. */
static void advance(struct plane *p)
{
    if (p->picked_n == 0) {
        pick(p);
    }
    for (size_t i = 0; i < p->picked_n; i++) {
        size_t slot;

        if (p->picked[i]->slot >= 0) {
            continue;
        }
        slot = find_slot(p);
        if (slot != SIZE_MAX) {
            open_lane(p, p->picked[i], slot);
        }
        return;
    }
    send_quantum(p);
}

void plane_turn(void *ctx, short revents)
{
    struct plane *p = ctx;

    (void)revents;
    ASSERT(p->magic == PLANE_MAGIC);
    loop_remove(&p->later);
    if (p->core->fatal != 0 || settle(p)) {
        return;
    }
    if (p->lanes == NULL) {
        plane_send_away(p);
    } else if (p->guard == NULL) {
        start_worker(p);
    } else if (p->area >= 0 && p->waits_for == 0) {
        p->is_relieved |= is_tired(p);
        if (!park_due(p)) {
            return;
        }
        if (p->is_relieved) {
            plane_send_away(p);
            plane_turn_later(p);
        } else {
            advance(p);
        }
    }
}

static void plane_free(struct plane *p)
{
    struct plane **at = &p->core->planes;

    ASSERT(p->lanes == NULL);
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    plane_send_away(p);
    loop_remove(&p->later);
    fd_closep(&p->fds[0]);
    fd_closep(&p->fds[1]);
    p->magic = 0;
    free(p);
}

void planes_free(struct core *c)
{
    while (c->planes != NULL) {
        plane_free(c->planes);
    }
}

/* Hashed and sealed once, whatever the number of workers. */
static int load_weights(struct plane *p, int i, const struct cid *cid)
{
    for (const struct plane *o = p->core->planes; o != NULL; o = o->next) {
        for (int k = 0; k < 2; k++) {
            if (o->fds[k] >= 0 &&
                cid_is_equal(k == 0 ? &o->key.weights : &o->key.draft, cid)) {
                p->bytes[i] = o->bytes[k];
                p->fds[i] = fcntl(o->fds[k], F_DUPFD_CLOEXEC, 3);
                return p->fds[i] < 0 ? ERR_TRACE(err_from_errno(errno)) : 0;
            }
        }
    }
    return store_get_memfd(p->core->store, cid, &p->fds[i], &p->bytes[i]);
}

static int plane_new(struct core *c, const struct model_key *key,
                     const Proctor__Limits *limits, struct plane **out)
{
    struct plane *p = calloc(1, sizeof(*p));
    int code;

    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    p->magic = PLANE_MAGIC;
    p->core = c;
    p->key = *key;
    p->fds[0] = p->fds[1] = p->area = -1;
    p->limits = (struct worker_limits){.cpu_ms = limits->cpu_ms,
                                       .memory_bytes = limits->memory_bytes,
                                       .wall_ms = limits->wall_ms};
    code = load_weights(p, 0, &key->weights);
    if (code == 0 && !cid_is_zero(&key->draft)) {
        code = load_weights(p, 1, &key->draft);
    }
    p->next = c->planes;
    c->planes = p;
    if (code < 0) {
        plane_free(p);
        return ERR_TRACE(code);
    }
    *out = p;
    return 0;
}

/* Lets go of models that no lane works with, but of this one's. */
static void drop_idle(struct core *c, const struct model_key *key)
{
    struct plane *next;

    for (struct plane *p = c->planes; p != NULL; p = next) {
        next = p->next;
        if (p->lanes == NULL && !cid_is_equal(&p->key.weights, &key->weights)) {
            plane_free(p);
        }
    }
}

int plane_join(struct core *c, struct lane *l)
{
    struct model_key key = {.context = l->emit.spec->context};
    struct plane *best = NULL;
    struct lane **at;
    unsigned n = 0;

    TRY(cid_from_field(&l->ask.m->weights, &key.weights));
    if (l->ask.m->draft.len > 0) {
        TRY(cid_from_field(&l->ask.m->draft, &key.draft));
    }
    drop_idle(c, &key);
    for (struct plane *p = c->planes; p != NULL; p = p->next) {
        if (memcmp(&p->key, &key, sizeof(key)) == 0) {
            n++;
            best = best == NULL || p->lanes_n < best->lanes_n ? p : best;
        }
    }
    if (best == NULL ||
        (best->lanes_n >= LIMIT_LANES_TOGETHER && n < l->ask.workers) ||
        best->lanes_n >= LIMIT_LANES) {
        TRY(plane_new(c, &key, l->ask.limits, &best));
    }
    at = &best->lanes;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = l;
    l->plane = best;
    l->began = best->passes;
    best->lanes_n++;
    fair_join(&best->fair, &l->fair, l->ask.priority);
    plane_turn_later(best);
    return 0;
}

void plane_leave(struct lane *l)
{
    struct plane *p = l->plane;

    if (p == NULL) {
        return;
    }
    unlink_lane(l);
    if (l->slot >= 0) {
        plane_lose(p, 0, "was stopped with another lane");
    }
}
