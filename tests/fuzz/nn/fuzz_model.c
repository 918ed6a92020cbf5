/* gguf.c, model.c, model_quantize.c and one forward pass: any bytes. What is
 * accepted as a transformer answers, with the same bits in one pass and token by
 * token; and it can be written in every type, or is refused by name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/model_init.h"
#include "workers/nn/transformer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TOKENS = 3,
    BYTES_MAX = 4 << 20 /* of weights and of lanes: a slow input finds less */
};

static void *memory(size_t n)
{
    void *p;

    if (posix_memalign(&p, 64, n) != 0) {
        abort();
    }
    memset(p, 0, n);
    return p;
}

static void feed(const struct model *m, size_t batch, float *logits)
{
    uint32_t vocab = model_shape(m)->vocab;
    const uint32_t tokens[TOKENS] = {0, vocab - 1, vocab / 2};
    struct pass *p = NULL;
    struct cache c;
    void *area = memory(cache_bytes(m, TOKENS, TOKENS));

    cache_init(&c, m, area, TOKENS, TOKENS);
    if (pass_new(m, TOKENS, 1, &p) != 0) {
        abort();
    }
    for (size_t i = 0; i < TOKENS; i += batch) {
        struct pass_lane lane = {&c, tokens + i,         batch,
                                 0,  logits + i * vocab, NULL};

        if (pass_run(p, &lane, 1, NULL) != PASS_DONE) {
            abort();
        }
    }
    pass_free(p);
    free(area);
}

static void run(const struct model *m)
{
    const struct model_shape *s = model_shape(m);
    size_t n = (size_t)TOKENS * s->vocab;
    float *together, *alone;

    if (s->context < TOKENS || s->context > 4096 ||
        model_weight_bytes(m) > BYTES_MAX ||
        cache_bytes(m, TOKENS, TOKENS) > BYTES_MAX) {
        return;
    }
    together = memory(n * sizeof(float));
    alone = memory(n * sizeof(float));
    feed(m, TOKENS, together);
    feed(m, 1, alone);
    if (memcmp(together, alone, n * sizeof(float)) != 0) {
        abort();
    }
    free(together);
    free(alone);
}

static int count(void *ctx, struct ubytes bytes)
{
    *(uint64_t *)ctx += bytes.n;
    return 0;
}

static void quantize(const struct gguf *g)
{
    static const enum gguf_tensor_type types[] = {
        GGUF_TENSOR_F32, GGUF_TENSOR_F16, GGUF_TENSOR_BF16, GGUF_TENSOR_Q8_0};

    for (size_t i = 0; i < ARRAY_N(types); i++) {
        uint64_t written = 0, bytes;
        struct diag d;

        diag_init(&d);
        if (model_quantize(g, types[i], BYTES_MAX, count, &written, &bytes,
                           &d) == 0
                ? written != bytes
                : d.what[0] == '\0') {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = memory(size + (size == 0)); /* of exactly this size */
    struct gguf g;
    struct model *m;
    struct diag d;

    if (size > 0) {
        memcpy(copy, data, size);
    }
    diag_init(&d);
    if (gguf_open((struct ubytes){copy, size}, &g, &d) == 0) {
        if (model_new(&g, &m, &d) == 0) {
            run(m);
            model_free(m);
        } else if (d.what[0] == '\0') {
            abort(); /* refused without a reason */
        }
        quantize(&g);
        gguf_release(&g);
    }
    free(copy);
    return 0;
}
