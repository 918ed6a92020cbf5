/* A session: made, its lanes opened, advanced and closed. */
#include "workers/model/session.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "workers/model/mask.h"
#include "workers/model/session_int.h"
#include "workers/nn/panel.h"

static const struct loc nowhere = {NULL, 0, 0};

int session_blame(int code, const char *whose, struct diag *d)
{
    char what[sizeof(d->what)];

    if (code != 0 && d->code != 0) {
        memcpy(what, d->what, sizeof(what));
        snprintf(d->what, sizeof(d->what), "the %s: %.220s", whose, what);
    }
    return code;
}

static int same_token(const struct tokenizer *a, const struct tokenizer *b,
                      uint32_t id)
{
    struct ubytes x = tokenizer_text(a, id), y = tokenizer_text(b, id);

    return tokenizer_kind(a, id) == tokenizer_kind(b, id) && x.n == y.n &&
           memcmp(x.p, y.p, x.n) == 0 &&
           tokenizer_is_end(a, id) == tokenizer_is_end(b, id);
}

static int read_draft(struct session *s, const struct gguf *g, struct diag *d)
{
    struct tokenizer *t = NULL;
    uint32_t n = tokenizer_n(s->tokenizer);
    int code = session_blame(tokenizer_new(g, &t, d), "draft", d);
    int same = code == 0 && t != NULL && tokenizer_n(t) == n;

    for (uint32_t i = 0; same && i < n; i++) {
        same = same_token(s->tokenizer, t, i);
    }
    tokenizer_free(t);
    TRY(code);
    if (!same) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the draft model has another vocabulary than the "
                        "model: its tokens mean something else");
    }
    TRY(session_blame(model_new(g, &s->draft, d), "draft", d));
    if (model_shape(s->draft)->vocab != model_shape(s->model)->vocab) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the draft model has logits of %u tokens, the model "
                        "of %u",
                        model_shape(s->draft)->vocab,
                        model_shape(s->model)->vocab);
    }
    return 0;
}

static int read_models(struct session *s, const struct gguf *model,
                       const struct gguf *draft, struct diag *d)
{
    uint32_t vocab;

    TRY(session_blame(tokenizer_new(model, &s->tokenizer, d), "model", d));
    if (s->tokenizer == NULL) {
        return diag_set(
            d, ERR_INPUT, nowhere,
            "the model has no tokenizer: no text can become tokens");
    }
    TRY(session_blame(model_new(model, &s->model, d), "model", d));
    vocab = model_shape(s->model)->vocab;
    if (tokenizer_n(s->tokenizer) != vocab) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the model has logits of %u tokens, its tokenizer has "
                        "%u tokens",
                        vocab, tokenizer_n(s->tokenizer));
    }
    return draft == NULL ? 0 : read_draft(s, draft, d);
}

static int read_config(const struct session *s, const struct session_config *in,
                       struct session_config *out, struct diag *d)
{
    uint32_t most = model_shape(s->model)->context;

    *out = *in;
    out->context = in->context == 0 ? SESSION_CONTEXT : in->context;
    out->context = out->context < most ? out->context : most;
    out->batch = in->batch == 0 ? SESSION_BATCH : in->batch;
    if (out->batch > SESSION_BATCH_MAX || out->lanes < 1 ||
        out->lanes > SESSION_LANES_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "%u lanes and a batch of %u, expected 1..%u and 1..%u",
                        out->lanes, out->batch, SESSION_LANES_MAX,
                        SESSION_BATCH_MAX);
    }
    out->batch = out->batch < out->context ? out->batch : out->context;
    return 0;
}

