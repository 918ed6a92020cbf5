/* Op `score`: one look at a held-out part. The kernel compares the candidate's
 * answers with outputs that no worker was sent. LOOK says no more than the Ladder
 * lets it; the same candidate gets its old answer. Kernel process. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/run/look.h"
#include "kernel/run/say.h"
#include "proto/err.h"

struct score {
    struct live *live;
    struct cid candidate;
    struct held held;
};

static void score_free(void *state)
{
    struct score *s = state;

    held_release(&s->held);
    free(s);
}

static unsigned metric_of(const struct score *s)
{
    return live_spec(s->live)->score->metric;
}

/* The task's end, by its LOOK, which holds the numbers. */
static void tell(struct score *s, enum look_outcome outcome, uint64_t seq)
{
    struct outcome o = {.passed = outcome == LOOK_BETTER,
                        .level = LEVEL_PROPERTY,
                        .result = s->candidate,
                        .evidence_ref = seq + 1};

    snprintf(o.reason, sizeof(o.reason), "%s: proctor show %llu",
             look_words(outcome), (unsigned long long)seq);
    say_event(s->live->run->core, seq + 1, live_id(s->live), "", o.reason);
    live_over(s->live, &o);
}

/* Ends the task when this candidate was looked at already, or nothing may look
 * any more: then 1. *l gets what the next look must beat. */
static int check_look(struct score *s, struct look *l)
{
    uint64_t seq;
    int is_old = look_find(&s->held, metric_of(s), &s->candidate, l, &seq);

    if (is_old == 1) {
        tell(s, l->outcome, seq);
    }
    return is_old != 0 ? is_old : look_worn(&s->held, s->live);
}

/* Compares, records, tells, in this order. */
static int judge(struct score *s)
{
    CLEANUP(holdout_losses_release) struct holdout_losses x = {0};
    struct cid answers;
    struct look l;
    uint64_t seq;
    int code = check_look(s, &l); /* others looked meanwhile */

    if (code != 0) {
        return code < 0 ? code : 0;
    }
    code = held_losses(&s->held, l.metric, &answers, &x);
    if (code == ERR_INPUT) {
        live_fail(s->live, 0, "all training outputs are the same number");
        return 0;
    }
    if (code != 0) {
        return code;
    }
    holdout_judge_losses(&x, &l);
    TRY(look_record(&s->held, &l, &s->candidate, &answers, &seq));
    tell(s, l.outcome, seq);
    return 0;
}

static void on_answers(void *ctx)
{
    struct score *s = ctx;
    int code = judge(s);

    if (code != 0) {
        live_error(s->live, code, NULL);
    }
}

/* Candidate and split among the needs. */
static int load(struct score *s)
{
    const Proctor__Task *spec = live_spec(s->live);
    struct cid split = {{0}};
    struct ubytes unused;

    for (size_t i = 0; i < spec->n_needs; i++) {
        const struct task *t =
            &s->live->run->tasks[run_find(s->live->run, spec->needs[i])];

        if (t->spec->split != NULL) {
            split = t->result;
        } else if (admission_types(&s->live->run->admission,
                                   s->live->run->graph, t->spec, &unused,
                                   &unused)) {
            s->candidate = t->result;
        }
    }
    return held_open(&s->held, s->live, &split);
}

static int score_start(struct live *l)
{
    struct score *s = calloc(1, sizeof(*s));
    struct look unused;
    struct diag d;
    int code;

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = s;
    s->live = l;
    diag_init(&d);
    code = load(s);
    code = code == 0 ? check_look(s, &unused) : code;
    code = code == 0 ? held_ask(&s->held, &s->candidate, on_answers, s, &d) : code;
    if (code != 0) {
        live_error(l, code, &d); /* not heard when the task is over */
    }
    return 0;
}

const struct op op_score = {"score", score_start, score_free};
