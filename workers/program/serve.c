/* Speaks to the kernel. Runs as process 1 of the program worker's sandbox. Must
 * never let a program have the channel: it is close-on-exec, checked. The shared
 * memory is a mapping, which exec drops. */
#include "workers/program/serve.h"

#include <fcntl.h>
#include <signal.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/lib/batches.h"
#include "workers/program/harness.h"

struct link {
    int channel_fd;
    uint8_t *share; /* SHARE_BYTES */
};

struct tried {
    struct program *p;
    const char *tmp_dir;
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

static int answer(const struct batches *b, const struct values *inputs,
                  uint32_t id)
{
    Proctor__BatchReply reply = PROCTOR__BATCH_REPLY__INIT;
    struct batch_result result CLEANUP(batch_result_release) = {0};
    const struct tried *t = (const struct tried *)b->ctx;
    struct diag d;

    diag_init(&d);
    TRY(program_place(t->p, t->tmp_dir, &d));
    TRY(batch_run(t->p, inputs, &result));
    reply.id = id;
    reply.ending = result.ending;
    reply.detail = result.detail;
    reply.text.data = result.text;
    reply.text.len = result.text_n;
    return batches_reply(b, &reply, values_builder_bytes(&result.answers));
}

static int serve_task(const struct link *l, const Proctor__ProgramTask *task,
                      const char *work_dir, const char *tmp_dir)
{
    struct program p CLEANUP(program_release) = {0};
    struct tried t = {&p, tmp_dir};
    struct batches b = {l->channel_fd, l->share, &p.takes, answer, &t};
    Proctor__TaskReady ready = PROCTOR__TASK_READY__INIT;
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
    TRY(task_ready(l->channel_fd, &ready, &d));
    return code == 0 ? batches_serve(&b) : 0;
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
