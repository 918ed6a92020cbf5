/* Batches over a channel and a share. Runs in workers. */
#include "workers/lib/batches.h"

#include <string.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/share.h"

int task_ready(int channel_fd, Proctor__TaskReady *ready, const struct diag *d)
{
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;

    if (d->code != 0) {
        problem.what = pb_str(d->what);
        problem.hint = pb_str(d->hint);
        problem.kind = d->code == ERR_LIMIT;
        ready->problem = &problem;
    }
    return frame_send(channel_fd, MSG_TASK_READY, &ready->base, NULL, 0);
}

static int answer(const struct batches *b, const Proctor__Batch *batch)
{
    struct values inputs CLEANUP(values_release);
    struct ubytes in = {b->share + SHARE_INPUTS, batch->inputs_bytes};

    values_init(&inputs);
    if (in.n > LIMIT_BATCH_BYTES) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(values_decode(&inputs, in, b->takes, LIMIT_BATCH_VALUES));
    return b->answer(b, &inputs, batch->id);
}

int batches_serve(const struct batches *b)
{
    for (;;) {
        struct frame f CLEANUP(frame_release);
        int code;

        frame_init(&f);
        code = frame_receive(b->channel_fd, MSG_FROM_KERNEL, &f);
        if (code == ERR_CLOSED) {
            return 0;
        }
        TRY(code);
        if (f.info->msg != MSG_BATCH) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        TRY(answer(b, (const Proctor__Batch *)f.m));
    }
}

int batches_reply(const struct batches *b, Proctor__BatchReply *reply,
                  struct ubytes outputs)
{
    ASSERT(outputs.n <= LIMIT_BATCH_BYTES); /* the builders' own limit */
    if (outputs.n > 0) {
        memcpy(b->share + SHARE_OUTPUTS, outputs.p, outputs.n);
    }
    reply->outputs_bytes = (uint32_t)outputs.n;
    return frame_send(b->channel_fd, MSG_BATCH_REPLY, &reply->base, NULL, 0);
}
