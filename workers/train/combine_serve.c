/* One TRAIN_TASK(COMBINE): weights in, one file out into the area. Runs in the
 * train worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/mlp_file.h"
#include "workers/train/combine.h"
#include "workers/train/inputs.h"
#include "workers/train/reply.h"

static int into_area(void *ctx, struct ubytes b)
{
    return b.n == 0 ? 0 : buf_put(ctx, b.p, b.n);
}

static int run(const Proctor__TrainTask *task, const struct inputs *in,
               uint64_t *out_bytes, struct diag *d)
{
    struct gguf files[MLP_MEMBERS_MAX];
    struct buf area;
    size_t n = 0;
    int code = 0;

    buf_init_over(&area, in->output, in->output_bytes);
    while (n < in->weights_n && code == 0) {
        code = gguf_open(in->weights[n], &files[n], d);
        n += code == 0;
    }
    if (code == 0) {
        code = combine_run(task->combine->how, files, n, in->output_bytes,
                           into_area, &area, out_bytes, d);
    }
    while (n > 0) {
        gguf_release(&files[--n]);
    }
    return code;
}

int combine_serve(int channel_fd, const struct frame *f)
{
    const Proctor__TrainTask *task = (const Proctor__TrainTask *)f->m;
    struct inputs in CLEANUP(inputs_release) = {0};
    Proctor__TrainReply m = PROCTOR__TRAIN_REPLY__INIT;
    struct diag d;
    int code;

    diag_init(&d);
    code = inputs_open(&in, f, &d);
    if (code == 0 && (task->combine == NULL || in.output == NULL ||
                      in.weights_n > MLP_MEMBERS_MAX)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (code == 0) {
        code = run(task, &in, &m.bytes, &d);
    }
    return reply_end(channel_fd, &m, "combining", code, &d);
}
