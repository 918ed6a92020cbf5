/* worker-model: forward passes of perceptrons, in a sandbox that can compute
 * and nothing else. Sees inputs and weights, never labels. */
#include "workers/lib/worker.h"
#include "workers/model/serve.h"

static enum product_kernel kernel = PRODUCT_CHAIN;

/* Once, in the zygote: which kernel has the contract's bits on this host. */
static void prepare(void)
{
    kernel = product_probe();
}

static int serve(int channel_fd, uint8_t *share)
{
    return model_serve(channel_fd, share, kernel);
}

int main(void)
{
    static const struct worker_hooks hooks = {"model", prepare, serve};

    return worker_main(&hooks);
}
