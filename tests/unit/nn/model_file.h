/* Random models in memory, for tests: made by model_init, opened by gguf_open. */
#ifndef TESTS_UNIT_NN_MODEL_FILE_H
#define TESTS_UNIT_NN_MODEL_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/model_init.h"

struct model_file {
    uint8_t *bytes; /* aligned to 64 */
    size_t n, cap;
    struct gguf g;
};

static inline int model_file_sink(void *ctx, struct ubytes b)
{
    struct model_file *f = ctx;

    if (f->n + b.n > f->cap) {
        size_t cap = (2 * f->cap + b.n + 4095) / 64 * 64;
        uint8_t *grown = aligned_alloc(64, cap);

        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (f->n > 0) {
            memcpy(grown, f->bytes, f->n);
        }
        free(f->bytes);
        f->bytes = grown;
        f->cap = cap;
    }
    memcpy(f->bytes + f->n, b.p, b.n);
    f->n += b.n;
    return 0;
}

static inline void model_file_release(struct model_file *f)
{
    gguf_release(&f->g);
    free(f->bytes);
    memset(f, 0, sizeof(*f));
}

static inline int model_file_open(struct model_file *f, struct diag *d)
{
    return gguf_open((struct ubytes){f->bytes, f->n}, &f->g, d);
}

/* 0 or a code, with d set. */
static inline int model_file_make(const struct model_init *spec,
                                  struct model_file *out, struct diag *d)
{
    uint64_t bytes;
    int code;

    memset(out, 0, sizeof(*out));
    diag_init(d);
    code = model_init(spec, UINT64_MAX, model_file_sink, out, &bytes, d);
    if (code == 0 && bytes != out->n) {
        code = ERR_INTERNAL;
    }
    return code != 0 ? code : model_file_open(out, d);
}

#endif
