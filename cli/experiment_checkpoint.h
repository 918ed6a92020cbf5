/* Checkpoints of a run directory: which parts of which objects they are, and the
 * files that show them. */
#ifndef CLI_EXPERIMENT_CHECKPOINT_H
#define CLI_EXPERIMENT_CHECKPOINT_H

#include "cli/experiment_dir.h"
#include "proto/cid.h"

#include "evidence.pb-c.h"

struct epoch_weights {
    uint32_t epoch;
    struct cid object;
    uint64_t offset;
    uint64_t bytes; /* 0: all of the object */
};

struct checkpoints {
    struct epoch_weights *list; /* owned */
    size_t n, cap;
};

void checkpoints_init(struct checkpoints *c);
void checkpoints_release(struct checkpoints *c);
/* Takes those of the epochs that `every` (> 0) divides; they take the places of
 * earlier ones of the same epoch. newest: the weights that the log's last
 * checkpoint is, zero when there are none. ERR_NOMEM. */
int checkpoints_add(struct checkpoints *c, const Proctor__TrainLog *log,
                    const struct cid *newest, uint32_t every) MUST_USE;
/* Writes checkpoints/checkpoint_epoch_N/weights.gguf of each. Reads, and hashes,
 * an object once when neighbours are parts of it. ERR_STORE_DAMAGED, also for a
 * part that is not within its object; other errors of object_read and files. */
int checkpoints_write(const struct checkpoints *c, const char *store,
                      const struct experiment_dir *dir,
                      struct diag *d) MUST_USE;
/* Writes a whole object as checkpoints/NAME/weights.gguf. */
int checkpoint_write(const char *store, const struct cid *object,
                     const char *name, const struct experiment_dir *dir,
                     struct diag *d) MUST_USE;

#endif
