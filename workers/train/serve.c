/* Speaks to the kernel. Runs in the train worker. What it is sent may be
 * anything. */
#include "workers/train/serve.h"

#include "proto/err.h"
#include "proto/frame.h"

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
    return ERR_TRACE(ERR_PROTOCOL);
}

int train_serve(int channel_fd)
{
    return serve(channel_fd) == 0 ? 0 : 1;
}
