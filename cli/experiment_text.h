/* Experiments in words. What a trainer says stands under "claimed", what the kernel
 * computed from labels that no worker had under "measured". */
#ifndef CLI_EXPERIMENT_TEXT_H
#define CLI_EXPERIMENT_TEXT_H

#include "cli/experiment.h"

/* The plan of one experiment, as its worker worded it: escaped line by line. */
void experiment_text_plan(const char *summary);
/* What a run came to; nothing with --json, whose document is summary.json's. */
void experiment_text_print(const struct experiment_run *r);
/* What is said of its look or exam in one line; "" when there was none. */
#define EXPERIMENT_LINE_BYTES 400
void experiment_text_measured(const struct experiment_run *r,
                              char out[static EXPERIMENT_LINE_BYTES]);
/* A string member of a JSON file of a run directory. ERR_INPUT, ERR_NOT_FOUND. */
int experiment_text_member(const struct experiment_dir *dir, const char *file,
                           const char *path, struct buf *out,
                           struct diag *d) MUST_USE;

#endif
