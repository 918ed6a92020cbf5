/* Ops `program`, `model`, `cml` and `enumerate`: the result is the CID of a Runnable, reached once
 * it has answered one of a few small inputs in a well-formed way. Whether an answer
 * is right is an exam's business. Of a CML text it holds the artifact that a worker
 * made. Kernel process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/data.h"
#include "kernel/run/eval.h"
#include "kernel/run/exam_object.h"
#include "kernel/run/sample.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

struct smoke {
    struct live *live;
    struct compiling {
        struct config_job *job;
        char path[LIMIT_PATH_BYTES + 1]; /* as the policy sees it */
        struct buf text;
        struct worker_limits limits;
        Proctor__CmlText source;
        Proctor__CmlText *sources[1];
        Proctor__CmlTask task;
        Proctor__SynthTask synth; /* of enumerate, and what it borrows */
        struct buf examples[2];
        ProtobufCMessage *disclosed[LIMIT_BURNT];
        ProtobufCBinaryData more[2][LIMIT_BURNT];
    } cml;
    struct cid cid;
    struct runnable *runnable;
    struct eval *eval;
    struct values inputs;
    unsigned variant;
    char first[160]; /* how the first try ended */
    char text[160];
};

static void smoke_free(void *state)
{
    struct smoke *s = state;

    config_free(s->cml.job);
    buf_release(&s->cml.examples[0]);
    buf_release(&s->cml.examples[1]);
    for (size_t i = 0; i < s->cml.synth.n_more_inputs; i++) {
        pb_free(s->cml.disclosed[i]);
    }
    buf_release(&s->cml.text);
    eval_free(s->eval);
    runnable_free(s->runnable);
    values_release(&s->inputs);
    free(s);
}

static int smoke_inputs(struct smoke *s)
{
    CLEANUP(buf_release) struct buf b;
    struct values_builder w;
    int code = values_builder_init(&w, LIMIT_BATCH_BYTES);

    buf_init(&b, LIMIT_VALUE_BYTES);
    code = code ? code : sample_value(&s->runnable->takes, s->variant, &b);
    code = code ? code : values_builder_add(&w, buf_bytes(&b));
    return values_build(&s->inputs, &w, &s->runnable->takes, code);
}

static void on_answer(void *ctx, struct eval *v, const struct evaluation *e);

static int smoke_ask(struct smoke *s)
{
    const struct run *r = s->live->run;
    struct eval_ask ask = {
        .runnable = s->runnable,
        .inputs = &s->inputs,
        .limits = r->policy->limits,
        .task = live_id(s->live),
    };

    return eval_start(r->core, &ask, on_answer, s, &s->eval);
}

static int smoke_try(struct smoke *s)
{
    TRY(smoke_inputs(s));
    return smoke_ask(s);
}

static void smoke_fail(struct smoke *s)
{
    if (s->text[0] != '\0') {
        say_quote(s->live->run->core, live_id(s->live), s->text);
    }
    live_fail(s->live, 0, "no well-formed answer: it %s%s%s", s->first,
              s->text[0] == '\0' ? "" : ": ", s->text);
}

static void on_answer(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct smoke *s = ctx;
    struct outcome o = {.passed = 1, .level = LEVEL_SCHEMA, .result = s->cid};
    int code;

    if (e->complete) {
        live_over(s->live, &o);
        return;
    }
    if (e->outside) {
        live_fail(s->live, eval_code(v), "%s", e->ending);
        return;
    }
    if (s->first[0] == '\0') {
        snprintf(s->first, sizeof(s->first), "%s", e->ending);
        snprintf(s->text, sizeof(s->text), "%s", eval_text(v));
    }
    eval_free(v);
    s->eval = NULL;
    if (e->limit || ++s->variant == SAMPLE_VARIANTS) {
        smoke_fail(s);
        return;
    }
    code = smoke_try(s);
    if (code < 0) {
        live_error(s->live, code, NULL);
    }
}

