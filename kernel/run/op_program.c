/* Ops `program`, `model`, `cml` and `enumerate`: the result is the CID of a Runnable,
 * reached once it has answered one of a few small inputs in a well-formed way.
 * Whether an answer is right is an exam's business. Of a CML text it holds the
 * artifact that a worker made. Kernel process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/data.h"
#include "kernel/run/eval.h"
#include "kernel/run/exam_object.h"
#include "kernel/run/linking.h"
#include "kernel/run/sample.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/run/smoke.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

struct smoke {
    struct live *live;
    struct linking *linking; /* of ops cml and enumerate */
    struct enumerating {
        Proctor__SynthTask task; /* and what it borrows */
        struct buf examples[2];
        ProtobufCMessage *disclosed[LIMIT_BURNT];
        ProtobufCBinaryData more[2][LIMIT_BURNT];
        struct buf found; /* bundle */
    } synth;
    struct cid cid;
    struct runnable *runnable;
    struct eval *eval;
    struct values inputs;
    unsigned variant;
    uint64_t evidence_ref;
    char first[160]; /* how the first try ended */
    char text[160];
};

void smoke_free(void *state)
{
    struct smoke *s = state;

    if (s == NULL) {
        return;
    }
    linking_free(s->linking);
    buf_release(&s->synth.examples[0]);
    buf_release(&s->synth.examples[1]);
    for (size_t i = 0; i < s->synth.task.n_more_inputs; i++) {
        pb_free(s->synth.disclosed[i]);
    }
    buf_release(&s->synth.found);
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
    struct outcome o = {.passed = 1, .level = LEVEL_SCHEMA, .result = s->cid,
                        .evidence_ref = s->evidence_ref};
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
    buf_init(&s->synth.examples[0], LIMIT_DATA_FILE_BYTES);
    buf_init(&s->synth.examples[1], LIMIT_DATA_FILE_BYTES);
    buf_init(&s->synth.found, LIMIT_CML_BUNDLE_BYTES);
    values_init(&s->inputs);
    *out = s;
    return 0;
}

