/* Lanes that ask what the model thinks of given text: likelihoods of choices
 * behind one prompt, and logits. The prompt is fed once; behind it each choice
 * is fed and rolled back. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/model/lane.h"
#include "workers/nn/math.h"

/* Bytes of a packed ChoiceScore, and of a token, at most, with their tags. */
#define CHOICE_BYTES 32u
#define TOKEN_BYTES 6u
#define ANSWER_BYTES 64u

size_t answer_bytes_max(const struct lane_spec *spec, uint32_t vocab)
{
    size_t n = ANSWER_BYTES + spec->choices_n * CHOICE_BYTES;
    size_t positions = spec->all_positions ? spec->prompt.n : 1;

    if (spec->what == PROCTOR__LANE_WHAT__LANE_LOGITS) {
        n += spec->prompt.n * TOKEN_BYTES + positions * vocab * sizeof(float);
    }
    return n;
}

static void answer(struct lane *l, const Proctor__LaneAnswer *a)
{
    l->packed_n = proctor__lane_answer__pack(a, l->packed);
    l->state = PROCTOR__LANE_STATE__LANE_ANSWERED;
}

/* Position whose logits say something: the prompt's last, then the choice's. */
static uint64_t first_row(const struct lane *l)
{
    return l->spec.prompt.n - (l->choice == 0);
}

void score_feed(struct lane *l, struct pass_lane *out, uint32_t batch)
{
    uint64_t from = l->cache.n, first = first_row(l), to = l->history_n;

    if (to > from + batch) {
        to = from + batch;
    }
    if (first < from) {
        first = from;
    }
    if (first > to) {
        first = to;
    }
    if (to > first + LANE_ROWS) {
        to = first + LANE_ROWS;
    }
    out->n = (size_t)(to - from);
    out->logits_from = (size_t)(first - from);
}

/* The next choice that has more than its first token; behind the last: done. */
static void next_choice(struct lane *l)
{
    size_t n = l->spec.choices_n;

    l->choice++;
    while (l->choice <= n && l->spec.choices[l->choice - 1].n == 1) {
        l->choice++;
    }
    l->history_n = (uint32_t)l->spec.prompt.n;
    if (l->choice <= n) {
        const struct tokens *c = &l->spec.choices[l->choice - 1];

        memcpy(l->history + l->history_n, c->v,
               (c->n - 1) * sizeof(*l->history));
        l->history_n += (uint32_t)c->n - 1;
    }
}

static void answer_scores(struct lane *l)
{
    Proctor__ChoiceScore scores[LANE_CHOICES_MAX];
    Proctor__ChoiceScore *p[LANE_CHOICES_MAX];
    Proctor__LaneAnswer a = PROCTOR__LANE_ANSWER__INIT;
    double best = 0;

    for (size_t i = 0; i < l->spec.choices_n; i++) {
        double mean = l->scores[i] / (double)l->spec.choices[i].n;

        proctor__choice_score__init(&scores[i]);
        scores[i].log_likelihood = l->scores[i];
        scores[i].tokens = (uint32_t)l->spec.choices[i].n;
        p[i] = &scores[i];
        if (l->spec.what == PROCTOR__LANE_WHAT__LANE_CLASSIFY &&
            (i == 0 || mean > best)) {
            best = mean;
            a.best = (uint32_t)i;
        }
    }
    a.choices = p;
    a.n_choices = l->spec.choices_n;
    answer(l, &a);
}

void score_finish(struct lane *l)
{
    if (l->spec.choices_n > 0 && l->choice > l->spec.choices_n) {
        answer_scores(l);
    }
}

/* What a row of logits says: of all choices' first tokens, or of the next token
 * of the one under way. */
static int score_row(struct lane *l, const struct shared *s, uint64_t position,
                     const float *logits)
{
    size_t at = (size_t)(position - l->spec.prompt.n) + 1;
    double v = 0;

    if (l->choice > 0) {
        TRY(sample_log_likelihood(s->sampler, logits,
                                  l->spec.choices[l->choice - 1].v[at], &v));
        l->scores[l->choice - 1] += v;
        return 0;
    }
    for (size_t i = 0; i < l->spec.choices_n; i++) {
        if (sample_log_likelihood(s->sampler, logits, l->spec.choices[i].v[0],
                                  &l->scores[i]) != 0) {
            return SAMPLE_NONFINITE;
        }
    }
    return 0;
}

int score_take(struct lane *l, const struct shared *s,
               const struct pass_lane *fed)
{
    uint64_t from = l->cache.n - fed->n;
    uint32_t vocab = model_shape(s->model)->vocab;

    for (size_t i = fed->logits_from; i < fed->n; i++) {
        const float *logits =
            fed->logits + (i - fed->logits_from) * (size_t)vocab;

        if (!nn_is_finite(logits, vocab)) {
            l->state = PROCTOR__LANE_STATE__LANE_NONFINITE;
            return 0;
        }
        TRY(score_row(l, s, from + i, logits));
    }
    if (l->cache.n == l->history_n) {
        next_choice(l);
        score_finish(l);
        lane_roll_back(s->model, &l->cache, &l->dirty, l->spec.prompt.n);
    }
    return 0;
}

void logits_feed(struct lane *l, struct pass_lane *out, uint32_t batch,
                 uint32_t vocab)
{
    size_t left = l->history_n - (size_t)l->cache.n;

    out->n = left < batch ? left : batch;
    if (l->spec.all_positions) {
        out->logits_from = 0;
        out->logits = l->answer + (size_t)l->cache.n * vocab;
    } else {
        out->logits_from = left > batch ? out->n : out->n - 1;
        out->logits = l->answer;
    }
}

int logits_take(struct lane *l, const struct shared *s,
                const struct pass_lane *fed)
{
    size_t vocab = model_shape(s->model)->vocab;
    size_t rows = l->spec.all_positions ? l->history_n : 1;
    Proctor__LaneAnswer a = PROCTOR__LANE_ANSWER__INIT;

    if (fed->logits_from < fed->n &&
        !nn_is_finite(fed->logits, (fed->n - fed->logits_from) * vocab)) {
        l->state = PROCTOR__LANE_STATE__LANE_NONFINITE;
        return 0;
    }
    if (l->cache.n < l->history_n) {
        return 0;
    }
    a.logits.data = (uint8_t *)(void *)l->answer;
    a.logits.len = rows * vocab * sizeof(float);
    a.tokens = l->spec.prompt.v;
    a.n_tokens = l->spec.prompt.n;
    answer(l, &a);
    return 0;
}
