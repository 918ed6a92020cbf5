/* Loads what an exam is made of and lends the exam machine its hands. Compares
 * nothing itself. Kernel process. */
#include "kernel/run/examine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/exam/exam.h"
#include "kernel/exam/literal.h"
#include "kernel/exam/stream.h"
#include "kernel/run/config.h"
#include "kernel/run/data.h"
#include "kernel/run/eval.h"
#include "kernel/run/runnable.h"
#include "kernel/run/say.h"
#include "kernel/store/store.h"
#include "proto/err.h"

struct party {
    struct examine *x;
    struct runnable *runnable; /* owned; NULL: none, or the candidate's variants */
    struct eval *eval;         /* owned; under way */
};

struct examine {
    struct core *core;
    struct examine_ask ask;
    void *ctx;
    Proctor__Exam *pb;           /* owned */
    struct party who[EXAM_WHO_N];
    uint8_t mutants[32]; /* what chooses them; after COMMIT */
    struct config_job *proposing; /* owned; a worker that shrinks */
    Proctor__ConfigTask simpler;  /* its task; arrays owned */
    struct values *corpora;       /* owned, pb->n_corpora */
    struct values burnt;
    struct values directed;
    struct buf literal_bytes;
    struct literals literals; /* borrows literal_bytes */
    struct exam *exam;
    uint64_t cpu_ms;
    int code; /* of an outside failure */
    char what[DIAG_TEXT_BYTES + 40];
    int quoted; /* the candidate's last words were shown once */
};

static int load_runnable(struct examine *x, unsigned who,
                         const ProtobufCBinaryData *field, struct diag *d)
{
    struct cid id;

    TRY(cid_from_field(field, &id));
    return runnable_load(x->core, &id, &x->who[who].runnable, d);
}

static int load_corpora(struct examine *x)
{
    x->corpora = calloc(x->pb->n_corpora + 1, sizeof(*x->corpora));
    if (x->corpora == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < x->pb->n_corpora; i++) {
        struct type t;
        struct cid id;

        values_init(&x->corpora[i]);
        TRY(data_corpus_type(field_bytes(&x->pb->domain), i, &t));
        TRY(cid_from_field(&x->pb->corpora[i], &id));
        TRY(core_get_values(x->core, &id, &t, &x->corpora[i]));
    }
    return 0;
}

static int burnt_add(struct examine *x, const struct cid *id,
                     struct values_builder *w)
{
    ProtobufCMessage *m;
    int code;

    TRY(core_get_message(x->core, id, &proctor__counterexample__descriptor,
                         &m));
    code = values_builder_add(
        w, field_bytes(&((Proctor__Counterexample *)m)->input));
    pb_free(m);
    return code;
}

static int load_burnt(struct examine *x)
{
    struct values_builder w;
    int code = values_builder_init(&w, LIMIT_FRAME_BYTES);

    for (size_t i = 0; code == 0 && i < x->ask.burnt_n; i++) {
        code = burnt_add(x, &x->ask.burnt[i], &w);
    }
    return values_build(&x->burnt, &w, &x->who[EXAM_CANDIDATE].runnable->takes, code);
}

static int load_literals(struct examine *x)
{
    if (!cid_is_zero(&x->ask.directed)) {
        TRY(core_get_values(x->core, &x->ask.directed,
                            &x->who[EXAM_CANDIDATE].runnable->takes,
                            &x->directed));
    }
    if (cid_is_zero(&x->ask.literals)) {
        return 0;
    }
    TRY(store_get(x->core->store, &x->ask.literals, &x->literal_bytes));
    return literals_decode(&x->literals, buf_bytes(&x->literal_bytes));
}

/* Both oracles must speak of the candidate's types. */
static int check_types(const struct examine *x, struct diag *d)
{
    const struct runnable *candidate = x->who[EXAM_CANDIDATE].runnable;

    for (int i = 0; i < EXAM_PARTIES_N; i++) {
        const struct runnable *r = x->who[i].runnable;

        if (r != NULL && (!type_is_equal(&r->takes, &candidate->takes) ||
                          !type_is_equal(&r->gives, &candidate->gives))) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "candidate and oracles have different types");
        }
    }
    return 0;
}

