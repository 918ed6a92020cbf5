/* proctor cml refs, proctor cml cob: what the refs of CML are, and what has been
 * said of one. Reads the index. */
#ifndef CLI_CML_STATE_H
#define CLI_CML_STATE_H

#include "cli/cli.h"

/* Is it a word after `proctor cml` that is answered here? */
int cml_state_has(const char *verb);
/* argv[0] is that word. */
int cml_state(struct cli *c, int argc, char **argv);

#endif
