/* Weights of the store's objects as files of a run directory. Writes nothing whose
 * object does not hash to its name. */
#include "cli/experiment_checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/object.h"
#include "proto/err.h"

#define WEIGHTS_BYTES_MAX ((size_t)8 << 30)

void checkpoints_init(struct checkpoints *c)
{
    *c = (struct checkpoints){.list = NULL};
}

void checkpoints_release(struct checkpoints *c)
{
    free(c->list);
    checkpoints_init(c);
}

/* Of an epoch, made if it is not there; NULL: no memory. */
static struct epoch_weights *place(struct checkpoints *c, uint32_t epoch)
{
    for (size_t i = c->n; i > 0; i--) { /* logs repeat: the last are near */
        if (c->list[i - 1].epoch == epoch) {
            return &c->list[i - 1];
        }
    }
    if (c->n == c->cap) {
        size_t cap = c->cap > 0 ? 2 * c->cap : 16;
        struct epoch_weights *list = reallocarray(c->list, cap, sizeof(*list));

        if (list == NULL) {
            return NULL;
        }
        c->list = list;
        c->cap = cap;
    }
    return &c->list[c->n++];
}

int checkpoints_add(struct checkpoints *c, const Proctor__TrainLog *log,
                    const struct cid *newest, uint32_t every)
{
    struct cid area;
    int has_area = object_cid(log->area, &area);

    for (size_t i = 0; i < log->n_epochs; i++) {
        const Proctor__TrainEpoch *e = log->epochs[i];
        struct epoch_weights *to;

        if (e->weights == NULL || e->epoch % every != 0 ||
            (e->weights->bytes > 0 ? !has_area : cid_is_zero(newest))) {
            continue;
        }
        to = place(c, e->epoch);
        if (to == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        *to = (struct epoch_weights){.epoch = e->epoch, .object = *newest};
        if (e->weights->bytes > 0) {
            to->object = area;
            to->offset = e->weights->offset;
            to->bytes = e->weights->bytes;
        }
    }
    return 0;
}

static int write_weights(const struct experiment_dir *dir, struct ubytes weights,
                         const char *name, struct diag *d)
{
    char path[PATH_MAX];
    char file[160];

    (void)snprintf(path, sizeof(path), "%.4000s/checkpoints/%.60s", dir->path,
                   name);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return diag_set(d, err_from_errno(errno), (struct loc){0}, "%.150s: %s",
                        path, strerror(errno));
    }
    (void)snprintf(file, sizeof(file), "checkpoints/%.60s/weights.gguf", name);
    return experiment_dir_view(dir, file, weights, d);
}

int checkpoints_write(const struct checkpoints *c, const char *store,
                      const struct experiment_dir *dir, struct diag *d)
{
    CLEANUP(buf_release) struct buf all;
    const struct cid *held = NULL; /* whose bytes all are */

    buf_init(&all, WEIGHTS_BYTES_MAX);
    for (size_t i = 0; i < c->n; i++) {
        const struct epoch_weights *p = &c->list[i];
        uint64_t bytes = p->bytes;
        char name[64];

        if (held == NULL || !cid_is_equal(held, &p->object)) {
            buf_reset(&all);
            TRY(object_read(store, &p->object, WEIGHTS_BYTES_MAX, &all));
            held = &p->object;
        }
        bytes = bytes > 0 ? bytes : buf_len(&all);
        if (p->offset > buf_len(&all) || bytes > buf_len(&all) - p->offset) {
            return ERR_TRACE(ERR_STORE_DAMAGED);
        }
        (void)snprintf(name, sizeof(name), "checkpoint_epoch_%" PRIu32,
                       p->epoch);
        TRY(write_weights(
            dir, (struct ubytes){buf_bytes(&all).p + p->offset, bytes}, name,
            d));
    }
    return 0;
}

int checkpoint_write(const char *store, const struct cid *object,
                     const char *name, const struct experiment_dir *dir,
                     struct diag *d)
{
    CLEANUP(buf_release) struct buf all;

    buf_init(&all, WEIGHTS_BYTES_MAX);
    TRY(object_read(store, object, WEIGHTS_BYTES_MAX, &all));
    return write_weights(dir, buf_bytes(&all), name, d);
}
