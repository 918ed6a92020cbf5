/* Reads graph and policy through confined workers and admits. Parses no text;
 * records nothing but through the doors of run.h. Kernel process. */
#include "kernel/run/intake.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/run/config.h"
#include "kernel/run/data.h"
#include "kernel/run/guard.h"
#include "kernel/run/record_run.h"
#include "kernel/run/resume.h"
#include "kernel/run/say.h"
#include "proto/err.h"

enum { READ_CHUNK_BYTES = 8192 };

/* Reads fd from its start; more than out's maximum is ERR_LIMIT. */
static int read_text(int fd, struct buf *out)
{
    uint8_t chunk[READ_CHUNK_BYTES];
    off_t at = 0;

    for (;;) {
        ssize_t got = pread(fd, chunk, sizeof(chunk), at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ERR_TRACE(err_from_errno(errno));
        }
        if (got == 0) {
            return 0;
        }
        TRY(buf_put(out, chunk, (size_t)got));
        at += got;
    }
}

static int intake_read(struct run *r, struct frame *f, unsigned fd_i,
                       const char *path, size_t max_bytes, struct buf *out)
{
    CLEANUP(fd_closep) int fd = frame_take_fd(f, fd_i);
    int code;

    buf_init(out, max_bytes);
    code = read_text(fd, out);

    if (code == ERR_LIMIT) {
        char what[64];

        snprintf(what, sizeof(what), "a limit was reached: over %zu bytes",
                 max_bytes);
        run_error(r, code, path, what);
    } else if (code < 0) {
        run_error(r, code, path, err_text(code));
    }
    return code;
}

/* The CID of its canonical bytes, which a run that is recorded stores. */
static int keep_canonical(struct run *r, const ProtobufCMessage *m,
                          struct cid *out)
{
    return run_is_recorded(r) ? core_put_message(r->core, m, out)
                              : core_cid_message(m, out);
}

static void texts_are_read(struct run *r)
{
    if (r->graph_job != NULL || r->policy_job != NULL ||
        r->phase != RUN_PHASE_TEXTS) {
        return;
    }
    buf_release(&r->graph_text);
    buf_release(&r->policy_text);
    intake_check(r);
}

/* What one text's job ended with. code > 0: the store's budget. */
static void text_over(struct run *r, struct config_job **j, int code,
                      const struct diag *d, const char *path)
{
    char what[DIAG_TEXT_BYTES];

    if (code != 0 && d != NULL) {
        run_refuse(r, d, "");
    } else if (code == ERR_PROTOCOL) {
        run_error(r, code, path, "its reader answered nonsense");
    } else if (code != 0) {
        snprintf(what, sizeof(what), "it cannot be stored: %s",
                 code < 0 ? err_text(code) : "budgets.bytes is used up");
        run_error(r, code < 0 ? code : ERR_REFUSED, path, what);
    }
    config_free(*j);
    *j = NULL;
    if (code == 0) {
        texts_are_read(r);
    }
}

static void on_graph(void *ctx, struct config_job *j, int code,
                     Proctor__ConfigReply *reply, const struct diag *d)
{
    struct run *r = ctx;

    (void)j;
    if (code == 0 && (reply->graph == NULL || reply->policy != NULL ||
                      reply->inputs.len > 0 || reply->outputs.len > 0 ||
                      reply->n_places != reply->graph->n_tasks)) {
        code = ERR_PROTOCOL;
    }
    if (code == 0) {
        r->graph = reply->graph;
        reply->graph = NULL;
        r->places = reply->places;
        r->places_n = reply->n_places;
        reply->places = NULL;
        reply->n_places = 0;
        code = keep_canonical(r, &r->graph->base, &r->graph_cid);
    }
    text_over(r, &r->graph_job, code, d, r->req->graph_path);
}

static void on_policy(void *ctx, struct config_job *j, int code,
                      Proctor__ConfigReply *reply, const struct diag *d)
{
    struct run *r = ctx;

    (void)j;
    if (code == 0 && (reply->policy == NULL || reply->graph != NULL ||
                      reply->inputs.len > 0 || reply->outputs.len > 0 ||
                      reply->n_grant_places != reply->policy->n_grants)) {
        code = ERR_PROTOCOL;
    }
    if (code == 0) {
        r->policy = reply->policy;
        reply->policy = NULL;
        r->grant_places = reply->grant_places;
        r->grant_places_n = reply->n_grant_places;
        reply->grant_places = NULL;
        reply->n_grant_places = 0;
        code = keep_canonical(r, &r->policy->base, &r->policy_cid);
    }
    text_over(r, &r->policy_job, code, d, r->req->policy_path);
}

