/* S10 and the positive control: the same chunk again, in another order, in fresh
 * workers, the candidate with one input in twenty asked twice. What changed its
 * mind remembers something that it should not. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <stdlib.h>

#include "kernel/exam/stream.h"
#include "proto/err.h"
#include "proto/limits.h"

#define ONE_IN 20u

/* Makes the order in which `who` is asked again, and the inputs in it. The
 * first n positions before shuffling are the inputs, the rest are repeats. */
static int shuffle(struct exam *x, enum exam_who who, uint32_t lane,
                   uint32_t repeats_n)
{
    uint32_t n = values_n(&x->inputs);
    uint32_t all = n + repeats_n;
    uint32_t *at = malloc(all * sizeof(*at));
    CLEANUP(values_builder_release) struct values_builder w = {0};
    struct stream r;

    if (at == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    free(x->again_at[who]);
    x->again_at[who] = at;
    stream_init(&r, x->src.seed, lane, x->first);
    stream_shuffle(&r, at, all);
    TRY(values_builder_init(&w, 3 * CHUNK_BYTES));
    for (uint32_t i = 0; i < all; i++) {
        at[i] = at[i] < n ? at[i] : (uint32_t)stream_below(&r, n);
        TRY(values_builder_add(&w, values_at(&x->inputs, at[i])));
    }
    return exam_pack(&w, &x->takes, &x->again[who]);
}

static void keep_first(struct exam *x, enum exam_who who)
{
    values_release(&x->firsts[who]);
    x->firsts[who] = x->said[who].answers;
    values_init(&x->said[who].answers);
}

int repeat_ask(struct exam *x)
{
    uint32_t n = values_n(&x->inputs);

    exam_progress(x, "repeat", x->repeated, x->draws_n);
    TRY(inside_ask(x, PHASE_REPEATED));
    keep_first(x, EXAM_CANDIDATE);
    TRY(shuffle(x, EXAM_CANDIDATE, STREAM_LANE_REPEAT,
                (n + ONE_IN - 1) / ONE_IN));
    TRY(exam_ask(x, EXAM_CANDIDATE, &x->again[EXAM_CANDIDATE], PHASE_REPEATED));
    if (!exam_is_table(x)) {
        keep_first(x, EXAM_ORACLE);
        TRY(shuffle(x, EXAM_ORACLE, STREAM_LANE_ORACLE, 0));
        TRY(exam_ask(x, EXAM_ORACLE, &x->again[EXAM_ORACLE], PHASE_REPEATED));
    }
    return 0;
}

#define NO_INPUT UINT32_MAX

/* First input of the chunk that got other bytes than before, or none, or
 * NO_INPUT when all are the same; *out_got its answer ({NULL, 0}: silence). */
static uint32_t find_change(const struct exam *x, enum exam_who who,
                            struct ubytes *out_got)
{
    const struct values *answers = &x->said[who].answers;
    uint32_t found = NO_INPUT;

    for (uint32_t i = 0; i < values_n(&x->again[who]); i++) {
        uint32_t at = x->again_at[who][i];
        struct ubytes first = values_at(&x->firsts[who], at);
        struct ubytes got = {NULL, 0};

        if (i < values_n(answers)) {
            got = values_at(answers, i);
        }
        if (at < found && (got.p == NULL || values_compare(got, first) != 0)) {
            found = at;
            *out_got = got;
        }
    }
    return found;
}

static int judge_oracle(struct exam *x)
{
    struct ubytes got = {NULL, 0};
    uint32_t i = find_change(x, EXAM_ORACLE, &got);

    if (i == NO_INPUT) {
        return 0;
    }
    x->positive.failures = 1;
    TRY(exam_find(&x->disagreement, values_at(&x->inputs, i),
                  values_at(&x->firsts[EXAM_ORACLE], i), got, x->first + i,
                  "the oracle, asked again"));
    return exam_finish(x, VERDICT_VOID,
                       "the oracle does not repeat its own answers");
}

static int reject(struct exam *x, uint32_t i, struct ubytes got)
{
    const struct said *s = &x->said[EXAM_CANDIDATE];
    unsigned stratum = test_stratum(x, x->first + i);

    if (x->s.unit != NULL && (got.p != NULL || !s->is_limit)) {
        /* A unit is pure: the fault is an engine's. */
        TRY(exam_find(&x->disagreement, values_at(&x->inputs, i),
                      values_at(&x->firsts[EXAM_CANDIDATE], i), got,
                      x->first + i, "the other engine"));
        return exam_finish(x, VERDICT_VOID,
                           "the engines differ on draw %" PRIu64, x->first + i);
    }
    exam_forget(&x->raw);
    TRY(exam_find(&x->raw, values_at(&x->inputs, i),
                  values_at(&x->firsts[EXAM_CANDIDATE], i), got, x->first + i,
                  got.p == NULL ? s->ending : ""));
    x->failures++;
    if (stratum < STRATA_ALL_N) {
        x->failed[stratum]++;
    }
    if (got.p == NULL && s->is_limit) {
        return exam_finish(x, VERDICT_REJECT,
                           "ran out of time when asked again, twice");
    }
    return exam_finish(x, VERDICT_REJECT,
                       "not deterministic: another answer to draw %" PRIu64
                       " when asked again",
                       x->first + i);
}

/* The second answers in draw order: position of each input's first one. */
static int digest_again(struct exam *x)
{
    uint32_t n = values_n(&x->inputs);
    uint32_t *position = calloc(n, sizeof(*position));

    if (position == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = values_n(&x->again[EXAM_CANDIDATE]); i > 0; i--) {
        position[x->again_at[EXAM_CANDIDATE][i - 1]] = i - 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        test_digest(&x->second_digest,
                    values_at(&x->said[EXAM_CANDIDATE].answers, position[i]));
    }
    x->repeated += n;
    free(position);
    return 0;
}

int repeat_judge(struct exam *x)
{
    struct ubytes got = {NULL, 0};
    uint32_t i;

    if (!exam_is_table(x)) {
        TRY(judge_oracle(x));
        if (x->phase >= PHASE_END) {
            return 0;
        }
    }
    i = find_change(x, EXAM_CANDIDATE, &got);
    if (i != NO_INPUT) {
        return reject(x, i, got);
    }
    TRY(digest_again(x));
    inside_count(x);
    exam_progress(x, "repeat", x->repeated, x->draws_n);
    return controls_judge(x);
}
