/* See lane.h. A worker's numbers are checked here before they count for anything.
 * Kernel process. */
#include "kernel/run/lane.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/plane.h"
#include "proto/blake3.h"
#include "proto/err.h"

enum { ENTROPY_BYTES = 32 << 20 /* a lane at rest is one message */ };

static void make_key(struct lane *l)
{
    static const char context[] = "proctor lane key 2";
    uint8_t tried = (uint8_t)l->tried; /* at most LIMIT_LANE_REPAIRS */
    struct blake3 h;

    blake3_init(&h);
    blake3_update(&h, context, sizeof(context) - 1);
    blake3_update(&h, l->draws.b, CID_BYTES);
    blake3_update(&h, &tried, sizeof(tried));
    blake3_final(&h, l->key);
}

/* Random numbers hang on what a text is, not on what drafts it, watches it, stops it
 * or cuts it off: with and without those, the same tokens are drawn. */
static int set_draws(struct lane *l)
{
    Proctor__LaneSpec s = *l->ask.m->spec;
    Proctor__Generation g = *l->ask.m;

    s.n_stop = s.n_traps = g.draft.len = g.n_injectors = 0;
    s.draft_tokens = s.max_tokens = s.context = s.repairs = 0;
    s.entropy = 0;
    g.spec = &s;
    return core_cid_message(&g.base, &l->draws);
}

/* To what l->parked says; NULL: the start of this try. */
static int go_back(struct lane *l)
{
    const Proctor__ParkedLane *p = l->parked;

    l->idle = l->since_park = 0;
    buf_reset(&l->entropies);
    if (p == NULL) {
        l->position = 0;
        memset(l->digest, 0, sizeof(l->digest));
        return emit_rewind(&l->emit, (struct ubytes){NULL, 0}, NULL, 0);
    }
    l->position = (uint32_t)p->position;
    if (p->digest.len == 32) {
        memcpy(l->digest, p->digest.data, 32);
    }
    TRY(buf_put(&l->entropies, p->entropies.data, p->entropies.len));
    return emit_rewind(&l->emit, field_bytes(&p->text), p->ids, p->n_ids);
}

static int load_parked(struct lane *l)
{
    struct cid image = engine_image(l->core->engine, WORKER_MODEL);
    const Proctor__ParkedLane *p;

    TRY(park_get(l->core, &l->ask.parked, &l->parked));
    p = l->parked;
    l->parked_cid = l->ask.parked;
    l->tried = p->tried;
    l->passes = p->passes;
    l->drafted = p->drafted;
    l->accepted = p->accepted;
    make_key(l);
    if (p->generation.len != CID_BYTES || p->image.len != CID_BYTES ||
        memcmp(p->generation.data, l->ask.generation.b, CID_BYTES) != 0 ||
        memcmp(p->key.data, l->key, 32) != 0) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    l->off_why = "its run went on";
    if (memcmp(p->image.data, image.b, CID_BYTES) != 0) {
        pb_free(&l->parked->base); /* laid out by another worker: from the start */
        l->parked = NULL;
        l->tried = 0;
        make_key(l);
        return 0;
    }
    return go_back(l);
}

/* What a lane is opened with is one message: its own size, not that of others. */
static int load_injectors(struct lane *l)
{
    size_t sum = protobuf_c_message_get_packed_size(&l->ask.m->spec->base) + 4096;

    for (size_t i = 0; i < l->ask.m->n_injectors; i++) {
        struct buf b;
        struct cid id;
        int code;

        if (i == LIMIT_LANE_TRAPS || sum > LIMIT_FRAME_BYTES) {
            return ERR_TRACE(ERR_LIMIT);
        }
        TRY(cid_from_field(&l->ask.m->injectors[i], &id));
        buf_init(&b, LIMIT_CML_TEXT_BYTES);
        code = store_get(l->core->store, &id, &b);
        l->injectors[i].data = buf_take(&b, &l->injectors[i].len);
        l->injectors_n = i + 1;
        TRY(code);
        sum += l->injectors[i].len;
    }
    return sum > LIMIT_FRAME_BYTES ? ERR_TRACE(ERR_LIMIT) : 0;
}

