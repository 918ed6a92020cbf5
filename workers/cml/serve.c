/* Speaks to the kernel. Runs in the `cml` worker. */
#include "workers/cml/serve.h"

#include "proto/err.h"
#include "proto/frame.h"
#include "workers/cml/command.h"

static int serve(int channel_fd)
{
    struct frame f CLEANUP(frame_release);
    struct command c CLEANUP(command_release);
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
    TRY(command_answer(&c, (const Proctor__CmlTask *)f.m));
    return frame_send(channel_fd, MSG_CML_REPLY, &c.reply.base, NULL, 0);
}

int cml_serve(int channel_fd, uint8_t *share)
{
    (void)share; /* one task is one message */
    return serve(channel_fd) == 0 ? 0 : 1;
}
