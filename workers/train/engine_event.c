/* Handlers of the engine: who is told of which event, when and in what order.
 * Runs in worker-train.
 *
 * The list is sorted once, at adding. A handler that is added or removed while
 * an event fires never moves what is being walked: what is new is younger than
 * the firing and passed over, what is removed is dead and swept when no event
 * fires any more. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/engine.h"
#include "workers/train/engine_int.h"

static const char *const names[ENGINE_EVENTS_N] = {
    [ENGINE_STARTED] = "started",
    [ENGINE_EPOCH_STARTED] = "epoch_started",
    [ENGINE_EPOCH_COMPLETED] = "epoch_completed",
    [ENGINE_COMPLETED] = "completed",
    [ENGINE_ITERATION_STARTED] = "iteration_started",
    [ENGINE_ITERATION_COMPLETED] = "iteration_completed",
    [ENGINE_GET_BATCH_STARTED] = "get_batch_started",
    [ENGINE_GET_BATCH_COMPLETED] = "get_batch_completed",
    [ENGINE_DATA_ENDED] = "data_ended",
    [ENGINE_TERMINATE] = "terminate",
    [ENGINE_TERMINATE_EPOCH] = "terminate_epoch",
    [ENGINE_INTERRUPT] = "interrupt",
    [ENGINE_EXCEPTION_RAISED] = "exception_raised",
};

void engine_nodes_free(struct engine *e)
{
    struct engine_node *n = e->nodes;

    while (n != NULL) {
        struct engine_node *next = n->next;

        free(n);
        n = next;
    }
    e->nodes = NULL;
}

static int is_event(const struct engine *e, unsigned event)
{
    return event < ENGINE_EVENTS_N + e->own_n;
}

static int is_counted(unsigned event)
{
    return event < ENGINE_DATA_ENDED || event >= ENGINE_EVENTS_N;
}

uint64_t engine_count(const struct engine *e, unsigned event)
{
    const struct engine_own *own;

    if (event <= ENGINE_COMPLETED) {
        return e->s.epoch;
    }
    if (event <= ENGINE_ITERATION_COMPLETED) {
        return e->s.iteration;
    }
    if (event < ENGINE_DATA_ENDED) {
        return e->s.iteration + 1;
    }
    if (event < ENGINE_EVENTS_N || !is_event(e, event)) {
        return 0;
    }
    own = &e->own[event - ENGINE_EVENTS_N];
    return own->count == 0                          ? own->fired
           : own->count == ENGINE_ITERATION_STARTED ? e->s.iteration
                                                    : e->s.epoch;
}

const char *engine_event_name(const struct engine *e, unsigned event)
{
    ASSERT(is_event(e, event));
    return event < ENGINE_EVENTS_N ? names[event]
                                   : e->own[event - ENGINE_EVENTS_N].name;
}

int engine_event_find(const struct engine *e, const char *name,
                      unsigned *out_event, struct diag *d)
{
    const char *all[ENGINE_EVENTS_N + ENGINE_OWN_EVENTS];
    const char *near;
    unsigned n = ENGINE_EVENTS_N + (unsigned)e->own_n;

    for (unsigned i = 0; i < n; i++) {
        all[i] = engine_event_name(e, i);
        if (strcmp(name, all[i]) == 0) {
            *out_event = i;
            return 0;
        }
    }
    (void)diag_set(d, ERR_INPUT, (struct loc){0}, "unknown event \"%.48s\"",
                   name);
    near = diag_nearest(name, all, n);
    if (near != NULL) {
        diag_hint(d, "did you mean %s?", near);
    }
    return ERR_INPUT;
}

int engine_register(struct engine *e, const char *name, unsigned count,
                    unsigned *out_event, struct diag *d)
{
    struct engine_own *own;
    struct diag unused;
    size_t n = strlen(name);

    diag_init(&unused);
    if (n == 0 || n >= ENGINE_NAME_BYTES) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "an event's name has 1 to %u bytes",
                        ENGINE_NAME_BYTES - 1);
    }
    if (count != 0 && count != ENGINE_EPOCH_STARTED &&
        count != ENGINE_ITERATION_STARTED) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "event %s: it can count epochs or iterations", name);
    }
    if (engine_event_find(e, name, out_event, &unused) == 0) {
        if (*out_event >= ENGINE_EVENTS_N &&
            e->own[*out_event - ENGINE_EVENTS_N].count == count) {
            return 0;
        }
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "event %s: there is another one of this name", name);
    }
    if (e->own_n == ENGINE_OWN_EVENTS) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "event %s: too many of one's own (limit is %u)", name,
                        ENGINE_OWN_EVENTS);
    }
    own = &e->own[e->own_n];
    *own = (struct engine_own){.count = count};
    memcpy(own->name, name, n + 1);
    *out_event = ENGINE_EVENTS_N + (unsigned)e->own_n++;
    return 0;
}

/* ---- Filters ---- */

