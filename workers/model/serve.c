/* Speaks to the kernel. Runs in the model worker. The weights are mapped
 * read-only from a sealed memfd and may be anything. */
#include "workers/model/serve.h"

#include <string.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/lib/batches.h"
#include "workers/model/answer.h"
#include "workers/model/command.h"
#include "workers/model/session.h"
#include "workers/model/weights.h"

static int load(struct frame *f, struct mlp **out, struct diag *d)
{
    const Proctor__ModelTask *task = (const Proctor__ModelTask *)f->m;
    struct weights w CLEANUP(weights_release) = {0};

    if (f->fds_n != 1) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(weights_open(&w, f->fds[0], task->weights_bytes, d));
    return mlp_new(&w.gguf, out, d);
}

static int answer(const struct batches *b, const struct values *inputs,
                  uint32_t id)
{
    Proctor__BatchReply reply = PROCTOR__BATCH_REPLY__INIT;
    struct answers out CLEANUP(answers_release) = {0};

    TRY(answer_batch((const struct answerer *)b->ctx, inputs, &out));
    reply.id = id;
    reply.ending = out.ending;
    reply.text.data = (uint8_t *)out.text;
    reply.text.len = strlen(out.text);
    return batches_reply(b, &reply, values_builder_bytes(&out.outputs));
}

static int serve_task(int channel_fd, uint8_t *share, struct frame *f,
                      struct mlp **out_mlp)
{
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
    struct answerer a;
    struct batches b = {channel_fd, share, &a.takes, answer, &a};
    struct diag d;
    int code;

    diag_init(&d);
    code = load(f, out_mlp, &d);
    if (code == 0) {
        code =
            answerer_init(&a, *out_mlp, (const Proctor__ModelTask *)f->m, &d);
    }
    if (code != 0 && d.code == 0) {
        return ERR_TRACE(code);
    }
    TRY(task_ready(channel_fd, &ready, &d));
    return code == 0 ? batches_serve(&b) : 0;
}

static int serve(int channel_fd, uint8_t *share)
{
    struct frame f CLEANUP(frame_release);
    const Proctor__ModelTask *task;
    struct mlp *mlp = NULL;
    int code;

    frame_init(&f);
    code = frame_receive(channel_fd, MSG_FROM_KERNEL, &f);
    if (code == ERR_CLOSED) {
        return 0; /* nobody needed us */
    }
    TRY(code);
    if (f.info->msg != MSG_MODEL_TASK) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    task = (const Proctor__ModelTask *)f.m;
    if (task->command == PROCTOR__MODEL_COMMAND__MODEL_SESSION) {
        return session_serve(channel_fd, task, &f);
    }
    if (task->command >= PROCTOR__MODEL_COMMAND__MODEL_INFO) {
        return command_serve(channel_fd, &f);
    }
    code = serve_task(channel_fd, share, &f, &mlp);
    mlp_free(mlp);
    return code;
}

int model_serve(int channel_fd, uint8_t *share)
{
    return serve(channel_fd, share) == 0 ? 0 : 1;
}
