/* Training runs from the ledger's records, and what a person is told of them. */
#include "cli/trainings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

void trainings_release(struct trainings *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->v[i].task);
        free(t->v[i].why);
    }
    free(t->v);
    *t = (struct trainings){NULL, 0};
}

const char *training_state_text(enum training_state s)
{
    static const char *const texts[] = {"open", "done", "failed", "aborted"};

    return texts[s];
}

const struct training_run *trainings_find(const struct trainings *t,
                                          const char *task, size_t i)
{
    for (size_t k = t->n; k > 0; k--) {
        const struct training_run *r = &t->v[k - 1];

        if (strcmp(r->task, task) == 0 && (i == SIZE_MAX || r->index == i)) {
            return r;
        }
    }
    return NULL;
}

static int is_text(struct ubytes b, const char *s)
{
    return b.n == strlen(s) && memcmp(b.p, s, b.n) == 0;
}

static int set_text(char **to, struct ubytes b)
{
    char *text = strndup((const char *)b.p, b.n);

    if (text == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    free(*to);
    *to = text;
    return 0;
}

/* The newest of that task in that run. */
static struct training_run *of_run(struct trainings *t, uint64_t run,
                                   struct ubytes task)
{
    for (size_t k = t->n; k > 0; k--) {
        if (t->v[k - 1].run == run && is_text(task, t->v[k - 1].task)) {
            return &t->v[k - 1];
        }
    }
    return NULL;
}

static int add(struct trainings *t, const struct record *r, uint64_t seq)
{
    struct ubytes task = record_bytes(r, RF_TRAIN_task);
    const uint8_t *training = record_hash(r, RF_TRAIN_training);
    struct training_run *v = reallocarray(t->v, t->n + 1, sizeof(*v));
    struct training_run *n;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->v = v;
    n = &v[t->n];
    memset(n, 0, sizeof(*n));
    TRY(set_text(&n->task, task));
    n->first = SIZE_MAX;
    for (size_t k = 0; k < t->n; k++) {
        if (strcmp(v[k].task, n->task) != 0) {
            continue;
        }
        n->index++;
        if (n->first == SIZE_MAX &&
            memcmp(v[k].training.b, training, CID_BYTES) == 0) {
            n->first = v[k].index;
        }
    }
    n->first = n->first == SIZE_MAX ? n->index : n->first;
    n->train_seq = n->last_seq = seq;
    n->run = record_u(r, RF_TRAIN_run);
    memcpy(n->training.b, training, CID_BYTES);
    t->n++;
    return set_text(&n->why, (struct ubytes){(const uint8_t *)"", 0});
}

/* One that goes on takes the place of that whose record it goes on from. */
static int on_train(struct trainings *t, const struct record *r)
{
    uint64_t ref = record_u(r, RF_TRAIN_went_on_ref);

    for (size_t k = 0; ref != 0 && k < t->n; k++) {
        if (t->v[k].last_seq + 1 == ref) {
            t->v[k].run = record_u(r, RF_TRAIN_run);
            t->v[k].state = TRAINING_OPEN;
            t->v[k].last_seq = r->seq;
            t->v[k].went_on++;
            return 0;
        }
    }
    return add(t, r, r->seq);
}

static int on_trained(struct trainings *t, const struct record *r)
{
    struct ubytes why = record_bytes(r, RF_TRAINED_why);
    struct training_run *x = of_run(t, record_u(r, RF_TRAINED_run),
                                    record_bytes(r, RF_TRAINED_task));

    if (x == NULL) {
        return 0; /* what nobody began is for the audit */
    }
    x->last_seq = r->seq;
    x->step = record_u(r, RF_TRAINED_step);
    x->epoch = (uint32_t)record_u(r, RF_TRAINED_epoch);
    x->claimed = record_f64(r, RF_TRAINED_claimed);
    if (record_u(r, RF_TRAINED_metric) != 0) {
        x->metric = (unsigned)record_u(r, RF_TRAINED_metric);
        x->measured = record_f64(r, RF_TRAINED_measured);
    }
    memcpy(x->weights.b, record_hash(r, RF_TRAINED_weights), CID_BYTES);
    x->state = is_text(why, "end")       ? TRAINING_DONE
               : is_text(why, "epoch") || is_text(why, "steps") ||
                       is_text(why, "stopped")
                   ? TRAINING_OPEN
                   : TRAINING_FAILED;
    return set_text(&x->why, why);
}

static int give_up(struct trainings *t, uint64_t run, struct ubytes why)
{
    for (size_t k = 0; k < t->n; k++) {
        if (t->v[k].run == run && t->v[k].state == TRAINING_OPEN) {
            t->v[k].state = TRAINING_ABORTED;
            TRY(set_text(&t->v[k].why, why));
        }
    }
    return 0;
}

static int on_record(void *ctx, const struct record *r, struct ubytes entry,
                     const struct merkle_hash *leaf)
{
    struct trainings *t = ctx;

    (void)entry;
    (void)leaf;
    return r->kind == RECORD_TRAIN     ? on_train(t, r)
           : r->kind == RECORD_TRAINED ? on_trained(t, r)
           : r->kind == RECORD_CRASH
               ? give_up(t, record_u(r, RF_CRASH_run),
                         record_bytes(r, RF_CRASH_what))
           : r->kind == RECORD_ABORT
               ? give_up(t, record_u(r, RF_ABORT_run),
                         record_bytes(r, RF_ABORT_why))
               : 0;
}

int trainings_load(const char *store, struct trainings *out, struct diag *d)
{
    struct ledger_end end;
    int code;

    *out = (struct trainings){NULL, 0};
    code = ledger_each(store, 0, on_record, out, &end, d);
    if (code != 0) {
        trainings_release(out);
    }
    return code;
}

static void put_json(struct json *j, const struct training_run *r)
{
    char text[CID_TEXT_BYTES];

    json_object(j, NULL);
    json_str(j, "task", r->task);
    json_u64(j, "index", r->index);
    json_str(j, "state", training_state_text(r->state));
    json_str(j, "why", r->why);
    json_u64(j, "run", r->run);
    json_u64(j, "train", r->train_seq);
    json_u64(j, "last", r->last_seq);
    cid_text(&r->training, text);
    json_str(j, "training", text);
    cid_text(&r->weights, text);
    json_str(j, "weights", cid_is_zero(&r->weights) ? "" : text);
    json_bool(j, "seen", r->first != r->index);
    json_u64(j, "first", r->first);
    json_u64(j, "step", r->step);
    json_u64(j, "epoch", r->epoch);
    json_u64(j, "went_on", r->went_on);
    json_f64(j, "claimed", r->claimed);
    if (r->metric != 0) {
        json_str(j, "metric", metric_name(r->metric));
        json_f64(j, "measured", r->measured);
    }
    json_close(j);
}

static int list_json(struct cli *c, const struct trainings *t, const char *task)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "trainings");
    for (size_t i = 0; i < t->n; i++) {
        if (task == NULL || strcmp(t->v[i].task, task) == 0) {
            put_json(&j, &t->v[i]);
        }
    }
    json_close(&j);
    json_close(&j);
    return cli_emit(c, &j);
}

