/* Ops `program` and `model`: the result is the CID of a Runnable, reached once it
 * has answered one of a few small inputs in a well-formed way. Whether an answer
 * is right is an exam's business. Kernel process. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/run/eval.h"
#include "kernel/run/sample.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "proto/err.h"

struct smoke {
    struct live *live;
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

/* code, d: how putting its object went. */
static int smoke_begin(struct live *l, int code, const struct cid *cid,
                       struct diag *d)
{
    struct smoke *s = NULL;

    if (code == 0) {
        s = calloc(1, sizeof(*s));
        if (s == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        l->state = s;
        s->live = l;
        s->cid = *cid;
        values_init(&s->inputs);
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

const struct op op_program = {"program", program_start, smoke_free};
const struct op op_model = {"model", model_start, smoke_free};
