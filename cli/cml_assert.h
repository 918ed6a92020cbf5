/* proctor cml assert: one assertion about a ref of CML, by a graph of one task. */
#ifndef CLI_CML_ASSERT_H
#define CLI_CML_ASSERT_H

#include "cli/cli.h"

/* argv[0] is "assert". */
int cml_assert(struct cli *c, int argc, char **argv);

#endif
