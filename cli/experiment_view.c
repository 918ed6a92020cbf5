/* A run directory as a view of a run: what is shown while it goes on comes from the
 * kernel's events, what stays there from the ledger and the objects. Never believes
 * an event once the run is over. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/experiment.h"
#include "cli/experiment_text.h"
#include "cli/ledger.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/pb.h"
#include "proto/record.h"
#include "proto/utf8.h"
#include "proto/value.h"

#include "evidence.pb-c.h"

#define REWRITE_S 1.0

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void experiment_run_init(struct experiment_run *r, struct cli *c,
                         const Proctor__Experiment *x, const char *store)
{
    r->c = c;
    r->x = x;
    r->status = "failed";
    r->net_state = -1;
    (void)snprintf(r->store, sizeof(r->store), "%s", store);
    for (size_t i = 0; i < x->n_trains && i < EXPERIMENT_TRAINS_MAX; i++) {
        struct experiment_train *t = &r->trains[r->trains_n++];

        t->task = x->trains[i];
        t->state = -1;
        (void)snprintf(t->prefix, sizeof(t->prefix), "%.60s",
                       i + 1 == x->n_trains ? "metrics" : x->trains[i]);
    }
}

void experiment_run_release(struct experiment_run *r)
{
    for (size_t i = 0; i < r->trains_n; i++) {
        metrics_release(&r->trains[i].metrics);
    }
    checkpoints_release(&r->checkpoints);
    if (r->log != NULL) {
        (void)fclose(r->log);
        r->log = NULL;
    }
}

static struct experiment_train *find_train(struct experiment_run *r,
                                           const char *task)
{
    for (size_t i = 0; i < r->trains_n; i++) {
        if (strcmp(r->trains[i].task, task) == 0) {
            return &r->trains[i];
        }
    }
    return NULL;
}

/* As text: what is read back has no numbers. */
static void put_seq(struct json *j, const char *key, uint64_t seq)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, seq);
    json_str(j, key, text);
}

int experiment_view_mark(const struct experiment_run *r)
{
    struct json j;
    struct ubytes text;
    int rc;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "experiment", r->x->name);
    json_str(&j, "store", r->store);
    json_str(&j, "status", r->end_seq > 0 ? r->status : "running");
    json_str(&j, "score", r->x->score);
    json_bool(&j, "harness", r->x->harness);
    put_seq(&j, "first_seq", r->first_seq);
    put_seq(&j, "end_seq", r->end_seq);
    put_seq(&j, "began", r->began);
    json_str(&j, "folder", r->folder);
    json_close(&j);
    rc = json_end(&j, &text);
    rc = rc == 0 ? experiment_dir_write(&r->dir, "run.json", text, &r->c->d)
                 : rc;
    json_release(&j);
    return rc;
}

static int open_log(struct experiment_run *r)
{
    char path[PATH_MAX];

    if (!r->x->logs) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%.4000s/logs", r->dir.path);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return cli_fail(r->c, err_from_errno(errno), "%.150s: %s", path,
                        strerror(errno));
    }
    (void)snprintf(path, sizeof(path), "%.4000s/logs/events.ndjson",
                   r->dir.path);
    r->log = fopen(path, "ae");
    return r->log != NULL ? 0
                          : cli_fail(r->c, err_from_errno(errno), "%.150s: %s",
                                     path, strerror(errno));
}

int experiment_view_open(struct experiment_run *r)
{
    struct ubytes config = {r->x->config.data, r->x->config.len};
    struct ubytes graph = {r->x->graph.data, r->x->graph.len};
    struct diag *d = &r->c->d;

    TRY(experiment_dir_write(&r->dir, "config.json", config, d));
    TRY(experiment_dir_write(&r->dir, "graph.json", graph, d));
    TRY(experiment_view_mark(r));
    TRY(open_log(r));
    return experiment_dir_index(&r->dir, r->x->name, "running",
                                (struct ubytes){NULL, 0}, d);
}

static int put_text(struct buf *b, const char *key, const char *s)
{
    char clean[1024];

    utf8_escape((struct ubytes){(const uint8_t *)s, strlen(s)}, clean,
                sizeof(clean));
    TRY(buf_putf(b, ", \"%s\": ", key));
    return value_put_json_string(
        b, (struct ubytes){(const uint8_t *)clean, strlen(clean)});
}

static int put_number(struct buf *b, const char *key, double v)
{
    TRY(buf_putf(b, ", \"%s\": ", key));
    return metrics_put_number(b, v);
}