static int load(struct examine *x, struct diag *d)
{
    TRY(core_get_message(x->core, &x->ask.exam, &proctor__exam__descriptor,
                         (ProtobufCMessage **)&x->pb));
    TRY(runnable_load(x->core, &x->ask.candidate,
                      &x->who[EXAM_CANDIDATE].runnable, d));
    TRY(load_runnable(x, EXAM_ORACLE, &x->pb->oracle, d));
    if (x->pb->second_oracle.len > 0) {
        TRY(load_runnable(x, EXAM_SECOND, &x->pb->second_oracle, d));
    }
    for (size_t i = 0; i < x->pb->n_relations && i < LIMIT_RELATIONS; i++) {
        unsigned who = EXAM_RELATIONS + 2 * (unsigned)i;

        TRY(load_runnable(x, who, &x->pb->relations[i]->input, d));
        if (x->pb->relations[i]->output.len > 0) {
            TRY(load_runnable(x, who + 1, &x->pb->relations[i]->output, d));
        }
    }
    TRY(check_types(x, d));
    TRY(load_corpora(x));
    TRY(load_literals(x));
    return load_burnt(x);
}

static void on_answers(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct party *p = ctx;
    struct examine *x = p->x;
    unsigned who = (unsigned)(p - x->who);

    ASSERT(p->eval == v);
    p->eval = NULL; /* the machine may ask again at once */
    if (who == EXAM_CANDIDATE) {
        x->cpu_ms += e->cpu_ms;
    }
    if (e->outside && x->code == 0) {
        x->code = eval_code(v);
        snprintf(x->what, sizeof(x->what), "%s", e->ending);
    }
    if (!e->complete && !e->outside && !x->quoted && eval_text(v)[0] != '\0') {
        x->quoted = 1;
        say_quote(x->core, x->ask.task, eval_text(v));
    }
    exam_evaluated(x->exam, who, e);
    eval_free(v);
}

static int evaluate(void *ctx, unsigned who, const struct values *inputs,
                    int is_again)
{
    struct examine *x = ctx;
    struct party *p = &x->who[who];
    struct eval_ask ask = {
        .runnable = p->runnable,
        .inputs = inputs,
        .view = {.engine = is_again ? 1 : 0},
        .limits = x->ask.limits,
        .task = x->ask.task,
    };

    if (who >= EXAM_MUTANTS && who < EXAM_RELATIONS) {
        ask.runnable = x->who[EXAM_CANDIDATE].runnable;
        ask.view = (struct eval_view){.variants = EVAL_MUTANTS};
        memcpy(ask.view.seed, x->mutants, sizeof(x->mutants));
        if (who >= EXAM_BRANCHES) {
            ask.view = (struct eval_view){.variants = EVAL_BRANCHES,
                                          .first = 64 * (who - EXAM_BRANCHES)};
        }
    }
    ASSERT(ask.runnable != NULL && p->eval == NULL);
    p->x = x;
    return eval_start(x->core, &ask, on_answers, p, &p->eval);
}

static void on_proposals(void *ctx, struct config_job *j, int code,
                         Proctor__ConfigReply *reply, const struct diag *d)
{
    struct examine *x = ctx;
    struct ubytes none = {NULL, 0};

    x->proposing = NULL;
    if (code < 0) {
        x->code = code;
        snprintf(x->what, sizeof(x->what), "no simpler input was proposed: %s",
                 d->what);
        exam_proposed(x->exam, code, none, none);
    } else {
        exam_proposed(x->exam, 0, field_bytes(&reply->inputs),
                      field_bytes(&reply->state));
    }
    config_free(j);
}

/* The first values of each corpus: a search may put them in. */
static int list_corpora(const struct examine *x, Proctor__ConfigTask *t)
{
    size_t n = x->pb->n_corpora;

    t->listed = calloc(n * LIMIT_LISTED + 1, sizeof(*t->listed));
    t->listed_each = calloc(n + 1, sizeof(*t->listed_each));
    if (t->listed == NULL || t->listed_each == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        const struct values *v = &x->corpora[i];

        for (uint32_t k = 0; k < values_n(v) && k < LIMIT_LISTED; k++) {
            t->listed[t->n_listed++] = bytes_field(values_at(v, k));
            t->listed_each[i]++;
        }
    }
    t->n_listed_each = n;
    return 0;
}

