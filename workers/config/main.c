/* worker-config: reads YAML, JSON and CSV inside the sandbox, writes canonical
 * messages. Never opens a file, never sees a key, a candidate or an answer. */
#include "workers/config/config.h"
#include "workers/lib/worker.h"

static int serve(int channel_fd, uint8_t *share)
{
    (void)share; /* a text is one message */
    return config_serve(channel_fd);
}

int main(void)
{
    static const struct worker_hooks hooks = {.class_name = "config",
                                              .serve = serve};

    return worker_main(&hooks);
}
