/* summary.json of a run directory: what came of the run, with the records and
 * objects that show it. The person's process. */
#include "cli/experiment.h"
#include "cli/experiment_text.h"
#include "cli/json.h"

static void json_cid(struct json *j, const char *key, const struct cid *c)
{
    if (cid_is_zero(c)) {
        json_null(j, key);
    } else {
        json_hex(j, key, c->b, CID_BYTES);
    }
}

static void json_ref(struct json *j, const char *key, uint64_t ref)
{
    if (ref == 0) {
        json_null(j, key);
    } else {
        json_u64(j, key, ref - 1);
    }
}

static void put_found(struct json *j, const struct experiment_run *r)
{
    const struct experiment_train *t =
        r->trains_n > 0 ? &r->trains[r->trains_n - 1] : NULL;

    json_object(j, "cids");
    json_cid(j, "dataset", &r->dataset);
    json_cid(j, "split", &r->split);
    json_cid(j, "runnable", &r->runnable);
    json_cid(j, "weights", &r->weights);
    if (t != NULL) {
        json_cid(j, "training", &t->training);
    }
    json_close(j);
    json_object(j, "records");
    json_u64(j, "first", r->first_seq);
    json_u64(j, "end", r->end_seq);
    json_ref(j, "trained", t != NULL ? t->trained_ref : 0);
    json_ref(j, "look", r->look_ref);
    json_ref(j, "exam", r->holdout_ref);
    json_close(j);
}

/* Claimed by its trainer, and measured by the kernel, side by side. */
static void put_numbers(struct json *j, const struct experiment_run *r,
                        struct ubytes last)
{
    char measured[EXPERIMENT_LINE_BYTES];

    experiment_text_measured(r, measured);
    json_raw(j, "final_metrics", last);
    json_raw(j, "claimed", last);
    if (measured[0] != '\0') {
        json_str(j, "measured", measured);
    } else {
        json_null(j, "measured");
    }
}

int experiment_summary_write(struct experiment_run *r, struct ubytes last)
{
    struct json j;
    struct ubytes text;
    int rc;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "experiment", r->x->name);
    json_str(&j, "status", r->status);
    json_str(&j, "why", r->why);
    json_u64(&j, "epochs", r->x->epochs);
    put_numbers(&j, r, last);
    put_found(&j, r);
    json_str(&j, "run_dir", r->dir.path);
    if (r->x->saves) {
        json_str(&j, "checkpoint_dir", "checkpoints");
    } else {
        json_null(&j, "checkpoint_dir");
    }
    json_str(&j, "metrics_dir", "metrics");
    json_str(&j, "store", r->store);
    json_ms(&j, "wall_s", r->wall_s);
    json_close(&j);
    rc = json_end(&j, &text);
    rc = rc == 0 ? experiment_dir_view(&r->dir, "summary.json", text, &r->c->d)
                 : rc;
    if (rc == 0 && r->c->json) {
        return cli_emit(r->c, &j); /* releases it */
    }
    json_release(&j);
    return rc;
}
