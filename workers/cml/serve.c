/* Speaks to the kernel. Runs in the `cml` worker. */
#include "workers/cml/serve.h"

#include <string.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/share.h"
#include "workers/cml/command.h"
#include "workers/cml/run.h"

static int send_ready(int channel_fd, const struct run *r, struct diag *d)
{
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;

    ready.engine = r->columns != NULL
                       ? PROCTOR__CML_ENGINE__CML_ENGINE_COLUMNS
                       : PROCTOR__CML_ENGINE__CML_ENGINE_REFERENCE;
    if (d->code != 0) {
        problem.what = d->what;
        problem.hint = d->hint;
        problem.kind = d->code == ERR_LIMIT;
        ready.problem = &problem;
    }
    return frame_send(channel_fd, MSG_TASK_READY, &ready.base, NULL, 0);
}

static int answer_batch(int channel_fd, uint8_t *share, struct run *r,
                        const Proctor__Batch *batch)
{
    Proctor__BatchReply reply = PROCTOR__BATCH_REPLY__INIT;
    struct values inputs CLEANUP(values_release);
    struct run_answers out = {0};
    struct ubytes bytes;
    int code;

    values_init(&inputs);
    if (batch->inputs_bytes > LIMIT_BATCH_BYTES) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(values_decode(&inputs,
                      (struct ubytes){share + SHARE_INPUTS, batch->inputs_bytes},
                      &r->takes, LIMIT_BATCH_VALUES));
    code = run_batch(r, &inputs, &out);
    if (code == 0) {
        bytes = values_builder_bytes(&out.outputs);
        memcpy(share + SHARE_OUTPUTS, bytes.p, bytes.n);
        reply.id = batch->id;
        reply.outputs_bytes = (uint32_t)bytes.n;
        reply.ending = out.ending;
        reply.detail = out.detail;
        code = frame_send(channel_fd, MSG_BATCH_REPLY, &reply.base, NULL, 0);
    }
    values_builder_release(&out.outputs);
    return code;
}

static int serve_batches(int channel_fd, uint8_t *share, struct run *r)
{
    for (;;) {
        struct frame f CLEANUP(frame_release);
        int code;

        frame_init(&f);
        code = frame_receive(channel_fd, MSG_FROM_KERNEL, &f);
        if (code == ERR_CLOSED) {
            return 0;
        }
        TRY(code);
        if (f.info->msg != MSG_BATCH) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        TRY(answer_batch(channel_fd, share, r, (const Proctor__Batch *)f.m));
    }
}

static int serve_run(int channel_fd, uint8_t *share,
                     const Proctor__CmlTask *task)
{
    struct run r;
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
        int sent = send_ready(channel_fd, &r, &d);

        code = sent != 0 || d.code != 0 ? sent
                                        : serve_batches(channel_fd, share, &r);
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
