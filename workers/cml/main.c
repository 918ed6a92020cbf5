/* worker-cml: reads, checks and runs CML inside the sandbox. Never sees an
 * expected answer. */
#include "workers/cml/serve.h"
#include "workers/lib/worker.h"

int main(void)
{
    static const struct worker_hooks hooks = {.class_name = "cml",
                                              .serve = cml_serve};

    return worker_main(&hooks);
}
