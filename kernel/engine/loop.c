/* The kernel's poll loop. Must never call a handler of a source that was
 * removed, nor free a source while a turn may still hold its address.
 *
 * One turn: poll; handlers of ready descriptors; timers that were due and set
 * before the turn began; calls that were deferred before this point. What a
 * handler adds waits for the next turn, so nothing can starve descriptors.
 *
 * Invariants: every live source is in exactly one of the two lists; dead_ ones
 * are in the graveyard, which is emptied between turns only. */
#include "kernel/engine/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#include "proto/err.h"

#include "kernel/engine/clock.h"

#define LOOP_MAGIC 0x4c4f4f50u
#define SOURCE_MAGIC 0x534f5552u

struct loop_source {
    uint32_t magic;
    struct loop *loop;
    struct loop_source *next;
    struct loop_source **link; /* what points here */
    loop_fn fn;
    void *ctx;
    int fd; /* -1 = a timer */
    short events;
    int dead;
    int fired;       /* timers: waits to be removed */
    uint64_t due_ms; /* timers */
    uint64_t order;  /* of creation */
};

struct deferred {
    loop_fn fn;
    void *ctx;
};

struct loop {
    uint32_t magic;
    struct loop_source *watches;
    struct loop_source *timers;
    struct loop_source *graveyard;
    size_t watches_n;
    size_t armed_n; /* timers that have not fired */
    uint64_t order_next;
    struct deferred *deferred;
    size_t deferred_n;
    size_t deferred_cap;
    struct pollfd *polled; /* of this turn, parallel to polled_of */
    struct loop_source **polled_of;
    size_t polled_cap;
    int running;
    int stopped;
    int failed; /* ERR_* of loop_fail */
};

static void list_add(struct loop_source **list, struct loop_source *s)
{
    s->next = *list;
    s->link = list;
    if (s->next != NULL) {
        s->next->link = &s->next;
    }
    *list = s;
}

static void list_remove(struct loop_source *s)
{
    *s->link = s->next;
    if (s->next != NULL) {
        s->next->link = s->link;
    }
}

static void list_free(struct loop_source **list)
{
    while (*list != NULL) {
        struct loop_source *s = *list;

        *list = s->next;
        if (s->next != NULL) {
            s->next->link = list;
        }
        s->magic = 0;
        free(s);
    }
}