static int put_train(struct buf *b, const Proctor__TrainEvent *t)
{
    TRY(buf_putf(b, ", \"epoch\": %u, \"epochs\": %u, \"step\": %" PRIu64
                    ", \"steps\": %" PRIu64 ", \"parameters\": %" PRIu64
                    ", \"memory_bytes\": %" PRIu64, t->epoch, t->epochs,
                 t->step, t->steps, t->parameters, t->memory_bytes));
    TRY(put_number(b, "loss", t->loss));
    TRY(put_number(b, "rate", t->rate));
    return t->has_measured ? put_number(b, "measured", t->measured) : 0;
}

/* One event as a line. */
static int put_event(struct buf *b, const struct experiment_run *r,
                     const Proctor__Event *e)
{
    TRY(buf_putf(b, "{\"event\": \"%s\"", e->train != NULL ? "train" : "task"));
    TRY(put_text(b, "experiment", r->x->name));
    TRY(put_text(b, "task", e->task));
    if (e->state[0] != '\0') {
        TRY(put_text(b, "state", e->state));
    }
    if (e->text[0] != '\0') {
        TRY(put_text(b, e->worker_text ? "worker_says" : "text", e->text));
    }
    if (e->train != NULL) {
        TRY(put_train(b, e->train));
    }
    return buf_putf(b, "}\n");
}

static int tell_event(struct experiment_run *r, const Proctor__Event *e)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, (size_t)1 << 20);
    TRY(put_event(&b, r, e));
    if (r->c->json) {
        (void)fwrite(buf_bytes(&b).p, 1, buf_len(&b), stdout);
        (void)fflush(stdout);
    }
    if (r->log != NULL) {
        (void)fwrite(buf_bytes(&b).p, 1, buf_len(&b), r->log);
        (void)fflush(r->log);
    }
    return 0;
}

static int show_epochs(struct experiment_run *r, const Proctor__Event *e)
{
    struct experiment_train *t = find_train(r, e->task);

    if (t == NULL || e->train->n_ended == 0) {
        return 0;
    }
    for (size_t i = 0; i < e->train->n_ended; i++) {
        TRY(metrics_add(&t->metrics, e->train->ended[i]));
    }
    TRY(metrics_stream(&t->metrics, &r->dir, t->prefix, &r->c->d));
    if (now_s() - r->written_s < REWRITE_S) {
        return 0;
    }
    TRY(metrics_write(&t->metrics, &r->dir, t->prefix, r->x->name, &r->c->d));
    r->written_s = now_s();
    return 0;
}

/* What a worker will take, computed before it began; once. */
static void tell_memory(struct experiment_run *r, const Proctor__TrainEvent *t)
{
    char text[128];

    if (r->told_memory || t->memory_bytes == 0) {
        return;
    }
    r->told_memory = 1;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " parameters, %.1f MiB a "
                                       "worker, as computed before it began",
                   t->parameters, (double)t->memory_bytes / 1048576);
    progress_say(r->progress, text);
}

void experiment_view_event(struct experiment_run *r, const Proctor__Event *e)
{
    int rc = tell_event(r, e);

    if (r->began == 0 && e->seq > 0) {
        r->began = e->seq; /* --resume finds the run by it */
        rc = rc == 0 ? experiment_view_mark(r) : rc;
    }
    if (e->train != NULL) {
        tell_memory(r, e->train);
    }
    rc = rc == 0 && e->train != NULL ? show_epochs(r, e) : rc;
    if (rc != 0 && r->view_code == 0) {
        r->view_code = rc; /* told when the run is over */
    }
}

/* What a TASK record says of a task of ours. */
static void take_task(struct experiment_run *r, const struct record *rec)
{
    struct experiment_train *t;
    char id[80];

    record_str(rec, RF_TASK_task, id, sizeof(id));
    t = find_train(r, id);
    if (t != NULL) {
        t->state = (int)record_u(rec, RF_TASK_state);
        t->trained_ref = record_u(rec, RF_TASK_evidence_ref);
    }
    if (strcmp(id, "net") == 0) {
        r->net_state = (int)record_u(rec, RF_TASK_state);
        memcpy(r->runnable.b, record_hash(rec, RF_TASK_result), CID_BYTES);
    } else if (strcmp(id, "data") == 0) {
        memcpy(r->dataset.b, record_hash(rec, RF_TASK_result), CID_BYTES);
    } else if (strcmp(id, "parts") == 0) {
        memcpy(r->split.b, record_hash(rec, RF_TASK_result), CID_BYTES);
    } else if (r->x->score[0] != '\0' && strcmp(id, r->x->score) == 0) {
        r->look_ref = record_u(rec, RF_TASK_evidence_ref);
        r->evaluation_failed =
            record_u(rec, RF_TASK_state) != STATE_PASSED && r->look_ref == 0;
    }
}

