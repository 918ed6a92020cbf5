/* Runs experiments: each is a graph of its own, under a policy that grants what that
 * graph needs and no more, or under the person's. */
#include "cli/experiment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/experiment_text.h"
#include "cli/files.h"
#include "cli/place.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/record.h"

#define POLICY_LABEL "(the experiment's own policy)"

static const struct loc NOWHERE = {NULL, 0, 0};

/* A file's name as the globs of a policy see it. */
static void put_file(struct json *j, const char *dir, const char *name)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s%s%s", dir,
                 dir[0] != '\0' && strcmp(dir, "/") != 0 ? "/" : "", name) <
        (int)sizeof(path)) {
        json_str(j, NULL, path);
    }
}

static void put_grant(struct json *j, const char *capability, const char *dir,
                      const Proctor__Experiment *x)
{
    json_object(j, NULL);
    json_str(j, "capability", capability);
    if (strcmp(capability, "ref.move") == 0) {
        json_array(j, "refs");
        json_str(j, NULL, x->ref);
        json_close(j);
    } else if (x->n_files > 0 && strcmp(capability, "data.load") == 0) {
        json_array(j, "files");
        for (size_t i = 0; i < x->n_files; i++) {
            put_file(j, dir, x->files[i]);
        }
        json_close(j);
    }
    json_close(j);
}

static void put_policy(struct json *j, const char *dir,
                       const Proctor__Experiment *x)
{
    static const char *const capabilities[] = {
        "data.load", "data.split", "data.look", "train.run", "exam.hold"};

    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", "experiment");
    json_array(j, "grants");
    for (size_t i = 0; i < ARRAY_N(capabilities); i++) {
        put_grant(j, capabilities[i], dir, x);
    }
    if (x->ref[0] != '\0') {
        put_grant(j, "ref.move", dir, x);
    }
    json_close(j);
    json_object(j, "budgets");
    json_str(j, "cpu", "48h");
    json_str(j, "memory", "16GiB");
    json_str(j, "bytes", "64GiB");
    json_str(j, "wall", "24h");
    json_close(j);
    json_object(j, "limits");
    json_str(j, "cpu", "24h");
    json_str(j, "memory", "8GiB");
    json_str(j, "output", "8GiB");
    json_str(j, "wall", "24h");
    json_close(j);
    json_close(j);
}

/* The folder that the graph's files are beneath; path is a file of it, or it is the
 * folder, absolute and with a slash behind it. */
static int set_folder(struct request *q, const char *path, int is_absolute,
                      struct diag *d)
{
    size_t n = strlen(path);
    int is_folder = n > 1 && path[n - 1] == '/';
    int rc = 0;

    if (is_absolute) {
        (void)snprintf(q->dir, sizeof(q->dir), "/");
    } else if (is_folder) {
        (void)snprintf(q->dir, sizeof(q->dir), "%.*s", (int)n - 1, path);
    } else {
        rc = files_folder(path, q->dir, sizeof(q->dir));
    }
    if (rc != 0) {
        return diag_set(d, rc, (struct loc){.path = path},
                        "cannot tell the file's folder: %s", err_text(rc));
    }
    q->dir_fd = open(q->dir[0] != '\0' ? q->dir : ".",
                     O_PATH | O_DIRECTORY | O_CLOEXEC);
    q->m.graph_dir = q->dir;
    return q->dir_fd >= 0
               ? 0
               : diag_set(d, err_from_errno(errno), (struct loc){.path = path},
                          "cannot open the file's folder: %s",
                          strerror(errno));
}

/* Words that begin with `policy.` are the policy's. */
static int take_words(struct request *q, const struct experiment_args *a,
                      struct diag *d)
{
    for (size_t i = 0; i < a->words.m.n_overrides; i++) {
        const Proctor__Override *o = a->words.list[i];
        char word[512];

        if (strncmp(o->key, "policy.", 7) != 0) {
            continue;
        }
        if (snprintf(word, sizeof(word), "%s=%s", o->key, o->value) >=
            (int)sizeof(word)) {
            return diag_set(d, ERR_LIMIT, NOWHERE, "override \"%.60s\" is too "
                                                   "long", o->key);
        }
        TRY(request_override(q, word, d));
        q->list[q->overrides_n - 1]->value = o->value;
    }
    return 0;
}

