/* Evaluations: splits inputs into batches, gives each to a fresh worker, checks
 * and joins the answers. How inputs are split depends on nothing but the inputs,
 * so that a replay asks the same questions in the same way. Never compares an
 * answer with an expected one, and never sends one. Kernel process. */
#include "kernel/run/eval.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "kernel/run/ending.h"
#include "kernel/run/guard.h"
#include "kernel/run/reply.h"
#include "proto/err.h"
#include "proto/share.h"

#define EVAL_MAGIC 0x6576616cu
enum { JOINED_BYTES = 1 << 30 };
/* Accounting is by ticks: a process dies a little before its limit shows. */
enum { CPU_SLACK_MS = 100 };

const struct type eval_bits = {2, {TYPE_INT, TYPE_UNSIGNED | 8}};

struct batch {
    struct eval *owner;
    struct guard *guard;
    uint32_t first;
    uint32_t n;
    uint32_t id; /* nobody can name it who has not been asked */
    int tasked;  /* TASK_READY came, the inputs were sent */
    int replied;
    int over;   /* nothing more comes */
    struct reply said;
};

struct eval {
    uint32_t magic;
    struct core *core;
    struct eval_ask ask;
    struct type gives;
    struct worker_limits limits;
    eval_fn fn;
    void *ctx;
    struct batch *batches; /* owned */
    size_t n;
    size_t started;
    size_t running;
    size_t bad_i; /* first batch that went bad; n = none */
    uint64_t cpu_ms;
    struct loop_source *later;
    int code; /* of an outside failure */
    char text[160];
};

static void eval_turn(void *ctx, short revents);

static void eval_later(struct eval *v)
{
    if (v->later == NULL &&
        loop_timer(v->core->loop, 0, eval_turn, v, &v->later) < 0) {
        core_fatal(v->core, ERR_NOMEM);
    }
}

/* Nothing that comes after the first bad batch counts. */
static void batch_note(struct batch *b)
{
    struct eval *v = b->owner;

    if (b->said.bad && (size_t)(b - v->batches) < v->bad_i) {
        v->bad_i = (size_t)(b - v->batches);
    }
}

static void batch_bad(struct batch *b, const char *ending)
{
    reply_bad(&b->said, ending);
    batch_note(b);
}

/* The one copy of what its worker claims, then a look at the copy. */
static int batch_reply(struct batch *b, const Proctor__BatchReply *m)
{
    CLEANUP(buf_release) struct buf outputs;
    int code;

    buf_init(&outputs, LIMIT_BATCH_BYTES);
    code = share_take(guard_share(b->guard), m->outputs_bytes, &outputs);
    if (code == ERR_PROTOCOL) {
        batch_bad(b, "claimed more answers than its memory holds");
        return 0;
    }
    TRY(code);
    code = reply_read(&b->said, m, buf_bytes(&outputs),
                      &b->owner->gives, b->n);
    batch_note(b);
    return code;
}

static int batch_send_inputs(struct batch *b)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    Proctor__Batch m = PROCTOR__BATCH__INIT;

    b->tasked = 1;
    TRY(values_builder_init(&w, LIMIT_BATCH_BYTES));
    TRY(values_builder_add_all(&w, b->owner->ask.inputs, b->first, b->n));
    TRY(share_put(guard_share(b->guard), values_builder_bytes(&w)));
    m.id = b->id;
    m.inputs_bytes = (uint32_t)values_builder_bytes(&w).n;
    return guard_send(b->guard, MSG_BATCH, &m.base, NULL, 0);
}

static void eval_outside(struct eval *v, int code, const char *what)
{
    if (v->code == 0) {
        v->code = code;
        snprintf(v->text, sizeof(v->text), "%s", what);
    }
    eval_later(v);
}

/* A message that cannot be sent: the worker is going, on_end tells how. */
static void batch_sent(struct batch *b, int code)
{
    if (code == ERR_NOMEM || code == ERR_LIMIT) {
        eval_outside(b->owner, code, err_text(code));
    }
}

static void on_ready(void *ctx, struct guard *g)
{
    struct batch *b = ctx;
    const struct runnable *r = b->owner->ask.runnable;
    const struct eval_view *view = &b->owner->ask.view;

    if (r->m->kind == RUNNABLE_MODEL) {
        Proctor__ModelTask m = PROCTOR__MODEL_TASK__INIT;

        m.weights_bytes = r->weights_n;
        m.takes = r->m->takes;
        m.gives = r->m->gives;
        m.decide = r->m->decide;
        batch_sent(b, guard_send(g, MSG_MODEL_TASK, &m.base, &r->weights_fd, 1));
    } else if (r->m->kind == RUNNABLE_CML) {
        Proctor__CmlText text = PROCTOR__CML_TEXT__INIT;
        Proctor__CmlTask m = PROCTOR__CML_TASK__INIT;

        text.content = bytes_field(buf_bytes(&r->bundle));
        m.command = PROCTOR__CML_COMMAND__CML_RUN;
        m.texts = (Proctor__CmlText *[]){&text};
        m.n_texts = 1;
        m.fuel = r->m->fuel > 0 ? r->m->fuel : LIMIT_CML_FUEL; /* older ones */
        m.takes = r->m->takes;
        m.gives = r->m->gives;
        m.engine = view->engine;
        m.variants = view->variants;
        m.variants_first = view->first;
        if (view->variants == EVAL_MUTANTS) {
            m.variants_seed =
                bytes_field((struct ubytes){view->seed, sizeof(view->seed)});
        }
        batch_sent(b, guard_send(g, MSG_CML_TASK, &m.base, NULL, 0));
    } else {
        Proctor__ProgramTask m = r->task;

        m.output_bytes = b->owner->limits.output_bytes;
        batch_sent(b, guard_send(g, MSG_PROGRAM_TASK, &m.base, NULL, 0));
    }
}

