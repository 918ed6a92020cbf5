/* proctor show: one record with the objects that it names, or one object. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/id.h"
#include "cli/kinds.h"
#include "cli/place.h"
#include "cli/show.h"
#include "proto/err.h"

enum {
    KEY_RAW = 0x2000,
    KEY_AS
};

static const struct argp_option OPTIONS[] = {
    {"raw", KEY_RAW, NULL, 0, "Write the bytes themselves, to a file or a pipe",
     0},
    {"as", KEY_AS, "TYPE", 0,
     "Read an object as evidence, exam, runnable, confinement, counterexample, "
     "inputs, graph, policy, task or snapshot",
     0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct show_args *a = state->input;

    switch (key) {
    case KEY_RAW:
        a->raw = 1;
        return 0;
    case KEY_AS:
        a->as = kinds_type(arg);
        if (a->as == NULL) {
            argp_error(state, "--as: no type of object is called \"%.40s\"",
                       arg);
            return EINVAL;
        }
        return 0;
    case ARGP_KEY_ARG:
        if (a->id != NULL) {
            return ARGP_ERR_UNKNOWN;
        }
        a->id = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "ID",
    "Shows a record (by its number) with the objects that it stands on, or an "
    "object by its CID or the first 8 or more digits of it.",
    NULL,
    NULL,
    NULL};

static int find_and_show(struct show_args *a, const char *store)
{
    struct index *ix = NULL;
    struct id id;
    int rc;

    TRY(index_open(store, &ix, &a->c->d));
    rc = id_find(store, ix, a->id, &id, &a->c->d);
    if (rc == 0) {
        rc = id.is_record ? show_record(a, store, id.seq)
                          : show_object(a, store, ix, &id.cid);
    }
    return index_end(ix, rc, &a->c->d);
}

int cmd_show(struct cli *c, int argc, char **argv)
{
    struct show_args a = {.c = c};
    struct place place;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.id == NULL) {
        return cli_fail_hint(c, ERR_INPUT, "`proctor log` lists the records",
                             "what is to be shown?");
    }
    if (a.raw && (c->json || isatty(STDOUT_FILENO))) {
        return cli_fail_hint(c, ERR_INPUT,
                             "the bytes may steer a terminal: > FILE",
                             "--raw writes bytes, to a file or a pipe only");
    }
    TRY(place_open(c->store, &place, &c->d));
    return find_and_show(&a, place.path);
}
