/* worker-config: reads YAML, JSON and CSV inside the sandbox, writes canonical
 * messages. Never opens a file, never sees a key, a candidate or an answer. */
#include "workers/config/config.h"
#include "workers/lib/worker.h"

int main(void)
{
    static const struct worker_hooks hooks = {.class_name = "config",
                                              .serve = config_serve};

    return worker_main(&hooks);
}