static void batch_ready(struct batch *b, const Proctor__TaskReady *m)
{
    char ending[160];
    char what[128];

    if (m->problem == NULL) {
        batch_sent(b, batch_send_inputs(b));
        return;
    }
    ending_last_line((struct ubytes){(const uint8_t *)m->problem->what,
                                     strlen(m->problem->what)},
                     0, what, sizeof(what));
    snprintf(ending, sizeof(ending), "cannot be run: %s", what);
    b->replied = 1;
    batch_bad(b, ending);
    guard_finish(b->guard);
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct batch *b = ctx;

    if (b->replied) {
        return; /* one answer per worker; more of them changes nothing */
    }
    if (f->info->msg == MSG_TASK_READY && !b->tasked) {
        batch_ready(b, (const Proctor__TaskReady *)f->m);
        return;
    }
    b->replied = 1;
    if (f->info->msg != MSG_BATCH_REPLY || !b->tasked ||
        ((const Proctor__BatchReply *)f->m)->id != b->id) {
        batch_bad(b, "spoke out of turn");
    } else {
        int code = batch_reply(b, (const Proctor__BatchReply *)f->m);

        if (code < 0) {
            eval_outside(b->owner, code, err_text(code));
        }
    }
    guard_finish(g);
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct batch *b = ctx;
    struct eval *v = b->owner;
    char ending[160];

    (void)g;
    b->over = 1;
    v->running--;
    if (e->code < 0) {
        eval_outside(v, e->code, e->what);
        return;
    }
    v->cpu_ms += e->exit->cpu_ms;
    if (b->said.was_killed &&
        e->exit->cpu_ms + CPU_SLACK_MS >= v->limits.cpu_ms) {
        b->said.limit = 1; /* the kernel's RLIMIT_CPU kills without a word */
        snprintf(ending, sizeof(ending), "was stopped by limits.cpu");
        batch_bad(b, ending);
    }
    if (!b->replied) {
        if (e->exit->timed_out) {
            b->said.limit = 1;
            snprintf(ending, sizeof(ending), "was stopped by limits.wall");
        } else if (e->exit->cut != NULL) {
            snprintf(ending, sizeof(ending), "%s", e->exit->cut);
        } else if (e->exit->killed_signal != 0) {
            b->said.limit = e->exit->killed_signal == SIGXCPU;
            snprintf(ending, sizeof(ending), "was killed by signal %d",
                     e->exit->killed_signal);
        } else {
            snprintf(ending, sizeof(ending), "left without an answer");
        }
        if (v->ask.runnable->m->kind == RUNNABLE_CML && !b->said.limit) {
            eval_outside(v, ERR_WORKER, ending); /* our engine, not the unit */
            return;
        }
        batch_bad(b, ending);
    }
    eval_later(v);
}

static const struct guard_handler handler = {
    .on_ready = on_ready,
    .on_message = on_message,
    .on_end = on_end,
};

/* Answers of batches up to the first bad one, in order, as one list. */
static int eval_join(const struct eval *v, struct values *out)
{
    for (size_t i = 0; i < v->n && i <= v->bad_i; i++) {
        TRY(values_append(out, &v->batches[i].said.answers));
    }
    return 0;
}

static void eval_finish(struct eval *v)
{
    struct evaluation e = {.cpu_ms = v->cpu_ms};

    values_init(&e.answers);
    if (v->code == 0) {
        int code = eval_join(v, &e.answers);

        if (code < 0) {
            v->code = code;
            snprintf(v->text, sizeof(v->text), "%s", err_text(code));
        }
    }
    if (v->code != 0) {
        e.outside = 1;
        snprintf(e.ending, sizeof(e.ending), "%s", v->text);
    } else if (v->bad_i < v->n) {
        const struct batch *b = &v->batches[v->bad_i];

        e.limit = b->said.limit;
        memcpy(e.ending, b->said.ending, sizeof(e.ending));
        memcpy(v->text, b->said.text, sizeof(v->text));
    } else {
        e.complete = 1;
    }
    v->fn(v->ctx, v, &e);
    values_release(&e.answers);
}

/* True when all that counts has come. */
static int eval_is_done(const struct eval *v)
{
    size_t last = v->bad_i < v->n ? v->bad_i + 1 : v->n;

    if (v->code != 0) {
        return 1;
    }
    for (size_t i = 0; i < last; i++) {
        if (!v->batches[i].over) {
            return 0;
        }
    }
    return 1;
}

