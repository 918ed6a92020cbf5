/* proctor run: sends a graph and a policy to the kernel, shows what happens. */
#include "cli/args.h"
#include "cli/outcome.h"
#include "cli/place.h"
#include "cli/request.h"
#include "proto/err.h"

enum {
    KEY_POLICY = 0x2000,
    KEY_DRY_RUN,
    KEY_RESUME
};

static const struct argp_option OPTIONS[] = {
    {"policy", KEY_POLICY, "FILE", 0,
     "What is granted (else proctor-policy.yaml beside the graph or here)", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "Admit or refuse; run nothing, record nothing", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "Go on with the run that was stopped or crashed; takes no graph", 0},
    {0}};

struct run_args {
    struct cli *c;
    char *graph;
    char *policy;
    int dry_run;
    int resume;
    struct request request;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run_args *a = state->input;

    switch (key) {
    case KEY_POLICY:
        a->policy = arg;
        return 0;
    case KEY_DRY_RUN:
        a->dry_run = 1;
        return 0;
    case KEY_RESUME:
        a->resume = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (a->graph == NULL) {
            a->graph = arg;
            return 0;
        }
        return request_override(&a->request, arg, &a->c->d) == 0 ? 0 : EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "GRAPH [KEY=VALUE...]",
    "Runs the tasks of a graph under a policy and records everything in the "
    "store's ledger.\vKEY=VALUE changes the graph for this run; "
    "policy.KEY=VALUE changes the policy. Ctrl-C stops the run; what has "
    "passed is kept, and --resume goes on. See proctor-graph(5), "
    "proctor-policy(5).",
    NULL,
    NULL,
    NULL};

static int check_args(struct cli *c, const struct run_args *a)
{
    if (a->resume && (a->graph != NULL || a->dry_run)) {
        return cli_fail_hint(c, ERR_INPUT,
                             "the ledger names the graph, the policy and all "
                             "files of the run",
                             "--resume takes no graph and no --dry-run");
    }
    if (!a->resume && a->graph == NULL) {
        return cli_fail_hint(c, ERR_INPUT, "proctor run --help",
                             "which graph is to be run?");
    }
    return 0;
}

static int ask(struct run_args *a, const char *store)
{
    Proctor__RunMode mode = a->resume    ? PROCTOR__RUN_MODE__RUN_RESUME
                            : a->dry_run ? PROCTOR__RUN_MODE__RUN_DRY
                                         : PROCTOR__RUN_MODE__RUN_FULL;
    struct session s;
    int rc = session_open(&s, a->c, store);

    a->request.m.mode = mode;
    if (rc == 0) {
        const struct client_question q = {MSG_RUN_REQUEST, &a->request.m.base,
                                          a->request.fds, a->request.fds_n,
                                          MSG_RUN_DONE};

        rc = session_ask(&s, &q, a->request.dir_fd);
    }
    if (rc == 0) {
        session_end_kernel(&s);
        rc = outcome_report(&s, store,
                            a->dry_run ? OUTCOME_DRY_RUN : OUTCOME_RUN);
    }
    session_close(&s);
    return rc;
}

static int run(struct run_args *a)
{
    struct cli *c = a->c;
    struct place place;

    TRY(check_args(c, a));
    if (!a->resume) {
        TRY(request_graph(&a->request, a->graph, &c->d));
        TRY(request_policy(&a->request, a->policy, &c->d));
    }
    if (a->dry_run) {
        return ask(a, NULL); /* records nothing, so it needs no store */
    }
    TRY(a->resume ? place_open(c->store, &place, &c->d)
                  : place_make(c->store, &place, &c->d));
    return ask(a, place.path);
}

int cmd_run(struct cli *c, int argc, char **argv)
{
    struct run_args a = {.c = c};
    int rc;

    request_init(&a.request, PROCTOR__RUN_MODE__RUN_FULL);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0) {
        rc = run(&a);
    }
    request_release(&a.request);
    return rc;
}
