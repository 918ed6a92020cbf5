/* See emit.h. A token that was refused is in neither text nor ids. Kernel process;
 * no message is sent and no clock read. */
#include "kernel/run/emit.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

int emit_init(struct emit *e, const Proctor__LaneSpec *spec, struct budget *b)
{
    memset(e, 0, sizeof(*e));
    e->spec = spec;
    e->budget = b;
    buf_init(&e->text, LIMIT_LANE_TEXT_BYTES);
    buf_init(&e->ids_, 4u * LIMIT_LANE_TOKENS);
    if (spec->grammar != NULL) {
        TRY(automaton_read((struct ubytes){spec->grammar->automaton.data,
                                           spec->grammar->automaton.len},
                           &e->automaton));
        automaton_start(e->automaton, &e->at);
    }
    return 0;
}

void emit_release(struct emit *e)
{
    automaton_free(e->automaton);
    buf_release(&e->text);
    buf_release(&e->ids_);
}

struct ubytes emit_ids(const struct emit *e)
{
    return (struct ubytes){buf_bytes(&e->ids_).p, 4 * (size_t)e->n};
}

void emit_restart(struct emit *e)
{
    buf_reset(&e->text);
    buf_reset(&e->ids_);
    e->n = 0;
    if (e->automaton != NULL) {
        automaton_start(e->automaton, &e->at);
    }
}

static int step_all(struct emit *e, struct ubytes bytes)
{
    for (size_t i = 0; e->automaton != NULL && i < bytes.n; i++) {
        int code = automaton_step(e->automaton, &e->at, bytes.p[i]);

        if (code != 0) {
            return code;
        }
    }
    return 0;
}

/* The next id: what was said before a worker was lost is said again. */
static int add_id(struct emit *e, uint32_t id)
{
    uint8_t b[4] = {(uint8_t)id, (uint8_t)(id >> 8), (uint8_t)(id >> 16),
                    (uint8_t)(id >> 24)};
    struct ubytes known = buf_bytes(&e->ids_);

    if (known.n > 4 * (size_t)e->n) {
        if (memcmp(known.p + 4 * (size_t)e->n, b, 4) != 0) {
            return ERR_INPUT;
        }
    } else {
        TRY(buf_put(&e->ids_, b, sizeof(b)));
    }
    e->n++;
    return 0;
}

int emit_rewind(struct emit *e, struct ubytes text, const uint32_t *ids,
                size_t n)
{
    buf_reset(&e->text);
    e->n = 0;
    if (e->automaton != NULL) {
        automaton_start(e->automaton, &e->at);
    }
    for (size_t i = 0; i < n; i++) {
        TRY(add_id(e, ids[i]));
    }
    TRY(buf_put(&e->text, text.p, text.n));
    return step_all(e, text) == 0 ? 0 : ERR_TRACE(ERR_INPUT);
}

/* Where the first stop string begins that ends behind byte `from`; SIZE_MAX. */
static size_t find_stop(const struct emit *e, size_t from)
{
    struct ubytes t = buf_bytes(&e->text);
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < e->spec->n_stop; i++) {
        const ProtobufCBinaryData *s = &e->spec->stop[i];
        size_t at = from + 1 > s->len ? from + 1 - s->len : 0;
        const uint8_t *p =
            t.n < s->len ? NULL : memmem(t.p + at, t.n - at, s->data, s->len);

        if (p != NULL && (size_t)(p - t.p) < best) {
            best = (size_t)(p - t.p);
        }
    }
    return best;
}

/* The text is over: may it be? */
static int end(struct emit *e, const char *why)
{
    int is_whole =
        e->automaton == NULL || automaton_accepts(e->automaton, &e->at);

    snprintf(e->why, sizeof(e->why), "%s%s", why,
             is_whole ? "" : ", where its grammar lets no text end");
    return is_whole ? LANE_EMIT : LANE_REPAIR;
}

static int cut(struct emit *e, size_t at)
{
    buf_truncate(&e->text, at);
    if (e->automaton != NULL) {
        automaton_start(e->automaton, &e->at);
        TRY(step_all(e, buf_bytes(&e->text)));
    }
    return end(e, "a stop string");
}

static int lie(struct emit *e, const char *what, uint32_t id)
{
    snprintf(e->why, sizeof(e->why), "its worker proposed token %u (the %uth) %s",
             id, e->n + 1, what);
    return LANE_REJECT;
}

static int take_one(struct emit *e, const Proctor__LaneToken *t)
{
    size_t before = buf_len(&e->text);
    struct ubytes bytes = {t->bytes.data, t->bytes.len};
    size_t stop;
    int code;

    if (budget_charge(e->budget, BUDGET_TOKENS, 1) != 0) {
        snprintf(e->why, sizeof(e->why), "budgets.tokens is used up (%llu)",
                 (unsigned long long)budget_limit(e->budget, BUDGET_TOKENS));
        return LANE_BAIL;
    }
    e->charged++;
    if (t->ends && e->automaton != NULL &&
        !automaton_accepts(e->automaton, &e->at)) {
        return lie(e, "that ends the text where its grammar does not", t->id);
    }
    if (step_all(e, bytes) != 0) {
        return lie(e, "outside of its grammar", t->id);
    }
    code = add_id(e, t->id);
    if (code != 0) {
        return code == ERR_INPUT ? lie(e, "where another stood before", t->id)
                                 : code;
    }
    if (t->ends) {
        return end(e, "");
    }
    code = buf_put(&e->text, bytes.p, bytes.n);
    if (code == ERR_LIMIT) {
        err_trace_clear();
        return end(e, "the text is as long as a text may be");
    }
    TRY(code);
    stop = find_stop(e, before);
    if (stop != SIZE_MAX) {
        return cut(e, stop);
    }
    if (e->automaton != NULL && !automaton_can_go_on(e->automaton, &e->at)) {
        return end(e, "");
    }
    return e->n == e->spec->max_tokens ? end(e, "max_tokens") : 0;
}

int emit_take(struct emit *e, Proctor__LaneToken *const *tokens, size_t n,
              Proctor__LaneState state)
{
    for (size_t i = 0; i < n; i++) {
        int code = take_one(e, tokens[i]);

        if (code != 0) { /* the others were proposed, too */
            budget_settle(e->budget, BUDGET_TOKENS, n - i - 1);
            e->charged += n - i - 1;
            return code;
        }
    }
    if (state == PROCTOR__LANE_STATE__LANE_FULL) {
        return end(e, "no position is left");
    }
    if (state == PROCTOR__LANE_STATE__LANE_STUCK) {
        snprintf(e->why, sizeof(e->why), "no token keeps to the grammar");
        return LANE_REPAIR;
    }
    return 0;
}

size_t emit_safe_n(const struct emit *e)
{
    size_t most = 1;

    for (size_t i = 0; i < e->spec->n_stop; i++) {
        most = e->spec->stop[i].len > most ? e->spec->stop[i].len : most;
    }
    return buf_len(&e->text) > most - 1 ? buf_len(&e->text) - (most - 1) : 0;
}