/* The run itself, or one that it went on with. */
static int is_of_run(const struct experiment_run *r, uint64_t seq)
{
    for (size_t i = 0; i < r->chain_n; i++) {
        if (r->chain[i] == seq) {
            return 1;
        }
    }
    return 0;
}

static int take_run(void *ctx, const struct record *rec, struct ubytes entry,
                    const struct merkle_hash *leaf)
{
    struct experiment_run *r = ctx;

    (void)entry;
    (void)leaf;
    if (rec->kind == RECORD_RUN && rec->seq < r->end_seq) {
        r->run_seq = rec->seq;
    }
    return rec->seq >= r->end_seq;
}

/* The runs that it consists of, the last first; first_seq becomes the first's. */
static int find_chain(struct experiment_run *r)
{
    struct ledger_end end;
    uint64_t seq;
    int rc = ledger_each(r->store, r->first_seq, take_run, r, &end, &r->c->d);

    TRY(rc < 0 ? rc : 0);
    for (seq = r->run_seq; r->chain_n < ARRAY_N(r->chain);) {
        struct ledger_entry e;
        uint64_t ref = 0;

        r->chain[r->chain_n++] = seq;
        r->first_seq = seq < r->first_seq ? seq : r->first_seq;
        ledger_entry_init(&e);
        rc = ledger_get(r->store, seq, &e, &r->c->d);
        ref = rc == 0 && e.r.kind == RECORD_RUN
                  ? record_u(&e.r, RF_RUN_resumes_ref)
                  : 0;
        ledger_entry_release(&e);
        TRY(rc);
        if (ref == 0 || ref - 1 >= seq) {
            break;
        }
        seq = ref - 1;
    }
    return 0;
}

static int take(void *ctx, const struct record *rec, struct ubytes entry,
                const struct merkle_hash *leaf)
{
    struct experiment_run *r = ctx;
    struct experiment_train *t;
    char id[80];

    (void)entry;
    (void)leaf;
    if (rec->seq >= r->end_seq) {
        return 1;
    }
    if (rec->kind == RECORD_TASK && is_of_run(r, record_u(rec, RF_TASK_run))) {
        take_task(r, rec);
    } else if (rec->kind == RECORD_TRAINED &&
               is_of_run(r, record_u(rec, RF_TRAINED_run))) {
        record_str(rec, RF_TRAINED_task, id, sizeof(id));
        t = find_train(r, id);
        if (t != NULL) {
            memcpy(t->training.b, record_hash(rec, RF_TRAINED_training),
                   CID_BYTES);
            record_str(rec, RF_TRAINED_why, t->why, sizeof(t->why));
        }
    }
    return 0;
}

static int take_log(struct experiment_run *r, struct experiment_train *t,
                    const struct record *rec)
{
    CLEANUP(pb_freep) ProtobufCMessage *m = NULL;
    const Proctor__TrainLog *log;
    struct cid id, newest;

    memcpy(id.b, record_hash(rec, RF_TRAINED_log), CID_BYTES);
    memcpy(newest.b, record_hash(rec, RF_TRAINED_weights), CID_BYTES);
    TRY(object_message(r->store, &id, &proctor__train_log__descriptor, &m));
    log = (const Proctor__TrainLog *)m;
    for (size_t i = 0; i < log->n_epochs; i++) {
        TRY(metrics_add(&t->metrics, log->epochs[i]));
    }
    return r->x->saves && !r->is_read_only &&
                   t == &r->trains[r->trains_n - 1]
               ? checkpoints_add(&r->checkpoints, log, &newest,
                                 r->x->checkpoint_frequency)
               : 0;
}

