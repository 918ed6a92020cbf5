/* The only place of the kernel that starts workers. Never sends a byte itself:
 * its users do, in on_ready, which comes after the CONFINE record is durable.
 * Without a ledger (check, dry run, policy: nothing is run and no store exists)
 * and in replay the confinement is measured just as strictly and not recorded.
 * Kernel process. */
#include "kernel/run/guard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "proto/err.h"

#define GUARD_MAGIC 0x67756172u

enum guard_state {
    GUARD_QUEUED,    /* waits for a slot */
    GUARD_STARTING,  /* being confined and measured */
    GUARD_RECORDING, /* measured; its record is not yet durable */
    GUARD_READY,
    GUARD_OVER
};

struct guard {
    uint32_t magic;
    enum guard_state state;
    struct guards *owner;
    struct guard *next;
    enum worker_class class;
    struct worker_limits limits;
    const char *task;
    const struct guard_handler *h;
    void *ctx;
    struct worker *worker;
    uint64_t memory_bytes; /* charged while it lives */
};

struct guards {
    struct core *core;
    struct guard *all; /* oldest first */
    unsigned alive;
    unsigned slots;
    uint64_t ordinal;
    int pump_due;
    int flush_due;
};

static void pump(void *ctx, short revents);

/* The first that is in that state, of those that began to wait first. */
static struct guard *first_in(const struct guards *s, enum guard_state state)
{
    struct guard *g = s->all;

    while (g != NULL && g->state != state) {
        g = g->next;
    }
    return g;
}

int guards_new(struct core *c, struct guards **out)
{
    struct guards *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->core = c;
    s->slots = 2; /* graph and policy; a policy sets its own number */
    *out = s;
    return 0;
}

void guards_free(struct guards *s)
{
    if (s != NULL) {
        ASSERT(s->alive == 0 && s->all == NULL);
        free(s);
    }
}

void guards_slots(struct guards *s, unsigned n)
{
    ASSERT(n >= 1 && n <= LIMIT_WORKERS);
    s->slots = n;
}

unsigned guards_slots_n(const struct guards *s)
{
    return s->slots;
}

int guards_wait(const struct guards *s)
{
    return first_in(s, GUARD_QUEUED) != NULL;
}

int guard_is_tired(const struct guard *g)
{
    return g->limits.cpu_ms != 0 &&
           4 * worker_cpu_ms(g->worker) >= 3 * g->limits.cpu_ms;
}

static void pump_later(struct guards *s)
{
    if (!s->pump_due) {
        s->pump_due = 1;
        if (loop_defer(s->core->loop, pump, s) < 0) {
            core_fatal(s->core, ERR_NOMEM);
        }
    }
}

/* The worker is gone: pays what it used, gives back what it held. */
static void guard_settle(struct guard *g, uint64_t cpu_ms)
{
    struct guards *s = g->owner;

    if (g->state == GUARD_QUEUED || g->state == GUARD_OVER) {
        g->state = GUARD_OVER;
        return;
    }
    g->state = GUARD_OVER;
    ASSERT(s->alive > 0);
    s->alive--;
    budget_return(&s->core->budget, BUDGET_MEMORY, g->memory_bytes);
    budget_settle(&s->core->budget, BUDGET_CPU_MS, cpu_ms);
    pump_later(s);
}

static void guard_fail(struct guard *g, int code, const char *what)
{
    struct guard_end e = {.code = code, .what = what};

    guard_settle(g, 0);
    g->h->on_end(g->ctx, g, &e);
}

static void flush(void *ctx, short revents)
{
    struct guards *s = ctx;
    struct guard *g;

    (void)revents;
    s->flush_due = 0;
    if (first_in(s, GUARD_RECORDING) != NULL && s->core->recording) {
        int code = ledger_commit(s->core->ledger);

        if (code < 0) {
            core_fatal(s->core, code);
            return;
        }
    }
    while ((g = first_in(s, GUARD_RECORDING)) != NULL) {
        g->state = GUARD_READY;
        g->h->on_ready(g->ctx, g);
    }
}

/* Reports are few and equal ones are one object: no budget pays for them. */
static int record_confine(struct guard *g, const Proctor__Confinement *report)
{
    CLEANUP(buf_release) struct buf b;
    struct core *c = g->owner->core;
    struct record r;
    struct cid id;
    uint64_t seq;

    buf_init(&b, LIMIT_FRAME_BYTES);
    TRY(pb_encode(&report->base, &b));
    TRY(store_put(c->store, buf_bytes(&b), &id));
    record_init(&r, RECORD_CONFINE);
    record_set_u(&r, RF_CONFINE_run, c->run_seq);
    record_set_str(&r, RF_CONFINE_task, g->task);
    record_set_u(&r, RF_CONFINE_worker, ++g->owner->ordinal);
    record_set_str(&r, RF_CONFINE_class, worker_class_name(g->class));
    record_set_hash(&r, RF_CONFINE_report, id.b);
    return ledger_add(c->ledger, &r, &seq);
}

static void on_ready(void *ctx, struct worker *w,
                     const Proctor__Confinement *report)
{
    struct guard *g = ctx;
    struct guards *s = g->owner;

    (void)w;
    ASSERT(g->magic == GUARD_MAGIC && g->state == GUARD_STARTING);
    if (s->core->recording) {
        int code = record_confine(g, report);

        if (code < 0) {
            core_fatal(s->core, code);
            return;
        }
    }
    if (g->h->on_measured != NULL) {
        g->h->on_measured(g->ctx, report);
    }
    g->state = GUARD_RECORDING;
    if (!s->flush_due) {
        s->flush_due = 1;
        if (loop_defer(s->core->loop, flush, s) < 0) {
            core_fatal(s->core, ERR_NOMEM);
        }
    }
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    struct guard *g = ctx;

    (void)w;
    ASSERT(g->magic == GUARD_MAGIC);
    /* A word before its task was sent answers nothing: on_ready's user would
     * take it for an answer. Drop the worker. */
    if (g->state != GUARD_READY) {
        worker_finish(g->worker);
        return;
    }
    g->h->on_message(g->ctx, g, f);
}

