/* Answers a person's question about a model file. Runs in the model worker; the
 * file may be anything. Writes only to the descriptor that it was given for that,
 * through mappings: the sandbox lets it write to no file. */
#include "workers/model/command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/buf.h"
#include "proto/diag.h"
#include "proto/err.h"
#include "workers/model/weights.h"
#include "workers/nn/model_init.h"
#include "workers/nn/panel.h"
#include "workers/nn/tokenizer.h"

#define WINDOW_BYTES (16u << 20) /* of what is written, mapped at once */

static const struct loc nowhere = {NULL, 0, 0};

/* The output, mapped piece by piece. */
struct output {
    int fd;
    uint64_t bytes; /* it can hold */
    uint64_t off;   /* written so far */
    uint8_t *window;
    uint64_t window_off;
};

static void output_release(struct output *o)
{
    if (o->window != NULL) {
        (void)munmap(o->window, WINDOW_BYTES);
        o->window = NULL;
    }
}

static int output_sink(void *ctx, struct ubytes b)
{
    struct output *o = ctx;

    if (b.n > o->bytes - o->off) {
        return ERR_TRACE(ERR_LIMIT);
    }
    while (b.n > 0) {
        uint64_t at = o->off % WINDOW_BYTES;
        size_t n = b.n < WINDOW_BYTES - at ? b.n : (size_t)(WINDOW_BYTES - at);

        if (o->window == NULL || o->window_off != o->off - at) {
            void *p;

            output_release(o);
            p = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                     o->fd, (off_t)(o->off - at));
            if (p == MAP_FAILED) {
                return ERR_TRACE(ERR_NOMEM);
            }
            o->window = p;
            o->window_off = o->off - at;
        }
        memcpy(o->window + at, b.p, n);
        b.p += n;
        b.n -= n;
        o->off += n;
    }
    return 0;
}

static int check_type(uint32_t type, struct diag *d)
{
    if (type != GGUF_TENSOR_F32 && type != GGUF_TENSOR_F16 &&
        type != GGUF_TENSOR_BF16 && type != GGUF_TENSOR_Q8_0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "weights of type %u are not written", type);
    }
    return 0;
}

static int init(const Proctor__ModelInit *m, struct output *o, struct diag *d)
{
    const struct model_init spec = {.arch = m->arch,
                                    .layers = m->layers,
                                    .width = m->width,
                                    .heads = m->heads,
                                    .kv_heads = m->kv_heads,
                                    .head = m->head,
                                    .ffn = m->ffn,
                                    .experts = m->experts,
                                    .experts_used = m->experts_used,
                                    .vocab = m->vocab,
                                    .context = m->context,
                                    .window = m->window,
                                    .type = (enum gguf_tensor_type)m->type,
                                    .seed = m->seed,
                                    .spm = m->spm,
                                    .tied = m->tied};
    uint64_t bytes;

    TRY(check_type(m->type, d));
    return model_init(&spec, o->bytes, output_sink, o, &bytes, d);
}

static int quantize(const struct weights *w, uint32_t type, struct output *o,
                    struct diag *d)
{
    uint64_t bytes;

    TRY(check_type(type, d));
    return model_quantize(&w->gguf, (enum gguf_tensor_type)type, o->bytes,
                          output_sink, o, &bytes, d);
}

static int write_model(const struct frame *f, const struct weights *w,
                       Proctor__ModelReply *reply, struct diag *d)
{
    const Proctor__ModelTask *task = (const Proctor__ModelTask *)f->m;
    struct output o CLEANUP(output_release) = {.fd = f->fds[f->fds_n - 1]};

    if (task->init == NULL) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    o.bytes = task->init->output_bytes;
    if (w == NULL) {
        TRY(init(task->init, &o, d));
    } else {
        TRY(quantize(w, task->type, &o, d));
    }
    reply->bytes = o.off;
    return 0;
}

static void tokenizer_freep(struct tokenizer **t)
{
    tokenizer_free(*t);
}

