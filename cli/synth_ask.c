/* Questions of `proctor synth` to workers of class cml, by one kernel after the
 * other; nothing of them is recorded. The person's process. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/synth.h"
#include "cli/term.h"
#include "proto/cid.h"
#include "proto/err.h"
#include "proto/limits.h"

/* A search begins with little and, if that was not enough, anew with all: what is
 * easy is found at once, and a person at a terminal sees that something goes on. */
#define BUDGET_FIRST (UINT64_C(1) << 24)
#define BUDGET UINT64_C(400000000) /* evaluations, unless --budget says another */

static const char UNFINISHED[] = "the worker did not answer as asked";

/* One question; what comes is *out's, freed by frame_release. */
static int ask(struct synth *x, Proctor__CmlTask *task, struct frame *out,
               const Proctor__CmlReply **out_reply)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};
    const Proctor__AskDone *done;

    if (!x->has_session) {
        x->has_session = 1; /* also after a failure: to be closed */
        TRY(session_open(&x->asks, x->c, NULL));
    }
    m.cml = task;
    TRY(session_ask(&x->asks, &q, -1));
    frame_release(out);
    *out = x->asks.answer;
    frame_init(&x->asks.answer);
    if (out->info->msg != MSG_ASK_DONE) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    done = (const Proctor__AskDone *)out->m;
    if (done->code < 0 || done->cml == NULL) {
        return cli_fail_hint(x->c, done->code < 0 ? done->code : ERR_WORKER,
                             done->hint, "%s", done->problem);
    }
    *out_reply = done->cml;
    return 0;
}

static int tell_problem(struct synth *x, const Proctor__CmlReply *r)
{
    const Proctor__Problem *p = r->problem;
    int code = p->kind == 2   ? ERR_TASK_FAILED
               : p->kind == 1 ? ERR_LIMIT
                              : ERR_INPUT;
    const char *path = r->problem_text == 0 && p->line > 0 ? x->file : NULL;

    if (p->kind == 2) {
        x->outcome = SYNTH_CONTRADICTS;
    }
    (void)diag_set(&x->c->d, code, (struct loc){path, p->line, p->col}, "%s%s%s",
                   path == NULL && r->problem_text == 0 ? x->file : "",
                   path == NULL && r->problem_text == 0 ? ": " : "", p->what);
    if (p->hint[0] != '\0') {
        diag_hint(&x->c->d, "%s", p->hint);
    }
    return code;
}

static int read_file(struct synth *x)
{
    int fd = -1;
    int rc;

    if (strcmp(x->file, "-") == 0) {
        rc = files_read_fd(STDIN_FILENO, LIMIT_CML_TEXT_BYTES, &x->text);
    } else {
        TRY(files_open("the examples", x->file, &fd, &x->c->d));
        rc = files_read_fd(fd, LIMIT_CML_TEXT_BYTES, &x->text);
        fd_closep(&fd);
    }
    return rc == 0 ? 0
                   : cli_fail(x->c, rc, "%s: %s", x->file,
                              rc == ERR_LIMIT ? "over 4 MiB" : err_text(rc));
}

/* The question that holds the file, and in `answer` a unit for it. */
static int ask_about_file(struct synth *x, struct ubytes answer,
                          struct frame *out, const Proctor__CmlReply **reply)
{
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    Proctor__SynthRead ask_for = PROCTOR__SYNTH_READ__INIT;
    Proctor__CmlText texts[2] = {PROCTOR__CML_TEXT__INIT,
                                 PROCTOR__CML_TEXT__INIT};
    Proctor__CmlText *list[2] = {&texts[0], &texts[1]};
    struct ubytes file = buf_bytes(&x->text);
    static char of_worker[] = "(the answer)";