/* What may be proposed without a grammar: all but the marks of facts. */
static int make_plain(struct session *s, size_t bytes)
{
    const struct fact_marks *m = &s->shared.marks;

    if (m->open == TOKENIZER_NONE && m->close == TOKENIZER_NONE) {
        return 0;
    }
    s->plain = malloc(bytes);
    if (s->plain == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(s->plain, 0xff, bytes);
    if (m->open != TOKENIZER_NONE) {
        s->plain[m->open / 8] &= (uint8_t) ~(1u << m->open % 8);
    }
    if (m->close != TOKENIZER_NONE) {
        s->plain[m->close / 8] &= (uint8_t) ~(1u << m->close % 8);
    }
    return 0;
}

static int make_scratch(struct session *s)
{
    size_t vocab = model_shape(s->model)->vocab, lanes = s->lanes_n;
    size_t bits = (vocab + 63) / 64 * 8;

    s->shared.marks = fact_marks(s->tokenizer);
    TRY(make_plain(s, bits));
    TRY(sampler_new(vocab, &s->shared.sampler));
    TRY(tap_init(&s->tap, s->model, lanes));
    s->allowed = calloc(bits, 1);
    s->logits = calloc(lanes * LANE_ROWS * vocab, sizeof(float));
    s->draft_logits =
        calloc(s->draft == NULL ? 1 : lanes * vocab, sizeof(float));
    s->lanes = calloc(lanes, sizeof(*s->lanes));
    s->members = calloc(lanes, sizeof(*s->members));
    s->passing = calloc(lanes, sizeof(*s->passing));
    s->feed = calloc(lanes, sizeof(*s->feed));
    s->places = calloc(lanes, sizeof(*s->places));
    s->lane_done = calloc(lanes, sizeof(*s->lane_done));
    s->lane_done_p = calloc(lanes, sizeof(*s->lane_done_p));
    s->digests = calloc(lanes, sizeof(*s->digests));
    if (s->allowed == NULL || s->logits == NULL || s->draft_logits == NULL ||
        s->lanes == NULL || s->members == NULL || s->passing == NULL ||
        s->feed == NULL || s->places == NULL || s->lane_done == NULL ||
        s->lane_done_p == NULL || s->digests == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return 0;
}

static int make(struct session *s, const struct gguf *model,
                const struct gguf *draft, const struct session_config *in,
                struct diag *d)
{
    struct session_config c;

    TRY(read_models(s, model, draft, d));
    TRY(read_config(s, in, &c, d));
    if (s->draft != NULL && model_shape(s->draft)->context < c.context) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the draft model has %u positions, the lanes %u",
                        model_shape(s->draft)->context, c.context);
    }
    if (state_layout(s->model, s->draft, c.context, c.batch,
                     &s->shared.layout) != 0) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "a lane of %u positions is larger than memory",
                        c.context);
    }
    s->lanes_n = c.lanes;
    TRY(make_scratch(s));
    TRY(mask_new(s->tokenizer, &s->mask));
    TRY(pass_new(s->model, c.batch + 2 * (size_t)LANE_ROWS * c.lanes, c.lanes,
                 &s->pass));
    if (s->draft != NULL) {
        TRY(pass_new(s->draft, c.batch, c.lanes, &s->draft_pass));
    }
    s->shared.model = s->model;
    s->shared.draft = s->draft;
    s->shared.tokenizer = s->tokenizer;
    s->shared.mask = s->mask;
    s->shared.plain = s->plain;
    s->shared.allowed = s->allowed;
    return 0;
}

int session_new(const struct gguf *model, const struct gguf *draft,
                const struct session_config *c, struct session **out,
                struct diag *d)
{
    struct session *s = calloc(1, sizeof(*s));
    int code;

    *out = NULL;
    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    code = make(s, model, draft, c, d);
    if (code != 0) {
        session_free(s);
        return ERR_TRACE(code);
    }
    *out = s;
    return 0;
}

void session_free(struct session *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; s->lanes != NULL && i < s->lanes_n; i++) {
        lane_close(&s->lanes[i]);
    }
    pass_free(s->pass);
    pass_free(s->draft_pass);
    mask_free(s->mask);
    tap_release(&s->tap);
    sampler_free(s->shared.sampler);
    free(s->plain);
    free(s->allowed);
    free(s->logits);
    free(s->draft_logits);
    free(s->lanes);
    free(s->members);
    free(s->passing);
    free(s->feed);
    free(s->places);
    free(s->lane_done);
    free(s->lane_done_p);
    free(s->digests);
    extents_release(&s->changed);
    free(s->extents);
    free(s->extents_p);
    tokenizer_free(s->tokenizer);
    model_free(s->draft);
    model_free(s->model);
    free(s);
}

void session_ready(const struct session *s, Proctor__SessionReady *out)
{
    out->lane_bytes = s->shared.layout.bytes;
    out->context = s->shared.layout.context;
    out->vocab = model_shape(s->model)->vocab;
    out->batch = s->shared.layout.batch;
    out->route = pb_str(panels_routes());
}

void session_area(struct session *s, uint8_t *area)
{
    s->area = area;
}

const struct lane *session_lane(const struct session *s, uint32_t lane)
{
    return &s->lanes[lane];
}

static int open_lane(struct session *s, const Proctor__LaneOpen *m,
                     struct lane *l, struct diag *d)
{
    uint8_t *area = s->area + m->lane * s->shared.layout.bytes;
    struct lane_spec spec;
    int code = lane_spec_read(&s->shared, m, &spec, d);

    if (code == 0 && m->resumes) {
        code = lane_resume(l, &s->shared, area, &spec, m->key.data, d);
    } else if (code == 0) {
        code = lane_begin(l, &s->shared, area, &spec, m->key.data);
    }
    lane_spec_release(&spec);
    return d->code != 0 ? 0 : code;
}

int session_open(struct session *s, const Proctor__LaneOpen *m,
                 Proctor__LaneOpened *out, struct diag *d)
{
    struct lane *l;

    if (s->area == NULL || m->lane >= s->lanes_n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    l = &s->lanes[m->lane];
    lane_close(l);
    TRY(open_lane(s, m, l, d));
    out->lane = m->lane;
    if (d->code == 0) {
        out->prompt_tokens = (uint32_t)l->spec.prompt.n;
        out->tokens =
            m->resumes ? l->history_n - (uint32_t)l->spec.prompt.n : 0;
        out->tokens =
            m->what == PROCTOR__LANE_WHAT__LANE_GENERATE ? out->tokens : 0;
    }
    return 0;
}

int session_close(struct session *s, uint32_t lane)
{
    if (lane >= s->lanes_n || !s->lanes[lane].is_open) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    lane_close(&s->lanes[lane]);
    return 0;
}
