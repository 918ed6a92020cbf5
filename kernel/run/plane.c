/* What a model's worker says: every answer is checked against what was asked, and
 * against its own session. One request is under way at a time; whatever else comes is
 * a breach, and ends the worker. Kernel process. */
#include "kernel/run/plane_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/engine/loop.h"
#include "kernel/run/ending.h"
#include "proto/err.h"
#include "proto/share.h"

void plane_send_away(struct plane *p)
{
    guard_free(p->guard);
    p->guard = NULL;
    p->is_ready = p->is_relieved = 0;
    p->waits_for = 0;
    p->asked = NULL;
    p->picked_n = 0;
    p->served = 0;
    fd_closep(&p->area);
    memset(p->slots, 0, sizeof(p->slots));
}

void plane_lose(struct plane *p, int counts, const char *why)
{
    int had_area = p->area >= 0;

    snprintf(p->lost_why, sizeof(p->lost_why), "%s%s%s",
             had_area ? "" : "its worker ", why,
             had_area ? "" : " before it could begin");
    if (!had_area && counts && ++p->losses > LIMIT_LANE_RESTARTS) {
        plane_end_all(p, ERR_WORKER, p->lost_why);
        return;
    }
    plane_send_away(p);
    for (struct lane *l = p->lanes; l != NULL; l = l->next) {
        if (l->slot >= 0 || l->over) {
            int code = lane_lose(l, counts, p->lost_why);

            if (code < 0) {
                lane_end(l, LANE_DECISION_NONE, code, "%s", err_text(code));
            }
        }
    }
    plane_turn_later(p);
}

/* A lie about one lane (NULL: about none) ends it, and the worker. */
static void breach(struct plane *p, struct lane *l, const char *what)
{
    if (l != NULL) {
        lane_end(l, LANE_REJECT, 0, "its worker %s", what);
    }
    plane_lose(p, l == NULL, what);
}

void plane_end_all(struct plane *p, int code, const char *what)
{
    plane_send_away(p);
    for (struct lane *l = p->lanes; l != NULL; l = l->next) {
        l->slot = -1;
        lane_end(l, LANE_DECISION_NONE, code, "%s", what);
    }
    plane_turn_later(p);
}

void plane_ask(struct plane *p, enum msg msg, const ProtobufCMessage *m,
                const int *fds, unsigned fds_n, unsigned waits_for)
{
    int code = guard_send(p->guard, msg, m, fds, fds_n);

    p->waits_for = waits_for;
    if (code == ERR_NOMEM || code == ERR_LIMIT) {
        plane_end_all(p, code, err_text(code));
    }
}

static void on_ready(void *ctx, struct guard *g)
{
    struct plane *p = ctx;
    Proctor__ModelTask m = PROCTOR__MODEL_TASK__INIT;

    (void)g;
    m.command = PROCTOR__MODEL_COMMAND__MODEL_SESSION;
    m.weights_bytes = p->bytes[0];
    m.draft_bytes = p->bytes[1];
    m.context = p->key.context;
    p->slots_n = p->lanes_n < LIMIT_LANES_TOGETHER ? p->lanes_n
                                                   : LIMIT_LANES_TOGETHER;
    p->slots_n = p->slots_n < p->slots_most ? p->slots_n : p->slots_most;
    m.lanes = (uint32_t)p->slots_n;
    p->is_ready = 1;
    p->since_ms = loop_now_ms(p->core->loop);
    plane_ask(p, MSG_MODEL_TASK, &m.base, p->fds, p->fds[1] < 0 ? 1 : 2,
        MSG_TASK_READY);
}

size_t plane_count_slots(const struct plane *p)
{
    uint64_t most =
        p->limits.memory_bytes == 0 ? PLANE_MEMORY : p->limits.memory_bytes;
    uint64_t fixed = 2 * (p->bytes[0] + p->bytes[1]) + PLANE_PASS_BYTES;
    uint64_t n = fixed >= most ? 0 : (most - fixed) / p->session.lane_bytes;

    return n > LIMIT_LANES_TOGETHER ? LIMIT_LANES_TOGETHER : (size_t)n;
}

void plane_refuse_memory(struct plane *p)
{
    unsigned long long weights = p->bytes[0] + p->bytes[1];
    unsigned long long lane = p->session.lane_bytes;
    char what[200];

    snprintf(what, sizeof(what),
             "limits.memory (%llu) is too small, at least %llu needed: weights "
             "of %llu bytes, twice, %llu for passes, %llu for a lane: raise it, "
             "or lower context",
             (unsigned long long)p->limits.memory_bytes,
             2 * weights + PLANE_PASS_BYTES + lane, weights, PLANE_PASS_BYTES, lane);
    plane_end_all(p, ERR_REFUSED, what);
}

static void on_task_ready(struct plane *p, const Proctor__TaskReady *m)
{
    const Proctor__SessionReady *s = m->session;
    Proctor__LaneArea area = PROCTOR__LANE_AREA__INIT;
    char what[160];

    if (m->problem != NULL) {
        ending_last_line((struct ubytes){(const uint8_t *)m->problem->what,
                                         strlen(m->problem->what)},
                         0, what, sizeof(what));
        plane_end_all(p, 0, what);
        return;
    }
    if (s == NULL || s->lane_bytes == 0 || s->lane_bytes % 4096 != 0 ||
        s->lane_bytes > LIMIT_LANE_BYTES || s->context == 0 ||
        s->context > LIMIT_LANE_TOKENS || s->vocab == 0 ||
        s->vocab > LIMIT_VOCAB ||
        (p->key.context != 0 && s->context > p->key.context)) {
        plane_end_all(p, ERR_WORKER, "its worker spoke of a session that cannot be");
        return;
    }
    p->session = (struct lane_limits){s->lane_bytes, s->context, s->vocab};
    p->slots_most = plane_count_slots(p);
    if (p->slots_most < p->slots_n) { /* with fewer, if one fits at all */
        if (p->slots_most == 0) {
            plane_refuse_memory(p);
        }
        plane_send_away(p);
        plane_turn_later(p);
        return;
    }
    if (share_fixed(p->slots_n * p->session.lane_bytes, &p->area) < 0) {
        plane_end_all(p, ERR_NOMEM, "no memory for its lanes");
        return;
    }
    area.lanes = (uint32_t)p->slots_n;
    plane_ask(p, MSG_LANE_AREA, &area.base, &p->area, 1, 0);
}

