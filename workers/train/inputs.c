/* Mapped descriptors of a task. Must never believe a size that fstat does not
 * confirm: a page behind the end of a descriptor would kill the worker. Runs in
 * worker-train. */
#include "workers/train/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "proto/err.h"
#include "proto/limits.h"

static const struct loc nowhere = {NULL, 0, 0};

static uint64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) != 0 || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

/* Descriptors in order, one after the other. */
struct taker {
    const struct frame *f;
    struct inputs *in;
    unsigned i;
    struct diag *d;
};

static int take(struct taker *t, uint64_t bytes, struct ubytes *out)
{
    void *p;

    *out = (struct ubytes){NULL, 0};
    if (bytes == 0) {
        return 0;
    }
    if (t->i >= t->f->fds_n || size_of(t->f->fds[t->i]) != bytes) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (bytes > LIMIT_WEIGHTS_FILE_BYTES) {
        return diag_set(t->d, ERR_LIMIT, nowhere,
                        "an input has %llu bytes, the limit is %llu",
                        (unsigned long long)bytes, LIMIT_WEIGHTS_FILE_BYTES);
    }
    p = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, t->f->fds[t->i], 0);
    if (p == MAP_FAILED) {
        (void)diag_set(t->d, ERR_LIMIT, nowhere,
                       "an input has %llu bytes, more than the worker's memory "
                       "holds",
                       (unsigned long long)bytes);
        diag_hint(t->d, "raise limits.memory in the policy");
        return ERR_LIMIT;
    }
    *out = (struct ubytes){p, (size_t)bytes};
    t->in->bytes += bytes;
    t->i++;
    return 0;
}

static int take_all(struct taker *t, const uint64_t *bytes, size_t n,
                    struct ubytes **out, size_t *out_n)
{
    *out_n = 0;
    *out = calloc(n + 1, sizeof(**out));
    if (*out == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out_n = n;
    for (size_t i = 0; i < n; i++) {
        TRY(take(t, bytes[i], &(*out)[i]));
    }
    return 0;
}

static int take_output(struct taker *t, uint64_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    if (t->i >= t->f->fds_n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(area_open(t->f->fds[t->i], bytes, &t->in->output));
    t->in->output_bytes = bytes;
    t->i++;
    return 0;
}

int inputs_open(struct inputs *out, const struct frame *f, struct diag *d)
{
    const Proctor__TrainTask *task = (const Proctor__TrainTask *)f->m;
    struct taker t = {f, out, 0, d};

    memset(out, 0, sizeof(*out));
    TRY(take_all(&t, task->file_bytes, task->n_file_bytes, &out->files,
                 &out->files_n));
    TRY(take(&t, task->x_bytes, &out->x));
    TRY(take(&t, task->y_bytes, &out->y));
    TRY(take(&t, task->checked_bytes, &out->checked));
    TRY(take(&t, task->state_bytes, &out->state));
    TRY(take_all(&t, task->weight_bytes, task->n_weight_bytes, &out->weights,
                 &out->weights_n));
    TRY(take_output(&t, task->output_bytes));
    return t.i == f->fds_n ? 0 : ERR_TRACE(ERR_PROTOCOL);
}

static void unmap(struct ubytes b)
{
    if (b.p != NULL) {
        (void)munmap((void *)(uintptr_t)b.p, b.n);
    }
}

static void unmap_all(struct ubytes *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unmap(v[i]);
    }
    free(v);
}

void inputs_release(struct inputs *in)
{
    unmap_all(in->files, in->files_n);
    unmap(in->x);
    unmap(in->y);
    unmap(in->checked);
    unmap(in->state);
    unmap_all(in->weights, in->weights_n);
    area_close(in->output, in->output_bytes);
    memset(in, 0, sizeof(*in));
}

int area_open(int fd, uint64_t bytes, uint8_t **out)
{
    void *p;

    *out = NULL;
    if (bytes == 0 || size_of(fd) < bytes) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = p;
    return 0;
}

void area_close(uint8_t *area, uint64_t bytes)
{
    if (area != NULL) {
        (void)munmap(area, (size_t)bytes);
    }
}