int lane_new(struct core *c, const struct lane_ask *ask, struct lane **out)
{
    struct lane *l = calloc(1, sizeof(*l));
    int code;

    if (l == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->core = c;
    l->ask = *ask;
    l->slot = -1;
    buf_init(&l->answer, LIMIT_FRAME_BYTES);
    buf_init(&l->entropies, ENTROPY_BYTES);
    code = emit_init(&l->emit, ask->m->spec, &c->budget);
    code = code == 0 ? set_draws(l) : code;
    make_key(l);
    code = code == 0 ? load_injectors(l) : code;
    if (code == 0 && !cid_is_zero(&ask->parked)) {
        code = load_parked(l);
    }
    if (code < 0) {
        lane_free(l);
        return ERR_TRACE(code);
    }
    *out = l;
    return 0;
}

void lane_free(struct lane *l)
{
    if (l == NULL) {
        return;
    }
    plane_leave(l);
    emit_release(&l->emit);
    buf_release(&l->answer);
    buf_release(&l->entropies);
    for (size_t i = 0; i < l->injectors_n; i++) {
        free(l->injectors[i].data);
    }
    pb_free((ProtobufCMessage *)l->parked);
    free(l);
}

void lane_end(struct lane *l, enum lane_decision d, int code, const char *fmt,
              ...)
{
    va_list args;

    if (l->over) {
        return;
    }
    l->over = 1;
    l->decision = d;
    l->code = code;
    va_start(args, fmt);
    vsnprintf(l->why, sizeof(l->why), fmt, args);
    va_end(args);
}

void lane_decide(struct lane *l, int decision)
{
    if (decision == LANE_REPAIR && l->tried >= l->emit.spec->repairs) {
        decision = LANE_BAIL;
    }
    lane_end(l, (enum lane_decision)decision, 0, "%s", l->emit.why);
}

void lane_again(struct lane *l)
{
    pb_free((ProtobufCMessage *)l->parked);
    l->parked = NULL;
    l->over = l->wants_park = l->stopped = 0;
    l->idle = l->since_park = l->position = 0;
    l->tried++;
    make_key(l);
    buf_reset(&l->entropies);
    memset(l->digest, 0, sizeof(l->digest));
    emit_restart(&l->emit);
}

/* What a worker may say about a text. NULL: it is sound. */
static const char *check_tokens(const struct lane *l, const Proctor__LaneDone *d,
                                const struct lane_limits *limits)
{
    int is_text = l->ask.m->what == PROCTOR__LANE_WHAT__LANE_GENERATE;

    if (d->n_tokens > l->asked || (!is_text && d->n_tokens > 0)) {
        return "more tokens than were asked for";
    }
    for (size_t i = 0; i < d->n_tokens; i++) {
        const Proctor__LaneToken *t = d->tokens[i];

        if (t->id >= limits->vocab || t->bytes.len > LIMIT_TOKEN_BYTES ||
            (t->ends && (i + 1 < d->n_tokens || t->bytes.len > 0))) {
            return "a token that no model has";
        }
    }
    if ((d->state == PROCTOR__LANE_STATE__LANE_END) !=
        (d->n_tokens > 0 && d->tokens[d->n_tokens - 1]->ends)) {
        return "an end that is none";
    }
    if ((d->state == PROCTOR__LANE_STATE__LANE_STUCK &&
         l->emit.automaton == NULL) ||
        (d->state == PROCTOR__LANE_STATE__LANE_STOPPED &&
         l->emit.spec->n_traps == 0)) {
        return "a stop that nothing asked for";
    }
    return NULL;
}

static const char *check_counts(const struct lane *l, const Proctor__LaneDone *d,
                                uint32_t passes,
                                const struct lane_limits *limits)
{
    if (d->state > PROCTOR__LANE_STATE__LANE_NONFINITE || d->passes > passes ||
        d->accepted > d->drafted ||
        (l->emit.spec->draft_tokens == 0 && d->drafted > 0) ||
        d->drafted > (uint64_t)LIMIT_DRAFT_TOKENS * passes ||
        d->position > limits->context || d->entropies.len % 4 != 0 ||
        (d->entropies.len > 0 && !l->emit.spec->entropy) ||
        d->entropies.len / 4 > LIMIT_LAYERS * d->n_tokens ||
        (d->digest.len != 0 && d->digest.len != 32)) {
        return "counts that cannot be";
    }
    if ((d->state == PROCTOR__LANE_STATE__LANE_ANSWERED) !=
            (d->answer.len > 0) ||
        (d->answer.len > 0 &&
         l->ask.m->what == PROCTOR__LANE_WHAT__LANE_GENERATE)) {
        return "an answer that is none";
    }
    return check_tokens(l, d, limits);
}

static int is_best(const Proctor__LaneAnswer *a)
{
    size_t best = 0;

    for (size_t i = 1; i < a->n_choices; i++) {
        if (a->choices[i]->log_likelihood / a->choices[i]->tokens >
            a->choices[best]->log_likelihood / a->choices[best]->tokens) {
            best = i;
        }
    }
    return a->best == best;
}

/* Scores or logits, of as many things as were asked about. */
static const char *check_answer(const struct lane *l,
                                const Proctor__LaneAnswer *a,
                                const struct lane_limits *limits)
{
    const Proctor__LaneSpec *s = l->emit.spec;
    uint64_t rows = s->all_positions ? l->prompt_n : 1;
    int is_logits = l->ask.m->what == PROCTOR__LANE_WHAT__LANE_LOGITS;

    if (a->n_choices != s->n_choices ||
        a->logits.len != (is_logits ? rows * limits->vocab * 4 : 0) ||
        a->n_tokens != (is_logits ? l->prompt_n : 0)) {
        return "an answer to something else";
    }
    for (size_t i = 0; i < a->n_choices; i++) {
        if (isnan(a->choices[i]->log_likelihood) ||
            a->choices[i]->tokens == 0 ||
            a->choices[i]->tokens > limits->context) {
            return "a score that is none";
        }
    }
    for (size_t i = 0; i < a->n_tokens; i++) {
        if (a->tokens[i] >= limits->vocab) {
            return "a token that no model has";
        }
    }
    return l->ask.m->what == PROCTOR__LANE_WHAT__LANE_CLASSIFY && !is_best(a)
               ? "a best choice that is not"
               : NULL;
}

static int take_answer(struct lane *l, const Proctor__LaneDone *d,
                       const struct lane_limits *limits)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    const char *lie = "an answer that is none";
    int code = pb_decode(&proctor__lane_answer__descriptor,
                         field_bytes(&d->answer), LIMIT_FRAME_BYTES, &m);

    if (code == ERR_NOMEM) {
        return ERR_TRACE(code);
    }
    if (code == 0) {
        lie = check_answer(l, (const Proctor__LaneAnswer *)m, limits);
    }
    if (lie != NULL) {
        err_trace_clear();
        lane_end(l, LANE_REJECT, 0, "its worker gave %s", lie);
        return 0;
    }
    TRY(buf_put(&l->answer, d->answer.data, d->answer.len));
    lane_end(l, LANE_EMIT, 0, "%s", "");
    return 0;
}

