/* What a lane shall do, from LANE_OPEN. The message is the kernel's; the texts,
 * the automaton and the injectors in it are a user's. */
#include "workers/model/lane.h"

#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "workers/model/inject.h"
#include "workers/model/mask.h"

static const struct loc nowhere = {NULL, 0, 0};

void lane_spec_release(struct lane_spec *spec)
{
    tokens_release(&spec->prompt);
    mask_grammar_free(spec->grammar);
    automaton_free(spec->automaton);
    for (size_t i = 0; i < spec->choices_n; i++) {
        tokens_release(&spec->choices[i]);
    }
    free(spec->choices);
    for (size_t i = 0; i < spec->traps_n; i++) {
        injector_free(spec->traps[i].injector);
    }
    free(spec->traps);
    free(spec->experts);
    memset(spec, 0, sizeof(*spec));
}

/* Everything that the lane's bits depend on: the message without what is of
 * scheduling, what the kernel keeps to itself, and where things came from. */
static int digest(const struct shared *s, const Proctor__LaneOpen *m,
                  uint8_t out[static 32])
{
    struct buf bytes CLEANUP(buf_release);
    Proctor__LaneOpen open = *m;
    Proctor__LaneSpec spec = *m->spec;
    struct blake3 h;

    buf_init(&bytes, 2 * (size_t)LIMIT_FRAME_BYTES);
    spec.weights = spec.prompt_file = spec.prompt_of = spec.draft = pb_str("");
    spec.max_tokens = spec.repairs = spec.quantum = spec.park_every = 0;
    spec.deadline = 0;
    spec.n_stop = 0;
    open.lane = 0;
    open.key = (ProtobufCBinaryData){0, NULL};
    open.resumes = 0;
    open.spec = &spec;
    TRY(pb_encode(&open.base, &bytes));
    blake3_init(&h);
    blake3_update(&h, model_shape(s->model), sizeof(struct model_shape));
    if (s->draft != NULL) {
        blake3_update(&h, model_shape(s->draft), sizeof(struct model_shape));
    }
    blake3_update(&h, buf_bytes(&bytes).p, buf_len(&bytes));
    blake3_final(&h, out);
    return 0;
}

static int read_sampling(const Proctor__LaneSpec *m, struct lane_spec *out,
                         struct diag *d)
{
    if (m->sampling != NULL) {
        out->sampling.temperature = m->sampling->temperature;
        out->sampling.top_k = m->sampling->top_k;
        out->sampling.top_p = m->sampling->top_p;
        out->sampling.min_p = m->sampling->min_p;
    }
    if (sampling_check(&out->sampling) != 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the sampling is out of range: temperature >= 0, top_p "
                        "and min_p in [0, 1]");
    }
    if (m->draft_tokens > LANE_DRAFTS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "draft_tokens is %u, the limit is %u", m->draft_tokens,
                        LANE_DRAFTS_MAX);
    }
    out->drafts = m->draft_tokens;
    return 0;
}

static int read_grammar(const struct shared *s, const Proctor__LaneSpec *m,
                        struct lane_spec *out, struct diag *d)
{
    int code;

    if (m->grammar == NULL || m->grammar->automaton.len == 0) {
        return 0;
    }
    code = automaton_read(field_bytes(&m->grammar->automaton), &out->automaton);
    if (code != 0 && code != ERR_NOMEM) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the grammar's automaton is not one: %s",
                        err_text(code));
    }
    TRY(code);
    return mask_grammar_new(s->mask, out->automaton, &out->grammar);
}

static int read_choices(const struct shared *s, const Proctor__LaneSpec *m,
                        struct lane_spec *out, struct diag *d)
{
    int is_one = out->what == PROCTOR__LANE_WHAT__LANE_SCORE;
    size_t least = is_one ? 1 : 2;

    if (!is_one && out->what != PROCTOR__LANE_WHAT__LANE_CLASSIFY) {
        return 0;
    }
    if (m->n_choices < least || m->n_choices > LANE_CHOICES_MAX) {
        return diag_set(d, ERR_INPUT, nowhere, "%zu choices, expected %zu..%u",
                        m->n_choices, least, LANE_CHOICES_MAX);
    }
    out->choices = calloc(m->n_choices, sizeof(*out->choices));
    if (out->choices == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    out->choices_n = m->n_choices;
    for (size_t i = 0; i < m->n_choices; i++) {
        TRY(text_encode(s->tokenizer, field_bytes(&m->choices[i]),
                        &out->choices[i], d));
        if (out->choices[i].n == 0) {
            return diag_set(d, ERR_INPUT, nowhere, "choice %zu is empty",
                            i + 1);
        }
    }
    return 0;
}

static int read_experts(const struct shared *s, const Proctor__LaneSpec *m,
                        struct lane_spec *out, struct diag *d)
{
    const struct model_shape *shape = model_shape(s->model);
    size_t n = 0;

