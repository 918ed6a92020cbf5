/* One TRAIN_TASK(LOAD): files in, rows out into the area. Runs in the train
 * worker. */
#include "workers/train/load_serve.h"

#include "proto/err.h"
#include "workers/train/inputs.h"
#include "workers/train/load.h"
#include "workers/train/reply.h"

int load_serve(int channel_fd, const struct frame *f)
{
    const Proctor__TrainTask *task = (const Proctor__TrainTask *)f->m;
    struct inputs in CLEANUP(inputs_release) = {0};
    struct load l CLEANUP(load_release);
    Proctor__TrainReply m = PROCTOR__TRAIN_REPLY__INIT;
    struct diag d;
    int code;

    diag_init(&d);
    load_init(&l, task->load, NULL, 0, NULL, 0);
    if (task->load == NULL || task->output_bytes == 0) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    code = inputs_open(&in, f, &d);
    if (code != 0) {
        return d.code != 0 ? reply_send(channel_fd, &m, code, &d) : ERR_TRACE(code);
    }
    load_init(&l, task->load, in.files, in.files_n, in.output, in.output_bytes);
    code = load_run(&l, &m);
    if (code == ERR_NOMEM) {
        err_trace_clear();
        code = load_fail(&l, ERR_LIMIT, SIZE_MAX, 0, 0,
                         "reading it takes more memory than a worker has");
        load_hint(&l, "raise limits.memory in the policy");
    }
    return reply_send(channel_fd, &m, code, &l.d);
}
