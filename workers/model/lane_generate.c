/* Generation: the next token of a lane from logits, with the grammar's mask,
 * and drafts behind it that a pass has verified. */
#include <string.h>

#include "proto/err.h"
#include "workers/model/lane.h"
#include "workers/model/mask.h"
#include "workers/nn/sabotage.h"

int generate_step(const struct lane *l, const struct shared *s,
                  struct automaton_at *at, uint32_t token)
{
    struct ubytes text = tokenizer_bytes(s->tokenizer, token);

    if (l->spec.automaton == NULL) {
        return 0;
    }
    if (tokenizer_is_end(s->tokenizer, token)) {
        return automaton_accepts(l->spec.automaton, at) ? 0 : ERR_INPUT;
    }
    if (text.n == 0) {
        return ERR_INPUT;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (automaton_step(l->spec.automaton, at, text.p[i]) != 0) {
            return ERR_INPUT;
        }
    }
    return 0;
}

int generate_walk(const struct lane *l, const struct shared *s, uint32_t n,
                  struct automaton_at *out)
{
    const uint32_t *proposed = l->history + l->spec.prompt.n;

    if (l->spec.what != PROCTOR__LANE_WHAT__LANE_GENERATE) {
        return 0;
    }
    if (l->spec.automaton != NULL) {
        automaton_start(l->spec.automaton, out);
    }
    for (uint32_t i = 0; i < n; i++) {
        /* nothing follows an end */
        if (i > 0 && tokenizer_is_end(s->tokenizer, proposed[i - 1])) {
            return ERR_INPUT;
        }
        if (generate_step(l, s, out, proposed[i]) != 0) {
            return ERR_INPUT;
        }
    }
    return 0;
}

const uint8_t *generate_allowed(const struct lane *l, const struct shared *s,
                                const struct automaton_at *at)
{
    if (l->spec.automaton == NULL) {
        return s->plain;
    }
    if (mask_allowed(l->spec.grammar, at, s->allowed) != 0) {
        memset(s->allowed, 0, mask_bytes(s->mask));
    }
    return s->allowed;
}

void generate_feed(struct lane *l, struct pass_lane *out, uint32_t batch)
{
    size_t left = l->history_n - (size_t)l->cache.n;

    if (left > batch) {
        out->n = out->logits_from = batch;
        return;
    }
    out->n = left + l->drafts_n;
    out->logits_from = left - 1;
}

/* One more token; what it does to the lane. */
static void propose(struct lane *l, const struct shared *s, uint32_t token,
                    size_t row)
{
    struct ubytes text = tokenizer_bytes(s->tokenizer, token);
    Proctor__LaneToken *out = &l->out[l->out_n];
    uint32_t layers = model_shape(s->model)->layers;
    int ends = tokenizer_is_end(s->tokenizer, token);

    l->history[l->history_n++] = token;
    out->id = token;
    out->bytes.data = (uint8_t *)(uintptr_t)text.p;
    out->bytes.len = text.n;
    out->ends = ends;
    if (l->out_entropies != NULL) {
        memcpy(l->out_entropies + (size_t)l->out_n * layers,
               l->entropies + row * layers, layers * sizeof(float));
    }
    l->out_n++;
    if (ends) {
        l->state = PROCTOR__LANE_STATE__LANE_END;
    } else if (l->history_n >= l->spec.limit) {
        l->state = PROCTOR__LANE_STATE__LANE_FULL;
    }
}

/* The token that row's logits give. 0: proposed. */
static int propose_from(struct lane *l, const struct shared *s,
                        const float *logits, size_t row)
{
    uint32_t token = 0;
    uint64_t index = SABOTAGE(RNG_CALL)
                         ? l->passes
                         : l->history_n - (uint64_t)l->spec.prompt.n;
    int code = sample(s->sampler, logits, generate_allowed(l, s, &l->place),
                      &l->spec.sampling, l->key, index, &token);

    if (code == SAMPLE_NONFINITE) {
        l->state = PROCTOR__LANE_STATE__LANE_NONFINITE;
        return 1;
    }
    /* a mask that lets a token through which the automaton does not take would
     * be our own mistake, and is no proposal */
    if (code != 0 || generate_step(l, s, &l->place, token) != 0) {
        l->state = PROCTOR__LANE_STATE__LANE_STUCK;
        return 1;
    }
    propose(l, s, token, row);
    return 0;
}

/* The number of drafts follows what became of the last ones. */
static void adapt(struct lane *l, uint32_t drafted, uint32_t accepted)
{
    uint32_t len = l->draft_len;

    if (accepted == drafted) {
        len = len * 2 + 1;
    } else if (accepted * 2 < drafted) {
        len = (len + 1) / 2;
    }
    len = len < l->spec.drafts ? len : l->spec.drafts;
    l->draft_len = len > 0 ? len : 1;
}

void generate_take(struct lane *l, const struct shared *s,
                   const struct pass_lane *fed)
{
    uint32_t vocab = model_shape(s->model)->vocab;
    uint32_t drafted = l->drafts_n, accepted = 0;
    uint32_t drafts[LANE_DRAFTS_MAX];

    if (fed->logits_from == fed->n) {
        return; /* the prompt goes on */
    }
    memcpy(drafts, l->history + l->history_n, drafted * sizeof(*drafts));
    l->drafts_n = 0;
    for (uint32_t row = 0; row <= drafted; row++) {
        const float *logits = fed->logits + (size_t)row * vocab;
        uint32_t at = l->history_n;

        if (propose_from(l, s, logits, row) != 0 || row == drafted ||
            (l->history[at] != drafts[row] && !SABOTAGE(ACCEPT_MORE))) {
            break;
        }
        accepted++;
        if (l->state != PROCTOR__LANE_STATE__LANE_GOES_ON) {
            break;
        }
    }
    if (drafted > 0) {
        l->drafted += drafted;
        l->accepted += accepted;
        adapt(l, drafted, accepted);
    }
    lane_roll_back(s->model, &l->cache, &l->dirty, l->history_n - 1);
    lane_roll_back(s->draft, &l->draft, &l->draft_dirty, l->history_n - 1);
}
