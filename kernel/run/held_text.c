/* Asking a language model about held-out rows (held_text.h). Normalises what it
 * answers: no worker's word is taken for a probability. */
#include "kernel/run/held_text.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/run/job.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/share.h"

#define CHUNK_BYTES (64u << 20)     /* of predictions */
#define ROW_BYTES_MAX (1ull << 30)

struct held_text {
    struct held *h;
    Proctor__Dataset *data; /* owned */
    struct buf rows;        /* held out */
    struct buf train;
    uint32_t n;
    uint64_t answer_bytes; /* predictions of one row */
    struct buf answers;
    struct buf line;        /* predictions of the row under way */
    int is_again;
    uint32_t at, chunk;     /* rows of this pass: answered, asked */
    int tokenizer_fd, chunk_fd;
    uint64_t tokenizer_bytes, weights_bytes;
    Proctor__Dataset part; /* of the rows that are asked */
    struct job *job;
};

static int open_rows(struct held_text *t)
{
    const Proctor__Split *s = t->h->split;
    struct core *c = t->h->live->run->core;
    const Proctor__Dataset *d = t->data;
    size_t row = 4 * (size_t)d->width;
    struct cid x, train, tokenizer;

    TRY(cid_from_field(&s->held_x, &x));
    TRY(cid_from_field(&s->train_x, &train));
    TRY(cid_from_field(&d->tokenizer, &tokenizer));
    TRY(store_get(c->store, &x, &t->rows));
    TRY(store_get(c->store, &train, &t->train));
    if (d->kind != PROCTOR__DATA_KIND__DATA_TEXT || d->width < 2 ||
        d->classes == 0 || buf_len(&t->rows) == 0 || buf_len(&t->train) == 0 ||
        buf_len(&t->rows) % row != 0 || buf_len(&t->train) % row != 0 ||
        buf_len(&t->rows) / row > UINT32_MAX) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    t->n = (uint32_t)(buf_len(&t->rows) / row);
    t->answer_bytes = (uint64_t)(d->width - 1) * d->classes * 4;
    TRY(store_get_memfd(c->store, &tokenizer, &t->tokenizer_fd,
                        &t->tokenizer_bytes));
    return t->answer_bytes > ROW_BYTES_MAX ? ERR_TRACE(ERR_LIMIT) : 0;
}

int held_text_open(struct held *h, struct held_text **out)
{
    struct held_text *t = calloc(1, sizeof(*t));
    struct cid dataset;

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = t; /* freed with h */
    t->h = h;
    t->tokenizer_fd = t->chunk_fd = -1;
    buf_init(&t->rows, LIMIT_HELD_BYTES);
    buf_init(&t->train, LIMIT_HELD_BYTES);
    buf_init(&t->answers, LIMIT_HELD_BYTES);
    buf_init(&t->line, ROW_BYTES_MAX);
    TRY(cid_from_field(&h->split->dataset, &dataset));
    TRY(core_get_message(h->live->run->core, &dataset,
                         &proctor__dataset__descriptor,
                         (ProtobufCMessage **)&t->data));
    return open_rows(t);
}

void held_text_free(struct held_text *t)
{
    if (t != NULL) {
        job_free(t->job);
        pb_free((ProtobufCMessage *)t->data);
        buf_release(&t->rows);
        buf_release(&t->train);
        buf_release(&t->answers);
        buf_release(&t->line);
        fd_closep(&t->tokenizer_fd);
        fd_closep(&t->chunk_fd);
        free(t);
    }
}

/* Row k of this pass, as a row of the held-out part. */
static uint32_t row_of(const struct held_text *t, uint32_t k)
{
    return t->is_again ? t->n - 1 - k : k;
}

static struct ubytes row_bytes(const struct held_text *t, uint32_t i)
{
    size_t row = 4 * (size_t)t->data->width;

    return (struct ubytes){buf_bytes(&t->rows).p + i * row, row};
}

/* One row's predictions, from the area. 0, ERR_INPUT: no shares; 1: another answer
 * than the first time. */