static int text_job(struct run *r, struct config_ask ask,
                    Proctor__ConfigKind kind, const struct buf *text,
                    config_fn fn, struct config_job **out)
{
    proctor__config_task__init(&ask.task);
    ask.task.kind = kind;
    ask.task.text = bytes_field(buf_bytes(text));
    ask.task.overrides = r->req->overrides;
    ask.task.n_overrides = r->req->n_overrides;
    return config_start(r->core, &ask, fn, r, out);
}

static int has_graph(const struct run *r)
{
    return r->req->mode == PROCTOR__RUN_MODE__RUN_FULL ||
           r->req->mode == PROCTOR__RUN_MODE__RUN_DRY ||
           r->req->mode == PROCTOR__RUN_MODE__RUN_CHECK;
}

static int has_policy(const struct run *r)
{
    return r->req->mode == PROCTOR__RUN_MODE__RUN_FULL ||
           r->req->mode == PROCTOR__RUN_MODE__RUN_DRY ||
           r->req->mode == PROCTOR__RUN_MODE__RUN_POLICY;
}

/* The engine; for modes that keep records, also store and ledger. Check, dry
 * run and policy touch no store: they work beside a kernel that owns it. */
static int open_all(struct run *r, struct diag *d)
{
    struct core *c = r->core;
    struct cid policy = cid_of(buf_bytes(&r->policy_text));

    TRY(core_open_engine(c, d)); /* before a store is made that nobody can use */
    if (run_is_recorded(r)) {
        TRY(core_open_store(c, d));
        /* Also the empty one of a resumed run: GENESIS may come to name it. */
        TRY(store_put(c->store, buf_bytes(&r->policy_text), &policy));
        if (has_policy(r)) {
            TRY(store_put(c->store, buf_bytes(&r->graph_text),
                          &r->graph_text_cid));
            r->policy_text_cid = policy;
        }
    }
    if (run_is_recorded(r)) {
        TRY(core_open_ledger(c, &policy, r->req->seen, d));
        if (d->what[0] != '\0') {
            say_event(c, 0, "", "", d->what); /* a torn tail was cut */
        }
    }
    return 0;
}

static int texts_start(struct run *r)
{
    if (has_graph(r)) {
        struct config_ask ask = {.path = r->req->graph_path,
                                 .label = "(graph)"};

        TRY(text_job(r, ask, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, &r->graph_text,
                     on_graph, &r->graph_job));
    }
    if (has_policy(r)) {
        struct config_ask ask = {.path = r->req->policy_path,
                                 .label = "(policy)"};

        TRY(text_job(r, ask, PROCTOR__CONFIG_KIND__CONFIG_POLICY,
                     &r->policy_text, on_policy, &r->policy_job));
    }
    return 0;
}

void intake_start(struct run *r, struct frame *f)
{
    unsigned want = (unsigned)has_graph(r) + (unsigned)has_policy(r);
    struct diag d;
    int code;

    if (f->fds_n != want) {
        run_error(r, ERR_PROTOCOL, NULL, "the request lacks its files");
        return;
    }
    if (has_graph(r) &&
        intake_read(r, f, 0, r->req->graph_path, LIMIT_GRAPH_FILE_BYTES,
                    &r->graph_text) < 0) {
        return;
    }
    if (has_policy(r) &&
        intake_read(r, f, want - 1, r->req->policy_path,
                    LIMIT_POLICY_FILE_BYTES, &r->policy_text) < 0) {
        return;
    }
    diag_init(&d);
    code = open_all(r, &d);
    if (code == 0) {
        code = run_is_recorded(r) && !has_graph(r) ? resume_start(r, &d)
                                                   : texts_start(r);
    }
    if (code < 0) {
        if (d.code == 0) {
            diag_set(&d, code, (struct loc){0}, "%s", err_text(code));
        }
        run_refuse(r, &d, "");
    }
}

void intake_stop(struct run *r)
{
    config_free(r->graph_job);
    r->graph_job = NULL;
    config_free(r->policy_job);
    r->policy_job = NULL;
}

/* What a config worker must have made sure of; checked again because nothing of
 * it is believed. */
static const char *policy_problem(const Proctor__Policy *p)
{
    if (p->version != 1) {
        return "its version is not 1";
    }
    if (p->budgets == NULL || p->limits == NULL) {
        return "it has no budgets or no limits";
    }
    if (!isfinite(p->p0) || p->p0 <= 0 || p->p0 > 0.5) {
        return "exam.p0 is not in (0, 0.5]";
    }
    if (!isfinite(p->alpha) || p->alpha <= 0 || p->alpha > 0.5) {
        return "exam.alpha is not in (0, 0.5]";
    }
    if (strcmp(p->confinement, "strict") != 0) {
        return "there is no such confinement profile";
    }
    if (p->workers < 1 || p->workers > LIMIT_WORKERS) {
        return "workers is not in 1..64";
    }
    return NULL;
}

