/* Speaks to the kernel. Runs in the `cml` worker. */
#include "workers/cml/serve.h"

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/cml/command.h"
#include "workers/cml/run.h"
#include "workers/lib/batches.h"

static int answer(const struct batches *b, const struct values *inputs,
                  uint32_t id)
{
    Proctor__BatchReply reply = PROCTOR__BATCH_REPLY__INIT;
    struct run_answers out = {0};
    int code = run_batch((struct run *)b->ctx, inputs, &out);

    if (code == 0) {
        reply.id = id;
        reply.ending = out.ending;
        reply.detail = out.detail;
        code = batches_reply(b, &reply, values_builder_bytes(&out.outputs));
    }
    values_builder_release(&out.outputs);
    return code;
}

static int serve_run(int channel_fd, uint8_t *share,
                     const Proctor__CmlTask *task)
{
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
    struct run r;
    struct batches b = {channel_fd, share, &r.takes, answer, &r};
    struct diag d;
    int code;

    if (task->n_texts != 1) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    diag_init(&d);
    code = run_open(&r, task, &d);
    if (code < 0 && d.code == 0 && code != ERR_NOMEM) {
        (void)diag_set(&d, code, (struct loc){0}, "%s", err_text(code));
    }
    if (code == 0 || d.code != 0) {
        ready.engine = r.columns != NULL
                           ? PROCTOR__CML_ENGINE__CML_ENGINE_COLUMNS
                           : PROCTOR__CML_ENGINE__CML_ENGINE_REFERENCE;
        code = task_ready(channel_fd, &ready, &d);
        if (code == 0 && d.code == 0) {
            code = batches_serve(&b);
        }
    }
    run_release(&r);
    return code;
}

static int serve(int channel_fd, uint8_t *share)
{
    struct frame f CLEANUP(frame_release);
    struct command c CLEANUP(command_release);
    const Proctor__CmlTask *task;
    int code;

    frame_init(&f);
    command_init(&c);
    code = frame_receive(channel_fd, MSG_FROM_KERNEL, &f);
    if (code == ERR_CLOSED) {
        return 0; /* nobody needed us */
    }
    TRY(code);
    if (f.info->msg != MSG_CML_TASK) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    task = (const Proctor__CmlTask *)f.m;
    if (task->command == PROCTOR__CML_COMMAND__CML_RUN) {
        return serve_run(channel_fd, share, task);
    }
    TRY(command_answer(&c, task));
    return frame_send(channel_fd, MSG_CML_REPLY, &c.reply.base, NULL, 0);
}

int cml_serve(int channel_fd, uint8_t *share)
{
    return serve(channel_fd, share) == 0 ? 0 : 1;
}
