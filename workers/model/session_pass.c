/* Passes of a quantum: who takes part in the next one, what they are fed, and
 * what becomes of it. A lane's tokens are cut into passes by its own state alone,
 * so that the number of a pass means the same whoever runs beside it. */
#include <string.h>

#include "proto/err.h"
#include "workers/model/session_int.h"

static float *logits_of(const struct session *s, const struct lane *l)
{
    size_t rows = (size_t)(l - s->lanes) * LANE_ROWS;

    return s->logits + rows * model_shape(s->model)->vocab;
}

static int is_stopped(const struct lane *l)
{
    return l->stop_n > 0;
}

/* The lanes of the next pass: one that a trap will stop or has stopped, alone
 * and first, for it has few such passes; else all that want one, as far as their
 * prompts fit into a batch. */
static size_t choose(struct session *s, size_t n)
{
    size_t batch = s->shared.layout.batch, chosen = 0, prompts = 0;

    for (size_t i = 0; i < n; i++) {
        struct lane *l = s->members[i];
        size_t left = l->history_n - (size_t)l->cache.n;

        left = left < batch ? left : batch;
        if (!lane_wants(l)) {
            continue;
        }
        if (is_stopped(l) || lane_will_stop(l)) {
            s->passing[0] = l;
            return 1;
        }
        if (left <= LANE_ROWS) { /* there is room for each lane's */
            s->passing[chosen++] = l;
        } else if (prompts + left <= batch) {
            prompts += left;
            s->passing[chosen++] = l;
        }
    }
    return chosen;
}

/* Saves the pass that a trap stopped, alone in it, into its lane. */
static int stop(struct session *s, struct lane *l)
{
    size_t n = pass_stop_bytes(s->pass);

    if (n > s->shared.layout.stop_bytes) {
        return ERR_TRACE(ERR_INTERNAL);
    }
    pass_stop_save(s->pass, l->area + s->shared.layout.stop);
    pass_leave(s->pass);
    l->stop_n = n;
    l->state = PROCTOR__LANE_STATE__LANE_STOPPED;
    return 0;
}

/* A stopped pass goes on; in a resumed lane its bytes may be anything. */
static int go_on(struct session *s, struct lane *l, int *out)
{
    size_t n = (size_t)l->stop_n;
    int code =
        pass_stop_load(s->pass, s->feed, 1, l->area + s->shared.layout.stop, n);

    l->stop_n = 0;
    l->state = PROCTOR__LANE_STATE__LANE_GOES_ON;
    if (code == ERR_INPUT) { /* feed the tokens again */
        l->drafts_n = 0;
        lane_feed(l, &s->shared, logits_of(s, l), &s->feed[0]);
        *out = pass_run(s->pass, s->feed, 1, &s->tap.traps);
    } else {
        TRY(code);
        *out = pass_resume(s->pass, &s->tap.traps);
    }
    return *out < 0 ? ERR_TRACE(*out) : 0;
}

static int begin(struct session *s, size_t n, int *out)
{
    TRY(session_draft(s, n));
    for (size_t i = 0; i < n; i++) {
        struct lane *l = s->passing[i];

        lane_feed(l, &s->shared, logits_of(s, l), &s->feed[i]);
        lane_written(l, s->feed[i].n);
        l->passes++;
    }
    *out = pass_run(s->pass, s->feed, n, &s->tap.traps);
    return *out < 0 ? ERR_TRACE(*out) : 0;
}

static int run_pass(struct session *s, size_t n)
{
    int is_again = n == 1 && is_stopped(s->passing[0]);
    int ended = PASS_DONE;

    tap_arm(&s->tap, s->passing, n);
    if (is_again) {
        lane_feed(s->passing[0], &s->shared, logits_of(s, s->passing[0]),
                  &s->feed[0]);
        lane_written(s->passing[0], s->feed[0].n);
        TRY(go_on(s, s->passing[0], &ended));
    } else {
        TRY(begin(s, n, &ended));
    }
    for (size_t i = 0; i < n; i++) {
        s->passing[i]->took++;
        if (ended == PASS_DONE) {
            TRY(lane_take(s->passing[i], &s->shared, &s->feed[i]));
        }
    }
    return ended == PASS_STOPPED ? stop(s, s->passing[0]) : 0;
}

int session_run(struct session *s, size_t n, uint32_t passes,
                uint32_t *out_passes)
{
    *out_passes = 0;
    while (*out_passes < passes) {
        size_t chosen = choose(s, n);

        if (chosen == 0) {
            break;
        }
        TRY(run_pass(s, chosen));
        *out_passes += 1;
    }
    return 0;
}