int lane_take(struct lane *l, const Proctor__LaneDone *d, uint32_t passes,
              const struct lane_limits *limits)
{
    const char *lie = check_counts(l, d, passes, limits);
    int code;

    if (lie != NULL) {
        lane_end(l, LANE_REJECT, 0, "its worker gave %s", lie);
        return 0;
    }
    l->passes += d->passes;
    l->drafted += d->drafted;
    l->accepted += d->accepted;
    l->position = d->position;
    l->since_park++;
    l->idle = d->n_tokens > 0 ? 0 : l->idle + 1;
    if (d->digest.len == 32) {
        memcpy(l->digest, d->digest.data, 32);
    }
    code = buf_put(&l->entropies, d->entropies.data, d->entropies.len);
    if (code == ERR_LIMIT) {
        err_trace_clear();
        lane_end(l, LANE_BAIL, 0, "more than %d bytes of entropies", ENTROPY_BYTES);
        return 0;
    }
    TRY(code);
    if (d->state == PROCTOR__LANE_STATE__LANE_NONFINITE) {
        lane_end(l, LANE_BAIL, 0, "a logit is no number: the weights are broken");
        return 0;
    }
    if (d->state == PROCTOR__LANE_STATE__LANE_ANSWERED) {
        return take_answer(l, d, limits);
    }
    if (l->ask.m->what != PROCTOR__LANE_WHAT__LANE_GENERATE &&
        d->state == PROCTOR__LANE_STATE__LANE_FULL) {
        lane_end(l, LANE_BAIL, 0, "the prompt is longer than the context");
        return 0;
    }
    code = emit_take(&l->emit, d->tokens, d->n_tokens, d->state);
    TRY(code < 0 ? code : 0);
    if (code > 0) {
        lane_decide(l, code);
    } else if (d->state == PROCTOR__LANE_STATE__LANE_STOPPED) {
        l->stopped = l->ask.holds;
        l->wants_park = 1;
    } else if (l->idle > limits->context) { /* a pass holds one token at least */
        lane_end(l, LANE_REJECT, 0, "its worker computes and proposes nothing");
    }
    if (d->n_tokens > 0 && l->ask.on_text != NULL) {
        l->ask.on_text(l->ask.ctx, l);
    }
    return 0;
}

