/* Values of the engine's state and its bytes. Runs in worker-train. Bytes come
 * from a checkpoint: whatever they hold, they are refused or mean a state that
 * the machine could have been in. Times are not stored: the same run has the
 * same bytes. */
#include <string.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/text.h"
#include "workers/train/engine.h"
#include "workers/train/engine_int.h"

#define STATE_MAGIC 0x50454e47u /* "PENG" */
#define STATE_VERSION 1u

/* ---- Values ---- */

static struct engine_entry *entry_find(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->values_n; i++) {
        if (strcmp(e->values[i].name, name) == 0) {
            return &e->values[i];
        }
    }
    return NULL;
}

int engine_value_set(struct engine *e, const char *name, double v,
                     struct diag *d)
{
    struct engine_entry *entry = entry_find(e, name);
    size_t n = strlen(name);

    if (entry != NULL) {
        entry->v = v;
        return 0;
    }
    if (n == 0 || n >= ENGINE_NAME_BYTES) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "engine %s: a metric's name has 1 to %u bytes", e->name,
                        ENGINE_NAME_BYTES - 1);
    }
    if (e->values_n == ENGINE_VALUES_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "engine %s: too many metrics (limit is %u)", e->name,
                        ENGINE_VALUES_MAX);
    }
    entry = &e->values[e->values_n++];
    memcpy(entry->name, name, n + 1);
    entry->v = v;
    return 0;
}

static int absent(const struct engine *e, const char *name, struct diag *d)
{
    char there[120];
    struct text t;

    text_init(&t, there, sizeof(there));
    for (size_t i = 0; i < e->values_n; i++) {
        text_putf(&t, "%s%s", i == 0 ? "" : ", ", e->values[i].name);
    }
    return diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                    "engine %s: no metric %.47s; there are: %s", e->name, name,
                    e->values_n == 0 ? "none" : there);
}

int engine_value(const struct engine *e, const char *name, double *out,
                 struct diag *d)
{
    const struct engine_entry *entry = entry_find(e, name);

    if (entry == NULL) {
        return d == NULL ? ERR_NOT_FOUND : absent(e, name, d);
    }
    *out = entry->v;
    return 0;
}

size_t engine_values_n(const struct engine *e)
{
    return e->values_n;
}

const char *engine_value_at(const struct engine *e, size_t i, double *out)
{
    ASSERT(i < e->values_n);
    *out = e->values[i].v;
    return e->values[i].name;
}

/* ---- Bytes ---- */

int engine_can_rest(enum engine_phase p)
{
    return p < PHASE_FETCH || p >= PHASE_STEP;
}

static int put_name(struct buf *b, const char *name)
{
    return buf_put_bytes16(
        b, (struct ubytes){(const uint8_t *)name, strlen(name)});
}

static int put_position(const struct engine *e, struct buf *b)
{
    const struct engine_state *s = &e->s;
    const uint64_t all[] = {
        s->epoch,          s->iteration,  s->epoch_iteration, s->pass,
        s->pass_iteration, s->max_epochs, s->max_iterations,  s->epoch_length};

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        TRY(buf_put_u64(b, all[i]));
    }
    return 0;
}

/* Events and values of its own. */
static int put_own(const struct engine *e, struct buf *out)
{
    TRY(buf_put_u16(out, (uint16_t)e->own_n));
    for (size_t i = 0; i < e->own_n; i++) {
        TRY(put_name(out, e->own[i].name));
        TRY(buf_put_u64(out, e->own[i].fired));
    }
    TRY(buf_put_u16(out, (uint16_t)e->values_n));
    for (size_t i = 0; i < e->values_n; i++) {
        TRY(put_name(out, e->values[i].name));
        TRY(buf_put_f64(out, e->values[i].v));
    }
    return 0;
}