int experiment_run_request(struct request *q, const struct experiment_args *a,
                           const char *path, const Proctor__Experiment *x)
{
    static char label[] = POLICY_LABEL;
    struct diag *d = &a->c->d;
    struct json j;

    q->m.graph_path = x->name;
    q->m.live = 1;
    TRY(set_folder(q, path, x->absolute, d));
    json_init(&j);
    json_raw(&j, NULL, (struct ubytes){x->graph.data, x->graph.len});
    TRY(request_json(q, &j, d));
    if (a->policy != NULL) {
        TRY(request_policy(q, a->policy, d));
    } else {
        q->m.policy_path = label;
        json_init(&j);
        put_policy(&j, q->dir, x);
        TRY(request_json(q, &j, d));
    }
    return take_words(q, a, d);
}

static void hear(void *ctx, const Proctor__Event *e)
{
    experiment_view_event(ctx, e);
}

int experiment_run_settle(struct experiment_run *r, int code)
{
    int failed = r->net_state != STATE_PASSED && r->net_state != STATE_COMMITTED;
    int parked = r->net_state == STATE_PARKED;

    for (size_t i = 0; i < r->trains_n; i++) {
        parked |= r->trains[i].state == STATE_PARKED;
    }
    r->status = code == ERR_CANCELLED || (failed && parked) ? "stopped"
                : failed                                    ? "failed"
                                                            : "completed";
    return failed;
}

/* Status by what came to rest, not by what was said of it. */
static void settle(struct experiment_run *r, const Proctor__RunDone *done)
{
    int failed = experiment_run_settle(r, done->code);

    r->wall_s = done->wall_s;
    for (size_t i = 0; i < done->n_tasks; i++) {
        const Proctor__TaskRow *t = done->tasks[i];

        if (r->why[0] == '\0' && t->reason[0] != '\0' &&
            strcmp(t->state, state_name(STATE_PASSED)) != 0 &&
            (failed || (r->evaluation_failed && strcmp(t->id, r->x->score) == 0))) {
            (void)snprintf(r->why, sizeof(r->why), "%.60s: %.170s", t->id,
                           t->reason);
        }
    }
}

/* The kernel has ended: what it left becomes the directory's content. */
static int report(struct experiment_run *r, struct session *s)
{
    const Proctor__RunDone *done = (const Proctor__RunDone *)s->answer.m;
    int code = done->code;

    r->first_seq = done->first_seq;
    r->end_seq = done->end_seq;
    if (done->end_seq > done->first_seq) {
        TRY(experiment_view_collect(r));
    }
    settle(r, done);
    TRY(experiment_view_close(r));
    experiment_text_print(r);
    if (code != 0 && (strcmp(r->status, "completed") != 0 ||
                      r->evaluation_failed || code != ERR_TASK_FAILED)) {
        return session_fail(s, code, r->x->name);
    }
    return 0;
}

int experiment_run_ask(struct experiment_run *r, struct request *q)
{
    struct session s;
    int rc = session_open(&s, r->c, r->store);

    s.heard = hear;
    s.heard_ctx = r;
    r->progress = s.progress;
    if (rc == 0) {
        const struct client_question m = {MSG_RUN_REQUEST, &q->m.base, q->fds,
                                          q->fds_n, MSG_RUN_DONE};

        rc = session_ask(&s, &m, q->dir_fd);
    }
    r->progress = NULL;
    if (rc == 0) {
        session_end_kernel(&s);
        rc = report(r, &s);
    } else {
        r->status = "failed";
        (void)snprintf(r->why, sizeof(r->why), "%s", r->c->d.what);
        if (r->began > 0) {
            diag_hint(&r->c->d, "nothing that was acknowledged is lost; to go "
                                "on: proctor experiment run --resume %.160s",
                      r->dir.path);
        }
        if (experiment_view_close(r) != 0) {
            err_trace_clear(); /* the first error is the one to tell */
        }
    }
    session_close(&s);
    return rc;
}

