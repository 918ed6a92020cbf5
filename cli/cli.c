/* `proctor`: the table of commands, help, and what becomes of a result. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/term.h"
#include "proto/err.h"

static const struct cli_command COMMANDS[] = {
#define COMMAND(name, help) {#name, help, cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};

static const struct loc NOWHERE = {NULL, 0, 0};

const struct cli_command *cli_commands(size_t *out_n)
{
    *out_n = ARRAY_N(COMMANDS);
    return COMMANDS;
}

const struct cli_command *cli_command_find(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_N(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, name) == 0) {
            return &COMMANDS[i];
        }
    }
    return NULL;
}

int cli_fail(struct cli *c, int code, const char *fmt, ...)
{
    char what[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    diag_init(&c->d);
    return diag_set(&c->d, code, NOWHERE, "%s", what);
}

int cli_fail_hint(struct cli *c, int code, const char *hint, const char *fmt,
                  ...)
{
    char what[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    diag_init(&c->d);
    (void)diag_set(&c->d, code, NOWHERE, "%s", what);
    diag_hint(&c->d, "%s", hint);
    return code;
}

int cli_emit(struct cli *c, struct json *j)
{
    struct ubytes text;
    int rc = json_end(j, &text);

    if (rc == 0 && fwrite(text.p, 1, text.n, stdout) != text.n) {
        rc = ERR_IO;
    }
    json_release(j);
    c->emitted = 1;
    return rc < 0 ? cli_fail(c, rc, "cannot write the JSON document") : 0;
}

static void print_help(FILE *to)
{
    size_t i;

    fputs("Usage: proctor COMMAND [OPTION...] [ARGUMENT...]\n"
          "Runs task graphs of untrusted programs and models, examines what "
          "they propose,\n"
          "and records every verdict in a signed ledger.\n\nCommands:\n",
          to);
    for (i = 0; i < ARRAY_N(COMMANDS); i++) {
        fprintf(to, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    }
    fputs("  help      open the manual page of a command\n\n"
          "Every command takes --help, --store DIR and --json.\n"
          "Start here:  proctor run GRAPH.yaml --policy POLICY.yaml\n"
          "Exit codes:  0 done, 1 a task failed or was refuted, 2 usage or "
          "input,\n"
          "             3 refused by policy or confinement, 4 internal, 5 "
          "store damaged\n"
          "Manual:      man proctor\n",
          to);
}

/* Says that a word is no command; the nearest one is the hint. */
static int unknown_command(struct cli *c, const char *word)
{
    const char *names[ARRAY_N(COMMANDS) + 1];
    const char *near;
    size_t i;

    for (i = 0; i < ARRAY_N(COMMANDS); i++) {
        names[i] = COMMANDS[i].name;
    }
    names[i] = "help";
    near = diag_nearest(word, names, ARRAY_N(names));
    if (word[0] == '-') {
        (void)cli_fail_hint(c, ERR_INPUT, "proctor COMMAND [OPTION...]",
                            "the command comes first, not %.60s", word);
        return ERR_INPUT;
    }
    (void)cli_fail_hint(c, ERR_INPUT, "`proctor --help` lists the commands",
                        "no command \"%.60s\"%s%s%s", word,
                        near != NULL ? "; did you mean \"" : "",
                        near != NULL ? near : "", near != NULL ? "\"?" : "");
    return ERR_INPUT;
}

/* Shows a manual page; true when man found one. */
static int show_page(const char *page)
{
    pid_t child = fork();
    int status = 1;

    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (nowhere >= 0) {
            (void)dup2(nowhere, STDERR_FILENO);
        }
        (void)execlp("man", "man", page, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* `proctor help X`: the manual page when there is one, else the usage. */
static int help(struct cli *c, const char *topic)
{
    char page[64];
    char flag[] = "--help";
    char *usage[] = {NULL, flag, NULL};
    const struct cli_command *found = NULL;

    if (topic != NULL) {
        found = cli_command_find(topic);
        if (found == NULL) {
            return unknown_command(c, topic);
        }
    }
    (void)snprintf(page, sizeof(page), "proctor%s%s", found != NULL ? "-" : "",
                   found != NULL ? found->name : "");
    if (isatty(STDOUT_FILENO) && show_page(page)) {
        return 0;
    }
    if (found == NULL) {
        print_help(stdout);
        return 0;
    }
    c->command = found->name;
    usage[0] = page;
    return found->run(c, 2, usage);
}

/* The document for a failure that left none. */
static void emit_error(struct cli *c, int code)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_i64(&j, "code", code);
    json_str(&j, "error", err_name(code));
    json_i64(&j, "exit", err_exit_code(code));
    json_str(&j, "what", c->d.what[0] != '\0' ? c->d.what : err_text(code));
    json_str(&j, "hint", c->d.hint);
    if (c->d.at.path != NULL) {
        json_str(&j, "path", c->d.at.path);
        json_u64(&j, "line", c->d.at.line);
        json_u64(&j, "col", c->d.at.col);
    }
    json_close(&j);
    if (cli_emit(c, &j) < 0) {
        fputs("proctor: error: cannot write the JSON document\n", stderr);
    }
}

/* Tells the person about a code and gives the exit code. */
static int settle(struct cli *c, int code)
{
    if (code < 0 && !c->told) {
        fflush(stdout);
        c->d.code = code;
        if (code == ERR_SPACE && c->d.hint[0] == '\0') {
            diag_hint(&c->d, "free some space on the disk");
        }
        report_print(stderr, &c->d, term_has_colour(stderr), NULL);
        if (err_exit_code(code) == 4 && code != ERR_SPACE) {
            err_trace_print(STDERR_FILENO);
        }
    }
    if (code < 0 && c->json && !c->emitted) {
        emit_error(c, code);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("proctor: error: cannot write to standard output\n", stderr);
        return code < 0 ? err_exit_code(code) : err_exit_code(ERR_IO);
    }
    return code < 0 ? err_exit_code(code) : 0;
}

int cli_main(int argc, char **argv)
{
    struct cli c = {.command = ""};
    const struct cli_command *found;
    const char *word = argc > 1 ? argv[1] : "";

    diag_init(&c.d);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("proctor " PROCTOR_VERSION);
        return settle(&c, 0);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "-?") == 0) {
        print_help(stdout);
        return settle(&c, 0);
    }
    if (argc < 2) {
        print_help(stderr);
        return err_exit_code(ERR_INPUT);
    }
    if (strcmp(word, "help") == 0) {
        c.json = args_want_json(argc, argv);
        return settle(&c, help(&c, argc > 2 ? argv[2] : NULL));
    }
    found = cli_command_find(word);
    if (found == NULL) {
        c.json = args_want_json(argc, argv);
        return settle(&c, unknown_command(&c, word));
    }
    c.command = found->name;
    return settle(&c, found->run(&c, argc - 1, argv + 1));
}
