/* Speaks to the kernel. Runs in the train worker. What it is sent may be
 * anything. */
#include "workers/train/serve.h"

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/train/combine.h"
#include "workers/train/fit_serve.h"
#include "workers/train/load_serve.h"
#include "workers/train/predict.h"

#include "worker.pb-c.h"

static int serve(int channel_fd)
{
    struct frame f CLEANUP(frame_release);
    int code;

    frame_init(&f);
    code = frame_receive(channel_fd, MSG_FROM_KERNEL, &f);
    if (code == ERR_CLOSED) {
        return 0; /* nobody needed us */
    }
    TRY(code);
    if (f.info->msg != MSG_TRAIN_TASK) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    switch (((const Proctor__TrainTask *)f.m)->command) {
    case PROCTOR__TRAIN_COMMAND__TRAIN_LOAD:
        return load_serve(channel_fd, &f);
    case PROCTOR__TRAIN_COMMAND__TRAIN_FIT:
        return fit_serve(channel_fd, &f);
    case PROCTOR__TRAIN_COMMAND__TRAIN_PREDICT:
        return predict_serve(channel_fd, &f);
    case PROCTOR__TRAIN_COMMAND__TRAIN_COMBINE:
        return combine_serve(channel_fd, &f);
    case PROCTOR__TRAIN_COMMAND__TRAIN_NONE:
    case _PROCTOR__TRAIN_COMMAND_IS_INT_SIZE:
        break;
    }
    return ERR_TRACE(ERR_PROTOCOL);
}

int train_serve(int channel_fd)
{
    return serve(channel_fd) == 0 ? 0 : 1;
}
