/* The `proctor` command: what all subcommands share. A subcommand parses its
 * options (args.h), does its work, prints its result on stdout and returns 0 or
 * an ERR_* with the diagnosis in `d`; the dispatcher prints that diagnosis once
 * and turns the code into the exit code (err.def). Runs in the person's
 * process, with the person's authority and none besides. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "proto/diag.h"

struct json;

struct cli {
    const char *command; /* name of the subcommand */
    const char *store;   /* --store, or NULL */
    int json;            /* --json */
    int emitted;         /* the JSON document went out */
    int told;            /* the failure was printed already */
    struct diag d;
};

struct cli_command {
    const char *name;
    const char *help;
    int (*run)(struct cli *c, int argc, char **argv);
};

/* The table of commands.def. */
const struct cli_command *cli_commands(size_t *out_n);
const struct cli_command *cli_command_find(const char *name);

/* Sets c->d without a place; returns code. */
int cli_fail(struct cli *c, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Same, with a hint given as plain text. */
int cli_fail_hint(struct cli *c, int code, const char *hint, const char *fmt,
                  ...) PRINTF_LIKE(4, 5);
/* Prints the finished document and releases it. 0 or ERR_*. */
int cli_emit(struct cli *c, struct json *j) MUST_USE;

/* All of `proctor`: returns its exit code. */
int cli_main(int argc, char **argv);

/* The subcommands. */
#define COMMAND(name, help)                                                    \
    int cmd_##name(struct cli *c, int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

#endif