int loop_new(struct loop **out)
{
    struct loop *l = calloc(1, sizeof(*l));

    *out = NULL;
    if (l == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->magic = LOOP_MAGIC;
    *out = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    ASSERT(l->magic == LOOP_MAGIC && !l->running);
    list_free(&l->watches);
    list_free(&l->timers);
    list_free(&l->graveyard);
    free(l->deferred);
    free(l->polled);
    free(l->polled_of);
    l->magic = 0;
    free(l);
}

static int source_new(struct loop *l, loop_fn fn, void *ctx,
                      struct loop_source **out)
{
    struct loop_source *s = calloc(1, sizeof(*s));

    ASSERT(l->magic == LOOP_MAGIC);
    *out = NULL;
    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->magic = SOURCE_MAGIC;
    s->loop = l;
    s->fn = fn;
    s->ctx = ctx;
    s->fd = -1;
    s->order = l->order_next;
    l->order_next++;
    *out = s;
    return 0;
}

int loop_watch(struct loop *l, int fd, short events, loop_fn fn, void *ctx,
               struct loop_source **out)
{
    ASSERT(fd >= 0);
    TRY(source_new(l, fn, ctx, out));
    (*out)->fd = fd;
    (*out)->events = events;
    list_add(&l->watches, *out);
    l->watches_n++;
    return 0;
}

void loop_events(struct loop_source *s, short events)
{
    ASSERT(s->magic == SOURCE_MAGIC && s->fd >= 0 && !s->dead);
    s->events = events;
}

int loop_timer(struct loop *l, uint64_t delay_ms, loop_fn fn, void *ctx,
               struct loop_source **out)
{
    TRY(source_new(l, fn, ctx, out));
    if (__builtin_add_overflow(clock_mono_ms(), delay_ms, &(*out)->due_ms)) {
        (*out)->due_ms = UINT64_MAX;
    }
    list_add(&l->timers, *out);
    l->armed_n++;
    return 0;
}

int loop_defer(struct loop *l, loop_fn fn, void *ctx)
{
    ASSERT(l->magic == LOOP_MAGIC);
    if (l->deferred_n == l->deferred_cap) {
        size_t cap = l->deferred_cap == 0 ? 16 : 2 * l->deferred_cap;
        struct deferred *d = reallocarray(l->deferred, cap, sizeof(*d));

        if (d == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        l->deferred = d;
        l->deferred_cap = cap;
    }
    l->deferred[l->deferred_n] = (struct deferred){fn, ctx};
    l->deferred_n++;
    return 0;
}

void loop_remove(struct loop_source **s)
{
    struct loop_source *source = *s;
    struct loop *l;

    *s = NULL;
    if (source == NULL) {
        return;
    }
    ASSERT(source->magic == SOURCE_MAGIC && !source->dead);
    l = source->loop;
    list_remove(source);
    if (source->fd >= 0) {
        l->watches_n--;
    } else if (!source->fired) {
        l->armed_n--;
    }
    source->dead = 1;
    list_add(&l->graveyard, source);
    if (!l->running) {
        list_free(&l->graveyard);
    }
}

/* Milliseconds that poll may wait; -1 = for ever. */
static int wait_ms(const struct loop *l)
{
    uint64_t first = UINT64_MAX;
    uint64_t now;

    if (l->deferred_n > 0) {
        return 0;
    }
    for (const struct loop_source *s = l->timers; s != NULL; s = s->next) {
        if (!s->fired && s->due_ms < first) {
            first = s->due_ms;
        }
    }
    if (l->armed_n == 0) {
        return -1;
    }
    now = clock_mono_ms();
    if (first <= now) {
        return 0;
    }
    return first - now > INT_MAX ? INT_MAX : (int)(first - now);
}

/* Lists what to poll. ERR_NOMEM. */
static int gather(struct loop *l)
{
    size_t i = 0;

    if (l->watches_n > l->polled_cap) {
        size_t cap = 2 * l->watches_n;
        struct pollfd *polled = reallocarray(l->polled, cap, sizeof(*polled));
        struct loop_source **of;

        if (polled == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        l->polled = polled;
        of = reallocarray(l->polled_of, cap, sizeof(void *));
        if (of == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        l->polled_of = of;
        l->polled_cap = cap;
    }
    for (struct loop_source *s = l->watches; s != NULL; s = s->next) {
        l->polled[i] = (struct pollfd){.fd = s->fd, .events = s->events};
        l->polled_of[i] = s;
        i++;
    }
    ASSERT(i == l->watches_n);
    return 0;
}

static void dispatch(struct loop *l, size_t polled_n)
{
    for (size_t i = 0; i < polled_n && !l->stopped; i++) {
        struct loop_source *s = l->polled_of[i];
        short revents = l->polled[i].revents;

        /* A watched descriptor was closed: it could be anybody's by now. */
        ASSERT(s->dead || (revents & POLLNVAL) == 0);
        /* An earlier handler may have removed s or lost interest. */
        revents = (short)(revents & (s->events | POLLERR | POLLHUP));
        if (!s->dead && revents != 0) {
            s->fn(s->ctx, revents);
        }
    }
}

/* The timer that is due first among those set before `order`, or NULL. */
static struct loop_source *due(struct loop *l, uint64_t now, uint64_t order)
{
    struct loop_source *best = NULL;

    for (struct loop_source *s = l->timers; s != NULL; s = s->next) {
        if (s->fired || s->due_ms > now || s->order >= order) {
            continue;
        }
        if (best == NULL || s->due_ms < best->due_ms ||
            (s->due_ms == best->due_ms && s->order < best->order)) {
            best = s;
        }
    }
    return best;
}

static void fire_timers(struct loop *l, uint64_t order)
{
    uint64_t now = clock_mono_ms();
    struct loop_source *s;

    while (!l->stopped && (s = due(l, now, order)) != NULL) {
        ASSERT(l->armed_n > 0);
        s->fired = 1;
        l->armed_n--;
        s->fn(s->ctx, 0);
    }
}

static void call_deferred(struct loop *l)
{
    size_t n = l->deferred_n; /* those added meanwhile wait for the next turn */
    size_t i = 0;

    while (i < n && !l->stopped) {
        struct deferred d = l->deferred[i];

        i++;
        d.fn(d.ctx, 0);
    }
    for (size_t j = i; j < l->deferred_n; j++) {
        l->deferred[j - i] = l->deferred[j];
    }
    l->deferred_n -= i;
}

static int turn(struct loop *l)
{
    uint64_t order = l->order_next;
    size_t n = l->watches_n;

    TRY(gather(l));
    if (poll(l->polled, n, wait_ms(l)) < 0) {
        return errno == EINTR ? 0 : ERR_TRACE(ERR_IO);
    }
    dispatch(l, n);
    fire_timers(l, order);
    call_deferred(l);
    list_free(&l->graveyard);
    return 0;
}

int loop_run(struct loop *l)
{
    int code = 0;

    ASSERT(l->magic == LOOP_MAGIC && !l->running);
    l->running = 1;
    while (code == 0 && !l->stopped &&
           (l->watches_n > 0 || l->armed_n > 0 || l->deferred_n > 0)) {
        code = turn(l);
    }
    code = code == 0 ? l->failed : code;
    l->running = 0;
    l->stopped = 0;
    l->failed = 0;
    list_free(&l->graveyard);
    return code;
}

void loop_stop(struct loop *l)
{
    ASSERT(l->magic == LOOP_MAGIC);
    l->stopped = 1;
}

void loop_fail(struct loop *l, int code)
{
    ASSERT(l->magic == LOOP_MAGIC && code < 0);
    l->failed = l->failed != 0 ? l->failed : code;
    l->stopped = 1;
}

uint64_t loop_now_ms(const struct loop *l)
{
    ASSERT(l->magic == LOOP_MAGIC);
    return clock_mono_ms();
}