/* All that is known of a training, whichever run of the store made it. */
static int take_logs(void *ctx, const struct record *rec, struct ubytes entry,
                     const struct merkle_hash *leaf)
{
    struct experiment_run *r = ctx;

    (void)entry;
    (void)leaf;
    if (rec->seq >= r->end_seq) {
        return 1;
    }
    for (size_t i = 0; rec->kind == RECORD_TRAINED && i < r->trains_n; i++) {
        struct experiment_train *t = &r->trains[i];

        if (!cid_is_zero(&t->training) &&
            memcmp(t->training.b, record_hash(rec, RF_TRAINED_training),
                   CID_BYTES) == 0) {
            TRY(take_log(r, t, rec));
        }
    }
    return 0;
}

static int walk(struct experiment_run *r, uint64_t from, ledger_fn fn)
{
    struct ledger_end end;
    int rc = ledger_each(r->store, from, fn, r, &end, &r->c->d);

    return rc < 0 ? rc : 0;
}

/* A training that was over before this run names its record only there. */
static int find_trainings(struct experiment_run *r)
{
    for (size_t i = 0; i < r->trains_n; i++) {
        struct experiment_train *t = &r->trains[i];
        struct ledger_entry e;

        if (!cid_is_zero(&t->training) || t->trained_ref == 0) {
            continue;
        }
        ledger_entry_init(&e);
        if (ledger_get(r->store, t->trained_ref - 1, &e, &r->c->d) == 0 &&
            e.r.kind == RECORD_TRAINED) {
            memcpy(t->training.b, record_hash(&e.r, RF_TRAINED_training),
                   CID_BYTES);
            record_str(&e.r, RF_TRAINED_why, t->why, sizeof(t->why));
        }
        ledger_entry_release(&e);
    }
    return 0;
}

/* An exam's record names the look that counted it. */
static int resolve_exam(struct experiment_run *r)
{
    struct ledger_entry e;
    int rc = 0;

    if (r->look_ref == 0) {
        return 0;
    }
    ledger_entry_init(&e);
    rc = ledger_get(r->store, r->look_ref - 1, &e, &r->c->d);
    if (rc == 0 && e.r.kind == RECORD_HOLDOUT) {
        r->holdout_ref = r->look_ref;
        r->look_ref = record_u(&e.r, RF_HOLDOUT_look_ref);
        r->evaluation_failed =
            record_u(&e.r, RF_HOLDOUT_verdict) != VERDICT_ADMIT;
    } else if (rc == 0 && e.r.kind != RECORD_LOOK) {
        r->look_ref = 0;
        r->evaluation_failed = 1;
    }
    ledger_entry_release(&e);
    return rc;
}

int experiment_view_collect(struct experiment_run *r)
{
    CLEANUP(pb_freep) ProtobufCMessage *m = NULL;

    TRY(find_chain(r));
    TRY(walk(r, r->first_seq, take));
    TRY(find_trainings(r));
    TRY(resolve_exam(r));
    for (size_t i = 0; i < r->trains_n; i++) {
        metrics_release(&r->trains[i].metrics);
    }
    TRY(walk(r, 0, take_logs));
    TRY(checkpoints_write(&r->checkpoints, r->store, &r->dir, &r->c->d));
    if (!cid_is_zero(&r->runnable) && r->net_state == STATE_PASSED) {
        TRY(object_message(r->store, &r->runnable,
                           &proctor__runnable__descriptor, &m));
        (void)object_cid(((Proctor__Runnable *)m)->weights, &r->weights);
    }
    return 0;
}

int experiment_view_close(struct experiment_run *r)
{
    CLEANUP(buf_release) struct buf last;

    buf_init(&last, (size_t)1 << 20);
    for (size_t i = 0; i < r->trains_n; i++) {
        struct experiment_train *t = &r->trains[i];

        t->metrics.streamed = 0;
        if (t->metrics.rows_n > 0) {
            TRY(metrics_stream(&t->metrics, &r->dir, t->prefix, &r->c->d));
        }
        TRY(metrics_write(&t->metrics, &r->dir, t->prefix, r->x->name,
                          &r->c->d));
    }
    TRY(r->trains_n > 0
            ? metrics_put_last(&r->trains[r->trains_n - 1].metrics, &last)
            : buf_putf(&last, "null"));
    if (r->x->saves && !cid_is_zero(&r->weights)) {
        TRY(checkpoint_write(r->store, &r->weights, "checkpoint_final", &r->dir,
                             &r->c->d));
    }
    TRY(experiment_summary_write(r, buf_bytes(&last)));
    TRY(experiment_view_mark(r));
    return experiment_dir_index(&r->dir, r->x->name, r->status,
                                buf_bytes(&last), &r->c->d);
}
