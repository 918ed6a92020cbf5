/* worker-train: data sets and training, in a sandbox that can compute and nothing
 * else. Sees training labels, never held-out ones. */
#include "proto/err.h"
#include "workers/lib/worker.h"
#include "workers/nn/panel.h"
#include "workers/train/serve.h"

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
    (void)share;
    return proved == 0 ? train_serve(channel_fd) : 1;
}

int main(void)
{
    static const struct worker_hooks hooks = {"train", prepare, serve};

    return worker_main(&hooks);
}
