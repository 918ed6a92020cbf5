/* proctor check: form, names and dependencies of a graph. No policy, no
 * store. */
#include "cli/args.h"
#include "cli/outcome.h"
#include "cli/request.h"
#include "proto/err.h"

struct check_args {
    struct cli *c;
    char *graph;
    struct request request;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct check_args *a = state->input;

    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (a->graph == NULL) {
        a->graph = arg;
        return 0;
    }
    return request_override(&a->request, arg, &a->c->d) == 0 ? 0 : EINVAL;
}

static const struct argp SPEC = {
    NULL,
    parse,
    "GRAPH [KEY=VALUE...]",
    "Checks a graph's form, names and dependencies. Needs no policy and no "
    "store; `proctor run --dry-run` also asks the policy.",
    NULL,
    NULL,
    NULL};

static int ask(struct check_args *a)
{
    struct session s;
    int rc = session_open(&s, a->c, NULL);

    if (rc == 0) {
        const struct client_question q = {MSG_RUN_REQUEST, &a->request.m.base,
                                          a->request.fds, a->request.fds_n,
                                          MSG_RUN_DONE};

        rc = session_ask(&s, &q, a->request.dir_fd);
    }
    if (rc == 0) {
        session_end_kernel(&s);
        rc = outcome_report(&s, NULL, OUTCOME_CHECK);
    }
    session_close(&s);
    return rc;
}

int cmd_check(struct cli *c, int argc, char **argv)
{
    struct check_args a = {.c = c};
    int rc;

    request_init(&a.request, PROCTOR__RUN_MODE__RUN_CHECK);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0 && a.graph == NULL) {
        rc = cli_fail_hint(c, ERR_INPUT, "proctor check --help",
                           "which graph is to be checked?");
    }
    if (rc == 0) {
        rc = request_graph(&a.request, a.graph, &c->d);
    }
    if (rc == 0) {
        rc = ask(&a);
    }
    request_release(&a.request);
    return rc;
}