static int run_one(struct experiment_args *a, const char *path,
                   const Proctor__Experiment *x, const char *store)
{
    struct experiment_run *r = calloc(1, sizeof(*r));
    struct request q;
    int rc;

    if (r == NULL) {
        return cli_fail(a->c, ERR_NOMEM, "out of memory");
    }
    experiment_run_init(r, a->c, x, store);
    request_init(&q, PROCTOR__RUN_MODE__RUN_FULL);
    rc = experiment_run_request(&q, a, path, x);
    if (rc == 0) {
        rc = experiment_dir_make(x->directory, x->name, &r->dir, &a->c->d);
    }
    rc = rc == 0 ? experiment_run_folder(r, q.dir, &a->c->d) : rc;
    rc = rc == 0 ? experiment_view_open(r) : rc;
    rc = rc == 0 ? experiment_run_ask(r, &q) : rc;
    request_release(&q);
    experiment_run_release(r);
    free(r);
    return rc;
}

static int tell_plan(struct experiment_args *a, const struct experiment_file *f)
{
    size_t cannot = 0;
    struct json j;

    for (size_t i = 0; i < f->reply->n_experiments; i++) {
        cannot += f->reply->experiments[i]->cannot[0] != '\0';
    }
    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_i64(&j, "code", cannot > 0 ? ERR_INPUT : 0);
        json_bool(&j, "dry_run", 1);
        json_array(&j, "experiments");
        for (size_t i = 0; i < f->reply->n_experiments; i++) {
            const Proctor__Experiment *x = f->reply->experiments[i];

            json_object(&j, NULL);
            json_str(&j, "name", x->name);
            json_str(&j, "cannot", x->cannot);
            json_raw(&j, "config",
                     (struct ubytes){x->config.data, x->config.len});
            json_close(&j);
        }
        json_close(&j);
        json_close(&j);
        TRY(cli_emit(a->c, &j));
    } else {
        for (size_t i = 0; i < f->reply->n_experiments; i++) {
            experiment_text_plan(f->reply->experiments[i]->summary);
        }
        printf("dry run: %zu experiment%s, nothing was run\n",
               f->reply->n_experiments,
               f->reply->n_experiments == 1 ? "" : "s");
    }
    return cannot > 0 ? cli_fail(a->c, ERR_INPUT, "%zu of %zu experiments "
                                                  "cannot run",
                                 cannot, f->reply->n_experiments)
                      : 0;
}

/* What cannot run is refused before the first one does. */
static int check_all(struct experiment_args *a, const struct experiment_file *f)
{
    for (size_t i = 0; i < f->reply->n_experiments; i++) {
        const Proctor__Experiment *x = f->reply->experiments[i];

        if (x->cannot[0] != '\0') {
            return cli_fail_hint(a->c, ERR_INPUT,
                                 "proctor experiment run --dry-run shows the "
                                 "plan of each",
                                 "experiment \"%.60s\": %s", x->name,
                                 x->cannot);
        }
        if (x->n_trains > EXPERIMENT_TRAINS_MAX) {
            return cli_fail(a->c, ERR_LIMIT, "experiment \"%.60s\" trains more "
                                             "than %d models",
                            x->name, EXPERIMENT_TRAINS_MAX);
        }
    }
    return 0;
}

int experiment_run_all(struct experiment_args *a,
                       const struct experiment_file *f)
{
    size_t n = f->reply->n_experiments;
    struct place place;

    if (a->dry_run) {
        return tell_plan(a, f);
    }
    TRY(check_all(a, f));
    TRY(place_make(a->c->store, &place, &a->c->d));
    for (size_t i = 0; i < n; i++) {
        const Proctor__Experiment *x = f->reply->experiments[i];
        int rc;

        if (n > 1 && !a->c->json) {
            printf("%s--- experiment %zu of %zu: %s\n", i > 0 ? "\n" : "",
                   i + 1, n, x->name);
            (void)fflush(stdout);
        }
        rc = run_one(a, f->path, x, place.path);
        if (rc != 0) {
            if (n > 1) {
                fprintf(stderr, "%zu of %zu experiments completed\n", i, n);
            }
            return rc;
        }
    }
    if (n > 1 && !a->c->json) {
        printf("\n%zu of %zu experiments completed\n", n, n);
    }
    return 0;
}