static int smoke_new(struct live *l, struct smoke **out)
{
    struct smoke *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->live = l;
    buf_init(&s->cml.text, LIMIT_CML_TEXT_BYTES);
    buf_init(&s->cml.examples[0], LIMIT_DATA_FILE_BYTES);
    buf_init(&s->cml.examples[1], LIMIT_DATA_FILE_BYTES);
    values_init(&s->inputs);
    *out = l->state = s;
    return 0;
}

/* code, d: how putting its object went. */
static int smoke_begin(struct live *l, int code, const struct cid *cid,
                       struct diag *d)
{
    struct smoke *s = l->state;

    if (code == 0 && s == NULL) {
        TRY(smoke_new(l, &s));
    }
    if (code == 0) {
        s->cid = *cid;
        code = runnable_load(l->run->core, cid, &s->runnable, d);
    }
    if (code != 0) {
        live_error(l, code, d);
        return 0;
    }
    if (s->runnable->m->kind == RUNNABLE_MODEL && s->runnable->takes.n > 2 &&
        type_tag_at(&s->runnable->takes, 2) == TYPE_LIST) {
        /* The list has the length of its first layer, which its weights decide:
         * an empty batch shows that they are understood. */
        s->variant = SAMPLE_VARIANTS - 1;
        return smoke_ask(s);
    }
    return smoke_try(s);
}

/* Training rows of splits that passed: admission saw that it needs them. */
static int find_reads(const struct live *l, struct file *out)
{
    const Proctor__ProgramSpec *s = live_spec(l)->program;

    for (size_t i = 0; i < s->n_reads; i++) {
        uint32_t k = run_find(l->run, s->reads[i]->task);
        ProtobufCMessage *m;
        int code;

        ASSERT(k != UINT32_MAX);
        TRY(core_get_message(l->run->core, &l->run->tasks[k].result,
                             &proctor__split__descriptor, &m));
        out[i] = (struct file){.name = s->reads[i]->file, .mode = 0444};
        code = cid_from_field(&((Proctor__Split *)m)->train_csv, &out[i].cid);
        pb_free(m);
        TRY(code);
    }
    return 0;
}