static int take_row(struct held_text *t, int area_fd, uint32_t k)
{
    uint32_t i = row_of(t, t->at + k);
    size_t n = (size_t)t->answer_bytes;
    double nats[2];
    uint8_t *line;
    size_t got;

    buf_reset(&t->line);
    TRY(buf_extend(&t->line, n, &line));
    TRY(disk_read(area_fd, k * t->answer_bytes, line, n, &got));
    if (got != n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(holdout_text_row((struct ubytes){line, n}, row_bytes(t, i),
                         row_bytes(t, (i + t->n / 2) % t->n), t->data->classes,
                         nats));
    if (t->is_again) {
        return memcmp(buf_bytes(&t->answers).p + 16 * (size_t)i, nats, 16) != 0;
    }
    return buf_put(&t->answers, (const uint8_t *)nats, sizeof(nats));
}

static int ask_chunk(struct held_text *t);

static void failed(struct held_text *t, int code, const struct diag *d)
{
    int is_its_own = code == ERR_INPUT || code == ERR_LIMIT ||
                     code == ERR_WORKER || code == ERR_PROTOCOL;

    live_fail(t->h->live, is_its_own ? 0 : code,
              "answered %u of %u held-out rows: %s", t->at, t->n,
              d->what[0] != '\0' ? d->what : err_text(code));
}

static int take_chunk(struct held_text *t, const Proctor__TrainReply *reply,
                      int area_fd, struct diag *d)
{
    if (reply->bytes != t->chunk * t->answer_bytes) {
        return diag_set(d, ERR_PROTOCOL, (struct loc){0},
                        "its worker answered as if for other rows");
    }
    for (uint32_t k = 0; k < t->chunk; k++) {
        int code = take_row(t, area_fd, k);

        if (code == ERR_INPUT) {
            return diag_set(d, code, (struct loc){0},
                            "what it predicts are no probabilities");
        }
        if (code == 1) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "not deterministic: another answer when asked "
                            "again");
        }
        TRY(code);
    }
    t->at += t->chunk;
    return 0;
}

static void on_reply(void *ctx, struct job *j, int code,
                     const Proctor__TrainReply *reply, int area_fd,
                     const struct diag *d)
{
    struct held_text *t = ctx;
    struct diag own = *d;

    t->job = NULL;
    code = code == 0 ? take_chunk(t, reply, area_fd, &own) : code;
    job_free(j);
    if (code == 0 && t->at == t->n) {
        if (t->is_again) {
            t->h->done(t->h->ctx);
            return;
        }
        t->is_again = 1;
        t->at = 0;
    }
    code = code == 0 ? ask_chunk(t) : code;
    if (code != 0) {
        failed(t, code, &own);
    }
}

/* The next rows as a sealed memfd. */
static int make_chunk(struct held_text *t)
{
    size_t row = 4 * (size_t)t->data->width;
    uint64_t most = CHUNK_BYTES / t->answer_bytes;

    most = most == 0 ? 1 : most;
    t->chunk = t->n - t->at < most ? t->n - t->at : (uint32_t)most;
    fd_closep(&t->chunk_fd);
    TRY(share_sized(t->chunk * row, &t->chunk_fd));
    for (uint32_t k = 0; k < t->chunk; k++) {
        struct ubytes r = row_bytes(t, row_of(t, t->at + k));

        TRY(disk_write(t->chunk_fd, k * row, r.p, r.n));
    }
    return share_seal(t->chunk_fd, t->chunk * row);
}

static int ask_chunk(struct held_text *t)
{
    const struct runnable *r = t->h->runnable;
    struct live *l = t->h->live;
    struct job_ask ask = {.limits = l->run->policy->limits,
                          .label = live_id(l)};

    TRY(make_chunk(t));
    t->part = *t->data;
    t->part.rows = t->chunk;
    t->weights_bytes = r->weights_n;
    proctor__train_task__init(&ask.task);
    ask.task.command = PROCTOR__TRAIN_COMMAND__TRAIN_PREDICT;
    ask.task.file_bytes = &t->tokenizer_bytes;
    ask.task.n_file_bytes = 1;
    ask.task.data = &t->part;
    ask.task.x_bytes = t->chunk * 4ull * t->part.width;
    ask.task.weight_bytes = &t->weights_bytes;
    ask.task.n_weight_bytes = 1;
    ask.task.output_bytes = t->chunk * t->answer_bytes;
    ask.fds[0] = t->tokenizer_fd;
    ask.fds[1] = t->chunk_fd;
    ask.fds[2] = r->weights_fd;
    ask.fds_n = 3;
    return job_start(l->run->core, &ask, on_reply, t, &t->job);
}

int held_text_ask(struct held_text *t)
{
    t->at = 0;
    t->is_again = 0;
    buf_reset(&t->answers);
    return ask_chunk(t);
}

struct ubytes held_text_answers(const struct held_text *t)
{
    return buf_bytes(&t->answers);
}

int held_text_losses(const struct held_text *t, struct holdout_losses *out)
{
    const struct holdout_text x = {buf_bytes(&t->train), buf_bytes(&t->rows),
                                   t->data->width, t->data->classes};

    return holdout_text_losses(&x, buf_bytes(&t->answers), out);
}