    texts[0].name = x->file;
    texts[0].content.data = (uint8_t *)(uintptr_t)file.p;
    texts[0].content.len = file.n;
    texts[1].name = of_worker;
    texts[1].content.data = (uint8_t *)(uintptr_t)answer.p;
    texts[1].content.len = answer.n;
    task.command = PROCTOR__CML_COMMAND__CML_SYNTH_READ;
    task.texts = list;
    task.n_texts = answer.n > 0 ? 2 : 1;
    task.synth_read = &ask_for;
    ask_for.types = x->types != NULL ? x->types : ask_for.types;
    ask_for.output = x->column != NULL ? x->column : ask_for.output;
    ask_for.grammar = x->grammar != NULL ? x->grammar : ask_for.grammar;
    ask_for.hold_out = x->hold_out;
    TRY(ask(x, &task, out, reply));
    return (*reply)->problem != NULL ? tell_problem(x, *reply) : 0;
}

static struct ubytes field(ProtobufCBinaryData b)
{
    return (struct ubytes){b.data, b.len};
}

static int add_all(struct values_builder *to, ProtobufCBinaryData from,
                   const struct type *t)
{
    struct values v CLEANUP(values_release);

    values_init(&v);
    TRY(values_decode(&v, field(from), t, LIMIT_TABLE_ROWS));
    TRY(values_builder_init(to, LIMIT_CML_BUNDLE_BYTES));
    return values_builder_add_all(to, &v, 0, values_n(&v));
}

int synth_read(struct synth *x)
{
    const Proctor__CmlReply *r = NULL;
    const Proctor__SynthTask *t;

    TRY(read_file(x));
    TRY(ask_about_file(x, (struct ubytes){NULL, 0}, &x->read, &r));
    if (r->synth_problem == NULL || r->synth_problem->task == NULL) {
        return cli_fail(x->c, ERR_WORKER, "%s", UNFINISHED);
    }
    t = r->synth_problem->task;
    if (type_decode(field(t->takes), &x->takes) < 0 ||
        type_decode(field(t->gives), &x->gives) < 0 ||
        add_all(&x->inputs, t->inputs, &x->takes) < 0 ||
        add_all(&x->outputs, t->outputs, &x->gives) < 0) {
        return cli_fail(x->c, ERR_WORKER, "%s", UNFINISHED);
    }
    x->problem = r->synth_problem;
    return x->problem->given > 0
               ? 0
               : cli_fail_hint(x->c, ERR_INPUT, "a smaller --hold-out",
                               "no example is left to learn from");
}

int synth_add_example(struct synth *x, struct ubytes in, struct ubytes out)
{
    TRY(values_builder_add(&x->inputs, in));
    return values_builder_add(&x->outputs, out);
}

/* --- the search --- */

static int search(struct synth *x, uint64_t budget, int evidence,
                  struct frame *out, const Proctor__SynthReply **reply)
{
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    Proctor__SynthTask t = *x->problem->task;
    struct ubytes inputs = values_builder_bytes(&x->inputs);
    struct ubytes outputs = values_builder_bytes(&x->outputs);
    const Proctor__CmlReply *r = NULL;

    t.inputs = (ProtobufCBinaryData){inputs.n, (uint8_t *)(uintptr_t)inputs.p};
    t.outputs =
        (ProtobufCBinaryData){outputs.n, (uint8_t *)(uintptr_t)outputs.p};
    t.budget = budget;
    t.max_size = (uint32_t)x->size;
    t.evidence = evidence;
    task.command = PROCTOR__CML_COMMAND__CML_SYNTH;
    task.synth = &t;
    *reply = NULL;
    TRY(ask(x, &task, out, &r));
    if (r->problem != NULL) {
        return tell_problem(x, r);
    }
    if (r->synth == NULL) {
        return cli_fail(x->c, ERR_WORKER, "%s", UNFINISHED);
    }
    x->evaluations += r->synth->evaluations;
    x->terms = r->synth->terms;
    *reply = r->synth;
    return 0;
}

static void show_progress(const struct synth *x, uint64_t budget)
{
    char done[TERM_NUMBER_BYTES];
    char of[TERM_NUMBER_BYTES];

    if (term_is_live() && !x->c->json) {
        (void)fprintf(stderr, "\r\033[K%s: %s evaluations, none fits yet; up to %s",
                      x->problem->task->name,
                      term_number(x->evaluations, done),
                      term_number(budget, of));
    }
}

