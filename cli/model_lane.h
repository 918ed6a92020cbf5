/* `proctor model generate`, `score` and `classify`: a graph of one task in memory,
 * the same kernel, the same ledger as for a graph. */
#ifndef CLI_MODEL_LANE_H
#define CLI_MODEL_LANE_H

#include "cli/cli.h"

/* argv[0]: the subcommand's name. */
int model_lane(struct cli *c, int argc, char **argv) MUST_USE;

#endif
