/* Run directories of experiments: OUTPUT/NAME/YYYYmmdd_HHMMSS[_k], made beneath the
 * working directory and nowhere else, and OUTPUT/index.json, which lists all of them
 * however many commands write it at once. The person's process. */
#ifndef CLI_EXPERIMENT_DIR_H
#define CLI_EXPERIMENT_DIR_H

#include <limits.h>

#include "proto/buf.h"
#include "proto/diag.h"

struct experiment_dir {
    char root[PATH_MAX]; /* OUTPUT, absolute, links resolved */
    char path[PATH_MAX]; /* of the run, likewise */
    char run[PATH_MAX];  /* NAME/TIMESTAMP */
    char timestamp[48];  /* with _k */
    char created[48];    /* ISO, local, microseconds */
};

/* Makes the run's directory and its parts. name holds no slash and no "..".
 * ERR_INPUT: outside of the working directory; ERR_ACCESS, ERR_SPACE, ERR_IO. */
int experiment_dir_make(const char *output, const char *name,
                        struct experiment_dir *out, struct diag *d) MUST_USE;
/* Takes a run's directory that is there. ERR_NOT_FOUND, ERR_INPUT. */
int experiment_dir_open(const char *path, struct experiment_dir *out,
                        struct diag *d) MUST_USE;

/* Writes the run's entry of index.json, in place of one of the same run.
 * final_metrics: a JSON object, or empty. ERR_INPUT: what stands there is no index
 * of ours. */
int experiment_dir_index(const struct experiment_dir *r, const char *name,
                         const char *status, struct ubytes final_metrics,
                         struct diag *d) MUST_USE;

/* PATH/file whole: temporary, then renamed. */
int experiment_dir_write(const struct experiment_dir *r, const char *file,
                         struct ubytes bytes, struct diag *d) MUST_USE;
/* The same, not synced: for what the store's objects can show again. */
int experiment_dir_view(const struct experiment_dir *r, const char *file,
                        struct ubytes bytes, struct diag *d) MUST_USE;

#endif