static int filter_fits(const struct engine_filter *f)
{
    const unsigned bounds = ENGINE_EVERY | ENGINE_BEFORE | ENGINE_AFTER;

    return f->use == ENGINE_ONCE || f->use == ENGINE_CUSTOM ||
           (f->use & ~bounds) == 0;
}

static int filter_check(const struct engine *e, const struct engine_when *w,
                        struct diag *d)
{
    const struct engine_filter *f = &w->filter;
    const char *name = engine_event_name(e, w->event);
    const char *what = NULL;

    if (!filter_fits(f)) {
        what = "of the filters every, before and after go together, no others";
    } else if (f->use != 0 && f->use != ENGINE_CUSTOM &&
               !is_counted(w->event)) {
        what = "it has no counter, so no filter";
    } else if ((f->use & ENGINE_EVERY) != 0 && f->every == 0) {
        what = "every: expected 1 or more, got 0";
    } else if ((f->use & ENGINE_BEFORE) != 0 && f->before == 0) {
        what = "before: expected 1 or more, got 0";
    } else if ((f->use & ENGINE_CUSTOM) != 0 && f->custom == NULL) {
        what = "a filter of one's own needs its function";
    } else if ((f->use & ENGINE_ONCE) != 0 &&
               (f->once_n == 0 || f->once_n > ENGINE_ONCE_MAX)) {
        what = "once: expected 1 to 64 numbers";
    }
    for (size_t i = 0;
         what == NULL && (f->use & ENGINE_ONCE) != 0 && i < f->once_n; i++) {
        what = f->once[i] == 0 ? "once: expected 1 or more, got 0" : NULL;
    }
    return what == NULL ? 0
                        : diag_set(d, ERR_INPUT, (struct loc){0},
                                   "handler of %s: %s", name, what);
}

static int filter_passes(const struct engine *e, const struct engine_node *n)
{
    const struct engine_filter *f = &n->filter;
    uint64_t count = engine_count(e, n->event);
    uint64_t from = (f->use & ENGINE_AFTER) != 0 ? f->after : 0;

    if (f->use == ENGINE_CUSTOM) {
        return f->custom(e, f->custom_ctx, count);
    }
    if (f->use == ENGINE_ONCE) {
        for (size_t i = 0; i < f->once_n; i++) {
            if (n->once[i] == count) {
                return 1;
            }
        }
        return 0;
    }
    if (((f->use & ENGINE_BEFORE) != 0 && count >= f->before) ||
        ((f->use & ENGINE_AFTER) != 0 && count <= f->after)) {
        return 0;
    }
    if (f->use == ENGINE_EVERY) {
        return count != 0 && count % f->every == 0;
    }
    return (f->use & ENGINE_EVERY) == 0 ||
           (count > from && (count - from - 1) % f->every == 0);
}

/* ---- Adding and removing ---- */