static int record_lane(struct lane *l, uint64_t bytes, const char *why)
{
    struct record r;
    uint64_t seq;

    record_init(&r, RECORD_LANE);
    record_set_u(&r, RF_LANE_run, l->core->run_seq);
    record_set_str(&r, RF_LANE_task, l->ask.task);
    record_set_hash(&r, RF_LANE_generation, l->ask.generation.b);
    record_set_hash(&r, RF_LANE_parked, l->parked_cid.b);
    record_set_u(&r, RF_LANE_tokens, l->emit.n);
    record_set_u(&r, RF_LANE_position, l->position);
    record_set_u(&r, RF_LANE_bytes, bytes);
    record_set_str(&r, RF_LANE_why, why);
    return core_record(l->core, &r, &seq);
}

int lane_record_went_on(struct lane *l)
{
    struct record r;
    uint64_t seq;

    l->went_on++;
    record_init(&r, RECORD_WENT_ON);
    record_set_u(&r, RF_WENT_ON_run, l->core->run_seq);
    record_set_str(&r, RF_WENT_ON_task, l->ask.task);
    record_set_hash(&r, RF_WENT_ON_generation, l->ask.generation.b);
    if (l->parked != NULL) {
        record_set_hash(&r, RF_WENT_ON_parked, l->parked_cid.b);
    }
    record_set_u(&r, RF_WENT_ON_tokens, l->emit.n);
    record_set_str(&r, RF_WENT_ON_why, l->off_why);
    return core_record(l->core, &r, &seq);
}

int lane_park(struct lane *l, const Proctor__LaneParked *m, int area_fd,
              uint64_t lane_bytes, const char *why)
{
    Proctor__ParkedLane p = PROCTOR__PARKED_LANE__INIT;
    struct cid image = engine_image(l->core->engine, WORKER_MODEL);
    CLEANUP(mem_freep) uint32_t *ids = calloc(l->emit.n + 1u, sizeof(*ids));
    struct ubytes raw = emit_ids(&l->emit);
    struct cid cid;
    uint64_t bytes;
    int code;

    if (ids == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (m->tokens != l->emit.n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (raw.n > 0) {
        memcpy(ids, raw.p, raw.n); /* little endian, as x86-64 is */
    }
    p.generation = cid_field(&l->ask.generation);
    p.key = (ProtobufCBinaryData){sizeof(l->key), l->key};
    p.lane_bytes = lane_bytes;
    p.tokens = l->emit.n;
    p.text = bytes_field(buf_bytes(&l->emit.text));
    p.image = cid_field(&image);
    p.ids = ids;
    p.n_ids = l->emit.n;
    p.tried = l->tried;
    p.passes = l->passes;
    p.drafted = l->drafted;
    p.accepted = l->accepted;
    p.position = l->position;
    p.entropies = bytes_field(buf_bytes(&l->entropies));
    p.digest = (ProtobufCBinaryData){sizeof(l->digest), l->digest};
    code = park_put(l->core, area_fd, (uint64_t)l->slot * lane_bytes, m->extents,
                    m->n_extents, l->parked, &p, &cid, &bytes);
    if (code != 0) {
        return code;
    }
    pb_free((ProtobufCMessage *)l->parked);
    l->parked = NULL;
    TRY(park_get(l->core, &cid, &l->parked));
    l->parked_cid = cid;
    l->since_park = 0;
    l->wants_park = 0;
    return record_lane(l, bytes, why);
}

int lane_lose(struct lane *l, int counts, const char *why)
{
    l->slot = -1;
    l->wants_park = l->wants_slot = 0;
    if (l->over) {
        return 0;
    }
    l->losses += counts != 0;
    if (l->losses > LIMIT_LANE_RESTARTS) {
        lane_end(l, LANE_BAIL, 0, "%u workers were lost with it; the last %s",
                 l->losses, why);
        return 0;
    }
    l->off_why = why;
    return go_back(l);
}
