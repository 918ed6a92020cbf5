/* Speaks to the kernel. Runs as process 1 of the program worker's sandbox. Must
 * never let a program have the channel: it is close-on-exec, checked. The shared
 * memory is a mapping, which exec drops. */
#include "workers/program/serve.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/share.h"
#include "workers/program/harness.h"

struct link {
    int channel_fd;
    uint8_t *share; /* SHARE_BYTES */
};

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

static int send_reply(const struct link *l, uint32_t id, struct batch_result *r)
{
    Proctor__BatchReply reply = PROCTOR__BATCH_REPLY__INIT;
    struct ubytes answers = values_builder_bytes(&r->answers);

    ASSERT(answers.n <= LIMIT_BATCH_BYTES); /* the builder's own limit */
    memcpy(l->share + SHARE_OUTPUTS, answers.p, answers.n);
    reply.id = id;
    reply.outputs_bytes = (uint32_t)answers.n;
    reply.ending = r->ending;
    reply.detail = r->detail;
    reply.text.data = r->text;
    reply.text.len = r->text_n;
    return frame_send(l->channel_fd, MSG_BATCH_REPLY, &reply.base, NULL, 0);
}

static int answer_batch(const struct link *l, struct program *p,
                        const char *tmp_dir, const Proctor__Batch *batch)
{
    struct values inputs CLEANUP(values_release);
    struct batch_result result CLEANUP(batch_result_release) = {0};
    struct ubytes in = {l->share + SHARE_INPUTS, batch->inputs_bytes};
    struct diag d;

    values_init(&inputs);
    diag_init(&d);
    if (in.n > LIMIT_BATCH_BYTES) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(values_decode(&inputs, in, &p->takes, LIMIT_BATCH_VALUES));
    TRY(program_place(p, tmp_dir, &d));
    TRY(batch_run(p, &inputs, &result));
    return send_reply(l, batch->id, &result);
}

static int serve_batches(const struct link *l, struct program *p,
                         const char *tmp_dir)
{
    for (;;) {
        struct frame f CLEANUP(frame_release);
        int code;

        frame_init(&f);
        code = frame_receive(l->channel_fd, MSG_FROM_KERNEL, &f);
        if (code == ERR_CLOSED) {
            return 0;
        }
        TRY(code);
        if (f.info->msg != MSG_BATCH) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        TRY(answer_batch(l, p, tmp_dir, (Proctor__Batch *)f.m));
    }
}

static int serve_task(const struct link *l, const Proctor__ProgramTask *task,
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
    TRY(send_ready(l->channel_fd, &d));
    return code == 0 ? serve_batches(l, &p, tmp_dir) : 0;
}

static int serve(const struct link *l, const char *work_dir,
                 const char *tmp_dir)
{
    struct frame f CLEANUP(frame_release);
    int code;

    frame_init(&f);
    if (!channel_is_private(l->channel_fd)) {
        return ERR_TRACE(ERR_CONFINE);
    }
    (void)signal(SIGCHLD, SIG_DFL); /* ignored children could not be reaped */
    code = frame_receive(l->channel_fd, MSG_FROM_KERNEL, &f);
    if (code == ERR_CLOSED) {
        return 0; /* nobody needed us */
    }
    TRY(code);
    if (f.info->msg != MSG_PROGRAM_TASK) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    return serve_task(l, (Proctor__ProgramTask *)f.m, work_dir, tmp_dir);
}

int program_serve(int channel_fd, uint8_t *share, const char *work_dir,
                  const char *tmp_dir)
{
    struct link l = {channel_fd, share};

    return serve(&l, work_dir, tmp_dir) == 0 ? 0 : 1;
}