static void insert(struct engine *e, struct engine_node *n)
{
    struct engine_node **at = &e->nodes;

    while (*at != NULL && (*at)->priority >= n->priority) {
        at = &(*at)->next;
    }
    n->next = *at;
    *at = n;
    e->nodes_n++;
}

static void sweep(struct engine *e)
{
    struct engine_node **at = &e->nodes;

    while (*at != NULL) {
        struct engine_node *n = *at;

        if (n->dead) {
            *at = n->next;
            free(n);
            e->nodes_n--;
        } else {
            at = &n->next;
        }
    }
}

int engine_off(struct engine *e, uint64_t handle)
{
    int found = 0;

    for (struct engine_node *n = e->nodes; n != NULL; n = n->next) {
        if (n->handle == handle && !n->dead) {
            n->dead = found = 1;
        }
    }
    if (e->depth == 0) {
        sweep(e);
    }
    return found;
}

int engine_has(const struct engine *e, unsigned event, engine_handler *run)
{
    for (const struct engine_node *n = e->nodes; n != NULL; n = n->next) {
        if (n->event == event && !n->dead && (run == NULL || n->run == run)) {
            return 1;
        }
    }
    return 0;
}

static struct engine_node *node_new(const struct engine_when *w)
{
    size_t n = (w->filter.use & ENGINE_ONCE) != 0 ? w->filter.once_n : 0;
    struct engine_node *node = calloc(1, sizeof(*node) + n * sizeof(uint64_t));

    if (node == NULL) {
        return NULL;
    }
    node->event = w->event;
    node->filter = w->filter;
    for (size_t i = 0; i < n; i++) {
        node->once[i] = w->filter.once[i];
    }
    node->filter.once = NULL; /* the caller's */
    return node;
}

int engine_on(struct engine *e, const struct engine_when *when, size_t n,
              int priority, engine_handler *run, void *ctx,
              uint64_t *out_handle, struct diag *d)
{
    uint64_t handle = ++e->ticks;

    if (e->nodes_n + n > ENGINE_HANDLERS_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "engine %s: too many handlers (limit is %u)", e->name,
                        ENGINE_HANDLERS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_event(e, when[i].event)) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "engine %s: there is no event %u", e->name,
                            when[i].event);
        }
        TRY(filter_check(e, &when[i], d));
    }
    for (size_t i = 0; i < n; i++) {
        struct engine_node *node = node_new(&when[i]);

        if (node == NULL) {
            (void)engine_off(e, handle);
            return diag_set(d, ERR_NOMEM, (struct loc){0}, "out of memory");
        }
        node->priority = priority;
        node->handle = handle;
        node->born = handle;
        node->run = run;
        node->ctx = ctx;
        insert(e, node);
    }
    if (out_handle != NULL) {
        *out_handle = handle;
    }
    return 0;
}

/* ---- Firing ---- */

static int call_all(struct engine *e, unsigned event, uint64_t now,
                    struct diag *d)
{
    for (struct engine_node *n = e->nodes; n != NULL; n = n->next) {
        if (n->event != event || n->dead || n->born > now ||
            (n->filter.use != 0 && !filter_passes(e, n))) {
            continue;
        }
        TRY(n->run(e, n->ctx, d));
    }
    return 0;
}

int engine_fire(struct engine *e, unsigned event, struct diag *d)
{
    int code;

    if (!is_event(e, event)) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "engine %s: there is no event %u", e->name, event);
    }
    if (e->depth == ENGINE_DEPTH_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "engine %s: %s fires inside %u others (limit is %u)",
                        e->name, engine_event_name(e, event), e->depth,
                        ENGINE_DEPTH_MAX);
    }
    if (event >= ENGINE_EVENTS_N) {
        e->own[event - ENGINE_EVENTS_N].fired++;
    }
    e->depth++;
    code = call_all(e, event, ++e->ticks, d);
    if (--e->depth == 0) {
        sweep(e);
    }
    return code;
}
