/* H12 for training runs: the graph of the run is run once more, as it was written,
 * with the files and the policy that the store holds. A training that came to its end
 * is trained anew by that, step for step, and its weights stand in the ledger beside
 * the first ones. A split stands as it was drawn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files.h"
#include "cli/object.h"
#include "cli/outcome.h"
#include "cli/request.h"
#include "cli/trainings.h"
#include "proto/err.h"
#include "proto/pb.h"

#include "evidence.pb-c.h"

struct again {
    struct cli *c;
    const char *store;
    struct ledger_entry run; /* its RUN record */
    Proctor__Inputs *inputs; /* owned */
    struct client_file *files; /* owned; names borrow from inputs */
    char (*paths)[PATH_MAX]; /* owned */
    struct request request;
    char *graph_path; /* owned */
};

static void again_release(struct again *a)
{
    request_release(&a->request);
    ledger_entry_release(&a->run);
    pb_free((ProtobufCMessage *)a->inputs);
    free(a->files);
    free(a->paths);
    free(a->graph_path);
}

static int open_text(struct again *a, enum record_field f)
{
    char path[PATH_MAX];
    struct cid cid;

    memcpy(cid.b, record_hash(&a->run.r, f), CID_BYTES);
    if (cid_is_zero(&cid)) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "run the graph again: its trainings are made anew",
                             "its run went on with another one, whose texts it "
                             "does not name");
    }
    object_path(a->store, &cid, path);
    TRY(files_open("the text", path, &a->request.fds[a->request.fds_n],
                   &a->c->d));
    a->request.fds_n++;
    return 0;
}

/* Every file of the run, from where the store keeps its bytes. */
static int serve_files(struct again *a)
{
    struct cid cid;
    int code;

    memcpy(cid.b, record_hash(&a->run.r, RF_RUN_inputs), CID_BYTES);
    code = object_message(a->store, &cid, &proctor__inputs__descriptor,
                          (ProtobufCMessage **)&a->inputs);
    if (code != 0) {
        return cli_fail(a->c, code, "the list of its files: %s",
                        err_text(code));
    }
    a->files = calloc(a->inputs->n_files + 1, sizeof(*a->files));
    a->paths = calloc(a->inputs->n_files + 1, sizeof(*a->paths));
    if (a->files == NULL || a->paths == NULL) {
        return cli_fail(a->c, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < a->inputs->n_files; i++) {
        if (!object_cid(a->inputs->files[i]->cid, &cid)) {
            return cli_fail(a->c, ERR_STORE_DAMAGED, "a file without a CID");
        }
        object_path(a->store, &cid, a->paths[i]);
        a->files[i] =
            (struct client_file){a->inputs->files[i]->name, a->paths[i]};
    }
    return 0;
}

static int prepare(struct again *a, const struct training_run *r)
{
    struct ubytes path;

    TRY(ledger_get(a->store, r->run, &a->run, &a->c->d));
    if (a->run.r.kind != RECORD_RUN) {
        return cli_fail(a->c, ERR_STORE_DAMAGED,
                        "record %" PRIu64 " is no run", r->run);
    }
    path = record_bytes(&a->run.r, RF_RUN_graph_path);
    a->graph_path = strndup((const char *)path.p, path.n);
    if (a->graph_path == NULL) {
        return cli_fail(a->c, ERR_NOMEM, "out of memory");
    }
    TRY(open_text(a, RF_RUN_graph_text));
    TRY(open_text(a, RF_RUN_policy_text));
    TRY(serve_files(a));
    a->request.m.graph_path = a->graph_path;
    a->request.m.graph_dir = a->inputs->graph_dir;
    a->request.m.policy_path = a->graph_path;
    return 0;
}

static int ask(struct again *a)
{
    const struct client_question q = {MSG_RUN_REQUEST, &a->request.m.base,
                                      a->request.fds, a->request.fds_n,
                                      MSG_RUN_DONE};
    const Proctor__RunDone *done;
    struct session s;
    int code = session_open(&s, a->c, a->store);

    if (code == 0) {
        client_serve_named(s.client, a->files, a->inputs->n_files);
        code = session_ask(&s, &q, -1);
    }
    if (code == 0) {
        session_end_kernel(&s);
        done = (const Proctor__RunDone *)session_answer(&s, MSG_RUN_DONE, &code);
        code = done != NULL && done->first_seq < done->end_seq ? 0
               : done != NULL                                  ? done->code
                                                               : code;
    }
    session_close(&s);
    return code;
}

static int tell(struct again *a, const struct training_run *was,
                const struct training_run *is)
{
    int same = cid_is_equal(&was->weights, &is->weights);
    char text[CID_TEXT_BYTES];
    struct json j;

    cid_text(&is->weights, text);
    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "task", was->task);
        json_u64(&j, "index", was->index);
        json_u64(&j, "replayed_as", is->index);
        json_str(&j, "result", same ? "same" : "differs");
        json_str(&j, "weights", text);
        json_close(&j);
        TRY(cli_emit(a->c, &j));
    } else {
        printf("%s %zu: trained again as %s %zu, %" PRIu64 " steps, weights %s: "
               "%s\n",
               was->task, was->index, is->task, is->index, is->step, text,
               same ? "the same, byte for byte" : "OTHERS");
    }
    return same ? 0
                : cli_fail(a->c, ERR_TASK_FAILED,
                           "%.80s %zu came out differently", was->task,
                           was->index);
}

int trainings_replay(struct cli *c, const char *store,
                     const struct training_run *r)
{
    struct again a = {.c = c, .store = store};
    struct trainings now = {NULL, 0};
    const struct training_run *is = NULL;
    int code;

    if (r->state != TRAINING_DONE) {
        return cli_fail_hint(c, ERR_INPUT,
                             "`proctor run --resume` goes on with one that is "
                             "open",
                             "%.80s %zu is %s: only what came to its end is made "
                             "again",
                             r->task, r->index, training_state_text(r->state));
    }
    request_init(&a.request, PROCTOR__RUN_MODE__RUN_FULL);
    ledger_entry_init(&a.run);
    code = prepare(&a, r);
    code = code ? code : ask(&a);
    code = code ? code : trainings_load(store, &now, &c->d);
    if (code == 0) {
        is = trainings_find(&now, r->task, SIZE_MAX);
        code = is == NULL || is->state != TRAINING_DONE ||
                       is->train_seq <= r->last_seq ||
                       !cid_is_equal(&is->training, &r->training)
                   ? cli_fail(c, ERR_TASK_FAILED,
                              "%.80s %zu did not run again as the same training",
                              r->task, r->index)
                   : tell(&a, r, is);
    }
    trainings_release(&now);
    again_release(&a);
    return code;
}