int engine_save(const struct engine *e, struct buf *out)
{
    if (!engine_can_rest(e->phase)) {
        return ERR_TRACE(ERR_INPUT);
    }
    TRY(buf_put_u32(out, STATE_MAGIC));
    TRY(buf_put_u8(out, STATE_VERSION));
    TRY(buf_put_u8(out, (uint8_t)e->phase));
    TRY(buf_put_u8(out, (uint8_t)e->s.ended));
    TRY(buf_put_u8(out,
                   (uint8_t)((e->no_data != 0) | (e->data_ended != 0) << 1 |
                             (e->in_epoch != 0) << 2)));
    TRY(put_position(e, out));
    return put_own(e, out);
}

/* What bytes say, before anything is believed. */
struct loaded {
    struct engine_state s;
    enum engine_phase phase;
    unsigned flags;
    uint64_t fired[ENGINE_OWN_EVENTS];
};

static int take_name(struct rd *r, char name[static ENGINE_NAME_BYTES])
{
    struct ubytes n = rd_bytes16(r);

    if (rd_is_bad(r) || n.n == 0 || n.n >= ENGINE_NAME_BYTES ||
        memchr(n.p, 0, n.n) != NULL) {
        rd_fail(r);
        return 0;
    }
    memcpy(name, n.p, n.n);
    name[n.n] = 0;
    return 1;
}

/* A state that the machine could be in. */
static int is_possible(const struct loaded *l)
{
    const struct engine_state *s = &l->s;
    int began = l->phase > PHASE_STARTED;

    if (l->phase >= PHASE_N || !engine_can_rest(l->phase) || l->flags > 7 ||
        s->ended > ENGINE_FAILED ||
        (l->phase != PHASE_OVER && l->phase != PHASE_COMPLETED &&
         s->ended != ENGINE_RUNS)) {
        return 0;
    }
    return s->epoch_iteration <= s->iteration &&
           (s->epoch != 0 || s->iteration == 0) && (!began || s->pass != 0) &&
           s->pass_iteration <= s->iteration + 1 &&
           (s->epoch_length == 0 || s->epoch_iteration <= s->epoch_length) &&
           (s->max_epochs == 0 || s->epoch <= s->max_epochs) &&
           (s->max_iterations == 0 || s->iteration <= s->max_iterations) &&
           (s->max_epochs == 0 || s->max_iterations == 0);
}

static void take_position(struct rd *r, struct engine_state *s)
{
    uint64_t *const all[] = {&s->epoch,           &s->iteration,
                             &s->epoch_iteration, &s->pass,
                             &s->pass_iteration,  &s->max_epochs,
                             &s->max_iterations,  &s->epoch_length};

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        *all[i] = rd_u64(r);
    }
}

/* Own events, each of which must be registered; all that are, in their order. */
static void take_own(const struct engine *e, struct rd *r, struct loaded *l)
{
    char name[ENGINE_NAME_BYTES];
    size_t n = rd_u16(r);

    if (n != e->own_n) {
        rd_fail(r);
    }
    for (size_t i = 0; i < n && !rd_is_bad(r); i++) {
        if (take_name(r, name) && strcmp(name, e->own[i].name) != 0) {
            rd_fail(r);
        }
        l->fired[i] = rd_u64(r);
    }
}

/* Walks the values; with `into`, which has room for all, keeps them. */
static size_t take_values(struct rd *r, struct engine_entry *into)
{
    struct engine_entry entry;
    size_t n = rd_u16(r);

    if (n > ENGINE_VALUES_MAX) {
        rd_fail(r);
    }
    for (size_t i = 0; i < n && !rd_is_bad(r); i++) {
        if (!take_name(r, entry.name)) {
            break;
        }
        entry.v = rd_f64(r);
        if (into != NULL) {
            into[i] = entry;
        }
    }
    return n;
}

static int bad_state(const struct engine *e, struct diag *d, const char *what)
{
    return diag_set(d, ERR_ENCODING, (struct loc){0},
                    "the engine %s cannot go on from this state: %s", e->name,
                    what);
}