static int propose(void *ctx, const struct exam_search *s)
{
    struct examine *x = ctx;
    Proctor__ConfigTask *t = &x->simpler;
    struct config_ask ask = {.path = "", .label = x->ask.task};

    if (t->listed_each == NULL) {
        proctor__config_task__init(t);
        TRY(list_corpora(x, t));
    }
    t->kind = PROCTOR__CONFIG_KIND__CONFIG_SIMPLER;
    t->domain = x->pb->domain;
    t->text = bytes_field(s->best);
    t->state = bytes_field(s->state);
    t->is_new = s->is_new;
    ask.task = *t;
    return config_start(x->core, &ask, on_proposals, x, &x->proposing);
}

static int commit(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                  uint8_t out_seed[static 32])
{
    struct examine *x = ctx;
    struct stream s;

    TRY(x->ask.commit(x->ctx, j, alpha_j, draws, out_seed));
    stream_init(&s, out_seed, STREAM_LANE_MUTANTS, 0);
    stream_fill(&s, x->mutants, sizeof(x->mutants));
    return 0;
}

static void progress(void *ctx, const char *phase, uint64_t done,
                     uint64_t total)
{
    struct examine *x = ctx;

    if (x->ask.progress != NULL) {
        x->ask.progress(x->ctx, phase, done, total);
    }
}

static void done(void *ctx, int code, const Proctor__Evidence *e)
{
    struct examine *x = ctx;
    const char *what = err_text(code);

    if (code < 0 && x->code < 0) {
        code = x->code;
        what = x->what;
    }
    x->ask.done(x->ctx, code, what, e, x->cpu_ms);
}

static const struct exam_ops exam_ops = {
    .evaluate = evaluate,
    .commit = commit,
    .propose = propose,
    .progress = progress,
    .done = done,
};

static int begin(struct examine *x)
{
    const struct runnable *oracle = x->who[EXAM_ORACLE].runnable;
    int is_table = oracle->m->kind == RUNNABLE_TABLE;
    const Proctor__Runnable *candidate = x->who[EXAM_CANDIDATE].runnable->m;
    struct exam_setup s = {
        .exam = x->pb,
        .corpora = x->corpora,
        .table_inputs = is_table ? &oracle->inputs : NULL,
        .table_outputs = is_table ? &oracle->outputs : NULL,
        .burnt = &x->burnt,
        .literals = x->literals.texts != NULL ? &x->literals : NULL,
        .committed = x->ask.committed,
        .draws_left = x->ask.draws_left,
        .has_second = x->who[EXAM_SECOND].runnable != NULL,
        .unit = candidate->canonical.len > 0 ? candidate : NULL,
        .directed = &x->directed,
    };

    return exam_start(&s, &exam_ops, x, &x->exam);
}

int examine_start(struct core *c, const struct examine_ask *ask, void *ctx,
                  struct examine **out, struct diag *d)
{
    struct examine *x = calloc(1, sizeof(*x));
    int code;

    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    x->core = c;
    x->ask = *ask;
    x->ctx = ctx;
    values_init(&x->burnt);
    values_init(&x->directed);
    buf_init(&x->literal_bytes, LIMIT_FRAME_BYTES);
    *out = x;
    code = load(x, d);
    if (code == 0) {
        code = begin(x);
    }
    if (code < 0 && d->code == 0) {
        diag_set(d, code, (struct loc){0}, "the exam cannot be held: %s",
                 err_text(code));
    }
    if (code < 0) {
        *out = NULL;
        examine_free(x);
    }
    return code;
}

void examine_free(struct examine *x)
{
    if (x == NULL) {
        return;
    }
    for (int i = 0; i < EXAM_WHO_N; i++) {
        eval_free(x->who[i].eval);
        runnable_free(x->who[i].runnable);
    }
    config_free(x->proposing);
    free(x->simpler.listed);
    free(x->simpler.listed_each);
    exam_free(x->exam);
    for (size_t i = 0; x->corpora != NULL && i < x->pb->n_corpora; i++) {
        values_release(&x->corpora[i]);
    }
    free(x->corpora);
    values_release(&x->burnt);
    values_release(&x->directed);
    literals_release(&x->literals);
    buf_release(&x->literal_bytes);
    pb_free((ProtobufCMessage *)x->pb);
    free(x);
}