int trainings_list(struct cli *c, const struct trainings *t, const char *task)
{
    static const char *const HEADS[] = {"training", "state", "weights", "step",
                                        "measured", "record", ""};
    struct table table;
    int rc;

    if (c->json) {
        return list_json(c, t, task);
    }
    table_init(&table, 7, HEADS);
    for (size_t i = 0; i < t->n; i++) {
        const struct training_run *r = &t->v[i];
        char name[300], weights[CID_TEXT_BYTES], step[24], record[24];
        char measured[40] = "-";
        char text[160];
        const char *cells[] = {name,     training_state_text(r->state),
                               weights,  step,
                               measured, record,
                               text};

        if (task != NULL && strcmp(r->task, task) != 0) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%.250s %zu", r->task, r->index);
        cid_text(&r->weights, weights);
        weights[12] = '\0';
        (void)snprintf(step, sizeof(step), "%" PRIu64, r->step);
        (void)snprintf(record, sizeof(record), "%" PRIu64, r->last_seq);
        if (r->metric != 0) {
            (void)snprintf(measured, sizeof(measured), "%.6g", r->measured);
        }
        (void)snprintf(text, sizeof(text), "%.120s",
                       r->state == TRAINING_DONE ? "" : r->why);
        if (r->first != r->index) {
            (void)snprintf(text, sizeof(text), "seen: %.100s %zu", r->task,
                           r->first);
        }
        table_row(&table, cells);
    }
    rc = table_print(&table, stdout, term_has_colour(stdout));
    table_release(&table);
    return rc;
}
