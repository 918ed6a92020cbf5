/* worker-model: forward passes of perceptrons, in a sandbox that can compute
 * and nothing else. Sees inputs and weights, never labels. */
#include "proto/err.h"
#include "workers/lib/worker.h"
#include "workers/model/serve.h"
#include "workers/nn/panel.h"

/* Of nn_prove. */
static int proved = ERR_INTERNAL;

/* Once, in the zygote: which kernels have the contract's bits on this host. */
static void prepare(void)
{
    proved = nn_prove();
}

/* No number without the proof. */
static int serve(int channel_fd, uint8_t *share)
{
    return proved == 0 ? model_serve(channel_fd, share) : 1;
}

int main(void)
{
    static const struct worker_hooks hooks = {"model", prepare, serve};

    return worker_main(&hooks);
}
