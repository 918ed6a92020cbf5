/* Evaluations for a client. Reads the store, writes nothing but lanes that
 * are parked; knows no expected
 * answer. What was loaded stays loaded while the same few runnables are asked
 * again. Kernel process. */
#include "kernel/run/evaluate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/run/eval.h"
#include "kernel/run/guard.h"
#include "kernel/run/plane.h"
#include "kernel/run/say.h"
#include "proto/err.h"

enum {
    LOADED_MAX = 8,
    PATH_ROOM = 4096
};

struct loaded {
    struct runnable *runnable; /* owned; NULL = free */
    unsigned users;
};

struct question {
    struct question *next;
    struct evaluates *owner;
    uint32_t id;
    struct loaded *who;
    Proctor__Limits limits;
    struct values inputs;
    struct eval *eval;
    Proctor__Generation *generation; /* owned; instead of the two above */
    struct lane *lane;
};

struct evaluates {
    struct core *core;
    void (*on_idle)(void *ctx);
    void *on_idle_ctx;
    struct question *questions; /* owned list */
    size_t questions_n;
    struct loaded loaded[LOADED_MAX];
    unsigned turn;     /* next place to give up */
    struct cid policy; /* that limits come from */
    Proctor__Limits limits;
    unsigned workers;
};

int evaluates_new(struct core *c, void (*on_idle)(void *ctx), void *ctx,
                  struct evaluates **out)
{
    struct evaluates *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->core = c;
    s->on_idle = on_idle;
    s->on_idle_ctx = ctx;
    *out = s;
    return 0;
}

static void question_free(struct question *q)
{
    struct question **at = &q->owner->questions;

    while (*at != q) {
        at = &(*at)->next;
    }
    *at = q->next;
    q->owner->questions_n--;
    eval_free(q->eval);
    lane_free(q->lane);
    pb_free((ProtobufCMessage *)q->generation);
    values_release(&q->inputs);
    if (q->who != NULL) {
        q->who->users--;
    }
    free(q);
}

static void answer(struct question *q, Proctor__EvaluateDone *m)
{
    m->id = q->id;
    say(q->owner->core, MSG_EVALUATE_DONE, &m->base);
}

static void answer_code(struct question *q, int code, const char *what)
{
    Proctor__EvaluateDone m = PROCTOR__EVALUATE_DONE__INIT;

    m.code = code;
    m.what = pb_str(what);
    answer(q, &m);
}

static int answer_values(struct question *q, const struct evaluation *e)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    Proctor__EvaluateDone m = PROCTOR__EVALUATE_DONE__INIT;

    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    TRY(values_builder_add_all(&w, &e->answers, 0, values_n(&e->answers)));
    m.outputs = bytes_field(values_builder_bytes(&w));
    m.complete = e->complete;
    m.limit = e->limit;
    m.ending = pb_str(e->ending);
    answer(q, &m);
    return 0;
}

static void question_over(struct question *q)
{
    struct evaluates *s = q->owner;

    question_free(q);
    if (s->questions == NULL) {
        s->on_idle(s->on_idle_ctx);
    }
}

static void on_answers(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct question *q = ctx;
    int code;

    ASSERT(q->eval == v);
    if (e->outside) {
        answer_code(q, eval_code(v), e->ending);
    } else {
        code = answer_values(q, e);
        if (code < 0) {
            answer_code(q, code, err_text(code));
        }
    }
    question_over(q);
}

/* A client's question makes no store. */
static int open_all(struct core *c, struct diag *d)
{
    char path[PATH_ROOM];
    struct stat st;

    if (c->store_dir == NULL ||
        snprintf(path, sizeof(path), "%s/format", c->store_dir) >=
            (int)sizeof(path) ||
        stat(path, &st) < 0) {
        return diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                        "there is no store to read from");
    }
    TRY(core_open_store(c, d));
    return core_open_engine(c, d);
}

/* The limits of a run: those of its policy. */
static int use_policy(struct evaluates *s, const ProtobufCBinaryData *field)
{
    ProtobufCMessage *m;
    const Proctor__Policy *p;
    struct cid cid;
    int code = ERR_ENCODING;

    TRY(cid_from_field(field, &cid));
    if (cid_is_equal(&cid, &s->policy)) {
        return 0;
    }
    TRY(core_get_message(s->core, &cid, &proctor__policy__descriptor, &m));
    p = (const Proctor__Policy *)m;
    if (p->limits != NULL && p->workers >= 1 && p->workers <= LIMIT_WORKERS) {
        s->limits = *p->limits;
        s->policy = cid;
        s->workers = p->workers;
        guards_slots(s->core->guards, p->workers);
        code = 0;
    }
    pb_free(m);
    return code == 0 ? 0 : ERR_TRACE(code);
}

/* The runnable, loaded before or now in place of one that nobody uses. */
static int use_runnable(struct evaluates *s, const ProtobufCBinaryData *field,
                        struct loaded **out, struct diag *d)
{
    struct loaded *room = NULL;
    struct cid cid;