static int eval_launch(struct eval *v)
{
    static const enum worker_class classes[] = {
        [RUNNABLE_PROGRAM] = WORKER_PROGRAM,
        [RUNNABLE_MODEL] = WORKER_MODEL,
        [RUNNABLE_CML] = WORKER_CML};

    while (v->started < v->n && v->started <= v->bad_i &&
           v->running < guards_slots_n(v->core->guards)) {
        struct batch *b = &v->batches[v->started];
        struct guard_ask wanted = {
            .class = classes[v->ask.runnable->m->kind],
            .limits = &v->limits,
            .task = v->ask.task,
            .handler = &handler,
            .ctx = b,
        };

        TRY(guard_start(v->core, &wanted, &b->guard));
        v->started++;
        v->running++;
    }
    return 0;
}

/* A table: no worker, no wait. */
static int eval_table(struct eval *v)
{
    struct batch *b = &v->batches[0];
    struct values_builder w;
    uint32_t n = values_n(v->ask.inputs);
    uint32_t i;
    int code = values_builder_init(&w, JOINED_BYTES);

    for (i = 0; code == 0 && i < n; i++) {
        struct ubytes answer;

        if (!runnable_lookup(v->ask.runnable, values_at(v->ask.inputs, i),
                             &answer)) {
            batch_bad(b, "the table has no row for this input");
            break;
        }
        code = values_builder_add(&w, answer);
    }
    b->over = 1;
    return values_build(&b->said.answers, &w, &v->gives, code);
}

static void eval_turn(void *ctx, short revents)
{
    struct eval *v = ctx;
    int code = 0;

    (void)revents;
    ASSERT(v->magic == EVAL_MAGIC);
    loop_remove(&v->later);
    for (size_t i = 0; i < v->started; i++) {
        if (v->batches[i].over || i > v->bad_i) {
            guard_free(v->batches[i].guard);
            v->batches[i].guard = NULL;
        }
    }
    if (v->ask.runnable->m->kind != RUNNABLE_TABLE) {
        code = eval_launch(v);
    } else if (!v->batches[0].over) {
        code = eval_table(v);
    }
    if (code < 0) {
        v->code = code;
        snprintf(v->text, sizeof(v->text), "%s", err_text(code));
    }
    if (eval_is_done(v)) {
        eval_finish(v);
    }
}

/* Cuts the inputs; batches NULL: only counts. */
static size_t eval_split(const struct eval *v, struct batch *batches)
{
    uint32_t total = values_n(v->ask.inputs);
    uint32_t first = 0;
    size_t n = 0;

    while (first < total || n == 0) {
        uint32_t size = total;

        if (first < total && v->ask.runnable->m->kind != RUNNABLE_TABLE) {
            size = values_batch(v->ask.inputs, first);
        }
        if (batches != NULL) {
            batches[n].first = first;
            batches[n].n = size;
        }
        first += size;
        n++;
    }
    return n;
}

static void eval_limits(struct eval *v)
{
    const Proctor__Limits *l = v->ask.limits;

    v->limits.cpu_ms = l->cpu_ms;
    v->limits.memory_bytes = l->memory_bytes;
    v->limits.output_bytes = l->output_bytes;
    v->limits.wall_ms = l->wall_ms;
    v->limits.processes = l->processes;
    v->limits.roots = (const char *const *)v->ask.runnable->roots.v;
    v->limits.roots_n = v->ask.runnable->roots.n;
}

int eval_start(struct core *c, const struct eval_ask *ask, eval_fn fn, void *ctx,
               struct eval **out)
{
    struct eval *v = calloc(1, sizeof(*v));

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    v->magic = EVAL_MAGIC;
    v->core = c;
    v->ask = *ask;
    v->gives = ask->view.variants != 0 ? eval_bits : ask->runnable->gives;
    v->fn = fn;
    v->ctx = ctx;
    eval_limits(v);
    v->n = eval_split(v, NULL);
    v->bad_i = v->n;
    v->batches = calloc(v->n, sizeof(*v->batches));
    if (v->batches == NULL) {
        free(v);
        return ERR_TRACE(ERR_NOMEM);
    }
    eval_split(v, v->batches);
    for (size_t i = 0; i < v->n; i++) {
        v->batches[i].owner = v;
        v->batches[i].id = randombytes_random();
        reply_init(&v->batches[i].said);
    }
    eval_later(v);
    *out = v;
    return 0;
}

int eval_code(const struct eval *v)
{
    return v->code;
}

const char *eval_text(const struct eval *v)
{
    return v->text;
}

void eval_free(struct eval *v)
{
    if (v == NULL) {
        return;
    }
    ASSERT(v->magic == EVAL_MAGIC);
    v->magic = 0;
    loop_remove(&v->later);
    for (size_t i = 0; i < v->n; i++) {
        guard_free(v->batches[i].guard);
        reply_release(&v->batches[i].said);
    }
    free(v->batches);
    free(v);
}
