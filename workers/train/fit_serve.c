/* A training run's conversation with the kernel: one request at a time, each
 * answered before the next is read. Runs in worker-train. */
#include "workers/train/fit_serve.h"

#include <string.h>

#include "proto/err.h"
#include "workers/lib/batches.h"
#include "workers/train/drive.h"

struct fit_session {
    int channel_fd;
    struct inputs in;
    struct drive *drive;
    uint8_t *area;
    uint64_t area_bytes;
};

static void session_release(struct fit_session *s)
{
    drive_close(s->drive);
    area_close(s->area, s->area_bytes);
    inputs_release(&s->in);
}

static int take_area(struct fit_session *s, const struct frame *f)
{
    if (s->area != NULL || f->fds_n != 1) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(area_open(f->fds[0], s->area_bytes, &s->area));
    return drive_start(s->drive, s->area);
}

static int answer(struct fit_session *s, const struct frame *f)
{
    const Proctor__TrainDone *done;

    if (f->info->msg == MSG_TRAIN_AREA) {
        return take_area(s, f);
    }
    if (f->info->msg != MSG_TRAIN_GO) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(drive_go(s->drive, (const Proctor__TrainGo *)f->m, &done));
    return frame_send(s->channel_fd, MSG_TRAIN_DONE, &done->base, NULL, 0);
}

static int converse(struct fit_session *s)
{
    for (;;) {
        struct frame f CLEANUP(frame_release);
        int code;

        frame_init(&f);
        code = frame_receive(s->channel_fd, MSG_FROM_KERNEL, &f);
        if (code == ERR_CLOSED) {
            return 0;
        }
        TRY(code);
        TRY(answer(s, &f));
    }
}

int fit_serve(int channel_fd, const struct frame *f)
{
    const Proctor__TrainTask *task = (const Proctor__TrainTask *)f->m;
    struct fit_session s CLEANUP(session_release) = {.channel_fd = channel_fd};
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
    Proctor__TrainReady train = PROCTOR__TRAIN_READY__INIT;
    struct diag d;
    int code;

    diag_init(&d);
    code = inputs_open(&s.in, f, &d);
    if (code == 0) {
        code = drive_open(task, &s.in, &s.drive, &train, &d);
    }
    if (code != 0 && d.code == 0) {
        return ERR_TRACE(code);
    }
    if (code == 0) {
        s.area_bytes = train.area_bytes;
        ready.train = &train;
    }
    TRY(task_ready(channel_fd, &ready, &d));
    return code != 0 ? 0 : converse(&s);
}