    if (shape->experts == 0 && (m->n_experts > 0 || m->entropy)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the model has no experts, so none can be chosen and "
                        "no router has an entropy");
    }
    if (m->n_experts == 0) {
        return 0;
    }
    out->experts = calloc(shape->experts, 1);
    if (out->experts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < m->n_experts; i++) {
        if (m->experts[i] >= shape->experts) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "expert %u, the model has 0..%u", m->experts[i],
                            shape->experts - 1);
        }
        n += out->experts[m->experts[i]] == 0;
        out->experts[m->experts[i]] = 1;
    }
    if (n < shape->experts_used) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%zu experts may be chosen, each token needs %u", n,
                        shape->experts_used);
    }
    return 0;
}

static int read_trap(const struct shared *s, const Proctor__LayerTrap *m,
                     const struct ubytes *injector, struct lane_trap *out,
                     struct diag *d)
{
    const struct model_shape *shape = model_shape(s->model);

    if (m->layer >= shape->layers) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "a trap at layer %u, the model has 0..%u", m->layer,
                        shape->layers - 1);
    }
    out->layer = m->layer;
    out->when = m->after ? TRAP_AFTER : TRAP_BEFORE;
    out->act = m->act;
    out->pass = m->pass;
    if (m->act == PROCTOR__LAYER_ACT__LAYER_INJECT) {
        return injector_new(*injector, shape->width, m->value, m->n_value,
                            (size_t)s->layout.batch + LANE_ROWS, &out->injector,
                            d);
    }
    return 0;
}

static int read_traps(const struct shared *s, const Proctor__LaneOpen *m,
                      struct lane_spec *out, struct diag *d)
{
    const Proctor__LaneSpec *spec = m->spec;
    size_t injectors = 0;

    if (spec->n_traps > LANE_TRAPS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere, "%zu traps, the limit is %u",
                        spec->n_traps, LANE_TRAPS_MAX);
    }
    out->traps = calloc(spec->n_traps + 1, sizeof(*out->traps));
    if (out->traps == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    out->traps_n = spec->n_traps;
    for (size_t i = 0; i < spec->n_traps; i++) {
        struct ubytes file = {NULL, 0};

        if (spec->traps[i]->act == PROCTOR__LAYER_ACT__LAYER_INJECT) {
            if (injectors == m->n_injectors) {
                return ERR_TRACE(ERR_PROTOCOL);
            }
            file = field_bytes(&m->injectors[injectors++]);
        }
        out->digests |= spec->traps[i]->act == PROCTOR__LAYER_ACT__LAYER_DIGEST;
        TRY(read_trap(s, spec->traps[i], &file, &out->traps[i], d));
    }
    return injectors == m->n_injectors ? 0 : ERR_TRACE(ERR_PROTOCOL);
}

/* Positions: its own limit, and what its prompt and choices need of it. */
static int check_room(const struct shared *s, const Proctor__LaneSpec *m,
                      struct lane_spec *out, struct diag *d)
{
    uint32_t vocab = model_shape(s->model)->vocab;
    size_t longest = 0, needed;

    out->limit = s->layout.context;
    if (m->context != 0 && m->context < out->limit) {
        out->limit = m->context;
    }
    for (size_t i = 0; i < out->choices_n; i++) {
        longest = out->choices[i].n > longest ? out->choices[i].n : longest;
    }
    if (out->what == PROCTOR__LANE_WHAT__LANE_GENERATE) {
        longest = 1;
    }
    needed = out->prompt.n + longest;
    if (needed > out->limit) {
        (void)diag_set(d, ERR_LIMIT, nowhere,
                       "the prompt has %zu tokens and needs room for %zu more, "
                       "the context has %u",
                       out->prompt.n, longest, out->limit);
        diag_hint(d, "shorten the prompt or raise context");
        return ERR_LIMIT;
    }
    if (answer_bytes_max(out, vocab) > LANE_LOGITS_BYTES_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the logits of %zu positions of %u tokens do not fit "
                        "into %u bytes",
                        out->prompt.n, vocab, LANE_LOGITS_BYTES_MAX);
    }
    return 0;
}

int lane_spec_read(const struct shared *s, const Proctor__LaneOpen *m,
                   struct lane_spec *out, struct diag *d)
{
    memset(out, 0, sizeof(*out));
    if (m->spec == NULL || m->key.len != sizeof(((struct lane *)0)->key)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    out->what = (Proctor__LaneWhat)m->what;
    if (m->what > PROCTOR__LANE_WHAT__LANE_CLASSIFY) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    out->all_positions = m->spec->all_positions;
    out->entropy = m->spec->entropy;
    out->width = model_shape(s->model)->width;
    TRY(read_sampling(m->spec, out, d));
    TRY(prompt_encode(s->tokenizer, &s->marks, m->spec, &out->prompt, d));
    TRY(read_choices(s, m->spec, out, d));
    TRY(check_room(s, m->spec, out, d));
    TRY(read_grammar(s, m->spec, out, d));
    TRY(read_experts(s, m->spec, out, d));
    TRY(read_traps(s, m, out, d));
    return digest(s, m, out->digest);
}
