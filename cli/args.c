/* argp, wrapped: shared options, no exit. */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"

enum {
    KEY_USAGE = 0x1000,
    KEY_JSON,
    KEY_STORE
};

struct args_frame {
    struct cli *c;
    void *input;
    int helped;
};

static const struct argp_option SHARED[] = {
    {"store", KEY_STORE, "DIR", 0,
     "Store to use (else $PROCTOR_STORE, else the nearest .proctor upward)",
     -2},
    {"json", KEY_JSON, NULL, 0, "Print one JSON document on standard output",
     -2},
    {"help", '?', NULL, 0, "Print this help", -1},
    {"usage", KEY_USAGE, NULL, 0, "Print a short usage line", -1},
    {0}};

static error_t shared_parser(int key, char *arg, struct argp_state *state)
{
    struct args_frame *f = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        if (state->child_inputs != NULL) {
            state->child_inputs[0] = f->input;
        }
        return 0;
    case KEY_STORE:
        f->c->store = arg;
        return 0;
    case KEY_JSON:
        f->c->json = 1;
        return 0;
    case KEY_USAGE:
        argp_state_help(state, stdout, ARGP_HELP_USAGE);
        f->helped = 1;
        state->next = state->argc;
        return 0;
    case '?':
        argp_state_help(state, stdout,
                        ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
        f->helped = 1;
        state->next = state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int args_parse(struct cli *c, const struct argp *spec, int argc, char **argv,
               void *input)
{
    struct args_frame f = {c, input, 0};
    struct argp own = {.options = spec->options, .parser = spec->parser};
    struct argp_child children[] = {{&own, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    struct argp all = {.options = SHARED,
                       .parser = shared_parser,
                       .args_doc = spec->args_doc,
                       .doc = spec->doc,
                       .children = children};
    char name[64];
    char *first = argv[0];
    error_t rc;

    (void)snprintf(name, sizeof(name), "proctor %s", c->command);
    argv[0] = name;
    rc = argp_parse(&all, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &f);
    argv[0] = first;
    if (f.helped) {
        return ARGS_E_HELP;
    }
    if (rc != 0) {
        c->json |= args_want_json(argc, argv); /* it may stand further on */
    }
    if (rc != 0 && c->d.what[0] != '\0') {
        return c->d.code; /* a parser of ours said what is wrong */
    }
    if (rc != 0) {
        c->told = 1;
        return cli_fail(c, ERR_INPUT, "the command line was not understood");
    }
    return 0;
}

int args_want_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return 1;
        }
    }
    return 0;
}

int args_u64(const char *text, uint64_t *out)
{
    uint64_t v = 0;
    size_t i;

    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return ERR_INPUT;
    }
    for (i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' ||
            __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v)) {
            return ERR_INPUT;
        }
    }
    *out = v;
    return 0;
}
