/* Metrics of one training as they come, epoch by epoch, and the files that show
 * them: NDJSON grows with each epoch, JSON and Markdown are written anew. What the
 * trainer says is a claim; a column `measured` is the kernel's. */
#ifndef CLI_EXPERIMENT_METRICS_H
#define CLI_EXPERIMENT_METRICS_H

#include "cli/experiment_dir.h"

#include "worker.pb-c.h"

#define METRICS_COLUMNS 24
#define METRICS_NAME_BYTES 40

struct metrics_row {
    uint32_t epoch;
    uint32_t has; /* bit i: column i */
    double v[METRICS_COLUMNS];
};

struct metrics {
    char names[METRICS_COLUMNS][METRICS_NAME_BYTES];
    size_t names_n;
    struct metrics_row *rows; /* owned; by epoch, ascending */
    size_t rows_n, rows_cap;
    size_t streamed; /* rows that the NDJSON file has */
};

void metrics_release(struct metrics *m);
/* Adds an epoch, or puts it in the place of the same one. ERR_NOMEM. */
int metrics_add(struct metrics *m, const Proctor__TrainEpoch *e) MUST_USE;

/* metrics/PREFIX.ndjson: what came since; from 0: whole. */
int metrics_stream(struct metrics *m, const struct experiment_dir *r,
                   const char *prefix, struct diag *d) MUST_USE;
/* metrics/PREFIX.json and .md. */
int metrics_write(const struct metrics *m, const struct experiment_dir *r,
                  const char *prefix, const char *name,
                  struct diag *d) MUST_USE;
/* The last epoch as an object of one line; null when there is none. */
int metrics_put_last(const struct metrics *m, struct buf *out) MUST_USE;
/* A number as JSON has it: the fewest digits that read back, or null. */
int metrics_put_number(struct buf *out, double v) MUST_USE;

#endif
