/* Experiment files (docs/experiments.md): JSON or YAML, one object or a list, as the
 * numpy harness reads them and more. Each becomes a graph, a configuration with
 * every default, and words for a dry run. All that is wrong in a file is told at
 * once. */
#ifndef WORKERS_CONFIG_EXPERIMENT_H
#define WORKERS_CONFIG_EXPERIMENT_H

#include "workers/config/config.h"

#define EXPERIMENT_BYTES_MAX (1u << 20)
#define EXPERIMENT_MAX 1024u /* of one file, those of searches included */
#define EXPERIMENT_PROBLEMS_MAX 64u
#define EXPERIMENT_WARNINGS_MAX 256u

int experiment_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

#endif