static void refusal_add(struct run *r, size_t task_i, const char *rule,
                        const struct diag *d)
{
    struct refusal *x;

    if (r->refusals_n == RUN_REFUSALS_MAX) {
        return;
    }
    x = &r->refusals[r->refusals_n++];
    x->task_i = task_i == SIZE_MAX ? UINT32_MAX : (uint32_t)task_i;
    snprintf(x->rule, sizeof(x->rule), "%s", rule);
    x->d = *d;
}

static void on_refusal(void *ctx, size_t task_i, const char *rule,
                       const struct diag *d)
{
    refusal_add(ctx, task_i, rule, d);
}

static int resolve_programs(struct run *r)
{
    size_t grant = 0;
    struct diag d;
    int code;

    diag_init(&d);
    code = programs_resolve(&r->programs, r->policy,
                            run_is_recorded(r) ? r->core->store : NULL, &grant,
                            &d);
    if (code < 0 && d.code == 0) {
        return code;
    }
    if (code < 0) {
        d.at.path = r->req->policy_path;
        if (grant < r->grant_places_n) {
            d.at.line = r->grant_places[grant]->line;
            d.at.col = r->grant_places[grant]->col;
        }
        refusal_add(r, SIZE_MAX, "policy.program", &d);
    }
    return 0;
}

static int admit(struct run *r)
{
    struct admit_request q = {
        .graph = r->graph,
        .places = r->places,
        .places_n = r->places_n,
        .policy = r->policy,
        .graph_path = r->req->graph_path,
        .graph_dir = r->req->graph_dir,
    };

    return admit_check(&q, &r->admission, on_refusal, r);
}

/* Everything that can be refused before files are asked for. */
static int check_all(struct run *r)
{
    const char *problem = NULL;

    r->refusals = calloc(RUN_REFUSALS_MAX, sizeof(*r->refusals));
    if (r->refusals == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (r->policy != NULL) {
        problem = policy_problem(r->policy);
        if (problem != NULL) {
            run_error(r, ERR_INPUT, r->req->policy_path, problem);
            return 0;
        }
        budget_set(&r->core->budget, r->policy->budgets);
        guards_slots(r->core->guards, r->policy->workers);
        TRY(resolve_programs(r));
    }
    if (r->graph != NULL) {
        TRY(admit(r));
    }
    return 0;
}

/* A graph that is no graph outweighs one that is not allowed. */
static int refusal_code(const struct run *r)
{
    int code = r->refusals[0].d.code;

    for (size_t i = 0; i < r->refusals_n; i++) {
        if (err_exit_code(r->refusals[i].d.code) == 2) {
            code = r->refusals[i].d.code;
            break;
        }
    }
    return code < 0 ? code : ERR_REFUSED;
}

static void say_refusals(struct run *r)
{
    for (size_t i = 0; i < r->refusals_n; i++) {
        const struct refusal *x = &r->refusals[i];

        say_diag(r->core, &x->d,
                 x->task_i == UINT32_MAX ? "" : r->graph->tasks[x->task_i]->id);
    }
}

/* The policy as it was understood, with what its names resolved to. */
static void say_policy(struct run *r)
{
    Proctor__PolicyView m = PROCTOR__POLICY_VIEW__INIT;
    size_t n = r->programs.n;
    CLEANUP(mem_freep) Proctor__ProgramRow *rows = calloc(n + 1, sizeof(*rows));
    CLEANUP(mem_freep) Proctor__ProgramRow **row_p =
        calloc(n + 1, sizeof(Proctor__ProgramRow *));

    if (rows == NULL || row_p == NULL) {
        run_error(r, ERR_NOMEM, NULL, err_text(ERR_NOMEM));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        proctor__program_row__init(&rows[i]);
        rows[i].name = r->programs.v[i].name;
        rows[i].path = r->programs.v[i].path;
        rows[i].cid = cid_field(&r->programs.v[i].cid);
        row_p[i] = &rows[i];
    }
    m.policy = r->policy;
    m.cid = cid_field(&r->policy_cid);
    m.programs = row_p;
    m.n_programs = n;
    say(r->core, MSG_POLICY_VIEW, &m.base);
}

void intake_check(struct run *r)
{
    int code = check_all(r);

    if (code < 0) {
        run_error(r, code, NULL, err_text(code));
        return;
    }
    if (r->phase == RUN_PHASE_OVER) {
        return;
    }
    if (r->refusals_n > 0) {
        r->code = refusal_code(r);
        if (run_is_recorded(r) && record_refused(r) < 0) {
            return; /* fatal, under way */
        }
        say_refusals(r);
        run_over(r, r->code);
        return;
    }
    if (r->req->mode == PROCTOR__RUN_MODE__RUN_POLICY) {
        say_policy(r);
        run_over(r, 0);
    } else if (r->req->mode == PROCTOR__RUN_MODE__RUN_CHECK) {
        run_over(r, 0);
    } else {
        data_start(r);
    }
}
