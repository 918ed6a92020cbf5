/* gguf.c and mlp.c: any bytes; what is accepted as a network also answers, with
 * the same bits alone and in a batch. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/nn/mlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct mlp *m)
{
    size_t in = mlp_inputs(m), out = mlp_outputs(m);
    float *x, *y, *alone;

    if (in > 4096 || out > 4096) {
        return;
    }
    x = calloc(2 * in, sizeof(*x));
    y = calloc(2 * out, sizeof(*y));
    alone = calloc(out, sizeof(*alone));
    if (x == NULL || y == NULL || alone == NULL) {
        abort();
    }
    for (size_t i = 0; i < in; i++) {
        x[in + i] = (float)i / 8.0f - 1.0f;
    }
    mlp_forward(m, x, 2, y);
    mlp_forward(m, x + in, 1, alone);
    for (size_t i = 0; i < out; i++) {
        float together = y[out + i];

        if (together == together &&
            memcmp(&together, &alone[i], sizeof(together)) != 0) {
            abort();
        }
    }
    free(x);
    free(y);
    free(alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *copy; /* of exactly this size: one byte too far is found */
    struct gguf g;
    struct mlp *m;
    struct diag d;

    if (posix_memalign(&copy, 64, size + (size == 0)) != 0) {
        return 0;
    }
    memcpy(copy, data, size);
    diag_init(&d);
    if (gguf_open((struct ubytes){copy, size}, &g, &d) == 0) {
        if (mlp_new(&g, &m, &d) == 0) {
            run(m);
            mlp_free(m);
        }
        gguf_release(&g);
    }
    free(copy);
    return 0;
}
