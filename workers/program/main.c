/* worker-program: runs a candidate or an oracle that is a program, in the
 * sandbox that the kernel made. Sees inputs, never expected answers. */
#include "workers/lib/worker.h"
#include "workers/program/serve.h"

static int serve(int channel_fd, uint8_t *share)
{
    return program_serve(channel_fd, share, "/work", "/tmp");
}

int main(void)
{
    static const struct worker_hooks hooks = {"program", NULL, serve};

    return worker_main(&hooks);
}