static void worker_gone(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct guard *g = ctx;
    struct guard_end end = {.exit = e};

    (void)w;
    ASSERT(g->magic == GUARD_MAGIC);
    g->worker = NULL; /* the engine frees it after this call */
    guard_settle(g, e->cpu_ms);
    if (e->own_code < 0) {
        end = (struct guard_end){.code = e->own_code,
                                 .what = err_text(e->own_code)};
    }
    g->h->on_end(g->ctx, g, &end);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct guard *g = ctx;

    (void)w;
    g->worker = NULL; /* the engine frees it after this call */
    guard_fail(g, d->code < 0 ? d->code : ERR_WORKER, d->what);
}

static const struct worker_handler worker_handler = {
    .on_ready = on_ready,
    .on_message = on_message,
    .on_exit = worker_gone,
    .on_failed = on_failed,
};

static void guard_fail_spent(struct guard *g, enum budget_item i)
{
    char what[DIAG_TEXT_BYTES];

    snprintf(what, sizeof(what), "%s is used up (%llu)", budget_name(i),
             (unsigned long long)budget_limit(&g->owner->core->budget, i));
    guard_fail(g, ERR_REFUSED, what);
}

/* Starts one worker out of the queue; its budget decides first. */
static void guard_launch(struct guard *g)
{
    struct core *c = g->owner->core;
    uint64_t cpu_left = budget_left(&c->budget, BUDGET_CPU_MS);
    struct diag d;
    int code;

    if (cpu_left == 0) {
        guard_fail_spent(g, BUDGET_CPU_MS);
        return;
    }
    if (cpu_left != UINT64_MAX &&
        (g->limits.cpu_ms == 0 || g->limits.cpu_ms > cpu_left)) {
        g->limits.cpu_ms = cpu_left;
    }
    if (budget_charge(&c->budget, BUDGET_TRAPS, 1) != 0) {
        guard_fail_spent(g, BUDGET_TRAPS);
        return;
    }
    if (budget_charge(&c->budget, BUDGET_MEMORY, g->limits.memory_bytes) != 0) {
        guard_fail_spent(g, BUDGET_MEMORY);
        return;
    }
    g->memory_bytes = g->limits.memory_bytes;
    g->owner->alive++;
    g->state = GUARD_STARTING;
    diag_init(&d);
    code = engine_start(c->engine, g->class, &g->limits, &worker_handler, g,
                        &g->worker);
    if (code < 0) {
        guard_fail(g, code, err_text(code));
    }
}

static void pump(void *ctx, short revents)
{
    struct guards *s = ctx;

    (void)revents;
    s->pump_due = 0;
    while (s->alive < s->slots && s->core->fatal == 0) {
        struct guard *g = first_in(s, GUARD_QUEUED);

        /* Waits for others' memory; alone it must fit or fail by name. */
        if (g == NULL ||
            (s->alive > 0 && g->limits.memory_bytes >
                                 budget_left(&s->core->budget, BUDGET_MEMORY))) {
            return;
        }
        guard_launch(g);
    }
}

int guard_start(struct core *c, const struct guard_ask *ask, struct guard **out)
{
    struct guard *g = calloc(1, sizeof(*g));
    struct guard **at = &c->guards->all;

    if (g == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    g->magic = GUARD_MAGIC;
    g->owner = c->guards;
    g->class = ask->class;
    g->limits = *ask->limits;
    g->task = ask->task;
    g->h = ask->handler;
    g->ctx = ask->ctx;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = g;
    pump_later(c->guards);
    *out = g;
    return 0;
}

int guard_send(struct guard *g, enum msg msg, const ProtobufCMessage *m,
               const int *fds, unsigned fds_n)
{
    ASSERT(g->magic == GUARD_MAGIC && g->state == GUARD_READY);
    return worker_send(g->worker, msg, m, fds, fds_n);
}

int guard_share(const struct guard *g)
{
    ASSERT(g->magic == GUARD_MAGIC && g->state == GUARD_READY);
    return worker_share(g->worker);
}

const char *guard_exit_text(const struct guard_end *e, char out[static 48])
{
    const struct worker_exit *x = e->exit;

    if (x->timed_out || x->killed_signal == SIGXCPU || x->cut != NULL) {
        return x->timed_out     ? "was stopped by limits.wall"
               : x->cut != NULL ? x->cut
                                : "was stopped by limits.cpu";
    }
    snprintf(out, 48, "was killed by signal %d", x->killed_signal);
    return x->killed_signal == 0 ? "left" : out;
}

void guard_finish(struct guard *g)
{
    ASSERT(g->magic == GUARD_MAGIC);
    if (g->state == GUARD_READY) {
        worker_finish(g->worker);
    }
}

void guard_free(struct guard *g)
{
    struct guard **at;

    if (g == NULL) {
        return;
    }
    at = &g->owner->all;
    ASSERT(g->magic == GUARD_MAGIC);
    while (*at != g) {
        at = &(*at)->next;
    }
    *at = g->next;
    guard_settle(g, g->state == GUARD_QUEUED || g->state == GUARD_OVER
                        ? 0
                        : worker_cpu_ms(g->worker));
    worker_free(g->worker);
    g->magic = 0;
    free(g);
}
