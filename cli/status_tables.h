/* `proctor status --tables`: what the kernel can do, as its own tables say. */
#ifndef CLI_STATUS_TABLES_H
#define CLI_STATUS_TABLES_H

#include "cli/cli.h"

/* Prints them; needs neither store nor kernel. */
int status_tables(struct cli *c) MUST_USE;

#endif