static int smoke_go(struct smoke *s, const struct cid *cid)
{
    struct live *l = s->live;
    struct diag d;
    int code;

    diag_init(&d);
    s->cid = *cid;
    code = runnable_load(l->run->core, cid, &s->runnable, &d);
    if (code != 0) {
        live_error(l, code, &d);
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

int smoke_start(struct live *l, const struct cid *runnable,
                uint64_t evidence_ref, struct smoke **out)
{
    TRY(smoke_new(l, out));
    (*out)->evidence_ref = evidence_ref;
    return smoke_go(*out, runnable);
}

/* code, d: how putting its object went. */
static int smoke_begin(struct live *l, int code, const struct cid *cid,
                       struct diag *d)
{
    struct smoke *s = l->state;

    if (code != 0) {
        live_error(l, code, d);
        return 0;
    }
    if (s == NULL) {
        TRY(smoke_new(l, &s));
        l->state = s;
    }
    return smoke_go(s, cid);
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

static int on_linked(struct live *l, const Proctor__CmlReply *reply)
{
    struct smoke *s = l->state;
    Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;
    struct diag d;
    struct cid cid;
    struct cid snapshot;
    int code = linking_snapshot(s->linking, &snapshot);

    diag_init(&d);
    m.takes = live_spec(l)->cml->takes;
    m.gives = live_spec(l)->cml->gives;
    if (!cid_is_zero(&snapshot)) {
        m.snapshot = cid_field(&snapshot);
    }
    code = code ? code : runnable_put_cml(l->run->core, reply, &m, &cid);
    if (code == 0 && (reply->units[0]->nodes > LIMIT_CANDIDATE_NODES ||
                      m.branches > LIMIT_BRANCHES)) {
        live_fail(l, 0, "%.100s: a candidate has at most %u nodes and %u branches",
                  live_spec(l)->cml->file, LIMIT_CANDIDATE_NODES,
                  LIMIT_BRANCHES);
        return 0;
    }
    return smoke_begin(l, code, &cid, &d);
}

/* A unit of a file, or the one that was found. */
static int cml_link(struct live *l, const struct buf *found)
{
    const Proctor__CmlSpec *spec = live_spec(l)->cml;
    const struct smoke *s = l->state;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;

    task.command = PROCTOR__CML_COMMAND__CML_LINK;
    task.unit = spec->unit;
    task.takes = spec->takes;
    task.gives = spec->gives;
    task.inside = 1;
    return linking_ask(s->linking, &task, spec->file, found, on_linked);
}

static int cml_start(struct live *l)
{
    struct smoke *s;

    TRY(smoke_new(l, &s));
    l->state = s;
    TRY(linking_new(l, &s->linking));
    if (live_spec(l)->cml->file_of[0] != '\0') { /* a text that passed */
        uint32_t i = run_find(l->run, live_spec(l)->cml->file_of);

        ASSERT(i != UINT32_MAX);
        TRY(store_get(l->run->core->store, &l->run->tasks[i].result,
                      &s->synth.found));
        return cml_link(l, &s->synth.found);
    }
    return cml_link(l, NULL);
}

/* What it found is read and checked like any other unit, by another worker. */
static int on_found(struct live *l, const Proctor__CmlReply *reply)
{
    const Proctor__SynthReply *found = reply->synth;
    struct smoke *s = l->state;

    if (found == NULL || found->unit == NULL) {
        live_fail(l, 0, "no unit: %.160s", found == NULL ? "" : found->why);
        return 0;
    }
    TRY(buf_put(&s->synth.found, found->unit->bundle.data,
                found->unit->bundle.len));
    return cml_link(l, &s->synth.found);
}

/* What this exam has disclosed, of whatever candidate, joins the examples: inputs
 * with the oracle's answers. */
static int add_disclosed(struct smoke *s, const Proctor__ExamSpec *exam,
                         struct diag *d)
{
    const Proctor__CmlSpec *spec = live_spec(s->live)->cml;
    struct core *c = s->live->run->core;
    size_t *n = &s->synth.task.n_more_inputs;
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
        ProtobufCMessage **m = &s->synth.disclosed[*n];

        TRY(core_get_message(c, &burnt[i], &proctor__counterexample__descriptor,
                             m));
        s->synth.more[0][*n] = ((Proctor__Counterexample *)*m)->input;
        s->synth.more[1][*n] = ((Proctor__Counterexample *)*m)->expected;
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
    TRY(store_get(r->core->store, &t->inputs, &s->synth.examples[0]));
    TRY(store_get(r->core->store, &t->outputs, &s->synth.examples[1]));
    s->synth.task.inputs = bytes_field(buf_bytes(&s->synth.examples[0]));
    s->synth.task.outputs = bytes_field(buf_bytes(&s->synth.examples[1]));
    return 0;
}

static int enumerate_start(struct live *l)
{
    const Proctor__CmlSpec *spec = live_spec(l)->cml;
    const Proctor__EnumerateSpec *e = spec->enumerate;
    const Proctor__Graph *g = l->run->graph;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    struct smoke *s;
    struct diag d;
    int code;

    TRY(smoke_new(l, &s));
    l->state = s;
    TRY(linking_new(l, &s->linking));
    diag_init(&d);
    proctor__synth_task__init(&s->synth.task);
    s->synth.task.takes = spec->takes;
    s->synth.task.gives = spec->gives;
    s->synth.task.inputs = e->inputs;
    s->synth.task.outputs = e->outputs;
    s->synth.task.grammar = e->grammar;
    s->synth.task.budget = e->budget;
    s->synth.task.max_size = e->max_size;
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
    s->synth.task.more_inputs = s->synth.more[0];
    s->synth.task.more_outputs = s->synth.more[1];
    s->synth.task.n_more_outputs = s->synth.task.n_more_inputs;
    task.command = PROCTOR__CML_COMMAND__CML_SYNTH;
    task.synth = &s->synth.task;
    return linking_ask(s->linking, &task, "", NULL, on_found);
}

const struct op op_program = {"program", program_start, smoke_free};
const struct op op_model = {"model", model_start, smoke_free};
const struct op op_cml = {"cml", cml_start, smoke_free};
const struct op op_enumerate = {"enumerate", enumerate_start, smoke_free};
