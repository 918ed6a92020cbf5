/* Ops `program`, `model` and `cml`: the result is the CID of a Runnable, reached once
 * it has answered one of a few small inputs in a well-formed way. Whether an answer
 * is right is an exam's business. Of a CML text it holds the artifact that a worker
 * made. Kernel process. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/run/config.h"
#include "kernel/run/eval.h"
#include "kernel/run/sample.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
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

static int cml_start(struct live *l)
{
    const Proctor__CmlSpec *spec = live_spec(l)->cml;
    const struct file *f = files_find(&l->run->files, spec->file);
    const Proctor__Limits *most = l->run->policy->limits;
    struct smoke *s;
    const char *dir = l->run->req->graph_dir;
    struct config_ask ask = {.label = live_id(l), .on_cml = on_compiled};

    ASSERT(f != NULL && f->there); /* data.c began no task before */
    TRY(smoke_new(l, &s));
    TRY(store_get(l->run->core->store, &f->cid, &s->cml.text));
    snprintf(s->cml.path, sizeof(s->cml.path), "%s%s%s", dir,
             dir[0] == '\0' ? "" : "/", f->name);
    ask.path = s->cml.path;
    s->cml.limits = (struct worker_limits){.cpu_ms = most->cpu_ms,
                                           .memory_bytes = most->memory_bytes,
                                           .wall_ms = most->wall_ms};
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
    ask.cml = &s->cml.task;
    ask.limits = &s->cml.limits;
    return config_start(l->run->core, &ask, on_problem, s, &s->cml.job);
}

const struct op op_program = {"program", program_start, smoke_free};
const struct op op_model = {"model", model_start, smoke_free};
const struct op op_cml = {"cml", cml_start, smoke_free};
