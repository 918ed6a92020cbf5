/* Speaks to the kernel. Runs as process 1 of the program worker's sandbox. Must
 * never let a program have the channel: it is close-on-exec, checked. */
#include "workers/program/serve.h"

#include <fcntl.h>
#include <signal.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/program/harness.h"

static int channel_is_private(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) {
        (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
        flags = fcntl(fd, F_GETFD);
    }
    return flags >= 0 && (flags & FD_CLOEXEC) != 0;
}

static int send_ready(int channel_fd, struct diag *d)
{
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;

    if (d->code != 0) {
        problem.what = d->what;
        problem.hint = d->hint;
        problem.kind = d->code == ERR_LIMIT;
        ready.problem = &problem;
    }
    return frame_send(channel_fd, MSG_TASK_READY, &ready.base, NULL, 0);
}

static int send_reply(int channel_fd, uint32_t id, struct batch_result *r)
{
    Proctor__BatchReply reply = PROCTOR__BATCH_REPLY__INIT;
    struct ubytes answers = values_builder_bytes(&r->answers);

    reply.id = id;
    /* protobuf-c reads what it encodes; its fields are not const. */
    reply.outputs.data = (uint8_t *)(uintptr_t)answers.p;
    reply.outputs.len = answers.n;
    reply.ending = r->ending;
    reply.detail = r->detail;
    reply.text.data = r->text;
    reply.text.len = r->text_n;
    return frame_send(channel_fd, MSG_BATCH_REPLY, &reply.base, NULL, 0);
}

static int answer_batch(int channel_fd, struct program *p, const char *tmp_dir,
                        const Proctor__Batch *batch)
{
    struct values inputs CLEANUP(values_release);
    struct batch_result result CLEANUP(batch_result_release) = {0};
    struct ubytes in = {batch->inputs.data, batch->inputs.len};
    struct diag d;

    values_init(&inputs);
    diag_init(&d);
    TRY(values_decode(&inputs, in, &p->takes, LIMIT_BATCH_VALUES));
    TRY(program_place(p, tmp_dir, &d));
    TRY(batch_run(p, &inputs, &result));
    return send_reply(channel_fd, batch->id, &result);
}

static int serve_batches(int channel_fd, struct program *p, const char *tmp_dir)
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
        TRY(answer_batch(channel_fd, p, tmp_dir, (Proctor__Batch *)f.m));
    }
}

static int serve_task(int channel_fd, const Proctor__ProgramTask *task,
                      const char *work_dir, const char *tmp_dir)
{
    struct program p CLEANUP(program_release) = {0};
    struct diag d;
    int code;

    diag_init(&d);
    code = program_init(&p, task, work_dir, &d);
    if (code == 0) {
        code = program_place(&p, tmp_dir, &d);
    }
    if (code != 0 && d.code == 0) {
        return ERR_TRACE(code);
    }
    TRY(send_ready(channel_fd, &d));
    return code == 0 ? serve_batches(channel_fd, &p, tmp_dir) : 0;
}

static int serve(int channel_fd, const char *work_dir, const char *tmp_dir)
{
    struct frame f CLEANUP(frame_release);
    int code;

    frame_init(&f);
    if (!channel_is_private(channel_fd)) {
        return ERR_TRACE(ERR_CONFINE);
    }
    (void)signal(SIGCHLD, SIG_DFL); /* ignored children could not be reaped */
    code = frame_receive(channel_fd, MSG_FROM_KERNEL, &f);
    if (code == ERR_CLOSED) {
        return 0; /* nobody needed us */
    }
    TRY(code);
    if (f.info->msg != MSG_PROGRAM_TASK) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    return serve_task(channel_fd, (Proctor__ProgramTask *)f.m, work_dir,
                      tmp_dir);
}

int program_serve(int channel_fd, const char *work_dir, const char *tmp_dir)
{
    return serve(channel_fd, work_dir, tmp_dir) == 0 ? 0 : 1;
}