void plane_close_lane(struct plane *p, struct lane *l)
{
    Proctor__LaneClose m = PROCTOR__LANE_CLOSE__INIT;

    if (l->slot >= 0) {
        m.lane = (uint32_t)l->slot;
        p->slots[l->slot] = NULL;
        l->slot = -1;
        plane_ask(p, MSG_LANE_CLOSE, &m.base, NULL, 0, 0);
    }
}

static void on_opened(struct plane *p, const Proctor__LaneOpened *m)
{
    struct lane *l = p->asked;
    char what[160];
    int code;

    if (m->lane != (uint32_t)l->slot ||
        m->tokens != (l->parked == NULL ? 0 : l->emit.n)) {
        breach(p, l, "opened another lane than it was asked to");
        return;
    }
    if (m->problem != NULL) {
        ending_last_line((struct ubytes){(const uint8_t *)m->problem->what,
                                         strlen(m->problem->what)},
                         0, what, sizeof(what));
        p->slots[l->slot] = NULL; /* it closed it */
        l->slot = -1;
        lane_end(l, LANE_BAIL, 0, "%s", what);
        return;
    }
    if (m->prompt_tokens > p->session.context) {
        breach(p, l, "read a prompt that has no place");
        return;
    }
    l->prompt_n = m->prompt_tokens;
    code = l->off_why != NULL ? lane_record_went_on(l) : 0;
    if (code < 0) {
        core_fatal(p->core, code);
    }
    l->off_why = NULL;
}

static void on_parked(struct plane *p, const Proctor__LaneParked *m)
{
    struct lane *l = p->asked;
    const char *what = l->stopped       ? "a trap stopped it"
                       : l->wants_slot  ? "another lane has its turn"
                       : p->is_relieved ? "its worker is relieved"
                                        : "every so many quanta, as its task says";
    int code = ERR_PROTOCOL;

    if (m->lane == (uint32_t)l->slot) {
        code = lane_park(l, m, p->area, p->session.lane_bytes, what);
    }
    if (code == ERR_PROTOCOL) {
        err_trace_clear();
        breach(p, l, "parked another lane than it was asked to");
    } else if (code > 0) {
        lane_end(l, LANE_BAIL, 0, "it cannot be parked: budgets.bytes is used up");
    } else if (code < 0) {
        core_fatal(p->core, code);
    } else if (l->stopped) {
        lane_end(l, LANE_DECISION_NONE, 0, "a trap stopped it after %llu passes",
                 (unsigned long long)l->passes);
    } else if (l->wants_slot || p->is_relieved) {
        l->off_why = l->wants_slot ? "it has its turn" : "its worker was relieved";
        l->wants_slot = 0;
        plane_close_lane(p, l);
    }
}

static void on_done(struct plane *p, const Proctor__QuantumDone *m)
{
    int lied = 0;

    if (m->id != p->quantum_id || m->n_lanes != p->picked_n ||
        m->passes > p->quantum_passes) {
        breach(p, NULL, "answered another quantum");
        return;
    }
    for (size_t i = 0; i < p->picked_n; i++) {
        struct lane *l = p->picked[i];
        int code = 0;

        if (m->lanes[i]->lane != (uint32_t)l->slot) {
            breach(p, l, "answered for another lane");
            return;
        }
        code = lane_take(l, m->lanes[i], m->passes, &p->session);
        if (code < 0) {
            plane_end_all(p, code, err_text(code));
            return;
        }
    }
    for (size_t i = 0; i < p->picked_n; i++) {
        struct lane *l = p->picked[i];

        l->wants_park |= l->ask.park_every != 0 &&
                         l->since_park >= l->ask.park_every;
        lied |= l->over && l->decision == LANE_REJECT;
    }
    p->passes += m->passes;
    p->served++;
    p->picked_n = 0;
    if (lied) {
        plane_lose(p, 0, "lied about another lane");
    }
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct plane *p = ctx;
    unsigned waits_for = p->waits_for;

    (void)g;
    ASSERT(p->magic == PLANE_MAGIC);
    if (f->info->msg != waits_for) {
        breach(p, p->asked, "spoke out of turn");
        return;
    }
    p->waits_for = 0;
    if (waits_for == MSG_TASK_READY) {
        on_task_ready(p, (const Proctor__TaskReady *)f->m);
    } else if (waits_for == MSG_LANE_OPENED) {
        on_opened(p, (const Proctor__LaneOpened *)f->m);
    } else if (waits_for == MSG_LANE_PARKED) {
        on_parked(p, (const Proctor__LaneParked *)f->m);
    } else {
        on_done(p, (const Proctor__QuantumDone *)f->m);
    }
    p->asked = NULL;
    plane_turn(p, 0);
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct plane *p = ctx;
    char what[48];

    (void)g;
    if (e->code < 0) {
        plane_end_all(p, e->code, e->what);
        return;
    }
    plane_lose(p, 1, guard_exit_text(e, what));
}

const struct guard_handler plane_handler = {
    .on_ready = on_ready,
    .on_message = on_message,
    .on_end = on_end,
};