    TRY(cid_from_field(field, &cid));
    for (unsigned i = 0; i < LOADED_MAX; i++) {
        struct loaded *l = &s->loaded[(s->turn + i) % LOADED_MAX];

        if (l->runnable != NULL && cid_is_equal(&l->runnable->cid, &cid)) {
            *out = l;
            return 0;
        }
        room = room == NULL && l->users == 0 ? l : room;
    }
    if (room == NULL) {
        return ERR_TRACE(ERR_LIMIT);
    }
    s->turn++;
    runnable_free(room->runnable);
    room->runnable = NULL;
    TRY(runnable_load(s->core, &cid, &room->runnable, d));
    *out = room;
    return 0;
}

static void on_decision(void *ctx, struct lane *l)
{
    struct question *q = ctx;
    Proctor__EvaluateDone m = PROCTOR__EVALUATE_DONE__INIT;
    struct cid result = cid_of(buf_bytes(
        buf_len(&l->answer) > 0 ? &l->answer : &l->emit.text));
    struct cid tokens = cid_of(emit_ids(&l->emit));

    if (l->decision == LANE_REPAIR) {
        return;
    }
    m.decision = l->decision;
    m.ending = pb_str(l->why);
    m.complete = l->decision == LANE_EMIT;
    if (l->decision == LANE_DECISION_NONE) {
        m.code = l->code < 0 ? l->code : ERR_WORKER;
        m.what = pb_str(l->why);
    }
    m.result = cid_field(&result);
    m.tokens = cid_field(&tokens);
    answer(q, &m);
    question_over(q);
}

/* The same lane once more, alone or beside others: the same bits. */
static int lane_start(struct question *q, const ProtobufCBinaryData *generation)
{
    struct evaluates *s = q->owner;
    struct lane_ask ask = {.limits = &q->limits,
                           .workers = s->workers,
                           .task = "replay",
                           .on_decision = on_decision,
                           .ctx = q};

    TRY(cid_from_field(generation, &ask.generation));
    TRY(core_get_message(s->core, &ask.generation,
                         &proctor__generation__descriptor,
                         (ProtobufCMessage **)&q->generation));
    if (q->generation->spec == NULL) {
        return ERR_TRACE(ERR_ENCODING);
    }
    ask.m = q->generation;
    TRY(lane_new(s->core, &ask, &q->lane));
    return plane_join(s->core, q->lane);
}

static int question_start(struct question *q, const Proctor__EvaluateRequest *m,
                          struct diag *d)
{
    struct evaluates *s = q->owner;
    struct eval_ask ask = {.task = "replay"};

    TRY(open_all(s->core, d));
    TRY(use_policy(s, &m->policy));
    q->limits = s->limits;
    if (m->generation.len > 0) {
        return lane_start(q, &m->generation);
    }
    TRY(use_runnable(s, &m->runnable, &q->who, d));
    q->who->users++;
    ask.runnable = q->who->runnable;
    if (ask.runnable->m->kind == RUNNABLE_TABLE) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "a table needs no worker");
    }
    TRY(values_decode(&q->inputs, field_bytes(&m->inputs), &ask.runnable->takes,
                      LIMIT_BATCH_VALUES));
    if (m->variants > EVAL_MUTANTS ||
        (m->variants == EVAL_MUTANTS) != (m->variants_seed.len == 32) ||
        (m->variants != 0 && ask.runnable->m->kind != RUNNABLE_CML)) {
        return ERR_TRACE(ERR_INPUT);
    }
    ask.view = (struct eval_view){.engine = m->engine,
                                  .variants = m->variants,
                                  .first = m->variants_first};
    if (m->variants == EVAL_MUTANTS) {
        memcpy(ask.view.seed, m->variants_seed.data, 32);
    }
    ask.inputs = &q->inputs;
    ask.limits = &q->limits;
    return eval_start(s->core, &ask, on_answers, q, &q->eval);
}

int evaluates_ask(struct evaluates *s, const Proctor__EvaluateRequest *m)
{
    struct question *q;
    struct diag d;
    int code;

    for (q = s->questions; q != NULL; q = q->next) {
        if (q->id == m->id) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
    }
    if (s->questions_n == LIMIT_EVALUATIONS) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    q = calloc(1, sizeof(*q));
    if (q == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    values_init(&q->inputs);
    q->owner = s;
    q->id = m->id;
    q->next = s->questions;
    s->questions = q;
    s->questions_n++;
    diag_init(&d);
    code = question_start(q, m, &d);
    if (code < 0) {
        err_trace_clear();
        answer_code(q, code, d.what[0] == '\0' ? err_text(code) : d.what);
        question_free(q);
    }
    return 0;
}

int evaluates_is_idle(const struct evaluates *s)
{
    return s->questions == NULL;
}

void evaluates_stop(struct evaluates *s, int code)
{
    while (s->questions != NULL) {
        answer_code(s->questions, code, err_text(code));
        question_free(s->questions);
    }
}

void evaluates_free(struct evaluates *s)
{
    if (s == NULL) {
        return;
    }
    while (s->questions != NULL) {
        question_free(s->questions);
    }
    for (unsigned i = 0; i < LOADED_MAX; i++) {
        runnable_free(s->loaded[i].runnable);
    }
    free(s);
}