static int is_busy(const struct engine *e)
{
    return e->depth != 0 ||
           (e->phase != PHASE_IDLE && e->phase != PHASE_OVER && !e->waits);
}

static void adopt(struct engine *e, const struct loaded *l)
{
    e->s = l->s;
    e->phase = l->phase;
    e->no_data = (l->flags & 1) != 0;
    e->data_ended = (l->flags & 2) != 0;
    e->in_epoch = (l->flags & 4) != 0;
    e->fresh_data = 1;
    e->waits = l->phase != PHASE_IDLE && l->phase != PHASE_OVER;
    e->terminate = e->terminate_epoch = e->interrupt = e->pending = 0;
}

int engine_load(struct engine *e, struct ubytes in, struct diag *d)
{
    struct loaded l = {0};
    struct rd r, values;
    uint8_t phase, ended;

    if (is_busy(e)) {
        return bad_state(e, d, "it runs");
    }
    rd_init(&r, in);
    if (rd_u32(&r) != STATE_MAGIC || rd_u8(&r) != STATE_VERSION) {
        return bad_state(e, d, "it is of another version, or damaged");
    }
    phase = rd_u8(&r);
    ended = rd_u8(&r);
    l.phase = phase < PHASE_N ? (enum engine_phase)phase : PHASE_N;
    l.flags = rd_u8(&r);
    take_position(&r, &l.s);
    l.s.ended =
        ended <= ENGINE_FAILED ? (enum engine_ended)ended : ENGINE_FAILED;
    if (rd_is_bad(&r) || ended > ENGINE_FAILED || !is_possible(&l)) {
        return bad_state(e, d, "it is damaged");
    }
    take_own(e, &r, &l);
    if (rd_is_bad(&r)) {
        return bad_state(e, d, "its own events are others");
    }
    values = r;
    (void)take_values(&r, NULL);
    if (rd_end(&r) != 0) {
        return bad_state(e, d, "its metrics are damaged");
    }
    adopt(e, &l);
    for (size_t i = 0; i < e->own_n; i++) {
        e->own[i].fired = l.fired[i];
    }
    e->values_n = take_values(&values, e->values);
    return 0;
}

int engine_load_at(struct engine *e, const struct engine_plan *plan,
                   uint64_t iteration, uint64_t epoch, struct diag *d)
{
    struct loaded l = {.phase = PHASE_STEP_DONE};
    uint64_t length = plan->epoch_length;
    uint64_t all = iteration;

    if (is_busy(e)) {
        return bad_state(e, d, "it runs");
    }
    if ((iteration == 0) == (epoch == 0)) {
        return bad_state(e, d,
                         "expected an iteration or an epoch, one of them");
    }
    if (length == 0) {
        return bad_state(e, d, "a number alone needs the epoch_length");
    }
    if (epoch != 0 && __builtin_mul_overflow(epoch, length, &all)) {
        return bad_state(e, d, "so many epochs cannot be");
    }
    l.s = (struct engine_state){.iteration = all,
                                .epoch = (all + length - 1) / length,
                                .epoch_iteration = (all - 1) % length + 1,
                                .max_epochs = plan->max_epochs,
                                .max_iterations = plan->max_iterations,
                                .epoch_length = length};
    l.s.pass = l.s.epoch;
    l.s.pass_iteration = l.s.epoch_iteration;
    if (l.s.epoch_iteration == length) {
        l.phase = PHASE_EPOCH_DONE;
    } else {
        l.flags = 4;
    }
    if (plan->no_data) {
        l.flags |= 1;
        l.s.pass = 1;
        l.s.pass_iteration = 0;
    }
    if (!is_possible(&l)) {
        return bad_state(e, d, "it lies behind the end of the plan");
    }
    adopt(e, &l);
    e->values_n = 0;
    for (size_t i = 0; i < e->own_n; i++) {
        e->own[i].fired = 0;
    }
    return 0;
}