/* ENCODE and DECODE. ids and text own what reply borrows. */
static int convert(const struct weights *w, const Proctor__ModelTask *task,
                   struct tokens *ids, struct buf *text,
                   Proctor__ModelReply *reply, struct diag *d)
{
    struct tokenizer *t CLEANUP(tokenizer_freep) = NULL;

    TRY(tokenizer_new(&w->gguf, &t, d));
    if (t == NULL) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the file has no tokenizer (tokenizer.ggml.model)");
    }
    if (task->command == PROCTOR__MODEL_COMMAND__MODEL_ENCODE) {
        TRY(tokenizer_encode(t, field_bytes(&task->text), ids, d));
        reply->tokens = ids->v;
        reply->n_tokens = ids->n;
        return 0;
    }
    TRY(tokenizer_decode(t, task->tokens, task->n_tokens, text, d));
    reply->text = bytes_field(buf_bytes(text));
    return 0;
}

static int answer(const struct frame *f, const struct weights *w,
                  struct tokens *ids, struct buf *text,
                  Proctor__ModelReply *reply, struct diag *d)
{
    const Proctor__ModelTask *task = (const Proctor__ModelTask *)f->m;

    switch ((int)task->command) {
    case PROCTOR__MODEL_COMMAND__MODEL_INFO:
        return command_info(w, &reply->info);
    case PROCTOR__MODEL_COMMAND__MODEL_ENCODE:
    case PROCTOR__MODEL_COMMAND__MODEL_DECODE:
        return convert(w, task, ids, text, reply, d);
    case PROCTOR__MODEL_COMMAND__MODEL_BENCH:
        return command_bench(w, task, &reply->bench, d);
    case PROCTOR__MODEL_COMMAND__MODEL_INIT:
        return write_model(f, NULL, reply, d);
    case PROCTOR__MODEL_COMMAND__MODEL_QUANTIZE:
        return write_model(f, w, reply, d);
    default:
        return ERR_TRACE(ERR_PROTOCOL);
    }
}

/* How many descriptors, and is one of them weights? */
static int check_files(const struct frame *f, int *out_weights)
{
    const Proctor__ModelTask *task = (const Proctor__ModelTask *)f->m;
    unsigned written = task->init != NULL;

    *out_weights = f->fds_n > written;
    if (task->command == PROCTOR__MODEL_COMMAND__MODEL_INIT) {
        return f->fds_n == 1 && written ? 0 : ERR_TRACE(ERR_PROTOCOL);
    }
    if (task->command == PROCTOR__MODEL_COMMAND__MODEL_INFO && f->fds_n == 0) {
        return 0;
    }
    return f->fds_n == 1 + written ? 0 : ERR_TRACE(ERR_PROTOCOL);
}

static int reply_to(int channel_fd, const struct frame *f,
                    const struct weights *w, struct diag *d)
{
    Proctor__ModelReply reply = PROCTOR__MODEL_REPLY__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;
    struct tokens ids = {NULL, 0, 0};
    struct buf text;
    int code = d->code;

    buf_init(&text, LIMIT_FRAME_BYTES);
    if (code == 0) {
        code = answer(f, w, &ids, &text, &reply, d);
    }
    if (code != 0 && code != ERR_PROTOCOL) {
        if (d->code == 0) {
            (void)diag_set(d, code, nowhere, "%s",
                           code == ERR_NOMEM
                               ? "the worker's memory does not hold it"
                               : err_text(code));
        }
        problem.what = d->what;
        problem.hint = d->hint;
        problem.kind = d->code == ERR_LIMIT || d->code == ERR_NOMEM;
        reply.problem = &problem;
        code = 0;
    }
    if (code == 0) {
        code = frame_send(channel_fd, MSG_MODEL_REPLY, &reply.base, NULL, 0);
    }
    if (reply.info != NULL) {
        proctor__model_info__free_unpacked(reply.info, NULL);
    }
    if (reply.bench != NULL) {
        proctor__model_bench__free_unpacked(reply.bench, NULL);
    }
    tokens_release(&ids);
    buf_release(&text);
    return code;
}

int command_serve(int channel_fd, const struct frame *f)
{
    const Proctor__ModelTask *task = (const Proctor__ModelTask *)f->m;
    struct weights w CLEANUP(weights_release) = {0};
    struct diag d;
    int has_weights;
    int code;

    diag_init(&d);
    TRY(check_files(f, &has_weights));
    if (has_weights) {
        code = weights_open(&w, f->fds[0], task->weights_bytes, &d);
        if (code != 0 && d.code == 0) {
            return ERR_TRACE(code);
        }
    }
    return reply_to(channel_fd, f, has_weights ? &w : NULL, &d);
}