static int program_start(struct live *l)
{
    const struct run *r = l->run;
    const Proctor__ProgramSpec *s = live_spec(l)->program;
    CLEANUP(mem_freep) struct file *reads = NULL;
    struct runnable_program p;
    struct diag d;
    struct cid cid;
    int code;

    diag_init(&d);
    if (s == NULL) {
        return ERR_TRACE(ERR_INTERNAL);
    }
    reads = calloc(s->n_reads + 1, sizeof(*reads));
    if (reads == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(find_reads(l, reads));
    p = (struct runnable_program){.spec = s,
                                  .takes = field_bytes(&s->takes),
                                  .gives = field_bytes(&s->gives),
                                  .files = &r->files,
                                  .programs = &r->programs,
                                  .reads = reads,
                                  .reads_n = s->n_reads};
    code = runnable_put_program(r->core, &p, &cid, &d);
    return smoke_begin(l, code, &cid, &d);
}

static int model_start(struct live *l)
{
    const struct run *r = l->run;
    const Proctor__ModelSpec *s = live_spec(l)->model;
    struct diag d;
    struct cid cid;
    int code;

    diag_init(&d);
    if (s == NULL) {
        return ERR_TRACE(ERR_INTERNAL);
    }
    code = runnable_put_model(r->core, s, &r->files, &cid, &d);
    return smoke_begin(l, code, &cid, &d);
}

static void on_problem(void *ctx, struct config_job *j, int code,
                       Proctor__ConfigReply *reply, const struct diag *d)
{
    const struct smoke *s = ctx;

    (void)j;
    (void)reply;
    say_diag(s->live->run->core, d, live_id(s->live));
    if (code == ERR_INPUT || code == ERR_LIMIT || code == ERR_WORKER) {
        code = 0; /* the text's own fault */
    }
    live_fail(s->live, code, "%.100s: %s", s->cml.path, d->what);
}

static void on_compiled(void *ctx, const Proctor__CmlReply *reply)
{
    struct smoke *s = ctx;
    struct live *l = s->live;
    Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;
    struct diag d;
    struct cid cid;
    int code;

    diag_init(&d);
    m.takes = live_spec(l)->cml->takes;
    m.gives = live_spec(l)->cml->gives;
    code = runnable_put_cml(l->run->core, reply, &m, &cid);
    if (code == 0 && (reply->units[0]->nodes > LIMIT_CANDIDATE_NODES ||
                      m.branches > LIMIT_BRANCHES)) {
        live_fail(l, 0, "%.100s: a candidate has at most %u nodes and %u branches",
                  s->cml.path, LIMIT_CANDIDATE_NODES, LIMIT_BRANCHES);
        return;
    }
    code = smoke_begin(l, code, &cid, &d);
    if (code < 0) {
        live_error(l, code, NULL);
    }
}

/* A cml worker with the policy's limits is asked for cml.task. */
static int cml_ask(struct smoke *s,
                   void (*on_cml)(void *ctx, const Proctor__CmlReply *reply))
{
    const Proctor__Limits *most = s->live->run->policy->limits;
    struct config_ask ask = {.label = live_id(s->live), .path = s->cml.path,
                             .cml = &s->cml.task, .limits = &s->cml.limits,
                             .on_cml = on_cml};

    s->cml.limits = (struct worker_limits){.cpu_ms = most->cpu_ms,
                                           .memory_bytes = most->memory_bytes,
                                           .wall_ms = most->wall_ms};
    return config_start(s->live->run->core, &ask, on_problem, s, &s->cml.job);
}

static int cml_compile(struct smoke *s)
{
    const Proctor__CmlSpec *spec = live_spec(s->live)->cml;

    proctor__cml_text__init(&s->cml.source);
    s->cml.source.content = bytes_field(buf_bytes(&s->cml.text));
    s->cml.sources[0] = &s->cml.source;
    proctor__cml_task__init(&s->cml.task);
    s->cml.task.command = PROCTOR__CML_COMMAND__CML_COMPILE;
    s->cml.task.texts = s->cml.sources;
    s->cml.task.n_texts = 1;
    s->cml.task.unit = spec->unit;
    s->cml.task.takes = spec->takes;
    s->cml.task.gives = spec->gives;
    return cml_ask(s, on_compiled);
}

static int cml_start(struct live *l)
{
    const struct file *f = files_find(&l->run->files, live_spec(l)->cml->file);
    const char *dir = l->run->req->graph_dir;
    struct smoke *s;

    ASSERT(f != NULL && f->there); /* data.c began no task before */
    TRY(smoke_new(l, &s));
    TRY(store_get(l->run->core->store, &f->cid, &s->cml.text));
    snprintf(s->cml.path, sizeof(s->cml.path), "%s%s%s", dir,
             dir[0] == '\0' ? "" : "/", f->name);
    return cml_compile(s);
}

/* What it found is read and checked like any other unit, by another worker. */
static void on_found(void *ctx, const Proctor__CmlReply *reply)
{
    struct smoke *s = ctx;
    const Proctor__SynthReply *found = reply->synth;
    int code;

    if (found == NULL || found->unit == NULL) {
        live_fail(s->live, 0, "no unit: %.160s",
                  found == NULL ? "" : found->why);
        return;
    }
    code = buf_put(&s->cml.text, found->unit->bundle.data,
                   found->unit->bundle.len);
    config_free(s->cml.job);
    s->cml.job = NULL;
    code = code != 0 ? code : cml_compile(s);
    if (code < 0) {
        live_error(s->live, code, NULL);
    }
}

/* What this exam has disclosed, of whatever candidate, joins the examples: inputs
 * with the oracle's answers. */
static int add_disclosed(struct smoke *s, const Proctor__ExamSpec *exam,
                         struct diag *d)
{
    const Proctor__CmlSpec *spec = live_spec(s->live)->cml;
    struct core *c = s->live->run->core;
    size_t *n = &s->cml.synth.n_more_inputs;
    struct cid burnt[LIMIT_BURNT];
    struct cid id;
    size_t found;
    int code = exam_object_put(s->live->run, exam, field_bytes(&spec->takes),
                               field_bytes(&spec->gives), &id, d);

    if (code != 0) {
        return code;
    }
    found = fold_burnt(ledger_fold(c->ledger), &id, burnt, LIMIT_BURNT - *n);
    for (size_t i = 0; i < found; i++) {
        ProtobufCMessage **m = &s->cml.disclosed[*n];

        TRY(core_get_message(c, &burnt[i], &proctor__counterexample__descriptor,
                             m));
        s->cml.more[0][*n] = ((Proctor__Counterexample *)*m)->input;
        s->cml.more[1][*n] = ((Proctor__Counterexample *)*m)->expected;
        (*n)++;
    }
    return 0;
}

static int add_table(struct smoke *s, const Proctor__CmlSpec *spec)
{
    const struct run *r = s->live->run;
    const struct dataset *t =
        data_table(r, spec->enumerate->table, field_bytes(&spec->takes),
                   field_bytes(&spec->gives));

    ASSERT(t != NULL); /* data.c began no task before */
    TRY(store_get(r->core->store, &t->inputs, &s->cml.examples[0]));
    TRY(store_get(r->core->store, &t->outputs, &s->cml.examples[1]));
    s->cml.synth.inputs = bytes_field(buf_bytes(&s->cml.examples[0]));
    s->cml.synth.outputs = bytes_field(buf_bytes(&s->cml.examples[1]));
    return 0;
}

static int enumerate_start(struct live *l)
{
    const Proctor__CmlSpec *spec = live_spec(l)->cml;
    const Proctor__EnumerateSpec *e = spec->enumerate;
    const Proctor__Graph *g = l->run->graph;
    struct smoke *s;
    struct diag d;
    int code;

    TRY(smoke_new(l, &s));
    diag_init(&d);
    snprintf(s->cml.path, sizeof(s->cml.path), "its examples");
    proctor__synth_task__init(&s->cml.synth);
    s->cml.synth.takes = spec->takes;
    s->cml.synth.gives = spec->gives;
    s->cml.synth.inputs = e->inputs;
    s->cml.synth.outputs = e->outputs;
    s->cml.synth.grammar = e->grammar;
    s->cml.synth.budget = e->budget;
    s->cml.synth.max_size = e->max_size;
    code = e->table != NULL ? add_table(s, spec) : 0;
    for (size_t i = 0; code == 0 && i < g->n_tasks; i++) {
        const Proctor__Task *t = g->tasks[i];

        for (size_t k = 0; code == 0 && t->exam != NULL && k < t->n_needs; k++) {
            if (strcmp(t->needs[k], g->tasks[l->task_i]->id) == 0) {
                code = add_disclosed(s, t->exam, &d);
            }
        }
    }
    if (code != 0) {
        live_error(l, code, &d);
        return 0;
    }
    s->cml.synth.more_inputs = s->cml.more[0];
    s->cml.synth.more_outputs = s->cml.more[1];
    s->cml.synth.n_more_outputs = s->cml.synth.n_more_inputs;
    proctor__cml_task__init(&s->cml.task);
    s->cml.task.command = PROCTOR__CML_COMMAND__CML_SYNTH;
    s->cml.task.synth = &s->cml.synth;
    return cml_ask(s, on_found);
}

const struct op op_program = {"program", program_start, smoke_free};
const struct op op_model = {"model", model_start, smoke_free};
const struct op op_cml = {"cml", cml_start, smoke_free};
const struct op op_enumerate = {"enumerate", enumerate_start, smoke_free};