static void end_progress(const struct synth *x)
{
    if (term_is_live() && !x->c->json) {
        (void)fputs("\r\033[K", stderr);
    }
}

static int settle(struct synth *x)
{
    switch ((int)x->reply->status) {
    case PROCTOR__SYNTH_STATUS__SYNTH_FOUND:
        x->outcome = SYNTH_FITS;
        break;
    case PROCTOR__SYNTH_STATUS__SYNTH_UNCERTAIN:
        x->outcome = SYNTH_UNSURE;
        break;
    case PROCTOR__SYNTH_STATUS__SYNTH_IMPOSSIBLE:
        x->outcome = SYNTH_NONE;
        return 0;
    case PROCTOR__SYNTH_STATUS__SYNTH_EXHAUSTED:
        x->outcome = SYNTH_OVER;
        return 0;
    case PROCTOR__SYNTH_STATUS__SYNTH_CONTRADICTION:
        x->outcome = SYNTH_CONTRADICTS; /* the reader sees those of the file */
        return 0;
    default:
        return cli_fail(x->c, ERR_WORKER, "%s", UNFINISHED);
    }
    return x->reply->unit != NULL && x->reply->unit->cid.len == CID_BYTES
               ? 0
               : cli_fail(x->c, ERR_WORKER, "%s", UNFINISHED);
}

int synth_solve(struct synth *x)
{
    uint64_t budget = x->budget > 0 ? x->budget : BUDGET;
    uint64_t slice = budget < BUDGET_FIRST ? budget : BUDGET_FIRST;
    int evidence = !x->any && x->oracle == NULL;
    int rc;

    x->check = NULL; /* of the unit before, if there was one */
    rc = search(x, slice, evidence, &x->found, &x->reply);
    if (rc == 0 && slice < budget &&
        x->reply->status == PROCTOR__SYNTH_STATUS__SYNTH_EXHAUSTED) {
        show_progress(x, budget);
        rc = search(x, budget, evidence, &x->found, &x->reply);
        end_progress(x);
    }
    return rc < 0 ? rc : settle(x);
}

int synth_find_rival(struct synth *x)
{
    struct values_builder inputs = x->inputs;
    struct values_builder outputs = x->outputs;
    const Proctor__SynthReply *r = NULL;
    uint64_t budget = x->budget > 0 ? x->budget : BUDGET;
    struct ubytes in = field(x->reply->input);
    struct ubytes out = field(x->reply->other);
    int rc;

    if (value_check_exact(in, &x->takes) < 0 ||
        value_check_exact(out, &x->gives) < 0) {
        return 0;
    }
    TRY(add_all(&x->inputs, x->problem->task->inputs, &x->takes));
    rc = add_all(&x->outputs, x->problem->task->outputs, &x->gives);
    rc = rc < 0 ? rc : synth_add_example(x, in, out);
    rc = rc < 0 ? rc : search(x, budget, 0, &x->rival, &r);
    values_builder_release(&x->inputs);
    values_builder_release(&x->outputs);
    x->inputs = inputs;
    x->outputs = outputs;
    if (rc == 0 && r->status == PROCTOR__SYNTH_STATUS__SYNTH_FOUND) {
        x->other = r;
    }
    return rc;
}

int synth_check(struct synth *x)
{
    const Proctor__CmlReply *r = NULL;
    const Proctor__SynthCheck *k;

    TRY(ask_about_file(x, field(x->reply->text), &x->checked, &r));
    k = r->synth_check;
    if (k == NULL || k->fit != k->given || k->text.len == 0 ||
        k->cid.len != CID_BYTES ||
        memcmp(k->cid.data, x->reply->unit->cid.data, CID_BYTES) != 0) {
        return cli_fail(x->c, ERR_WORKER,
                        "the unit that was found does not fit all examples");
    }
    x->check = k;
    return 0;
}

void synth_end_asks(struct synth *x)
{
    if (x->has_session) {
        session_close(&x->asks);
        x->has_session = 0;
    }
}
