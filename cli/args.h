/* Options of a subcommand by argp, with those that all share: --store, --json,
 * --help, --usage. Never exits: help is an outcome, a mistake an error whose
 * text argp has printed. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <argp.h>

#include "cli/cli.h"

enum {
    ARGS_E_HELP = 1
}; /* help was printed: the command is done */

/* spec: options, parser (may be NULL), args_doc and doc of the command; its
 * parser gets `input`. 0, ARGS_E_HELP, or ERR_INPUT with c->told set. */
int args_parse(struct cli *c, const struct argp *spec, int argc, char **argv,
               void *input) MUST_USE;

/* Is --json among the words? For failures before options are understood. */
int args_want_json(int argc, char **argv) MUST_USE;

/* Decimal without sign, space or leading zero. 0 or ERR_INPUT. */
int args_u64(const char *text, uint64_t *out) MUST_USE;

#endif
